"""What a WebDAV server holds, and its files fetched to this disk; from there they are a tree like any other.

Its listings seldom carry contents, and the times in them may be those of uploads: what is not known to be here by its
content is fetched, and compared as what it is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from bisync import events
from bisync.app import App
from bisync.config import Sync, WebDav
from bisync.core import names
from bisync.core.migration import files
from bisync.files import private_dir
from bisync.migrate import trees
from bisync.migrate.pace import Pace
from bisync.migrate.trees import Holding, Ignored, Passed, Source, decided, walked
from bisync.rclone import webdav
from bisync.rclone.argv import fetch_argv, tree_argv
from bisync.rclone.diagnosis import troubled_files, webdav_failure
from bisync.rclone.output import Listed, parse_time, read_tree
from bisync.rclone.program import Rclone, name_list
from bisync.rclone.remote import Remote
from bisync.secret import resolve
from bisync.state.migration import Entry
from bisync.sync.hashing import file_md5


def reach(server: WebDav, env: Mapping[str, str]) -> Remote:
    """The server as a remote. Its secrets are resolved now. Raises SecretError."""
    if server.remote is not None:
        return webdav.by_name(server.remote)
    password = resolve(server.password, env) if server.password is not None else None
    token = resolve(server.token, env) if server.token is not None else None
    return webdav.by_address(server, password=password, token=token)


class Server:
    """A WebDAV server that is moved over from. `source.root` is where its files are fetched to."""

    def __init__(
        self, app: App, sync: Sync, source: Source, remote: Remote, tell: Callable[[events.Event], None]
    ) -> None:
        self._app = app
        self._sync = sync
        self._tell = tell
        self.source = source
        self.remote = remote

    @property
    def _rclone(self) -> Rclone:
        return self._app.rclone

    def look(self) -> Holding:
        """What it holds, through the ignore rules of the sync and its own. Its ignore files are fetched for that.

        Raises RcloneError, IgnoreError.
        """
        self._tell(events.Step(f"looking at {self.source.label}"))
        argv = tree_argv(self.remote.fs)
        outcome = self._rclone.run(argv, remote=self.remote)
        if outcome.code != 0:
            raise webdav_failure(outcome, self.remote)
        listed, folders = read_tree(outcome.stdout)
        found, passed = {}, []
        for one in listed:
            why = names.misfit(one.path)
            path = names.shown(one.path)
            if why is not None:
                passed.append(Passed(path, why, lost=True))
            else:
                found[path] = _entry(path, one)
        return self._through_rules(
            found, [names.from_rclone(one) for one in folders if not names.misfit(one)], passed
        )

    def _through_rules(
        self, listed: Mapping[str, Entry], folders: Iterable[str], passed: Iterable[Passed]
    ) -> Holding:
        wanted = self._app.manifest.ignore_files
        private_dir(self.source.root)
        # What lies here gives the rules.
        self._drop_stale(listed)
        self.fetch([one for one in listed.values() if one.path.rpartition("/")[2] in wanted])
        rules = walked(self._app, self._sync, self.source).rules
        below = self.source.below
        closed: dict[str, Ignored | None] = {}

        def shut(folder: str) -> Ignored | None:
            if folder not in closed:
                decision = rules.decide(below + folder, True)
                line = f"{decision.rule.place}: {decision.rule.text}" if decision.rule else ""
                closed[folder] = Ignored(f"{folder}/", line) if decision.ignored else None
            return closed[folder]

        kept, ignored = {}, dict[str, Ignored]()
        for path, one in listed.items():
            found = next(filter(None, map(shut, names.parents(path))), None) or decided(rules, below, path)
            if found is None:
                kept[path] = one
            else:
                ignored[found.path] = found
        left = [one for one in folders if not any(shut(each) for each in (*names.parents(one), one))]
        return Holding(
            files=kept,
            folders=tuple(sorted(left)),
            ignored=tuple(ignored[path] for path in sorted(ignored)),
            passed=tuple(sorted(passed)),
        )

    def fetch(self, wanted: Collection[Entry]) -> list[Passed]:
        """Bring these files to this disk, but for what lies there from before; what cannot be fetched, and why.

        Raises RcloneError where the trouble is that of the server, not of one file; what came until then is kept.
        """
        root = self.source.root
        missing = [one for one in wanted if not self._is_here(one)]
        if not missing:
            return []
        for one in missing:
            (root / one.path).unlink(missing_ok=True)
        private_dir(root)
        self._tell(events.Step(f"fetching {files(len(missing))} from {self.source.label}"))
        with name_list(names.to_rclone(one.path) for one in missing) as listed:
            argv = fetch_argv(self.remote.fs, root, listed, profile=self._sync.profile)
            outcome = self._rclone.run(argv, remote=self.remote, on_event=self._tell)
        troubles = {one.path: one.text for one in troubled_files(outcome, others_follow=True)}
        lost = []
        for one in missing:
            path = root / one.path
            if path.is_file() and path.lstat().st_size == one.size:
                os.utime(path, ns=(one.mtime_ns, one.mtime_ns))
                continue
            why = troubles.get(names.to_rclone(one.path))
            if why is None and outcome.code != 0:
                raise webdav_failure(outcome, self.remote)
            lost.append(Passed(one.path, why or "it is not what the server's listing says", lost=True))
        if outcome.code != 0 and len(lost) == len(missing):
            raise webdav_failure(outcome, self.remote)
        return lost

    def _is_here(self, one: Entry) -> bool:
        """Whether the file was fetched as the listing has it: its copy here has the listing's size and time."""
        try:
            status = (self.source.root / one.path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (status.st_size, status.st_mtime_ns) == (one.size, one.mtime_ns)

    def _drop_stale(self, listed: Mapping[str, Entry]) -> None:
        """Remove what was fetched before and is not on the server any more as it was."""
        for path, one in trees.here(self.source.root).files.items():
            if path not in listed or not self._is_here(listed[path]):
                (self.source.root / one.path).unlink()

    def read(self, holding: Holding, known: Mapping[str, Entry], pace: Pace) -> Holding:
        """The same with the contents of the files that lie on this disk by now."""
        found = dict(holding.files)
        for path, one in holding.files.items():
            before = known.get(path)
            if one.md5 is not None:
                continue
            if before is not None and before.md5 is not None and before.mark == one.mark:
                found[path] = one._replace(md5=before.md5)
            elif self._is_here(one):
                pace.expect(one.size, 1)
                found[path] = one._replace(md5=file_md5(self.source.root / path, pace.add, size=one.size))
                pace.done()
        return replace(holding, files=found)

    def forget(self) -> None:
        """What was fetched is not needed any more."""
        shutil.rmtree(self.source.root, ignore_errors=True)


def _entry(path: str, one: Listed) -> Entry:
    when = parse_time(one.modtime) or 0
    return Entry(path, max(one.size, 0), when, f"{one.size}-{one.modtime}-{one.md5}", one.md5)


def staged(folder: Path, server: WebDav) -> Source:
    """The server as a source whose files are fetched to `folder`."""
    label = server.remote if server.remote is not None else str(server.url)
    return Source(kind="webdav", label=label, root=folder, below=server.to)

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

from bisync import events, ignore
from bisync.app import App
from bisync.config import Sync, WebDav
from bisync.core import names
from bisync.core.metadata import METADATA_DIR
from bisync.files import private_dir
from bisync.migrate.pace import Pace
from bisync.migrate.trees import Holding, Ignored, Passed, Source, decided, look
from bisync.rclone import webdav
from bisync.rclone.argv import fetch_argv, tree_argv
from bisync.rclone.diagnosis import troubled_files, webdav_failure
from bisync.rclone.output import Listed, parse_time, read_tree
from bisync.rclone.program import Rclone, name_list
from bisync.rclone.remote import Remote
from bisync.secret import resolve
from bisync.state.migration import Entry, read_entries, write_entries
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
        files, passed = {}, []
        for one in listed:
            why = names.misfit(one.path)
            path = names.shown(one.path)
            if why is not None:
                passed.append(Passed(path, why, lost=True))
            else:
                files[path] = _entry(path, one)
        return self._through_rules(
            files, [names.from_rclone(one) for one in folders if not names.misfit(one)], passed
        )

    def _through_rules(
        self, files: Mapping[str, Entry], folders: Iterable[str], passed: Iterable[Passed]
    ) -> Holding:
        wanted = self._app.manifest.ignore_files
        self.fetch([one for one in files.values() if one.path.rpartition("/")[2] in wanted])
        private_dir(self.source.root)
        # What lies there gives the rules; of the files only their names matter, and those the server knows best.
        look(self._app, self._sync, self.source)
        layers = self._app.layers(self._sync)
        rules = ignore.walk(self.source.root, layers, wanted, below=self.source.below).rules
        below = self.source.below
        closed: dict[str, Ignored | None] = {}

        def shut(folder: str) -> Ignored | None:
            if folder not in closed:
                decision = rules.decide(below + folder, True)
                line = f"{decision.rule.place}: {decision.rule.text}" if decision.rule else ""
                closed[folder] = Ignored(f"{folder}/", line) if decision.ignored else None
            return closed[folder]

        kept, ignored = {}, dict[str, Ignored]()
        for path, one in files.items():
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
        """Bring these files to this disk, but for what lies there as the server has it; what cannot be fetched.

        Raises RcloneError where none can.
        """
        root = self.source.root
        fetched = self._fetched()
        missing = [one for one in wanted if not self._is_here(one, fetched)]
        if not missing:
            return []
        for one in missing:
            (root / one.path).unlink(missing_ok=True)
        private_dir(root)
        # Written down first: what has its name there after a kill is whole, and is this version.
        write_entries(self._notes, (fetched | {one.path: one for one in missing}).values())
        total = sum(one.size for one in missing)
        self._tell(events.Step(f"fetching {len(missing)} file(s) from {self.source.label}"))
        with name_list(names.to_rclone(one.path) for one in missing) as listed:
            argv = fetch_argv(self.remote.fs, root, listed, profile=self._sync.profile)
            outcome = self._rclone.run(argv, remote=self.remote, on_event=self._tell)
        troubles = {one.path: one.text for one in troubled_files(outcome, others_follow=True)}
        lost = []
        for one in missing:
            path = root / one.path
            if path.is_file() and path.lstat().st_size == one.size:
                os.utime(path, ns=(one.mtime_ns, one.mtime_ns))
            else:
                why = troubles.get(names.to_rclone(one.path), "could not be fetched")
                lost.append(Passed(one.path, why, lost=True))
        if outcome.code != 0 and len(lost) == len(missing) and total >= 0:
            raise webdav_failure(outcome, self.remote)
        return lost

    @property
    def _notes(self) -> Path:
        return self.source.root / METADATA_DIR / "fetched.jsonl"

    def _fetched(self) -> dict[str, Entry]:
        """As which version each file lies on this disk."""
        return {one.path: one for one in read_entries(self._notes)}

    def _is_here(self, one: Entry, fetched: Mapping[str, Entry]) -> bool:
        before = fetched.get(one.path)
        path = self.source.root / one.path
        try:
            there = path.lstat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return False
        return before is not None and before.mark == one.mark and there == one.size

    def read(self, holding: Holding, known: Mapping[str, Entry], pace: Pace) -> Holding:
        """The same with the contents of the files that lie on this disk by now."""
        files = dict(holding.files)
        fetched = self._fetched()
        for path, one in holding.files.items():
            before = known.get(path)
            if one.md5 is not None:
                continue
            if before is not None and before.md5 is not None and before.mark == one.mark:
                files[path] = one._replace(md5=before.md5)
            elif self._is_here(one, fetched):
                pace.expect(one.size, 1)
                files[path] = one._replace(md5=file_md5(self.source.root / path, pace.add, size=one.size))
                pace.done()
        return replace(holding, files=files)

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

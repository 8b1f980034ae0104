"""One run being taken back by another: what it did, what is left of that, and the half of it that is done here.

What takes it back is an edit like any other once it is made in the sync dir. So the plan is made for the sync dir as
it will be, is judged as any plan, and only then the old versions get their places here; what follows is a run that is
about these paths alone. Killed in between, it leaves edits that the next run carries on, or that are undone further.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bisync.app import Session
from bisync.core import names
from bisync.core.change import Action, Change
from bisync.core.deeds import Decision, Deed, Kind, Version, holds, with_deeds
from bisync.core.did import Did, has_changed, names_all, told
from bisync.core.metadata import CLOUD_TRASH
from bisync.core.result import Outcome, SyncResult, Tally
from bisync.core.snapshot import Baseline, LeftOut
from bisync.core.undo import Present, Since, decide
from bisync.core.waiting import names_rules
from bisync.files import private_dir
from bisync.rclone.argv import list_argv
from bisync.rclone.diagnosis import failure
from bisync.rclone.output import parse_time, read_listing
from bisync.state import changes, runs
from bisync.state.paths import SyncState
from bisync.sync import hashing, recover, steps, swap, trash
from bisync.sync.observe import Observation
from bisync.sync.prepare import Aim, Prepared, naming
from bisync.sync.trash import Kept

NOT_THE_SAME = "what came from the trash is not the version from before that run"
TOO_LATE = "it was changed just now"

Kepts = Mapping[str, Sequence[Version]]


@dataclass(slots=True)
class Undoing:
    """`run` being taken back: what it `did`, what came `since`, and how far it has come.

    `decision`: what is to be done, by the last look. `failed`: what could not be done here, and why. `tally`: what was.
    """

    run: str
    did: Sequence[Did]
    since: Since
    decision: Decision = field(default_factory=Decision)
    failed: tuple[LeftOut, ...] = ()
    tally: Tally = field(default_factory=Tally)
    _kept: Kepts | None = None
    _seen: Observation | None = None
    _done: frozenset[str] | None = None

    def aim(self, session: Session, known: Baseline, seen: Observation) -> Aim:
        """The sync dir as it will be, and the paths that the run is about; as it is, once that is done.

        Lists the trashes of the run, the first time. Raises RcloneError, OSError.
        """
        if self._done is not None:
            return Aim(seen, self._done.__contains__, self.run)
        if self._kept is None:
            self._kept = _kept(session, self.run, self.did)
        rules = frozenset(session.app.manifest.ignore_files)
        present = Present(
            baseline=known.files,
            local=seen.local,
            cloud=seen.cloud,
            compare=known.compare,
            is_ignored=seen.is_ignored,
            is_rules=lambda path: names_rules(path, rules),
            naming=naming(session, seen),
        )
        self._seen, self.decision = seen, decide(self.run, self.did, present, self._kept, self.since)
        aimed = replace(seen, local=with_deeds(seen.local, self.decision.deeds))
        return Aim(aimed, self.decision.paths.__contains__, self.run)

    def change_here(
        self, session: Session, prepared: Prepared, run: str, *, again: Callable[[], Prepared]
    ) -> tuple[Prepared, frozenset[str]]:
        """Make the sync dir what the plan was made for, as a part of `run`; the plan from there, and which paths it is.

        `again` plans anew. Whatever it finds beside what was planned waits for another run. Under the lease.
        Raises BisyncError, OSError; what was done until then is an edit like any other.
        """
        if not self.decision.deeds:
            return prepared, frozenset()
        runs.open_journal(session.state, run, prepared.plan.mode.value)
        try:
            self._done = frozenset(self._carried_out(session, prepared, run))
        except BaseException:
            recover.undo(session, run)
            raise
        finally:
            runs.close_journal(session.state)
        planned = {(change.action, change.paths) for change in prepared.plan.changes}
        found = again()
        strange = [one for one in found.plan.changes if (one.action, one.paths) not in planned]
        if strange:
            self._done -= {path for change in strange for path in change.paths}
            found = again()
        return found, self._done

    def ended(self, result: SyncResult, done: Tally) -> SyncResult:
        """The result of the run, which says what it took back, and what could not be. `done`: what it did.

        What came back here was brought here, as far as counts, hooks and the history go.
        """
        done.downloaded |= self.tally.downloaded
        done.deleted_local |= self.tally.deleted_local
        done.renamed |= self.tally.renamed
        result = replace(result, undoes=self.run)
        if result.outcome is Outcome.DONE:
            counts = len(done.downloaded), len(done.deleted_local), len(done.renamed)
            result = replace(result, downloaded=counts[0], deleted_local=counts[1], renamed=counts[2])
        if self.failed:
            left_out = tuple(sorted({*result.left_out, *self.failed}))
            result = replace(result, left_out=left_out, exit_code=result.exit_code or 1)
        return result

    def _carried_out(self, session: Session, prepared: Prepared, run: str) -> Iterator[str]:
        """Carry out the deeds; the paths (keys) of those that came about."""
        from bisync.sync.apply import Execution

        assert self._seen is not None
        swap.check_writable(session.sync.dir)
        wanted = [deed for deed in self.decision.deeds if deed.kind is not Kind.FOLLOW]
        plan = replace(prepared.plan, changes=tuple(map(_here, wanted)), left_out=())
        done = Execution(session, replace(prepared, seen=self._seen, plan=plan), run, self.tally)
        coming = [deed for deed in wanted if deed.version is not None]
        wrong = set(self._staged(session, done.area, coming))
        taken = [deed for deed in sorted(wanted, key=_order) if deed.path not in wrong]
        done.change_here(map(_step, taken))
        failed = {names.key(one.path): one for one in done.failed}
        failed |= {path: LeftOut(path, NOT_THE_SAME) for path in wrong}
        for path in done.skipped:
            failed.setdefault(path, LeftOut(path, TOO_LATE))
        self.failed = tuple(sorted(failed.values()))
        for deed in self.decision.deeds:
            if failed.keys().isdisjoint(deed.paths):
                yield from deed.paths

    def _staged(self, session: Session, area: swap.Area, coming: Sequence[Deed]) -> Iterator[str]:
        """Have what comes back lie in the staging folder under its name; the paths of what is not what it should be."""
        if not coming:
            return
        private_dir(area.staging)
        fetched = area.staging.with_name(f"{area.run}.fetched")
        private_dir(fetched)
        kept = [
            Kept(run=self.run, side=version.side, path=version.name, size=version.size)
            for deed in coming
            if (version := deed.version) is not None
        ]
        for side in ("local", "cloud"):  # either may have a version of one name
            private_dir(fetched / side)
            trash.fetch(session, [one for one in kept if one.side == side], fetched / side)
        for deed, one in zip(coming, kept, strict=True):
            staged = area.staging / deed.name
            private_dir(staged.parent)
            (fetched / one.side / one.path).rename(staged)
            if not _is_right(staged, deed):
                staged.unlink()
                yield deed.path
        shutil.rmtree(fetched)


def begin(state: SyncState, entry: Mapping[str, Any], run: str) -> Undoing:
    """The `run` of a line of the history, about to be taken back, by what was written down of it and of later ones."""
    return Undoing(run, told(entry, changes.load(state, run) or ()), _since(state, run))


def _since(state: SyncState, run: str) -> Since:
    later: dict[str, str] = {}
    all_named = True
    for entry in runs.latest_history(state):
        if run in (entry.get("run"), entry.get("first_run")):
            break
        noted = changes.load(state, str(entry.get("run"))) if has_changed(entry) else None
        all_named = all_named and (noted is not None or names_all(entry))
        for did in told(entry, noted or ()):
            for path in did.paths:
                later.setdefault(path, str(entry.get("run")))
    return Since(runs=later, all_named=all_named)


# -- what the trashes have --------------------------------------------------------------------------------


def _kept(session: Session, run: str, did: Sequence[Did]) -> Kepts:
    """The versions that the run's trashes keep of what it did, by path (a key). One listing, where it needs one."""
    wanted = {one.path: one for one in did if one.to is None and (one.before is not None or not one.known)}
    found: dict[str, list[Version]] = {}
    merged = frozenset(path for path, one in wanted.items() if one.what == Action.MERGE)
    for path, version in _kept_here(session.state.trash / Path(run).name, wanted.keys(), merged):
        found.setdefault(path, []).append(version)
    missing = [
        one
        for path, one in wanted.items()
        if path in merged or not any(holds(kept, one.before) for kept in found.get(path, ()))
    ]
    if missing and session.remote.keeps_versions:
        for path, version in _kept_there(session, run):
            if path in wanted:
                found.setdefault(path, []).append(version)
    return found


def _kept_here(folder: Path, wanted: Set[str], merged: Set[str]) -> Iterator[tuple[str, Version]]:
    """What of that lies in the trash of the run here; it is read. What cannot be read is as good as none.

    `merged`: of these the cloud's version may lie beside the one that was here.
    """
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        key = names.key(names.to_rclone(name))
        if key not in wanted and (original := key.removesuffix("~")) in merged:
            key = original
        if key in wanted:
            with suppress(OSError):
                size, stamp = swap.stamp_of(path)
                if path.is_file() and not path.is_symlink():
                    yield key, Version("local", name, size, hashing.file_md5(path), stamp.mtime_ns)


def _kept_there(session: Session, run: str) -> Iterator[tuple[str, Version]]:
    remote = replace(session.remote, fs=session.remote.below(f"{CLOUD_TRASH}/{run}") + "/")
    argv = list_argv(remote, compare=session.compare)
    outcome = session.rclone.run(argv, remote=session.remote)
    if outcome.code == 3:  # no such folder: it kept nothing there
        return
    if outcome.code != 0:
        raise failure(argv, outcome, session.remote)
    for each in read_listing(outcome.stdout):
        if names.misfit(each.path) is None:
            name = names.from_rclone(each.path)
            version = Version("cloud", name, each.size, each.md5, parse_time(each.modtime))
            yield names.key(each.path), version


def _is_right(staged: Path, deed: Deed) -> bool:
    """Whether what was fetched is what was there before the run, as far as anybody knows what that was."""
    before, version = deed.before, deed.version
    size = before.size if before is not None else version.size if version is not None else None
    md5 = (before.md5 if before is not None else None) or (version.md5 if version is not None else None)
    return staged.stat().st_size == size and md5 in (None, hashing.file_md5(staged))


# -- as steps ---------------------------------------------------------------------------------------------


def _order(deed: Deed) -> tuple[int, str]:
    """What goes makes room for what comes."""
    return (Kind.TAKE_AWAY, Kind.RENAME_BACK, Kind.BRING_BACK).index(deed.kind), deed.path


def _here(deed: Deed) -> Change:
    """What a deed is to the sync dir: as if it came from the cloud."""
    if deed.kind is Kind.TAKE_AWAY:
        return Change(Action.DELETE_LOCAL, deed.path, deed.size, "taken back", replaces=True)
    if deed.kind is Kind.RENAME_BACK:
        return Change(Action.RENAME, deed.path, deed.size, "taken back", side="cloud", to=deed.to)
    return Change(Action.DOWNLOAD, deed.path, deed.size, "taken back", replaces=deed.replaces)


def _step(deed: Deed) -> steps.Step:
    change = _here(deed)
    if deed.kind is Kind.TAKE_AWAY:
        return steps.DeleteHere(change, deed.name)
    if deed.to_name is not None:
        return steps.MoveHere(change, deed.name, deed.to_name)
    return steps.PutIn(change, deed.name, deed.name, folder=False)

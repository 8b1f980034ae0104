"""Ignore rules that come from the cloud are here before anything that they may be about moves.

What they hid here until then waits for its user's word (`core.waiting`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from bisync import ignore
from bisync.app import Session
from bisync.core import names
from bisync.core.change import Action, Change
from bisync.core.counting import counted
from bisync.core.metadata import MARKER_PATH
from bisync.core.result import Tally
from bisync.core.snapshot import BaseFile, LocalFile, Stamp
from bisync.core.waiting import comes_from_cloud, rules_among, rules_in_cloud, waiting
from bisync.state import aside, baseline, held, runs
from bisync.sync import observe, recover
from bisync.sync.prepare import Prepared
from bisync.sync.rules_there import without_rules

if TYPE_CHECKING:
    from bisync.sync.plan_file import Expected

# Ignore files may arrive in folders that other ignore files that arrive uncover; this is enough of that.
ROUNDS = 5


def obey(
    session: Session,
    prepared: Prepared,
    run: str,
    tally: Tally,
    *,
    again: Callable[[], Prepared],
    expected: Expected | None,
) -> tuple[Prepared, tuple[str, ...]]:
    """Bring the ignore files of a plan here, and plan the rest by them; the plan that is left, and their paths.

    `again` plans anew. A plan that a guard refuses is left as it is; it is made with these rules in mind as well.
    Raises GuardRefused when the rest is not as `expected`, BisyncError when they cannot be brought: nothing else may
    go its way then.
    """
    from bisync.core import guard

    if prepared.broken:
        aside.add(session.state.aside, [one.md5 for one in prepared.broken])
    arrived: set[str] = set()
    for _ in range(ROUNDS):
        rules = _arriving(session, prepared)
        if not rules or guard.refusals(prepared.verdicts):
            return prepared, tuple(sorted(arrived))
        _fetch(session, prepared, rules, run, tally)
        arrived |= {path for change in rules for path in change.paths}
        prepared = again()
        if expected is not None:
            expected.check_rest(session, prepared, arrived)
    raise without_rules(change.path for change in _arriving(session, prepared))


def _arriving(session: Session, prepared: Prepared) -> tuple[Change, ...]:
    """What a plan brings here of ignore files and what contests them. (A conflict is settled by the run itself.)"""
    found = rules_in_cloud(prepared.plan.changes, session.app.manifest.ignore_files)
    return tuple(change for change in found.values() if change.action in (Action.DOWNLOAD, Action.RENAME))


def _fetch(session: Session, prepared: Prepared, rules: tuple[Change, ...], run: str, tally: Tally) -> None:
    from bisync.sync.apply import Execution

    first = replace(prepared, plan=replace(prepared.plan, changes=rules))
    remember(session, first)
    coming = arriving_rows(first)
    runs.open_journal(session.state, run, prepared.plan.mode.value, coming)
    try:
        Execution(session, first, run, tally).fetch_only()
        # They are here from now on, whatever becomes of the rest of the run.
        baseline.expect(session.state.baseline, coming)
    except BaseException:
        recover.undo(session, run)
        raise
    finally:
        runs.close_journal(session.state)


def remember(session: Session, prepared: Prepared) -> None:
    """Before a plan's changes from the cloud to ignore files: note what the rules say, and what they hide by that."""
    found = rules_among(prepared.plan.changes, session.app.manifest.ignore_files)
    if any(comes_from_cloud(change) for change in found):
        held.save(session.state.held, held.replacing(prepared.seen.held, prepared.seen.rules.rows()))


def settle(session: Session, files: Mapping[str, BaseFile]) -> str | None:
    """After a run that changed ignore rules: what they hid until then waits. A note of it. `files`: the new baseline's.

    From here on a change of the rules is its user's own word. (After a run that did not come as far, the next one
    looks.)
    """
    kept = held.load(session.state.held)
    if not kept.before:
        return None
    tree = session.app.walk(session.sync)
    here = {
        names.key(names.to_rclone(one.path)): LocalFile(
            one.path, one.size, Stamp(one.mtime_ns, one.ctime_ns, one.inode), None
        )
        for one in tree.entries
        if one.kind is ignore.Kind.FILE and one.path != MARKER_PATH
    }
    still = waiting(here, files, kept.waiting, observe.were_ignored(kept))
    held.save(session.state.held, held.Held(waiting=still))
    if not still:
        return None
    wait = (
        "was ignored until now and waits; if it"
        if len(still) == 1
        else "were ignored until now and wait; if they"
    )
    return (
        f"{counted(len(still), 'file')} here {wait} may go to the cloud, type: "
        f"bisync sync --only {session.sync.name} --reveal"
    )


def arriving_rows(prepared: Prepared) -> dict[str, object]:
    """What a plan brings where, for the journal; without a baseline everything meets for the first time."""
    from bisync.core import arriving

    if prepared.baseline is None:
        return {}
    seen = prepared.seen
    coming = arriving.arriving(prepared.plan.changes, seen.local, seen.cloud, prepared.compare)
    return baseline.arriving_rows(coming)

"""What stops a plan, as tables: each guard with its limit, its words and the command it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import pytest

from bisync.config import Compare
from bisync.core.change import Action, Change
from bisync.core.guard import Verdict, judge, refusals
from bisync.core.plan import Mode, Plan
from bisync.core.snapshot import BaseFile, Baseline, CloudSnapshot, LocalSnapshot

pytestmark = pytest.mark.pure

HERE = LocalSnapshot({}, (), 7, True)
THERE = CloudSnapshot({}, (), True)
GUARDS = ("marker_local", "marker_cloud", "device", "max_delete", "hidden", "max_new", "all_changed")


@cache
def knowing(count: int, *, device: int = 7) -> Baseline:
    """A baseline of so many files."""
    files = {f"n{number}.md": BaseFile(1, "0" * 32, None, None, None) for number in range(count)}
    return Baseline(files=files, compare=Compare.CHECKSUM, profile="balanced", filters="", device=device,
                    run="", listings="")  # fmt: skip


def coming(number: int) -> Change:
    return Change(Action.DOWNLOAD, f"planted/{number}.md", 1, "new in the cloud")


def planning(
    *,
    deletions: int = 0,
    edited: int = 0,
    changes: Iterable[Change] = (),
    mode: Mode = Mode.SYNC,
) -> Plan:
    return Plan(mode=mode, changes=tuple(changes), deletions=deletions, edited=edited)


def verdicts(
    plan: Plan,
    *,
    baseline: Baseline | None,
    local: LocalSnapshot = HERE,
    cloud: CloudSnapshot = THERE,
    max_delete: int | None = 25,
    hidden: int = 0,
    max_new: int | None = None,
) -> Mapping[str, Verdict]:
    """Every guard's verdict on a plan of the sync `notes`."""
    found = judge(
        plan, baseline=baseline, local=local, cloud=cloud,
        max_delete=max_delete, max_new=max_new, name="notes", hidden=hidden,
    )  # fmt: skip
    return {verdict.guard: verdict for verdict in found}


@pytest.mark.parametrize("mode", [Mode.SYNC, Mode.REBASELINE, Mode.IDLE])
def test_every_guard_speaks_in_a_fixed_order(mode: Mode) -> None:
    found = verdicts(planning(mode=mode), baseline=knowing(12))

    assert tuple(found) == GUARDS
    assert all(one.passed and not one.planned and not one.message and not one.hint for one in found.values())
    assert refusals(tuple(found.values())) == ()


def test_a_first_meeting_has_nothing_to_guard() -> None:
    worst = planning(deletions=99, edited=99)
    nothing = LocalSnapshot({}, (), 8, False)

    assert verdicts(worst, baseline=None, local=nothing) == {}
    anew = planning(deletions=99, edited=99, mode=Mode.BASELINE)
    assert verdicts(anew, baseline=knowing(12), local=nothing) == {}


def test_all_refusals_are_said_at_once_and_in_order() -> None:
    found = verdicts(
        planning(deletions=26, edited=12, changes=[coming(0)]),
        max_new=0,
        baseline=knowing(12, device=8),
        local=HERE._replace(marker=False),
        cloud=THERE._replace(marker=False),
        hidden=26,
    )

    assert tuple(one.guard for one in refusals(tuple(found.values()))) == GUARDS
    assert all(one.message and one.hint for one in found.values())


def test_only_what_did_not_pass_is_a_refusal() -> None:
    found = verdicts(planning(deletions=26), baseline=knowing(50))

    assert refusals(tuple(found.values())) == (found["max_delete"],)


@pytest.mark.parametrize(
    ("limit", "deletions", "passed"),
    [
        (25, 0, True),
        (25, 24, True),
        (25, 25, True),
        (25, 26, False),
        (0, 0, True),
        (0, 1, False),
        (1, 1, True),
        (1, 2, False),
        (None, 0, True),
        (None, 1_000_000, True),
    ],
)
def test_deletions_are_files_whatever_the_tree_holds(limit: int | None, deletions: int, passed: bool) -> None:
    for known in (30, 30_000):
        found = verdicts(planning(deletions=deletions), baseline=knowing(known), max_delete=limit)
        verdict = found["max_delete"]
        assert (verdict.passed, verdict.limit, verdict.planned) == (passed, limit, deletions)


def test_too_many_deletions_name_the_limit_and_both_commands() -> None:
    verdict = verdicts(planning(deletions=26), baseline=knowing(50))["max_delete"]

    assert verdict.message == "Deletion exceeds safety limit (26 > 25)"
    assert "bisync plan --only notes" in verdict.hint
    assert verdict.hint.endswith("bisync sync --only notes --max-delete 26")


@pytest.mark.parametrize(
    ("limit", "new", "passed"),
    [(2, 0, True), (2, 2, True), (2, 3, False), (0, 0, True), (0, 1, False), (None, 30_000, True)],
)
def test_new_files_from_the_cloud_are_counted_alone(limit: int | None, new: int, passed: bool) -> None:
    """Not what replaces a file here, nor what goes up, is renamed or deleted."""
    others = [
        coming(new)._replace(replaces=True),
        Change(Action.UPLOAD, "up.md", 1, "new here"),
        Change(Action.DELETE_LOCAL, "gone.md", 1, "deleted in the cloud"),
        Change(Action.RENAME, "old.md", 1, "renamed in the cloud", side="cloud", to="new.md"),
        Change(Action.CONFLICT, "both.md", 1, "new on both sides", winner="cloud"),
    ]
    plan = planning(changes=[*map(coming, range(new)), *others])

    verdict = verdicts(plan, baseline=knowing(3), max_new=limit)["max_new"]

    assert (verdict.passed, verdict.limit, verdict.planned) == (passed, limit, new)
    assert verdicts(plan, baseline=None, max_new=limit) == {}  # a new device takes everything


def test_too_many_new_files_name_the_limit_and_both_commands() -> None:
    plan = planning(changes=map(coming, range(3)))

    verdict = verdicts(plan, baseline=knowing(3), max_new=2)["max_new"]

    assert verdict.message == "New files from the cloud exceed safety limit (3 > 2)"
    assert "bisync plan --only notes" in verdict.hint
    assert verdict.hint.endswith("bisync sync --only notes --force")


@pytest.mark.parametrize(
    ("guard", "local", "cloud", "where", "lost"),
    [
        ("marker_local", False, True, "the sync dir", "an unmounted disk"),
        ("marker_cloud", True, False, "the cloud", "a wiped or wrong bucket"),
    ],
)
def test_a_missing_marker_is_a_lost_side(guard: str, local: bool, cloud: bool, where: str, lost: str) -> None:
    found = verdicts(
        planning(),
        baseline=knowing(3),
        local=HERE._replace(marker=local),
        cloud=THERE._replace(marker=cloud),
    )

    assert refusals(tuple(found.values())) == (found[guard],)
    assert found[guard] == Verdict(
        guard=guard,
        limit=None,
        planned=1,
        passed=False,
        message=f"the marker .basic-memory/.bisync-marker is missing in {where}: it looks like {lost}",
        hint=f"bring {where} back, or start anew from what both sides hold: "
        "bisync sync --only notes --resync",
    )


@pytest.mark.parametrize(
    ("before", "now", "passed"),
    [(7, 7, True), (7, 8, False), (8, 7, False), (0, 7, True), (0, 0, True), (7, 0, False)],
)
def test_another_disk_is_refused_where_the_last_one_is_known(before: int, now: int, passed: bool) -> None:
    found = verdicts(
        planning(), baseline=knowing(3, device=before), local=HERE._replace(device=now)
    )["device"]  # fmt: skip

    assert (found.passed, found.planned, found.limit) == (passed, int(not passed), None)
    disk = "the sync dir lies on another disk than at the last run: is the right one mounted?"
    assert found.message == ("" if passed else disk)
    assert found.hint.endswith("bisync sync --only notes --force") is not passed


@pytest.mark.parametrize(
    ("known", "edited", "passed"),
    [
        (0, 0, True),
        (1, 1, True),
        (9, 9, True),
        (10, 9, True),
        (10, 10, False),
        (11, 10, True),
        (11, 11, False),
        (5000, 4999, True),
        (5000, 5000, False),
    ],
)
def test_every_file_changed_at_once_is_refused_in_trees_of_ten_and_more(
    known: int, edited: int, passed: bool
) -> None:
    found = verdicts(planning(edited=edited), baseline=knowing(known))["all_changed"]

    assert (found.passed, found.planned, found.limit) == (passed, edited, None)
    all_ = f"every file changed at once ({edited} of {known}): is this the right folder?"
    assert found.message == ("" if passed else all_)
    assert ("bisync plan --only notes" in found.hint) is not passed
    assert found.hint.endswith("bisync sync --only notes --force") is not passed


# -- bisync's own limit -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hidden", "limit", "passed"), [(0, 0, True), (25, 25, True), (26, 25, False), (9999, None, True)]
)
def test_rules_in_the_cloud_hide_no_more_files_than_a_run_may_delete(
    hidden: int, limit: int | None, passed: bool
) -> None:
    plan, known = planning(), knowing(12)
    one = verdicts(plan, baseline=known, max_delete=limit, hidden=hidden)["hidden"]
    assert (one.passed, one.planned, one.limit) == (passed, hidden, limit)
    if not passed:
        assert "would hide 26 files that are synced (26 > 25)" in one.message
        assert one.hint.endswith("bisync sync --only notes --max-delete 26")


def test_whoever_takes_a_run_back_is_told_what_to_type_for_that() -> None:
    found = judge(
        planning(deletions=26, edited=12), baseline=knowing(12, device=3), local=HERE._replace(marker=False),
        cloud=THERE, max_delete=25, max_new=0, name="notes", undoes="a run",
    )  # fmt: skip
    hints = {one.guard: one.hint for one in refusals(found)}

    undo = "bisync undo 'a run' --only notes"
    look = f"look at it: {undo} --dry-run; then, if you mean it: {undo}"
    assert "bisync sync --only notes --resync" in hints.pop("marker_local")
    assert hints == {
        "device": f"{look} --force",
        "max_delete": f"{look} --max-delete 26",
        "all_changed": f"{look} --force",
    }

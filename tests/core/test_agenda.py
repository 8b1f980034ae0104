"""When a watched sync runs next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisync.core import agenda as machine
from bisync.core.agenda import (
    BACKOFF_SECONDS,
    BUSY_SECONDS,
    EAGER_SECONDS,
    PATIENCE_SECONDS,
    QUIET_SECONDS,
    WRITTEN_SECONDS,
    Agenda,
    Due,
    Reason,
)

pytestmark = pytest.mark.pure


def rested(now: float = 100.0) -> Agenda:
    """It looked at `now`, and nothing has happened since."""
    return machine.ended(begun(Agenda(60.0), now), now, failed=False, chance=0.0)


def begun(agenda: Agenda, now: float) -> Agenda:
    due = machine.due(agenda, now)
    assert due is not None
    return machine.begun(agenda, due)


def failing(agenda: Agenda, now: float, chance: float = 1.0) -> Agenda:
    return machine.ended(begun(agenda, now), now, failed=True, chance=chance)


class TestDue:
    def test_the_first_look_is_at_once(self) -> None:
        assert machine.due(Agenda(60.0), 5.0) == Due(5.0, Reason.START)

    def test_then_one_comes_an_interval_after_the_last_ended(self) -> None:
        assert machine.due(rested(100.0), 101.0) == Due(160.0, Reason.INTERVAL)

    def test_none_is_due_while_one_runs(self) -> None:
        assert machine.due(begun(Agenda(60.0), 0.0), 1e9) is None

    def test_who_was_asleep_makes_up_for_one_look_and_no_more(self) -> None:
        slept = rested(100.0)
        late = machine.due(slept, 100_000.0)
        assert late is not None and late.at <= 100_000.0
        woken = machine.ended(begun(slept, 100_000.0), 100_001.0, failed=False, chance=0.0)
        assert machine.due(woken, 100_001.0) == Due(100_061.0, Reason.INTERVAL)

    def test_a_fellow_in_the_cloud_is_looked_at_at_once(self) -> None:
        assert machine.due(machine.noticed(rested()), 110.0) == Due(110.0, Reason.FELLOW)

    def test_a_changed_configuration_makes_all_look_at_once(self) -> None:
        fresh = machine.changed(rested(), 30.0)
        assert machine.due(fresh, 110.0) == Due(110.0, Reason.START)
        assert fresh.interval == 30.0

    def test_behind_another_run_it_tries_again_in_a_moment(self) -> None:
        waits = machine.postponed(begun(rested(), 160.0), 160.0)
        assert machine.due(waits, 160.0) == Due(160.0 + BUSY_SECONDS, Reason.INTERVAL)
        assert waits.failures == 0
        failed = machine.postponed(begun(failing(rested(), 160.0), 220.0), 220.0)
        assert machine.due(failed, 220.0) == Due(220.0 + BUSY_SECONDS, Reason.AGAIN)


class TestEdits:
    def test_an_edit_runs_once_the_file_is_quiet(self) -> None:
        due = machine.due(machine.edited(rested(), ["a.md"], 110.0), 110.0)
        assert due == Due(110.0 + QUIET_SECONDS, Reason.EDITED, frozenset())

    def test_a_burst_of_saves_is_one_run(self) -> None:
        agenda = rested()
        for number in range(10):
            agenda = machine.edited(agenda, ["a.md"], 110.0 + number / 10)
        due = machine.due(agenda, 111.0)
        assert due is not None and due.at == 110.9 + QUIET_SECONDS
        assert machine.due(
            machine.ended(begun(agenda, due.at), 112.0, failed=False, chance=0.0), 112.0
        ) == Due(172.0, Reason.INTERVAL)

    def test_a_file_that_is_quiet_waits_for_the_others_no_longer_than_that(self) -> None:
        agenda = machine.edited(rested(), ["quiet.md", "busy.log"], 110.0)
        for number in range(40):
            agenda = machine.edited(agenda, ["busy.log"], 110.0 + number / 10)
        due = machine.due(agenda, 113.9)
        assert due is not None
        assert due.at == 110.0 + QUIET_SECONDS + PATIENCE_SECONDS
        assert due.unsettled == {"busy.log"}

    def test_what_is_still_being_written_is_due_later(self) -> None:
        agenda = machine.edited(rested(), ["busy.log"], 110.0)
        agenda = machine.edited(agenda, ["quiet.md", "busy.log"], 113.0)
        agenda = machine.edited(agenda, ["busy.log"], 115.4)
        after = machine.ended(begun(agenda, 115.5), 116.0, failed=False, chance=0.0)
        assert set(after.edits) == {"busy.log"}
        assert machine.due(after, 116.0) == Due(115.4 + QUIET_SECONDS, Reason.EDITED)

    def test_a_file_that_is_never_quiet_goes_after_a_while(self) -> None:
        agenda, now = rested(), 110.0
        while now < 110.0 + WRITTEN_SECONDS:
            agenda, now = machine.edited(agenda, ["the.log"], now), now + 0.4
        assert "the.log" not in (machine.due(agenda, now) or Due(0, Reason.START)).unsettled

    def test_an_edit_during_a_run_is_the_next_ones(self) -> None:
        agenda = machine.edited(begun(rested(), 160.0), ["a.md"], 161.0)
        due = machine.due(machine.ended(agenda, 162.0, failed=False, chance=0.0), 162.0)
        assert due == Due(161.0 + QUIET_SECONDS, Reason.EDITED)


class TestFailures:
    def test_each_in_a_row_waits_twice_as_long_up_to_a_quarter_of_an_hour(self) -> None:
        agenda, now, waits = rested(), 160.0, []
        for _ in range(8):
            agenda = failing(agenda, now)
            due = machine.due(agenda, now)
            assert due is not None and due.reason is Reason.AGAIN
            waits.append(due.at - now)
            now = due.at
        assert waits == [60, 120, 240, 480, 900, 900, 900, 900]
        assert BACKOFF_SECONDS == 900

    def test_devices_that_fail_together_do_not_come_back_together(self) -> None:
        early, late = (machine.due(failing(rested(), 160.0, chance), 160.0) for chance in (0.0, 1.0))
        assert early is not None and late is not None
        assert (early.at, late.at) == (190.0, 220.0)

    def test_one_that_ends_well_begins_anew(self) -> None:
        agenda = failing(failing(rested(), 160.0), 300.0)
        well = machine.ended(begun(agenda, 1_000.0), 1_001.0, failed=False, chance=0.0)
        assert machine.due(well, 1_001.0) == Due(1_061.0, Reason.INTERVAL)
        assert machine.due(failing(well, 1_061.0), 1_061.0) == Due(1_121.0, Reason.AGAIN)

    @pytest.mark.parametrize(
        "what",
        [
            machine.noticed,
            machine.mended,
            lambda agenda: machine.changed(agenda, 60.0),
            lambda agenda: machine.edited(agenda, ["a.md"], 400.0),
        ],
        ids=["fellow", "the cloud answers", "configuration", "edit"],
    )
    def test_it_comes_back_as_soon_as_something_has_changed(self, what) -> None:  # type: ignore[no-untyped-def]
        agenda = rested()
        for _ in range(6):
            agenda = failing(agenda, 400.0)
        due = machine.due(what(agenda), 400.0)
        assert due is not None
        assert due.reason is Reason.MENDED and due.at <= 400.0 + EAGER_SECONDS

    def test_edit_after_edit_makes_no_storm_of_failures(self) -> None:
        agenda, now, runs = failing(rested(), 160.0), 160.0, 0
        while now < 260.0:
            agenda = machine.edited(agenda, ["a.md"], now)
            due = machine.due(agenda, now)
            if due is not None and due.at <= now:
                runs += 1
                agenda = failing(agenda, now)
            now += 1.0
        assert 0 < runs <= 100 / EAGER_SECONDS


@given(
    st.lists(
        st.tuples(st.sampled_from(["edit", "fellow", "mended", "run", "fail", "busy"]), st.floats(0, 300)),
        max_size=30,
    )
)
def test_whatever_happens_there_is_a_next_run_within_the_longest_wait(steps: list[tuple[str, float]]) -> None:
    agenda, now = Agenda(60.0), 0.0
    for what, seconds in steps:
        now += seconds
        if what == "edit":
            agenda = machine.edited(agenda, ["a.md"], now)
        elif what == "fellow":
            agenda = machine.noticed(agenda)
        elif what == "mended":
            agenda = machine.mended(agenda)
        else:
            agenda = begun(agenda, now)
            assert machine.due(agenda, now) is None
            if what == "busy":
                agenda = machine.postponed(agenda, now)
            else:
                agenda = machine.ended(agenda, now, failed=what == "fail", chance=0.5)
        due = machine.due(agenda, now)
        assert due is not None
        assert due.at <= now + BACKOFF_SECONDS

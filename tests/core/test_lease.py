"""The lease: each answer leads to one next step, and no state of any number of devices has two writers."""

from __future__ import annotations

import pytest

from bisync.core import lease as machine
from bisync.core import lease_folder
from bisync.core.lease import (
    Create,
    Done,
    Lease,
    Listed,
    Look,
    Phase,
    Put,
    Read,
    Refused,
    Remove,
    Rest,
    Retry,
    Stop,
    Unanswered,
    Whose,
    Write,
)
from bisync.core.lease_folder import TERMS, Entry, Kind, Protocol
from tests.support.lease.__main__ import QUICK, Bound, look
from tests.support.lease.broken import BROKEN, Broken

LAPTOP = Lease(Protocol.NUMBERED, "notes", "laptop")
LISTING = LAPTOP._replace(protocol=Protocol.LISTED)


def entry(
    number: int, kind: Kind = Kind.HELD, stored: float = 0, claim: str = "", path: str = "notes"
) -> Entry:
    return Entry(path, number, claim, kind, stored)


def claimed(lease: Lease = LAPTOP, *, seen: int = 4, now: float = 100) -> Lease:
    return machine.begin(lease, seen, now).lease


def held(lease: Lease = LAPTOP, *, now: float = 100) -> Lease:
    turn = machine.heard(claimed(lease, now=now), Done(), now)
    if lease.protocol is Protocol.LISTED:
        turn = machine.heard(turn.lease, Listed([entry(5, claim=turn.lease.claim)], None), now)
    assert turn.command == Write()
    return turn.lease


@pytest.mark.pure
class TestNumbered:
    def test_the_next_number_is_created_after_one_that_was_given_back(self) -> None:
        lease, command = machine.begin(LAPTOP, 4, 100)
        assert command == Create(5)
        lease, command = machine.heard(lease, Done(), 101)
        assert (command, lease.number) == (Write(), 5)
        assert machine.may_write(lease, 164.9)
        assert not machine.may_write(lease, 165)

    def test_without_knowing_the_newest_it_looks_first(self) -> None:
        lease, command = machine.begin(LAPTOP, None, 100)
        assert command == Look()
        assert machine.heard(lease, Listed([], None), 101).command == Create(1)
        free = [entry(7, Kind.FREE), entry(6)]
        assert machine.heard(lease, Listed(free, None), 101).command == Create(8)

    def test_it_waits_for_one_that_is_held(self) -> None:
        lease, _ = machine.begin(LAPTOP, None, 100)
        newest = entry(7, stored=1000)
        lease, command = machine.heard(lease, Listed([entry(6, Kind.FREE), newest], None), 101)
        assert command == Rest(newest)
        assert machine.looks_again(lease, 105) == (lease._replace(sent=105), Look())

    @pytest.mark.parametrize(("age", "passes"), [(TERMS.lease - 1, False), (TERMS.lease, True)])
    def test_a_dead_one_is_passed_by_the_stores_clock(self, age: float, passes: bool) -> None:
        lease, _ = machine.begin(LAPTOP, None, 100)
        command = machine.heard(lease, Listed([entry(7, stored=1000)], 1000 + age), 101).command
        assert isinstance(command, Create if passes else Rest)

    def test_without_the_stores_clock_nothing_is_dead(self) -> None:
        lease, _ = machine.begin(LAPTOP, None, 1e9)
        assert isinstance(machine.heard(lease, Listed([entry(7, stored=0)], None), 1e9).command, Rest)

    @pytest.mark.parametrize("answer", [Refused(), Unanswered()])
    def test_a_refusal_may_be_of_its_own_request(self, answer: machine.Answer) -> None:
        lease, command = machine.heard(claimed(), answer, 101)
        assert command == Read(5)
        assert machine.heard(lease, Whose("laptop-0"), 102).command == Write()
        other = machine.heard(lease, Whose("desktop-0"), 102)
        assert (other.command, other.lease.claim) == (Look(), "laptop-1")
        # It is not there, but may still come: then it counts from the first request.
        again = machine.heard(lease, Whose(None), 110)
        assert again.command == Create(5)
        assert machine.heard(again.lease, Done(), 120).lease.until == 165
        assert machine.heard(lease, Unanswered(), 110).command == Retry(Read(5))
        assert machine.heard(lease, Unanswered(), 165).command == Look()

    def test_an_answer_that_comes_too_late_is_no_lease(self) -> None:
        lease, command = machine.heard(claimed(), Done(), 165)
        assert command == Put(5, Kind.FREE)
        assert not machine.may_write(lease, 165)
        assert machine.heard(lease, Done(), 166).command == Rest()

    def test_renewing_creates_the_next_number(self) -> None:
        lease = held()
        assert not machine.is_due(lease, 124.9)
        assert machine.is_due(lease, 125)
        lease, command = machine.renewed(lease, 126)
        assert command == Create(6)
        assert machine.may_write(lease, 130)
        lease, command = machine.heard(lease, Done(), 130)
        assert (command, lease.number, lease.until) == (Write(), 6, 191)

    def test_whoever_took_the_next_number_has_the_lease(self) -> None:
        lease, _ = machine.renewed(held(), 126)
        lease, command = machine.heard(lease, Refused(), 127)
        assert command == Read(6)
        assert machine.may_write(lease, 127)
        lease, command = machine.heard(lease, Whose("desktop-0"), 128)
        assert command == Stop("the lease was lost")
        assert not machine.may_write(lease, 128)

    def test_a_renewal_without_an_answer_is_tried_until_the_lease_is_over(self) -> None:
        lease, _ = machine.renewed(held(), 126)
        lease, command = machine.heard(lease, Unanswered(), 140)
        assert command == Read(6)
        lease, command = machine.heard(lease, Whose(None), 145)
        assert command == Retry(Create(6))
        assert machine.heard(lease, Done(), 164).lease.until == 191
        assert machine.heard(lease, Done(), 165).lease.phase is Phase.LOST

    def test_after_a_long_sleep_it_is_lost_without_asking(self) -> None:
        lease = held()
        assert machine.renewed(lease, 1000).command == Stop("the lease was lost")
        assert machine.released(lease, 1000).command == Stop("the lease was lost")

    def test_given_back(self) -> None:
        lease, command = machine.released(held(), 110)
        assert command == Put(5, Kind.FREE)
        assert not machine.may_write(lease, 110)
        assert machine.heard(lease, Done(), 111) == (lease._replace(phase=Phase.OVER), Stop())

    def test_what_overlaps_is_looked_at_after_the_claim(self) -> None:
        lease, command = machine.heard(claimed(LAPTOP._replace(overlaps=True)), Done(), 101)
        assert command == Look()
        ours = entry(5, stored=500)
        assert machine.heard(lease, Listed([ours], None), 102).command == Write()
        above = entry(3, stored=499, path="")
        assert machine.heard(lease, Listed([ours, above], None), 102).command == Put(5, Kind.FREE)
        later = entry(3, stored=501, path="")
        assert machine.heard(lease, Listed([ours, later], None), 102).command == Rest(later, 0)


@pytest.mark.pure
class TestListed:
    def test_whoever_put_its_own_and_sees_no_other_has_it(self) -> None:
        lease, command = machine.begin(LISTING, 4, 100)
        assert command == Put(5, Kind.HELD)
        lease, command = machine.heard(lease, Done(), 101)
        assert command == Look()
        entries = [entry(5, claim="laptop-0", stored=500), entry(4, Kind.FREE, claim="desktop-0")]
        lease, command = machine.heard(lease, Listed(entries, None), 102)
        assert (command, lease.until) == (Write(), 165)

    def test_the_later_of_two_withdraws_and_the_first_waits_until_it_has(self) -> None:
        lease, _ = machine.heard(claimed(LISTING), Done(), 101)
        ours = entry(5, claim="laptop-0", stored=500)
        later, earlier = (entry(5, claim="desktop-0", stored=at) for at in (501, 499))
        assert machine.heard(lease, Listed([ours, later], None), 102).command == Rest(later, 0)
        lease, command = machine.heard(lease, Listed([ours, earlier], None), 102)
        assert command == Remove(5)
        lease, command = machine.heard(lease, Unanswered(), 103)
        assert (command, lease.claim) == (Rest(), "laptop-1")

    def test_the_first_does_not_wait_for_ever(self) -> None:
        lease, _ = machine.heard(claimed(LISTING), Done(), 101)
        both = [entry(5, claim="laptop-0", stored=500), entry(5, claim="desktop-0", stored=501)]
        assert machine.heard(lease, Listed(both, None), 125).command == Remove(5)

    def test_a_dead_one_is_nobodys_any_more(self) -> None:
        lease, _ = machine.heard(claimed(LISTING), Done(), 101)
        dead = entry(4, claim="desktop-0", stored=500 - TERMS.lease)
        ours = entry(5, claim="laptop-0", stored=500)
        assert machine.heard(lease, Listed([ours, dead], None), 102).command == Write()

    def test_numbers_grow_from_holder_to_holder(self) -> None:
        lease, _ = machine.heard(claimed(LISTING), Done(), 101)
        entries = [entry(5, claim="laptop-0"), entry(5, Kind.FREE, claim="desktop-0")]
        assert machine.heard(lease, Listed(entries, None), 102).command == Remove(5)

    def test_a_lost_answer_to_a_claim(self) -> None:
        lease, command = machine.heard(claimed(LISTING), Unanswered(), 101)
        assert command == Look()
        assert machine.heard(lease, Listed([entry(5, claim="laptop-0")], None), 102).command == Write()
        lease, command = machine.heard(lease, Listed([], None), 102)
        assert (command, lease.claim) == (Look(), "laptop-1")

    def test_a_store_that_does_not_list_what_was_written(self) -> None:
        lease, _ = machine.heard(claimed(LISTING), Done(), 101)
        command = machine.heard(lease, Listed([], None), 102).command
        assert command == Stop("the store does not list what was written just now")

    def test_renewing_writes_it_again(self) -> None:
        lease, command = machine.renewed(held(LISTING), 126)
        assert command == Put(5, Kind.HELD)
        assert machine.heard(lease, Unanswered(), 130).command == Retry(Put(5, Kind.HELD))
        assert machine.heard(lease, Done(), 130).lease.until == 191


@pytest.mark.pure
class TestTurns:
    def test_who_waits_longest_is_next(self) -> None:
        lease, _ = machine.begin(LAPTOP, None, 100)
        free = entry(7, Kind.FREE)
        first = entry(6, Kind.WAITING, 1000, "desktop")
        ours = entry(7, Kind.WAITING, 1000, "laptop")
        assert machine.heard(lease, Listed([free, first, ours], 1000), 101).command == Rest(first)
        assert machine.heard(lease, Listed([free, ours], 1000), 101).command == Create(8)

    def test_who_stopped_waiting_is_passed_over(self) -> None:
        lease, _ = machine.begin(LAPTOP, None, 100)
        free = entry(7, Kind.FREE)
        gone = entry(6, Kind.WAITING, 1000 - TERMS.waiting, "desktop")
        assert machine.heard(lease, Listed([free, gone], 1000), 101).command == Create(8)
        assert machine.heard(lease, Listed([free, gone], None), 101).command == Rest(gone)


@pytest.mark.pure
class TestSeen:
    def test_who_has_been_there_since_is_told_as_long_as_the_last_known_one_is_there(self) -> None:
        known, other = entry(5, Kind.FREE, 1000), entry(6, Kind.FREE, 1050)
        above, before = entry(1, Kind.FREE, 1020, path=""), entry(2, Kind.FREE, 990, path="")
        waits = entry(5, Kind.WAITING, 1060, "x")
        seen = [known, other, above, before, waits]
        assert lease_folder.since(seen, "notes", 5) == [other, above]
        assert lease_folder.since(seen, "notes", 4) is None

    def test_nobody_else_had_it_between_two_of_its_own(self) -> None:
        assert machine.is_unchanged(held(), 4)
        assert not machine.is_unchanged(held(), 3)

    def test_the_first_lease_ever_follows_nobodys(self) -> None:
        assert machine.is_unchanged(held()._replace(number=1, before=0), 0)
        assert not machine.is_unchanged(held(), 0)

    def test_one_of_a_folder_above_came_in_between_if_it_was_over_later(self) -> None:
        ours, own = entry(5, Kind.HELD, 1100), entry(4, Kind.FREE, 1000)
        earlier, later = entry(9, Kind.FREE, 990, path=""), entry(9, Kind.FREE, 1000, path="")
        assert machine.is_unchanged(held()._replace(met=(own, ours)), 4)
        assert machine.is_unchanged(held()._replace(met=(own, ours, earlier)), 4)
        assert not machine.is_unchanged(held()._replace(met=(own, ours, later)), 4)
        assert not machine.is_unchanged(held()._replace(met=(ours, earlier)), 4)

    def test_only_what_is_old_and_not_the_newest_is_swept(self) -> None:
        entries = [entry(5, Kind.FREE, 1000), entry(6, Kind.FREE, 1050), entry(7, Kind.FREE, 900)]
        swept = [one.number for one in entries if lease_folder.is_swept(one, entries, 1000 + TERMS.kept)]
        assert swept == [5]
        assert lease_folder.is_swept(entry(9, Kind.WAITING, 1000), entries, 1000 + TERMS.waiting)

    def test_a_holder_stops_well_before_others_may_begin(self) -> None:
        assert TERMS.renew < TERMS.hold < TERMS.lease < TERMS.kept - TERMS.hold
        assert TERMS.lease <= 100, (
            "a crashed device delays others by two minutes at most, with the way to notice it"
        )

    def test_an_answer_to_nothing_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="while looking"):
            machine.heard(LAPTOP, Done(), 0)
        with pytest.raises(ValueError, match="while renewing"):
            machine.heard(machine.renewed(held(), 101).lease, Listed([], None), 102)


@pytest.mark.parametrize("protocol", Protocol, ids=lambda one: one.value)
@pytest.mark.parametrize("bound", QUICK, ids=str)
def test_no_state_has_two_writers(protocol: Protocol, bound: Bound) -> None:
    found = look(protocol, bound)
    assert not found.fault, "\n".join([found.fault, *found.way])
    assert found.states > 1000


@pytest.mark.parametrize("fault", [one for one in BROKEN if not one.long], ids=lambda one: one.name)
def test_a_machine_with_a_fault_is_found_out(fault: Broken) -> None:
    found = fault.found()
    assert found.fault
    assert found.way
    if fault.by is not None:
        # It is the fault that does it, and not the world in which it is looked for.
        assert not fault.searched(len(found.way)).fault

"""What is said of the leases of other devices."""

from __future__ import annotations

import pytest

from bisync.locks.holders import Waiter
from bisync.report.lease_words import holder_text, lease_rows, unlock_lines
from bisync.report.words import Problem
from tests.support import results

pytestmark = pytest.mark.pure

IN_FORCE = f"notes: desktop is syncing (12 s), run {results.RUN}"
DEAD = f"  notes: desktop was syncing and is gone (its lease is dead), run {results.RUN}"


def test_who_writes_is_a_row_of_status() -> None:
    assert lease_rows(None) == []
    assert lease_rows(results.holder()) == [("Cloud in Use", "desktop is syncing (12 s)", "yellow")]
    assert holder_text(results.holder("")) == "another device is syncing (12 s)"


def test_nobody_has_the_lease() -> None:
    assert unlock_lines(results.unlocked()) == ["notes: no device holds the lease, nothing to unlock"]


def test_a_lease_in_force_is_waited_for() -> None:
    result = results.unlocked(results.holder(), waiting=(Waiter("tablet", ""), Waiter("", "r")))

    assert unlock_lines(result) == [
        Problem(
            IN_FORCE,
            "wait for it to end; if it is gone, its lease is dead in 1:18, and runs go past it by themselves",
        ),
        "  tablet waits",
        "  another device waits, run r",
    ]
    assert result.exit_code == 6


def test_a_store_that_does_not_tell_its_time() -> None:
    result = results.unlocked(results.holder(left=None))

    [said] = unlock_lines(result)
    assert isinstance(said, Problem) and "the cloud does not say" in (said.hint or "")
    assert result.exit_code == 6


def test_a_dead_lease_is_shown_then_removed() -> None:
    dead = results.holder(left=0)

    assert unlock_lines(results.unlocked(dead)) == [DEAD, "Remove it with: bisync unlock --yes"]
    assert unlock_lines(results.unlocked(dead, removed=frozenset({""}))) == [
        DEAD,
        "✓ Removed: nobody has to wait for it any more",
    ]
    assert results.unlocked(dead).exit_code == 0


def test_a_dead_lease_beside_one_in_force() -> None:
    result = results.unlocked(results.holder(left=0), results.holder(path="work"))

    assert unlock_lines(result)[0] == DEAD
    assert len(unlock_lines(result)) == 2, "it is not offered to remove"
    assert result.exit_code == 6

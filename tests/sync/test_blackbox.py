"""The game that is played from outside, in short; and that its laws find what breaks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.blackbox.game import play
from tests.support.blackbox.history import CLOUD, Calm, Command, Deed, History, Place, Sight
from tests.support.blackbox.judge import verdicts


@pytest.mark.parametrize("seed", [101, 102])
def test_a_short_game(seed: int) -> None:
    played = play(seed, 40)

    assert not played.wrong, played.told


# -- the laws find what breaks them -----------------------------------------------------------------------------


def sight(ann: Mapping[str, str] = {}, cloud: Mapping[str, str] = {}, kept: tuple[str, ...] = ()) -> Sight:
    live = {Place("ann", path): text for path, text in ann.items()}
    live |= {Place(CLOUD, path): text for path, text in cloud.items()}
    return Sight(live, frozenset(kept), frozenset())


def ran(before: Sight, after: Sight, *argv: str, **more: Any) -> Command:
    given = {"fate": "", "code": 0, "said": "", "told": {}, **more}
    return Command("ann", argv or ("sync",), before=before, after=after, **given)


def judged(*events: Deed | Command | Calm, secrets: Mapping[str, str] = {}) -> str:
    return "\n".join(verdicts(History(list(events), dict(secrets), {"v1", "v2", "s"})))


BOTH = sight({"a": "v1"}, {"a": "v1"})


@pytest.mark.pure
def test_a_calm_run_breaks_no_law() -> None:
    assert not judged(ran(sight({"a": "v1"}), BOTH))


@pytest.mark.pure
def test_what_vanishes_in_a_run_is_lost() -> None:
    assert "LOST" in judged(ran(sight({"a": "v1"}), sight()))
    assert not judged(ran(sight({"a": "v1"}), sight(kept=("v1",))))


@pytest.mark.pure
def test_what_its_user_overwrites_during_a_run_is_lost_only_if_it_lay_elsewhere_too() -> None:
    deed = Deed("ann", "save", "a", took="v1", put="v2")
    after = sight({"a": "v2"})
    assert not judged(ran(sight({"a": "v1"}), after, fate="disturbed", meanwhile=(deed,)))
    assert "LOST" in judged(ran(BOTH, after, fate="disturbed", meanwhile=(deed,)))


@pytest.mark.pure
def test_what_nobody_wrote_is_torn() -> None:
    assert "TORN" in judged(ran(sight(), sight({"a": "v"})))


@pytest.mark.pure
def test_a_secret_in_the_cloud_is_leaked_until_its_user_frees_it() -> None:
    event = ran(sight({"x": "s"}), sight({"x": "s"}, {"x": "s"}))
    assert "LEAKED" in judged(event, secrets={"s": "ann"})
    assert not judged(Deed("ann", "free", ".bmignore", frees="ann"), event, secrets={"s": "ann"})


@pytest.mark.pure
def test_what_was_deleted_and_lies_in_the_cloud_again_is_risen() -> None:
    deleted = Deed("ann", "delete", "a", took="v1")
    calm = Calm(BOTH, {"ann": frozenset()}, {"ann": ()})
    assert "RISEN" in judged(ran(BOTH, BOTH), deleted, calm)
    moved = Deed(CLOUD, "move", "a", took="v1", moved="b")
    assert "RISEN" not in judged(ran(BOTH, BOTH), deleted, moved, calm)


@pytest.mark.pure
@pytest.mark.parametrize(
    "more", [{"code": 4}, {"code": 1, "told": {"outcome": "failed"}}, {"said": "Traceback"}]
)
def test_a_run_that_needs_a_person_is_found(more: dict[str, Any]) -> None:
    assert judged(ran(BOTH, BOTH, **more))


@pytest.mark.pure
def test_what_the_plan_did_not_name_is_untold() -> None:
    plan = ran(
        sight({"a": "v1", "b": "v2"}),
        sight({"a": "v1", "b": "v2"}),
        "plan",
        told={"actions": [{"path": "a"}]},
    )
    assert not judged(plan, ran(plan.after, sight({"a": "v1", "b": "v2"}, {"a": "v1"})))
    assert "UNTOLD" in judged(plan, ran(plan.after, sight({"a": "v1", "b": "v2"}, {"b": "v2"})))


@pytest.mark.pure
def test_sides_that_differ_at_rest_are_apart() -> None:
    different = sight({"a": "v1"}, {"a": "v2"})
    assert "APART" in judged(Calm(different, {"ann": frozenset({"a"})}, {"ann": ()}))
    assert not judged(Calm(different, {"ann": frozenset({"a"})}, {"ann": ("a",)}))

"""From what both sides hold and held to the plan: every situation of cases/plan, and what holds in all of them."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import pytest

from bisync.config import Compare
from tests.core.exchange import exchanged, exchanged_plan
from tests.core.situations import (
    TIME,
    BadCase,
    Case,
    Situation,
    read,
    read_all,
)

pytestmark = pytest.mark.pure

Item = TypeVar("Item")

CASES = read_all()
every_case = pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])


@every_case
def test_the_plan_is_the_expected_one(case: Case) -> None:
    assert case.situation.planned() == case.plan
    assert case.situation.asked() == case.asks
    assert case.situation.refused_by(case.max_delete) == case.refused_by


def in_another_order(one: Situation, chance: random.Random) -> Situation:
    """The same situation, come to know in another order."""

    def shuffled(items: Mapping[str, Item]) -> dict[str, Item]:
        return dict(chance.sample(list(items.items()), len(items)))

    return replace(
        one,
        baseline=None if one.baseline is None else shuffled(one.baseline),
        local=one.local._replace(
            files=shuffled(one.local.files),
            left_out=tuple(chance.sample(one.local.left_out, len(one.local.left_out))),
        ),
        cloud=one.cloud._replace(
            files=shuffled(one.cloud.files),
            left_out=tuple(chance.sample(one.cloud.left_out, len(one.cloud.left_out))),
        ),
        answers=replace(one.answers, times=shuffled(one.answers.times)),
    )


@every_case
def test_the_plan_is_sorted_whatever_the_order_of_what_it_is_made_from(case: Case) -> None:
    paths = [change.path for change in case.situation.planned().changes]
    assert paths == sorted(set(paths))
    chance = random.Random(case.name)
    for _ in range(5):
        other = in_another_order(case.situation, chance)
        assert other.planned() == case.situation.planned()
        assert other.asked() == case.situation.asked()


@every_case
def test_with_the_sides_exchanged_the_plan_is_exchanged(case: Case) -> None:
    """Wherever a situation has a mirror image; where it says that it has none, there really is none."""
    other = exchanged(case.situation)
    plan = exchanged_plan(case.situation.planned(), case.situation)
    mirrored = other is not None and other.planned() == plan

    assert mirrored is (case.one_way is None)


def row(case: Case) -> tuple[str, ...]:
    """Which row of the decision table a case of one file stands for."""
    one = case.situation
    assert one.baseline is not None
    (path,) = {*one.baseline, *one.local.files, *one.cloud.files}
    base, here, there = one.baseline.get(path), one.local.files.get(path), one.cloud.files.get(path)
    by_hash = one.compare is Compare.CHECKSUM
    alike = here is not None and there is not None and (
        here.md5 == there.md5 if by_hash else (here.size, here.stamp.mtime_ns) == (there.size, there.mtime_ns)
    )  # fmt: skip
    if base is None:
        return ("new", "here" * (here is not None), "there" * (there is not None), "alike" * alike)
    if here is None:
        local = "gone"
    elif here.stamp == base.stamp and here.size == base.size:
        local = "as it was"
    elif (
        here.md5 == base.md5
        if by_hash
        else (here.size, here.stamp.mtime_ns) == (base.size, base.local_mtime_ns)
    ):
        local = "touched"
    else:
        local = "edited"
    if there is None:
        cloud = "gone"
    elif by_hash:
        stored_anew = there.mtime_ns != TIME
        cloud = "edited" if there.md5 != base.md5 else "touched" if stored_anew else "as it was"
    else:
        same = (there.size, there.mtime_ns) == (base.size, base.cloud_mtime_ns)
        cloud = "as it was" if same else "edited"
    return (local, cloud, "alike" * (alike and local == cloud == "edited"))


@pytest.mark.parametrize(
    ("table", "cloud"),
    [
        ("table_checksum", ["gone", "as it was", "touched", "edited"]),
        ("table_modtime", ["gone", "as it was", "edited"]),
    ],
)
def test_the_table_is_whole(table: str, cloud: list[str]) -> None:
    rows = {row(case) for case in CASES if case.name.startswith(f"{table}: ")}

    changes = {(a, b, "") for a in ("gone", "as it was", "touched", "edited") for b in cloud}
    new = {("new", "here", "", ""), ("new", "", "there", ""), ("new", "here", "there", "")}
    alike = {("edited", "edited", "alike"), ("new", "here", "there", "alike")}
    assert changes | new | alike <= rows


# -- the reader of the cases ------------------------------------------------------------------------

GOOD = """
situations:
  one:
    baseline: {a: A}
    local: {a: B}
    cloud: {a: A}
    plan: [{upload: a, why: edited here, replaces: true}]
"""


def test_a_case_that_expects_something_else_is_told_apart() -> None:
    (good,) = read("f", GOOD)
    (bad,) = read("f", GOOD.replace("replaces: true", "replaces: false"))

    assert good.situation.planned() == good.plan
    assert bad.situation.planned() != bad.plan


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("situations:", "situation:", "f: unknown key 'situation'; did you mean 'situations'?"),
        ("cloud:", "clowd:", "f: one: unknown key 'clowd'; did you mean 'cloud'?"),
        ("    plan:", "    asks: {copy: [a]}\n    plan:", "f: one: asks: unknown key 'copy'"),
        ("    plan:", "    answers: {time: {a: 5}}\n    plan:", "f: one: answers: unknown key 'time'"),
        ("    plan:", "    compare: hash\n    plan:", "f: one: compare: 'hash' is none of checksum, modtime"),
        ("    plan:", "    resolve: newest\n    plan:", "f: one: resolve: 'newest' is none of none, newer"),
        ("    plan:", "    idle_allowed: no\n    plan:", "f: one: idle_allowed: 'no' is none of true, false"),
        ("    plan:", "    local: {}\n    plan:", "'local' is said twice"),
        ("{a: B}", "{a: B, a: C}", "'a' is said twice"),
        ("{a: B}", "{a: B touchd}", "f: one: local: a: wants the words of a file, not 'B touchd': 'touchd' is none of"),
        ("{a: B}", "{a: B @none}", "f: one: local: a: wants the words of a file, not 'B @none'"),
        ("{a: B}", "{a: B unvouched}", "f: one: local: a: wants the words of a file, not 'B unvouched'"),
        ("{a: B}", "{a: 5}", "f: one: local: a: wants the words of a file, not 5"),
        ("why:", "wy:", "f: one: plan: unknown key 'wy'; did you mean 'why'?"),
        ("upload: a", "uplaod: a", "f: one: plan: unknown key 'uplaod'; did you mean 'upload'?"),
        ("{upload: a,", "{upload: a, download: a,", "f: one: plan: wants one action and why"),
        (", why: edited here", "", "f: one: plan: wants one action and why"),
        ("replaces: true", "replaces: 1", "f: one: plan: replaces: 1 is none of true, false"),
        ("[{upload: a, why: edited here, replaces: true}]", "[]", "f: one: nothing to do, so say which mode"),
        ("    cloud: {a: A}\n", "", "f: one: does not say 'cloud'"),
    ],
)  # fmt: skip
def test_a_misspelled_case_is_refused(good: str, bad: str, said: str) -> None:
    assert good in GOOD
    with pytest.raises(BadCase, match=re.escape(said)):
        read("f", GOOD.replace(good, bad, 1))

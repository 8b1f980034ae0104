"""What the plan says is what happens: random edits on both sides, the plan played on paper, then the run."""

from __future__ import annotations

import random

import pytest

from bisync.core.change import Action, Change
from bisync.core.conflict_names import original_of
from bisync.core.result import Outcome
from bisync.sync.prepare import prepare
from tests.core.paper import on_paper
from tests.support.world import S3, Device

NAMES = [f"{folder}{name}.md" for folder in ("", "d/", "d/e/") for name in "abcd"]


def edit_both_sides(chance: random.Random, device: Device, s3: S3, round_: int) -> None:
    cloud = s3.tree()
    for name in NAMES:
        for side in ("here", "there"):
            roll = chance.random()
            text = f"{round_} {side if chance.random() < 0.8 else 'alike'} {name}"
            if side == "here" and roll < 0.25:
                device.write(name, text)
            elif side == "here" and roll < 0.35:
                (device.notes / name).unlink(missing_ok=True)
            elif side == "there" and roll < 0.2:
                s3.put(name, text)
            elif side == "there" and roll < 0.3 and name in cloud:
                s3.delete(name)
                del cloud[name]
    here = [name for name in NAMES if (device.notes / name).exists()]
    if here and chance.random() < 0.7:
        target = device.notes / chance.choice(["", "d/", "new/"]) / f"renamed-{round_}.md"
        target.parent.mkdir(exist_ok=True)
        (device.notes / chance.choice(here)).rename(target)


@pytest.mark.parametrize(("seed", "profile"), [(1, "balanced"), (2, "safe")])
def test_what_the_plan_says_is_what_happens(laptop: Device, s3: S3, seed: int, profile: str) -> None:
    chance = random.Random(seed)
    for round_ in range(4):
        edit_both_sides(chance, laptop, s3, round_)
        app = laptop.app()
        with app.session(app.manifest.syncs[0], profile=profile) as session:
            planned = prepare(session).plan
        local, cloud = on_paper(planned.changes, laptop.tree(), s3.tree())

        result = laptop.sync(profile=profile, force=True)

        assert result.error is None
        assert local == cloud, "a plan brings both sides together"
        assert laptop.tree() == local
        assert s3.tree() == cloud
        conflicts = planned.count(Action.CONFLICT)
        assert len(result.conflicts) == conflicts
        assert result.deleted_cloud == planned.count(Action.DELETE_CLOUD)
        assert result.deleted_local == planned.count(Action.DELETE_LOCAL)
        assert result.renamed == planned.count(Action.RENAME)
        if not conflicts:
            assert result.uploaded == planned.count(Action.UPLOAD)
            assert result.downloaded == planned.count(Action.DOWNLOAD)
        assert laptop.sync(profile=profile).outcome is Outcome.IDLE


@pytest.mark.parametrize("seed", [3])
def test_whatever_happens_meanwhile_a_run_changes_only_what_it_named(
    laptop: Device, s3: S3, seed: int
) -> None:
    """Both sides are edited once more between the look and the run, what it named and what it did not."""
    chance = random.Random(seed)
    laptop.sync()
    for round_ in range(3):
        edit_both_sides(chance, laptop, s3, round_)
        named: set[str] = set()
        before: list[dict[str, str]] = []

        def meanwhile(_sync: str, changes: tuple[Change, ...], round_: int = round_) -> None:
            named.update(path for change in changes for path in (*change.paths, *change.copies))  # noqa: B023
            edit_both_sides(chance, laptop, s3, 10 + round_)
            before[:] = [laptop.tree(), s3.tree()]  # noqa: B023

        laptop.sync(app=laptop.app(on_plan=meanwhile), force=True)

        for old, new in zip(before, (laptop.tree(), s3.tree()), strict=True):
            changed = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
            # A conflict that is younger than the plan has its copy beside a name of the plan.
            unnamed = {path for path in changed - named if original_of(path) not in named}
            assert not unnamed, f"round {round_}: {unnamed}"
    while laptop.sync(force=True).outcome is not Outcome.IDLE:
        pass
    assert laptop.tree() == s3.tree()

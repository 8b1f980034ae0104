"""What the plan says is what happens: random edits on both sides, the plan played on paper, then the run."""

from __future__ import annotations

import random

import pytest

from bisync.core.change import Action
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
        if not conflicts:
            assert result.uploaded == planned.count(Action.UPLOAD)
            assert result.downloaded == planned.count(Action.DOWNLOAD)
        assert laptop.sync(profile=profile).outcome is Outcome.IDLE

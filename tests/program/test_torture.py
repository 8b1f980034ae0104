"""Two devices, a bucket and chance. Thousands of steps: `python -m tests.support.torture --steps 5000 --seed 1`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support import torture
from tests.support.world import S3


@pytest.mark.parametrize("seed", [11])
def test_200_steps_lose_nothing(seed: int) -> None:
    game = torture.play(seed, 200, settle_every=50)
    assert game.syncs > 30 and game.kills > 0 and len(game.required) > 40


def test_the_game_would_notice_a_loss(tmp_path: Path, s3: S3) -> None:
    """A version that is overwritten and nowhere kept is a loss, and the game says so."""
    game = torture.Torture(tmp_path, s3, seed=1)
    one, two = game.players
    for player, text in ((one, "first"), (two, "second")):
        (player.root / "a.md").write_text(text)
        game.sync(player)
        game.sync(one)
        game.sync(two)
    game.check_versions()
    for trash in (one.device.state / "trash", two.device.state / "trash"):
        shutil.rmtree(trash)
    s3.rclone("purge", "s3:notes-bucket/.basic-memory/trash")
    with pytest.raises(AssertionError, match=r"lost: .'first'"):
        game.check_versions()


def test_kill_9_at_random_moments_of_a_large_run_needs_no_human() -> None:
    assert torture.kill_moments(4, seed=3) > 0

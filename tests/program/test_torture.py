"""Three devices, a bucket and chance. Thousands of steps: `python -m tests.support.torture --steps 5000 --seed 1`."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from bisync.sync import swap
from tests.support import torture
from tests.support.world import S3


def newest(text: str) -> int:
    """The number of a version: that of the paragraph that was written last."""
    return max(map(int, re.findall(r"version (\d+) by", text)))


@pytest.mark.parametrize("seed", [11])
def test_200_steps_lose_nothing(seed: int) -> None:
    game = torture.play(seed, 200, settle_every=100)
    assert (
        game.syncs > 30
        and game.disturbed > 10
        and game.together > 2
        and game.kills > 0
        and len(game.required) > 40
    )


def test_the_game_would_notice_a_loss(tmp_path: Path, s3: S3) -> None:
    """A version that is overwritten and nowhere kept is a loss, and the game says so."""
    game = torture.Torture(tmp_path, s3, seed=1)
    one, two, _ = game.players
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


def test_a_foreign_version_counts_from_the_first_sync_that_saw_it(tmp_path: Path, s3: S3) -> None:
    game = torture.Torture(tmp_path, s3, seed=1)
    one, *_ = game.players
    for _ in range(2):
        game.foreigner.write("a.md")
    game.sync(one)
    game.foreigner.write("a.md")
    game.sync(one)
    game.check_versions()
    assert sorted(map(newest, game.required)) == [2, 3]
    shutil.rmtree(one.device.state / "trash")
    with pytest.raises(AssertionError, match=r"lost: .*version 000002"):
        game.check_versions()


def test_what_a_foreign_writer_and_the_user_both_destroy_is_no_loss_of_ours(tmp_path: Path, s3: S3) -> None:
    game = torture.Torture(tmp_path, s3, seed=1)
    one, *_ = game.players
    for name in ("a.md", "b.md"):
        game.users.save(one, one.root / name)
    game.sync(one)
    assert len(game.required) == 2
    game.users.save(one, one.root / "a.md")
    game.stakes.forgive()
    game.foreigner.write("a.md")
    game.stakes.forgive()
    assert list(map(newest, game.required)) == [2]


def test_the_game_notices_what_a_run_loses_in_the_moment_after_its_look(
    tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    game = torture.Torture(tmp_path, s3, seed=1)
    one, *_ = game.players
    game.users.save(one, one.root / "a.md")
    game.sync(one)
    game.foreigner.write("a.md")
    monkeypatch.setattr(game.foreigner, "act", lambda: None)
    monkeypatch.setattr(game.users, "act", lambda player: game.users.save(player, one.root / "a.md"))
    monkeypatch.setattr(swap, "put_in", lambda area, name, _: (area.staging / name).replace(area.root / name))
    with pytest.raises(AssertionError, match="lost at once"):
        for _ in range(20):
            game.sync(one, disturbed=True)
            game.foreigner.write("a.md")


def test_kill_9_at_random_moments_of_a_large_run_needs_no_human() -> None:
    assert torture.kill_moments(4, seed=3) > 0

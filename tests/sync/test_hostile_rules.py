"""Ignore files that somebody planted in the cloud: they hide nothing in silence, and stop no run for ever."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from bisync.core.result import Outcome
from tests.support.world import S3, Device

BROKEN = {
    "not UTF-8": b"*.log\n\xff\xfe\n",
    "too large": b"*.log\n" + b"#" * (1 << 20),
    "a pattern too long": b"*.log\n" + b"a" * 5000 + b"\n",
    "too many": b"".join(b"n%d\n" % number for number in range(20_001)),
    "too complex": b"".join(
        b"*%c*%c*\n!*%c*%c*.md\n" % (a, b, a, b) for a in b"abcdefghij" for b in b"klmnop"
    ),
}


@pytest.mark.parametrize(("kind", "known"), [("not UTF-8", "new"), *((kind, "edited") for kind in BROKEN)])
def test_one_that_cannot_be_honoured_is_set_aside(
    laptop: Device, desktop: Device, s3: S3, kind: str, known: str
) -> None:
    laptop.write("a.md", "a")
    if known == "edited":
        laptop.write(".bmignore", "*.key\n")
        laptop.write("my.key", "secret")
    laptop.sync()
    s3.put(".bmignore", BROKEN[kind])
    laptop.write("b.md", "b")
    s3.put("c.md", "c")

    first = laptop.sync()

    assert first.error is None and any("set aside" in note for note in first.notes), first
    for _ in range(2):
        again = laptop.sync()
        assert again.error is None, again
        assert {"a.md", "b.md", "c.md"} <= s3.tree().keys() & laptop.tree().keys()
        assert "my.key" not in s3.tree(), "what the rules hid before waits"
    assert laptop.run("explain", "a.md").code == 0
    laptop.run("check", expect=None)
    if known == "new":
        desktop.sync()
        assert desktop.sync().error is None

    (laptop.notes / ".bmignore").unlink()
    assert laptop.sync().error is None
    assert ".bmignore" not in s3.tree(), "deleting it here deletes it there"


def test_one_that_is_broken_here_stops_the_run_as_before(laptop: Device, s3: S3) -> None:
    s3.put(".bmignore", BROKEN["not UTF-8"])
    laptop.sync()
    (laptop.notes / ".bmignore").write_bytes(BROKEN["not UTF-8"] + b"*.key\n")
    laptop.write("my.key", "secret")

    result = laptop.sync()

    assert result.error is not None and ".bmignore:2: not text in UTF-8" in result.error
    assert "my.key" not in s3.tree()


def test_rules_that_hide_what_is_synced_are_stopped_by_a_guard(laptop: Device, s3: S3) -> None:
    for number in range(30):
        laptop.write(f"n{number}.md", "note")
    laptop.sync()
    s3.put(".bmignore", "*\n")
    laptop.write("n0.md", "edited")

    for _ in range(2):
        result = laptop.sync()

        assert result.exit_code == 4 and result.error is not None
        assert "would hide 30 files that are synced (30 > 25)" in result.error
    assert s3.tree()["n0.md"] == "note" and ".bmignore" not in laptop.tree()
    plan = laptop.run("plan", "--json", expect=None)
    assert '"guard": "hidden"' in plan.out
    assert "n0.md" in laptop.run("plan", expect=None).out

    assert laptop.sync(max_delete=30).error is None
    assert laptop.tree()[".bmignore"] == "*\n" and laptop.tree().keys() >= {"n0.md", "n29.md"}


def test_a_few_files_are_hidden_and_named(laptop: Device, s3: S3) -> None:
    for name in ("a.md", "b.txt"):
        laptop.write(name, "note")
    laptop.sync()
    s3.put(".bmignore", "*.txt\n")

    result = laptop.sync()

    assert result.error is None
    assert any("hide 1 file that was synced" in note and "b.txt" in note for note in result.notes)
    assert "b.txt" in laptop.tree() and "b.txt" in s3.tree()


def test_very_many_planted_versions_stop_nothing(laptop: Device, s3: S3) -> None:
    for number in range(6):
        laptop.write(f"{number}/.bmignore", "*.old\n")
        laptop.write(f"{number}/a.md", "note")
    laptop.sync()
    for number in range(6):
        s3.put(f"{number}/.bmignore.conflict1", "*.key\n")
        s3.put(f"{number}/.bmignore", "*.tmp\n")
    laptop.write("0/a.md", "edited")
    laptop.write("0/a.key", "secret")

    for _ in range(2):
        assert laptop.sync().error is None
        assert s3.tree()["0/a.md"] == "edited" and "0/a.key" not in s3.tree()


def test_a_disk_that_fails_sets_nothing_aside(
    laptop: Device, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be read just now says nothing about the rules, and nothing is synced without them."""
    s3.put(".bmignore", "wishes.txt\n")
    laptop.write("wishes.txt", "a secret")
    opened = os.open

    def failing(path: str | Path, *more: Any, **others: Any) -> int:
        if str(path).endswith("/.bmignore") and not Path(path).is_relative_to(laptop.home):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return opened(path, *more, **others)

    with monkeypatch.context() as disk:
        disk.setattr(os, "open", failing)
        result = laptop.sync()
    assert (result.outcome, result.exit_code) == (Outcome.FAILED, 1)
    assert result.error is not None and "Input/output error" in result.error
    assert "wishes.txt" not in s3.tree()
    assert laptop.sync().error is None
    assert (sorted(laptop.tree()), sorted(s3.tree())) == ([".bmignore", "wishes.txt"], [".bmignore"])

"""What cannot be honoured exactly is refused, by file and line, and soon."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bisync.errors import IgnoreError
from bisync.ignore import (
    Layer,
    compile_filters,
    compile_rules,
    load_rules,
    read_ignore_file,
    walk,
)
from tests.ignore.trees import make, rclone_lists, rules_of

# --- refusals ------------------------------------------------------------------------------------


def test_ignore_files_that_cannot_be_honoured(tmp_path: Path) -> None:
    file = tmp_path / ".bmignore"
    file.write_bytes(b"ok\ncaf\xe9\n")
    with pytest.raises(IgnoreError, match=r"^\.bmignore:2: not text in UTF-8$"):
        compile_filters(tmp_path)
    file.write_bytes("a\n".encode("utf-16"))
    with pytest.raises(IgnoreError, match=r"^\.bmignore:1: not text"):
        walk(tmp_path)
    file.write_text("a\n" * 600_000)
    with pytest.raises(IgnoreError, match="larger than"):
        walk(tmp_path)
    file.write_text("x" * 5000)
    with pytest.raises(IgnoreError, match=r"^\.bmignore:1: the pattern has 5000 characters"):
        walk(tmp_path)
    file.write_text("a\n" * 20_001)
    with pytest.raises(IgnoreError, match=r"^\.bmignore:20001: more than 20000"):
        walk(tmp_path)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(IgnoreError, match="not a plain file"):
        walk(tmp_path)


def test_an_ignore_file_that_git_does_not_read(tmp_path: Path) -> None:
    make(tmp_path, "a", "d/a", "d/.bmignore/x")
    (tmp_path / "real").write_text("a\n")
    (tmp_path / ".bmignore").symlink_to("real")
    rules = load_rules(tmp_path)
    assert rules.rules == ()
    assert len(rules.notices) == 1 and "symbolic link" in rules.notices[0]


def test_reading_an_ignore_file(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"\xef\xbb\xbfa\r\n\xe2\x80\xa8b\x0bc\n")
    assert read_ignore_file(file) == ["a\r", "\u2028b\x0bc", ""]
    (tmp_path / "link").symlink_to("f")
    assert read_ignore_file(tmp_path / "link") == read_ignore_file(file)
    with pytest.raises(IgnoreError, match="cannot be read: No such file"):
        read_ignore_file(tmp_path / "none")
    with pytest.raises(IgnoreError):
        read_ignore_file(tmp_path)


@pytest.mark.parametrize("line", ["a\nb", "\udcff"])
def test_patterns_that_are_no_line_of_text(tmp_path: Path, line: str) -> None:
    with pytest.raises(IgnoreError, match=r"^patterns:2: "):
        compile_filters(tmp_path, ["a", line])


@pytest.mark.parametrize(
    "lines",
    [
        ["?" * 200, "!a*"],
        ["*", *(f"!*sub{n}*" for n in range(20))],
        ["*.md", *(f"!**/f{n}/**/*x*" for n in range(100))],
        [*(f"*.e{n}" for n in range(5000)), *(f"!keep{n}.*" for n in range(300))],
    ],
    ids=["question-marks", "substrings", "trees", "pairs"],
)
def test_what_is_too_complex_is_refused_by_line_and_soon(lines: list[str]) -> None:
    start = time.monotonic()
    with pytest.raises(IgnoreError, match=r"^x:\d+: '.+too (complex|many)") as refusal:
        compile_rules(rules_of(*lines))
    assert refusal.value.hint
    assert time.monotonic() - start < 60


@pytest.mark.parametrize(
    "lines",
    [
        ["*a*a*a*a*a*a*b", "!*b*a*b"],
        ["?" * 40, "!a*"],
        ["*", "!*/", *(f"!*sub{n}*" for n in range(20))],
        ["*", "!*/", *(f"!/a{n}/b{n}/**" for n in range(300))],
        ["/*", *(f"!/name{n * 7919 % 100000}" for n in range(500))],
        [f"name-{n}" for n in range(10_000)],
        [*(f"*.ext{n}" for n in range(3000)), "!*/"],
        ["**/a" * 50, "*?" * 100],
        ["a" * n for n in range(1, 400)],
    ],
    ids=[
        "stars",
        "question-marks",
        "files-in-order",
        "whitelist",
        "names",
        "10000",
        "extensions",
        "deep",
        "nested",
    ],
)
def test_what_looks_hostile_compiles_soon_and_rclone_takes_it(tmp_path: Path, lines: list[str]) -> None:
    root = tmp_path / "root"
    make(
        root,
        "a" * 200,
        "name-77",
        "a5/b5/c",
        "a5/b6/c",
        "xsub7",
        "x.ext7",
        "d/x.ext2/y",
        "name0",
        "name1",
        "b/aab",
    )
    start = time.monotonic()
    text = compile_filters(root, lines)
    walked = {entry.path for entry in walk(root, [Layer("patterns", lines)]).entries}
    assert time.monotonic() - start < 30
    assert max(len(line.encode()) for line in text.splitlines()) < 60_000
    assert rclone_lists(root, text) == walked

"""What is taken from a file of ours, and what is refused in which words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bisync import stored
from bisync.errors import StateError
from bisync.files import write_if_changed
from bisync.stored import MOST, Damaged, Fields, fits, parse

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b"9" * 5000, "a number is too large"),
        (b"1e400", "a number is too large"),
        (b"NaN", "NaN is no number"),
        (b"-Infinity", "-Infinity is no number"),
        (b'{"a": 1, "a": 2}', "a key is there twice"),
        (b"\xff\xfe", "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'"\\ud800"', r"holds \\ud800, which is no text"),
        (b'"\\udc00"', r"holds \\udc00"),
        (b'"\\uDFFF"', r"holds \\uDFFF"),
        (b'"a\\u0000"', r"holds \\u0000"),
        (b"", "not JSON"),
        (b'{"a": ', "not JSON"),
    ],
)
def test_no_json_of_ours(raw: bytes, why: str) -> None:
    with pytest.raises(Damaged, match=why):
        parse(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\udc80"', "\udc80"),
        (b'"\\\\ud800"', "\\ud800"),
        (b'"\\\\u0000"', "\\u0000"),
        ('"ö"'.encode(), "ö"),
        (b"1e300", 1e300),
    ],
)
def test_json_of_ours(raw: bytes, value: object) -> None:
    assert parse(raw) == value


@pytest.mark.parametrize(
    ("value", "shape", "expected"),
    [
        (True, int, False),
        (True, bool, True),
        (1, float, True),
        (1.0, int, False),
        (MOST, int, False),
        (-MOST, int, True),
        (1e300, float, False),
        (None, (None, str), True),
        (5, (None, str), False),
        ("local", {"local", "cloud"}, True),
        (["local"], {"local", "cloud"}, False),
        (["a", 1], [str], False),
        ("ab", [str], False),
        (["a", 1], Fields((str, int)), True),
        (["a", 1, 2], Fields((str, int)), False),
        ({"a": 1}, {str: int}, True),
        ({"a": "b"}, {str: int}, False),
        ({"a": 1, "x": []}, {"a": int, "b?": str}, True),
        ({"a": 1, "b": 2}, {"a": int, "b?": str}, False),
        ({"b": "x"}, {"a": int, "b?": str}, False),
        ([], {"a?": int}, False),
    ],
)
def test_a_shape(value: Any, shape: Any, expected: bool) -> None:
    assert fits(value, shape) is expected


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "why"),
    [
        (0o700, None, None, None),
        (0o755, None, None, None),
        (0o777, None, None, "can be changed by other users (mode 0777)"),
        (0o702, None, None, "can be changed by other users (mode 0702)"),
        # A group of the owner's own, as under umask 002; and one that others may be in.
        (0o770, None, os.getgid(), None),
        (0o770, None, 4242, "can be changed by other users (mode 0770)"),
        (0o700, 4242, None, "belongs to another user (uid 4242)"),
        (0o700, 0, None, None),
    ],
)
def test_whose_a_folder_is(
    tmp_path: Path, mode: int, uid: int | None, gid: int | None, why: str | None
) -> None:
    there = tmp_path.stat()
    fields = list(there)
    fields[0], fields[4] = (there.st_mode & ~0o7777) | mode, there.st_uid if uid is None else uid
    fields[5] = there.st_gid if gid is None else gid

    assert stored.whose(os.stat_result(fields)) == why


def test_a_state_folder_that_others_can_change_is_refused_with_the_cure(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    stored.own_folder(folder)
    folder.mkdir(mode=0o700)
    stored.own_folder(folder)
    folder.chmod(0o777)

    with pytest.raises(StateError, match="can be changed by other users") as caught:
        stored.own_folder(folder)
    assert f"chmod go-w '{folder}'" in str(caught.value.hint)


@pytest.mark.parametrize("text", ["", "new"])
def test_what_is_written_anew_waits_for_no_pipe(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    os.mkfifo(path)

    assert write_if_changed(path, text)
    assert path.read_text() == text
    assert not write_if_changed(path, text)

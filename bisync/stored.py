"""What lies on the disk, read as if somebody had tampered with it: bounded, never waited for, in one shape or refused.

Programs crash, disks fail, folders are shared, and files are edited by hand. So every file that a program of ours left
for the next one is opened and understood here: what comes out is a plain file of the user's own, of a size that fits
into memory, and JSON in the shape that its reader knows. Anything else is one error, and never a traceback later on.
"""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import stat
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from bisync.errors import StateError

SMALL: Final = 16 << 20
"""Bytes; more than any note of one sync has."""
LARGE: Final = 2 << 30
"""Bytes, for what has a line for each file: ten million of them."""
MOST: Final = 1 << 68
"""No number is larger: times in ns go to the year 9999 and beyond, sizes in bytes are smaller."""
_ESCAPED = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u(?:[dD][89a-fA-F][0-9a-fA-F]{2}|0000)"
)
# A byte of a name that is not UTF-8 (PEP 383).
_ODD_BYTE = re.compile(r"\\u[dD][cC][89a-fA-F][0-9a-fA-F]")


class Damaged(ValueError):
    """A file that does not say what a program of ours writes."""


# -- files ----------------------------------------------------------------------------------------------


def read(path: Path, *, limit: int = SMALL, foreign: bool = False) -> bytes:
    """The bytes of a plain file. Never waits, as a pipe would have it. `foreign`: it may be anybody's.

    Raises StateError for what is no plain file, has more than `limit` bytes or is another user's, and OSError.
    """
    descriptor = open_plain(path, os.O_RDONLY, foreign=foreign)
    with os.fdopen(descriptor, "rb") as stream:
        if os.fstat(descriptor).st_size <= limit:
            raw = stream.read(limit + 1)
            if len(raw) <= limit:
                return raw
    raise StateError(f"{path} has more than {limit >> 20} MiB: this is none of ours", hint=_away(path))


def open_plain(path: Path, flags: int, *, foreign: bool = False) -> int:
    """A descriptor of a plain file, private where `flags` make it; it is never waited for. Raises as `read`."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY, 0o600)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise StateError(f"{path} is not a plain file", hint=_away(path))
        if not foreign and (why := whose(status)) is not None:
            raise StateError(f"{path} {why}: what it says is not to be trusted", hint=_away(path))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def whose(status: os.stat_result) -> str | None:
    """Why a file or folder is not the user's alone to change, in words; None where it is, or is the system's."""
    if status.st_uid not in (os.geteuid(), 0):
        return f"belongs to another user (uid {status.st_uid})"
    mode = stat.S_IMODE(status.st_mode)
    if mode & stat.S_IWOTH or (mode & stat.S_IWGRP and not is_own_group(status.st_gid)):
        return f"can be changed by other users (mode {mode:04o})"
    return None


def is_own_group(gid: int) -> bool:
    """Whether a group is the user's alone, or root's. One that nobody knows is, where it has the user's number."""
    if gid == 0:
        return True
    import grp
    import pwd

    uid = os.geteuid()
    try:
        user, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return gid == uid
    return is_private(user.pw_name, user.pw_gid, group.gr_name, gid, frozenset(group.gr_mem))


def is_private(user: str, primary: int, group: str, gid: int, members: frozenset[str]) -> bool:
    """Whether a group is the user's alone: it is theirs by default, named like them, and lists nobody else. Pure.

    (The name tells it from a group that everybody has by default, as `users` or `staff`: such members are not listed.)
    """
    return gid == primary and group == user and members <= {user}


def own_folder(path: Path) -> None:
    """Raise StateError for a folder that others can change: what lies in it may be theirs. None there is fine."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    why = whose(status)
    if why is None:
        return
    foreign = status.st_uid not in (os.geteuid(), 0)
    mend = 'chown -R "$(id -u)"' if foreign else "chmod go-w"
    raise StateError(
        f"the state folder {path} {why}",
        hint=f"if all in it is yours, type: {mend} {shlex.quote(str(path))}; "
        "or name another as state_dir in the manifest",
    )


def _away(path: Path) -> str:
    name = shlex.quote(str(path))
    aside = shlex.quote(f"{path}.broken")
    return f"look at it, then move it away: mv {name} {aside}"


# -- JSON -----------------------------------------------------------------------------------------------


def load(path: Path, shape: Any, *, limit: int = SMALL) -> Any:
    """The document in a file of ours, in its shape (`fits`). Raises Damaged for any other, else as `read`."""
    found = parse(read(path, limit=limit))
    if not fits(found, shape):
        raise Damaged("it is not in the shape that is written here")
    return found


def parse(raw: bytes | str) -> Any:
    """JSON as we write it: UTF-8, each key once, finite numbers, text that can be a name of a file. Raises Damaged."""
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
        if "\\ud" in text or "\\uD" in text or "\\u0000" in text:
            _refuse_no_text(text)
        return _DECODER.decode(text)
    except RecursionError:
        raise Damaged("it is nested too deep") from None
    except UnicodeDecodeError:
        raise Damaged("it is not UTF-8") from None
    except Damaged:
        raise
    except ValueError as error:
        # That of Python's limit for digits is long, and about Python.
        raise Damaged(f"it is not JSON: {getattr(error, 'msg', None) or 'a number is too large'}") from None


def moment(text: object) -> datetime | None:
    """A time with its zone (RFC 3339), as we write it; None for anything else."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _refuse_no_text(text: str) -> None:
    """Halves of characters, which no file can be called and nothing can print, and NUL."""
    for found in _ESCAPED.finditer(text):
        one = found.group()
        if len(one) == len("\\u0000") and _ODD_BYTE.fullmatch(one) is None:
            raise Damaged(f"it holds {one}, which is no text")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Damaged("a key is there twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Damaged("a number is too large")
    return number


def _no_number(text: str) -> NoReturn:
    raise Damaged(f"{text} is no number")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=_finite, parse_constant=_no_number)


# -- shapes ---------------------------------------------------------------------------------------------


class Fields(tuple[Any, ...]):
    """The shape of a list of just these, in this order: `Fields((str, int))`."""

    __slots__ = ()


def fits(value: Any, shape: Any) -> bool:
    """Whether JSON has a shape. Written as what it looks like:

    `str`, `int` (below `MOST`), `float` (an int, too), `bool`, None; a tuple: any of these; a set: one of these texts;
    `[str]`: a list of texts; `Fields`; `{str: int}`: numbers by any text; `{"a": int, "b?": str}`: an object with `a`,
    perhaps with `b`, and with whatever else.
    """
    match shape:
        case None:
            return value is None
        case type():
            return _is_one(value, shape)
        case Fields():
            return _is_list(value) and len(value) == len(shape) and all(map(fits, value, shape))
        case tuple():
            return any(fits(value, one) for one in shape)
        case frozenset() | set():
            # (Of an Enum's members none is equal to a text.)
            assert all(type(one) is str for one in shape), shape
            return isinstance(value, str) and value in shape
        case [each]:
            return _is_list(value) and all(fits(one, each) for one in value)
        case dict():
            return isinstance(value, dict) and _is_object(value, shape)
    raise AssertionError(f"no shape: {shape!r}")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_one(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, int | float) and -MOST <= value < MOST
    if kind is int:
        return isinstance(value, int) and -MOST <= value < MOST
    return isinstance(value, kind)


def _is_object(value: Mapping[str, Any], shape: Mapping[Any, Any]) -> bool:
    for key, each in shape.items():
        if key is str:
            if not all(fits(one, each) for one in value.values()):
                return False
        elif key.endswith("?"):
            if key[:-1] in value and not fits(value[key[:-1]], each):
                return False
        elif key not in value or not fits(value[key], each):
            return False
    return True

"""The lines of an ignore file, or a clear error: nothing is guessed where rules may guard a secret."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection
from pathlib import Path

from bisync.errors import IgnoreError

MAX_BYTES = 1 << 20


def is_among(path: Path, contents: Collection[str]) -> bool:
    """Whether a plain file, no link, holds what has one of these MD5s. What cannot be read does not."""
    if not contents:
        return False
    digest = hashlib.md5(usedforsecurity=False)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return False
            while chunk := stream.read(MAX_BYTES):
                digest.update(chunk)
    except OSError:
        return False
    return digest.hexdigest() in contents


def read_ignore_file(path: Path, name: str | None = None, *, follow: bool = True) -> list[str]:
    """The lines of an ignore file, without their line feeds.

    `name` is how errors call it; a symbolic link is an error unless `follow`.

    A byte order mark at the very start is not part of the first line, as for git. Raises IgnoreError
    for a file that cannot be read, is not a plain file, is not UTF-8, or is larger than 1 MiB: git
    would go on without its rules, and then what they guard would leave this machine.
    """
    called = name or str(path)
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        handle = os.open(path, flags)
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise IgnoreError(
                    f"{called}: not a plain file", hint="Replace it with a text file, or remove it."
                )
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise IgnoreError(
            f"{called}: cannot be read: {error.strerror}", hint="Make the ignore file readable, or remove it."
        ) from error
    if len(data) > MAX_BYTES:
        line = data.count(b"\n") + 1
        raise IgnoreError(
            f"{called}:{line}: the ignore file is larger than {MAX_BYTES} bytes",
            hint="Ignore whole folders instead of many single files.",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise IgnoreError(f"{called}:{line}: not text in UTF-8", hint="Save the file as UTF-8.") from error
    return text.split("\n")

"""Files that survive a crash: written beside and renamed over, private from birth."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bisync.errors import UsageError


def private_dir(path: Path) -> Path:
    """Make `path` and its missing parents, each 0700 where we create it; return it."""
    missing = []
    folder = path
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
    return path


def atomic_write(path: Path, data: str | bytes, *, mode: int = 0o600) -> None:
    """Replace the content of `path` in one step; a reader sees the old text or the new, never half.

    A symlink is followed, so that the link stays. The temporary file is born 0600 (mkstemp) in the
    target's own folder, flushed to disk, then renamed over. Raises OSError.
    """
    foreign_link(path)
    target = path.resolve()
    raw = data.encode() if isinstance(data, str) else data
    try:
        _write_beside(target, raw, mode)
    except OSError as error:
        # A full disk names no file, a read-only folder the temporary one: neither helps the reader.
        error.filename, error.filename2 = str(path), None
        raise


def plain_target(path: Path) -> Path:
    """The place of a file that somebody names to be written, which is not there yet or is a plain file.

    Links on the way are followed where `atomic_write` follows them; none that has the name itself. Raises OSError, and
    UsageError for what has the name already and is something else, and for a folder that is not there.
    """
    foreign_link(path)
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except NotADirectoryError:
        raise UsageError(
            f"{path}: {path.parent} is no folder", hint="name a file in a folder that is there"
        ) from None
    if stat.S_ISDIR(mode):
        raise UsageError(f"{path} is a folder, not a file", hint="name a file in it")
    if stat.S_ISLNK(mode):
        raise UsageError(f"{path} is a link: nothing is written through it", hint="name the file itself")
    if not stat.S_ISREG(mode):
        raise UsageError(f"{path} is no plain file", hint="name another")
    if not path.parent.is_dir():
        raise UsageError(
            f"{path}: the folder {path.parent} is not there", hint="make it first, or name another"
        )
    return path.parent.resolve() / path.name


def write_plain(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a private file as `atomic_write` does, and through no link that has its name. Raises as `plain_target`."""
    target = plain_target(path)
    try:
        # A rename replaces whatever has the name by then, and follows nothing.
        _write_beside(target, text.encode(), mode)
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def foreign_link(path: Path) -> None:
    """Raise OSError where a path leads through a link that is neither the user's nor root's: it could lead anywhere."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow them
    for one in (whole, *whole.parents):
        try:
            status = os.lstat(one)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if stat.S_ISLNK(status.st_mode) and status.st_uid not in (os.geteuid(), 0):
            raise OSError(errno.ELOOP, f"{one} is a link that another user made", str(path))


def _write_beside(target: Path, raw: bytes, mode: int) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_if_changed(path: Path, data: str | bytes, *, mode: int = 0o600) -> bool:
    """As `atomic_write`, but leave a file alone that holds `data` already; True when it wrote."""
    raw = data.encode() if isinstance(data, str) else data
    try:
        # Only what may be the same is read: what lies there can be a pipe, which never ends, or a huge file.
        there = path.stat()
        if stat.S_ISREG(there.st_mode) and there.st_size == len(raw) and path.read_bytes() == raw:
            return False
    except FileNotFoundError:
        private_dir(path.parent)
    atomic_write(path, raw, mode=mode)
    return True


def named_path(text: str) -> Path:
    """A path as somebody typed it, with `~` as the home. A name that only begins like one (`~$draft.docx`) stays."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises where there is no such user


def home_of(env: Mapping[str, str]) -> Path:
    """The user's home, by an environment."""
    return Path(env.get("HOME") or Path.home())


def home_state(env: Mapping[str, str]) -> Path:
    """Where this machine remembers what no manifest may move. (XDG base directories: a relative one is passed over.)"""
    said = env.get("XDG_STATE_HOME", "")
    return (Path(said) if said.startswith("/") else home_of(env) / ".local" / "state") / "bisync"

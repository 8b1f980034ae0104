"""Folders that are never synced: keys lie there, or what starts by itself.

Whoever can write to the bucket writes into a sync dir, on every device: a file in one of these would be a program that
runs, or a key that travels. What holds one of them is refused as well as what lies in it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

_KEYS = "keys lie there"
_STARTS = "what lies there is run, or says what is"
_SYSTEM = "it is the system's"
# Below the home.
_IN_HOME = {
    _KEYS: (
        ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".oci", ".password-store", ".local/share/keyrings",
        ".config/gcloud", ".config/gh", ".config/op", ".config/rclone", ".config/sops", ".mozilla", ".thunderbird",
        ".config/google-chrome", ".config/chromium", "Library/Keychains",
    ),
    _STARTS: (
        "bin", ".bin", ".local/bin", ".local/lib", ".cargo/bin", ".local/share/systemd", ".config/systemd",
        ".config/autostart", ".config/environment.d", ".config/fish", ".config/git", ".config/pip", ".config/nvim",
        ".config/bisync", ".local/share/applications", ".bashrc.d", ".zshrc.d", ".profile.d", ".oh-my-zsh",
        "Library/LaunchAgents", "Library/Application Scripts", "Library/Services",
    ),
}  # fmt: skip
# The whole folder at the root, for everybody whose home is not in it.
_AT_ROOT = (
    "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/boot", "/proc", "/sys", "/var/spool", "/snap",
    "/nix", "/System", "/Library", "/Applications", "/private/etc", "/private/var/db",
)  # fmt: skip


class _Forbidden(NamedTuple):
    shown: str
    why: str
    folder: Path


def why_not(folder: Path, home: Path, *, folds: bool = sys.platform == "darwin") -> str | None:
    """Why a folder (links resolved) is no sync dir, in words that follow its name; None where nothing is against it.

    `folds`: names that differ in case alone are one. Where the disk says so itself, for folders that exist, it is seen.
    """
    above = [folder, *folder.parents]
    identities = {found for one in above if (found := _identity(one)) is not None}
    for one in _forbidden(home):
        there = _identity(one.folder)
        if _is_below(folder, one.folder, folds) or there in identities:
            is_it = folder == one.folder or (there is not None and there == _identity(folder))
            return f"{'is' if is_it else 'lies in'} {one.shown}: {one.why}"
        if _is_below(one.folder, folder, folds):
            return f"holds {one.shown}: {one.why}"
    return None


@cache
def _forbidden(home: Path) -> tuple[_Forbidden, ...]:
    return tuple(_all(home))


def _all(home: Path) -> Iterator[_Forbidden]:
    for why, names in _IN_HOME.items():
        for name in names:
            # A link there leads to where they really lie, as into a folder of dotfiles.
            for place in dict.fromkeys((home / name, Path(os.path.realpath(home / name)))):
                yield _Forbidden(f"~/{name}", why, place)
    for name in _AT_ROOT:
        place = Path(os.path.realpath(name))
        if not home.is_relative_to(place):
            yield _Forbidden(name, _SYSTEM, place)


def _is_below(one: Path, other: Path, folds: bool) -> bool:
    """Whether one folder is the other, or lies in it."""
    if folds:
        return Path(str(one).casefold()).is_relative_to(Path(str(other).casefold()))
    return one.is_relative_to(other)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - as short, and asked dozens of times
    except OSError:
        return None
    return status.st_dev, status.st_ino


def holds_stored_keys(remote: str) -> bool:
    """Whether a remote is a section of rclone.conf that `setup`, or the vendor's program, stored keys in."""
    return remote.partition(":")[0].strip().strip("'\"").casefold().startswith("basic-memory-")


STORED_KEYS = (
    "holds keys that setup stored for one bucket, and opens nothing else;"
    " make a remote of your own: rclone config, or name the bucket here: provider: s3"
)

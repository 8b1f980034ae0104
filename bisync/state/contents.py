"""What texts held when both sides last agreed on them: what edits of both are merged by.

An index says which text a path had, a file each holds one, compressed, under the digest of what it holds. Nothing here
is needed: what is missing, or is not what its name says, makes a conflict of two edits and costs nothing else. So it is
written in one step, but nobody waits for the disk.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple

from bisync.core import merge
from bisync.errors import StateError
from bisync.files import atomic_write, private_dir
from bisync.stored import LARGE, Damaged
from bisync.stored import load as load_stored
from bisync.stored import read as read_stored

VERSION = 1
_SHAPE = {"version": int, "texts": {str: [(None, str)]}}
_DIGEST_LENGTH = 64


class Known(NamedTuple):
    """A path's content as both sides had it: its MD5, and the SHA-256 of the text that is kept; None where none is."""

    md5: str
    digest: str | None


@dataclass(frozen=True, slots=True)
class Contents:
    """The texts of one sync, in the folder `root`, and what its index said."""

    root: Path
    known: Mapping[str, Known]

    @classmethod
    def read(cls, root: Path) -> Contents:
        """What is kept in a folder; nothing where there is none, or its index was cut short. Raises OSError."""
        try:
            texts = load_stored(root / "index.json", _SHAPE, limit=LARGE)["texts"]
        except (FileNotFoundError, Damaged):
            return cls(root, {})
        return cls(root, {path: Known(row[0], row[1]) for path, row in texts.items() if _is_row(row)})

    def text(self, path: str, md5: str | None) -> bytes | None:
        """The text that both sides held under a path, whose MD5 is in the baseline; None where it is not kept."""
        known = self.known.get(path)
        if known is None or known.digest is None or md5 is None or known.md5 != md5:
            return None
        try:
            text = _unpacked(read_stored(self._place(known.digest), limit=2 * merge.LARGEST))
        except (StateError, OSError, ValueError, zlib.error):
            return None
        return text if merge.digest(text) == known.digest else None

    def last(self, path: str) -> bytes | None:
        """The text that is kept for a path, whatever both sides hold by now."""
        known = self.known.get(path)
        return None if known is None else self.text(path, known.md5)

    def keep(self, text: bytes) -> str:
        """Keep a text; its digest. Raises OSError."""
        digest = merge.digest(text)
        place = self._place(digest)
        if not (place.is_file() and place.stat().st_size):
            private_dir(place.parent)
            with NamedTemporaryFile(prefix=".new.", dir=place.parent, delete=False) as stream:
                stream.write(zlib.compress(text))
            Path(stream.name).replace(place)
        return digest

    def write(self, known: Mapping[str, Known]) -> None:
        """Write a new index down, and let go of every text that it does not name. Raises OSError."""
        private_dir(self.root)
        rows = {path: [one.md5, one.digest] for path, one in sorted(known.items())}
        atomic_write(self.root / "index.json", json.dumps({"version": VERSION, "texts": rows}) + "\n")
        named = {self._place(one.digest) for one in known.values() if one.digest is not None}
        for kept in self._kept():
            if kept not in named:
                kept.unlink(missing_ok=True)

    def drop(self) -> None:
        """Let go of everything. Raises OSError."""
        if self.root.is_dir():
            shutil.rmtree(self.root)

    def _place(self, digest: str) -> Path:
        return self.root / digest[:2] / digest[2:]

    def _kept(self) -> Iterator[Path]:
        for folder in self.root.iterdir():
            if folder.is_dir() and not folder.is_symlink():
                yield from folder.iterdir()


def _is_row(row: list[str | None]) -> bool:
    return (
        len(row) == 2
        and row[0] is not None
        and (row[1] is None or (len(row[1]) == _DIGEST_LENGTH and set(row[1]) <= set("0123456789abcdef")))
    )


def _unpacked(packed: bytes) -> bytes:
    """What was compressed; no more of it than a text has, whatever was put there. Raises ValueError, zlib.error."""
    opened = zlib.decompressobj()
    text = opened.decompress(packed, merge.LARGEST + 1)
    if not opened.eof or len(text) > merge.LARGEST:
        raise ValueError("no text of ours")
    return text

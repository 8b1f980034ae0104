"""What `init` says of the manifest that it has written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bisync.core.printable import printable

if TYPE_CHECKING:
    from bisync.manifest.fitting import Fitted


def fitted_lines(path: Path, fitted: Fitted, commands: Sequence[str]) -> list[str]:
    """What a manifest that was written to `path` keeps in sync, and what to type next, a command a line."""
    return [
        f"✓ Wrote {path}: {printable(fitted.dir)} <-> {printable(fitted.store)}",
        *(f"  → {'then' if number else 'type'}: {one}" for number, one in enumerate(commands)),
    ]

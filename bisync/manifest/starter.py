"""The manifest that `init` writes: every key that there is, explained, all but one tenant commented out."""

from __future__ import annotations

import os
from pathlib import Path

from bisync.errors import UsageError


def starter() -> str:
    """The text of the manifest that `init` writes: the example, all but its first tenant commented out."""
    from bisync.manifest.fitting import schema_lines
    from bisync.render import render

    return render("bisync.yaml.j2", example=False, schema=schema_lines())


def write_starter(path: Path, text: str | None = None) -> None:
    """Write a manifest, the commented one or this `text`, to `path`, readable for the team it is shared with.

    Raises UsageError when there is something at `path`, or nothing can be written there.
    """
    from bisync.files import atomic_write, private_dir

    if os.path.lexists(path):
        raise UsageError(
            f"{path} exists already; it is left as it is",
            hint="edit it and check it with: bisync validate, or name another file with --manifest",
        )
    try:
        private_dir(path.parent)
        atomic_write(path, starter() if text is None else text, mode=0o644)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None

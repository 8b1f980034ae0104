"""stdout and stderr as they come: a terminal or a pipe, in some encoding, or closed."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def put(text: str, stream: TextIO | None, *, end: str = "\n") -> None:
    """Print `text` as the stream's encoding can (a C locale has no check mark); a closed one takes nothing.

    In one piece: what several threads print stays in its lines.
    """
    if stream is not None:
        encoding = stream.encoding or "utf-8"
        stream.write((text + end).encode(encoding, "replace").decode(encoding))
        stream.flush()


def on_terminal(stream: TextIO | None) -> bool:
    """Whether somebody is looking at what goes to `stream`."""
    return stream is not None and stream.isatty()


def style(text: str, code: str) -> str:
    """`text` in an SGR colour where stderr is a terminal; plain in a pipe and under NO_COLOR (no-color.org)."""
    if on_terminal(sys.stderr) and not os.environ.get("NO_COLOR"):
        return f"\x1b[{code}m{text}\x1b[0m"
    return text

"""What is said of a manifest's grant: what it may do, what of that is new, and the question. Pure."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bisync.core.grants import Capability, Standing

QUESTION = "May it? [y/N] "
WIDTH = 80


def grant_lines(manifest: Path, standing: Standing, *, dry_run: bool = False) -> list[str]:
    """What is about to be granted; a single line where nothing is new."""
    if standing.holds:
        assert standing.at is not None
        return [f"✓ grant        {manifest.name} asks for nothing new since {standing.at[:10]}"]
    may = "would be allowed to" if dry_run else "may"
    lines = [f"+ grant        {manifest} {may}, on this machine:"]
    if standing.at is not None:
        lines = [f"+ grant        {manifest} asks for more than on {standing.at[:10]}:"]
    if standing.trouble is not None:
        lines.append(f"  (what was granted before does not count: {standing.trouble})")
    from bisync.core.grants import mark

    for one in standing.asked:
        lines += _wrapped(f"{mark(one, standing):<7}  " if standing.at is not None else "", one)
    return lines


def _wrapped(lead: str, one: Capability) -> Iterator[str]:
    """One capability, all of it: what is cut off could be what matters."""
    from bisync.core.grants import said

    yield from textwrap.wrap(
        f"  {lead}{one.kind.value:<7}  {said(one)}   ({one.where})",
        WIDTH,
        subsequent_indent=" " * (11 + len(lead)),
        break_on_hyphens=False,
        replace_whitespace=False,
        drop_whitespace=True,
    )


def declined_hint(manifest: Path) -> str:
    """What to do where somebody has said no."""
    return f"take out of {manifest.name} what it may not do, then type: bisync setup"


def grants_document(standing: Standing) -> dict[str, Any]:
    """What of it stands in the document of `setup --json`."""
    rows = [
        {
            "kind": one.kind.value,
            "key": one.where,
            "text": one.text,
            "command": list(one.argv),
            "new": one in standing.new,
        }
        for one in standing.asked
    ]
    return {"grants": rows}

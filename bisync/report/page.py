"""Pages to look at in a browser: one file that holds all it needs, and asks nobody for anything.

No script, no font, picture or style from elsewhere, and a policy in it that lets a browser use none. Names and texts of
others stand in it cleaned and escaped: `bisync.render` sees to it for each value, whatever a template forgets.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from typing import Any, NamedTuple

from bisync.core.printable import printable
from bisync.render import render, render_page

MANY = 50
"""So much of a list is shown."""


class Some(NamedTuple):
    """Some of a long list, and how many more there are."""

    shown: tuple[Any, ...]
    more: int


def some(found: Iterable[Any], at_most: int = MANY) -> Some:
    """The first of a list, and how many more there are."""
    every = tuple(found)
    return Some(every[:at_most], max(0, len(every) - at_most))


def page(template: str, *, title: str, **values: object) -> str:
    """The text of a page: `template` (of templates/, in the frame of `page.html.j2`) with `values` in it."""
    style = render("page.css")
    # CSP Level 3, "hash-source": this style and no other, so no attribute can hide or show anything either.
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return render_page(template, printable, title=title, style=style, policy=policy, **values)


def on_a_stream(text: str) -> str:
    """A page for stdout, whose encoding may be another than the one that the page says it has."""
    return text.encode("ascii", "xmlcharrefreplace").decode().removesuffix("\n")


def page_lines(path: str) -> list[str]:
    """Where a page is."""
    return [f"Page written: {path}"]


def in_sync_dir_line(path: str, sync: str) -> str:
    """That a page will travel."""
    return f"{path} lies in the sync dir of {sync}: the next sync takes it along, unless it is ignored"

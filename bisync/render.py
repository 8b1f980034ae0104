"""Templates to text: the one place that knows Jinja."""

from __future__ import annotations

import shlex
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, /, **values: object) -> str:
    """The text of `template` (a file name in templates/) with `values` in it.

    A value that the template names and `values` lacks is an error, as is an unknown template: both are
    bugs of ours, so jinja2's own exceptions come through.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    # Imported here: it takes as long as reading the manifest, and most runs write nothing from a template.
    import jinja2

    folder = files("bisync.templates")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text("utf-8")),
        undefined=jinja2.StrictUndefined,
        # What we write is text in formats of its own, never HTML.
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["commented"] = commented
    environment.filters["sh"] = shell_word
    return environment


def shell_word(text: str) -> str:
    """`text` as one word of a POSIX shell; `{run}` in it is the variable RUN."""
    return '"$RUN"'.join(shlex.quote(part) if part else "" for part in text.split("{run}")) or "''"


def commented(text: str) -> str:
    """Each line of `text` as a comment, `# ` put where the leftmost begins; comments and blank lines stay."""
    lines = text.splitlines(keepends=True)
    margin = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
    return "".join(
        line if not line.strip() or line.lstrip().startswith("#") else f"{line[:margin]}# {line[margin:]}"
        for line in lines
    )

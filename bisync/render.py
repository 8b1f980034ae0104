"""Templates to text: the one place that knows Jinja."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from functools import cache, partial
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


def render_page(template: str, clean: Callable[[str], str], /, **values: object) -> str:
    """As `render`, HTML: each text of `values` is cleaned and escaped wherever it comes to stand."""
    return _environment(clean).get_template(template).render(**values)


@cache
def _environment(clean: Callable[[str], str] | None = None) -> Environment:
    # Imported here: it takes as long as reading the manifest, and most runs write nothing from a template.
    import jinja2

    folder = files("bisync.templates")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text("utf-8")),
        undefined=jinja2.StrictUndefined,
        # All but pages is text in formats of its own, in which HTML's escapes would mean nothing.
        autoescape=clean is not None,
        finalize=None if clean is None else partial(_cleaned, clean),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["commented"] = commented
    environment.filters["counted"] = counted
    environment.filters["sh"] = shell_word
    environment.filters["yaml"] = yaml_word
    return environment


def _cleaned(clean: Callable[[str], str], value: object) -> object:
    """A value as it comes to stand in a page; what a template of ours has made already stays as it is."""
    return clean(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def counted(count: int) -> str:
    """A number as people read it: 12,345."""
    return f"{count:,}"


def shell_word(text: str) -> str:
    """`text` as one word of a POSIX shell; `{run}` in it is the variable RUN."""
    return '"$RUN"'.join(shlex.quote(part) if part else "" for part in text.split("{run}")) or "''"


def yaml_word(text: str, *, flow: bool = False) -> str:
    """`text` as one scalar of YAML that every reader takes for just this text: without quotes where that is plain.

    `flow`: inside brackets, where fewer characters are plain.
    """
    plain = _PLAIN_IN_BRACKETS if flow else _PLAIN
    if plain.fullmatch(text) and text.lower() not in _OTHER_IN_YAML:
        return text
    return '"' + "".join(_ESCAPES.get(one) or _seen(one) for one in text) + '"'


# Words, paths and addresses that begin with a letter: no number, date or time, nothing that means more in YAML.
_PLAIN = re.compile(
    r"(?:~?/\.?|\./|https?://)?[A-Za-z][A-Za-z0-9_./-]*(?::[0-9]+)?(?:/[A-Za-z0-9_./-]*)?", re.ASCII
)
_PLAIN_IN_BRACKETS = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
# What is no text for some reader (YAML 1.1, "bool" and "null"; inf and nan only with a dot before them).
_OTHER_IN_YAML = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"))
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


def _seen(one: str) -> str:
    """A character as it stands between double quotes: itself where it can be seen, else by its number."""
    if one.isprintable():
        return one
    code = ord(one)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def commented(text: str) -> str:
    """Each line of `text` as a comment, `# ` put where the leftmost begins; blank lines stay."""
    lines = text.splitlines(keepends=True)
    margin = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
    return "".join(line if not line.strip() else f"{line[:margin]}# {line[margin:]}" for line in lines)

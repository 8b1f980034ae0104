"""What is wrong with text that is no YAML, for who wrote it: where the slip is, and what to write instead. Pure.

PyYAML says where it could not go on, and calls it by its grammar's names. The slip is often a line before, and nearly
always one of a dozen: a text that needs quotes, a bracket or a quote that is open, a colon, a comma, an indentation.
The marks of its two parsers agree; their words do not, and are only told apart by the few that are in both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from bisync.manifest.hidden import below_a_secret, is_secret, spoken, suggests_secret

LONGEST = 60
"""So much of a text is shown with the quotes it needs, in letters."""


class Last(NamedTuple):
    """The last value that was read before the end: its text, where it begins (from 1), and its keys."""

    value: str
    line: int
    column: int
    path: tuple[str | int, ...]


NOTHING = Last("", 0, 0, ())


class Slip(NamedTuple):
    """Where it is (from 1; 0: nowhere), below which keys, and in words. `hidden`: its line is not to be shown."""

    line: int
    column: int
    path: tuple[str | int, ...]
    text: str
    hidden: bool


class _Found(NamedTuple):
    line: int  # from 0, as all below
    column: int
    text: str
    path: tuple[str | int, ...] = ()


class _Text(NamedTuple):
    lines: Sequence[str]

    def line(self, number: int) -> str:
        return self.lines[number] if 0 <= number < len(self.lines) else ""

    def secret(self, number: int) -> bool:
        return suggests_secret((), self.line(number)) or below_a_secret(self.lines, number)

    def closed(self, number: int, column: int) -> bool:
        """Whether the bracket there is closed anywhere below, as far as brackets alone can tell."""
        depth = 0
        for char in "".join([self.line(number)[column:], *self.lines[number + 1 :]]):
            depth += (char in "{[") - (char in "}]")
            if depth == 0:
                return True
        return False

    def instead(self, number: int, key: str, value: str) -> str:
        """` KEY: "VALUE"`, to be written instead; nothing but the quotes where it could be a secret."""
        value = value.strip()
        if not value or len(value) > LONGEST or not value.isprintable() or self.secret(number):
            return ""
        inside = f'"{value}"' if not re.search(r'["\\]', value) else "'" + value.replace("'", "''") + "'"
        return f": {key}: {inside}" if key else f": {inside}"


def slip(error: Any, lines: Sequence[str], last: Last) -> Slip:
    """One line from a PyYAML exception. Nothing of the text is in it where that could be a secret."""
    text = _Text(lines)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        found = _unreadable(error, lines)
    else:
        said = _Said(
            " ".join(str(getattr(error, part, None) or "") for part in ("context", "problem")),
            mark.line,
            mark.column,
            getattr(error, "context_mark", None),
        )
        rules = (_deep, _tab, _begins, _quote, _flow, _colon, _key, _block)
        found = next((one for rule in rules if (one := rule(said, text, last))), None) or _Found(
            mark.line, mark.column, "this is no YAML; is a quote, a comma or a bracket missing?"
        )
    line = max(found.line, 0)
    hidden = text.secret(line) or suggests_secret(found.path, "")
    return Slip(found.line + 1, found.column + 1, spoken(found.path), found.text, hidden)


class _Said(NamedTuple):
    """PyYAML's words, where it stopped, and where what it was at began."""

    words: str
    line: int
    column: int
    context: Any

    @property
    def start(self) -> tuple[int, int]:
        return (self.context.line, self.context.column) if self.context else (self.line, self.column)


def _unreadable(error: Any, lines: Sequence[str]) -> _Found:
    position = getattr(error, "position", None)
    if not isinstance(position, int):
        return _Found(-1, -1, "this is no YAML")
    for number, line in enumerate(lines):
        if position <= len(line):
            return _Found(number, position, "a control character; remove it")
        position -= len(line) + 1
    return _Found(-1, -1, "a control character; remove it")


def _deep(said: _Said, text: _Text, last: Last) -> _Found | None:
    """Newer PyYAMLs stop at a depth of their own."""
    if "nesting depth" not in said.words:
        return None
    return _Found(said.line, said.column, "nested too deep; this is no manifest")


def _tab(said: _Said, text: _Text, last: Last) -> _Found | None:
    before = re.match(r"\s*", text.line(said.line))
    if before and "\t" in before[0] and said.column <= before.end():
        return _Found(said.line, said.column, "a tab; indent with spaces, not tabs")
    return None


def _begins(said: _Said, text: _Text, last: Last) -> _Found | None:
    """A text whose first letter means something in YAML."""
    line, column = said.start if "while scanning an a" in said.words or "a tag" in said.words else said[1:3]
    if "block scalar" in said.words:
        line, column = said.start
    char = text.line(line)[column : column + 1]
    telling = (
        "cannot start any token",
        "scanning an a",
        "scanning a tag",
        "block scalar",
        "mapping keys are not",
    )
    if not any(words in said.words for words in telling) or not char.isprintable() or char in ("", " "):
        return None
    value = re.match(r"[^\s,\]}]*", text.line(line)[column:])
    instead = text.instead(line, "", value[0] if value else "")
    return _Found(line, column, f"text that begins with {char} needs quotes{instead}")


def _quote(said: _Said, text: _Text, last: Last) -> _Found | None:
    line, column = said.start
    if "escape" in said.words:
        text_ = "in double quotes \\ begins an escape; put a text with \\ in single quotes: 'C:\\notes'"
        return _Found(line, column, text_)
    if "quoted scalar" not in said.words:
        return None
    mark = text.line(line)[column : column + 1]
    return _Found(line, column, f"this quote is not closed; end the text with another {mark}")


def _flow(said: _Said, text: _Text, last: Last) -> _Found | None:
    """Between { and }, or [ and ]."""
    if "flow" not in said.words:
        return None
    line, column = said.start
    opened = text.line(line)[column : column + 1]
    here = text.line(said.line)[said.column : said.column + 1]
    key = str(last.path[-1]) if last.path and isinstance(last.path[-1], str) else ""
    if here == "{" and last.value.endswith("$"):
        return _variable(text, last, key)
    if here == ":" and last.line - 1 == said.line:
        between = re.match(r"(.*\S)\s+([a-z_]+)", last.value)
        if between is None or "/" in between[2] or "~" in between[1][:1]:
            rest = re.match(r"[^,\]}]*", text.line(said.line)[last.column - 1 :])
            return _with_colon(text, last.line - 1, last.column - 1, key, rest[0] if rest else "", last.path)
        comma = last.column - 1 + len(between[1])
        before = "" if text.secret(said.line) else f", before {between[2]}"
        return _Found(said.line, comma, f"a comma is missing here{before}")
    bang = re.search(r"[\[{,:]\s*(![^\s,\]}]*)", text.line(line)[column:])
    if bang is not None:  # the parser that is in Python takes what follows for a part of the tag
        instead = text.instead(line, "", bang[1])
        return _Found(line, column + bang.start(1), f"text that begins with ! needs quotes{instead}")
    if here == ":" and last.line and text.closed(line, column):
        number = last.line - 1
        return _Found(number, len(text.line(number).rstrip()), "a comma is missing at the end of this line")
    closing = {"{": "}", "[": "]"}.get(opened, "")
    if here in ("}", "]") and here != closing and closing:
        return _Found(
            said.line, said.column, f"{here} does not close the {opened} on line {line + 1}; write {closing}"
        )
    if here and "node" in said.words:
        return _Found(said.line, said.column, f"a value is missing before this {here}")
    return (
        _Found(line, column, f"this {opened} is not closed; write {closing} where it ends")
        if closing
        else None
    )


def _variable(text: _Text, last: Last, key: str) -> _Found:
    number = last.line - 1
    found = re.match(r"[^\s,{}\[\]]*(?:\$\{[^}]*\}[^\s,{}\[\]]*)+", text.line(number)[last.column - 1 :])
    if key == "env":
        said = "env takes the name of a variable alone: {env: NAME}"
    else:
        said = "put it in quotes, for the braces in it" + text.instead(number, key, found[0] if found else "")
    return _Found(number, last.column - 1, said, last.path)


def _with_colon(
    text: _Text, line: int, column: int, key: str, value: str, path: tuple[str | int, ...]
) -> _Found:
    if is_secret(path) and key not in ("file", "command"):
        said = "a secret is never written here; write {env: NAME}, {command: [program, argument]} or {file: PATH}"
    else:
        said = "put it in quotes, for the colon in it" + text.instead(line, key, re.sub(r"\s+#.*", "", value))
    return _Found(line, column, said, path)


def _colon(said: _Said, text: _Text, last: Last) -> _Found | None:
    """A colon where none can be: in a text, or behind one that went on over several lines."""
    if "mapping values are not" not in said.words:
        return None
    if last.line - 1 == said.line:
        line = text.line(said.line)
        whole = re.match(r"(\s*(?:- +)*)([^:#]+): +(.*)", line)
        if whole is None:
            return None
        return _with_colon(text, said.line, whole.start(3), whole[2].strip(), whole[3], last.path)
    if not last.line:
        return None
    number, column = last.line - 1, last.column - 1
    first = text.line(number)[column:]
    key_alone = not text.line(number)[:column].strip(" -")
    if key_alone:
        return _no_colon(text, number, column, first)
    indent = len(text.line(said.line)) - len(text.line(said.line).lstrip())
    return _Found(said.line, indent, f"indented deeper than the key on line {number + 1}; indent both alike")


def _key(said: _Said, text: _Text, last: Last) -> _Found | None:
    """A line that is to be a key, and has no colon."""
    if "simple key" not in said.words:
        return None
    line, column = said.start
    return _no_colon(text, line, column, text.line(line)[column:])


def _no_colon(text: _Text, line: int, column: int, words: str) -> _Found:
    key, rest = (re.match(r"([\w-]*)(.*)", words) or re.match("()()", "")).groups()  # type: ignore[union-attr]
    shown = "" if text.secret(line) or not key or len(words) > LONGEST or not words.isprintable() else key
    value = rest.lstrip(": ").rstrip()
    instead = f": {shown}: {value}".rstrip() if shown else ""
    if rest.startswith(":"):
        return _Found(line, column + len(key), f"a colon needs a space behind it{instead}")
    return _Found(line, column, f"a key needs a colon and a space behind it{instead}")


def _block(said: _Said, text: _Text, last: Last) -> _Found | None:
    """A line that does not go on with what is above it."""
    line = text.line(said.line)
    before, here = line[: said.column], line[said.column : said.column + 1]
    if "sequence entries are not" in said.words:
        text_ = "a list begins on a line of its own, or stands in brackets: [a, b]"
        return _Found(said.line, said.column, text_)
    if "parsing a block" not in said.words:
        return None
    if here in ("}", "]"):
        return _Found(said.line, said.column, f"this {here} closes nothing; remove it")
    opened = text.line(last.line - 1)[last.column - 1 : last.column]
    if before.strip() and last.line - 1 < said.line and opened in ('"', "'"):
        return _Found(
            last.line - 1, last.column - 1, f"this quote is not closed; end the text with another {opened}"
        )
    if before.strip():
        return _Found(said.line, said.column, "text behind a quote that is closed; put all of it in quotes")
    if here == "-":
        return _Found(said.line, said.column, "a list among keys; give it a key of its own, such as ignore:")
    return _Found(
        said.line, said.column, "indented otherwise than the lines it belongs to; indent keys alike"
    )

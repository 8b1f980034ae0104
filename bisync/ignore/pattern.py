"""One line of an ignore file -> one Rule, read as git reads it.

From gitignore(5) and from git's own `dir.c` (how a line is cut) and `wildmatch.c` (how a pattern
matches). Two decisions differ from git's C code and follow its manual or common sense: `?` and
`[...]` take one character where git takes one byte, and `lit**/x` has its documented meaning
(`**` next to other characters is an ordinary `*`), which git itself follows since 2.52.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from bisync.errors import IgnoreError
from bisync.ignore import charset
from bisync.ignore.charset import Charset

MAX_PATTERN = 4096  # PATH_MAX: nothing longer can name a file here
MAX_RULES = 20_000


class Gap(enum.Enum):
    """The parts of a pattern that take any number of characters."""

    NAME = "[^/]*"
    """A `*`: anything within one name."""
    TREE = ".*"
    """A closing `/**`: anything below."""
    FOLDERS = "(.*/)?"
    """A leading or inner `**/`: no folder or any number of them."""


Token = Charset | Gap
"""A Charset takes one character out of it."""

Tokens = tuple[Token, ...]
SLASH: Token = charset.single("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One pattern and where it stands.

    `text` is the line as git prints it (trailing spaces cut), `folder` the folder whose tree it
    speaks about ("" for the root, "a/b" without a closing slash otherwise), `line` counts from 1.
    `body` is the pattern relative to `folder`, None when no path can match it.
    """

    text: str
    source: str
    line: int
    folder: str
    negated: bool
    directory_only: bool
    anchored: bool
    body: Tokens | None

    @property
    def place(self) -> str:
        return f"{self.source}:{self.line}"

    @property
    def tokens(self) -> Tokens | None:
        """The whole pattern over paths relative to the root."""
        if self.body is None:
            return None
        floating: Tokens = () if self.anchored else (Gap.FOLDERS,)
        return (*literal(f"{self.folder}/" if self.folder else ""), *floating, *self.body)


@dataclass(frozen=True, slots=True)
class Layer:
    """Patterns that apply from the root of a tree: a name to cite, and one line per pattern.

    `first_line` is the number of the first line, for a layer that is a part of a larger file.
    """

    name: str
    lines: Sequence[str]
    first_line: int = 1


def literal(text: str) -> Tokens:
    return tuple(charset.single(char) for char in text)


def parse_lines(lines: Sequence[str], source: str, folder: str = "", first_line: int = 1) -> list[Rule]:
    """The rules in these lines, in order; comments and blank lines give none."""
    rules = []
    for number, line in enumerate(lines, first_line):
        rule = parse_line(line, source, number, folder)
        if rule is not None:
            rules.append(rule)
    return rules


def parse_line(line: str, source: str, number: int, folder: str = "") -> Rule | None:
    """`line` without its line feed -> Rule, or None for a comment or a blank line.

    Raises IgnoreError for what cannot be a line of an ignore file at all.
    """
    if line == "" or line.startswith("#"):
        return None
    check_line(line, source, number)
    text = trim(line)
    if text == "":
        return None
    negated = text.startswith("!")
    pattern = text[1:] if negated else text
    directory_only = pattern.endswith("/")
    if directory_only:
        pattern = pattern[:-1]
    anchored = "/" in pattern
    return Rule(
        text=text,
        source=source,
        line=number,
        folder=folder,
        negated=negated,
        directory_only=directory_only,
        anchored=anchored,
        body=tokenize(pattern),
    )


def check_line(line: str, source: str, number: int) -> None:
    """Raise IgnoreError when `line` is not one line of text, or longer than any path."""
    if "\n" in line:
        raise IgnoreError(
            f"{source}:{number}: a pattern holds a line break", hint="Write one pattern per line."
        )
    if len(line) > MAX_PATTERN:
        raise IgnoreError(
            f"{source}:{number}: the pattern has {len(line)} characters; the limit is {MAX_PATTERN}",
            hint="No path is that long: shorten the line or remove it.",
        )
    if not line.isascii() and any("\ud800" <= char <= "\udfff" for char in line):
        raise IgnoreError(
            f"{source}:{number}: the pattern is not text in UTF-8", hint="Save the file as UTF-8."
        )


def trim(line: str) -> str:
    """Cut what git cuts: one closing carriage return, all from a NUL on, unescaped closing spaces.

    Tabs and other blanks stay. `dir.c:trim_trailing_spaces`.
    """
    text = line.removesuffix("\r").split("\0", 1)[0]
    end, at = len(text), 0
    spaces: int | None = None
    while at < end:
        if text[at] == " ":
            spaces = at if spaces is None else spaces
        else:
            if text[at] == "\\":
                at += 1
                if at == end:
                    return text  # git gives up on a line that ends in a lone backslash
            spaces = None
        at += 1
    return text if spaces is None else text[:spaces]


def tokenize(pattern: str) -> Tokens | None:  # noqa: PLR0912 - one branch per kind of character
    """A pattern without its `!` and closing slash -> Tokens, or None when nothing can match it.

    Every path has non-empty names between single slashes; a pattern that needs otherwise is dead.
    """
    tokens: list[Token] = []
    paths = "/" in pattern
    pattern = pattern.removeprefix("/")
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            end = at
            while end < len(pattern) and pattern[end] == "*":
                end += 1
            rest = pattern[end:]
            alone = at == 0 or pattern[at - 1] == "/"
            if paths and end - at > 1 and alone and (not rest or rest.startswith("/")):
                gap = Gap.FOLDERS if rest else Gap.TREE
                at = end + 1
            elif paths and end - at > 1 and alone and rest.startswith("\\/"):
                gap = Gap.TREE  # wildmatch.c lets only a bare slash stand for no folder at all
                at = end
            else:
                gap = Gap.NAME
                at = end
            if not (tokens and tokens[-1] is gap):  # twice the same is the same
                tokens.append(gap)
        elif char == "?":
            tokens.append(charset.NOT_SLASH)
            at += 1
        elif char == "[":
            parsed = bracket(pattern, at)
            if parsed is None:
                return None
            chars, at = parsed
            tokens.append(chars)
        else:
            if char == "\\":
                at += 1
                if at == len(pattern):
                    return None
            tokens.append(charset.single(pattern[at]))
            at += 1
    return None if is_dead(tokens) else tuple(tokens)


def is_dead(tokens: Sequence[Token]) -> bool:
    """Whether no path matches: an empty class, no character at all, or an empty name."""
    if not tokens or charset.NOTHING in tokens:
        return True
    after_slash = True
    for token in tokens:
        if token == SLASH:
            if after_slash:
                return True
            after_slash = True
        elif token is not Gap.FOLDERS:  # what follows it starts a name, and so does it
            after_slash = False
    return after_slash


POSIX: dict[str, Charset] = {
    # wildmatch.c uses git's own ctype tables: ASCII only, and neither \v nor \f is a space there
    "alnum": charset.of([(48, 57), (65, 90), (97, 122)]),
    "alpha": charset.of([(65, 90), (97, 122)]),
    "blank": charset.of([(9, 9), (32, 32)]),
    "cntrl": charset.of([(0, 31), (127, 127)]),
    "digit": charset.of([(48, 57)]),
    "graph": charset.of([(33, 126)]),
    "lower": charset.of([(97, 122)]),
    "print": charset.of([(32, 126)]),
    "punct": charset.of([(33, 47), (58, 64), (91, 96), (123, 126)]),
    "space": charset.of([(9, 10), (13, 13), (32, 32)]),
    "upper": charset.of([(65, 90)]),
    "xdigit": charset.of([(48, 57), (65, 70), (97, 102)]),
}


def bracket(  # noqa: PLR0912 - the branches of the loop it retells
    pattern: str, start: int
) -> tuple[Charset, int] | None:
    """The class that opens at `start` -> (its characters, where the pattern goes on).

    None when git gives up on it (never closed, or an unknown POSIX class): then the whole pattern
    matches nothing. A step by step account of the loop in `wildmatch.c`, odd corners included.
    """
    end = len(pattern)
    at = start + 1
    negated = at < end and pattern[at] in "!^"
    if negated:
        at += 1
    ranges: list[charset.Range] = []
    previous: str | None = None  # where a range may begin
    first = True
    while True:
        if at >= end:
            return None
        char = pattern[at]
        if char == "]" and not first:
            break
        first = False
        if char == "\\":
            at += 1
            if at >= end:
                return None
            ranges.append((ord(pattern[at]), ord(pattern[at])))
            previous = pattern[at]
        elif char == "-" and previous is not None and at + 1 < end and pattern[at + 1] != "]":
            at += 1
            if pattern[at] == "\\":
                at += 1
                if at >= end:
                    return None
            ranges.append((ord(previous), ord(pattern[at])))
            previous = None
        elif char == "[" and pattern[at + 1 : at + 2] == ":":
            close = pattern.find("]", at + 2)
            if close < 0:
                return None
            if close - 1 < at + 2 or pattern[close - 1] != ":":
                ranges.append((ord("["), ord("[")))  # no ":]": an ordinary "["
                previous = "["
            else:
                name = pattern[at + 2 : close - 1]
                if name not in POSIX:
                    return None
                ranges.extend(POSIX[name])
                previous = None
                at = close
        else:
            ranges.append((ord(char), ord(char)))
            previous = char
        at += 1
    chars = charset.of(ranges)
    if negated:
        chars = charset.invert(chars)
    return charset.intersect(chars, charset.NOT_SLASH), at + 1

"""Automata and patterns -> expressions in Go's RE2 syntax, over names as rclone shows them.

rclone's filters never see some characters: a control character arrives as its picture (a tab as
U+2409), and such a picture, or the quote sign U+201B itself, arrives behind a U+201B. `seen`
translates; everything printed here has gone through it. Measured with rclone 1.75.2 on Linux.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from bisync.core import names
from bisync.ignore import charset
from bisync.ignore.automaton import Dfa, TooLarge
from bisync.ignore.charset import Charset
from bisync.ignore.pattern import Gap, Token, Tokens

QUOTE = names.QUOTE
PICTURES = names.PICTURES
QUOTED = charset.of([(ord(char), ord(char)) for char in (QUOTE, *PICTURES.values())])
CONTROLS = charset.of([(ord(char), ord(char)) for char in PICTURES])
SURROGATES: Charset = ((0xD800, 0xDFFF),)


def seen(chars: Charset) -> tuple[Charset, Charset]:
    """A set of real characters -> (those that rclone shows as one, those it shows behind a QUOTE)."""
    plain = charset.without(chars, charset.union(QUOTED, CONTROLS))
    pictures = charset.of(
        [
            (ord(picture), ord(picture))
            for control, picture in PICTURES.items()
            if charset.contains(chars, ord(control))
        ]
    )
    return charset.union(plain, pictures), charset.intersect(chars, QUOTED)


# --- printing -----------------------------------------------------------------------------------

PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/ -~@%=:,;<>\"'&!#`")
PLAIN_IN_CLASS = PLAIN - frozenset("-") | frozenset(".")


def show_char(point: int, plain: frozenset[str] = PLAIN) -> str:
    char = chr(point)
    if char in plain or (point > 0x7F and char.isprintable()):
        return char
    if char == "." and plain is PLAIN:
        return "\\."
    return f"\\x{point:02x}" if point < 0x80 else f"\\x{{{point:x}}}"


def show_set(chars: Charset) -> str:
    """A set of characters that rclone may show -> an expression for one of them."""
    if len(chars) == 1 and chars[0][0] == chars[0][1]:
        return show_char(chars[0][0])
    inverse = charset.invert(chars)
    if not inverse:
        return "."  # "[^]" would be no class in RE2
    if chars and chars[-1][1] == charset.LAST:
        return f"[^{_ranges(inverse)}]"
    return f"[{_ranges(charset.without(chars, SURROGATES))}]"


def _ranges(chars: Charset) -> str:
    text = []
    for low, high in chars:
        text.append(show_char(low, PLAIN_IN_CLASS))
        if high > low:
            text.append(("-" if high > low + 1 else "") + show_char(high, PLAIN_IN_CLASS))
    return "".join(text)


@functools.lru_cache(maxsize=4096)
def show_one(chars: Charset) -> str:
    """A set of real characters -> an expression for one of them as rclone shows it."""
    plain, quoted = seen(chars)
    if not quoted:
        return show_set(plain)
    behind = QUOTE + show_set(quoted if quoted != QUOTED else charset.NOT_SLASH)
    return f"(?:{show_set(plain)}|{behind})" if plain else behind


# --- single patterns, merged ---------------------------------------------------------------------


def atoms(tokens: Tokens) -> tuple[str, ...]:
    """A pattern as a sequence of expressions, none of which can end in an empty name.

    rclone asks directory rules about "dir/": were a lone `*` to take nothing there, `foo/*` would
    prune foo itself, and with it whatever a negation keeps in it.
    """
    # A `*` may swallow a QUOTE and let a picture after it pass for a control character, so it has
    # to go by whole characters in patterns that name one.
    careful = any(isinstance(token, tuple) and charset.intersect(token, CONTROLS) for token in tokens)
    any_char = show_one(charset.NOT_SLASH) if careful else "[^/]"
    parts = []
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else None
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        if token is Gap.NAME:
            lone = _ends_name(before) and (after is None or after == charset.single("/"))
            parts.append(any_char + ("+" if lone else "*"))
        elif token is Gap.TREE:
            parts.append(".+" if after is None else ".*")
        elif token is Gap.FOLDERS:
            parts.append("(?:.*/)?")
        elif isinstance(token, tuple):
            parts.append(show_one(token))
    return tuple(parts)


def _ends_name(token: Token | None) -> bool:
    return token is None or token is Gap.FOLDERS or token == charset.single("/")


MAX_NESTING = 200  # Go refuses an expression nested deeper than 1000


def merged(sequences: Iterable[tuple[str, ...]]) -> str:
    """One expression for all the sequences of atoms, common heads written once, in sorted order."""
    return _merge(sorted(set(sequences)), 0, 0)


def _merge(rows: Sequence[tuple[str, ...]], start: int, depth: int) -> str:
    """`rows` are sorted and agree on everything before `start`."""
    if depth > MAX_NESTING:
        return "(?:" + "|".join("".join(row[start:]) for row in rows) + ")"
    first, last = rows[0], rows[-1]
    end = start
    while end < len(first) and end < len(last) and first[end] == last[end]:
        end += 1
    head = "".join(first[start:end])
    if len(rows) == 1:
        return head
    optional = len(first) == end  # sorted: the row that ends here comes first
    branches = []
    at = int(optional)
    while at < len(rows):
        stop = at
        while stop < len(rows) and rows[stop][end] == rows[at][end]:
            stop += 1
        branches.append(_merge(rows[at:stop], end, depth + 1))
        at = stop
    return f"{head}(?:{'|'.join(branches)}){'?' if optional else ''}"


# --- automata to expressions -----------------------------------------------------------------------


class Term:
    """A regular expression. Equal ones are one object, within the Terms that made them."""

    __slots__ = ("chars", "depth", "kind", "nullable", "number", "parts", "size")
    nullable: bool
    size: int
    depth: int

    def __init__(self, kind: str, parts: tuple[Term, ...], chars: Charset, number: int) -> None:
        self.kind = kind
        self.parts = parts
        self.chars = chars
        self.number = number
        self.nullable = (
            kind in ("empty", "star")
            or (kind == "cat" and all(part.nullable for part in parts))
            or (kind == "alt" and any(part.nullable for part in parts))
        )
        self.depth = 1 + max((part.depth for part in parts), default=0)
        self.size = sum(part.size for part in parts) + (2 * len(chars) if kind == "chars" else 4)


class Terms:
    """Makes terms, simplifies them while making, and never makes the same one twice.

    Without this sharing the elimination of states below would be exponential.
    """

    def __init__(self, budget: int) -> None:
        self._made: dict[tuple[object, ...], Term] = {}
        self._budget = budget
        self.nothing = self._make("nothing")
        self.empty = self._make("empty")

    def _make(self, kind: str, parts: tuple[Term, ...] = (), chars: Charset = ()) -> Term:
        key = (kind, chars, *(part.number for part in parts))
        term = self._made.get(key)
        if term is None:
            term = self._made[key] = Term(kind, parts, chars, len(self._made))
            if term.size > self._budget or term.depth > MAX_NESTING:
                raise TooLarge
        return term

    def one(self, chars: Charset) -> Term:
        return self._make("chars", (), chars) if chars else self.nothing

    def cat(self, *terms: Term) -> Term:
        parts: list[Term] = []
        for term in terms:
            if term is self.nothing:
                return self.nothing
            parts.extend(_sequence(term))
        if not parts:
            return self.empty
        return parts[0] if len(parts) == 1 else self._make("cat", tuple(parts))

    def star(self, term: Term) -> Term:
        if term is self.nothing or term is self.empty:
            return self.empty
        if term.kind == "star":
            return term
        if term.kind == "alt" and self.empty in term.parts:
            return self.star(self.alt(*(part for part in term.parts if part is not self.empty)))
        return self._make("star", (term,))

    def alt(self, *terms: Term) -> Term:  # noqa: PLR0912 - one simplification after the other
        chars: list[charset.Range] = []
        parts: dict[int, Term] = {}
        for term in terms:
            for part in term.parts if term.kind == "alt" else (term,):
                if part.kind == "chars":
                    chars.extend(part.chars)
                elif part is not self.nothing:
                    parts[part.number] = part
        if chars:
            merged_chars = self.one(charset.of(chars))
            parts[merged_chars.number] = merged_chars
        options = [parts[number] for number in sorted(parts)]
        if self.empty in options and any(part.nullable and part is not self.empty for part in options):
            options.remove(self.empty)
        options = self._factor(self._factor(options, 0), -1)
        if self.empty in options:
            for place, part in enumerate(options):  # ()|XX* is X*
                if part.kind == "cat" and len(part.parts) > 1:
                    for star, rest in ((part.parts[-1], part.parts[:-1]), (part.parts[0], part.parts[1:])):
                        if star.kind == "star" and star.parts[0] is self.cat(*rest):
                            options[place] = star
                            options.remove(self.empty)
                            return self.alt(*options)
        if not options:
            return self.nothing
        if len(options) == 1:
            return options[0]
        return self._make("alt", tuple(sorted(options, key=lambda part: part.number)))

    def _factor(self, options: list[Term], end: int) -> list[Term]:
        """Write a first (`end` 0) or last (-1) part that several options share only once."""
        shared: dict[int, list[Term]] = {}
        for part in options:
            if part is not self.empty:
                shared.setdefault(_sequence(part)[end].number, []).append(part)
        if len(shared) == len([part for part in options if part is not self.empty]):
            return options
        factored = [self.empty] if self.empty in options else []
        for group in shared.values():
            if len(group) == 1:
                factored.append(group[0])
                continue
            edge = _sequence(group[0])[end]
            if end == 0:
                rest = self.alt(*(self.cat(*_sequence(part)[1:]) for part in group))
                factored.append(self.cat(edge, rest))
            else:
                rest = self.alt(*(self.cat(*_sequence(part)[:-1]) for part in group))
                factored.append(self.cat(rest, edge))
        return factored


def _sequence(term: Term) -> tuple[Term, ...]:
    if term.kind == "cat":
        return term.parts
    return () if term.kind == "empty" else (term,)


def expression(dfa: Dfa, classes: Sequence[Charset], budget: int, reverse: bool = False) -> str:
    """The texts that `dfa` marks, as one expression, read from the end if `reverse`.

    States are taken out one by one, the cheapest first; what goes through one becomes an edge
    around it. Raises TooLarge when an expression outgrows `budget`.
    """
    terms = Terms(budget)
    start, end = -1, len(dfa.moves)
    outs: dict[int, dict[int, Term]] = {state: {} for state in range(-1, end + 1)}
    ins: dict[int, set[int]] = {state: set() for state in range(-1, end + 1)}

    def connect(source: int, target: int, term: Term) -> None:
        known = outs[source].get(target)
        outs[source][target] = term if known is None else terms.alt(known, term)
        ins[target].add(source)

    connect(start, 0, terms.empty)
    for state, moves in enumerate(dfa.moves):
        by_target: dict[int, list[charset.Range]] = {}
        for symbol, target in moves.items():
            by_target.setdefault(target, []).extend(classes[symbol])
        for target in sorted(by_target):
            connect(state, target, terms.one(charset.of(by_target[target])))
        if dfa.marks[state]:
            connect(state, end, terms.empty)

    def weight(state: int) -> int:
        row, sources = outs[state], ins[state]
        loop = row[state].size if state in row else 0
        arrivals = [outs[source][state].size for source in sources if source != state]
        leaves = [term.size for target, term in row.items() if target != state]
        # what is written anew, less what goes away
        return (
            sum(arrivals) * (len(leaves) - 1)
            + sum(leaves) * (len(arrivals) - 1)
            + loop * (len(arrivals) * len(leaves) - 1)
        )

    weights = {state: weight(state) for state in range(end)}
    while weights:
        state = min(weights, key=lambda one: (weights[one], one))
        del weights[state]
        row = outs.pop(state)
        loop = row.pop(state, None)
        around = terms.empty if loop is None else terms.star(loop)
        sources = sorted(ins.pop(state) - {state})
        for source in sources:
            arrival = outs[source].pop(state)
            for target in sorted(row):
                through = (
                    terms.cat(row[target], around, arrival)
                    if reverse
                    else terms.cat(arrival, around, row[target])
                )
                connect(source, target, through)
        for target in row:
            ins[target].discard(state)
        for neighbour in {*sources, *row}:
            if neighbour in weights:
                weights[neighbour] = weight(neighbour)
    return show(outs[start].get(end, terms.nothing))


def show(term: Term) -> str:
    """Print a term; an alternation at the top stands in a group, too."""
    text = ""
    if term.kind == "nothing":
        text = "[^\\x00-\\x{10ffff}]"
    elif term.kind == "chars":
        text = show_set(term.chars)
    elif term.kind == "cat":
        text = "".join(_show_cat(term.parts))
    elif term.kind == "star":
        text = _group(term.parts[0]) + "*"
    elif term.kind == "alt":
        options = [part for part in term.parts if part.kind != "empty"]
        optional = "?" if len(options) < len(term.parts) else ""
        text = _group(options[0]) if len(options) == 1 else f"(?:{'|'.join(show(one) for one in options)})"
        text += optional
    return text


def _show_cat(parts: tuple[Term, ...]) -> Iterable[str]:
    at = 0
    while at < len(parts):
        part = parts[at]
        after = parts[at + 1] if at + 1 < len(parts) else None
        if after is not None and after.kind == "star" and after.parts[0] is part:
            yield _group(part) + "+"
            at += 2
        else:
            yield show(part)
            at += 1


def _group(term: Term) -> str:
    """As `show`, but safe to repeat."""
    text = show(term)
    if term.kind == "chars" or (term.kind == "alt" and not text.endswith(("?", "*"))):
        return text
    return f"(?:{text})"

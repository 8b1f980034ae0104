"""Ordered rules -> one rclone filter file that excludes exactly what git would ignore.

Only exclude rules are written for the user's patterns, so rclone's first-match order is
irrelevant. For each exclude pattern P, the paths it matches and no later negation takes back are
a regular language E; a path is ignored when it, or a folder above it, is in the union of the Es.
Where no negation overlaps, E is P itself. Otherwise E is a difference of automata, turned back
into an expression. A `!foo/` takes back folders only, so E may differ for files and for folders.

Rules are merged into as few as possible: rclone tries every rule on every path, at 2-4 µs each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bisync import files
from bisync.errors import IgnoreError
from bisync.ignore import builtin, charset, regex
from bisync.ignore.automaton import Dfa, Nfa, TooLarge, backwards, explore, language, overlap
from bisync.ignore.charset import Charset
from bisync.ignore.rules import Gap, Rule, Tokens, literal
from bisync.ignore.ruleset import RuleSet

VERSION = 1
"""Part of the cache key: raise it when the same rules compile to another text."""

MAX_LINE = 60_000  # bytes; rclone's scanner fails on a line of 64 KiB
CHUNK = 30_000
MAX_STATES = 3_000
MAX_EXPRESSION = 200_000  # terms, before printing

DIRECTORIES, FILES = 1, 2


def compile_rules(rules: RuleSet, cache_dir: Path | None = None) -> str:
    """The text of the filter file for `rules`, weakest first. Raises IgnoreError for a pattern
    whose exact translation is too large.

    With `cache_dir`, a text compiled before is taken from there; one that was damaged is not.
    """
    if cache_dir is None:
        return _compile(rules.rules)
    path = cache_dir / f"{fingerprint(rules.rules)}.rclone"
    known = _cached(path)
    if known is not None:
        return known
    text = _compile(rules.rules)
    files.private_dir(cache_dir)
    files.atomic_write(path, f"# {_digest(text)}\n{text}")
    return text


def fingerprint(rules: Sequence[Rule]) -> str:
    """A hash of all that the compiled text depends on."""
    facts = [f"{VERSION}", *(repr((rule.folder, rule.source, rule.text)) for rule in rules)]
    return _digest("\n".join(facts))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _cached(path: Path) -> str | None:
    try:
        seal, _, text = path.read_bytes().decode("utf-8", "surrogateescape").partition("\n")
    except FileNotFoundError:
        return None
    return text if seal == f"# {_digest(text)}" else None


def _compile(rules: Sequence[Rule]) -> str:
    buckets = Buckets()
    for group in grouped(rules):
        group.compile_into(buckets)
    return "".join(f"{line}\n" for line in (*header(rules), *builtin.FILTERS, *buckets.lines()))


def header(rules: Sequence[Rule]) -> Iterator[str]:
    """Where the rules come from, without anything that changes while they do not."""
    yield "# Compiled from gitignore rules; changes here are lost. Made from:"
    sources = sorted({rule.source for rule in rules})
    for source in sources[:20]:
        name = source.rsplit("/", 1)[-1] if source.startswith("/") else source
        yield f"#   {ascii(name)[1:-1][:200]}"
    if len(sources) > 20:
        yield f"#   and {len(sources) - 20} more"
    if not sources:
        yield "#   no rules at all"


# --- which negation can take back what ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape:
    """What can be compared fast about a pattern: the literal text it begins and ends with."""

    head: str
    tail: str
    name_head: str | None
    """Of a pattern without slashes: the literal text its names begin with."""

    def may_meet(self, other: Shape) -> bool:
        size = min(len(self.tail), len(other.tail))
        if size and self.tail[-size:] != other.tail[-size:]:
            return False
        size = min(len(self.head), len(other.head))
        if self.head[:size] != other.head[:size]:
            return False
        if self.name_head is not None and other.name_head is not None:
            size = min(len(self.name_head), len(other.name_head))
            return self.name_head[:size] == other.name_head[:size]
        return True


def shape(rule: Rule, tokens: Tokens) -> Shape:
    body = rule.body or ()
    # a floating name stands behind a slash or at the start of the path, so it ends there
    tail = _literal_head(tuple(reversed(tokens)))[::-1]
    return Shape(_literal_head(tokens), tail, None if rule.anchored else _literal_head(body))


def _literal_head(tokens: Tokens) -> str:
    text = []
    for token in tokens:
        if not isinstance(token, tuple) or len(token) != 1 or token[0][0] != token[0][1]:
            break
        text.append(chr(token[0][0]))
    return "".join(text)


def grouped(rules: Sequence[Rule]) -> list[Group]:
    """The exclude patterns, put together by the later negations they overlap with.

    Patterns that no path can match, and negations that take nothing back, are left out.
    """
    negations: list[tuple[int, Rule, Tokens, Shape]] = []
    for place, rule in enumerate(rules):
        tokens = rule.tokens
        if rule.negated and tokens is not None:
            negations.append((place, rule, tokens, shape(rule, tokens)))
    known: dict[tuple[Tokens, Tokens], bool] = {}

    def meet(one: Tokens, other: Tokens) -> bool:
        key = (one, other)
        if key not in known:
            known[key] = overlap(one, other)
        return known[key]

    groups: dict[tuple[bool, tuple[int, ...], str | None], Group] = {}
    for place, rule in enumerate(rules):
        tokens = rule.tokens
        if rule.negated or tokens is None:
            continue
        against = []
        mine = shape(rule, tokens) if negations else None
        floating = not rule.anchored
        for later, negation, others, theirs in negations:
            if mine is not None and later > place and mine.may_meet(theirs):
                same = floating and not negation.anchored and negation.folder == rule.folder
                if meet(rule.body or (), negation.body or ()) if same else meet(tokens, others):
                    against.append(later)
        by_name = not rule.anchored and all(
            not rules[one].anchored and rules[one].folder == rule.folder for one in against
        )
        scope = rule.folder if by_name else None
        key = (rule.directory_only, tuple(against), scope)
        if key not in groups:
            groups[key] = Group(scope, tuple(rules[one] for one in against), rule.directory_only)
        groups[key].positives.append(rule)
    return list(groups.values())


# --- one group --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Buckets:
    """What is excluded, as sequences of atoms: folders with all below, files, or both."""

    both: set[tuple[str, ...]] = field(default_factory=set)
    folders: set[tuple[str, ...]] = field(default_factory=set)
    files: set[tuple[str, ...]] = field(default_factory=set)

    def lines(self) -> Iterator[str]:
        """rclone takes a rule as a folder rule, too, when its text holds `**`, and asks it about
        "dir/". `[**]{0}` matches nothing and only carries the stars."""
        for chunk in _chunks(self.both):
            yield f"- /{{{{(?s)(?:{chunk})(?:/.*|[**]{{0}})}}}}"
        for chunk in _chunks(self.folders):
            yield f"- /{{{{(?s)(?:{chunk})/.*}}}}**"
        for chunk in _chunks(self.files):
            yield f"- /{{{{(?s)(?:{chunk})}}}}"


def _chunks(sequences: Iterable[tuple[str, ...]]) -> Iterator[str]:
    chunk: list[tuple[str, ...]] = []
    size = 0
    for sequence in sorted(sequences):
        length = len("".join(sequence).encode())
        if chunk and size + length > CHUNK:
            yield regex.merged(chunk)
            chunk, size = [], 0
        chunk.append(sequence)
        size += length
    if chunk:
        yield regex.merged(chunk)


@dataclass(slots=True)
class Group:
    """Exclude patterns that the same negations overlap with.

    `scope` is a folder when patterns and negations all have no slash and speak about that folder:
    then only names are looked at. None when whole paths are.
    """

    scope: str | None
    negations: tuple[Rule, ...]
    directory_only: bool
    positives: list[Rule] = field(default_factory=list)

    def compile_into(self, buckets: Buckets) -> None:
        if not self.negations:
            bucket = buckets.folders if self.directory_only else buckets.both
            bucket.update(regex.atoms(rule.tokens) for rule in self.positives if rule.tokens is not None)
            return
        try:
            expressions = self._difference()
        except TooLarge:
            if len(self.positives) == 1:
                raise self._refusal() from None
            for rule in self.positives:
                Group(self.scope, self.negations, self.directory_only, [rule]).compile_into(buckets)
            return
        head: tuple[str, ...] = ()
        if self.scope is not None:
            below = literal(f"{self.scope}/") if self.scope else ()
            head = regex.atoms((*below, Gap.FOLDERS))
        for marks, expression in expressions.items():
            bucket = {DIRECTORIES: buckets.folders, FILES: buckets.files}.get(marks, buckets.both)
            bucket.add((*head, expression))

    def _refusal(self) -> IgnoreError:
        rule, last = self.positives[0], self.negations[-1]
        return IgnoreError(
            f"{rule.place}: {rule.text!r} with {len(self.negations)} later negations"
            f" (the last is {last.text!r} at {last.place}) is too complex to translate exactly",
            hint="Use fewer or simpler negations: whole names or folders instead of `?` and `*` within names.",
        )

    def _difference(self) -> dict[int, str]:
        """Expressions for the folders, the files, or both (1 | 2) that stay ignored."""
        dfa, classes = self._automaton()
        wanted = [DIRECTORIES | FILES] if self._alike() else [DIRECTORIES, FILES]
        if self.directory_only:
            wanted = [DIRECTORIES]
        found = {}
        for marks in wanted:
            smallest = language(dfa, marks)
            if any(smallest.marks):
                found[marks] = shortest(smallest, classes)
        return found

    def _alike(self) -> bool:
        """Whether the same files and folders stay ignored."""
        return not any(rule.directory_only for rule in self.negations)

    def _automaton(self) -> tuple[Dfa, list[Charset]]:
        patterns = [*self.positives, *self.negations]
        by_name = self.scope is not None
        nfa = Nfa([(rule.body if by_name else rule.tokens) or () for rule in patterns])
        split = len(self.positives)
        matched = sum(nfa.accepts[:split])
        back_folders = back_files = settled = 0
        for place, rule in enumerate(self.negations, split):
            back_folders |= nfa.accepts[place]
            if not rule.directory_only:
                back_files |= nfa.accepts[place]
            if self.directory_only or not rule.directory_only:
                settled |= nfa.opens[place]  # takes back all that follows: nothing to find there

        def marks(state: int) -> int:
            if not state & matched:
                return 0
            folder = 0 if state & back_folders else DIRECTORIES
            file = 0 if self.directory_only or state & back_files else FILES
            return folder | file

        view = View(nfa)
        start = (nfa.start, True, False)

        def goes_down(state: int) -> bool:
            # what lies below an ignored folder is ignored with it, whatever is said about it
            return not by_name and not marks(state) & DIRECTORIES

        def successors(state: _Reading) -> Iterator[tuple[int, _Reading]]:
            if state[0] & settled:
                return
            yield from view.successors(state, goes_down)

        def mark(state: _Reading) -> int:
            places, at_start, quoted = state
            if quoted:
                return marks(nfa.step(places, view.other))
            return 0 if at_start or places & settled else marks(places)

        return explore(start, successors, mark, MAX_STATES), view.classes


_Reading = tuple[int, bool, bool]
"""Places in the patterns, whether a name is about to begin, whether a QUOTE was just read."""


class View:
    """Reads text as rclone shows it with an Nfa over real names: see `regex.seen`."""

    def __init__(self, nfa: Nfa) -> None:
        self._nfa = nfa
        cuts = {0, charset.LAST + 1}
        named = [*nfa.sets, *(charset.single(char) for char in sorted(nfa.literals)), charset.single("/")]
        for chars in (*named, regex.QUOTED, regex.CONTROLS):
            for low, high in chars:
                cuts.update((low, high + 1))
        for picture in regex.PICTURES.values():
            cuts.update((ord(picture), ord(picture) + 1))
        controls = {picture: control for control, picture in regex.PICTURES.items()}
        points = sorted(cuts)
        self.other = chr(charset.LAST)
        ranges: dict[tuple[str, int, int], list[charset.Range]] = {}
        for low, after in zip(points, points[1:], strict=False):
            char = chr(low)
            if char == "/" or char == regex.QUOTE:
                key = (char, 0, 0)
            elif char in controls:
                key = ("picture", self._go(controls[char]), self._go(char))
            else:
                # a real control character is never shown, so it may join the others
                key = ("plain", self._go(self.other if char in regex.PICTURES else char), 0)
            ranges.setdefault(key, []).append((low, after - 1))
        self.classes: list[Charset] = []
        self._slash = self._quote = -1
        self._singles: list[tuple[int, str, str]] = []  # class, read plain, read behind a QUOTE
        for number, (key, found) in enumerate(ranges.items()):
            self.classes.append(charset.of(found))
            char = chr(found[-1][0])
            if key[0] == "/":
                self._slash = number
            elif key[0] == regex.QUOTE:
                self._quote = number
            elif key[0] == "picture":
                self._singles.append((number, controls[char], char))
            else:
                self._singles.append((number, self.other if char in regex.PICTURES else char, ""))

    def _go(self, char: str) -> int:
        return self._nfa.moves(char)[0]

    def successors(self, state: _Reading, goes_down: Callable[[int], bool]) -> Iterator[tuple[int, _Reading]]:
        """The states after one more shown character; a slash only where `goes_down` and a name ended."""
        places, at_start, quoted = state
        step = self._nfa.step
        if quoted:
            # rclone shows only a quoted character behind a QUOTE. For any other, the state is free
            # to be what makes the automaton smallest: the one after some character and this one.
            after = step(places, self.other)
            yield self._quote, (step(places, regex.QUOTE), False, False)
            for number, plain, behind in self._singles:
                yield number, (step(places, behind) if behind else step(after, plain), False, False)
            if goes_down(after):
                yield self._slash, (step(after, "/"), True, False)
            return
        yield self._quote, (places, at_start, True)
        for number, plain, _ in self._singles:
            yield number, (step(places, plain), False, False)
        if not at_start and goes_down(places):
            yield self._slash, (step(places, "/"), True, False)


def shortest(dfa: Dfa, classes: Sequence[Charset]) -> str:
    """The shorter of the expressions read forwards and backwards. Raises TooLarge if neither fits."""
    found: list[str] = []
    try:
        found.append(regex.expression(dfa, classes, MAX_EXPRESSION))
    except TooLarge:
        pass  # the other direction may still do
    if not found or len(found[0]) > 200:
        try:
            reverse = backwards(dfa, 2 * MAX_STATES)
            found.append(regex.expression(reverse, classes, MAX_EXPRESSION, reverse=True))
        except TooLarge:
            pass  # likewise
    fitting = [one for one in found if len(one.encode()) <= MAX_LINE - 1000]
    if not fitting:
        raise TooLarge
    return min(fitting, key=len)

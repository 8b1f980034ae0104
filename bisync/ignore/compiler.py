"""Ordered rules -> one rclone filter file that excludes exactly what git would ignore.

Only exclude rules are written for the user's patterns, so rclone's first-match order is
irrelevant. For each exclude pattern P, the paths it matches and no later negation takes back are
a regular language E; a path is ignored when it, or a folder above it, is in the union of the Es.
Where no negation overlaps, E is P itself. Otherwise E is a difference of automata, turned back
into an expression. A `!foo/` takes back folders only, so E may differ for files and for folders.

A file that is a conflict copy is judged as its original (`conflict_names.judged_as`): the names of copies are taken out
of an E about files, and their endings may follow it.

Rules are merged into as few as possible: rclone tries every rule on every path, at 2-4 µs each.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bisync.core.conflict_names import ENDING
from bisync.errors import IgnoreError
from bisync.ignore import builtin, charset, re2
from bisync.ignore.automaton import Dfa, Nfa, TooLarge, backwards, explore, language, overlap
from bisync.ignore.charset import Charset
from bisync.ignore.copies import COPIES, copies_in, keeps_originals, may_end_in_digits
from bisync.ignore.pattern import Gap, Rule, Tokens, literal

MAX_LINE = 60_000  # bytes; rclone's scanner fails on a line of 64 KiB
CHUNK = 30_000
MAX_STATES = 20_000
MAX_STATES_FILES = 1_500  # files have another way
MAX_STATES_IN_ALL = 200_000
MAX_PAIRS = 50_000  # of patterns that may overlap, to look at closely: seconds
MAX_EXPRESSION = 200_000  # parts of terms, before printing

FOLDERS, FILES = 1, 2


def filter_text(rules: Sequence[Rule]) -> str:
    """The text of the filter file for `rules`, weakest first. Raises IgnoreError for a pattern
    whose exact translation is too large.
    """
    buckets = Buckets()
    try:
        groups = grouped(rules)
    except TooLarge:
        last = next((rule for rule in reversed(rules) if rule.negated), None)
        if last is None:  # the names of conflict copies are taken out of patterns that end in digits
            raise IgnoreError(
                f"{rules[-1].place}: it and the patterns before it are too many that end in a digit",
                hint="Ignore whole folders instead of many single files.",
            ) from None
        raise IgnoreError(
            f"{last.place}: {last.text!r} and the negations before it overlap with too many patterns",
            hint="Use fewer negations, or more specific ones.",
        ) from None
    for group in groups:
        group.compile_into(buckets)
    return "".join(f"{line}\n" for line in (*header(rules), *builtin.FILTERS, *buckets.lines(rules)))


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
    rules = [*rules, *(copy for folder in {rule.folder for rule in rules} for copy in copies_in(folder))]
    copies = {place: rule for place, rule in enumerate(rules) if rule.source is COPIES}
    known: dict[tuple[Tokens, Tokens], bool] = {}

    def meet(one: Tokens, other: Tokens) -> bool:
        key = (one, other)
        if key not in known:
            if len(known) >= MAX_PAIRS:
                raise TooLarge
            known[key] = overlap(one, other)
        return known[key]

    groups: dict[tuple[int, tuple[int, ...], str | None], Group] = {}

    def put(rule: Rule, wanted: int, against: list[int]) -> None:
        by_name = not rule.anchored and all(
            not rules[one].anchored and rules[one].folder == rule.folder for one in against
        )
        scope = rule.folder if by_name else None
        key = (wanted, tuple(against), scope)
        if key not in groups:
            groups[key] = Group(scope, tuple(rules[one] for one in against), wanted)
        groups[key].positives.append(rule)

    for place, rule in enumerate(rules):
        tokens = rule.tokens
        if rule.negated or tokens is None or not tokens:
            continue
        wanted = FOLDERS if rule.directory_only else FOLDERS | FILES
        against = []
        mine = shape(rule, tokens) if negations else None
        for later, negation, others, theirs in negations:
            if mine is None or later < place or not mine.may_meet(theirs):
                continue
            if takes_all(negation, rule):
                wanted &= ~(FOLDERS if negation.directory_only else FOLDERS | FILES)
                if not wanted:
                    break
            elif (
                meet(rule.body or (), negation.body or ())
                if not rule.anchored and not negation.anchored and negation.folder == rule.folder
                else meet(tokens, others)
            ):
                against.append(later)
        for_files = [one for one in against if not rules[one].directory_only]
        if wanted & FILES and (for_files or not keeps_originals(rule)) and may_end_in_digits(tokens):
            own = (one for one, copy in copies.items() if copy.folder == rule.folder)
            for_files += [one for one in own if meet(tokens, rules[one].tokens or ())]
        if wanted & FILES and for_files != against:
            put(rule, FILES, for_files)
            wanted &= ~FILES
        if wanted:
            put(rule, wanted, for_files if wanted == FILES else against)
    return list(groups.values())


def takes_all(negation: Rule, rule: Rule) -> bool:
    """Whether `negation` plainly takes back all that `rule` matches, but for files if it ends in a slash.

    True for the same pattern and for `!*` and `!*/`; other cases are left to the automata.
    """
    if negation.folder != rule.folder:
        return False
    everything = negation.body == (Gap.NAME,) and not negation.anchored
    return everything or (negation.body == rule.body and negation.anchored == rule.anchored)


# --- one group --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Buckets:
    """What is excluded, as sequences of atoms: folders with all below, files, or both."""

    both: set[tuple[str, ...]] = field(default_factory=set)
    folders: set[tuple[str, ...]] = field(default_factory=set)
    files: set[tuple[str, ...]] = field(default_factory=set)
    in_order: set[Rule] = field(default_factory=set)
    """Rules for which a difference is too large; they are about files alone."""
    states: int = MAX_STATES_IN_ALL
    """How many states of automata may still be explored."""

    def lines(self, rules: Sequence[Rule]) -> Iterator[str]:
        """rclone takes a rule as a folder rule, too, when its text holds `**`, and asks it about
        "dir/". `[**]{0}` matches nothing and only carries the stars."""
        for chunk in _chunks(self.both):
            yield f"- /{{{{(?s)(?:{chunk})(?:/.*|{ENDING}*|[**]{{0}})}}}}"
        for chunk in _chunks(self.folders):
            yield f"- /{{{{(?s)(?:{chunk})/.*}}}}**"
        for chunk in _chunks(self.files):
            yield f"- /{{{{(?s)(?:{chunk}){ENDING}*}}}}"
        # All that has to do with folders is said, so now a first match may include a file: the
        # strongest rule first, as git reads them from the last to the first.
        strongest_first = [rule for rule in reversed(rules) if rule in self.in_order]
        yield from _ordered(strongest_first, f"{ENDING}+")
        if strongest_first:
            yield f"+ /{{{{(?s).*[^/]{ENDING}}}}}"
        yield from _ordered(strongest_first, "")


def _ordered(strongest_first: Sequence[Rule], ending: str) -> Iterator[str]:
    for negated, run in itertools.groupby(strongest_first, key=lambda rule: rule.negated):
        for chunk in _chunks({re2.atoms(rule.tokens) for rule in run if rule.tokens is not None}):
            yield f"{'+' if negated else '-'} /{{{{(?s)(?:{chunk}){ending}}}}}"


def _chunks(sequences: Iterable[tuple[str, ...]]) -> Iterator[str]:
    chunk: list[tuple[str, ...]] = []
    size = 0
    for sequence in sorted(sequences):
        length = len("".join(sequence).encode())
        if chunk and size + length > CHUNK:
            yield re2.merged(chunk)
            chunk, size = [], 0
        chunk.append(sequence)
        size += length
    if chunk:
        yield re2.merged(chunk)


@dataclass(slots=True)
class Group:
    """Exclude patterns that the same negations overlap with, as far as they ignore what is `wanted`:
    folders, files, or both.

    `scope` is a folder when patterns and negations all have no slash and speak about that folder:
    then only names are looked at. None when whole paths are.
    """

    scope: str | None
    negations: tuple[Rule, ...]
    wanted: int
    positives: list[Rule] = field(default_factory=list)

    def compile_into(self, buckets: Buckets) -> None:
        bucket = {FOLDERS: buckets.folders, FILES: buckets.files}.get(self.wanted, buckets.both)
        if not self.negations:
            bucket.update(re2.atoms(rule.tokens) for rule in self.positives if rule.tokens is not None)
            return
        expression = self._try_difference(buckets)
        if expression is None:
            self._compile_otherwise(buckets)
            return
        head: tuple[str, ...] = ()
        if self.scope is not None:
            below = literal(f"{self.scope}/") if self.scope else ()
            head = re2.atoms((*below, Gap.FOLDERS))
        if expression:
            bucket.add((*head, expression))

    def _compile_otherwise(self, buckets: Buckets) -> None:
        """Too large for one difference: for files there is another way, for folders smaller groups."""
        if self.wanted == FILES:
            # (Names of copies among the negations are no rules of the user's: `lines` has its own word for them.)
            buckets.in_order.update((*self.positives, *self.negations))
            return
        if len(self.positives) == 1:
            raise self._refusal()
        if self.wanted == FOLDERS | FILES:
            Group(self.scope, self.negations, FILES, self.positives).compile_into(buckets)
        middle = len(self.positives) // 2
        for part in (self.positives[:middle], self.positives[middle:]):
            Group(self.scope, self.negations, FOLDERS, part).compile_into(buckets)

    def _refusal(self) -> IgnoreError:
        rule = self.positives[0]
        last = [one for one in self.negations if one.source is not COPIES][-1]
        return IgnoreError(
            f"{rule.place}: {rule.text!r} with {len(self.negations)} later negations"
            f" (the last is {last.text!r} at {last.place}) is too complex to translate exactly",
            hint="Take folders back first, with `!*/` right after that line, or use fewer negations.",
        )

    def _try_difference(self, buckets: Buckets) -> str | None:
        """As `_difference`; None when it is too large both ways."""
        for pruned in (True, False) if self.scope is None and self.wanted & FOLDERS else (False,):
            with contextlib.suppress(TooLarge):
                return self._difference(buckets, pruned)
        return None

    def _difference(self, buckets: Buckets, pruned: bool) -> str:
        """An expression for what stays ignored, "" for nothing.

        With `pruned` it says nothing about what lies below an ignored folder, which is ignored with
        it anyway. That is mostly, but not always, shorter.
        """
        by_name = self.scope is not None
        bodies = [
            tuple((rule.body if by_name else rule.tokens) or () for rule in some)
            for some in (self.positives, self.negations)
        ]
        limit = min(buckets.states, MAX_STATES_FILES if self.wanted == FILES else MAX_STATES)
        try:
            expression, states = difference(*bodies, by_name=by_name, pruned=pruned, limit=limit)
        except TooLarge:
            buckets.states -= limit
            raise
        buckets.states -= states
        if expression is None:
            raise TooLarge
        return expression


# Rules change one at a time, and what stands in other groups is as it was: whoever watches a folder need not go
# through that again.
@functools.lru_cache(maxsize=64)
def difference(
    positives: tuple[Tokens, ...], negations: tuple[Tokens, ...], *, by_name: bool, pruned: bool, limit: int
) -> tuple[str | None, int]:
    """An expression for what a positive matches and no negation takes back, and how many states it took; None for one
    that is too large.

    Raises TooLarge where the states are more than `limit`.
    """
    nfa = Nfa([*positives, *negations])
    split = len(positives)
    matched = sum(nfa.accepts[:split])
    taken_back = sum(nfa.accepts[split:])
    settled = sum(nfa.opens[split:])  # a negation takes back all that follows: nothing to find there

    def ignored(state: int) -> bool:
        return bool(state & matched) and not state & taken_back

    def goes_down(state: int) -> bool:
        return not by_name and not (pruned and ignored(state))

    view = View(nfa)

    def successors(state: _Reading) -> Iterator[tuple[int, _Reading]]:
        if not state[0] & settled:
            yield from view.successors(state, goes_down)

    def mark(state: _Reading) -> int:
        places, at_start, quoted = state
        if quoted:
            return int(ignored(nfa.step(places, view.other)))
        return int(not at_start and not places & settled and ignored(places))

    dfa = explore((nfa.start, True, False), successors, mark, limit)
    smallest = language(dfa, 1)
    expression: str | None = ""
    if any(smallest.marks):
        try:
            expression = shortest(smallest, view.classes)
        except TooLarge:
            expression = None
    return expression, len(dfa.moves)


_Reading = tuple[int, bool, bool]
"""Places in the patterns, whether a name is about to begin, whether a QUOTE was just read."""


class View:
    """Reads text as rclone shows it with an Nfa over real names: see `regex.seen`."""

    def __init__(self, nfa: Nfa) -> None:
        self._nfa = nfa
        cuts = {0, charset.LAST + 1}
        named = [*nfa.sets, *(charset.single(char) for char in sorted(nfa.literals)), charset.single("/")]
        for chars in (*named, re2.QUOTED, re2.CONTROLS):
            for low, high in chars:
                cuts.update((low, high + 1))
        for picture in re2.PICTURES.values():
            cuts.update((ord(picture), ord(picture) + 1))
        controls = {picture: control for control, picture in re2.PICTURES.items()}
        points = sorted(cuts)
        self.other = chr(charset.LAST)
        ranges: dict[tuple[str, int, int], list[charset.Range]] = {}
        for low, after in itertools.pairwise(points):
            char = chr(low)
            if char in ("/", re2.QUOTE):
                key = (char, 0, 0)
            elif char in controls:
                key = ("picture", self._go(controls[char]), self._go(char))
            else:
                # a real control character is never shown, so it may join the others
                key = ("plain", self._go(self.other if char in re2.PICTURES else char), 0)
            ranges.setdefault(key, []).append((low, after - 1))
        self.classes: list[Charset] = []
        self._slash = self._quote = -1
        self._singles: list[tuple[int, str, str]] = []  # class, read plain, read behind a QUOTE
        for number, (key, found) in enumerate(ranges.items()):
            self.classes.append(charset.of(found))
            char = chr(found[-1][0])
            if key[0] == "/":
                self._slash = number
            elif key[0] == re2.QUOTE:
                self._quote = number
            elif key[0] == "picture":
                self._singles.append((number, controls[char], char))
            else:
                self._singles.append((number, self.other if char in re2.PICTURES else char, ""))

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
            yield self._quote, (step(places, re2.QUOTE), False, False)
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
    # one direction may do where the other fails; deep terms end in Python's own limit at times
    with contextlib.suppress(TooLarge, RecursionError):
        found.append(re2.expression(dfa, classes, MAX_EXPRESSION))
    if not found or len(found[0]) > 200:
        with contextlib.suppress(TooLarge, RecursionError):
            reverse = backwards(dfa, 2 * MAX_STATES)
            found.append(re2.expression(reverse, classes, MAX_EXPRESSION, reverse=True))
    short = [one for one in found if len(one.encode()) <= MAX_LINE - 1000]
    if not short:
        raise TooLarge
    return min(short, key=len)

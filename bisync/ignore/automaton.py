"""Patterns as machines: one bit-parallel NFA, read lazily by the matcher and whole by the compiler.

`Nfa` holds any number of patterns in one integer: a set bit says that a pattern can stand at that
place. One step over a character is a shift and a few masks, however many patterns there are, so
nothing backtracks. `Dfa` is what the compiler makes of it to subtract one language from another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bisync.ignore import charset
from bisync.ignore.charset import Charset
from bisync.ignore.pattern import Gap, Tokens


class TooLarge(Exception):
    """An automaton or expression outgrew its budget; the caller knows which rules to name."""


class Nfa:
    """All `patterns` at once. States are integers, a bit per place in a pattern.

    `accepts[i]` is the bit that says pattern i has matched, `opens[i]` that it matches whatever
    follows; bits grow with i, so the highest accepting bit of a state is the last pattern's.
    """

    def __init__(self, patterns: Sequence[Tokens]) -> None:
        literals: dict[str, list[int]] = {}
        sets: dict[Charset, list[int]] = {}
        names: list[int] = []
        trees: list[int] = []
        entries: list[int] = []
        starts: list[int] = []
        self.accepts: list[int] = []
        self.opens: list[int] = []
        bit = 0
        for tokens in patterns:
            starts.append(bit)
            for token in tokens:
                if token is Gap.NAME:
                    names.append(bit)
                elif token is Gap.TREE:
                    trees.append(bit)
                elif token is Gap.FOLDERS:
                    entries.append(bit)  # may leave at once, or go on into the loop one bit up
                    bit += 1
                    trees.append(bit)
                    literals.setdefault("/", []).append(bit)
                elif isinstance(token, tuple) and len(token) == 1 and token[0][0] == token[0][1]:
                    literals.setdefault(chr(token[0][0]), []).append(bit)
                elif isinstance(token, tuple):
                    sets.setdefault(token, []).append(bit)
                bit += 1
            self.opens.append(1 << (bit - 1) if tokens and tokens[-1] is Gap.TREE else 0)
            self.accepts.append(1 << bit)
            bit += 1
        self.size = bit
        self.literals = {char: _mask(places, bit) for char, places in literals.items()}
        self.sets = {chars: _mask(places, bit) for chars, places in sets.items()}
        self._names = _mask(names, bit)
        self._trees = _mask(trees, bit)
        loops = {place + 1 for place in entries}
        self._skip = self._names | _mask([place for place in trees if place not in loops], bit)
        self._entries = _mask(entries, bit)
        self._moves: dict[str, tuple[int, int]] = {}
        self.start = self.close(_mask(starts, bit))

    def close(self, state: int) -> int:
        """`state` and all that it reaches without reading a character."""
        while True:
            entered = state & self._entries
            wider = state | (state & self._skip | entered) << 1 | entered << 2
            if wider == state:
                return state
            state = wider

    def moves(self, char: str) -> tuple[int, int]:
        """The places that go on, and those that stay, when they read `char`."""
        known = self._moves.get(char)
        if known is None:
            known = self._moves[char] = self._find_moves(char)
        return known

    def step(self, state: int, char: str) -> int:
        go, stay = self.moves(char)
        return self.close((state & go) << 1 | state & stay)

    def _find_moves(self, char: str) -> tuple[int, int]:
        go = self.literals.get(char, 0)
        for chars, places in self.sets.items():
            if charset.contains(chars, ord(char)):
                go |= places
        return go, self._trees if char == "/" else self._trees | self._names


def _mask(places: Iterable[int], size: int) -> int:
    data = bytearray(size // 8 + 1)
    for place in places:
        data[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(data, "little")


def overlap(one: Tokens, other: Tokens) -> bool:
    """Whether some path of non-empty names matches both. Quadratic in their lengths at most."""
    seen = {(0, 0, True)}
    todo = [(0, 0, True)]

    def push(first: int, second: int, at_start: bool) -> None:
        place = (first, second, at_start)
        if place not in seen:
            seen.add(place)
            todo.append(place)

    left, right = _edges(one), _edges(other)
    while todo:
        first, second, at_start = todo.pop()
        if first == len(left) - 1 and second == len(right) - 1 and not at_start:
            return True
        for target in left[first].free:
            push(target, second, at_start)
        for target in right[second].free:
            push(first, target, at_start)
        for chars, target in left[first].reads:
            for others, goal in right[second].reads:
                common = charset.intersect(chars, others)
                if not common:
                    continue
                if not at_start and charset.contains(common, SLASH_POINT):
                    push(target, goal, True)
                if common != SLASH_ONLY:
                    push(target, goal, False)
    return False


SLASH_POINT = ord("/")
SLASH_ONLY = charset.single("/")


@dataclass(slots=True)
class _Place:
    reads: list[tuple[Charset, int]]
    free: list[int]


def _edges(tokens: Tokens) -> list[_Place]:
    places = [_Place([], [])]
    for token in tokens:
        last = len(places) - 1
        places.append(_Place([], []))
        if token is Gap.NAME:
            places[last].reads.append((charset.NOT_SLASH, last))
            places[last].free.append(last + 1)
        elif token is Gap.TREE:
            places[last].reads.append((charset.EVERYTHING, last))
            places[last].free.append(last + 1)
        elif token is Gap.FOLDERS:
            places.append(_Place([], []))
            places[last].free.extend((last + 1, last + 2))
            places[last + 1].reads.extend(((charset.EVERYTHING, last + 1), (SLASH_ONLY, last + 2)))
        elif isinstance(token, tuple):
            places[last].reads.append((token, last + 1))
    return places


@dataclass(frozen=True, slots=True)
class Dfa:
    """A deterministic automaton without dead states; state 0 is the start.

    `moves[s]` maps the number of an alphabet class to the next state; a missing class is death.
    `marks[s]` are the languages that the text read so far belongs to, as bits.
    """

    moves: tuple[dict[int, int], ...]
    marks: tuple[int, ...]


State = TypeVar("State", bound=Hashable)


def explore(
    start: State,
    successors: Callable[[State], Iterable[tuple[int, State]]],
    mark: Callable[[State], int],
    limit: int,
) -> Dfa:
    """Number the states reachable from `start`. Raises TooLarge beyond `limit` of them."""
    numbers = {start: 0}
    moves: list[dict[int, int]] = []
    marks: list[int] = []
    todo = deque([start])
    while todo:
        state = todo.popleft()
        row: dict[int, int] = {}
        for symbol, target in successors(state):
            number = numbers.get(target)
            if number is None:
                if len(numbers) >= limit:
                    raise TooLarge
                number = numbers[target] = len(numbers)
                todo.append(target)
            row[symbol] = number
        moves.append(row)
        marks.append(mark(state))
    return Dfa(tuple(moves), tuple(marks))


def language(dfa: Dfa, wanted: int) -> Dfa:
    """The smallest automaton for the texts marked with any bit of `wanted`; its marks are 0 and 1."""
    alive = _alive(dfa, wanted)
    if 0 not in alive:
        return Dfa(({},), (0,))
    keep = sorted(alive)
    block = {state: int(bool(dfa.marks[state] & wanted)) for state in keep}
    count = len(set(block.values()))
    # In one order for all, which no round need sort again.
    rows = [
        sorted((symbol, target) for symbol, target in dfa.moves[state].items() if target in alive)
        for state in keep
    ]
    symbols = [tuple(symbol for symbol, _ in row) for row in rows]
    targets = [[target for _, target in row] for row in rows]
    while True:  # Moore: split blocks until every state of one agrees on all its moves
        names: dict[tuple[int, tuple[int, ...], tuple[int, ...]], int] = {}
        split: dict[int, int] = {}
        for state, by, to in zip(keep, symbols, targets, strict=True):
            moved = tuple(map(block.__getitem__, to))
            split[state] = names.setdefault((block[state], by, moved), len(names))
        block = split
        if len(names) == count:
            break
        count = len(names)
    # keep[0] is the start and the first to be named, so the start's block is 0
    moves_of: list[dict[int, int]] = [{} for _ in range(count)]
    marks = [0] * count
    for state in keep:
        row = moves_of[block[state]]
        for symbol, target in dfa.moves[state].items():
            if target in alive:
                row[symbol] = block[target]
        marks[block[state]] = int(bool(dfa.marks[state] & wanted))
    return Dfa(tuple(moves_of), tuple(marks))


def _alive(dfa: Dfa, wanted: int) -> set[int]:
    """The states from which a text marked `wanted` can still be completed."""
    sources: list[set[int]] = [set() for _ in dfa.moves]
    for state, row in enumerate(dfa.moves):
        for target in row.values():
            sources[target].add(state)
    todo = [state for state, mark in enumerate(dfa.marks) if mark & wanted]
    alive = set(todo)
    while todo:
        for source in sources[todo.pop()]:
            if source not in alive:
                alive.add(source)
                todo.append(source)
    return alive


def backwards(dfa: Dfa, limit: int) -> Dfa:
    """The automaton of the same texts read from their end. `dfa` has the marks 0 and 1.

    Raises TooLarge beyond `limit` states.
    """
    into: list[dict[int, set[int]]] = [{} for _ in dfa.moves]
    for state, row in enumerate(dfa.moves):
        for symbol, target in row.items():
            into[target].setdefault(symbol, set()).add(state)

    def successors(states: frozenset[int]) -> Iterable[tuple[int, frozenset[int]]]:
        merged: dict[int, set[int]] = {}
        for state in states:
            for symbol, origins in into[state].items():
                merged.setdefault(symbol, set()).update(origins)
        return ((symbol, frozenset(merged[symbol])) for symbol in sorted(merged))

    ends = frozenset(state for state, mark in enumerate(dfa.marks) if mark)
    return explore(ends, successors, lambda states: int(0 in states), limit)

"""Which rule decides about a path: the last one that matches, in time linear in the path."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from bisync.ignore.automaton import Nfa
from bisync.ignore.pattern import Gap, Rule, Tokens

MEMORY = 64 << 20  # bytes of automaton states to keep before starting afresh
STATE_OVERHEAD = 400


class Place(dict[str, "Place"]):
    """A state of the automaton, with the states after each character that was ever read from it.

    `file` and `folder` are the number of the rule that decides about a file or a folder whose path
    ends here, -1 for none.
    """

    __slots__ = ("_matcher", "_state", "file", "folder")

    def __init__(self, matcher: Matcher, state: int) -> None:
        super().__init__()
        self._matcher = matcher
        self._state = state
        self.file, self.folder = matcher.deciding(state)

    def __missing__(self, char: str) -> Place:
        place = self._matcher.after(self._state, char)
        self[char] = place
        return place


class Matcher:
    """The rules of one folder (or of all layers, for the root), weakest first.

    Paths are read relative to that folder. Patterns without wildcards are looked up; all others
    are one automaton whose states are worked out when first needed, then remembered.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._names: dict[str, tuple[int, int]] = {}
        self._paths: dict[str, tuple[int, int]] = {}
        patterns: list[Tokens] = []
        self._numbers: list[int] = []
        for number, rule in enumerate(self.rules):
            if rule.body is None:
                continue
            text = plain_text(rule.body)
            if text is None:
                patterns.append(rule.body if rule.anchored else (Gap.FOLDERS, *rule.body))
                self._numbers.append(number)
            else:
                table = self._paths if rule.anchored else self._names
                file = table.get(text, (-1, -1))[0] if rule.directory_only else number
                table[text] = (file, number)
        self._nfa = Nfa(patterns)
        self._accepts = self._nfa.accepts
        self._all = sum(self._accepts)
        self._files = sum(
            accept
            for accept, number in zip(self._accepts, self._numbers, strict=True)
            if not self.rules[number].directory_only
        )
        self._places: dict[int, Place] = {}
        self._limit = max(64, MEMORY // (STATE_OVERHEAD + self._nfa.size // 8))
        self.start = self._place(self._nfa.start)

    def decide(self, start: Place, folder: str, name: str, is_dir: bool) -> int:
        """The number of the rule that decides about `name` in `folder` ("" or "a/b/"), or -1.

        `start` is the place after reading `folder`.
        """
        place = start
        for char in name:
            place = place[char]
        best = place.folder if is_dir else place.file
        if name in self._names:
            best = max(best, self._names[name][is_dir])
        if self._paths:
            path = folder + name
            if path in self._paths:
                best = max(best, self._paths[path][is_dir])
        return best

    def below(self, start: Place, name: str) -> Place:
        """The place inside the folder `name`."""
        place = start
        for char in name:
            place = place[char]
        return place["/"]

    def after(self, state: int, char: str) -> Place:
        return self._place(self._nfa.step(state, char))

    def deciding(self, state: int) -> tuple[int, int]:
        return self._last(state & self._files), self._last(state & self._all)

    def _last(self, accepted: int) -> int:
        if not accepted:
            return -1
        highest = 1 << (accepted.bit_length() - 1)
        return self._numbers[bisect_left(self._accepts, highest)]

    def _place(self, state: int) -> Place:
        place = self._places.get(state)
        if place is None:
            if len(self._places) >= self._limit:
                for known in self._places.values():
                    known.clear()
                self._places.clear()
            place = self._places[state] = Place(self, state)
        return place


def plain_text(tokens: Tokens) -> str | None:
    """The only text that matches, when there is only one."""
    text = []
    for token in tokens:
        if not isinstance(token, tuple) or len(token) != 1 or token[0][0] != token[0][1]:
            return None
        text.append(chr(token[0][0]))
    return "".join(text)

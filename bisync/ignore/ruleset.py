"""All rules of one tree, and what they decide about a path.

While an ignore file is contested it has several versions, and a path is ignored when any of them ignores it: what one
device keeps to itself must not leave it because of another's edit.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bisync.core.conflict_names import judged_as
from bisync.core.metadata import MARKER_PATH
from bisync.errors import IgnoreError
from bisync.ignore import builtin
from bisync.ignore.kept_here import KeptHere, may_be_kept
from bisync.ignore.matcher import Matcher, Place
from bisync.ignore.pattern import Rule, parse_line

MAX_FOLDERS = 100_000  # remembered at a time
MAX_READINGS = 16  # combinations of the versions of contested ignore files
Source = Sequence[Sequence[Rule]]
"""The versions of one ignore file; of one that nobody contests, or of what is no file, just the one."""


class Decision(NamedTuple):
    """Whether a path is ignored, and the rule that says so; None when no rule speaks about it.

    Below an ignored folder that is the rule that ignores the folder, as `git check-ignore -v` has it.
    """

    ignored: bool
    rule: Rule | None


NOTHING_SAID = Decision(False, None)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is not ignored, while its entries are judged.

    `path` is "" or "a/b/". `readings`, strongest last, are the matchers of this folder and those
    above it: each with the place it has reached, and the path it has read on the way. `below`: the
    layer below them all, where there is one.
    """

    path: str
    readings: tuple[tuple[Matcher, Place, str], ...]
    below: KeptHere | None = None

    @classmethod
    def top(cls, rules: Sequence[Rule], below: KeptHere | None = None) -> Folder:
        matcher = Matcher(rules)
        return cls("", ((matcher, matcher.start, ""),) if rules else (), below)

    def decide(self, name: str, is_dir: bool) -> Decision:
        """About the entry `name` of this folder; a file that is a conflict copy is judged as its original."""
        always = builtin.rule_about(name, is_dir)
        if always is not None:
            return Decision(True, always)
        name = name if is_dir else judged_as(name)
        decision = self._by_readings(name, is_dir)
        if self.below is None or decision.ignored or not may_be_kept(name):
            return decision
        keeps = self.below.rule_about(self.path, name, is_dir)
        return decision if keeps is None else Decision(True, keeps)

    def _by_readings(self, name: str, is_dir: bool) -> Decision:
        for matcher, place, read in reversed(self.readings):
            number = matcher.decide(place, read, name, is_dir)
            if number >= 0:
                rule = matcher.rules[number]
                return Decision(not rule.negated, rule)
        return NOTHING_SAID

    def enter(self, name: str, own: Sequence[Rule]) -> Folder:
        """The folder `name` in this one, with the rules of its own ignore files."""
        readings = [
            (matcher, matcher.below(place, name), f"{read}{name}/") for matcher, place, read in self.readings
        ]
        if own:
            matcher = Matcher(own)
            readings.append((matcher, matcher.start, ""))
        return Folder(f"{self.path}{name}/", tuple(readings), self.below)


def joint(decisions: Sequence[Decision], *, lenient: bool) -> Decision:
    """What several versions of the rules decide together: ignored where any says so, or, `lenient`, where all do."""
    return next((one for one in decisions if one.ignored is not lenient), decisions[0])


class TooManyReadings(Exception):
    """More ways to take one version of each contested ignore file than can be gone through."""


def combined(sources: Sequence[Source], *, wide: bool = False) -> list[list[Rule]]:
    """Every way to take one version of each source, as the rules in their order. Raises TooManyReadings.

    `wide`: instead of all these ways two: the first version of each, and all that any version of each ignores, none of
    their negations with it. What any way ignores, the second one does: the rule that says so is there, and what could
    come after it to take it back is contested by nobody, and so is in that way as well.
    """
    if wide:
        firsts = list(itertools.chain(*(versions[0] for versions in sources)))
        if all(len(versions) == 1 for versions in sources):
            return [firsts]
        return [firsts, list(itertools.chain(*map(_all_that_ignore, sources)))]
    ways = 1
    for versions in sources:
        ways *= len(versions)
        if ways > MAX_READINGS:
            raise TooManyReadings
    return [list(itertools.chain(*chosen)) for chosen in itertools.product(*sources)]


def _all_that_ignore(versions: Source) -> list[Rule]:
    if len(versions) == 1:
        return list(versions[0])
    return [rule for rules in versions for rule in rules if not rule.negated]


def _rule(row: tuple[str, int, str, str]) -> Rule:
    source, line, folder, text = row
    found = parse_line(text, source, line, folder)
    if found is None:
        raise IgnoreError(f"{source}:{line}: {text!r} is no rule")
    return found


class RuleSet:
    """The rules of one tree, weakest first.

    `notices` are things a user should know about them that are no errors. `others`: the rules as other versions of
    contested ignore files have them; what any of these ignores is ignored. `contested`: the paths of these versions,
    which have to travel until somebody decides: they are ignored when all versions ignore them. `below`: the layer
    below all rules, which none of them but its own can take back.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        notices: Sequence[str] = (),
        others: Sequence[RuleSet] = (),
        contested: Iterable[str] = (),
        below: KeptHere | None = None,
    ) -> None:
        self.rules = tuple(rules)
        self.notices = tuple(notices)
        self.others = tuple(others)
        self.contested = frozenset(contested)
        self.below = below
        self._by_folder: dict[str, list[Rule]] = {}
        for rule in self.rules:
            self._by_folder.setdefault(rule.folder, []).append(rule)
        self._folders: dict[str, Folder | Decision] = {}

    @classmethod
    def of(
        cls,
        sources: Sequence[Source],
        notices: Sequence[str] = (),
        contested: Iterable[str] = (),
        below: KeptHere | None = None,
        *,
        wide: bool = False,
    ) -> RuleSet:
        """The rules of these sources, weakest first. Raises TooManyReadings, unless `wide`."""
        first, *others = combined(sources, wide=wide)
        return cls(first, notices, [cls(rules, below=below) for rules in others], contested, below)

    @classmethod
    def restored(cls, readings: Sequence[Sequence[tuple[str, int, str, str]]]) -> RuleSet:
        """The rules whose `rows` these are. Raises IgnoreError for what is none."""
        first, *others = ([_rule(row) for row in rows] for rows in readings)
        return cls(first, (), [cls(rules) for rules in others])

    def rows(self) -> list[list[tuple[str, int, str, str]]]:
        """The rules in each of their versions as plain values: source, line, folder and text of each."""
        return [[(one.source, one.line, one.folder, one.text) for one in rules] for rules in self.readings()]

    def readings(self) -> Iterator[tuple[Rule, ...]]:
        """The rules in each of their versions, these first."""
        yield self.rules
        for other in self.others:
            yield from other.readings()

    def decide(self, path: str, is_dir: bool) -> Decision:
        """About `path`, relative to the root with forward slashes; it need not exist."""
        if path == MARKER_PATH and not is_dir:
            return Decision(False, builtin.MARKER_RULE)
        parent, _, name = path.rpartition("/")
        folders = [each._folder(parent) for each in (self, *self.others)]
        closed = next((one for one in folders if isinstance(one, Decision)), None)
        if closed is not None:
            return closed
        return joint(
            [one.decide(name, is_dir) for one in folders if isinstance(one, Folder)],
            lenient=path in self.contested,
        )

    def is_taken_back(self, path: str) -> bool:
        """Whether the machine or the manifest names this file as one that may leave, whatever it holds."""
        return self.below is not None and self.below.is_taken_back(path)

    def _folder(self, path: str) -> Folder | Decision:
        """The folder at `path`, or the decision that ignores it or a folder above it."""
        known = self._folders.get(path)
        if known is not None:
            return known
        if len(self._folders) > MAX_FOLDERS:
            self._folders.clear()
        found: Folder | Decision | None = self._folders.get("")
        if found is None:
            found = self._folders[""] = Folder.top(self._by_folder.get("", ()), self.below)
        end = 0
        while end < len(path) and isinstance(found, Folder):
            start = end + 1 if end else 0
            slash = path.find("/", start)
            end = len(path) if slash < 0 else slash
            below = self._folders.get(path[:end])
            if below is None:
                decision = found.decide(path[start:end], True)
                own = self._by_folder.get(path[:end], ())
                below = decision if decision.ignored else found.enter(path[start:end], own)
                self._folders[path[:end]] = below
            found = below
        return found

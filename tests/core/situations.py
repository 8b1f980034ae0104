"""Situations for the plan, as data. A file in cases/plan holds named ones, and each is a test:

    common:                     # what every situation in this file says, unless it says so itself
      baseline: {a.md: A}
      cloud: {a.md: A}
    situations:
      edited here:
        local: {a.md: B}
        plan: [{upload: a.md, why: edited here, replaces: true}]

`baseline`, `local` and `cloud` name files as each side spells them (the baseline by rclone's spelling in NFC);
without a baseline both sides meet for the first time. A file is written in words: its content, which is any
word, and another word is another content; then, in any order,

    20          its size in bytes (10 where nothing is said)
    @5          its time, 5 s after the epoch (another one where nothing is said); @none: the cloud tells none
    @5/6        in a baseline: the local time and the cloud's
    touched     here: a stamp of its own though content and time are as they were
    no-hash     the cloud has no hash of it, or nobody has read it here; `@` is when the cloud stored it
    no-md5      in a baseline: the two listings did not agree on the hash, or by modtime nobody has read it
    unvouched   in a baseline: without a stamp, so that the local file is read again

By modtime the cloud has no hashes. `as_noted`: the baseline's times of the cloud are those that bisync noted of
its copies. `left_out_local` and `left_out_cloud` are what the sides cannot handle,
path to reason, a folder with a slash at its end; `twins_local` and `twins_cloud` are left out because another
spelling of them goes on. `answers` holds `equal`, `times` (seconds), `taken`, `kept` and `merged` (how many edits make
how many bytes, as `2 20`, or why they make none). `bases`: the last agreed text of these is known. `moved_in`: a
migration has brought files.

What is expected, all of it compared in full: `plan` (one action a line, with `why` and, where they are not the
plain ones, `size`, `winner`, `copies`, `replaces`, `unhashed`, `side`, `to`, `hunks`), `mode` (to be said where
nothing is to do), `asks` (`contents`, `times`, `copies`, `kept`, `merges`; nothing), `refused_by` (guards; none), and
where they are not what can be counted from the lists: `edited`, `left_out`.
`one_way` says why the same situation with the sides exchanged does not lead to the exchanged plan.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bisync.config import Compare, ConflictResolve
from bisync.core.change import Action, Change, Merging
from bisync.core.guard import judge, refusals
from bisync.core.names import key, to_rclone
from bisync.core.plan import Answers, Mode, Plan, Questions, make_plan, questions
from bisync.core.reconcile import as_listed, compare_sides
from bisync.core.snapshot import (
    BaseFile,
    Baseline,
    CloudFile,
    CloudSnapshot,
    LeftOut,
    LocalFile,
    LocalSnapshot,
    Stamp,
)

CASES = Path(__file__).parent.parent / "cases" / "plan"

DEVICE = 7
SIZE = 10
# Neither whole seconds nor whole milliseconds: no clock is taken for a coarse one by accident.
TIME = 1_000_000_123_456_789

ACTIONS = tuple(action.value for action in Action)
EXPECTATIONS = ("plan", "mode", "asks", "refused_by", "edited", "left_out", "one_way")
KEYS = ("baseline", "local", "cloud", "left_out_local", "left_out_cloud", "twins_local", "twins_cloud",
        "as_noted", "compare", "resolve", "rules_changed", "idle_allowed", "moved_in", "bases", "answers", "max_delete",
        *EXPECTATIONS)  # fmt: skip


class BadCase(ValueError):
    """A case file says something that no test would look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What both sides hold and held, and how the plan is made."""

    baseline: Mapping[str, BaseFile] | None
    local: LocalSnapshot
    cloud: CloudSnapshot
    compare: Compare
    resolve: ConflictResolve
    mode: Mode
    answers: Answers
    idle_allowed: bool = True
    moved_in: bool = False
    bases: tuple[str, ...] = ()

    def asked(self) -> Questions:
        """What has to be asked."""
        found = compare_sides(self.baseline, self.local, self.cloud, self.compare)
        first = self.mode is Mode.BASELINE or self.moved_in
        return questions(found, self.resolve, first=first, keeps_both=self.moved_in, bases=self.bases)

    def planned(self) -> Plan:
        """The plan that follows."""
        return make_plan(
            compare_sides(self.baseline, self.local, self.cloud, self.compare),
            self.answers,
            baseline=self.baseline,
            local=self.local,
            cloud=self.cloud,
            compare=self.compare,
            resolve=self.resolve,
            mode=self.mode,
            idle_allowed=self.idle_allowed,
            keeps_both=self.moved_in,
        )

    def whole_baseline(self) -> Baseline | None:
        """The baseline as the guards see it."""
        if self.baseline is None:
            return None
        return Baseline(files=self.baseline, compare=self.compare, profile="balanced", filters="", device=DEVICE,
                        run="", listings="")  # fmt: skip

    def refused_by(self, max_delete: int | None) -> list[str]:
        """The guards that stop the plan."""
        verdicts = judge(self.planned(), baseline=self.whole_baseline(), local=self.local, cloud=self.cloud,
                         max_delete=max_delete, name="notes", all_may_change=self.moved_in)  # fmt: skip
        return [verdict.guard for verdict in refusals(verdicts)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A situation with what is expected of it."""

    name: str
    situation: Situation
    plan: Plan
    asks: Questions
    max_delete: int | None
    refused_by: list[str]
    one_way: str | None


def read_all() -> list[Case]:
    """Every case, sorted by file."""
    return [
        case for file in sorted(CASES.glob("*.yaml")) for case in read(file.stem, file.read_text("utf-8"))
    ]


def read(file: str, text: str) -> list[Case]:
    """The cases in one file's text. Raises BadCase with the place of whatever means nothing."""
    document = yaml.load(text, _Loader)
    known(file, document, ("common", "situations"))
    common = document.get("common", {})
    known(f"{file}: common", common, KEYS)
    return [
        _case(f"{file}: {name}", {**common, **said}, said) for name, said in document["situations"].items()
    ]


def known(where: str, said: Any, keys: Iterable[str]) -> None:
    """Refuse what is no mapping, and any key that nobody reads."""
    if not isinstance(said, dict):
        raise BadCase(f"{where}: wants a mapping, not {said!r}")
    keys = tuple(keys)
    for word in said:
        if word not in keys:
            near = difflib.get_close_matches(str(word), keys, 1)
            raise BadCase(f"{where}: unknown key {word!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


class _Loader(yaml.SafeLoader):
    """YAML whose keys occur once and whose words stay words: `no` is a name like any other."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way
        first: [(tag, pattern) for tag, pattern in resolvers if tag in ("tag:yaml.org,2002:int",)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(each, deep=True) for each, _ in node.value]
        for word in keys:
            if keys.count(word) > 1:
                raise BadCase(f"{node.start_mark.name}: {word!r} is said twice")
        return super().construct_mapping(node, deep)


def _choice(where: str, said: Any, among: Iterable[str]) -> Any:
    among = tuple(among)
    if said not in among:
        raise BadCase(f"{where}: {said!r} is none of {', '.join(among)}")
    return said


def _flag(where: str, said: Any) -> bool:
    return bool(_choice(where, said, ("true", "false")) == "true")


# -- what both sides hold ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Words:
    """A file as it is written in a case."""

    content: str
    size: int
    here_ns: int
    there_ns: int | None
    marks: frozenset[str]

    @property
    def md5(self) -> str:
        return hashlib.md5(f"{self.content} {self.size}".encode(), usedforsecurity=False).hexdigest()

    @property
    def stamp(self) -> Stamp:
        # Any write moves the time of the last change, whatever the other one says.
        written = f"{self.content} {self.size} {'touched' in self.marks}"
        return Stamp(self.here_ns, self.here_ns + zlib.crc32(written.encode()), 1)


def _words(where: str, said: Any, marks: tuple[str, ...]) -> _Words:
    try:
        return _read_words(said, marks)
    except (AttributeError, BadCase) as error:
        raise BadCase(f"{where}: wants the words of a file, not {said!r}: {error}") from None


@cache
def _read_words(text: str, marks: tuple[str, ...]) -> _Words:
    content, *rest = text.split() or [""]
    size, here = SIZE, TIME
    there: int | None = TIME
    found = set()
    for word in rest:
        if word in marks and word != "@none":
            found.add(word)
        elif word in marks:
            there = None
        elif re.fullmatch(r"\d+", word):
            size = int(word)
        elif match := re.fullmatch(r"@(\d+(?:\.\d+)?)(?:/(\d+(?:\.\d+)?))?", word):
            here, there = _ns(match[1]), _ns(match[2] or match[1])
        else:
            raise BadCase(f"{word!r} is none of {', '.join(('SIZE', '@TIME', *marks))}")
    return _Words(content, size, here, there, frozenset(found))


def _ns(seconds: Any) -> int:
    return int(Decimal(str(seconds)) * 1_000_000_000)


def _local(where: str, said: Any, compare: Compare) -> dict[str, LocalFile]:
    files = {}
    for name, text in said.items():
        file = _words(f"{where}: {name}", text, ("touched", "no-hash"))
        hashed = "no-hash" not in file.marks
        files[key(to_rclone(name))] = LocalFile(name, file.size, file.stamp, file.md5 if hashed else None)
    return files


def _cloud(where: str, said: Any, compare: Compare) -> dict[str, CloudFile]:
    files = {}
    for name, text in said.items():
        file = _words(f"{where}: {name}", text, ("@none", "no-hash"))
        hashed = compare is Compare.CHECKSUM and "no-hash" not in file.marks
        files[key(name)] = CloudFile(name, file.size, file.md5 if hashed else None, file.there_ns)
    return files


def _base(where: str, said: Any, compare: Compare) -> dict[str, BaseFile]:
    files = {}
    for name, text in said.items():
        file = _words(f"{where}: {name}", text, ("@none", "no-hash", "no-md5", "unvouched"))
        stamp = None if "unvouched" in file.marks else file.stamp
        if compare is Compare.MODTIME:
            md5 = None if {"no-hash", "no-md5"} & file.marks else file.md5
            files[name] = BaseFile(file.size, md5, stamp, file.here_ns, file.there_ns)
        else:
            md5 = None if "no-md5" in file.marks else file.md5
            stored = file.there_ns if "no-hash" in file.marks else None
            files[name] = BaseFile(file.size, md5, stamp, None, stored)
    return files


def _left_out(where: str, said: Any, twins: Any) -> tuple[LeftOut, ...]:
    for each in (said, twins):
        known(where, each, each)
    return (
        *(LeftOut(path.rstrip("/"), why, folder=path.endswith("/")) for path, why in said.items()),
        *(LeftOut(path, why, twin=True) for path, why in twins.items()),
    )


def _answers(where: str, said: Any) -> Answers:
    known(where, said, ("equal", "times", "taken", "kept", "merged"))
    return Answers(
        equal=frozenset(said.get("equal", ())),
        times={path: _ns(seconds) for path, seconds in said.get("times", {}).items()},
        taken=frozenset(said.get("taken", ())),
        kept=frozenset(said.get("kept", ())),
        merged={path: _merging(text) for path, text in said.get("merged", {}).items()},
    )


def _merging(said: str) -> Merging | str:
    numbers = said.split()
    return Merging(int(numbers[0]), int(numbers[1]), "0") if numbers[0].isdigit() else said


def situation(where: str, said: Mapping[str, Any]) -> Situation:
    compare = Compare(_choice(f"{where}: compare", said.get("compare", "checksum"), ("checksum", "modtime")))
    resolve = ConflictResolve(
        _choice(f"{where}: resolve", said.get("resolve", "newer"), (each.value for each in ConflictResolve))
    )
    here, there = (
        _left_out(
            f"{where}: what is left out", said.get(f"left_out_{side}", {}), said.get(f"twins_{side}", {})
        )
        for side in ("local", "cloud")
    )
    baseline = said.get("baseline")
    known = None if baseline is None else _base(f"{where}: baseline", baseline, compare)
    lies = _cloud(f"{where}: cloud", said["cloud"], compare)
    if known is not None and _flag(f"{where}: as_noted", said.get("as_noted", "false")):
        known = as_listed(known, lies)
    changed = _flag(f"{where}: rules_changed", said.get("rules_changed", "false"))
    return Situation(
        baseline=known,
        local=LocalSnapshot(_local(f"{where}: local", said["local"], compare), here, DEVICE, True),
        cloud=CloudSnapshot(lies, there, True),
        compare=compare,
        resolve=resolve,
        mode=Mode.BASELINE if baseline is None else Mode.REBASELINE if changed else Mode.SYNC,
        answers=_answers(f"{where}: answers", said.get("answers", {})),
        idle_allowed=_flag(f"{where}: idle_allowed", said.get("idle_allowed", "true")),
        moved_in=_flag(f"{where}: moved_in", said.get("moved_in", "false")),
        bases=tuple(said.get("bases", ())),
    )


# -- what is expected -------------------------------------------------------------------------------


def _change(where: str, said: Any) -> Change:
    known(
        where,
        said,
        (*ACTIONS, "why", "size", "winner", "copies", "replaces", "unhashed", "side", "to", "hunks"),
    )
    actions = [word for word in said if word in ACTIONS]
    if len(actions) != 1 or "why" not in said:
        raise BadCase(f"{where}: wants one action and why, not {said!r}")
    return Change(
        action=Action(actions[0]),
        path=said[actions[0]],
        size=said.get("size", SIZE),
        why=said["why"],
        winner=said.get("winner"),
        copies=tuple(said.get("copies", ())),
        replaces=_flag(f"{where}: replaces", said.get("replaces", "false")),
        side=said.get("side"),
        to=said.get("to"),
        unhashed=_flag(f"{where}: unhashed", said.get("unhashed", "false")),
        merged=Merging(int(said["hunks"]), said.get("size", SIZE), "0") if "hunks" in said else None,
    )


def _plan(where: str, said: Mapping[str, Any], situation: Situation) -> Plan:
    base = situation.baseline or {}
    changes = tuple(_change(f"{where}: plan", one) for one in said["plan"])
    if not changes and situation.mode is Mode.SYNC and "mode" not in said:
        raise BadCase(f"{where}: nothing to do, so say which mode it is: idle, or sync")
    left_out = said.get("left_out")
    planned = [change for change in changes if "renamed to" not in change.why]
    return Plan(
        mode=Mode(said.get("mode", situation.mode.value)),
        changes=changes,
        deletions=sum(change.action in (Action.DELETE_LOCAL, Action.DELETE_CLOUD) for change in planned),
        edited=said.get("edited", sum(change.path in base and change.to is None for change in planned)),
        left_out=tuple(sorted((*situation.local.left_out, *situation.cloud.left_out)))
        if left_out is None
        else _left_out(f"{where}: left_out", left_out, {}),
    )


def _case(where: str, said: Mapping[str, Any], own: Any) -> Case:
    known(where, own, KEYS)
    for word in ("local", "cloud", "plan"):
        if word not in said:
            raise BadCase(f"{where}: does not say {word!r}")
    found = situation(where, said)
    asks = said.get("asks", {})
    known(f"{where}: asks", asks, ("contents", "times", "copies", "kept", "merges"))
    limit = said.get("max_delete", 25)
    return Case(
        name=where,
        situation=found,
        plan=_plan(where, said, found),
        asks=Questions(**{word: tuple(paths) for word, paths in asks.items()}),
        max_delete=None if limit == "none" else limit,
        refused_by=list(said.get("refused_by", ())),
        one_way=said.get("one_way"),
    )

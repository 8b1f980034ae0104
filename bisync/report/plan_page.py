"""A plan as a page for who reviews it: what a plan holds goes in, HTML comes out. Pure.

It is made from values alone: the same plan gives the same bytes. However large a plan is, the page can be opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from bisync.core.printable import typed_path
from bisync.report.diff_words import sides_of, why_not
from bisync.report.left_out import own
from bisync.report.page import MANY, Some, page, some
from bisync.report.plan_words import VERBS
from bisync.report.stream import LONG_LINE
from bisync.report.words import files, size_text

if TYPE_CHECKING:
    from bisync.actions.plan import PlanResult, Texts
    from bisync.core.change import Change
    from bisync.core.grants import Standing
    from bisync.core.guard import Verdict
    from bisync.sync.differences import FileDifference

FOLDERS, FEW_FOLDERS = 60, 8
"""So many folders have a group of their own, fewer in a small plan; one of any size is told by them."""
OPEN = 30
"""A folder with more changes is closed at first, and so are all texts once so many lines of them are open."""
OPEN_LINES = 300
LINES = 400
"""So many lines of a text's difference are shown, and so many characters of all of them together."""
CHARACTERS = 1_000_000

MODES = {
    "sync": "both sides are brought together",
    "baseline": "the first one: both sides meet, and nothing is lost",
    "rebaseline": "the ignore rules changed: what is known is put in order first",
    "idle": "nothing to do",
    "blocked": "cannot be planned",
}
GUARDS = {
    "marker_local": (
        "Marker in the sync dir",
        "the folder is the one that was synced, and its disk is mounted",
    ),
    "marker_cloud": ("Marker in the cloud", "the bucket is the one that was synced, and nobody wiped it"),
    "device": ("Disk", "the sync dir lies on the same disk as at the last run"),
    "max_delete": ("Deletions", "files that go, on both sides together; what was renamed is none"),
    "hidden": ("Hidden files", "synced files that ignore rules from the cloud would hide"),
    "max_new": ("New files", "files that come from the cloud and were not there before"),
    "all_changed": ("Edited files", "that not every file changed at once"),
}
WINS = {
    "local": "the version here takes the name",
    "cloud": "the version in the cloud takes the name",
    "both": "neither takes the name: both are kept beside each other",
    "folder": "the file makes room for a folder of its name",
}
TEXTS = {
    "upload": "to upload",
    "download": "to download",
    "delete_local": "to delete here",
    "delete_cloud": "to delete in the cloud",
    "rename": "to rename",
    "conflict": "in conflict",
    "merge": "to merge",
    "register_project": "to create in the cloud",
}


class Line(NamedTuple):
    """One line of a difference: its first character, which says what it is, and the rest.

    `changed`: of a line that became another, the part that is not the same; then `after` comes.
    """

    mark: str
    text: str
    changed: str = ""
    after: str = ""


class Text(NamedTuple):
    """The difference on one side of a file: its lines, or `why` there are none. `more`: lines cut off.

    `old`, `new`: which versions these are; None: no file.
    """

    old: str | None
    new: str | None
    lines: tuple[Line, ...] = ()
    more: int = 0
    why: str | None = None


class Row(NamedTuple):
    """One change. `name`: within its folder; `to`: the whole new path of a rename.

    `lines`: of all of its `texts`; `to_type`: what shows the rest.
    """

    action: str
    verb: str
    name: str
    to: str | None
    size: str
    why: str
    copies: tuple[str, ...]
    texts: tuple[Text, ...]
    lines: int
    changes_text: bool
    is_open: bool
    to_type: str


class Count(NamedTuple):
    """How many changes of one kind there are, and how many bytes travel or go by them. `text`: said after a number."""

    action: str
    verb: str
    text: str
    number: int
    bytes: int
    size: str


class Group(NamedTuple):
    """The changes in a folder and below, `more` of which are not named."""

    folder: str
    whole: bool
    total: int
    bytes: int
    size: str
    counts: tuple[Count, ...]
    rows: tuple[Row, ...]
    more: int
    is_open: bool


class Guard(NamedTuple):
    """One guard's word: its name for people and what it is about, what was planned beside the limit, what passes it."""

    key: str
    title: str
    about: str
    planned: str
    passed: bool
    message: str
    hint: str


@dataclass(slots=True)
class _Room:
    """How much of texts the page still has room for, and how many lines of them may be open at first."""

    characters: int = CHARACTERS
    open_lines: int = OPEN_LINES


def plan_page(results: Sequence[PlanResult], document: Mapping[str, Any], standing: Standing) -> str:
    """The page of these plans. `document`: the same as JSON; `standing`: what the manifest may do."""
    room = _Room()
    syncs = [_sync(result, room) for result in results]
    names = ", ".join(one["name"] for one in syncs)
    return page(
        "plan.html.j2",
        title=f"Plan: {names}",
        syncs=syncs,
        document=document,
        totals=_counts(change for result in results if result.prepared for change in result.prepared.changes),
        refused=[one for one in syncs if one["refused"]],
        blocked=[one for one in syncs if one["error"]],
        grants=_grants(standing),
    )


def _sync(result: PlanResult, room: _Room) -> dict[str, Any]:
    """One sync as the template wants it."""
    said = result.document
    common = {
        "name": result.name,
        "local": said["local"],
        "remote": said["remote"],
        "tenant": said["tenant"],
        "profile": said["profile"],
        "mode": said["mode"],
        "mode_text": MODES[said["mode"]],
    }
    if result.prepared is None:
        assert result.error is not None
        nothing: dict[str, Any] = dict.fromkeys(
            ("counts", "total", "size", "conflicts", "deletions", "projects", "groups", "guards"),
            (),
        )
        return {
            **common, **nothing, "error": result.error.message, "hint": result.error.hint, "refused": (),
            "warnings": (), "left_out": Some((), 0), "left_alone": Some((), 0), "texts": None,
        }  # fmt: skip
    changes, verdicts = result.prepared.changes, result.prepared.verdicts
    texts = _by_path(result.texts)
    conflicts = [change for change in changes if change.action == "conflict"]
    counts = _counts(changes)
    return {
        **common,
        "error": None,
        "hint": None,
        "counts": counts,
        "total": sum(one.number for one in counts),
        "size": size_text(sum(one.bytes for one in counts)),
        "conflicts": some(
            {"path": own(one.path), "wins": WINS.get(one.winner or "", "")} for one in conflicts
        ),
        "deletions": _deletions(changes, counts),
        "projects": some([own(change.path) for change in changes if change.action == "register_project"]),
        "groups": _groups(changes, texts, room),
        "guards": [_guard(one) for one in verdicts],
        "refused": [_guard(one) for one in verdicts if not one.passed],
        "warnings": result.prepared.notes,
        "left_out": some((own(one.path), one.why) for one in result.prepared.plan.left_out),
        "left_alone": some((own(one.path), one.why) for one in result.prepared.seen.left_alone),
        "texts": result.texts,
        "compared": files(len(texts)),
    }


def _deletions(changes: Sequence[Change], counts: Iterable[Count]) -> list[dict[str, Any]]:
    """What goes, side by side."""
    return [
        {
            "number": one.number,
            "text": one.text,
            "paths": some(own(change.path) for change in changes if change.action == one.action),
        }
        for one in counts
        if one.action.startswith("delete_")
    ]


def _by_path(texts: Texts | None) -> dict[str, list[FileDifference]]:
    found: dict[str, list[FileDifference]] = {}
    for one in () if texts is None else texts.files:
        found.setdefault(one.change.path, []).append(one)
    return found


def _counts(changes: Iterable[Change]) -> tuple[Count, ...]:
    """How much there is of each kind. The bytes of a rename do not travel."""
    numbers: dict[str, list[int]] = {action: [0, 0] for action in VERBS}
    for change in changes:
        one = numbers[change.action]
        one[0] += 1
        one[1] += _travels(change)
    return tuple(
        Count(action, VERBS[action], TEXTS[action], count, size, size_text(size))
        for action, (count, size) in numbers.items()
        if count
    )


def _travels(change: Change) -> int:
    return 0 if change.action in ("rename", "register_project") else change.size


def _groups(
    changes: Sequence[Change], texts: Mapping[str, Sequence[FileDifference]], room: _Room
) -> list[Group]:
    from bisync.core.plan_groups import grouped, members

    groups = grouped(changes, min(FOLDERS, max(FEW_FOLDERS, len(changes) // 4)))
    inside = members(changes, groups)
    found = []
    for group in groups:
        here = inside[group.folder]
        # What is shown line by line is named first of all.
        named = sorted(here, key=lambda change: change.path not in texts)[:MANY]
        named.sort(key=lambda change: change.path)
        found.append(
            Group(
                folder=f"{own(group.folder)}/" if group.folder else "./",
                whole=group.whole,
                total=len(here),
                bytes=group.size,
                size=size_text(group.size),
                counts=_counts(here),
                rows=tuple(_row(one, group.folder, texts.get(one.path, ()), room) for one in named),
                more=len(here) - len(named),
                is_open=len(here) <= OPEN,
            )
        )
    return found


def _row(change: Change, folder: str, found: Sequence[FileDifference], room: _Room) -> Row:
    texts = tuple(_text(one, room) for one in found if one.shown is not None)
    lines = sum(len(one.lines) for one in texts)
    is_open = 0 < lines <= room.open_lines
    room.open_lines -= lines if is_open else 0
    return Row(
        action=change.action.value,
        verb=VERBS[change.action],
        name=own(change.path).removeprefix(f"{own(folder)}/" if folder else ""),
        to=None if change.to is None else own(change.to),
        size=size_text(_travels(change)) if _travels(change) else "",
        why=own(change.why),
        copies=tuple(map(own, change.copies)),
        texts=texts,
        lines=lines,
        changes_text=any(None not in (one.before, one.after) for one in found),
        is_open=is_open,
        to_type=f"bisync diff {typed_path(own(change.path))}",
    )


def _text(one: FileDifference, room: _Room) -> Text:
    """The difference on one side, as far as the page has room for it."""
    assert one.shown is not None
    old, new = sides_of(one)
    if one.is_key:
        return Text(old, new, why="not shown, for it looks like a private key")
    if one.shown.hunks is None:
        return Text(old, new, why=why_not(one.shown, (one.before, one.after)))
    if not one.shown.hunks:
        return Text(old, new, why="an empty file")
    lines = []
    for line in one.shown.hunks[:LINES]:
        shown = _line(line)
        if len(shown.text) > room.characters:
            break
        room.characters -= len(shown.text)
        lines.append(shown)
    return Text(old, new, tuple(_with_words(lines)), len(one.shown.hunks) - len(lines))


def _line(line: str) -> Line:
    """A line of a difference as one of a page."""
    text = line[1:].expandtabs(4)
    more = len(text) - LONG_LINE
    return Line(line[:1], f"{text[:LONG_LINE]}… ({more} more characters)" if more > 0 else text)


def _with_words(lines: Sequence[Line]) -> Iterator[Line]:
    """The lines, with the words marked that are other ones in a line than in the one that it took the place of."""
    from bisync.core.changed_words import changed_words

    blocks = [list(rows) for _, rows in groupby(lines, key=lambda line: line.mark)]
    for at, olds in enumerate(blocks):
        # A line that says that no line feed ends the text may stand between.
        rest = [block for block in blocks[at + 1 : at + 3] if block[0].mark != "\\"]
        if olds[0].mark != "-" or not rest or rest[0][0].mark != "+" or len(rest[0]) != len(olds):
            continue
        news = rest[0]
        for number, (old, new) in enumerate(zip(olds, news, strict=True)):
            found = changed_words(old.text, new.text)
            if found is not None:
                olds[number] = _marked(old, found.start, found.old_end)
                news[number] = _marked(new, found.start, found.new_end)
    return chain.from_iterable(blocks)


def _marked(line: Line, start: int, end: int) -> Line:
    return Line(line.mark, line.text[:start], line.text[start:end], line.text[end:])


def _guard(verdict: Verdict) -> Guard:
    title, about = GUARDS[verdict.guard]
    planned = f"{verdict.planned} of at most {verdict.limit}" if verdict.limit is not None else ""
    return Guard(verdict.guard, title, about, planned, verdict.passed, verdict.message, verdict.hint)


def _grants(standing: Standing) -> dict[str, Any]:
    """What the manifest may do, as rows, and since when."""
    from bisync.core.grants import said

    return {
        "rows": [(one.kind.value, said(one), one.where, one not in standing.new) for one in standing.asked],
        "at": None if standing.at is None else standing.at[:10],
        "holds": standing.holds,
        "trouble": standing.trouble,
    }

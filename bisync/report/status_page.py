"""The state of syncs as a page, with their past runs drawn: results in, HTML out. Pure, and without a clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from bisync.core.run_chart import DAY, Chart, Ran, chart
from bisync.report.cloud_words import cloud_rows
from bisync.report.lease_words import lease_rows
from bisync.report.left_out import own
from bisync.report.page import Some, page, some
from bisync.report.words import conflicts_text, counted, home_text, size_text

if TYPE_CHECKING:
    from bisync.actions.history import History
    from bisync.actions.status import SyncStatus
    from bisync.providers.base import Overview

RUNS = 1000
"""So many lines of the history are drawn."""
ROWS = 25
"""So many of them are listed."""
HEIGHT, GAP = 28, 0.2
"""How high a lane is, and which part of a stretch stays free beside a bar, in the units of the drawing."""

LANES = {
    "uploaded": "sent up",
    "downloaded": "came down",
    "deleted": "deleted",
    "conflicts": "in conflict",
    "failed": "failed",
    "refused": "refused",
}
_ALWAYS = frozenset(["uploaded", "downloaded"])
# What the cloud calls its own, beside the name that the manifest gives it.
_NAMES = {"Tenant": "Tenant id"}
_MOVED = (
    ("uploaded", "up"),
    ("downloaded", "down"),
    ("deleted_local", "deleted here"),
    ("deleted_cloud", "deleted in the cloud"),
    ("renamed", "renamed"),
    ("merged", "merged"),
)


class Fact(NamedTuple):
    """One thing that is known of a sync; `level`: good, warning, bad, or "" for what is neither."""

    name: str
    value: str
    level: str = ""


class Shape(NamedTuple):
    """A bar where it stands in the drawing of its lane, and what is said of it."""

    x: float
    y: float
    width: float
    height: float
    said: str


class Lane(NamedTuple):
    """One row of the drawing, with its name and how much there was in all, and at most in one bar."""

    kind: str
    title: str
    total: int
    highest: int
    shapes: tuple[Shape, ...]


class Drawing(NamedTuple):
    """The runs of one sync, drawn `width` units wide; `said`: the same in a sentence."""

    width: int
    height: int
    lanes: tuple[Lane, ...]
    idle: tuple[Shape, ...]
    ticks: tuple[str, ...]
    said: str
    stretch: str


class Run(NamedTuple):
    """One line of the history in words. `level` as in `Fact`."""

    at: str
    stamp: str
    outcome: str
    level: str
    what: str
    run: str


def status_page(statuses: Sequence[SyncStatus], histories: Iterable[History]) -> str:
    """The page of these syncs, each with its history (newest run first)."""
    past = {one.name: one for one in histories}
    syncs = [_sync(one, past[one.name].runs if one.name in past else ()) for one in statuses]
    return page("status.html.j2", title=f"Status: {', '.join(one.name for one in statuses)}", syncs=syncs)


def _sync(one: SyncStatus, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    runs = [_run(entry) for entry in entries[:ROWS]]
    return {
        "name": one.name,
        "state": _state(one),
        "blocked": one.blocked,
        "facts": _facts(one),
        "left_out": some(map(own, one.left_out)),
        "drawing": drawing(entries[:RUNS]),
        "runs": Some(tuple(runs), max(0, len(entries) - ROWS)),
    }


def _state(one: SyncStatus) -> Fact:
    """How it stands, in a word."""
    if one.blocked:
        return Fact("State", "blocked", "bad")
    if one.running:
        return Fact("State", "syncing", "good")
    if one.conflicts or one.left_out:
        return Fact("State", "needs a look", "warning")
    return Fact("State", "in order", "good")


def _facts(one: SyncStatus) -> list[Fact]:
    ended = {"done": "", "idle": ", nothing to do"}.get(
        one.last_outcome or "", f", the last run: {one.last_outcome}"
    )
    facts = [
        Fact("Folder", home_text(one.local)),
        Fact("Remote", one.remote),
        Fact("Tenant", one.tenant),
        Fact("Profile", one.profile),
        Fact("Last sync", f"{moment_text(one.last_sync)}{ended}" if one.last_sync else "never"),
        Fact("Projects", f"{one.projects:,}"),
        Fact("Storage", size_text(one.storage_bytes)),
        Fact("Conflicts", f"{one.conflicts:,}", "warning" if one.conflicts else ""),
    ]
    if one.abilities is not None:
        facts.append(Fact("Abilities", one.abilities))
    if not one.keeps_cloud_versions:
        facts.append(Fact("Old versions", "not kept in the cloud: this remote cannot move files", "warning"))
    rows = [*lease_rows(one.lease), *_cloud_rows(one.cloud)]
    levels = {"green": "good", "yellow": "warning", "red": "bad"}
    for name, value, colour in rows:
        facts.append(Fact(_NAMES.get(name, name), value, levels.get(colour or "", "")))
    return facts


def _cloud_rows(one: Overview | None) -> list[tuple[str, str, str | None]]:
    """What a cloud says of itself; of what it said earlier, when that was, and not how long ago."""
    if one is None or one.trouble is None or one.as_of is None:
        return cloud_rows(one, _NO_MOMENT)
    rest = cloud_rows(replace(one, trouble=None), _NO_MOMENT)[1:]
    return [("Cloud", f"{one.host}, as of {moment_text(one.as_of)}: {one.trouble}", "yellow"), *rest]


# A clock can be wrong by thousands of years, and a calendar has an end.
_YEARS = range(1970, 9000)
_NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)


def moment_text(text: object) -> str:
    """An RFC 3339 time for people, the same wherever it is read: 2026-11-22 10:15 UTC."""
    from bisync.stored import moment

    at = moment(text)
    return "nobody knows when" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


# -- the runs -------------------------------------------------------------------------------------------


def drawing(entries: Iterable[Mapping[str, Any]]) -> Drawing | None:
    """These lines of the history as a drawing; None where none of them says when it was."""
    found = chart(one for one in map(_ran, entries) if one is not None)
    if found is None:
        return None
    lanes = tuple(
        Lane(lane.kind, LANES[lane.kind], lane.total, lane.highest, tuple(_shapes(found, lane)))
        for lane in found.lanes
        if lane.total or lane.kind in _ALWAYS
    )
    idle = tuple(
        Shape(at, 0, until - at + 1, 4, f"{_when(found, at)}: nothing to do") for at, until in found.idle
    )
    told = [f"{lane.total:,} {lane.title}" for lane in lanes if lane.total]
    word = "run" if found.runs == 1 else "runs"
    said = f"{found.runs:,} {word} from {_at(found.first)} to {_at(found.last)}"
    return Drawing(
        width=found.stretches,
        height=HEIGHT,
        lanes=lanes,
        idle=idle,
        ticks=_ticks(found),
        said=f"{said}: {', '.join(told) or 'nothing was moved'}",
        stretch=_length(found.length),
    )


def _ran(entry: Mapping[str, Any]) -> Ran | None:
    from bisync.stored import moment

    end = moment(entry.get("at"))
    begin = moment(entry.get("first")) or end
    if end is None or begin is None or not all(one.year in _YEARS for one in (begin, end)):
        return None
    until = int(end.timestamp())
    return Ran(
        begin=min(int(begin.timestamp()), until),
        end=until,
        outcome=str(entry.get("outcome")),
        uploaded=entry.get("uploaded") or 0,
        downloaded=entry.get("downloaded") or 0,
        deleted=(entry.get("deleted_local") or 0) + (entry.get("deleted_cloud") or 0),
        conflicts=len(entry.get("conflicts") or ()),
        runs=entry.get("runs") or 1,
    )


def _shapes(found: Chart, lane: Any) -> Iterable[Shape]:
    for bar in lane.bars:
        high = round(max(2.0, bar.height * HEIGHT), 2)
        said = f"{_when(found, bar.at)}: {bar.number:,} {LANES[lane.kind]}"
        yield Shape(bar.at + GAP / 2, round(HEIGHT - high, 2), 1 - GAP, high, said)


def _when(found: Chart, at: int) -> str:
    return _at(found.start + at * found.length)


def _at(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def _ticks(found: Chart) -> tuple[str, ...]:
    """The ends and the middle of the time that is drawn."""
    form = "%Y-%m-%d" if found.length >= DAY else "%m-%d %H:%M"
    places = (0, found.stretches / 2, found.stretches)
    return tuple(
        format(datetime.fromtimestamp(found.start + int(place * found.length), UTC), form) for place in places
    )


def _length(seconds: int) -> str:
    for one, unit, length in (
        ("a day", "days", 86_400),
        ("an hour", "hours", 3600),
        ("a minute", "minutes", 60),
    ):
        if seconds % length == 0:
            return one if seconds == length else f"{seconds // length} {unit}"
    return f"{seconds} s"


def _run(entry: Mapping[str, Any]) -> Run:
    outcome = str(entry.get("outcome") or "-")
    level = {"done": "good", "idle": "", "refused": "warning"}.get(outcome, "bad")
    moved = [f"{entry[key]:,} {word}" for key, word in _MOVED if entry.get(key)]
    if entry.get("conflicts"):
        moved.append(conflicts_text(len(entry["conflicts"])))
    if entry.get("left_out"):
        moved.append(f"{len(entry['left_out'])} left out")
    if entry.get("undoes"):
        moved.append(f"takes back {entry['undoes']}")
    if entry.get("runs", 1) != 1:
        moved.append(f"{counted(entry['runs'], 'run')} since {moment_text(entry.get('first'))}")
    if entry.get("error"):
        moved.append(str(entry["error"]))
    return Run(
        at=moment_text(entry.get("at")),
        stamp=str(entry.get("at") or ""),
        outcome=outcome,
        level=level,
        what=", ".join(moved) or "–",
        run=str(entry.get("run") or ""),
    )

"""What one run did, for people and for scripts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from bisync.report.left_out import own
from bisync.report.words import clock_text, counted, files, home_text, size_text

if TYPE_CHECKING:
    from bisync.actions.log import Followed, Happened, Logged

_WORDS = {
    "uploaded": "uploaded",
    "downloaded": "downloaded",
    "renamed": "renamed",
    "deleted_local": "deleted here",
    "deleted_cloud": "deleted in the cloud",
    "merged": "merged",
    "conflicts": "contested",
}


def log_lines(one: Logged) -> Iterator[str]:
    """A run as a person reads it: what it was, each path, what is to be said, and where old versions lie."""
    entry = one.entry
    if entry is None:
        yield f"{one.name}: no run yet that had something to do"
        return
    yield f"{one.name}: run {entry.get('run') or '-'}"
    yield from _facts(entry)
    yield from _path_lines(entry)
    for conflict in entry.get("conflicts") or ():
        copies = ", ".join(map(own, conflict.get("copies") or ())) or "-"
        device = f"; {conflict['device']} had synced since" if conflict.get("device") else ""
        yield f"  conflict  {own(str(conflict.get('path')))}  ({_won(conflict)}; beside it: {copies}{device})"
    yield from (f"  ✓ Created project: {own(name)}" for name in entry.get("registered") or ())
    yield from (f"  Note: {note}" for note in entry.get("notes") or ())
    for left in entry.get("left_out") or ():
        yield f"  Left out: {own(str(left.get('path')))}: {left.get('why')}"
    yield from _trash_lines(one)
    if entry.get("error"):
        yield f"  error     {entry['error']}"
        yield from ([f"            → {entry['hint']}"] if entry.get("hint") else [])


def _facts(entry: dict[str, Any]) -> Iterator[str]:
    took = f", took {entry['seconds']} s" if entry.get("seconds") is not None else ""
    yield f"  ended     {clock_text(entry.get('at'))}{took}"
    if entry.get("runs", 1) != 1:
        runs = counted(entry["runs"], "run")
        yield f"  since     {clock_text(entry.get('first'))}: {runs}, of which this is the last"
    by = (("device", entry.get("device")), ("profile", entry.get("profile")), ("mode", entry.get("mode")))
    yield "  by        " + (", ".join(f"{word} {value}" for word, value in by if value) or "-")
    if entry.get("undoes"):
        yield f"  undoes    {entry['undoes']}"
    code = f" (exit code {entry['exit_code']})" if "exit_code" in entry else ""
    moved = f", {size_text(entry['bytes'])} travelled" if entry.get("bytes") else ""
    yield f"  outcome   {entry.get('outcome') or '-'}{code}{moved}"


def _path_lines(entry: dict[str, Any]) -> Iterator[str]:
    paths = entry.get("paths")
    if paths is None:
        for kind, word in _WORDS.items():
            if kind != "conflicts" and entry.get(kind):
                yield f"  {word}: {files(entry[kind])}, by an older version that wrote no names down"
        return
    width = max((len(_WORDS[kind]) for kind in paths if kind in _WORDS), default=0)
    for kind, word in _WORDS.items():
        for path in paths.get(kind) or ():
            name = f"{own(path['path'])} → {own(path['to'] or '?')}" if isinstance(path, dict) else own(path)
            yield f"  {word:<{width}}  {name}"
    if entry.get("more_paths"):
        yield f"  … and {entry['more_paths']} more, whose names are not kept"


def _won(conflict: dict[str, Any]) -> str:
    winner = str(conflict.get("winner"))
    return {"both": "both kept", "folder": "made room for a folder"}.get(winner, f"the {winner} version won")


def _trash_lines(one: Logged) -> Iterator[str]:
    if one.local_trash is not None:
        yield f"  Old versions here: {home_text(one.local_trash)}"
    if one.cloud_trash is not None:
        yield f"  Old versions in the cloud, if it replaced any there: {one.cloud_trash}"
    if (one.local_trash is not None or one.cloud_trash is not None) and one.entry is not None:
        from bisync.core.printable import typed

        run = str(one.entry["run"])
        kept = f"They are kept for {counted(one.keep_days, 'day')}."
        yield f"  {kept} Bring one back with: bisync restore PATH --run {typed(run)}"
        if one.entry.get("outcome") == "done" and one.entry.get("mode") != "baseline":
            yield f"  Take back all that the run did with: bisync undo {typed(run)}"


def log_document(found: Iterable[Logged]) -> dict[str, Any]:
    """What `log --json` prints: the line of the history, every kind of path in it, and where old versions lie."""
    return {
        "version": 1,
        "syncs": [
            {
                "name": one.name,
                "entry": None if one.entry is None else {**one.entry, "paths": _all_paths(one.entry)},
                "trash": {
                    "local": None if one.local_trash is None else str(one.local_trash),
                    "cloud": one.cloud_trash,
                },
            }
            for one in found
        ],
    }


def _all_paths(entry: dict[str, Any]) -> dict[str, Any]:
    paths = entry.get("paths") or {}
    return {kind: paths.get(kind, []) for kind in _WORDS}


def followed_lines(found: Followed) -> Iterator[str]:
    """What happened to a file as a person reads it, newest first, and how to have an old version back."""
    if not found.events:
        yield f"{found.name}: no run in the history has touched {own(found.path)}"
    else:
        yield f"{found.name}: {own(found.path)}"
    what = [_happened(one, found.path) for one in found.events]
    width = max(map(len, what), default=0)
    for one, text in zip(found.events, what, strict=True):
        by = ", ".join(str(each) for each in (one.run, one.device) if each) or "-"
        yield f"  {clock_text(one.at):<16}  {text:<{width}}  run {by}"
    if found.unnamed:
        yield f"  {counted(found.unnamed, 'run')} named only some of their paths: they may have touched it, too"
    if found.events:
        from bisync.core.printable import typed_path

        yield f"  Bring an old version back with: bisync restore {typed_path(found.path)} --run RUN"


def _happened(one: Happened, path: str) -> str:
    name = "" if one.path == path else f" {own(one.path)}"
    match one.what:
        case "renamed":
            return f"renamed {own(one.path)} → {own(one.to or '?')}"
        case "conflict":
            device = f"; {one.other} had synced since" if one.other else ""
            beside = ", ".join(map(own, one.copies)) or "-"
            won = _won({"winner": one.winner})
            return f"contested{name} ({won}; beside it: {beside}{device})"
    return f"{_WORDS[one.what]}{name}"


def followed_document(found: Iterable[Followed]) -> dict[str, Any]:
    """What `log PATH --json` prints."""
    return {
        "version": 1,
        "syncs": [
            {
                "name": one.name,
                "path": one.path,
                "events": list(map(_event, one.events)),
                "unnamed_runs": one.unnamed,
            }
            for one in found
        ],
    }


def _event(one: Happened) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(one), "copies": list(one.copies)}

"""A plan as steps of a POSIX script that needs only rclone. Pure.

The same steps as our own run takes, in the same order. What a run does here without rclone, the script has
rclone do: an edit saved in that very moment goes to the trash instead of becoming a conflict copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bisync import providers
from bisync.app import Session
from bisync.config import KeysIn
from bisync.core import names
from bisync.core.metadata import MARKER_PATH, MARKER_TEXT
from bisync.errors import UsageError
from bisync.rclone import filters, listings
from bisync.rclone.argv import Argv, File, files_inside_argv, move_argv, remove_empty_argv
from bisync.rclone.remote import HEADER
from bisync.sync import alike, steps, transfers
from bisync.sync.frame import lines, listed
from bisync.sync.prepare import Prepared
from bisync.sync.steps import Step

# A script has no clock in it: the same plan gives the same bytes.
_NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)


def rendered(session: Session, prepared: Prepared) -> dict[str, Any]:
    """What `plan.sh.j2` needs for one sync. Raises UsageError for a tenant that needs more than rclone."""
    if providers.of(session.sync.tenant).needs_us:
        raise UsageError(
            f"{session.sync.name}: a script cannot start the embedded server",
            hint="leave out --script, or use a tenant of provider s3 or rclone",
        )
    if session.rclone.keys is KeysIn.MEMORY and providers.of(session.sync.tenant).has_section:
        raise UsageError(
            f"{session.sync.name}: a script has no keys, as rclone.conf has none (rclone.keys: {KeysIn.MEMORY})",
            hint="leave out --script, or write rclone: {keys: file} into the manifest and type: bisync setup",
        )
    if any(isinstance(step, steps.Merge) for step in prepared.steps):
        raise UsageError(
            f"{session.sync.name}: a script needs only rclone, which merges no texts",
            hint="leave out --script, or have both versions kept: bisync plan --profile safe --script FILE",
        )
    marker = session.sync.dir / MARKER_PATH
    return {
        "header": session.remote.env.get(HEADER),
        "folders": [str(folder) for folder in (session.state.work, session.state.frame, session.state.lists)],
        "marker": str(marker) if steps.PlaceMarker("local") in prepared.steps else None,
        "marker_text": MARKER_TEXT,
        "marker_folder": str(marker.parent),
        "steps": [
            {
                "files": _files(step, session, prepared),
                "commands": [list(argv) for argv in _commands(step, session)],
                "nothing": _nothing(step, session),
            }
            for step in prepared.steps
        ],
        "listings": _listings(session, prepared),
    }


def _listings(session: Session, prepared: Prepared) -> list[dict[str, Any]]:
    """What the script changes in bisync's two listings: `forget` the lines with these names, `add` these.

    Without a pair of listings the lines are all there is. They say what the plan amounts to when both sides
    are as it saw them; what moves in between is a change for the next run.
    """
    pair = listings.place(session.state.work, session.sync.dir, session.remote.fs)
    marker, compare = prepared.seen.marker, prepared.compare
    new = alike.after(prepared)
    if prepared.baseline is None or not pair.is_whole():
        texts = listed(new, compare, marker, _NO_MOMENT)
        return [
            {"path": str(path), "forget": None, "add": text}
            for path, text in zip((pair.path1, pair.path2), texts, strict=True)
        ]
    old = prepared.baseline.files
    befores = zip(*lines(old, compare, marker), strict=True)
    nows = zip(*lines(new, compare, marker), strict=True)
    sides = zip((pair.path1, pair.path2), befores, nows, strict=True)
    changed = []
    for path, before, now in sides:
        kept = set(map(listings.line, before)) & set(map(listings.line, now))
        gone = [listings.quote_go(one.path) for one in before if listings.line(one) not in kept]
        fresh = [text for text in map(listings.line, now) if text not in kept]
        changed.append({
            "path": str(path), "forget": "".join(f" {name}\n" for name in gone), "add": "".join(fresh),
        })  # fmt: skip
    return changed


def _files(step: Step, session: Session, prepared: Prepared) -> list[dict[str, Any]]:
    """The files that a step's command reads: path, text, and whether its MD5 stands beside it."""
    state = session.state
    match step:
        case steps.Fetch(names):
            return [_file(state.lists / "downloads", _lines(names))]
        case steps.Send(names=names):
            return [_file(state.lists / "uploads", _lines(names))]
        case steps.MoveThere(names=names):
            return [_file(state.lists / "moves", _lines(names))]
        case steps.MakeRoom(names=names):
            return [_file(state.lists / "places", _lines(map(filters.inside, names)))]
        case steps.DeleteAllThere(names=names):
            return [_file(state.lists / "deletions", _lines(names))]
        case steps.RunBisync(frame=frame, compare=compare):
            pair = listings.place(state.frame, session.sync.dir, session.remote.fs)
            texts = listed(frame.base, compare, prepared.seen.marker, _NO_MOMENT)
            return [
                _file(state.frame / transfers.FILTERS, filters.framed(frame.names), with_md5=True),
                _file(pair.path1, texts[0]),
                _file(pair.path2, texts[1]),
            ]
        case _:
            return []


def _nothing(step: Step, session: Session) -> list[str] | None:
    """The command that says nothing where a step may be followed by others."""
    if not isinstance(step, steps.MakeRoom):
        return None
    return list(files_inside_argv(session.remote, session.state.lists / "places"))


def _file(path: Path, text: str, *, with_md5: bool = False) -> dict[str, Any]:
    return {"path": str(path), "text": text, "with_md5": with_md5}


def _lines(names: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def _here(folder: str, name: str) -> File:
    """A file on this disk, as rclone spells it."""
    return File(folder, names.to_rclone(name))


def _commands(step: Step, session: Session) -> Iterator[Argv]:
    """The rclone commands of one step."""
    argv = transfers.command(step, session, transfers.RUN)
    if argv is not None:
        yield argv
        return
    area = transfers.area(session, transfers.RUN)
    root, staging, trash = str(area.root), str(area.staging), str(area.trash)
    match step:
        case steps.DeleteHere(name=name):
            yield move_argv(_here(root, name), _here(trash, name))
        case steps.StepAside(name=name, copy=copy):
            yield move_argv(_here(root, name), _here(root, copy))
        case steps.MoveHere(name=name, to=to):
            yield move_argv(_here(root, name), _here(root, to))
        case steps.PutIn(change, staged, name, folder):
            if change.replaces:
                yield move_argv(_here(root, name), _here(trash, name))
            if folder:
                yield remove_empty_argv(f"{root}/{name}")
            yield move_argv(_here(staging, staged), _here(root, name))
        case steps.Settle(change, staged, name, copies):
            fetched = _here(staging, staged)
            if change.winner == "local":
                yield move_argv(fetched, _here(root, copies[0]))
                return
            yield move_argv(_here(root, name), _here(root, copies[0]))
            yield move_argv(fetched, _here(root, name if change.winner == "cloud" else copies[1]))

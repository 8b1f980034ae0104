"""One line of rclone's log -> one event. Pure.

rclone writes one JSON object a line to stderr (`--use-json-log`). Names are read from `object`, which
is plain, never from `msg`, which bisync quotes and pads. Commands without that flag, and what rclone says before it
has read its flags, write "2026/11/29 10:37:24 NOTICE: text".
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from bisync.events import ConflictCopy, Copied, Deleted, Event, Moved, Problem, Progress, Side, Text
from bisync.stored import fits

# "Copied (new)", and for files of 256 MiB and more "Multi-thread Copied (replaced existing)".
_COPIED = re.compile(r"(Multi-thread )?Copied \((Rcat, )?(new|replaced existing)\)")

# The level is padded: "ERROR :". What asks for a password may stand before it.
_PLAIN = re.compile(r"(?:^|:)\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)? (?P<level>[A-Z]+) *: (?P<text>.*)$")
_LEVELS: dict[str, Literal["error", "notice"]] = {
    **dict.fromkeys(("ERROR", "CRITICAL", "ALERT", "EMERGENCY", "FATAL"), "error"),
    **dict.fromkeys(("NOTICE", "WARNING"), "notice"),
}


def parse(line: str) -> Event | None:
    """The event in one stderr line of rclone; None for an empty line.

    Lines that are no JSON object (usage errors, Go panics) come back as `Text`.
    """
    line = line.strip()
    if not line:
        return None
    if not line.startswith("{"):
        return _from_plain(line)
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return Text(line)
    return _from_record(record)


def _from_plain(line: str) -> Event:
    found = _PLAIN.search(line)
    if found is None:
        return Text(line)
    level, text = _LEVELS.get(found["level"]), found["text"].strip()
    return Problem(level, text, None) if level is not None else Text(text)


def _from_record(record: dict[str, Any]) -> Event:
    message = str(record.get("msg", "")).strip()
    level = record.get("level")
    kind = str(record.get("objectType", ""))
    path = str(record["object"]) if "object" in record and kind.endswith("Object") else None
    stats = record.get("stats")
    if isinstance(stats, dict):
        return _progress(stats)
    if path is not None:
        # The object logged is the source of a copy: a local one was uploaded.
        source: Side = "local" if kind == "*local.Object" else "cloud"
        if _COPIED.match(message):
            return Copied(path, "cloud" if source == "local" else "local", int(_number(record.get("size"))))
        if message in ("Moved into backup dir", "Deleted"):
            return Deleted(path, source, kept=message != "Deleted")
        moved = ("Copied (server-side copy) to: ", "Moved (server-side) to: ")
        for prefix in moved:
            copy = message.removeprefix(prefix)
            # (What chunker calls by another name on the way is no conflict.)
            if copy != message and _leaf(copy).startswith(f"{_leaf(path)}.conflict"):
                return ConflictCopy(path, copy)
        if message.startswith("Moved (server-side)"):
            return Moved(path)
    if level in ("error", "critical", "fatal"):
        return Problem("error", message, path)
    if level in ("notice", "warning"):
        return Problem("notice", message, path)
    return Text(message)


def _leaf(path: str) -> str:
    return path.rpartition("/")[2]


def _progress(stats: dict[str, Any]) -> Progress:
    eta = stats.get("eta")
    return Progress(
        bytes=int(_number(stats.get("bytes"))),
        total_bytes=int(_number(stats.get("totalBytes"))),
        files=int(_number(stats.get("transfers"))),
        total_files=int(_number(stats.get("totalTransfers"))),
        speed=float(_number(stats.get("speed"))),
        eta=None if eta is None else float(_number(eta)),
    )


def _number(value: object) -> float:
    """What counts, of whatever version says it how; 0 for what does not."""
    return value if fits(value, float) else 0  # type: ignore[return-value]

"""The baseline: what both sides held after the last good run. bisync's listings are rendered from it.

Where they are younger than it, after a bisync by hand or a script, it is made anew from them. The local half adds
stamps (mtime, ctime, inode) for files whose content is known to be the listed one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from json.encoder import encode_basestring_ascii as quote_json
from pathlib import Path
from typing import Any

from bisync.config import Compare
from bisync.core import names
from bisync.core import place as places
from bisync.core.metadata import MARKER_PATH
from bisync.core.place import Place
from bisync.core.snapshot import Arriving, BaseFile, Baseline, LocalFile, Stamp
from bisync.errors import BaselineNeeded
from bisync.files import atomic_write
from bisync.rclone import listings
from bisync.state.wording import Wording, put_into_words
from bisync.stored import LARGE, MOST, Fields
from bisync.stored import load as load_stored

VERSION = 1
_PLACE = {(name if name != "address" else "address?"): str for name in Place._fields}
# What is in a row for a file is seen where it is made into one: there may be a hundred thousand.
_SHAPE = {
    "version": int,
    "run": str,
    "compare": {one.value for one in Compare},
    "profile": str,
    "filters": str,
    "device": int,
    "listings": str,
    "keeps_versions": bool,
    "as_listed?": bool,
    "files": dict,
    "arriving?": {str: Fields(({"local", "cloud"}, list))},
    "place?": _PLACE,
}


def from_listings(
    pair: listings.Pair,
    stamps: Mapping[str, LocalFile],
    stored: Mapping[str, int | None],
) -> dict[str, BaseFile]:
    """What both sides hold, by bisync's listings of them.

    `stamps` are local files whose md5 (or, without one, whose stamp) somebody vouches for. A stamp is
    taken only where its content is the listed one. `stored`: when cloud files were stored (ns since the
    epoch), the only thing that tells a change of one without a hash. Paths in one listing only are no
    common ground.
    """
    ours, theirs = listings.read_pair(pair)
    cloud = {names.key(each.path): each for each in theirs}
    files: dict[str, BaseFile] = {}
    for each in ours:
        key = names.key(each.path)
        other = cloud.get(key)
        if other is None or key == MARKER_PATH:
            continue
        known = stamps.get(key)
        vouched = (
            known is not None
            and known.size == each.size
            and (known.md5 == each.md5 if each.md5 else known.stamp.mtime_ns == each.mtime_ns)
        )
        files[key] = BaseFile(
            each.size,
            each.md5 if other.md5 in (None, each.md5) else None,
            known.stamp if known is not None and vouched else None,
            each.mtime_ns,
            stored.get(key) if other.md5 is None and other.mtime_ns is None else other.mtime_ns,
            None if each.path == other.path == key else (each.path, other.path),
        )
    return files


def save(path: Path, baseline: Baseline, rows: Wording[str] | None = None) -> None:
    """Write the baseline in one step. `rows`: files that were put into words before (`in_rows`)."""
    document = {
        "version": VERSION,
        "run": baseline.run,
        "compare": baseline.compare.value,
        "profile": baseline.profile,
        "filters": baseline.filters,
        "device": baseline.device,
        "listings": baseline.listings,
        "keeps_versions": baseline.keeps_versions,
        **({"as_listed": True} if baseline.as_listed else {}),
        **({"place": _place(baseline.place)} if baseline.place else {}),
        **({"arriving": arriving_rows(baseline.arriving)} if baseline.arriving else {}),
    }
    head = json.dumps(document, separators=(",", ":"))
    text = ",\n".join(in_rows(baseline.files, rows).texts.values())
    atomic_write(path, f'{head[:-1]},"files":{{{text}}}}}\n')


def _place(place: Place) -> dict[str, str]:
    return {name: said for name, said in place._asdict().items() if said or name != "address"}


def in_rows(files: Mapping[str, BaseFile], known: Wording[str] | None = None) -> Wording[str]:
    """Files as the lines of a baseline."""
    return put_into_words(files, row_text, known)


def row_text(path: str, base: BaseFile) -> str:
    """The line of one file in the JSON: what `to_row` says, in a third of the time that json takes for it.

    A line a file, so that two baselines can be compared by eye.
    """
    size, md5, stamp, local, cloud, spelled = base
    hashed = "null" if md5 is None else quote_json(md5)
    stamped = "null" if stamp is None else f"[{stamp[0]},{stamp[1]},{stamp[2]}]"
    times = f"{'null' if local is None else local},{'null' if cloud is None else cloud}"
    more = f",[{quote_json(spelled[0])},{quote_json(spelled[1])}]" if spelled is not None else ""
    return f"{quote_json(path)}:[{size},{hashed},{stamped},{times}{more}]"


def arriving_rows(arriving: Mapping[str, Arriving]) -> dict[str, Any]:
    """What was on its way, as the baseline's and the journal's JSON have it."""
    return {path: [one.side, to_row(one.file)] for path, one in arriving.items()}


def expect(path: Path, rows: Mapping[str, Any]) -> None:
    """Note in the saved baseline what a run that did not end well was to bring (`arriving_rows`), for the next one."""
    known = load(path)
    if known is not None and rows:
        save(path, expecting(known, rows))


def expecting(known: Baseline, rows: Mapping[str, Any]) -> Baseline:
    """A baseline that knows what a run was to bring (`arriving_rows`)."""
    return replace(known, arriving={**known.arriving, **expecting_rows(rows)})


def expecting_rows(rows: Mapping[str, Any]) -> dict[str, Arriving]:
    """What is in rows of `arriving_rows`. Raises TypeError or ValueError for what is none."""
    return {name: Arriving(side, from_row(row)) for name, (side, row) in rows.items()}


def to_row(base: BaseFile) -> list[Any]:
    """A file as the baseline's JSON has it."""
    return [*base[:5], *((base.names,) if base.names else ())]


def from_row(row: Sequence[Any]) -> BaseFile:
    """The file in a row. Raises TypeError or ValueError for what is none."""
    if type(row) is not list:  # of a mapping a slice is a KeyError, from Python 3.12 on
        raise TypeError("no row")
    size, md5, stamp, local, cloud = row[:5]
    spelled = None
    if len(row) != 5:
        [[one, other]] = row[5:]
        spelled = (one, other)
        if type(one) is not str or type(other) is not str:
            raise TypeError("no name")
    if md5 is not None and type(md5) is not str:
        raise TypeError("no hash")
    if type(size) is not int or not -MOST < size < MOST:
        raise ValueError("no size")
    for time in (local, cloud):
        if time is not None and (type(time) is not int or not -MOST < time < MOST):
            raise ValueError("no time")
    return BaseFile(size, md5, None if stamp is None else _stamp(*stamp), local, cloud, spelled)


def _stamp(mtime_ns: int, ctime_ns: int, inode: int) -> Stamp:
    if not (type(mtime_ns) is type(ctime_ns) is type(inode) is int):
        raise TypeError("no stamp")
    return Stamp(mtime_ns, ctime_ns, inode)


def load(path: Path) -> Baseline | None:
    """The saved baseline; None when there is none, or one of another version or cut short.

    Nothing is lost then: bisync's own listings say the same, but for the stamps. Raises StateError, OSError.
    """
    try:
        document = load_stored(path, _SHAPE, limit=LARGE)
        if document["version"] != VERSION:
            return None
        return Baseline(
            files={path: from_row(row) for path, row in document["files"].items()},
            compare=Compare(document["compare"]),
            profile=document["profile"],
            filters=document["filters"],
            device=document["device"],
            run=document["run"],
            listings=document["listings"],
            keeps_versions=document["keeps_versions"],
            arriving=expecting_rows(document.get("arriving", {})),
            place=Place(**document["place"]) if "place" in document else None,
            as_listed=document.get("as_listed", False),
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return None


def stay(saved: Baseline | None, place: Place, name: str) -> None:
    """Raise BaselineNeeded where what is saved of the sync `name` speaks of another place."""
    moved = places.moved(saved.place if saved is not None else None, place)
    if moved is not None:
        raise BaselineNeeded(
            f"what is known of {name} speaks of another place: {moved}",
            hint=f"take it back, or start afresh (both sides are merged, nothing is lost): bisync setup --only {name}",
        )


def current(saved: Baseline | None, pair: listings.Pair, compare: Compare) -> Baseline:
    """The baseline that fits the listings on disk.

    A bisync by hand, or a script, leaves listings that the saved baseline does not know: then it is made
    anew from them, keeping what the saved one knew of unchanged files.
    """
    digest = pair.digest()
    if saved is not None and saved.listings == digest:
        return saved
    stamps = {
        path: LocalFile(path, base.size, base.stamp, base.md5)
        for path, base in (saved.files.items() if saved else ())
        if base.stamp is not None
    }
    stored = {path: base.cloud_mtime_ns for path, base in saved.files.items()} if saved else {}
    return Baseline(
        files=from_listings(pair, stamps, stored),
        listings=digest,
        compare=saved.compare if saved else compare,
        profile=saved.profile if saved else "",
        filters=saved.filters if saved else "",
        device=saved.device if saved else 0,
        run=saved.run if saved else "",
        arriving=saved.arriving if saved else {},
        place=saved.place if saved else None,
    )

"""What goes wrong at a moment: a kill, Ctrl-C, a deed of the user, a disk that refuses."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bisync import process
from bisync.core.metadata import METADATA_DIR
from tests.support.busy import RULES, World
from tests.support.sweep.moments import Moment

KILLS = ("kill", "kill-both")
DEEDS = ("save", "replace", "delete")
ERRORS = {"eio": errno.EIO, "enospc": errno.ENOSPC}
FAULTS = (*KILLS, "ctrl-c", *DEEDS, *ERRORS)


class Deed(NamedTuple):
    """What the user did: to which file, what it held until then, what it holds now. None: there was, is, none.

    `alone`: nobody else had what it held: then that is the user's own loss.
    """

    path: str
    before: str | None
    after: str | None
    alone: bool


def applies(fault: str, moment: Moment, before: Moment | None) -> bool:
    """Whether a fault at a moment is a case of its own. `before`: the moment before it, in its series.

    A kill is none where nothing was written since the moment before it, nor one of both where no rclone runs. No line
    of a log is an operation that fails, and no full disk refuses to be read.
    """
    if fault in ERRORS:
        return moment.series == "file" and (moment.writes or fault == "eio")
    if fault == "kill" and moment.series == "file":
        return before is None or before.writes
    if fault == "kill-both":
        return moment.rclone and (moment.series == "line" or before is None or before.writes)
    return True


def strike(fault: str, moment: Moment, world: World, say: Callable[[Deed], None]) -> None:
    """Have it go wrong now. `say` hears of a deed."""
    if fault in KILLS:
        if fault == "kill-both":
            for child in process.living():
                child.kill()
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault == "ctrl-c":
        os.kill(os.getpid(), signal.SIGINT)
    elif fault in DEEDS:
        say(_do(fault, moment, world))
    else:
        code = ERRORS[fault]
        raise OSError(code, os.strerror(code), str(world.device.home / moment.paths[0]))


def _do(fault: str, moment: Moment, world: World) -> Deed:
    root = world.device.notes
    path = next(
        one
        for one in _candidates(fault, moment, root)
        if (root / one).parent.is_dir()
        and not (root / one).is_dir()
        and (fault != "delete" or (root / one).exists())
    )
    target, after = root / path, None
    before = target.read_text() if target.exists() else None
    alone = before is not None and _copies(world, before) < 2
    if fault == "delete":
        target.unlink()
    else:
        after = f"{RULES if path.endswith('.bmignore') else ''}# saved at {moment.series} {moment.number}\n"
        if fault == "save":
            target.write_text(after)
        else:
            beside = world.device.home / "saving.tmp"
            beside.write_text(after)
            beside.replace(target)
    return Deed(path, before, after, alone)


def _candidates(fault: str, moment: Moment, root: Path) -> Iterator[str]:
    """The file that the moment is about, else one that the run touches, chosen by the moment's number.

    Of two names one kind of save meets the first and the other the second.
    """
    about = moment.notes
    yield from reversed(about) if fault == "replace" else about
    found = [path.relative_to(root) for path in _below(root)]
    touched = sorted(str(path) for path in found if METADATA_DIR not in path.parts)
    for number in range(len(touched)):
        yield touched[(moment.number + number) % len(touched)]


def _copies(world: World, text: str) -> int:
    """How often a content is there, wherever it is."""
    size, found = len(text.encode()), 0
    for path in [*_below(world.device.home), *_below(world.cloud)]:
        with suppress(OSError, UnicodeDecodeError):
            found += path.lstat().st_size == size and path.read_text() == text
    return found


def _below(top: Path) -> Iterator[Path]:
    """Every file below a folder, in which somebody is at work: what goes away meanwhile is passed over."""
    for folder, _, names in os.walk(top):
        yield from (Path(folder, name) for name in names)

"""The contents of small files on either side, to be looked at and not to be kept. Nothing is changed anywhere."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from bisync import events
from bisync.app import Session
from bisync.core import names
from bisync.core.counting import counted
from bisync.core.snapshot import CloudFile
from bisync.core.text_diff import LIMIT, Version
from bisync.rclone.argv import copy_argv
from bisync.rclone.diagnosis import failure
from bisync.rclone.program import name_list
from bisync.sync import inside, transfers

AT_ONCE = 64 << 20
"""So many bytes are fetched at the most: they lie in a temporary folder, and in memory."""
_SLACK = 1 << 20
_GONE = "it is gone, or is something else by now"


def here(root: Path, name: str, size: int = 0) -> Version:
    """A file here, read unless it is larger than LIMIT; of one that cannot be read, why. No link is followed.

    `name`: relative to `root`, as the operating system spells it. `size`: what it was in bytes, if that is known.
    """
    try:
        with inside.at(root, name) as path:
            # (A pipe that has taken the name would keep us waiting.)
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as stream:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    return Version(size, why=_GONE)
                if found.st_size > LIMIT:
                    return Version(found.st_size)
                content = stream.read(LIMIT + 1)
    except (FileNotFoundError, inside.InTheWay):
        return Version(size, why=_GONE)
    except OSError as error:
        return Version(size, why=f"it cannot be read: {error.strerror}")
    return Version(len(content), content if len(content) <= LIMIT else None)


def fetched(session: Session, files: Iterable[CloudFile]) -> Mapping[str, Version]:
    """Files of the cloud by their names there, fetched by one rclone; of one that did not come, why.

    They go to a folder that nobody else can look into, which is gone afterwards, also after Ctrl-C. What is larger
    than LIMIT stays where it is, and so does what comes after AT_ONCE bytes.

    Raises RcloneError when none of them comes because of the cloud.
    """
    wanted: list[CloudFile] = []
    found: dict[str, Version] = {}
    total = 0
    for file in files:
        if file.size > LIMIT:
            found[file.name] = Version(file.size)
        elif total + file.size > AT_ONCE:
            why = f"more than {AT_ONCE >> 20} MiB in all are not fetched: name it, and nothing else"
            found[file.name] = Version(file.size, why=why)
        else:
            wanted.append(file)
            total += file.size
    if not wanted:
        return found

    def on_event(event: events.Event) -> None:
        if isinstance(event, events.Progress):
            session.emit(event)

    session.emit(events.Step(f"fetching {counted(len(wanted), 'text')} to compare"))
    with tempfile.TemporaryDirectory(prefix="bisync-") as folder, name_list(f.name for f in wanted) as listed:
        width = transfers.width([file.size for file in wanted])
        # A listing may lie about sizes: then it stops.
        argv = copy_argv(
            session.remote.fs, folder, listed,
            profile=session.profile, width=width, at_most=2 * total + _SLACK,
        )  # fmt: skip
        outcome = session.rclone.run(argv, remote=session.remote, on_event=on_event, at_length=True)
        came = {file.name: here(Path(folder), names.from_rclone(file.name)) for file in wanted}
    if outcome.code != 0 and not any(one.content is not None for one in came.values()):
        raise failure(argv, outcome, session.remote)
    why = "it could not be fetched" if outcome.code != 0 else "it is gone from the cloud"
    for file in wanted:
        one = came[file.name]
        found[file.name] = one if one.why == "" else Version(file.size, why=why)
    return found

"""What ignore files in the cloud say that are not here yet, and what they would hide."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bisync import ignore
from bisync.app import Session
from bisync.core import names
from bisync.core.counting import counted
from bisync.core.snapshot import BaseFile, CloudFile
from bisync.errors import BisyncError, IgnoreError, RcloneError
from bisync.rclone.argv import copy_argv
from bisync.rclone.diagnosis import failure
from bisync.rclone.program import name_list
from bisync.sync import hashing
from bisync.sync.observe import Observation

if TYPE_CHECKING:
    from bisync.core.change import Change
    from bisync.core.plan import Plan


class Broken(NamedTuple):
    """An ignore file in the cloud that cannot be honoured: its path, the MD5 of its content, and why not."""

    path: str
    md5: str
    why: str


class Heard(NamedTuple):
    """`texts`: what ignore files in the cloud say; `broken`: those of them that cannot be honoured, and say nothing."""

    texts: ignore.Texts
    broken: tuple[Broken, ...]


NOTHING_HEARD = Heard({}, ())


def unheard(session: Session, made: Plan, seen: Observation, heard: Heard) -> Heard | None:
    """What ignore files say in the cloud that are other here, beside what is `heard` already; None for nothing more.

    What any version ignores is ignored: those that come are not here yet, and of those that are contested nobody has
    decided which is to be obeyed.
    """
    from bisync.core.waiting import rules_in_cloud

    there = seen.cloud.files
    found = [
        path for path in rules_in_cloud(made.changes, session.app.manifest.ignore_files) if path in there
    ]
    if not found or heard.texts.keys() >= set(found):
        return None
    silent: dict[str, Sequence[str]] = dict.fromkeys(found, ())
    more = versions(session, {path: there[path] for path in found})
    return Heard({**heard.texts, **silent, **more.texts}, (*heard.broken, *more.broken))


def hidden_by(heard: Heard, known: Mapping[str, BaseFile], seen: Observation) -> tuple[str, ...]:
    """The files of the baseline that nothing but versions of ignore files that lie in the cloud hides, sorted."""
    if not heard.texts:
        return ()
    ours = ignore.RuleSet(seen.rules.rules, below=seen.rules.below)
    found = []
    for path, file in known.items():
        name = names.from_rclone(file.names[0] if file.names is not None else path)
        if seen.rules.decide(name, is_dir=False).ignored and not ours.decide(name, is_dir=False).ignored:
            found.append(path)
    return tuple(sorted(found))


SHOWN = 10
"""So many paths are named; of more, how many there are."""


def about_rules(hidden: Sequence[str], heard: Heard) -> Iterator[str]:
    """What a user should know of ignore rules in the cloud."""
    if hidden:
        more = f" and {len(hidden) - SHOWN} more" if len(hidden) > SHOWN else ""
        only = len(hidden) == 1
        stay = "was synced, and stays where it is" if only else "were synced, and stay where they are"
        yield (
            f"ignore rules that lie in the cloud hide {counted(len(hidden), 'file')} that "
            f"{stay}: {', '.join(hidden[:SHOWN])}{more}"
        )
    for one in heard.broken:
        yield (
            f"{one.path}: set aside, for it cannot be honoured: {one.why}; mend it, or delete it, here or on any device"
        )


def make_sure_rules_can_come(session: Session, changes: Sequence[Change], seen: Observation) -> None:
    """Raise BisyncError where something here has the name of an ignore file that is to come: no plan leaves it out.

    Behind a link, where nothing here is synced, they are about nothing here.
    """
    from bisync.core.waiting import rules_in_cloud

    here = seen.local
    coming = rules_in_cloud(changes, session.app.manifest.ignore_files)
    blocked = [
        path for path in coming if path in here.occupied or path in here.links or path in here.specials
    ]
    if blocked:
        raise without_rules(blocked)


def without_rules(paths: Iterable[str]) -> BisyncError:
    """The error of a run that cannot have these ignore files of the cloud here."""
    return BisyncError(
        f"{', '.join(sorted(paths))}: ignore rules that cannot be brought here; nothing is synced without them",
        hint="make room for them (a folder or link of that name, a full disk?), then type: bisync sync",
    )


def versions(session: Session, found: Mapping[str, CloudFile]) -> Heard:
    """The lines of ignore files in the cloud, by key, and those that cannot be honoured, which have none.

    Those that are gone meanwhile are missing. Raises RcloneError when they cannot be fetched, OSError when what was
    fetched cannot be read.
    """
    texts: dict[str, list[str]] = {}
    broken = []
    outer = session.app.layers(session.sync)
    with (
        tempfile.TemporaryDirectory(prefix="bisync-") as folder,
        name_list(one.name for one in found.values()) as listed,
    ):
        argv = copy_argv(session.remote.fs, folder, listed, profile=session.profile)
        outcome = session.rclone.run(argv, remote=session.remote)
        if outcome.code != 0:
            problem = failure(argv, outcome, session.remote)
            raise RcloneError(
                f"{', '.join(found)}: ignore rules in the cloud that cannot be read: {problem.message}",
                hint=problem.hint,
            )
        for key, one in found.items():
            name = names.from_rclone(one.name)
            if not os.path.lexists(fetched := Path(folder, name)):
                continue
            try:
                lines = ignore.read_ignore_file(fetched, f"{name} (cloud)", follow=False)
                # By itself: what is too much of all ignore files together is no fault of this one.
                alone = ignore.Layer(f"{name} (cloud)", lines)
                session.app.filters(ignore.outer_rules(outer, [alone]))
            except IgnoreError as error:
                if isinstance(error.__cause__, OSError):
                    # It was fetched and cannot be read here: what it says is not known, and nothing goes without it.
                    raise error.__cause__ from None
                texts[key] = []
                broken.append(Broken(key, hashing.file_md5(fetched), error.message))
            else:
                texts[key] = lines
    return Heard(texts, tuple(broken))

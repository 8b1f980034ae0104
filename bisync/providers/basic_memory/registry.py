"""The projects of the vendor's cloud: which folders are new, made into projects, and indexed after a change."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from text_unidecode import unidecode

from bisync.config import DEFAULT_PROJECTS, BasicMemoryTenant
from bisync.core import projects
from bisync.core.projects import Project
from bisync.errors import BisyncError, CloudError, HostTrouble, LoginNeeded
from bisync.providers.base import Around, Created, Missing, Projects
from bisync.providers.basic_memory import known
from bisync.providers.basic_memory.known import Generation

if TYPE_CHECKING:
    from bisync.providers.basic_memory.wire import Cloud

# Projects that are indexed at a time.
AT_ONCE = 4
# A sync does not wait longer than this for what it can do without.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Registry(Projects):
    """The projects of one tenant."""

    tenant: BasicMemoryTenant
    around: Around

    def missing(self, folders: Sequence[str]) -> Missing:
        if not self.tenant.auto_register:
            return Missing()
        meant = self._meant(folders)
        remembered, generation = self._remembered()
        if not _without(meant, remembered, generation):
            return Missing()
        try:
            with self._opened() as cloud:
                # Whoever is logged in by now may be somebody else.
                store = cloud.store()
                if store.tenant_id != self.tenant.tenant_id:
                    raise CloudError(
                        f"the login is that of another tenant, {store.tenant_id}", hint="type: bisync setup"
                    )
                listed, generation = self._listed(cloud), cloud.generation
        except BisyncError as error:
            return Missing(notes=(f"new projects were not looked for: {_reason(error)}",))
        new = _without(meant, listed, generation)
        nameless = [name for name in new if not spelled(name, generation)]
        notes = self._pointed_out(
            {name: f"{name} cannot become a project: its name has no letters or digits" for name in nameless}
        )
        return Missing(tuple(name for name in new if name not in nameless), notes)

    def create(self, folders: Sequence[str]) -> Created:
        refused: dict[str, str] = {}
        try:
            with self._opened() as cloud:
                if cloud.generation is None:
                    cloud.projects()
                for name in folders:
                    try:
                        cloud.create(name, spelled(name, cloud.generation))
                    except (HostTrouble, LoginNeeded) as error:
                        # The others would fare no better; the next run asks for all of them again.
                        refused |= {one: _reason(error) for one in folders if one not in refused}
                        break
                    except CloudError as error:
                        # It may be there all the same: made by another device, or by a request whose answer was lost.
                        refused[name] = _reason(error)
                listed, generation = self._listed(cloud), cloud.generation
        except BisyncError as error:
            return Created(notes=(f"projects could not be made of {', '.join(folders)}: {_reason(error)}",))
        there = {name: one for name in folders if (one := _known(name, listed, generation)) is not None}
        failed = tuple(
            f"{name} is no project yet: {refused.get(name, 'the cloud does not list it')}"
            for name in folders
            if name not in there
        )
        elsewhere = {
            name: (
                f"the cloud keeps the project {name} in {one.folder}/, so it stays empty there;"
                f" rename the folder to {one.folder}, and its notes are found"
            )
            for name, one in there.items()
            if one.folder and one.folder != name
        }
        return Created(tuple(there), (*failed, *self._pointed_out(elsewhere)))

    def changed(self, folders: Sequence[str]) -> Sequence[str]:
        """Ask for the projects of these folders to be indexed, a few at a time."""
        try:
            with self._opened() as cloud:
                listed, generation = self._remembered()
                is_fresh = generation is None or bool(_without(folders, listed, generation))
                if is_fresh:
                    listed, generation = self._listed(cloud), cloud.generation
                meant = _meant(folders, listed, generation)
                asked, notes = _indexed(cloud, list(meant.values()))
                gone = {name: one for name, one in meant.items() if one in asked and not asked[one]}
                if gone and not is_fresh:
                    # What was remembered may be of yesterday: a project made anew, a host that has moved on.
                    cloud.generation = None
                    now = _meant(gone, self._listed(cloud), cloud.generation)
                    moved = [
                        one
                        for name, one in now.items()
                        if one != gone[name] or cloud.generation is not generation
                    ]
                    notes += _indexed(cloud, moved)[1]
                return notes
        except BisyncError as error:
            return [f"the cloud could not be asked to index the changes: {_reason(error)}"]

    # -- what is known ------------------------------------------------------------------------------

    def _opened(self) -> AbstractContextManager[Cloud]:
        # What asks is loaded when there is something to ask: a sync without news does without.
        from bisync.providers.basic_memory.opening import opened

        return opened(self.tenant, self.around, patience=PATIENCE_SECONDS)

    def _remembered(self) -> tuple[tuple[Project, ...], Generation | None]:
        """The projects at the last listing, and the generation of the host that gave it."""
        found = known.load(self.tenant, self.around.state_dir)
        if found is None or found.generation is None:
            return (), None
        return found.projects or (), Generation(found.generation)

    def _listed(self, cloud: Cloud) -> tuple[Project, ...]:
        """The cloud's projects, asked anew and remembered."""
        listed = cloud.projects()
        self._remember(projects=listed, generation=cloud.generation)
        return listed

    def _remember(self, **what: Any) -> None:
        found = known.load(self.tenant, self.around.state_dir)
        if found is not None and not self.around.dry_run:
            # What a full disk keeps from being remembered is asked anew the next time; no sync stops for it.
            with suppress(OSError):
                known.save(self.tenant, self.around.state_dir, replace(found, **what))

    def _pointed_out(self, said: dict[str, str]) -> tuple[str, ...]:
        """What was not said before of these folders; it is said once."""
        found = known.load(self.tenant, self.around.state_dir)
        before = found.pointed_out if found is not None else ()
        fresh = [name for name in said if name not in before]
        if fresh:
            self._remember(pointed_out=(*before, *fresh))
        return tuple(said[name] for name in fresh)

    def _meant(self, folders: Iterable[str]) -> list[str]:
        """The folders that the manifest lets become projects."""
        if self.tenant.projects == DEFAULT_PROJECTS:
            return list(folders)
        # Its matching is not exact in every corner; here a wrong answer can neither leak nor lose anything.
        from pathspec import GitIgnoreSpec

        # All are folders, so a pattern for folders alone is one for all.
        spec = GitIgnoreSpec.from_lines(pattern.rstrip("/") for pattern in self.tenant.projects)
        return [name for name in folders if spec.match_file(name)]


def spelled(name: str, generation: Generation | None) -> str:
    """The permalink of a name, as a host of this generation makes it."""
    return projects.permalink(name, unidecode, dots=generation is not Generation.OLD)


def _known(folder: str, listed: tuple[Project, ...], generation: Generation | None) -> Project | None:
    return projects.known(folder, listed, spelled(folder, generation))


def _without(folders: Iterable[str], listed: tuple[Project, ...], generation: Generation | None) -> list[str]:
    return [name for name in folders if _known(name, listed, generation) is None]


def _meant(
    folders: Iterable[str], listed: tuple[Project, ...], generation: Generation | None
) -> dict[str, Project]:
    return {name: one for name in folders if (one := _known(name, listed, generation)) is not None}


def _indexed(cloud: Cloud, wanted: Sequence[Project]) -> tuple[Mapping[Project, bool], list[str]]:
    """Ask for projects to be indexed, a few at a time: whether the host took each, and notes.

    Where the host as a whole does not answer, the rest is not asked for.
    """
    asked: dict[Project, bool] = {}
    failed: dict[str, list[str]] = {}
    trouble: list[BisyncError] = []
    lock = threading.Lock()

    def ask(project: Project) -> None:
        error = trouble[0] if trouble else None
        try:
            if error is None:
                asked[project] = cloud.index(project, spelled(project.name, cloud.generation))
                return
        except BisyncError as problem:
            error = problem
        with lock:
            if isinstance(error, HostTrouble | LoginNeeded):
                trouble.append(error)
            failed.setdefault(_reason(error), []).append(project.name)

    cloud.host.open()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(ask, wanted))
    notes = [
        f"the cloud could not be asked to index {', '.join(sorted(names))}: {why}"
        for why, names in failed.items()
    ]
    return asked, notes


def _reason(error: BisyncError) -> str:
    """An error and its cure on one line, for a note."""
    return f"{error.message}; {error.hint}" if error.hint else error.message

"""The projects of the vendor's cloud: which folders are new, made into projects, and indexed after a change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from text_unidecode import unidecode

from bisync.config import DEFAULT_PROJECTS, BasicMemoryTenant
from bisync.core import projects
from bisync.core.projects import Project
from bisync.errors import BisyncError, CloudError
from bisync.providers.base import Around, Created, Missing, Projects
from bisync.providers.basic_memory import known
from bisync.providers.basic_memory.opening import opened
from bisync.providers.basic_memory.wire import Cloud, Generation

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
        if not self._without(meant, self._remembered()):
            return Missing()
        try:
            with self._opened() as cloud:
                # Whoever is logged in by now may be somebody else.
                store = cloud.store()
                if store.tenant_id != self.tenant.tenant_id:
                    raise CloudError(
                        f"the login is that of another tenant, {store.tenant_id}", hint="type: bisync setup"
                    )
                listed = self._listed(cloud)
                dots = cloud.generation is Generation.NEW
        except BisyncError as error:
            return Missing(notes=(f"new projects were not looked for: {_reason(error)}",))
        new = self._without(meant, listed)
        nameless = [name for name in new if not spelled(name, dots=dots)]
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
                        cloud.create(name, spelled(name, dots=cloud.generation is Generation.NEW))
                    except CloudError as error:
                        # It may be there all the same: made by another device, or by a request whose answer was lost.
                        refused[name] = _reason(error)
                listed = self._listed(cloud)
        except BisyncError as error:
            return Created(notes=(f"projects could not be made of {', '.join(folders)}: {_reason(error)}",))
        there = {name: one for name in folders if (one := self._known(name, listed)) is not None}
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
                remembered = self._remembered()
                if cloud.generation is None or any(self._known(name, remembered) is None for name in folders):
                    remembered = self._listed(cloud)
                found = {name: one for name in folders if (one := self._known(name, remembered)) is not None}
                with ThreadPoolExecutor(AT_ONCE) as pool:
                    return [note for note in pool.map(lambda one: _index(cloud, one), found.values()) if note]
        except BisyncError as error:
            return [f"the cloud could not be asked to index the changes: {_reason(error)}"]

    # -- what is known ------------------------------------------------------------------------------

    def _opened(self) -> AbstractContextManager[Cloud]:
        return opened(self.tenant, self.around, patience=PATIENCE_SECONDS)

    def _remembered(self) -> tuple[Project, ...]:
        found = known.load(self.tenant, self.around.state_dir)
        return found.projects or () if found is not None else ()

    def _listed(self, cloud: Cloud) -> tuple[Project, ...]:
        """The cloud's projects, asked anew and remembered."""
        listed = cloud.projects()
        self._remember(projects=listed, generation=cloud.generation)
        return listed

    def _remember(self, **what: Any) -> None:
        found = known.load(self.tenant, self.around.state_dir)
        if found is not None and not self.around.dry_run:
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

        spec = GitIgnoreSpec.from_lines(self.tenant.projects)
        return [name for name in folders if spec.match_file(name)]

    def _without(self, folders: Iterable[str], listed: tuple[Project, ...]) -> list[str]:
        return [name for name in folders if self._known(name, listed) is None]

    def _known(self, folder: str, listed: tuple[Project, ...]) -> Project | None:
        return projects.known(folder, listed, (spelled(folder, dots=True), spelled(folder, dots=False)))


def spelled(name: str, *, dots: bool) -> str:
    """The permalink of a name; `dots` as the cloud does today."""
    return projects.permalink(name, unidecode, dots=dots)


def _index(cloud: Cloud, project: Project) -> str | None:
    try:
        cloud.index(project)
    except BisyncError as error:
        return f"the cloud could not be asked to index {project.name}: {_reason(error)}"
    return None


def _reason(error: BisyncError) -> str:
    """An error and its cure on one line, for a note."""
    return f"{error.message}; {error.hint}" if error.hint else error.message

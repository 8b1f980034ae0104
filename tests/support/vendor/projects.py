"""A tenant's projects: how they are listed, made, found and removed. The texts are those of the public server."""

from __future__ import annotations

import itertools
import posixpath
from typing import Any, Literal

from tests.support.vendor.permalink import permalink
from tests.support.vendor.values import Project, Refused, Tenant

# Where the bucket is mounted in the service's own machines.
MOUNT = "/app/data"

_ids = itertools.count(1)


class Projects:
    """What one generation does with the projects of one tenant.

    `mount`: what stands before a path when projects are listed. The public server of today cuts it down to "/".
    """

    def __init__(self, tenant: Tenant, generation: Literal["old", "new"], mount: str = MOUNT) -> None:
        self.tenant = tenant
        self.generation = generation
        self.mount = mount

    def listing(self) -> dict[str, Any]:
        default = next((project.name for project in self.tenant.projects if project.is_default), None)
        if self.generation == "old":
            default = default or "main"
        return {"projects": [self.item(p) for p in self.tenant.projects], "default_project": default}

    def item(self, project: Project, mount: str | None = None) -> dict[str, Any]:
        """A project as its generation shows it."""
        path = posixpath.join(self.mount if mount is None else mount, project.path)
        shown = {"name": project.name, "path": path, "is_default": project.is_default}
        if self.generation == "old":
            return shown
        more = {"display_name": None, "is_private": False}
        return {"id": project.id, "external_id": project.external_id, **shown, **more}

    def create(self, name: str, path: str, set_default: bool) -> tuple[bool, dict[str, Any]]:
        """Make one. Whether it is new, and the answer."""
        if self.generation == "old":
            return True, self._create_old(name, path, set_default)
        link = permalink(name, "new")
        known = self.named(name) or self.linked(name)
        if known is not None:
            if _in_bucket(path) != known.path:
                raise Refused(
                    400,
                    f"Project '{name}' already exists with different path. "
                    f"Existing: {posixpath.join(MOUNT, known.path)}, Requested: {path}",
                )
            return False, self._status(f"Project '{name}' already exists", known.is_default, new=known)
        # The path that was asked for counts for nothing: every project lies flat below the mount.
        self._refuse_nested(link)
        project = self._add(name, link, link, set_default)
        return True, self._status(f"Project '{name}' added successfully", project.is_default, new=project)

    def make_default(self, project: Project) -> dict[str, Any]:
        before = next((one for one in self.tenant.projects if one.is_default), None)
        for one in self.tenant.projects:
            one.is_default = one is project
        return self._status(
            f"Project '{project.name}' set as default successfully", True, old=before, new=project
        )

    def remove(self, project: Project) -> dict[str, Any]:
        """Forget it. Its files are somebody else's business."""
        if project.is_default and self.generation == "old":
            raise Refused(400, f"Cannot remove the default project '{project.name}'")
        if project.is_default:
            others = [one.name for one in self.tenant.projects if one is not project]
            hint = (
                f"Set another project as default first. Available: {', '.join(others)}"
                if others
                else "This is the only project in your configuration."
            )
            raise Refused(400, f"Cannot delete default project '{project.name}'. {hint}")
        self.tenant.projects.remove(project)
        return self._status(f"Project '{project.name}' removed successfully", False, old=project)

    def resolve(self, identifier: str) -> dict[str, Any]:
        """By external id, permalink, or name in any case; also behind a workspace and a slash."""
        found, method = self._resolve(identifier)
        if found is None and "/" in identifier.strip("/ "):
            found, method = self._resolve(identifier.strip().partition("/")[2])
        if found is None:
            hint = (
                ""
                if self.tenant.projects
                else ". No projects are set up yet — run 'basic-memory project add <name> <path>' to create one."
            )
            raise Refused(404, f"Project not found: '{identifier}'{hint}")
        item = self.item(found)
        return {
            "external_id": found.external_id, "project_id": found.id, "name": found.name,
            "permalink": found.permalink, "path": item["path"], "is_active": True,
            "is_default": found.is_default, "resolution_method": method,
        }  # fmt: skip

    def named(self, name: str) -> Project | None:
        return next((one for one in self.tenant.projects if one.name == name), None)

    def linked(self, link: str) -> Project | None:
        return next((one for one in self.tenant.projects if one.permalink == link), None)

    def by_id(self, external_id: str) -> Project:
        for one in self.tenant.projects:
            if one.external_id == external_id:
                return one
        raise Refused(404, f"Project with external_id '{external_id}' not found")

    def _create_old(self, name: str, path: str, set_default: bool) -> dict[str, Any]:
        link = permalink(name, "old")
        if self.linked(link) is not None:
            raise Refused(400, f"Project '{name}' already exists")
        project = self._add(name, _in_bucket(path), link, set_default)
        answer = self._status(f"Project '{name}' added successfully", set_default, new=project)
        # The old server answers what it was told, not what it made of it.
        answer["new_project"] = {"name": name, "path": path, "is_default": set_default}
        return answer

    def _add(self, name: str, path: str, link: str, set_default: bool) -> Project:
        project = Project(name, path, link, next(_ids))
        self.tenant.projects.append(project)
        # Today a default there must be, so the first becomes it; the old default was a name that needed no project.
        if set_default or (self.generation == "new" and len(self.tenant.projects) == 1):
            for one in self.tenant.projects:
                one.is_default = one is project
        return project

    def _refuse_nested(self, path: str) -> None:
        for one in self.tenant.projects:
            where, other = posixpath.join(MOUNT, path), f"'{one.name}' at '{posixpath.join(MOUNT, one.path)}'"
            if _is_below(path, one.path):
                why = f"path is nested within existing project {other}. "
            elif _is_below(one.path, path):
                why = f"existing project {other} is nested within this path. "
            else:
                continue
            cannot = f"Cannot create project at '{where.rstrip('/')}': "
            raise Refused(400, f"{cannot}{why}Projects cannot share directory trees.")

    def _resolve(self, identifier: str) -> tuple[Project | None, str]:
        for one in self.tenant.projects:
            if one.external_id == identifier:
                return one, "external_id"
        linked = self.linked(permalink(identifier, "new"))
        if linked is not None:
            return linked, "permalink"
        same = (one for one in self.tenant.projects if one.name.lower() == identifier.lower())
        return next(same, None), "name"

    def _status(
        self, message: str, default: bool, *, old: Project | None = None, new: Project | None = None
    ) -> dict[str, Any]:
        return {
            "message": message,
            "status": "success",
            "default": default,
            "old_project": None if old is None else self.item(old, MOUNT),
            "new_project": None if new is None else self.item(new, MOUNT),
        }


def _in_bucket(path: str) -> str:
    """A path as asked for or shown, as a folder in the bucket."""
    whole = posixpath.normpath(posixpath.join(MOUNT, path))
    return whole.removeprefix(MOUNT).strip("/")


def _is_below(path: str, other: str) -> bool:
    return not other or path == other or path.startswith(f"{other}/")

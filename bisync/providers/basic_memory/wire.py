"""The vendor's API in both generations: what is asked, and what is made of the answers.

No answer says which generation it is of; the new listing's route tells, and only a 404 or 405 there means the old one.
What a call makes is never read from its own answer, which differs between versions: a new listing is the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

from bisync.core.projects import Project
from bisync.errors import CloudError
from bisync.providers.basic_memory.access import Access
from bisync.providers.basic_memory.http import Answer, Host
from bisync.providers.basic_memory.known import Generation
from bisync.providers.basic_memory.refusals import no_keys, refusal, strange
from bisync.providers.basic_memory.tokens import as_token
from bisync.secret import Secret

_NO_ROUTE = (404, 405)


class Store(NamedTuple):
    """Whose files, and where: the tenant and its bucket."""

    tenant_id: str
    bucket: str


class Workspace(NamedTuple):
    """One workspace that the login belongs to; its tenant id is what requests name it by."""

    tenant_id: str
    slug: str
    name: str
    kind: str
    role: str
    is_default: bool
    subscribed: bool


@dataclass(slots=True)
class Cloud:
    """One host, asked with one login, for one workspace. `workspace`: its tenant id; None: the login's own.

    `generation`: what is remembered of the host; it is asked again where that turns out wrong.
    """

    host: Host
    access: Access
    workspace: str | None = None
    generation: Generation | None = None
    _token: Secret | None = field(default=None, repr=False)

    # -- who and where ------------------------------------------------------------------------------

    def health(self) -> str:
        """The service's own word on its version; empty where it has none. Raises CloudError, as for no subscription."""
        version = self._ask("GET", "/proxy/health", "its health").field("version")
        return version if isinstance(version, str) else ""

    def workspaces(self) -> tuple[Workspace, ...] | None:
        """The login's workspaces; None where the host knows none."""
        answer = self._ask("GET", "/workspaces/", "the workspaces", _NO_ROUTE)
        if answer.status in _NO_ROUTE:
            return None
        listed = answer.field("workspaces")
        if not isinstance(listed, list):
            raise strange(answer, self.host.name, "the workspaces")
        return tuple(found for one in listed if (found := _workspace(one)) is not None)

    def store(self) -> Store:
        """The tenant and its bucket."""
        answer = self._ask("GET", "/tenant/mount/info", "the tenant")
        tenant_id, bucket = answer.field("tenant_id"), answer.field("bucket_name")
        if not is_name(tenant_id) or not is_name(bucket):
            raise strange(answer, self.host.name, "the tenant")
        return Store(tenant_id, bucket)

    def mint(self, *, otherwise: str) -> tuple[Secret, Secret]:
        """New S3 keys for the bucket. Never asked twice: each time makes a pair.

        `otherwise`: what somebody can do who may not have them made. Raises CloudError.
        """
        answer = self._ask("POST", "/tenant/mount/credentials", "new S3 keys", (403,), again=False)
        if answer.status == 403:
            raise no_keys(answer, self.host.name, otherwise)
        key, secret = as_token(answer.field("access_key")), as_token(answer.field("secret_key"))
        if key is None or secret is None:
            raise strange(answer, self.host.name, "new S3 keys")
        return key, secret

    # -- projects -----------------------------------------------------------------------------------

    def projects(self) -> tuple[Project, ...]:
        """All projects of the workspace; finds out the host's generation where that is not known."""
        asked = "the projects"
        if self.generation is not Generation.OLD:
            answer = self._ask("GET", "/proxy/v2/projects/", asked, _NO_ROUTE)
            if answer.status not in _NO_ROUTE:
                return self._listed(answer, Generation.NEW)
        answer = self._ask("GET", "/proxy/projects/projects", asked, _NO_ROUTE)
        if answer.status in _NO_ROUTE and self.generation is Generation.OLD:
            # The host has moved on since that was found out.
            self.generation = None
            return self.projects()
        if answer.status in _NO_ROUTE:
            raise refusal(answer, self.host.name, asked)
        return self._listed(answer, Generation.OLD)

    def _listed(self, answer: Answer, generation: Generation) -> tuple[Project, ...]:
        listed = answer.field("projects")
        if not isinstance(listed, list):
            raise strange(answer, self.host.name, "the projects")
        self.generation = generation
        return tuple(found for one in listed if (found := _project(one)) is not None)

    def create(self, name: str, path: str) -> None:
        """Make a project, or find that it is there. Raises CloudError for what a listing afterwards may belie."""
        body: dict[str, Any] = {"name": name, "path": path, "set_default": False}
        route = "/proxy/projects/projects"
        if self.generation is Generation.NEW:
            route, body = "/proxy/v2/projects/", {**body, "visibility": "workspace"}
        self._ask("POST", route, f"the project {name}", body=body, read=False)

    def index(self, project: Project, permalink: str) -> bool:
        """Ask for a project to be indexed; whether the host has a way to ask. (Where not, it finds changes itself.)

        `permalink`: what the old routes call it by, made of its name wherever its folder is.
        """
        if self.generation is Generation.OLD:
            route = f"/proxy/{quote(permalink, safe='')}/project/sync"
        elif project.external_id is not None:
            route = f"/proxy/v2/projects/{quote(project.external_id, safe='')}/index"
        else:
            return False
        answer = self._ask("POST", route, f"{project.name} to be indexed", _NO_ROUTE, read=False)
        return answer.status not in _NO_ROUTE

    # -- one request --------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        asked: str,
        allowed: tuple[int, ...] = (),
        *,
        body: Mapping[str, Any] | None = None,
        again: bool = True,
        read: bool = True,
    ) -> Answer:
        """An answer that is a success, or of an allowed status. Raises CloudError. `read` False: its body is not."""
        headers = {"X-Workspace-ID": self.workspace} if self.workspace is not None else {}
        token = self._token or self.access.token()
        answer = self.host.ask(method, path, token=token, headers=headers, body=body, again=again)
        if answer.status == 401 and (fresh := self.access.instead_of(token)) is not None:
            token = fresh
            answer = self.host.ask(method, path, token=token, headers=headers, body=body, again=again)
        self._token = token
        if answer.status in allowed:
            return answer
        if not 200 <= answer.status < 300:
            raise refusal(answer, self.host.name, asked, cure=self.access.cure)
        if read and not isinstance(answer.body, dict):
            raise strange(answer, self.host.name, asked)
        return answer


def chosen(workspaces: tuple[Workspace, ...] | None, wanted: str | None, host: str) -> Workspace | None:
    """The workspace that is meant: by slug, name or tenant id; without a word the default one.

    Raises CloudError for one that is not there, or that several are called.
    """
    if workspaces is None:
        if wanted is None:
            return None
        raise CloudError(
            f"{host} knows no workspaces, so there is none called {wanted}",
            hint="leave out tenants.*.workspace in the manifest",
        )
    if wanted is None:
        return next((one for one in workspaces if one.is_default), None)
    for key in ("tenant_id", "slug", "name"):
        found = [one for one in workspaces if getattr(one, key) == wanted]
        if len(found) == 1:
            return found[0]
        if found:
            slugs = ", ".join(one.slug for one in found)
            raise CloudError(
                f"several workspaces are called {wanted}", hint=f"name one of them by its slug: {slugs}"
            )
    have = ", ".join(one.slug for one in workspaces) or "none"
    raise CloudError(
        f"the login has no workspace called {wanted} (it has: {have})",
        hint="correct tenants.*.workspace in the manifest, or log in as somebody else: bisync login",
    )


def is_name(value: Any) -> bool:
    """Whether a tenant's id or a bucket's name can be part of a path and of a section of rclone.conf."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= 255
        and value[0].isalnum()
        and all(char.isascii() and (char.isalnum() or char in "._-") for char in value)
    )


def _workspace(one: Any) -> Workspace | None:
    """A workspace of the list; None for what cannot be named in a request."""
    if not isinstance(one, dict) or not is_name(one.get("tenant_id")):
        return None
    return Workspace(
        tenant_id=one["tenant_id"],
        slug=_text(one.get("slug")),
        name=_text(one.get("name")),
        kind=_text(one.get("workspace_type")),
        role=_text(one.get("role")),
        is_default=one.get("is_default") is True,
        subscribed=one.get("has_active_subscription") is True,
    )


def _project(one: Any) -> Project | None:
    """A project of the list; None for what has no name."""
    if not isinstance(one, dict) or not isinstance(one.get("name"), str) or not one["name"]:
        return None
    external = one.get("external_id")
    return Project(one["name"], _text(one.get("path")), external if isinstance(external, str) else None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

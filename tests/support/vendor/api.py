"""The API host: who asks, for which workspace, and what each address answers in which generation."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.support.vendor.dav import Files
from tests.support.vendor.oauth import Authorization, Grant
from tests.support.vendor.projects import MOUNT, Projects
from tests.support.vendor.store import Store
from tests.support.vendor.values import Answer, Generation, Refused, Request, Tenant

SUBSCRIBE = {"old": "https://basicmemory.com/subscribe", "new": "https://basicmemory.com/pricing"}


@dataclass
class Call:
    """One request of somebody who may come in, with what its address holds."""

    api: Api
    request: Request
    grant: Grant
    parts: dict[str, str]

    @property
    def tenant(self) -> Tenant:
        """The workspace asked for, or the default one. The old generation knows one alone."""
        asked = self.request.headers.get("X-Workspace-ID") if self.api.generation != "old" else None
        wanted = asked or self.grant.tenant_id
        for tenant in self.api.tenants:
            if tenant.tenant_id == wanted or (wanted is None and tenant.is_default):
                if not tenant.member:
                    break
                if not tenant.subscribed:
                    raise Refused(403, self.api.unpaid())
                return tenant
        raise Refused(403, f"You are not a member of workspace {wanted}")

    @property
    def old(self) -> Projects:
        """The projects as the old addresses show them. A service that has both has one server behind both."""
        return Projects(self.tenant, "old" if self.api.generation == "old" else "new", self.api.mount)

    @property
    def new(self) -> Projects:
        return Projects(self.tenant, "new", self.api.mount)

    def fields(self, **types: type) -> dict[str, Any]:
        """The fields of the JSON body, all of them required."""
        if not self.request.body:
            raise Refused(422, [_wrong("missing", "body", "Field required", None)])
        try:
            body = json.loads(self.request.body)
        except ValueError as error:
            raise Refused(422, [_wrong("json_invalid", "body", "JSON decode error", {})]) from error
        if not isinstance(body, dict):
            wanted = "Input should be a valid dictionary or object to extract fields from"
            raise Refused(422, [_wrong("model_attributes_type", "body", wanted, body)])
        wrong = []
        for name, kind in types.items():
            if name not in body:
                wrong.append(_wrong("missing", f"body.{name}", "Field required", body))
            elif not isinstance(body[name], kind):
                word = {str: "string", bool: "boolean"}[kind]
                wrong.append(
                    _wrong(f"{word}_type", f"body.{name}", f"Input should be a valid {word}", body[name])
                )
        if wrong:
            raise Refused(422, wrong)
        return body


Action = Callable[[Call], Answer]


class Api:
    """The routes of one generation, or of a service that has both for a while."""

    def __init__(
        self, authorization: Authorization, store: Store, tenants: list[Tenant], generation: Generation
    ) -> None:
        self.authorization = authorization
        self.store = store
        self.tenants = tenants
        self.generation = generation
        self.mount = MOUNT
        self._routes = [(method, re.compile(path), act) for method, path, ages, act in ROUTES
                        if generation in ages.split()]  # fmt: skip

    def answer(self, request: Request) -> Answer:
        """What the API says. The gateway asks who it is before it looks where the request wants to go."""
        bearer = request.headers.get("Authorization", "")
        if not bearer.startswith("Bearer "):
            return Answer(401, {"detail": "Not authenticated"}, {"WWW-Authenticate": "Bearer"})
        grant = self.authorization.grant(bearer.removeprefix("Bearer "))
        if grant is None:
            return Answer(401, {"detail": "Invalid or expired token"}, {"WWW-Authenticate": "Bearer"})
        try:
            return self._routed(request, grant)
        except Refused as refused:
            return refused.answer

    def unpaid(self) -> dict[str, str]:
        """The one refusal whose form is known."""
        url = SUBSCRIBE["old" if self.generation == "old" else "new"]
        message = "Active subscription required"
        return {"error": "subscription_required", "message": message, "subscribe_url": url}

    def mint_pair(self, tenant: Tenant) -> tuple[str, str]:
        """One more pair of keys, which the store accepts by the time this returns. None is revoked."""
        access, secret = f"tid_{secrets.token_hex(10)}", f"tsec_{secrets.token_hex(24)}"
        tenant.keys[access] = secret
        self.pass_keys_on()
        return access, secret

    def pass_keys_on(self) -> None:
        self.store.accept(
            {access: secret for tenant in self.tenants for access, secret in tenant.keys.items()}
        )

    def _routed(self, request: Request, grant: Grant) -> Answer:
        allowed = []
        for method, path, act in self._routes:
            found = path.fullmatch(request.path)
            if found is not None and method == request.method:
                return act(Call(self, request, grant, found.groupdict()))
            if found is not None:
                allowed.append(method)
        if allowed:
            return Answer(405, {"detail": "Method Not Allowed"}, {"Allow": ", ".join(sorted(set(allowed)))})
        other = request.path.removesuffix("/") if request.path.endswith("/") else f"{request.path}/"
        if any(path.fullmatch(other) for _, path, _ in self._routes):
            host = request.headers.get("Host", "")
            query = f"?{request.query}" if request.query else ""
            return Answer.redirect(f"http://{host}{other}{query}")
        return Answer.detail(404, "Not Found")


def _wrong(kind: str, where: str, message: str, given: Any) -> dict[str, Any]:
    return {"type": kind, "loc": where.split("."), "msg": message, "input": given}


def _health(call: Call) -> Answer:
    assert call.tenant
    return Answer(200, {"status": "ok", "version": "stand-in", "timestamp": datetime.now(UTC).isoformat()})


def _mount_info(call: Call) -> Answer:
    return Answer(200, {"tenant_id": call.tenant.tenant_id, "bucket_name": call.tenant.bucket})


def _credentials(call: Call) -> Answer:
    if not call.tenant.may_mint:
        raise Refused(403, "Only workspace owners can create mount credentials")
    access, secret = call.api.mint_pair(call.tenant)
    return Answer(200, {"access_key": access, "secret_key": secret})


def _workspaces(call: Call) -> Answer:
    """Says who has a subscription, so it needs none."""
    seen = [tenant for tenant in call.api.tenants if tenant.member]
    default = next((tenant.tenant_id for tenant in seen if tenant.is_default), None)
    workspaces = [
        {
            "tenant_id": tenant.tenant_id,
            "workspace_type": tenant.workspace_type,
            "slug": tenant.slug,
            "name": tenant.name,
            "role": tenant.role,
            "is_default": tenant.is_default,
            "organization_id": None if tenant.workspace_type == "personal" else f"org_{tenant.slug}",
            "has_active_subscription": tenant.subscribed,
        }
        for tenant in seen
    ]
    current = call.grant.tenant_id or default
    ids = {"default_workspace_id": default, "current_workspace_id": current}
    return Answer(200, {"workspaces": workspaces, "count": len(workspaces), **ids})


def _api_key(call: Call) -> Answer:
    if call.grant.is_api_key:
        raise Refused(403, "API keys cannot create API keys")
    call.fields(name=str)
    return Answer(200, {"key": call.api.authorization.mint_api_key(call.grant)})


def _old_list(call: Call) -> Answer:
    return Answer(200, call.old.listing())


def _old_create(call: Call) -> Answer:
    projects = call.old
    asked = call.fields(name=str, path=str, set_default=bool)
    _, answer = projects.create(asked["name"], asked["path"], asked["set_default"])
    return Answer(200, answer)


def _old_item(call: Call) -> Answer:
    name, projects = call.parts["project"], call.old
    project = projects.named(name) or projects.linked(name)
    if project is None:
        raise Refused(404, f"Project: '{name}' does not exist")
    return Answer(200, projects.item(project))


def _old_index(call: Call) -> Answer:
    link = call.parts["project"]
    project = call.old.linked(link)
    if project is None:
        raise Refused(404, f"Project '{link}' not found.")
    project.indexed += 1
    message = f"Filesystem sync initiated for project '{project.name}'"
    return Answer(200, {"status": "sync_started", "message": message})


def _old_remove(call: Call) -> Answer:
    name, projects = call.parts["project"], call.old
    project = projects.named(name) or projects.linked(name)
    if project is None:
        raise Refused(404, f"Project: '{name}' does not exist")
    return Answer(200, projects.remove(project))


def _list(call: Call) -> Answer:
    return Answer(200, call.new.listing())


def _create(call: Call) -> Answer:
    projects = call.new
    asked = call.fields(name=str, path=str, set_default=bool)
    visibility = asked.get("visibility", "workspace")
    if visibility not in ("workspace", "shared"):
        message = "Input should be 'workspace' or 'shared'"
        raise Refused(422, [_wrong("literal_error", "body.visibility", message, visibility)])
    is_new, answer = projects.create(asked["name"], asked["path"], asked["set_default"])
    return Answer(201 if is_new else 200, answer)


def _resolve(call: Call) -> Answer:
    projects = call.new
    identifier = call.fields(identifier=str)["identifier"]
    if not identifier:
        message = "String should have at least 1 character"
        raise Refused(422, [_wrong("string_too_short", "body.identifier", message, identifier)])
    return Answer(200, projects.resolve(identifier))


def _item(call: Call) -> Answer:
    return Answer(200, call.new.item(call.new.by_id(call.parts["id"])))


def _index(call: Call) -> Answer:
    project = call.new.by_id(call.parts["id"])
    project.indexed += 1
    if call.request.parameters.get("run_in_background", "true").lower() in ("true", "1", "yes", "on"):
        return Answer(200, {"message": f"Project index started for project '{project.name}'"})
    files = call.api.store.files(call.tenant.bucket)
    total = sum(not project.path or path.startswith(f"{project.path}/") for path in files)
    return Answer(
        200, {"total_files": total, "enqueued_files": total, "enqueued_batches": 1, "deleted_files": 0}
    )


def _make_default(call: Call) -> Answer:
    return Answer(200, call.new.make_default(call.new.by_id(call.parts["id"])))


def _remove(call: Call) -> Answer:
    project = call.new.by_id(call.parts["id"])
    answer = call.new.remove(project)
    asked = call.request.parameters.get("delete_notes", "false").lower() in ("true", "1", "yes", "on")
    if asked and project.path:
        call.api.store.purge(call.tenant.bucket, project.path)
    return Answer(200, {**answer, "file_delete_status": "complete" if asked else "skipped", "job_id": None})


def _files(call: Call) -> Files:
    name = call.parts["project"]
    project = call.new.named(name) or call.new.linked(name)
    if project is None:
        raise Refused(404, f"Project '{name}' not found")
    return Files(call.api.store, call.tenant, project, call.parts["path"] or "")


def _dav_list(call: Call) -> Answer:
    return _files(call).listing(call.request.headers.get("Depth", "infinity"))


def _dav_read(call: Call) -> Answer:
    return _files(call).read()


def _dav_write(call: Call) -> Answer:
    return _files(call).write(call.request)


# Method, address, the generations that have it, what it does.
ALL, OLD, NEW, KEPT = "old new both", "old", "new both", "old both"
ROUTES: list[tuple[str, str, str, Action]] = [
    ("GET", "/proxy/health", ALL, _health),
    ("GET", "/tenant/mount/info", ALL, _mount_info),
    ("POST", "/tenant/mount/credentials", ALL, _credentials),
    ("GET", "/workspaces/", NEW, _workspaces),
    ("POST", "/api/keys", NEW, _api_key),
    ("GET", "/proxy/projects/projects", KEPT, _old_list),
    ("POST", "/proxy/projects/projects", KEPT, _old_create),
    ("DELETE", "/proxy/projects/(?P<project>[^/]+)", OLD, _old_remove),
    ("GET", "/proxy/(?P<project>[^/]+)/project/item", OLD, _old_item),
    ("POST", "/proxy/(?P<project>[^/]+)/project/sync", OLD, _old_index),
    ("GET", "/proxy/v2/projects/", NEW, _list),
    ("POST", "/proxy/v2/projects/", NEW, _create),
    ("POST", "/proxy/v2/projects/resolve", NEW, _resolve),
    ("GET", "/proxy/v2/projects/(?P<id>[^/]+)", NEW, _item),
    ("DELETE", "/proxy/v2/projects/(?P<id>[^/]+)", NEW, _remove),
    ("POST", "/proxy/v2/projects/(?P<id>[^/]+)/index", NEW, _index),
    ("PUT", "/proxy/v2/projects/(?P<id>[^/]+)/default", NEW, _make_default),
    ("PROPFIND", "/webdav/(?P<project>[^/]+)(?P<path>/.*)?", NEW, _dav_list),
    ("GET", "/webdav/(?P<project>[^/]+)(?P<path>/.+)", NEW, _dav_read),
    ("PUT", "/webdav/(?P<project>[^/]+)(?P<path>/.+)", NEW, _dav_write),
]

"""Files over HTTP, project by project: how members of a team work, to whom the store's keys are not given."""

from __future__ import annotations

import hashlib
import urllib.parse
from email.utils import formatdate
from pathlib import Path
from xml.sax.saxutils import escape

from tests.support.vendor.store import Store
from tests.support.vendor.values import Answer, Project, Refused, Request, Tenant

# What a listing that is too long for one answer is refused with (RFC 4918, 9.1): for a fault in a test.
TOO_MANY_FILES = Answer(
    403,
    '<?xml version="1.0"?><D:error xmlns:D="DAV:"><D:propfind-finite-depth/></D:error>',
    {"Content-Type": "application/xml"},
)


class Files:
    """The files of one project. `path` is below the project; empty: the project itself."""

    def __init__(self, store: Store, tenant: Tenant, project: Project, path: str) -> None:
        self.store, self.tenant, self.project = store, tenant, project
        self.top = store.folder / tenant.bucket / project.path
        self.path = path.strip("/")
        if ".." in self.path.split("/"):
            raise Refused(400, "Invalid path")

    def listing(self, depth: str) -> Answer:
        """PROPFIND: what is asked for comes first, then all below it or, with depth 1, one level."""
        here = self.top / self.path
        # A project has a folder only once it has files.
        if self.path and not here.exists():
            raise Refused(404, "Not Found")
        below = {"infinity": here.rglob("*"), "1": here.glob("*")}.get(depth, iter(()))
        entries = "".join(self._entry(path) for path in [here, *sorted(below)])
        text = (
            f'<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:">{entries}</D:multistatus>'
        )
        return Answer(207, text, {"Content-Type": "application/xml; charset=utf-8"})

    def read(self) -> Answer:
        file = self.top / self.path
        if not file.is_file():
            raise Refused(404, "Not Found")
        content = file.read_bytes()
        return Answer(200, content, {"Last-Modified": _date(file), "ETag": f'"{_md5(content)}"'})

    def write(self, request: Request) -> Answer:
        if self.tenant.role == "viewer":
            raise Refused(403, "You may not write to this project")
        known = (self.top / self.path).exists()
        if known and request.headers.get("If-None-Match") == "*":
            raise Refused(412, "Precondition Failed")
        mtime = request.headers.get("X-OC-Mtime")
        key = f"{self.project.path}/{self.path}".lstrip("/")
        self.store.put(self.tenant.bucket, key, request.body, None if mtime is None else float(mtime))
        return Answer(204 if known else 201)

    def _entry(self, path: Path) -> str:
        inside = path.relative_to(self.top).as_posix()
        address = f"/webdav/{urllib.parse.quote(self.project.name, safe='')}"
        address += "" if inside == "." else f"/{urllib.parse.quote(inside)}"
        if path.is_file():
            content = path.read_bytes()
            properties = (
                f"<D:displayname>{escape(path.name)}</D:displayname><D:resourcetype/>"
                f"<D:getcontentlength>{len(content)}</D:getcontentlength>"
                f'<D:getetag>"{_md5(content)}"</D:getetag>'
                f"<D:getlastmodified>{_date(path)}</D:getlastmodified>"
            )
        else:
            name = self.project.name if inside == "." else path.name
            kind = "<D:resourcetype><D:collection/></D:resourcetype>"
            properties = f"<D:displayname>{escape(name)}</D:displayname>{kind}"
            address += "/"
        status = "<D:status>HTTP/1.1 200 OK</D:status>"
        found = f"<D:propstat><D:prop>{properties}</D:prop>{status}</D:propstat>"
        return f"<D:response><D:href>{address}</D:href>{found}</D:response>"


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _date(path: Path) -> str:
    return formatdate(path.stat().st_mtime, usegmt=True)

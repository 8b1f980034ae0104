"""Projects and their files in the stand-in for the vendor's cloud, in both generations."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.vendor import Generation, Vendor, serve_vendor
from tests.support.vendor.caller import Caller
from tests.support.vendor.permalink import permalink

OLD, NEW = "/proxy/projects/projects", "/proxy/v2/projects/"


# -- names ----------------------------------------------------------------------------------------------


@pytest.mark.pure
def test_both_generations_cut_a_file_s_suffix() -> None:
    """(What other names become is held together with what our own code makes of them.)"""
    assert (permalink("notes.md", "old"), permalink("notes.md", "new")) == ("notes", "notes")


# -- projects of the old generation ---------------------------------------------------------------------


def test_old_projects_are_made_listed_indexed_and_removed(old: Vendor) -> None:
    ask = Caller(old)
    assert ask("GET", OLD).json() == {"projects": [], "default_project": "main"}
    made = ask.create(OLD, "Notes", "notes")

    assert made.status_code == 200
    assert made.json() == {
        "message": "Project 'Notes' added successfully", "status": "success", "default": False,
        "old_project": None, "new_project": {"name": "Notes", "path": "notes", "is_default": False},
    }  # fmt: skip
    item = {"name": "Notes", "path": "/app/data/notes", "is_default": False}
    assert ask("GET", OLD).json() == {"projects": [item], "default_project": "main"}
    assert ask("GET", "/proxy/notes/project/item").json() == item
    assert ask("GET", "/proxy/other/project/item").json() == {"detail": "Project: 'other' does not exist"}
    started = ask("POST", "/proxy/notes/project/sync").json()
    assert started["status"] == "sync_started"
    assert old.default.projects[0].indexed == 1
    missing = ask("POST", "/proxy/other/project/sync")
    assert (missing.status_code, missing.json()) == (404, {"detail": "Project 'other' not found."})
    ask("POST", OLD, {"name": "First", "path": "first", "set_default": True})
    assert ask("GET", OLD).json()["default_project"] == "First"
    assert ask("DELETE", "/proxy/projects/first").status_code == 400
    ask.create(OLD, "日本語ノート")
    assert ask("POST", "/proxy/日本語-no-to/project/sync").status_code == 200
    assert ask("DELETE", "/proxy/projects/日本語-no-to").status_code == 200
    assert ask("DELETE", "/proxy/projects/other").status_code == 404


def test_an_old_project_that_is_there_is_refused(old: Vendor) -> None:
    ask = Caller(old)
    ask.create(OLD, "My Notes", "my-notes")
    for again in ("My Notes", "MyNotes", "my-notes"):
        refused = ask.create(OLD, again, "my-notes")
        assert (refused.status_code, refused.json()) == (400, {"detail": f"Project '{again}' already exists"})
    assert [one.path for one in old.default.projects] == ["my-notes"]


@pytest.mark.parametrize("missing", ["name", "path", "set_default"])
@pytest.mark.parametrize("generation", ["old", "new"])
def test_what_a_new_project_needs(tmp_path: Path, generation: Generation, missing: str) -> None:
    body: dict[str, Any] = {"name": "a", "path": "a", "set_default": False}
    del body[missing]
    with serve_vendor(tmp_path, generation) as vendor:
        refused = Caller(vendor)("POST", OLD if generation == "old" else NEW, body)

    assert refused.status_code == 422
    assert refused.json()["detail"] == [
        {"type": "missing", "loc": ["body", missing], "msg": "Field required", "input": body}
    ]


# -- projects of today ----------------------------------------------------------------------------------


def test_projects_are_made_listed_indexed_and_removed(new: Vendor) -> None:
    ask = Caller(new)
    assert ask("GET", NEW).json() == {"projects": [], "default_project": None}
    made = ask.create(NEW, "My Notes", "anything")

    assert made.status_code == 201
    project = new.default.projects[0]
    item = {
        "id": project.id, "external_id": project.external_id, "name": "My Notes", "path": "/app/data/my-notes",
        "is_default": True, "display_name": None, "is_private": False,
    }  # fmt: skip
    assert made.json()["new_project"] == item
    assert ask("GET", NEW).json() == {"projects": [item], "default_project": "My Notes"}
    new.api.mount = "/"
    assert ask("GET", NEW + project.external_id).json()["path"] == "/my-notes"
    assert ask("POST", f"{NEW}{project.external_id}/index?force_full=true").json().keys() == {"message"}
    new.put("my-notes/a.md", "a")
    counted = ask("POST", f"{NEW}{project.external_id}/index?run_in_background=false").json()
    assert counted["total_files"] == 1
    assert project.indexed == 2
    assert ask("POST", f"{NEW}nonsense/index").status_code == 404
    assert ask("DELETE", f"{NEW}{project.external_id}?delete_notes=true").status_code == 400
    ask.create(NEW, "Other")
    assert ask("PUT", f"{NEW}{new.default.projects[1].external_id}/default").status_code == 200
    gone = ask("DELETE", f"{NEW}{project.external_id}?delete_notes=true").json()
    assert (gone["file_delete_status"], new.files()) == ("complete", {})


def test_a_project_that_is_there_is_there(new: Vendor) -> None:
    ask = Caller(new)
    ask.create(NEW, "My Notes")

    for path in ("my-notes", "/app/data/my-notes"):
        again = ask.create(NEW, "My Notes", path)
        assert (again.status_code, again.json()["message"]) == (200, "Project 'My Notes' already exists")
    other = ask.create(NEW, "My Notes", "elsewhere")
    assert other.status_code == 400
    assert other.json()["detail"].startswith(
        "Project 'My Notes' already exists with different path. Existing: "
    )
    same_folder = ask.create(NEW, "MyNotes")
    assert same_folder.status_code == 400
    assert same_folder.json()["detail"].startswith("Cannot create project at '/app/data/my-notes': ")
    assert len(new.default.projects) == 1


def test_a_project_is_found_by_each_of_its_names(new: Vendor) -> None:
    ask = Caller(new)
    nobody = ask("POST", f"{NEW}resolve", {"identifier": "x"})
    assert nobody.status_code == 404
    assert nobody.json()["detail"].startswith("Project not found: 'x'. No projects are set up yet")
    ask.create(NEW, "My Notes")
    known = new.default.projects[0].external_id

    for identifier, method in (
        (known, "external_id"), ("my-notes", "permalink"), ("personal/My Notes", "permalink"),
    ):  # fmt: skip
        found = ask("POST", f"{NEW}resolve", {"identifier": identifier}).json()
        assert (found["external_id"], found["resolution_method"]) == (known, method)
    assert ask("POST", f"{NEW}resolve", {"identifier": ""}).status_code == 422
    assert ask("POST", f"{NEW}resolve", {"identifier": "x"}).json() == {"detail": "Project not found: 'x'"}


def test_who_may_see_a_new_project(new: Vendor) -> None:
    body = {"name": "a", "path": "a", "set_default": False}
    assert Caller(new)("POST", NEW, {**body, "visibility": "private"}).status_code == 422
    assert Caller(new)("POST", NEW, {**body, "visibility": "shared"}).status_code == 201


# -- files over HTTP ------------------------------------------------------------------------------------


def test_files_are_listed_read_and_written_over_http(new: Vendor) -> None:
    ask = Caller(new)
    ask.create(NEW, "My Notes")
    dav = f"{new.url}/webdav/My%20Notes"
    stamp = {"X-OC-Mtime": "1700000000"}

    def request(method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        return httpx.request(method, dav + path, headers={**ask.headers, **headers}, content=content)

    assert request("PROPFIND", "").status_code == 207
    assert request("PUT", "/a%23/b%20c.md", b"alpha", **stamp).status_code == 201
    assert request("PUT", "/a%23/b%20c.md", b"beta", **{"If-None-Match": "*"}).status_code == 412
    assert request("PUT", "/a%23/b%20c.md", b"beta", **stamp).status_code == 204
    assert new.files() == {"my-notes/a#/b c.md": "beta"}
    read = request("GET", "/a%23/b%20c.md")
    assert (read.content, read.headers["Last-Modified"]) == (b"beta", "Tue, 14 Nov 2023 22:13:20 GMT")
    assert request("GET", "/a%23").status_code == 404
    assert request("GET", "/a/%2e%2e/%2e%2e/b").status_code == 400
    listing = request("PROPFIND", "", Depth="infinity").text
    assert re.findall("<D:href>([^<]*)", listing) == [
        "/webdav/My%20Notes/", "/webdav/My%20Notes/a%23/", "/webdav/My%20Notes/a%23/b%20c.md",
    ]  # fmt: skip
    assert f'<D:getetag>"{hashlib.md5(b"beta").hexdigest()}"</D:getetag>' in listing
    assert request("PROPFIND", "", Depth="1").text.count("<D:href>") == 2
    new.default.role = "viewer"
    assert request("PUT", "/c.md", b"x").status_code == 403
    assert ask("GET", "/webdav/other/a.md").status_code == 404
    assert ask("PROPFIND", "/proxy/webdav/My%20Notes").status_code == 404

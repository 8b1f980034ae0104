"""The vendor's API in both generations, and the projects of it: told apart, made, found again, indexed."""

from __future__ import annotations

import errno
import time
from pathlib import Path
from typing import Any

import pytest

from bisync.errors import CloudError, LoginNeeded
from bisync.providers.basic_memory import PROVIDER, known, registry
from bisync.providers.basic_memory.known import Generation
from tests.providers.cloud_user import INFO, NEW, OLD, User
from tests.support.vendor import Answer, Project, Vendor, serve_vendor

# -- which generation -------------------------------------------------------------------------------


def test_the_generation_is_what_the_new_route_says(tmp_path: Path, either: Vendor) -> None:
    user = User(tmp_path / "home", either).logged_in()
    with user.cloud() as cloud:
        assert cloud.projects() == ()
        assert cloud.generation == either.generation
        cloud.projects()
    assert either.count("GET", NEW) == (2 if either.generation == "new" else 1)
    assert either.count("GET", OLD) == (0 if either.generation == "new" else 2)


@pytest.mark.parametrize("status", [404, 405])
def test_only_a_route_that_is_not_there_means_the_old_one(user: User, today: Vendor, status: int) -> None:
    today.fault("GET", NEW, Answer.detail(status, "x"))
    today.fault("GET", OLD, Answer(200, {"projects": [], "default_project": "main"}))
    with user.cloud() as cloud:
        cloud.projects()
        assert cloud.generation is Generation.OLD


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer.detail(401, "x"), "does not accept"),
        (Answer.detail(403, "x"), "does not allow the projects"),
        (Answer(429, {}, {"Retry-After": "3600"}), "left alone for 3600 s"),
        (Answer.detail(500, "x"), "trouble of its own"),
        (Answer(502, "<html>"), r"trouble of its own \(502\)"),
        (Answer(200, "<html>"), "no JSON to the projects"),
        (Answer(200, '{"projects": ['), "no JSON"),
        (Answer(200, {"projects": None}), "misses something"),
        (Answer(200, {}), "misses something"),
        (Answer(200, []), "misses something"),
        (Answer.redirect("/proxy/v2/projects"), "redirects the projects"),
        (Answer.redirect("https://evil.example"), "redirects the projects to https://evil.example"),
    ],
)
def test_everything_else_decides_nothing_and_is_reported(
    user: User, today: Vendor, answer: Answer, words: str
) -> None:
    today.fault("GET", NEW, answer, times=None)
    with user.cloud() as cloud:
        with pytest.raises(CloudError, match=words):
            cloud.projects()
        assert cloud.generation is None
    assert today.count("GET", OLD) == 0


def test_a_host_that_has_moved_on_is_asked_again(user: User, today: Vendor) -> None:
    with user.cloud(generation=Generation.OLD) as cloud:
        cloud.projects()
        assert cloud.generation is Generation.NEW


def test_a_host_without_either_route_is_said(user: User, today: Vendor) -> None:
    today.fault("GET", "*", Answer.detail(404, "nothing here"), times=None)
    with (
        user.cloud() as cloud,
        pytest.raises(CloudError, match=r"does not know the projects \(404\): nothing here"),
    ):
        cloud.projects()
    assert (today.count("GET", NEW), today.count("GET", OLD)) == (1, 1)


def test_what_is_no_project_is_passed_over(user: User, today: Vendor) -> None:
    listed: list[Any] = [
        None,
        7,
        {},
        {"name": None},
        {"name": ""},
        {"name": "a", "path": None, "external_id": 7},
    ]
    today.fault("GET", NEW, Answer(200, {"projects": listed}))
    with user.cloud() as cloud:
        assert cloud.projects() == (("a", "", None),)


@pytest.mark.parametrize(
    "answer", [Answer(201), Answer(204), Answer(200, []), Answer(200, "<html>"), Answer(202, {})]
)
def test_any_success_of_a_create_is_one(user: User, today: Vendor, answer: Answer) -> None:
    today.fault("POST", NEW, answer)
    with user.cloud(generation=Generation.NEW) as cloud:
        cloud.create("a", "a")


@pytest.mark.parametrize(
    "info",
    [{}, {"tenant_id": None, "bucket_name": "b"}, {"tenant_id": "t", "bucket_name": None},
     {"tenant_id": "../x", "bucket_name": "b"}, {"tenant_id": "t", "bucket_name": "b/c"},
     {"tenant_id": "t]", "bucket_name": "b"}, {"tenant_id": 7, "bucket_name": "b"}],
)  # fmt: skip
def test_a_tenant_that_could_leave_its_folder_is_none(user: User, today: Vendor, info: Any) -> None:
    today.fault("GET", INFO, Answer(200, info))
    with user.cloud() as cloud, pytest.raises(CloudError, match="misses something to the tenant"):
        cloud.store()


# -- workspaces -------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["slug", "name", "tenant_id"])
def test_a_workspace_is_named_in_every_request(user: User, today: Vendor, by: str) -> None:
    team = today.add_tenant(slug="team", name="The Team", workspace_type="organization")
    tenant = user.identified(workspace=getattr(team, by))
    assert (tenant.tenant_id, tenant.bucket) == (team.tenant_id, team.bucket)
    today.reset()
    registry.Registry(tenant=tenant, around=user.around()).missing(["new"])
    assert today.requests
    assert {one.headers["X-Workspace-ID"] for one in today.requests} == {team.tenant_id}


def test_a_service_of_2025_is_sent_no_workspace(tmp_path: Path, in_2025: Vendor) -> None:
    user = User(tmp_path / "home", in_2025).logged_in()
    assert user.identified().bucket == in_2025.default.bucket
    assert all("X-Workspace-ID" not in one.headers for one in in_2025.requests)
    with pytest.raises(CloudError, match="knows no workspaces"):
        user.identified(workspace="team")


def test_another_workspace_s_bucket_is_not_taken_for_the_one_that_was_named(
    user: User, today: Vendor
) -> None:
    today.add_tenant(slug="team")
    mine = today.default
    today.fault("GET", INFO, Answer(200, {"tenant_id": mine.tenant_id, "bucket_name": mine.bucket}))
    with pytest.raises(CloudError, match="was asked for the workspace team and named another's bucket"):
        user.identified(workspace="team")
    assert known.load(user.tenant(workspace="team"), user.state) is None


def test_a_dry_run_remembers_nothing(user: User) -> None:
    assert PROVIDER.identify(user.tenant(), user.around(dry_run=True)).bucket
    assert known.load(user.tenant(), user.state) is None


# -- projects ---------------------------------------------------------------------------------------


def names(vendor: Vendor) -> list[str]:
    return [one.name for one in vendor.default.projects]


def test_new_folders_become_projects_once(tmp_path: Path, either: Vendor) -> None:
    user = User(tmp_path / "home", either).logged_in()
    projects = user.registry()
    folders = ["My Notes", "ideas", "v1.0"]

    assert projects.missing(folders).folders == tuple(folders)
    made = projects.create(folders)

    assert made.folders == tuple(folders)
    assert names(either) == folders
    by_name = {one.name: one.path for one in either.default.projects}
    assert by_name["My Notes"] == "my-notes"
    assert by_name["v1.0"] == ("v1.0" if either.generation == "new" else "v1")
    assert any("the cloud keeps the project My Notes in my-notes/" in note for note in made.notes)
    assert any("rename the folder to my-notes" in note for note in made.notes)

    either.reset()
    assert projects.missing(folders) == ((), ())
    assert not either.requests  # what is remembered is enough
    assert user.registry().missing(folders) == ((), ())  # and so is a new listing
    assert projects.create(folders).notes == ()  # said once


def test_a_folder_is_not_taken_for_the_project_of_its_neighbour(user: User, today: Vendor) -> None:
    today.default.projects.append(Project("notes", "notes", "notes", 901))
    assert user.registry().missing(["notes", "notes.v2"]).folders == ("notes.v2",)


def test_a_name_without_letters_is_never_sent(tmp_path: Path, either: Vendor) -> None:
    user = User(tmp_path / "home", either).logged_in()
    projects = user.registry()
    found = projects.missing(["\U0001f600", "--", "good"])
    assert found.folders == ("good",)
    assert len(found.notes) == 2
    assert "no letters or digits" in found.notes[0]
    assert projects.missing(["\U0001f600", "good"]).notes == ()


def test_a_manifest_chooses_by_name_or_not_at_all(user: User, today: Vendor) -> None:
    folders = ["notes", "scratch-1", "scratch-2"]
    assert user.registry(projects=("*", "!scratch-*")).missing(folders).folders == ("notes",)
    assert user.registry(projects=("notes/",)).missing(folders).folders == ("notes",)
    off = user.registry(auto_register=False)
    today.reset()
    assert off.missing(folders) == ((), ())
    assert not today.requests


def test_a_project_of_another_device_is_no_failure(tmp_path: Path, either: Vendor) -> None:
    user = User(tmp_path / "home", either).logged_in()
    projects = user.registry()
    assert projects.missing(["ideas"]).folders == ("ideas",)
    User(tmp_path / "other", either).logged_in().registry().create(["ideas"])
    assert names(either) == ["ideas"]  # also without having looked before
    made = projects.create(["ideas"])
    assert (made.folders, made.notes) == (("ideas",), ())
    assert names(either) == ["ideas"]


def test_an_answer_that_is_lost_made_the_project_all_the_same(tmp_path: Path, either: Vendor) -> None:
    projects = User(tmp_path / "home", either).logged_in().registry()
    projects.missing(["ideas"])
    route = NEW if either.generation == "new" else OLD
    either.fault("POST", route, Answer(drop=True, after=True))
    assert projects.create(["ideas"]) == (("ideas",), ())
    assert names(either) == ["ideas"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer.detail(400, "Project 'b' already exists with different path"), "refused the project b (400)"),
        (Answer.detail(403, "no"), "does not allow the project b (403): no"),
        (Answer.detail(422, [{"loc": ["body"], "msg": "bad"}]), "(422): body: bad"),
        (Answer(200, "<html>"), "b is no project yet: the cloud does not list it"),
    ],
)
def test_one_refused_project_does_not_stop_the_others(
    user: User, today: Vendor, answer: Answer, words: str
) -> None:
    projects = user.registry()
    projects.missing(["a", "b", "c"])
    projects.create(["a"])
    today.fault("POST", NEW, answer)
    made = projects.create(["b", "c"])
    assert made.folders == ("c",)
    (note,) = made.notes
    assert words in note


def test_a_server_in_trouble_is_not_asked_for_each_project(user: User, today: Vendor) -> None:
    projects = user.registry()
    projects.missing(["a", "b", "c"])
    today.fault("POST", NEW, Answer(503, {}, {"Retry-After": "3600"}), times=None)
    made = projects.create(["a", "b", "c"])
    assert today.count("POST", NEW) == 1
    assert made.folders == ()
    assert [note.partition(":")[0] for note in made.notes] == [f"{name} is no project yet" for name in "abc"]


def test_a_lost_login_is_a_note_with_its_cure(user: User, today: Vendor) -> None:
    projects = user.registry()
    projects.create(["a"])
    today.expire_tokens()
    today.revoke_refresh_tokens()
    (note,) = projects.missing(["b"]).notes
    assert "new projects were not looked for: the login has run out" in note
    assert note.endswith("type: bisync login")
    assert "bisync login" in projects.create(["b"]).notes[0]
    assert "bisync login" in projects.changed(["a"])[0]


def test_another_login_s_tenant_gets_no_projects(user: User, today: Vendor) -> None:
    projects = user.registry()
    other = today.add_tenant(slug="other")
    today.default.is_default, other.is_default = False, True
    before = known.load(user.tenant(), user.state)
    assert before is not None
    known.save(user.tenant(), user.state, known.Known(tenant_id=before.tenant_id, bucket="b", asked_at="x"))
    (note,) = projects.missing(["a"]).notes
    assert f"another tenant, {other.tenant_id}" in note


def test_a_dry_run_makes_nothing_and_remembers_nothing(user: User, today: Vendor) -> None:
    tenant = user.identified()
    before = known.load(tenant, user.state)
    projects = registry.Registry(tenant=tenant, around=user.around(dry_run=True))
    assert projects.missing(["a", "--"]).folders == ("a",)
    assert known.load(tenant, user.state) == before
    assert all(one.method == "GET" for one in today.requests)


# -- indexing ---------------------------------------------------------------------------------------


def indexed(vendor: Vendor) -> dict[str, int]:
    return {one.name: one.indexed for one in vendor.default.projects}


def test_the_projects_that_changed_are_indexed_each_once(tmp_path: Path, either: Vendor) -> None:
    projects = User(tmp_path / "home", either).logged_in().registry()
    folders = ["a", "b", "My Notes", "c", "d", "C++ & Go", "日本語"]
    projects.missing(folders)
    projects.create(folders)
    either.reset()
    assert projects.changed(["a", "My Notes", "c", "d", "C++ & Go", "日本語"]) == []
    assert indexed(either) == {name: int(name != "b") for name in folders}
    assert len(either.requests) == 6


def test_a_project_of_2025_is_called_by_its_name_wherever_it_lies(tmp_path: Path, in_2025: Vendor) -> None:
    in_2025.default.projects += [
        Project("My Folder", "My Folder", "my-folder", 903),
        Project("x", "y", "x", 904),
    ]
    assert User(tmp_path / "home", in_2025).logged_in().registry().changed(["My Folder", "y"]) == []
    assert indexed(in_2025) == {"My Folder": 1, "x": 1}


def test_folders_that_are_no_projects_are_not_indexed(user: User, today: Vendor) -> None:
    assert user.registry().changed(["stray"]) == []
    assert all(one.method == "GET" for one in today.requests)


def test_a_host_that_has_no_index_is_nothing_to_worry_about(tmp_path: Path) -> None:
    with serve_vendor(tmp_path / "both", "both") as both:
        user = User(tmp_path / "home", both).logged_in()
        projects = user.registry()
        projects.missing(["a"])
        projects.create(["a"])
        both.fault(
            "POST",
            f"/proxy/v2/projects/{both.default.projects[0].external_id}/index",
            Answer(404),
            times=None,
        )
        assert projects.changed(["a"]) == []
        found = known.load(user.tenant(), user.state)
        assert found is not None
        assert found.generation == "new"  # it has the old listing, too


def test_a_project_that_was_made_anew_is_found_again(user: User, today: Vendor) -> None:
    projects = user.registry()
    projects.missing(["a"])
    projects.create(["a"])
    today.default.projects[:] = [Project("a", "a", "a", 902)]
    assert projects.changed(["a"]) == []
    assert indexed(today) == {"a": 1}


def test_a_host_that_moved_on_is_indexed_its_new_way(user: User, today: Vendor) -> None:
    projects = user.registry()
    projects.missing(["a"])
    projects.create(["a"])
    found = known.load(user.tenant(), user.state)
    assert found is not None
    assert found.projects is not None
    old = tuple(one._replace(external_id=None) for one in found.projects)
    known.save(user.tenant(), user.state, known.replace(found, generation="old", projects=old))
    today.fault("GET", OLD, Answer.detail(404, "gone"), times=None)
    assert projects.changed(["a"]) == []
    assert indexed(today) == {"a": 1}


def test_a_pause_that_is_asked_for_is_waited_out(user: User, today: Vendor) -> None:
    projects = user.registry()
    projects.missing(["a"])
    projects.create(["a"])
    today.fault("POST", "*", Answer.rate_limited("1"))
    began = time.monotonic()
    assert projects.changed(["a"]) == []
    assert time.monotonic() - began >= 1
    assert indexed(today) == {"a": 1}


@pytest.mark.parametrize("answer", [Answer(202), Answer(204), Answer(200, "<html>")])
def test_any_success_of_an_index_is_one(user: User, today: Vendor, answer: Answer) -> None:
    projects = user.registry()
    projects.missing(["a"])
    projects.create(["a"])
    today.fault("POST", "*", answer)
    assert projects.changed(["a"]) == []


def test_what_could_not_be_indexed_is_said_in_one_line(user: User, today: Vendor) -> None:
    projects = user.registry()
    folders = list("abcdefgh")
    projects.missing(folders)
    projects.create(folders)
    today.reset()
    today.fault("POST", "*", Answer(503, {}, {"Retry-After": "3600"}), times=None)
    (note,) = projects.changed(folders)
    assert note.startswith(f"the cloud could not be asked to index {', '.join(folders)}: ")
    assert len(today.requests) <= registry.AT_ONCE


def test_several_projects_refresh_one_token_once(user: User, today: Vendor) -> None:
    projects = user.registry()
    projects.missing(["a", "b", "c"])
    projects.create(["a", "b", "c"])
    today.expire_tokens()
    assert projects.changed(["a", "b", "c"]) == []
    assert today.count("POST", "/oauth2/token") == 1


def test_nobody_logged_in_is_said_to_who_looks(tmp_path: Path, today: Vendor) -> None:
    with pytest.raises(LoginNeeded):
        User(tmp_path / "home", today).identified()


def test_a_full_disk_keeps_no_project_from_being_made(
    user: User, today: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = user.registry()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(known, "save", full)

    assert made.missing(["work"]).folders == ("work",)
    assert made.create(["work"]).folders == ("work",)
    assert made.changed(["work"]) == []
    assert [(one.name, one.indexed) for one in today.default.projects] == [("work", 1)]

"""Where v0.14 keeps things."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bisync.config import Migration as Wanted
from bisync.config import OldTree, RcloneTenant, SecretRef, Sync, WebDav
from bisync.errors import BisyncError, ManifestError, UsageError
from bisync.migrate import found, sources
from bisync.migrate.found import Found, Project

pytestmark = pytest.mark.pure


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


def put(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def sync(folder: Path) -> Sync:
    return Sync(name="notes", tenant=RcloneTenant(name="nas", tenant_id="nas", remote="nas:"), dir=folder)


def look(home: Path, **env: str) -> Found:
    return found.look(home / ".basic-memory", home / "rclone.conf", env, home)


class TestLook:
    def test_nothing(self, home: Path) -> None:
        there = look(home)

        assert there.home is None
        assert there.projects == ()

    def test_the_tree_of_v0_14_and_one_that_lies_elsewhere(self, home: Path) -> None:
        put(home / "basic-memory" / "a.md")
        put(home / "kept" / "a.md")

        assert look(home).home == home / "basic-memory"
        assert look(home, BASIC_MEMORY_HOME=str(home / "kept")).home == home / "kept"

    def test_projects_in_both_forms(self, home: Path) -> None:
        """v0.14 has name and path; later versions an object, also for projects that are in the cloud alone."""
        for name in ("work", "new"):
            put(home / name / "a.md")
        says = {
            "work": str(home / "work"),
            "new": {"path": "~/new", "mode": "local"},
            "away": {"path": "away", "mode": "cloud"},
            "gone": str(home / "gone"),
        }
        config = put(home / ".basic-memory" / "config.json", json.dumps({"projects": says}))
        os.environ["HOME"], before = str(home), os.environ["HOME"]
        try:
            there = look(home)
        finally:
            os.environ["HOME"] = before

        assert [(one.name, one.dir) for one in there.projects] == [
            ("work", home / "work"),
            ("new", home / "new"),
        ]
        assert {one.config for one in there.projects} == {config}

    def test_a_config_json_that_is_none(self, home: Path) -> None:
        put(home / ".basic-memory" / "config.json", "{")

        with pytest.raises(ManifestError, match="is not JSON"):
            look(home)

    def test_remotes_of_rclone(self, home: Path) -> None:
        put(home / "rclone.conf", "[dav]\ntype = webdav\nurl = https://dav.example.org\n[s3]\ntype = s3\n")

        (one,) = (one for one in look(home).others if one.what == "webdav remote")

        assert one.place == "dav:"
        assert "https://dav.example.org" in one.note


@pytest.mark.parametrize(
    ("name", "folder"),
    [("work", "work/"), ("a/b", "dir/"), ("..", "dir/"), ("", "dir/"), ("x" * 300, "dir/")],
)
def test_the_folder_of_a_project(name: str, folder: str, tmp_path: Path) -> None:
    assert found.folder_of(Project(name, tmp_path / "dir", tmp_path)) == folder


class TestFolders:
    @pytest.mark.parametrize(
        ("folder", "says"),
        [
            ("notes", "is the sync dir itself"),
            ("notes/below", "lies in the sync dir"),
            ("", "holds the sync dir"),
            (".basic-memory", "overlaps our own state folder"),
            ("file", "is not a folder"),
        ],
    )
    def test_what_cannot_be_a_source(self, folder: str, says: str, home: Path) -> None:
        put(home / "notes" / "below" / "a.md")
        put(home / ".basic-memory" / "config.json", "{}")
        put(home / "file")

        with pytest.raises(UsageError, match=says):
            sources.folders(
                [OldTree(dir=home / folder)], sync(home / "notes"), home / ".basic-memory", (), None
            )

    def test_a_link_to_the_sync_dir_is_the_sync_dir(self, home: Path) -> None:
        put(home / "notes" / "a.md")
        (home / "link").symlink_to("notes")

        with pytest.raises(UsageError, match="is the sync dir itself"):
            sources.folders([OldTree(dir=home / "link")], sync(home / "notes"), home / ".s", (), None)

    @pytest.mark.parametrize(("folder", "says"), [("gone", "there is no"), ("empty", "is empty")])
    def test_what_has_nothing_to_bring(self, folder: str, says: str, home: Path) -> None:
        (home / "empty").mkdir()

        with pytest.raises(BisyncError, match=says):
            sources.folders([OldTree(dir=home / folder)], sync(home / "notes"), home / ".s", (), None)

    def test_two_that_overlap(self, home: Path) -> None:
        put(home / "old" / "below" / "a.md")
        trees = [OldTree(dir=home / "old"), OldTree(dir=home / "old" / "below")]

        with pytest.raises(UsageError, match="overlap"):
            sources.folders(trees, sync(home / "notes"), home / ".s", (), None)

    def test_where_each_goes(self, home: Path) -> None:
        """Where it is said to; a project to its folder; the tree of v0.14, also a project, and others to the top."""
        for name in ("said", "work", "basic-memory", "other"):
            put(home / name / "a.md")
        projects = (
            Project("my work", home / "work", home),
            Project("main", home / "basic-memory", home),
        )
        trees = [OldTree(dir=home / "said", to="there/below/")]
        trees += [OldTree(dir=home / name) for name in ("work", "basic-memory", "other")]

        made = sources.folders(trees, sync(home / "notes"), home / ".s", projects, home / "basic-memory")

        assert [one.below for one in made] == ["there/below/", "my work/", "", ""]

    def test_all_that_was_found_but_what_is_in_it_or_in_the_sync(self, home: Path) -> None:
        for name in ("basic-memory/work", "elsewhere", "notes/inside", "bare"):
            put(home / name / "a.md")
        (home / "bare" / "a.md").unlink()
        names = ("basic-memory/work", "elsewhere", "notes/inside", "bare")
        projects = tuple(Project(Path(name).name, home / name, home) for name in names)
        there = Found(home=home / "basic-memory", projects=projects, others=())

        trees = sources.all_found(there, sync(home / "notes"))

        assert [one.dir for one in trees] == [home / "basic-memory", home / "elsewhere"]


class TestServer:
    def test_the_manifests(self) -> None:
        server = WebDav(url="https://dav.example.org", user="ada")
        wanted = Wanted(webdav=server)

        assert sources.server(None, wanted, {}) is server
        assert sources.server("https://dav.example.org/", wanted, {}) is server

    def test_a_remote(self) -> None:
        assert sources.server("mydav:notes", Wanted(), {}) == WebDav(remote="mydav:notes")

    def test_an_address_with_what_the_environment_says(self) -> None:
        env = {sources.USER: "ada", sources.PASSWORD: "p"}

        made = sources.server("https://dav.example.org", Wanted(), env)

        ref = SecretRef(kind="env", value=sources.PASSWORD, where="--webdav")
        assert made == WebDav(url="https://dav.example.org", user="ada", password=ref)

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("ftp://dav.example.org", "expected an address"),
            ("https://", "expected an address"),
            ("https://ada:hunter2@dav.example.org", "no user name or password"),
            ("http://dav.example.org", "in the clear"),
            ("https://dav.example.org/?a=b", "expected an address"),
            ("https://dav.example.org:port/", "expected an address"),
        ],
    )
    def test_what_is_no_address(self, text: str, says: str) -> None:
        with pytest.raises(UsageError, match=says) as caught:
            sources.server(text, Wanted(), {})
        assert "hunter2" not in str(caught.value)


def test_what_was_asked_for_comes_back_from_the_journal() -> None:
    """Through JSON, as the journal keeps it; a secret is a reference there."""
    command = SecretRef(kind="command", value=("pass", "show", "dav"), where="migration.webdav.password")
    asked = sources.Asked(
        folders=(OldTree(dir=Path("/a"), to="b/"), OldTree(dir=Path("/c"))),
        server=WebDav(url="https://dav.example.org", user="ada", password=command, to="d/"),
        remove_old=True,
    )

    assert sources.Asked.of(json.loads(json.dumps(asked.row()))) == asked
    assert sources.Asked.of({}) == sources.Asked()

"""The vendor's cloud as a person meets it: the whole program against the stand-in and a real S3 server."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bisync.providers.basic_memory import tokens
from tests.providers.cloud_user import INFO, KEYS, NEW, OLD, User
from tests.providers.conftest import as_new
from tests.support.machine import everything
from tests.support.proxy import proxied
from tests.support.vendor import Answer, Generation, Vendor
from tests.support.world import Device, Ran, rclone_path

TIGRIS = ("X-Tigris-Consistent", "true")


def device(folder: Path, vendor: Vendor, *, endpoint: str | None = None, extra: str = "") -> Device:
    """A computer with an empty home, an environment that names the service, and a manifest."""
    made = Device(folder, env=vendor.environment)
    made.write_manifest(
        f"version: 1\ntenants:\n  team:\n    provider: basic-memory\n    endpoint: {endpoint or vendor.endpoint}\n"
        f"{extra}syncs:\n  notes:\n    tenant: team\n    dir: ~/notes\n"
    )
    return made


def emptied(vendor: Vendor) -> Vendor:
    """The same service with a bucket that nobody has used."""
    vendor.add_tenant(is_default=True)
    return as_new(vendor)


@pytest.fixture
def cloud(running: dict[Generation, Vendor]) -> Vendor:
    return emptied(running["new"])


@pytest.fixture
def ready(tmp_path: Path, cloud: Vendor) -> Device:
    """A computer that is logged in and set up."""
    made = device(tmp_path / "home", cloud)
    User(made.home, cloud).logged_in()
    made.setup()
    cloud.reset()
    return made


def names(vendor: Vendor) -> list[str]:
    return [one.name for one in vendor.default.projects]


def secrets_of(vendor: Vendor) -> set[str]:
    """All that the service has ever given out and accepts."""
    pairs = {part for tenant in vendor.tenants for pair in tenant.keys.items() for part in pair}
    return pairs | set(vendor._access) | set(vendor._refresh)


@pytest.mark.parametrize("generation", ["new", "old"])
def test_the_quick_start(tmp_path: Path, running: dict[Generation, Vendor], generation: Generation) -> None:
    vendor = emptied(running[generation])
    notes = device(tmp_path / "home", vendor)
    said: list[Ran] = [notes.run("setup", expect=1)]
    assert "nobody is logged in to the cloud\n  → type: bisync login" in said[0].err

    said.append(notes.run("login"))
    assert f"tenant {vendor.default.tenant_id}" in said[-1].out
    said.append(notes.run("setup"))
    for step in ("credentials", "rclone.conf"):
        assert any(line.split()[1:3] == [step, "changed"] for line in said[-1].out.splitlines())
    notes.write("ideas/a.md", "a")
    notes.write("My Notes/b.md", "b")
    notes.write(".hidden/c.md", "c")
    notes.write("__pycache__/d.md", "d")

    planned = notes.run("plan", "--json").json["syncs"][0]["actions"]
    assert [one["path"] for one in planned if one["action"] == "register_project"] == ["My Notes", "ideas"]
    said.append(notes.run("sync", "--dry-run"))
    assert names(vendor) == []
    assert vendor.files() == {}

    said.append(notes.run("sync"))
    out = said[-1].out
    assert "Found 2 new local projects, creating on cloud..." in out
    assert "✓ Created project: My Notes" in out
    assert "✓ Created project: ideas" in out
    assert "rename the folder to my-notes" in out
    assert "✓ Sync completed - 3 files uploaded" in out
    assert vendor.files() == {"My Notes/b.md": "b", "ideas/a.md": "a", ".hidden/c.md": "c"}
    assert {one.name: one.indexed for one in vendor.default.projects} == {"My Notes": 1, "ideas": 1}

    vendor.reset()
    said.append(notes.run("sync"))
    assert said[-1].out == "✓ Sync completed - nothing to do\n"
    assert vendor.requests == []
    assert "kept: they still work" in notes.run("setup").out
    assert vendor.count("POST", KEYS) == 0

    output = "".join(ran.out + ran.err for ran in said)
    allowed = {
        str(notes.home / ".basic-memory" / tokens.NAME),
        str(notes.home / ".config/rclone/rclone.conf"),
    }
    holding = set()
    for secret in secrets_of(vendor):
        assert secret not in output
        holding |= {
            name
            for name, (content, *_) in everything(notes.home).items()
            if isinstance(content, bytes) and secret.encode() in content
        }
    assert holding == allowed
    assert all(stat.S_IMODE(Path(name).stat().st_mode) == 0o600 for name in allowed)


def test_revoked_keys_heal_once_by_themselves(ready: Device, cloud: Vendor) -> None:
    ready.write("ideas/a.md", "a")
    ready.run("sync")
    cloud.revoke_keys()
    cloud.reset()
    ready.write("ideas/b.md", "b")

    out = ready.run("sync").out

    assert "the store refused the keys; new ones were made" in out
    assert cloud.files() == {"ideas/a.md": "a", "ideas/b.md": "b"}
    assert ready.run("sync").out == "✓ Sync completed - nothing to do\n"
    assert cloud.count("POST", KEYS) == 1


def test_a_sync_that_is_refused_makes_no_projects(ready: Device, cloud: Vendor) -> None:
    for name in ("ideas/a.md", "ideas/b.md"):
        ready.write(name, name)
    ready.run("sync")
    (ready.notes / "ideas/a.md").unlink()
    ready.write("new/c.md", "c")
    cloud.reset()

    refused = ready.run("sync", "--max-delete", "0", expect=4)

    assert "Deletion exceeds safety limit (1 > 0)" in refused.err
    assert names(cloud) == ["ideas"]
    assert all(one.method == "GET" for one in cloud.requests)
    ready.run("sync", "--max-delete", "1")
    assert names(cloud) == ["ideas", "new"]


def test_projects_that_cannot_be_made_are_a_note_and_the_files_travel(ready: Device, cloud: Vendor) -> None:
    cloud.fault("POST", NEW, Answer.detail(422, [{"loc": ["body", "name"], "msg": "too nice"}]))
    ready.write("ideas/a.md", "a")
    out = ready.run("sync").out
    assert "ideas is no project yet:" in out
    assert "body.name: too nice" in out
    assert cloud.files() == {"ideas/a.md": "a"}
    assert (
        "✓ Created project: ideas" in ready.run("sync").out
    )  # the next run makes it, without any change to a file


def test_an_index_that_cannot_be_asked_for_is_a_note(ready: Device, cloud: Vendor) -> None:
    ready.write("ideas/a.md", "a")
    ready.run("sync")
    ready.write("ideas/a.md", "another")
    cloud.fault("POST", "*", Answer.detail(403, "no"), times=None)
    out = ready.run("sync").out
    assert "the cloud could not be asked to index ideas: " in out
    assert cloud.files() == {"ideas/a.md": "another"}


def test_what_came_from_the_cloud_is_not_indexed(ready: Device, cloud: Vendor) -> None:
    ready.write("ideas/a.md", "a")
    ready.run("sync")
    cloud.put("ideas/b.md", "b")
    cloud.reset()
    assert "1 file downloaded" in ready.run("sync").out
    assert cloud.requests == []


def test_the_manifest_chooses_which_folders_become_projects(tmp_path: Path, cloud: Vendor) -> None:
    made = device(tmp_path / "home", cloud, extra='    projects: ["*", "!scratch-*"]\n')
    User(made.home, cloud).logged_in()
    made.setup()
    made.write("ideas/a.md", "a")
    made.write("scratch-1/a.md", "a")
    made.run("sync")
    assert names(cloud) == ["ideas"]
    assert set(cloud.files()) == {"ideas/a.md", "scratch-1/a.md"}


# -- what can go wrong at setup ---------------------------------------------------------------------

SOON = {"Retry-After": "0"}
PAID = {
    "error": "subscription_required",
    "message": "Active subscription required",
    "subscribe_url": "https://p.example",
}
FAULTS: list[tuple[Answer, str, str]] = [
    (Answer.detail(401, "x"), "does not accept this login (401): x", "bisync login"),
    (Answer.detail(403, PAID), "Active subscription required", "https://p.example"),
    (Answer(403, PAID), "Active subscription required", "https://p.example"),
    (Answer.detail(403, "not yours"), "does not allow the tenant (403): not yours", "owner"),
    (Answer.detail(404, "Not Found"), "does not know the tenant (404): Not Found", "api_url"),
    (
        Answer.detail(422, [{"loc": ["header"], "msg": "bad"}]),
        "refused the tenant (422): header: bad",
        "doctor",
    ),
    (Answer(429, {}, SOON), "asks to be left alone (429)", "wait"),
    (Answer(429, {}, {"Retry-After": "4000"}), "asks to be left alone for 4000 s (429)", "wait"),
    (Answer(500, {"detail": "boom"}, SOON), "has trouble of its own (500): boom", "run again"),
    (Answer(502, "<html>bad gateway", SOON), "has trouble of its own (502)", "run again"),
    (Answer(200, "<html>welcome"), "something that is no JSON to the tenant", "api_url"),
    (Answer(200, '{"tenant_id": "x'), "something that is no JSON to the tenant", "api_url"),
    (Answer(200, {"tenant_id": None, "bucket_name": "b"}), "misses something to the tenant", "api_url"),
    (Answer.redirect("/tenant/mount/info/"), "redirects the tenant to /tenant", "api_url"),
    (Answer.redirect("https://evil.example/"), "redirects the tenant to https://evil.example/", "api_url"),
    (Answer(200, b"x" * (50 << 20)), "sent more than 4 MiB", "address"),
]


def test_each_answer_that_cannot_be_taken_is_one_line_with_its_cure(tmp_path: Path, cloud: Vendor) -> None:
    made = device(tmp_path / "home", cloud)
    user = User(made.home, cloud).logged_in()
    for answer, words, cure in FAULTS:
        cloud.clear_faults()
        user.logged_in()
        cloud.fault("GET", INFO, answer, times=None)

        ran = made.run("setup", expect=1)

        lines = ran.err.splitlines()
        assert len(lines) == 2, ran.err
        assert lines[0].startswith("Error: ")
        assert words in lines[0]
        assert lines[1].startswith("  → ")
        assert cure in lines[1]
        assert "Traceback" not in ran.out + ran.err
        assert not any(secret in ran.out + ran.err for secret in secrets_of(cloud))
        there = {path.name for path in made.home.rglob("*") if path.is_file() and ".local" not in path.parts}
        assert there <= {"bisync.yaml", tokens.NAME, f"{tokens.NAME}.lock", "rclone-versions.json"}


def test_a_login_file_that_cannot_be_used_is_one_line_with_its_cure(ready: Device) -> None:
    path = ready.home / ".basic-memory" / tokens.NAME
    good = path.read_text()
    path.write_text(good[:50])
    assert (
        f"{path} holds no login that can be read\n  → type: bisync login" in ready.run("setup", expect=1).err
    )
    path.write_text(good)
    path.chmod(0o644)
    assert f"  → type: chmod 600 {path}" in ready.run("setup", expect=1).err
    assert path.read_text() == good


def test_a_member_s_setup_says_what_he_can_do(tmp_path: Path, cloud: Vendor) -> None:
    cloud.add_tenant(slug="team", name="Team", workspace_type="organization", role="viewer")
    made = device(tmp_path / "home", cloud, extra="    workspace: Team\n")
    User(made.home, cloud).logged_in()
    err = made.run("setup", expect=1).err
    assert "makes S3 keys for the owner of a workspace alone (403)" in err
    assert "ask an owner" in err
    assert not (made.home / ".config").exists()


# -- addresses, logout, the store -------------------------------------------------------------------


def test_an_address_that_only_the_manifest_names_hears_nothing(
    tmp_path: Path, cloud: Vendor, in_2025: Vendor
) -> None:
    made = device(tmp_path / "home", cloud, extra=f"    api_url: {in_2025.url}\n")
    User(made.home, cloud).logged_in()
    for env in ({}, {"BASIC_MEMORY_CLOUD_API_KEY": cloud.api_key()}):
        err = made.run("setup", expect=1, env=env).err
        assert f"the login is not for {in_2025.url}, an address that only the manifest names" in err
        assert "bisync login" in err
    assert in_2025.requests == []
    made.env["HERS"] = in_2025.api_key()
    text = (made.home / "bisync.yaml").read_text()
    made.write_manifest(text.replace("    api_url:", "    token: {env: HERS}\n    api_url:"))
    assert in_2025.default.bucket in made.run("setup", expect=None).out
    assert {one.headers["Authorization"] for one in in_2025.requests} == {f"Bearer {made.env['HERS']}"}


def test_an_address_that_is_not_safe_is_refused_before_anything_is_asked(
    tmp_path: Path, cloud: Vendor
) -> None:
    made = device(tmp_path / "home", cloud)
    for url in ("http://cloud.example", "https://me:geheim@cloud.example"):
        ran = made.run("setup", expect=2, env={"BASIC_MEMORY_CLOUD_HOST": url})
        assert "$BASIC_MEMORY_CLOUD_HOST" in ran.err
        assert "geheim" not in ran.err
    assert cloud.requests == []


def test_who_has_logged_out_has_no_keys_and_is_told_the_way_back(ready: Device, cloud: Vendor) -> None:
    ready.write("ideas/a.md", "a")
    ready.run("sync")
    conf = ready.home / ".config" / "rclone" / "rclone.conf"
    conf.write_text("[other]\ntype = local\n\n" + conf.read_text())

    out = ready.run("logout").out

    assert "basic-memory-cloud.json is gone" in out
    assert f"The keys in [basic-memory-{cloud.default.tenant_id}] of rclone.conf are gone" in out
    assert "Stays: the synced folders" in out
    assert "secret_access_key" not in conf.read_text()
    assert conf.read_text().startswith("[other]\ntype = local\n\n")
    assert "→ type: bisync setup" in ready.run("sync", expect=1).err
    assert "→ type: bisync login" in ready.run("setup", expect=1).err
    User(ready.home, cloud).logged_in()
    ready.run("setup")
    assert ready.run("sync").out == "✓ Sync completed - nothing to do\n"


def test_the_store_is_asked_for_one_state_in_every_request(tmp_path: Path, cloud: Vendor) -> None:
    cloud.mint_keys()
    with proxied(cloud.s3) as proxy:
        made = device(tmp_path / "home", cloud, endpoint=proxy.s3.endpoint)
        User(made.home, cloud).logged_in()
        made.setup()
        for path in ("ideas/a.md", "ideas/b.md", "ideas/c.md"):
            made.write(path, path)
        made.run("sync")
        cloud.put("ideas/a.md", "from elsewhere")
        made.write("ideas/b.md", "changed here")
        (made.notes / "ideas/c.md").unlink()
        made.run("sync")
        made.run("check")
        asked = list(proxy.seen)
        proxy.reset()
        made.write("ideas/d.md", "by a script")
        made.run("plan", "--script", "plan.sh")
        proxy.reset()
        env = {**made.environment, "RCLONE": str(rclone_path())}
        subprocess.run(["sh", "plan.sh"], cwd=made.home, env=env, capture_output=True, timeout=60, check=True)
        scripted = list(proxy.seen)

    assert {"LIST", "GET", "PUT", "DELETE"} <= {one.kind for one in asked}
    assert {"LIST", "PUT"} <= {one.kind for one in scripted}
    for one in (*asked, *scripted):
        assert {name.title(): value for name, value in one.headers.items()}.get(TIGRIS[0]) == TIGRIS[1], one


def test_what_only_looks_needs_no_cloud_api(ready: Device, cloud: Vendor) -> None:
    ready.write("ideas/a.md", "a")
    ready.run("sync")
    cloud.reset()
    for argv in (["plan"], ["check"], ["validate"], ["conflicts"], ["history"]):
        ready.run(*argv)
    assert cloud.requests == []


def test_json_of_a_sync_names_its_projects(ready: Device, cloud: Vendor) -> None:
    ready.write("ideas/a.md", "a")
    found: dict[str, Any] = ready.run("sync", "--json").json["syncs"][0]
    assert (found["outcome"], found["uploaded"]) == ("done", 1)
    assert json.dumps(found).count("ideas") >= 1
    assert cloud.count("GET", OLD) == 0


def test_a_tree_of_v0_14_moves_into_the_cloud_and_its_folders_become_projects(
    tmp_path: Path, cloud: Vendor
) -> None:
    """Before the first setup nobody knows yet whose bucket it is; afterwards the journal still is the same."""
    notes = device(tmp_path / "home", cloud)
    User(notes.home, cloud).logged_in()
    for name in ("research/a.md", "work/b.md"):
        path = notes.home / "basic-memory" / name
        path.parent.mkdir(parents=True)
        path.write_text(name)

    moved = notes.run("migrate", "--from", "~/basic-memory", expect=0)
    again = notes.run("migrate", expect=0)

    assert "✓ verify          ok       2 in the sync dir, 2 in the cloud, all by content" in moved.out
    assert cloud.files() == {"research/a.md": "research/a.md", "work/b.md": "work/b.md"}
    assert sorted(names(cloud)) == ["research", "work"]
    assert "Nothing to do" in again.out
    undone = notes.run("migrate", "--undo", expect=0)
    assert "2 files taken away" in undone.out
    assert not notes.notes.exists()
    assert len(cloud.files()) == 2

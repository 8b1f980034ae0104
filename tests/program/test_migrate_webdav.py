"""Moving over from WebDAV servers: rclone's own and a stranger's, with all that a network can do."""

from __future__ import annotations

import re
import socket
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bisync.actions import migrate as verb
from bisync.rclone import argv
from tests.program.test_secrets_stay import Watcher
from tests.support.dav import PASSWORD, Dav, make_certificate, proxied_dav, serve_rclone, serve_wsgidav
from tests.support.machine import everything
from tests.support.proxy import Drop, Proxy, Slow, Status
from tests.support.world import BUCKET, S3, Device, Ran

OLD, NEW = 1_000_000_000.0, 1_200_000_000.0


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Dav]]:
    """Each kind of server once for the module; a test has a folder of its own on it."""
    top = tmp_path_factory.mktemp("dav")
    with ExitStack() as stack:
        ours = stack.enter_context(serve_rclone(top / "rclone"))
        yield {
            "other": ours,
            "rclone": Dav(ours.endpoint, ours.folder, "rclone"),
            "wsgidav": stack.enter_context(serve_wsgidav(top / "wsgidav")),
        }


@pytest.fixture
def mine(request: pytest.FixtureRequest) -> str:
    """A folder of this test's own, on any of the servers."""
    return re.sub(r"\W+", "-", request.node.name).strip("-")


@pytest.fixture
def dav(servers: dict[str, Dav], mine: str) -> Dav:
    """This test's folder on rclone's server."""
    return servers["other"].below(mine)


@pytest.fixture
def far(dav: Dav) -> Iterator[tuple[Proxy, Dav]]:
    """The same behind a proxy."""
    with proxied_dav(dav) as both:
        yield both


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process nobody asks twice."""
    for name in ("_PATIENT", "_PATIENT_COPY"):
        monkeypatch.setattr(argv, name, ("--low-level-retries", "1", "--retries", "1"))


def moved(device: Device, dav: Dav, *flags: str, expect: int = 0, env: dict[str, str] | None = None) -> Ran:
    """`migrate --webdav URL`; nothing of Python's is ever said, and no secret."""
    said = device.run(
        "migrate", "--webdav", dav.url, *flags, expect=expect, env=dav.env if env is None else env
    )
    assert "Traceback" not in said.err and "unexpected error" not in said.err
    assert PASSWORD not in said.out + said.err
    return said


def objects(cloud: S3, below: str) -> dict[str, str]:
    return cloud.tree(f"{BUCKET}/{below}")


@pytest.mark.parametrize("kind", ["other", "rclone", "wsgidav"])
def test_a_tree_comes_over(
    fresh: Device, servers: dict[str, Dav], cloud: S3, kind: str, below: str, mine: str
) -> None:
    dav = servers[kind].below(mine)
    nfc, nfd = unicodedata.normalize("NFC", "ü.md"), unicodedata.normalize("NFD", "ü.md")
    files = {
        "a.md": "a", "d/b%20c #1.md": "signs", ".hidden/x": "dot", "zero.md": "", nfc: "nfc", nfd: "nfd",
        ".bmignore": "*.tmp\n/shut/\n", "x.tmp": "ignored", "shut/in.md": "ignored", "same.md": "same",
        "old.md": "theirs, older", "new.md": "theirs, newer",
    }  # fmt: skip
    for name, text in files.items():
        dav.write(name, text, mtime=OLD if name in ("old.md", nfd) else NEW)
    (dav.folder / "leer").mkdir()
    before = everything(dav.folder)
    for name, text in {"same.md": "same", "old.md": "mine, newer", "new.md": "mine, older"}.items():
        fresh.write(name, text, mtime=OLD if name == "new.md" else NEW)
    fresh.write_manifest(fresh.s3_manifest() + "migration:\n" + dav.manifest)
    fresh.env["DAV_PASSWORD"] = PASSWORD

    said = fresh.run("migrate", "--json")

    expected = {name: text for name, text in files.items() if name not in ("x.tmp", "shut/in.md", nfd)} | {
        f"{nfc}.conflict1": "nfd", "old.md": "mine, newer", "old.md.conflict1": "theirs, older",
        "new.md.conflict1": "mine, older",
    }  # fmt: skip
    assert fresh.tree() == expected == objects(cloud, below)
    assert (fresh.notes / "leer").is_dir()
    assert (fresh.notes / "a.md").stat().st_mtime == NEW
    (source,) = said.json["sources"]
    assert source["ignored"] == [
        {"path": "shut/", "rule": ".bmignore:2: /shut/"},
        {"path": "x.tmp", "rule": ".bmignore:1: *.tmp"},
    ]
    assert everything(dav.folder) == before, "the server's files are as they were"
    there = everything(fresh.home)
    again = fresh.run("migrate", "--json")
    assert {one["state"] for one in again.json["steps"]} == {"ok"}
    now = everything(fresh.home)
    assert {Path(p).name for p in there.keys() | now.keys() if there.get(p) != now.get(p)} <= {"lock"}
    fresh.run("migrate", "--undo")
    assert fresh.tree() == {"same.md": "same", "old.md": "mine, newer", "new.md": "mine, older"}


def test_only_what_is_not_here_by_content_is_fetched(
    fresh: Device, servers: dict[str, Dav], cloud: S3, below: str, mine: str
) -> None:
    """rclone's server tells MD5s, so what is the same needs not travel."""
    dav = servers["rclone"].below(mine)
    dav.write("same.md", "s" * 5000)
    dav.write("new.md", "n" * 5000)
    fresh.write("same.md", "s" * 5000)
    with proxied_dav(dav) as (proxy, far):
        fresh.write_manifest(fresh.s3_manifest() + "migration:\n" + far.manifest)
        fresh.env["DAV_PASSWORD"] = PASSWORD
        fresh.run("migrate")
        got = {request.path.rpartition("/")[2] for request in proxy.seen if request.method == "GET"}
    assert "new.md" in got and fresh.tree() == objects(cloud, below) == {
        "same.md": "s" * 5000,
        "new.md": "n" * 5000,
    }


def test_a_remote_of_rclone_conf_goes_when_that_is_asked_for(
    fresh: Device, dav: Dav, cloud: S3, below: str
) -> None:
    dav.write("a.md", "a")
    conf = fresh.home / ".config/rclone/rclone.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(f"# mine\n{dav.section('alt')}\n[other]\ntype = local\n")
    conf.chmod(0o640)
    before = conf.read_bytes()

    planned = fresh.run("migrate", "--webdav", "alt:", "--remove-old", "--dry-run")
    assert conf.read_bytes() == before and "Nothing was changed" in planned.out
    said = fresh.run("migrate", "--webdav", "alt:", "--remove-old")

    assert f"+ remove the old  changed  [alt] is gone from {conf}" in said.out
    assert "[alt]" not in conf.read_text() and "# mine" in conf.read_text() and "[other]" in conf.read_text()
    assert objects(cloud, below) == {"a.md": "a"}
    again = fresh.run("migrate", "--webdav", "alt:", "--remove-old", "--json")
    assert {one["state"] for one in again.json["steps"]} == {"ok"}, "though there is no such remote any more"
    fresh.run("migrate", "--undo")
    assert conf.read_bytes() == before and conf.stat().st_mode & 0o777 == 0o640


def test_the_remote_that_a_sync_lives_on_is_no_old_one(tmp_path: Path, dav: Dav) -> None:
    device = Device(tmp_path / "home")
    device.write_manifest(
        "version: 1\ntenants:\n  mine: {provider: rclone, remote: 'alt:notes'}\n"
        "syncs:\n  notes: {tenant: mine, dir: ~/notes}\n"
    )
    conf = device.home / ".config/rclone/rclone.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(dav.section("alt"))

    said = device.run("migrate", "--webdav", "alt:old", "--remove-old", expect=2)

    assert (
        "notes is synced with alt:notes: its remote is not an old one\n  → leave out --remove-old" in said.err
    )


def test_with_a_folder_and_a_project_at_once(fresh: Device, dav: Dav, cloud: S3, below: str) -> None:
    dav.write("a.md", "dav", mtime=NEW)
    old = fresh.home / "old"
    old.mkdir()
    (old / "b.md").write_text("old")

    moved(fresh, dav, "--from", str(old))

    assert objects(cloud, below) == {"a.md": "dav", "b.md": "old"}


def test_no_secret_is_seen_anywhere(fresh: Device, far: tuple[Proxy, Dav]) -> None:
    proxy, dav = far
    dav.write("a.md", "a" * 60_000)
    dav.write("b.md", "b")
    proxy.on("GET", Slow(100_000), path="a.md")
    watcher = Watcher(fresh.home)
    watcher.start()
    said = [
        moved(fresh, dav, "--dry-run", "--verbose"),
        moved(fresh, dav, "--verbose"),
        moved(fresh, dav, "--json"),
        fresh.run("history", "--json", expect=None),
        fresh.run("migrate", "--webdav", f":webdav,pass={PASSWORD}:", expect=2),
    ]
    lines = watcher.stop()

    assert any(b"--files-from-raw" in line for line in lines), "rclone was seen at work"
    assert not any(PASSWORD.encode() in line for line in lines if b":webdav,pass=" not in line)
    assert PASSWORD not in "".join(one.out + one.err for one in said)
    header = dav.basic.encode()
    for name, (content, *_) in everything(fresh.home).items():
        if isinstance(content, bytes):
            assert PASSWORD.encode() not in content and header not in content, name


def test_a_token_instead_of_a_password(fresh: Device, far: tuple[Proxy, Dav]) -> None:
    proxy, dav = far
    dav.write("a.md", "a")

    said = moved(fresh, dav, "--dry-run", env={"BISYNC_WEBDAV_TOKEN": "a-token"}, expect=1)

    assert "the server refuses the user or the password" in said.err, "this one knows no tokens"
    sent = [
        value for one in proxy.seen for key, value in one.headers.items() if key.lower() == "authorization"
    ]
    assert set(sent) == {"Bearer a-token"}


# -- faults ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("https://me:pw@dav.example.org/x", "no user name or password in an address"),
        ("http://dav.example.org/x", "the password would travel in the clear"),
        ("ftp://dav.example.org/x", "expected an address such as https://dav.example.org/notes"),
        ("https://dav.example.org/x?pw=1", "expected an address such as https://dav.example.org/notes"),
        ("a,pass=x:", "expected an address, or a remote of rclone.conf as NAME: or NAME:PATH"),
    ],
)
def test_an_address_that_is_none(fresh: Device, address: str, says: str) -> None:
    before = everything(fresh.home)

    said = fresh.run("migrate", "--webdav", address, expect=2)

    assert says in said.err and "pw" not in said.err.replace("password", "") and "pass=x" not in said.err
    assert everything(fresh.home) == before


def unchanged(device: Device, cloud: S3, below: str) -> None:
    """Nothing has come into the sync dir or the cloud."""
    assert not device.notes.exists()
    assert cloud.folder is not None and not (cloud.folder / BUCKET / below).exists()


def test_a_wrong_password(fresh: Device, dav: Dav, cloud: S3, below: str) -> None:
    said = moved(fresh, dav, env=dav.env | {"BISYNC_WEBDAV_PASSWORD": "wrong-secret"}, expect=1)

    assert f"Error: {dav.url}: the server refuses the user or the password\n  → check the user" in said.err
    assert "wrong-secret" not in said.out + said.err
    unchanged(fresh, cloud, below)


def test_nobody_there(fresh: Device, cloud: S3, below: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # taken, so that nobody else answers there
        gone = Dav(f"http://127.0.0.1:{silent.getsockname()[1]}", Path("/nonexistent"), "other")
        said = moved(fresh, gone, expect=1)

    assert f"Error: {gone.url}: nobody answers, connection refused\n  → " in said.err
    unchanged(fresh, cloud, below)


def test_no_such_folder_there(fresh: Device, dav: Dav, cloud: S3, below: str) -> None:
    dav.folder.rmdir()

    assert (
        f"Error: {dav.url}: the server has no such folder\n  → correct the address"
        in moved(fresh, dav, expect=1).err
    )
    unchanged(fresh, cloud, below)


def test_a_certificate_that_nobody_trusts(fresh: Device, tmp_path: Path, cloud: S3, below: str) -> None:
    certificate = make_certificate(tmp_path)
    with serve_wsgidav(tmp_path / "tls", certificate=certificate) as dav:
        dav.write("a.md", "a")

        said = moved(fresh, dav, expect=1)
        assert f"Error: {dav.url}: its certificate is not trusted\n  → " in said.err
        unchanged(fresh, cloud, below)
        moved(fresh, dav, env=dav.env | {"RCLONE_CA_CERT": str(certificate[0])})
    assert objects(cloud, below) == {"a.md": "a"}


def test_tls_where_there_is_none(fresh: Device, dav: Dav) -> None:
    said = fresh.run("migrate", "--webdav", dav.url.replace("http:", "https:"), expect=1, env=dav.env)

    assert "it does not speak https\n  → check the address" in said.err


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_is_busy_for_a_moment(
    fresh: Device, far: tuple[Proxy, Dav], cloud: S3, below: str, status: int
) -> None:
    proxy, dav = far
    for number in range(4):
        dav.write(f"{number}.md", str(number))
    proxy.on("PROPFIND", Status(status), times=2)
    proxy.on("GET", Status(status), times=3)

    moved(fresh, dav)

    assert objects(cloud, below) == {f"{number}.md": str(number) for number in range(4)}


@pytest.mark.parametrize("action", [Status(503), Status(429), Drop()], ids=["503", "429", "broken"])
def test_a_server_that_fails_in_the_middle(
    fresh: Device, far: tuple[Proxy, Dav], cloud: S3, below: str, action: Status | Drop, hasty: None
) -> None:
    proxy, dav = far
    dav.write("a.md", "a")
    dav.write("d/b.md", "b")
    proxy.on("GET", action, path="/b.md")
    fresh.env |= dav.env
    app = fresh.app().agreed()

    said = verb.migrate(app, app.manifest.syncs[0], fresh.home, server=dav.url)

    assert said.exit_code == 1 and said.steps[-1].step == "verify"
    assert [note for note in said.notes if note.startswith(f"not verified: {dav.url}: d/b.md: ")]
    assert fresh.tree() == objects(cloud, below) == {"a.md": "a"}, "all else is safe"
    proxy.clear()
    proxy.reset()
    moved(fresh, dav)
    assert fresh.tree() == objects(cloud, below) == {"a.md": "a", "d/b.md": "b"}
    assert "a.md" not in {one.path.rpartition("/")[2] for one in proxy.seen if one.method == "GET"}


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (Status(503), "it answers with a server error"),
        (Status(429), "the server asks for fewer requests"),
        (Drop(), "the connection broke"),
    ],
    ids=["503", "429", "broken"],
)
def test_a_server_that_gives_nothing(
    fresh: Device,
    far: tuple[Proxy, Dav],
    cloud: S3,
    below: str,
    action: Status | Drop,
    says: str,
    hasty: None,
) -> None:
    proxy, dav = far
    dav.write("a.md", "a")
    proxy.on("GET", action)
    fresh.env |= dav.env
    app = fresh.app().agreed()

    said = verb.migrate(app, app.manifest.syncs[0], fresh.home, server=dav.url)

    assert (said.steps[-1].step, said.steps[-1].detail) == ("bring together", f"{dav.url}: {says}")
    assert fresh.tree() == {}
    proxy.clear()
    moved(fresh, dav)
    assert fresh.tree() == objects(cloud, below) == {"a.md": "a"}


def test_a_server_that_fails_from_the_start(
    fresh: Device, far: tuple[Proxy, Dav], cloud: S3, below: str
) -> None:
    proxy, dav = far
    dav.write("a.md", "a")
    proxy.on("PROPFIND", Status(503))

    assert (
        f"Error: {dav.url}: it answers with a server error\n  → run again" in moved(fresh, dav, expect=1).err
    )
    unchanged(fresh, cloud, below)


def test_a_file_that_changes_there_meanwhile(fresh: Device, dav: Dav, cloud: S3, below: str) -> None:
    dav.write("a.md", "first")
    hook = fresh.home / "hook.sh"
    edits = f"echo second > '{dav.folder}/a.md'; touch -d 2040-01-01 '{dav.folder}/a.md'"
    hook.write_text(f"#!/bin/sh\n{edits}; echo new > '{dav.folder}/b.md'\n")
    hook.chmod(0o700)
    fresh.write_manifest(fresh.s3_manifest() + f"    hooks: {{before_sync: [[{hook}]]}}\n")

    said = moved(fresh, dav, expect=1)

    assert f"  not verified: {dav.url}: a.md: it changed while the migration was at work" in said.out
    assert f"  not verified: {dav.url}: b.md: it changed while the migration was at work" in said.out
    fresh.write_manifest(fresh.s3_manifest())
    moved(fresh, dav)
    assert (
        fresh.tree()
        == {"a.md": "second\n", "a.md.conflict1": "first", "b.md": "new\n"}
        == objects(cloud, below)
    )


def test_a_name_that_no_list_can_hold(fresh: Device, dav: Dav, cloud: S3, below: str) -> None:
    dav.write("a.md", "a")
    dav.write("new\nline.md", "n")

    said = moved(fresh, dav, expect=1)

    assert "its name has a line break, which lists of names cannot hold" in said.out
    assert objects(cloud, below) == {"a.md": "a"}
    (dav.folder / "new\nline.md").rename(dav.folder / "new line.md")
    moved(fresh, dav)
    assert objects(cloud, below) == {"a.md": "a", "new line.md": "n"}

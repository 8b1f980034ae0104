"""A manifest may do what its user has agreed to: no command runs, reads or asks anything for one that asks for more."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from bisync.tasks._commands import COMMANDS

from bisync.errors import BaselineNeeded, NotGranted
from tests.support.duet import said, until, watching
from tests.support.machine import everything
from tests.support.terminal import on_a_terminal
from tests.support.world import Device

PLAIN = """\
version: 1
tenants:
  team: {provider: embedded, storage: ~/store}
syncs:
  notes: {tenant: team, dir: ~/notes}
"""


@dataclass
class Trapped:
    """A device whose manifest runs, reads and asks wherever one can; `sprung` says which of that happened."""

    device: Device
    server: socket.socket
    traps: Path

    def write_manifest(self) -> None:
        home, url = self.device.home, f"http://127.0.0.1:{self.server.getsockname()[1]}"
        self.traps.mkdir()
        program = self.traps / "program"
        program.write_text(f'#!/bin/sh\n: > "{self.traps}/ran-$$"\necho rclone v1.75.2\n')
        program.chmod(0o755)
        os.mkfifo(self.traps / "secret")  # whoever reads it waits for ever
        hooks = ", ".join(
            f"{when}: [['{program}', {when}]]"
            for when in ("before_sync", "on_conflict", "on_change", "after_sync", "on_failure")
        )
        (home / "bisync.yaml").write_text(f"""\
version: 1
tenants:
  team:
    provider: s3
    bucket: b
    endpoint: {url}
    credentials:
      access_key_id: {{command: ['{program}', key]}}
      secret_access_key: {{file: '{self.traps}/secret'}}
  cloud: {{provider: basic-memory, api_url: '{url}'}}
  told: {{provider: basic-memory, api_url: '{url}/2', token: {{command: ['{program}', token]}}}}
  nas: {{provider: rclone, remote: 'nas:x'}}
  try: {{provider: embedded, storage: '{self.traps}/storage'}}
syncs:
  notes: {{tenant: team, dir: ~/notes, hooks: {{{hooks}}}}}
  cloud: {{tenant: cloud, dir: ~/cloud}}
  told: {{tenant: told, dir: ~/told}}
  nas: {{tenant: nas, dir: ~/nas}}
  try: {{tenant: try, dir: ~/try}}
ping: {{start: '{url}/s', success: '{url}/o', failure: {{command: ['{program}', ping]}}}}
migration: {{from: [~/old], sync: notes, webdav: {{url: '{url}', user: me, password: {{file: '{self.traps}/secret'}}}}}}
rclone: {{binary: '{program}', config: '{self.traps}/rclone.conf'}}
state_dir: '{self.traps}/state'
""")

    def sprung(self) -> list[str]:
        self.server.settimeout(0.05)
        try:
            self.server.accept()[0].close()
            asked = ["asked the network"]
        except TimeoutError:
            asked = []
        return asked + sorted(
            path.name for path in self.traps.iterdir() if path.name not in ("program", "secret")
        )


@pytest.fixture
def trapped(tmp_path: Path) -> Iterator[Trapped]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Trapped(Device(tmp_path / "home"), server, tmp_path / "traps")


# What is typed, and the exit codes: before anything was agreed to, and after something less was.
TYPED: dict[str, list[tuple[tuple[str, ...], int, int]]] = {
    "init": [(("init", "other.yaml"), 0, 0)],
    "validate": [(("validate",), 0, 0), (("validate", "--json"), 0, 0)],
    "show": [(("show",), 0, 0), (("show", "--json"), 0, 0)],
    "schema": [(("schema",), 0, 0), (("schema", "show"), 0, 0)],
    "setup": [(("setup", "--dry-run"), 0, 0), (("setup", "--dry-run", "--json", "--rotate"), 0, 0)],
    "login": [(("login", "--tenant", "cloud"), 4, 4), (("login", "--tenant", "told"), 4, 4)],
    "logout": [(("logout",), 0, 0)],
    "sync": [
        (("sync",), 5, 4),
        (("sync", "--json"), 5, 4),
        (("sync", "--dry-run"), 5, 4),
        (("sync", "--resync", "--dry-run"), 4, 4),
        (("sync", "--force", "--only", "try"), 5, 4),
        (("sync", "--watch"), 5, 4),
    ],
    "plan": [(("plan",), 5, 4), (("plan", "--json"), 5, 4), (("plan", "--script", "x.sh"), 5, 4),
        (("plan", "--html", "x.html"), 5, 4),
    ],
    "diff": [(("diff",), 5, 4), (("diff", "a.md", "--json"), 5, 4)],
    "check": [(("check",), 5, 4)],
    "status": [(("status",), 0, 0), (("status", "--json"), 0, 0), (("status", "--html", "x.html"), 0, 0)],
    "conflicts": [(("conflicts",), 3, 3)],
    "resolve": [(("resolve", "a.md", "--keep", "local", "--only", "try"), 5, 4)],
    "history": [(("history",), 0, 0), (("history", "--versions"), 5, 4)],
    "log": [(("log",), 0, 0)],
    "restore": [(("restore", "a.md", "--only", "try"), 5, 4)],
    "undo": [(("undo", "--yes", "--only", "try"), 5, 4), (("undo", "--dry-run", "--json"), 5, 4)],
    "prune": [(("prune",), 5, 4), (("prune", "--yes"), 5, 4)],
    "unlock": [(("unlock",), 5, 4)],
    "explain": [(("explain", "notes/a.md"), 0, 0)],
    "filters": [(("filters",), 0, 0)],
    "schedule": [(("schedule", "install"), 4, 4)],
    "migrate": [(("migrate", "--undo"), 2, 2)],
    "doctor": [(("doctor",), 1, 1)],
    "completion": [
        (("completion", "zsh"), 0, 0),
        (("--complete", "bash", "undo", ""), 0, 0),
        (("--complete", "bash", "resolve", ""), 0, 0),
    ],
}  # fmt: skip
OWN_HOME = {"demo"}
SYNCS = ("notes", "cloud", "told", "nas", "try")


def test_each_command_is_among_them() -> None:
    assert TYPED.keys() | OWN_HOME == COMMANDS.keys()


@pytest.mark.parametrize("agreed", [False, True], ids=["never", "to less"])
@pytest.mark.parametrize("name", TYPED)
def test_nothing_is_run_read_or_asked_for_what_was_not_agreed_to(
    name: str, agreed: bool, trapped: Trapped
) -> None:
    device = trapped.device
    for folder in SYNCS:
        (device.home / folder).mkdir()
        (device.home / folder / "a.md").write_text("a")
        (device.home / folder / "a.md.conflict1").write_text("b")
    if agreed:
        device.write_manifest(PLAIN)
        device.grant()
    trapped.write_manifest()
    before = everything(device.home)

    for typed, first, later in TYPED[name]:
        ran = device.run(*typed, expect=None, timeout=60)

        assert ran.code == (later if agreed else first), (typed, ran.out, ran.err)
        assert trapped.sprung() == []
        if ran.code == 5:
            assert "First bisync requires --resync to establish baseline" in ran.err + ran.out
        if ran.code == 4:
            assert "bisync setup" in ran.err + ran.out
            assert agreed is ("before_sync" in ran.err + ran.out) or typed[-1] == "--json", (
                "the difference is shown"
            )
    for mine in ("other.yaml", "x.sh", "x.html"):
        (device.home / mine).unlink(missing_ok=True)
    assert everything(device.home) == before or agreed, "nothing of it was written"


def test_a_setup_springs_them(trapped: Trapped) -> None:
    """The traps are some: once it is typed, what the manifest asks for is done."""
    trapped.write_manifest()
    (trapped.traps / "secret").unlink()
    (trapped.traps / "secret").write_text("a-key")

    trapped.device.run("setup", "--only", "notes", expect=None)

    assert any(one.startswith("ran-") for one in trapped.sprung())


class TestWhoIsAsked:
    HOOK = PLAIN.replace("dir: ~/notes", "dir: ~/notes, hooks: {after_sync: [[touch, ../hooked]]}")

    @pytest.fixture
    def device(self, tmp_path: Path) -> Device:
        device = Device(tmp_path / "home")
        device.write_manifest(PLAIN)
        return device

    def test_nobody_for_a_manifest_one_has_just_written(self, device: Device) -> None:
        code, said = typed(device, "setup", answer=None)

        assert code == 0
        assert "may, on this machine" in said and "~/notes".replace("~", str(device.home)) in said
        assert "[y/N]" not in said
        assert "nothing new" in device.run("setup").out

    @pytest.mark.parametrize(
        ("answer", "code"), [(b"n\n", 4), (b"\n", 4), (b"y\n", 0), (b"\x03", 130), (b"\x04", 4)]
    )
    def test_whoever_is_at_a_terminal_where_programs_are_asked_for(
        self, device: Device, answer: bytes, code: int
    ) -> None:
        device.write_manifest(self.HOOK)
        before = everything(device.home)

        ended, said = typed(device, "setup", answer=answer)

        assert ended == code, said
        assert "touch ../hooked" in said.partition("[y/N]")[0]
        assert (device.home / "hooked").exists() is (code == 0)
        assert (everything(device.home) == before) is (code != 0)

    def test_whoever_is_at_a_terminal_where_it_asks_for_more(self, device: Device) -> None:
        device.run("setup")
        text = PLAIN.replace("~/store", "~/other")
        (device.home / "bisync.yaml").write_text(text)

        assert "changed folder" in device.run("sync", expect=4).err
        assert typed(device, "setup", answer=b"n\n")[0] == 4
        assert device.run("sync", expect=4).code == 4
        assert typed(device, "setup", answer=b"yes\n")[0] == 0
        device.run("sync")

    @pytest.mark.parametrize("argv", [("setup", "--yes"), ("setup", "--json"), ("sync", "--resync")])
    def test_nobody_where_it_was_said_already(self, device: Device, argv: tuple[str, ...]) -> None:
        """`--yes`, and scripts: who types it agrees, and it is shown all the same."""
        device.write_manifest(self.HOOK)
        if argv == ("setup", "--yes"):
            code, said = typed(device, *argv, answer=None)
        else:
            (device.home / "notes").mkdir()
            ran = device.run(*argv)
            code, said = ran.code, ran.out + ran.err
        assert code == 0 and "touch ../hooked" in said and "[y/N]" not in said
        device.run("sync")

    def test_the_document_says_what_is_new(self, device: Device) -> None:
        device.run("setup")
        (device.home / "bisync.yaml").write_text(self.HOOK)

        found = device.run("setup", "--dry-run", "--json").json["grants"]

        assert [(one["kind"], one["key"], one["command"], one["new"]) for one in found] == [
            ("program", "syncs.notes.hooks.after_sync", ["touch", "../hooked"], True),
            ("folder", "syncs.notes", [], False),
        ]
        assert device.run("sync", expect=4).code == 4, "a dry run agrees to nothing"


def typed(device: Device, *argv: str, answer: bytes | None) -> tuple[int, str]:
    """A command on a terminal, answered once it asks; its exit code and what was to be seen."""
    shown = b""
    with on_a_terminal(device, *argv) as (run, leader):
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:
                break  # nobody has the other end any more
            shown += chunk
            if b"[y/N]" in shown and answer is not None:
                os.write(leader, answer)
                answer = None
            if not chunk:
                break
        code = run.wait(60)
    os.close(leader)
    return code, shown.decode().replace("\r\n", "\n")


def test_who_comes_from_a_version_without_grants_is_asked_once(laptop: Device) -> None:
    shutil.rmtree(laptop.home / ".local")
    laptop.write("a.md", "a")
    before = everything(laptop.home)

    refused = laptop.run("sync", expect=4)

    assert "nobody has agreed on this machine" in refused.err
    assert "bisync setup" in refused.err
    assert "nobody has agreed" in laptop.run("status").out
    assert everything(laptop.home) == before
    laptop.run("setup")
    laptop.run("sync")
    assert laptop.run("doctor", "--json", expect=None).json["findings"][0]["level"] == "ok"


def test_what_is_refused_tells_no_hook_and_writes_no_history(laptop: Device) -> None:
    hooks = "    hooks: {on_failure: [[touch, ../told]]}\n"
    (laptop.home / "bisync.yaml").write_text(
        laptop.s3_manifest().replace("syncs:\n  notes:\n", f"syncs:\n  notes:\n{hooks}")
    )
    before = len(laptop.history())

    assert "on_failure" in laptop.run("sync", expect=4).err
    assert not (laptop.home / "told").exists()
    assert len(laptop.history()) == before


def test_less_than_was_agreed_to_needs_no_word(laptop: Device) -> None:
    hooks = "    hooks: {after_sync: [['true']]}\n"
    laptop.write_manifest(laptop.s3_manifest().replace("syncs:\n  notes:\n", f"syncs:\n  notes:\n{hooks}"))
    (laptop.home / "bisync.yaml").write_text("# mine\n" + laptop.s3_manifest().replace("balanced", "safe"))

    laptop.run("sync")


def test_doctor_shows_it_with_the_cure(laptop: Device) -> None:
    def grant() -> list[dict[str, str]]:
        found = laptop.run("doctor", "--json", expect=None).json["findings"]
        return [one for one in found if one["about"] == "grant"]

    assert [one["level"] for one in grant()] == ["ok"]
    (laptop.home / "bisync.local.yaml").write_text("syncs: {notes: {dir: ~/elsewhere}}\n")
    assert [one["level"] for one in grant()] == ["problem"]
    assert "elsewhere" in grant()[0]["text"] and "bisync setup" in grant()[0]["cure"]


def test_another_manifest_than_last_time_is_named(laptop: Device, tmp_path: Path) -> None:
    assert laptop.run("status").err == ""
    other = laptop.home / "other.yaml"
    other.write_text(PLAIN)

    ran = laptop.run("status", "--json", "-m", "other.yaml")

    assert ran.json["syncs"]
    assert ran.err == f"the manifest is {other} (last time: {laptop.home}/bisync.yaml)\n"
    assert laptop.run("validate", "-m", "other.yaml").err == ""


def test_a_watch_keeps_to_what_was_agreed_to_and_says_so_once(tmp_path: Path) -> None:
    device = Device(tmp_path / "home")
    device.write_manifest(PLAIN)
    device.run("setup")
    hooked = device.home / "hooked"
    with watching(device, "--interval", "3600"):
        until("it watches", lambda: "watching notes" in said(device), device)
        (device.home / "bisync.yaml").write_text(TestWhoIsAsked.HOOK)
        until("it says so", lambda: "asks for more than was agreed to" in said(device), device)
        device.write("a.md", "a")
        until("it goes on", lambda: "1 file uploaded" in said(device), device)
        time.sleep(2.5)
        assert said(device).count("asks for more than was agreed to") == 1
        assert not hooked.exists()

        device.grant()

        until("it is read", lambda: "was read again" in said(device), device)
        device.write("b.md", "b")
        until("by the new one", hooked.exists, device)


def test_one_that_was_refused_ends_a_scheduled_run(laptop: Device) -> None:
    """What a timer starts compares, too; that it is stopped in order is no failure of it."""
    (laptop.home / "bisync.local.yaml").write_text("syncs: {notes: {dir: ~/elsewhere}}\n")
    run = laptop.popen("sync", "--watch")

    out, err = run.communicate(timeout=60)

    assert run.returncode == 4 and run.returncode != -signal.SIGTERM
    assert "asks for more" in err and "watching" not in out


def test_an_app_has_nothing_to_go_out_with(tmp_path: Path) -> None:
    """Also for a verb that nobody has written yet."""
    device = Device(tmp_path / "home")
    device.write_manifest(PLAIN)
    app = device.app()
    [sync] = app.manifest.syncs

    with pytest.raises(NotGranted):
        _ = app.rclone
    with pytest.raises(BaselineNeeded):
        app.around(sync)
    for way in (app.session, app.locked_session, app.locked_dir):
        with pytest.raises(BaselineNeeded), way(sync):
            pass
    assert device.home.joinpath(".basic-memory").exists() is False


def test_doctor_says_it_once(tmp_path: Path) -> None:
    device = Device(tmp_path / "home")
    device.write_manifest(PLAIN)

    ran = device.run("doctor", expect=1)

    assert ran.out.count("nobody has agreed") == 1
    assert "First bisync" not in ran.out


def test_a_migration_is_agreed_to_and_taken_back_only_with_that(tmp_path: Path) -> None:
    device = Device(tmp_path / "home")
    device.write_manifest(PLAIN)
    old = device.home / "old"
    old.mkdir()
    (old / "a.md").write_text("a")
    assert "would" not in device.run("migrate", "--from", "old", "--dry-run").err
    assert not (device.home / ".local").exists()
    assert "may, on this machine" in device.run("migrate", "--from", "old").out
    device.run("sync")
    shutil.rmtree(device.home / ".local")

    for flags in ((), ("--dry-run",)):
        assert "nobody has agreed" in device.run("migrate", "--undo", *flags, expect=4).err
    assert device.tree() == {"a.md": "a"}

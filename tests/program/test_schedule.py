"""Runs in the background: what is installed by the program, with stand-ins for systemd, launchd and cron."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from bisync.actions import schedule as action
from bisync.errors import BisyncError, UsageError
from bisync.schedule.form import Form, job_name
from bisync.schedule.scheduler import Around
from bisync.state import runs
from tests.support.background import Background
from tests.support.world import Device, Ran

MANIFEST = """\
version: 1
tenants:
  t: {provider: embedded, storage: ~/store}
syncs:
  notes: {tenant: t, dir: ~/notes}
"""
KEYS = """\
version: 1
tenants:
  t:
    provider: s3
    bucket: b
    endpoint: https://store.example
    credentials:
      access_key_id: {env: TEST_KEY_ID}
      secret_access_key: {env: TEST_SECRET}
syncs:
  notes: {tenant: t, dir: ~/notes}
"""


class Computer:
    """A device with a background."""

    def __init__(self, root: Path, *programs: str) -> None:
        self.device = Device(root / "home")
        self.device.write_manifest(MANIFEST)
        self.device.grant()
        self.background = Background(root / "background", *programs, home=self.device.home)
        self.manifest = self.device.home / "bisync.yaml"

    @property
    def name(self) -> str:
        return job_name(self.manifest)

    @property
    def folder(self) -> Path:
        return self.device.home / ".config" / "systemd" / "user"

    def schedule(self, *argv: str, expect: int = 0, **env: str) -> Ran:
        return self.device.run("schedule", *argv, expect=expect, env={**self.background.environment, **env})

    def shown(self) -> dict[str, object]:
        """What `show --json` says; it has changed nothing."""
        before = self.everything()
        found: dict[str, object] = self.schedule("show", "--json").json
        assert self.everything() == before
        return found

    def everything(self) -> dict[str, tuple[str, int]]:
        """Every file of the home and the background, but for the list of calls."""
        tops = (self.device.home, self.background.kept)
        return {
            str(path): (
                str(path.readlink()) if path.is_symlink() else path.read_bytes().hex(),
                path.lstat().st_mtime_ns,
            )
            for top in tops
            for path in top.rglob("*")
            if (path.is_symlink() or path.is_file()) and path.name != "calls"
        }


@pytest.fixture
def linux(tmp_path: Path) -> Computer:
    """A desktop with systemd."""
    return Computer(tmp_path, "systemctl", "loginctl")


@pytest.fixture
def container(tmp_path: Path) -> Computer:
    """A machine with cron, and no systemd."""
    return Computer(tmp_path, "crontab")


# -- systemd --------------------------------------------------------------------------------------------


def test_a_watch_by_systemd_from_install_to_remove(linux: Computer) -> None:
    unit = f"{linux.name}.service"
    assert linux.shown()["installed"] is False
    assert "install it with: bisync schedule install" in linux.schedule("show").out

    said = linux.schedule("install").out

    assert said.startswith("✓ Installed: ~/bisync.yaml is synced all the time, by systemd\n")
    assert f"what it says: journalctl --user -u {linux.name}\n" in said
    assert set(linux.background.units) == {unit, f"default.target.wants/{unit}"}
    assert f'"sync" "--watch" "--manifest" "{linux.manifest}"' in linux.background.units[unit]
    assert f'Environment="PATH={linux.background.bin}"' in linux.background.units[unit]
    assert linux.background.is_set("active", unit)
    assert linux.background.calls[:4] == [
        f"systemctl --user stop {unit}",
        "systemctl --user daemon-reload", f"systemctl --user enable {unit}", f"systemctl --user start {unit}",
    ]  # fmt: skip

    before = linux.everything()
    assert linux.schedule("install").out.startswith("Unchanged: ")
    assert linux.everything() == before

    assert linux.schedule("remove").out.startswith("✓ Removed: ")
    assert linux.background.units == {}
    assert not linux.background.is_set("active", unit)
    assert linux.schedule("remove").out == "~/bisync.yaml: nothing to remove\n"


def test_what_show_says_to_a_script(linux: Computer) -> None:
    linux.schedule("install", "--interval", "15min")
    app = linux.device.app()
    state = app.state(app.manifest.syncs[0])
    runs.append_history(state, {"at": "2026-11-28T10:00:00+00:00", "run": "r1", "outcome": "done"})
    runs.append_history(state, {"at": "2026-11-28T11:00:00+00:00", "run": "r2", "outcome": "failed"})

    assert linux.shown() == {
        "version": 1,
        "name": linux.name,
        "manifest": str(linux.manifest),
        "outcome": "shown",
        "installed": True,
        "scheduler": "systemd",
        "form": "interval",
        "interval": "15min",
        "at_boot": False,
        "files": [str(linux.folder / f"{linux.name}.{kind}") for kind in ("service", "timer")],
        "up_to_date": True,
        "active": True,
        "log": f"journalctl --user -u {linux.name}",
        "missing_variables": [],
        "to_type": [],
        "last_run": {"sync": "notes", "run": "r2", "at": "2026-11-28T11:00:00+00:00", "outcome": "failed"},
    }
    assert "ago: failed\n" in linux.schedule("show").out


def test_another_form_replaces_the_first(linux: Computer) -> None:
    service, timer = f"{linux.name}.service", f"{linux.name}.timer"
    linux.schedule("install")

    assert linux.schedule("install", "--interval", "5min").out.startswith("✓ Replaced: ")

    assert set(linux.background.units) == {service, timer, f"timers.target.wants/{timer}"}
    assert "Type=oneshot" in linux.background.units[service]
    assert linux.background.is_set("active", timer)
    assert not linux.background.is_set("active", service)

    linux.schedule("install")

    assert set(linux.background.units) == {service, f"default.target.wants/{service}"}
    assert linux.background.is_set("active", service)
    assert not linux.background.is_set("active", timer)


def test_two_manifests_have_units_of_their_own(linux: Computer) -> None:
    other = linux.device.home / "work" / "bisync.yaml"
    other.parent.mkdir()
    other.write_text(MANIFEST)
    linux.schedule("install")
    linux.device.grant(linux.device.home / "work" / "bisync.yaml")
    linux.schedule("install", "--manifest", "work/bisync.yaml", "--interval", "1h")

    linux.schedule("remove")

    assert set(linux.background.units) == {
        f"{job_name(other)}.service", f"{job_name(other)}.timer", f"timers.target.wants/{job_name(other)}.timer",
    }  # fmt: skip
    assert job_name(other).startswith("bisync-work-")
    assert str(other) in linux.background.units[f"{job_name(other)}.service"]


def test_a_unit_that_cannot_be_started_leaves_nothing_behind(linux: Computer) -> None:
    linux.background.refuse("start")

    failed = linux.schedule("install", expect=1)

    assert "the control process exited with error code" in failed.err
    assert f"see: journalctl --user -u {linux.name}.service" in failed.err
    assert linux.background.units == {}
    assert linux.shown()["installed"] is False


def test_a_form_that_cannot_be_started_leaves_the_other_one_at_work(linux: Computer) -> None:
    linux.schedule("install", "--interval", "5min")
    before = linux.background.units
    linux.background.refuse("start")

    linux.schedule("install", expect=1)

    assert linux.background.units == before
    assert linux.background.is_set("active", f"{linux.name}.timer")
    assert linux.shown()["up_to_date"] is True


def test_a_unit_that_was_stopped_is_said_to_be_and_started_by_install(linux: Computer) -> None:
    linux.schedule("install")
    (linux.background.kept / f"active-{linux.name}.service").unlink()

    assert linux.shown()["active"] is False
    assert "  not active\n  start it with: bisync schedule install\n" in linux.schedule("show").out
    assert linux.schedule("install").out.startswith("✓ Started: ")
    assert linux.shown()["active"] is True


def test_what_install_would_write_anew_is_said(linux: Computer) -> None:
    linux.schedule("install", "--interval", "5min")
    (linux.background.bin.parent / "more").mkdir()
    path = f"{linux.background.bin}:{linux.background.bin.parent / 'more'}"

    shown = linux.schedule("show", PATH=path)
    assert "renew it with: bisync schedule install --interval 5min\n" in shown.out
    assert linux.schedule("show", "--json", PATH=path).json["up_to_date"] is False

    assert linux.schedule("install", "--interval", "5min", PATH=path).out.startswith("✓ Replaced: ")
    assert linux.schedule("show", "--json", PATH=path).json["up_to_date"] is True


def test_a_unit_that_somebody_has_edited_is_not_up_to_date(linux: Computer) -> None:
    linux.schedule("install")
    unit = linux.folder / f"{linux.name}.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=default.target\n")

    found = linux.shown()

    assert (found["installed"], found["form"], found["up_to_date"]) == (True, None, False)
    assert "somebody has edited" in linux.schedule("show").out
    linux.schedule("install")
    assert linux.shown()["up_to_date"] is True


def test_a_unit_that_is_a_link_into_a_dotfiles_repository_stays_one(linux: Computer) -> None:
    linux.schedule("install")
    unit = linux.folder / f"{linux.name}.service"
    kept = linux.device.home / "dotfiles" / unit.name
    kept.parent.mkdir()
    kept.write_text("# old\n")
    unit.unlink()
    unit.symlink_to(kept)

    linux.schedule("install")

    assert unit.readlink() == kept
    assert "--watch" in kept.read_text()
    linux.schedule("remove")
    assert not os.path.lexists(unit)
    assert "--watch" in kept.read_text()


@pytest.mark.parametrize("kind", ["service", "timer"])
@pytest.mark.parametrize(("target", "says"), [("/dev/null", "is masked"), ("/nowhere/x", "leads to no file")])
def test_nothing_is_written_through_a_mask(linux: Computer, kind: str, target: str, says: str) -> None:
    linux.folder.mkdir(parents=True)
    unit = linux.folder / f"{linux.name}.{kind}"
    unit.symlink_to(target)

    assert says in linux.schedule("install", expect=1).err

    assert str(unit.readlink()) == target
    linux.schedule("remove")
    assert not os.path.lexists(unit)


def test_with_the_machine_is_done_where_it_may_be_and_else_said(linux: Computer) -> None:
    uid = str(os.getuid())

    assert "sudo" not in linux.schedule("install", "--at", "boot").out
    assert linux.background.is_set("linger", uid)
    assert linux.shown()["at_boot"] is True

    (linux.background.kept / f"linger-{uid}").unlink()
    linux.background.refuse("loginctl", "Could not enable linger: Interactive authentication required.")
    said = linux.schedule("install", "--at", "boot").out
    assert f"to start it with the machine, type: sudo loginctl enable-linger {uid}\n" in said
    assert linux.shown()["to_type"] == [f"sudo loginctl enable-linger {uid}"]


def test_units_are_not_touched_where_systemd_cannot_be_reached(linux: Computer, tmp_path: Path) -> None:
    """As by `su`. cron would run it a second time."""
    linux.schedule("install")
    linux.background.add("crontab")
    before = linux.background.units
    elsewhere = {"XDG_RUNTIME_DIR": str(tmp_path)}

    for words in (("install",), ("remove",)):
        assert "your systemd cannot be reached from here" in linux.schedule(*words, expect=1, **elsewhere).err
    shown = linux.schedule("show", "--json", **elsewhere).json
    assert (shown["installed"], shown["active"]) == (True, None)
    assert linux.background.units == before
    assert linux.background.crontab is None


def test_no_secret_is_in_a_unit_and_their_variables_are_named(linux: Computer) -> None:
    linux.device.write_manifest(KEYS)
    file = linux.device.home / ".config" / "bisync" / "environment"

    said = linux.schedule("install").out

    assert "secrets from the environment, which it does not have: TEST_KEY_ID, TEST_SECRET\n" in said
    assert "put them into ~/.config/bisync/environment, one NAME=value a line" in said
    proxy = "http://anna:s3cret@proxy.example"
    assert linux.schedule("show", "--json", HTTPS_PROXY=proxy).json["missing_variables"][-1] == "HTTPS_PROXY"
    linux.schedule("install", "--interval", "1d", HTTPS_PROXY=proxy)
    assert not any("s3cret" in text for text in linux.background.units.values())
    told = [*linux.background.units.values(), *linux.background.calls, said]
    assert not any(linux.device.environment["TEST_SECRET"] in text for text in told)
    assert not any(linux.device.environment["TEST_KEY_ID"] in text for text in told)

    file.parent.mkdir(exist_ok=True)
    file.write_text("# TEST_SECRET=old\nTEST_KEY_ID=a\n")
    file.chmod(0o644)
    assert linux.shown()["missing_variables"] == ["TEST_SECRET"]
    assert linux.shown()["to_type"] == [f"chmod 600 {file}"]
    file.write_text("TEST_KEY_ID=a\nTEST_SECRET=b\n")
    file.chmod(0o600)
    assert (linux.shown()["missing_variables"], linux.shown()["to_type"]) == ([], [])


# -- cron -----------------------------------------------------------------------------------------------

FOREIGN = "MAILTO=anna\n# mine\n*/5 * * * * echo a \\% b % c\n\n"


def test_an_interval_by_cron_from_install_to_remove(container: Computer) -> None:
    container.background.crontab = FOREIGN

    said = container.schedule("install", "--interval", "10min").out

    assert said.startswith(
        "✓ Installed: ~/bisync.yaml is synced every 10min, from the start of the machine, by cron\n"
    )
    table = container.background.crontab
    assert table is not None
    assert table.startswith(FOREIGN)
    first, line, last = table.removeprefix(FOREIGN).splitlines()
    assert first == f"# >>> {container.name} >>> bisync schedule install --interval 10min --at boot"
    assert last == f"# <<< {container.name} <<<"
    assert f" sync --manifest {container.manifest} >" in line
    assert (container.device.home / ".basic-memory" / "schedule").is_dir()
    shown = container.shown()
    assert (shown["scheduler"], shown["up_to_date"], shown["active"]) == ("cron", True, None)

    before = container.everything()
    assert container.schedule("install", "--interval", "10min").out.startswith("Unchanged: ")
    assert container.everything() == before

    assert container.schedule("install").out.startswith("✓ Replaced: ")
    assert container.background.crontab.count(container.name + " >>>") == 1
    assert "\n@reboot " in container.background.crontab

    container.schedule("remove")
    assert container.background.crontab == FOREIGN
    assert container.schedule("remove").out == "~/bisync.yaml: nothing to remove\n"
    assert container.background.crontab == FOREIGN


def test_a_crontab_that_was_none_is_none_again(container: Computer) -> None:
    said = container.schedule("install").out

    assert "it starts when the machine does; to start it now, type: nohup " in said
    assert container.background.crontab is not None
    container.schedule("remove")
    assert container.background.crontab is None


def test_a_crontab_with_bytes_that_are_no_text_stays_as_it_is(container: Computer) -> None:
    foreign = "# caf\udce9\n"
    container.background.crontab = foreign

    container.schedule("install")
    container.schedule("remove")

    assert container.background.crontab == foreign


def test_a_crontab_that_cannot_be_read_is_not_replaced(container: Computer) -> None:
    container.background.crontab = FOREIGN
    container.background.refuse("crontab", "crontabs/anna/: fopen: Permission denied")

    for words in (("install",), ("remove",), ("show",)):
        assert "fopen: Permission denied" in container.schedule(*words, expect=1).err

    container.background.allow("crontab")
    assert container.background.crontab == FOREIGN
    assert not any(call.startswith("crontab /") for call in container.background.calls)


def test_who_may_not_use_cron_may_use_systemd(container: Computer) -> None:
    container.background.refuse("crontab", "You (anna) are not allowed to use this program (crontab)")

    assert "You (anna) are not allowed" in container.schedule("install", expect=1).err
    container.background.add("systemctl")
    container.schedule("install")

    assert container.shown()["scheduler"] == "systemd"


def test_without_systemd_secrets_come_from_the_manifest(container: Computer) -> None:
    container.device.write_manifest(KEYS)

    said = container.schedule("install", "--interval", "1h").out

    assert "which it does not have: TEST_KEY_ID, TEST_SECRET\n" in said
    assert "take these secrets from {command: ...} or {file: ...} in the manifest\n" in said
    assert container.device.environment["TEST_SECRET"] not in str(container.background.crontab)


def test_systemd_takes_over_from_cron(container: Computer) -> None:
    container.background.crontab = FOREIGN
    container.schedule("install", "--interval", "5min")
    container.background.add("systemctl")

    assert container.schedule("install", "--interval", "5min").out.startswith("✓ Replaced: ")

    assert container.background.crontab == FOREIGN
    assert container.shown()["scheduler"] == "systemd"


def test_a_machine_with_nothing_that_starts_programs_says_so(tmp_path: Path) -> None:
    bare = Computer(tmp_path)

    failed = bare.schedule("install", expect=1)

    assert "neither your systemd nor the program crontab is there" in failed.err
    assert "let whatever starts programs here type: bisync sync" in failed.err
    assert bare.shown()["installed"] is False


# -- launchd --------------------------------------------------------------------------------------------


@pytest.fixture
def mac(tmp_path: Path) -> Computer:
    """As far as bisync can tell, a Mac."""
    return Computer(tmp_path, "launchctl", "crontab")


def on_mac(mac: Computer) -> action.Here:
    env = {**mac.device.environment, **mac.background.environment}
    around = Around(env=env, home=mac.device.home, uid=501)
    return action.Here(around=around, platform="darwin", program=("/opt/bisync",), cwd=mac.device.home)


def test_an_agent_from_install_to_remove(mac: Computer) -> None:
    app, on = mac.device.app(), on_mac(mac)
    agent = mac.device.home / "Library" / "LaunchAgents" / f"{mac.name}.plist"
    loaded = f"gui/501/{mac.name}"

    assert action.install(app, on, Form()).outcome == "installed"
    assert "<key>KeepAlive</key>" in agent.read_text()
    assert mac.background.is_set("loaded", loaded)
    assert (action.install(app, on, Form()).outcome, action.show(app, on).active) == ("unchanged", True)

    assert action.install(app, on, Form(interval=5)).outcome == "replaced"
    assert f"launchctl bootout {loaded}" in mac.background.calls
    found = action.show(app, on)
    assert (found.scheduler, found.form, found.up_to_date) == ("launchd", Form(interval=5), True)

    assert action.remove(app, on).outcome == "removed"
    assert not agent.exists()
    assert not mac.background.is_set("loaded", loaded)
    assert action.remove(app, on).outcome == "absent"
    assert not [call for call in mac.background.calls if call.startswith("crontab")]


def test_an_agent_that_cannot_be_loaded_is_put_back(mac: Computer) -> None:
    app, on = mac.device.app(), on_mac(mac)
    mac.background.refuse("start")
    with pytest.raises(BisyncError, match="Bootstrap failed: 5"):
        action.install(app, on, Form())
    assert action.show(app, on).scheduler is None
    mac.background.allow("start")
    action.install(app, on, Form(interval=5))

    mac.background.refuse("start")
    with pytest.raises(BisyncError, match="Bootstrap failed: 5"):
        action.install(app, on, Form())

    assert action.show(app, on).form == Form(interval=5)


def test_launchd_has_no_agents_at_boot(mac: Computer) -> None:
    with pytest.raises(UsageError, match="launchd starts your agents when you log in"):
        action.install(mac.device.app(), on_mac(mac), Form(at_boot=True))


# -- the command line -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ((), "schedule needs ACTION"),
        (("start",), "schedule takes install, remove or show, not 'start'"),
        (("install", "--interval", "7min"), "--interval takes one of 1min, "),
        (("install", "--interval", ""), "--interval needs a value"),
        (("install", "--at", "noon"), "--at takes boot, not 'noon'"),
        (("remove", "--interval", "5min"), "--interval and --at go with: bisync schedule install"),
        (("show", "--at", "boot"), "--interval and --at go with: bisync schedule install"),
    ],
)
def test_what_cannot_be_meant(linux: Computer, argv: tuple[str, ...], says: str) -> None:
    assert linux.schedule(*argv, expect=2).err.startswith(f"Error: {says}")
    assert linux.background.calls == []


def test_a_manifest_whose_path_no_unit_can_hold(linux: Computer) -> None:
    odd = linux.device.home / "two\nlines"
    odd.mkdir()
    (odd / "bisync.yaml").write_text(MANIFEST)

    linux.device.grant(odd / "bisync.yaml")
    failed = linux.schedule("install", "--manifest", str(odd / "bisync.yaml"), expect=2)

    assert "the manifest's path has a line break" in failed.err
    assert linux.background.units == {}


def test_the_program_of_a_unit_runs(linux: Computer) -> None:
    """What the unit names is bisync, wherever this was started from."""
    linux.schedule("install")
    (line,) = [
        each
        for each in linux.background.units[f"{linux.name}.service"].splitlines()
        if each.startswith("ExecStart=")
    ]
    words = json.loads("[" + line.removeprefix("ExecStart=").replace('" "', '", "') + "]")

    assert Path(words[0]) == Path(sys.executable).with_name("bisync")
    assert words[1:] == ["sync", "--watch", "--manifest", str(linux.manifest)]

"""After a full day the secret is in rclone.conf and nowhere else: no file, no output, no command line."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.support.machine import everything
from tests.support.proxy import Slow, proxied
from tests.support.world import KEY_ID, S3, SECRET, Device, Ran


class Watcher(threading.Thread):
    """Reads the command line of every process below a home, again and again (proc(5))."""

    def __init__(self, home: Path) -> None:
        super().__init__(daemon=True)
        self.home, self.seen, self._end = str(home).encode(), set[bytes](), threading.Event()

    def run(self) -> None:
        while not self._end.is_set():
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    try:
                        line = (entry / "cmdline").read_bytes()
                    except OSError:
                        continue
                    if self.home in line:
                        self.seen.add(line)
            self._end.wait(0.05)

    def stop(self) -> set[bytes]:
        self._end.set()
        self.join(10)
        return self.seen


def test_a_full_day(tmp_path: Path, cloud: S3, below: str) -> None:
    with proxied(cloud) as proxy:
        device = Device(tmp_path / "home", proxy.s3, sync_extra=f"    path: {below}\n")
        watcher = Watcher(device.home)
        watcher.start()
        said: list[Ran] = [
            device.run("validate"),
            device.run("setup"),
            device.run("setup", "--rotate", "--json"),
        ]
        device.write("a.md", "a" * 200_000)
        device.write("b.md", "b")
        rule = proxy.on("PUT", Slow(400_000), path="a.md")
        said.append(device.run("sync", "--verbose"))
        assert rule
        proxy.clear()
        cloud.put(f"{below}/b.md", "another, and longer")
        device.write("b.md", "mine")
        (device.notes / "a.md").unlink()
        for argv in (["plan", "--json", "--out", "p.json", "--script", "p.sh"], ["sync", "--profile", "safe"],
                     ["check"], ["status", "--json"], ["conflicts"], ["history", "--versions", "--json"],
                     ["doctor", "--json"]):  # fmt: skip
            said.append(device.run(*argv, expect=None))
        conf = device.home / ".config" / "rclone" / "rclone.conf"
        good = conf.read_text()
        conf.write_text(good.replace(SECRET, "wrong" + SECRET))
        said.append(device.run("sync", "--verbose", expect=1))
        conf.write_text(good)
        lines = watcher.stop()

    output = "".join(ran.out + ran.err for ran in said)
    assert SECRET not in output
    assert KEY_ID not in output
    assert any(b"\0bisync\0" in line and b"--filters-file" in line for line in lines), (
        "rclone was seen at work"
    )
    assert not any(SECRET.encode() in line for line in lines)
    holding = [name for name, (content, *_) in everything(device.home).items()
               if isinstance(content, bytes) and SECRET.encode() in content]  # fmt: skip
    assert holding == [str(conf)]
    assert conf.stat().st_mode & 0o777 == 0o600
    assert conf.parent.stat().st_mode & 0o077 == 0, "private where we made it"


def with_secret(device: Device, reference: str) -> Device:
    device.write_manifest(device.s3_manifest().replace("{env: TEST_SECRET}", reference))
    device.env["TEST_SECRET"] = ""
    return device


@pytest.mark.parametrize("kind", ["command", "file"])
def test_a_reference_of_another_kind(fresh: Device, kind: str) -> None:
    (fresh.home / "key").write_text(SECRET + "\n")
    reference = {"command": f"{{command: [cat, {fresh.home}/key]}}", "file": "{file: ~/key}"}[kind]

    said = with_secret(fresh, reference).run("setup")

    assert "✓ credentials  ok" in said.out
    assert SECRET not in said.out + said.err


def test_a_failing_command_is_named_and_what_it_printed_is_not(fresh: Device) -> None:
    reference = f"{{command: [sh, -c, 'echo {SECRET[:20]}; echo locked >&2; exit 3']}}"

    said = with_secret(fresh, reference).run("setup", expect=1)

    error = said.err.splitlines()[0]
    assert "tenants.team.credentials.secret_access_key: {command: [sh, -c," in error
    assert error.endswith("failed with exit code 3: locked")


def test_a_missing_file_is_named(fresh: Device) -> None:
    said = with_secret(fresh, "{file: ~/nowhere/key}").run("setup", expect=1)

    assert "secret_access_key: {file: " in said.err
    assert "cannot be read: No such file or directory" in said.err


def test_a_secret_in_the_manifest_is_refused_and_not_repeated(fresh: Device) -> None:
    said = with_secret(fresh, SECRET).run("validate", expect=2)

    assert "secret_access_key" in said.err
    assert SECRET not in said.out + said.err

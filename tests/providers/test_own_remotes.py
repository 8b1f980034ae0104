"""What a person sees when a remote of their own rclone.conf does not let them in: real servers, every task."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.providers.test_same_day import rclone_device
from tests.support.served import obscured, served
from tests.support.world import Device

RIGHT, WRONG = "the right password of this server", "not-that-one, which is nobody else's business"
TASKS = ("sync", "plan", "check", "setup")


@dataclass
class Nas:
    """A device that was set up with a server, and what can go wrong with it. `stop`: the server is gone."""

    device: Device
    port: int
    stop: Callable[[], None]

    @property
    def conf(self) -> Path:
        return self.device.home / ".config" / "rclone" / "rclone.conf"

    @property
    def mend(self) -> str:
        return f"set it right with: rclone config --config {self.conf}"

    def change(self, old: str, new: str) -> None:
        text = self.conf.read_text()
        assert old in text
        self.conf.write_text(text.replace(old, new))

    def says(self, meaning: str, cure: str, *secrets: str) -> None:
        """That each task says this and its cure, and nothing else."""
        for task in TASKS:
            said = self.device.run(task, expect=None)
            words = said.out + said.err
            assert said.code == 1, words
            step = "(?:tenant|credentials|baseline): " if task == "setup" else ""
            assert len(re.findall(f"Error: {step}{re.escape(meaning)}", words)) == 1, words
            assert cure in words
            assert "NOTICE" not in words and "CRITICAL" not in words and "host key validation" not in words
            assert not any(secret in words for secret in (RIGHT, WRONG, *secrets))


@pytest.fixture(params=["webdav", "sftp"])
def nas(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Nas]:
    """The server's own host key is known."""
    kind = str(request.param)
    with ExitStack() as stack:
        argv = [kind, str(tmp_path)]
        more = f"url = http://127.0.0.1:%s\nvendor = rclone\nuser = me\npass = {obscured(RIGHT)}\n"
        if kind == "sftp":
            key = make_key(tmp_path / "server")
            argv += ["--key", str(key)]
            more = (
                f"host = 127.0.0.1\nport = %s\nuser = me\npass = {obscured(RIGHT)}\nshell_type = none\n"
                f"known_hosts_file = {tmp_path}/known_hosts\n"
            )
        (tmp_path / "shared").mkdir()
        argv[1] = str(tmp_path / "shared")
        port = stack.enter_context(served(*argv, env={"RCLONE_USER": "me", "RCLONE_PASS": RIGHT}))
        if kind == "sftp":
            known(tmp_path / "known_hosts", port, key)
        conf = f"[nas]\ntype = {kind}\n{more % port}"
        device = rclone_device(tmp_path / "home", conf, "nas:notes")
        device.write("a.md", "a")
        device.run("setup")
        yield Nas(device, port, stack.close)


def make_key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def known(file: Path, port: int, key: Path) -> None:
    """A known_hosts file with one key of a server (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT")."""
    file.write_text(f"[127.0.0.1]:{port} {key.with_suffix('.pub').read_text()}")


def test_the_wrong_password(nas: Nas) -> None:
    wrong = obscured(WRONG)
    nas.change(nas.conf.read_text().partition("pass = ")[2].partition("\n")[0], wrong)

    nas.says("[nas] in rclone.conf: its server refuses the user, the password or the keys", nas.mend, wrong)


def test_a_password_as_a_person_would_write_it(nas: Nas) -> None:
    nas.change(nas.conf.read_text().partition("pass = ")[2].partition("\n")[0], WRONG)

    nas.says(
        "[nas] in rclone.conf: its password is not written there as rclone writes it (obscured)",
        f"set the password anew with: rclone config --config {nas.conf}",
    )


def test_a_server_that_is_gone(nas: Nas) -> None:
    nas.stop()

    where = f"[nas] in rclone.conf: nobody answers at 127.0.0.1:{nas.port}, connection refused"
    nas.says(where, "see that it is up, and your network; then run again")


@pytest.mark.parametrize("nas", ["sftp"], indirect=True)
def test_another_host_key(nas: Nas, tmp_path: Path) -> None:
    known(tmp_path / "known_hosts", nas.port, make_key(tmp_path / "other"))

    nas.says(
        "[nas] in rclone.conf: its server shows another host key than the one that is known of it",
        "make sure that it is your server",
    )


def set_up(tmp_path: Path, conf: str, remote: str) -> str:
    """What the first word of a person gets who has this in rclone.conf."""
    device = rclone_device(tmp_path / "home", conf, remote)
    said = device.run("setup", expect=1)
    return said.out + said.err


@pytest.mark.parametrize(
    ("conf", "says"),
    [
        ("type = crypt\nremote = /srv/x\npassword = not obscured",
         "[nas] in rclone.conf: its password is not written there as rclone writes it (obscured)"),
        ("type = crypt\nremote = /srv/x", "[nas] in rclone.conf: it has no password there"),
        ("type = nosuchkind", "[nas] in rclone.conf: its type is none that this rclone knows"),
        ("type = crypt\nremote = gone:x\npassword = wL7Cn4trOWRTKXw2AoH8q3iYMpZeIg",
         "[gone] in rclone.conf: it is not there, or has no type"),
        ("type = webdav\nurl = http://no-such-host.invalid\nvendor = other",
         "[nas] in rclone.conf: its host name is not known: no-such-host.invalid"),
        ("type = drive\nscope = drive", "[nas] in rclone.conf: its login is missing, or has expired"),
    ],
)  # fmt: skip
def test_a_section_that_cannot_be_used(tmp_path: Path, conf: str, says: str) -> None:
    words = set_up(tmp_path, f"[nas]\n{conf}\n", "nas:notes")

    assert words.count(says) == 1, words
    assert "rclone config" in words and f"--config {tmp_path}/home/.config/rclone/rclone.conf" in words
    assert "not obscured" not in words and "CRITICAL" not in words and "NOTICE" not in words


def test_a_bucket_behind_another_remote_is_not_asked_for_ever(tmp_path: Path) -> None:
    """Each of rclone's questions through crypt went on for minutes, with ten tries for each of its own."""
    with nobody_home() as (port, knocks):
        conf = (
            f"[store]\ntype = s3\nprovider = Other\nendpoint = http://127.0.0.1:{port}\nregion = us-east-1\n"
            "access_key_id = a\nsecret_access_key = b\n"
            f"[vault]\ntype = crypt\nremote = store:bucket/x\npassword = {obscured(RIGHT)}\n"
        )

        words = set_up(tmp_path, conf, "vault:notes")

    assert "(vault:notes)" in words
    assert 0 < len(knocks) <= 2 * TRIES * TRIES


# rclone tries each request of a bucket so often, and its SDK each of these.
TRIES = 3


@contextmanager
def nobody_home() -> Iterator[tuple[int, list[object]]]:
    """A port where whoever calls is hung up on; and all who called."""
    knocks: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            with suppress(OSError):
                while True:
                    caller, address = server.accept()
                    knocks.append(address)
                    caller.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        yield server.getsockname()[1], knocks
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.parametrize(
    "target", [":webdav,url=http://127.0.0.1:9,user=me,pass={secret}:", "nas,pass={secret}:notes"]
)
def test_an_alias_of_a_remote_with_its_password_beside_it_is_refused(target: str, tmp_path: Path) -> None:
    device = Device(tmp_path / "home")
    secret = obscured(RIGHT)
    conf = device.home / ".config" / "rclone" / "rclone.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(
        "[nas]\ntype = webdav\nurl = http://127.0.0.1:9\n\n"
        f"[short]\ntype = alias\nremote = {target.format(secret=secret)}\n"
    )
    device.write_manifest("""\
version: 1
tenants: {team: {provider: rclone, remote: 'short:'}}
syncs: {notes: {tenant: team, dir: ~/notes}}
""")
    said = device.run("setup", expect=None)
    words = said.out + said.err
    assert said.code == 1, words
    assert "[short] in rclone.conf leads to a remote that is written out" in words
    assert "give that remote a section of its own" in words
    assert secret not in words

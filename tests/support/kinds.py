"""Kinds of remotes that rclone.conf may have, each over a real server on loopback or a folder.

with kinds_of_remotes(tmp_path) as kinds:
    device = kinds.device(tmp_path / "laptop", "sftp")
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support import dav
from tests.support.world import BUCKET, S3, Device, end, free_port, rclone_path, serve_moto, wait_for

PASSWORD = "a password, that must never be seen"
KINDS = {
    # Its name: what changes are told by there.
    "webdav": "size and time of upload",
    "webdav-seconds": "time (1 s)",
    "sftp": "time (1 s)",
    "folder": "time (1 ns)",
    "s3": "checksum",
    "crypt-s3": "size and time of upload",
    "crypt-folder": "time (1 ns)",
    "chunker-s3": "checksum",
    "union": "time (1 ns)",
    "combine": "checksum",
}
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
"""OpenSSH's server, where this machine has it."""
if SSHD is not None:
    KINDS["openssh"] = "time (1 s)"


@dataclass(frozen=True)
class Kinds:
    """The remotes, and where what is written to one can be seen and written by others: with rclone."""

    conf: str
    folder: Path
    s3: S3
    devices: list[Device] = field(default_factory=list)

    def device(
        self, home: Path, kind: str, path: str = "n", *, profile: str = "safe", knows: bool = True
    ) -> Device:
        """A device whose sync is with a folder of this kind of remote.

        `knows`: what others before it have found out of these remotes, so that it need not try them for seconds.
        """
        device = Device(home, profile=profile)
        if knows:
            for other in self.devices:
                if (notes := other.state.parents[1] / ".remotes").is_dir():
                    shutil.copytree(notes, device.state.parents[1] / ".remotes", dirs_exist_ok=True)
        self.devices.append(device)
        conf = home / ".config" / "rclone" / "rclone.conf"
        conf.parent.mkdir(parents=True, exist_ok=True)
        conf.write_text(self.conf)
        device.write_manifest(f"""\
version: 1
tenants: {{team: {{provider: rclone, remote: '{kind}:'}}}}
syncs: {{notes: {{tenant: team, dir: ~/notes, path: '{path}', profile: {profile}}}}}
""")
        device.notes.mkdir(exist_ok=True)
        return device

    def with_other_password(self, device: Device) -> None:
        """The device's rclone.conf has another password for all that is enciphered."""
        conf = device.home / ".config" / "rclone" / "rclone.conf"
        conf.write_text(re.sub(r"(?m)^password = .*$", f"password = {_obscured('another one')}", self.conf))

    def rclone(self, *argv: str, stdin: bytes | None = None) -> str:
        """Run rclone as somebody else would."""
        done = subprocess.run(
            [str(rclone_path()), *argv, "--config", str(self.folder / "rclone.conf"), "--retries", "1"],
            input=stdin, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def tree(self, kind: str, path: str = "n") -> dict[str, str]:
        """Every file there, our own metadata left out."""
        with tempfile.TemporaryDirectory(prefix="bisync-kinds-tree-") as folder:
            self.rclone("copy", f"{kind}:{path}", folder, "--exclude", "/.basic-memory/**")
            files = sorted(one for one in Path(folder).rglob("*") if one.is_file())
            return {one.relative_to(folder).as_posix(): one.read_text() for one in files}

    def put(self, kind: str, name: str, text: str, path: str = "n") -> None:
        """Another device's edit."""
        self.rclone("rcat", f"{kind}:{path}/{name}", stdin=text.encode())


def _obscured(password: str) -> str:
    done = subprocess.run(
        [str(rclone_path()), "obscure", "-"], input=password.encode(), capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@contextmanager
def serve_sftp(folder: Path) -> Iterator[str]:
    """rclone's own SFTP server; its section of rclone.conf."""
    folder.mkdir(parents=True)
    port = free_port()
    process = subprocess.Popen(
        [str(rclone_path()), "serve", "sftp", str(folder), "--addr", f"127.0.0.1:{port}", "--user", "u",
         "--pass", PASSWORD, "--dir-cache-time", "100ms", "--config", "/dev/null"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(port, process)
        yield (
            f"[sftp]\ntype = sftp\nhost = 127.0.0.1\nport = {port}\nuser = u\npass = {_obscured(PASSWORD)}\n"
            "known_hosts_file = none\n"
        )
    finally:
        end(process)


@contextmanager
def serve_openssh(folder: Path) -> Iterator[str]:
    """OpenSSH's server for this user, who has a key; its sections of rclone.conf."""
    assert SSHD is not None
    folder.mkdir(parents=True)
    keys, port = folder.with_name("keys"), free_port()
    keys.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / name], check=True)
    host = " ".join((keys / "host.pub").read_text().split()[:2])
    (keys / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}\n")
    (keys / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {keys}/host\nAuthorizedKeysFile {keys}/user.pub\nPidFile none\n"
        "StrictModes no\nPasswordAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # it wants this one, run by root
    process = subprocess.Popen(
        [SSHD, "-D", "-f", keys / "sshd_config"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(port, process)
        yield (
            f"[sshd]\ntype = sftp\nhost = 127.0.0.1\nport = {port}\nuser = {getpass.getuser()}\n"
            f"key_file = {keys}/user\nknown_hosts_file = {keys}/known_hosts\n\n"
            f"[openssh]\ntype = alias\nremote = sshd:{folder}\n"
        )
    finally:
        end(process)


@contextmanager
def kinds_of_remotes(folder: Path, wanted: Sequence[str] = tuple(KINDS)) -> Iterator[Kinds]:
    """The remotes, with the servers that those `wanted` need."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("plain", "secret", "names", "one", "two"):
        (folder / name).mkdir()
    with ExitStack() as stack:
        sections = []
        if "webdav" in wanted:
            sections.append(stack.enter_context(dav.serve_wsgidav(folder / "dav")).section("webdav"))
        if "webdav-seconds" in wanted:
            server = stack.enter_context(dav.serve_rclone(folder / "dav-seconds", cached="100ms"))
            sections.append(replace(server, vendor="rclone").section("webdav-seconds"))
        if "webdav-folds" in wanted:
            server = stack.enter_context(dav.serve_rclone(folder / "dav-folds", cached="100ms", folds=True))
            sections.append(replace(server, vendor="rclone").section("webdav-folds"))
        if "sftp" in wanted:
            sections.append(stack.enter_context(serve_sftp(folder / "sftp")))
        if "openssh" in wanted:
            sections.append(stack.enter_context(serve_openssh(folder / "ssh")))
        s3 = stack.enter_context(serve_moto(shared=True))
        values = "".join(f"{key} = {value}\n" for key, value in s3._settings.items())
        password = f"password = {_obscured(PASSWORD)}\n"
        sections += [
            f"[store]\n{values}",
            f"[s3]\ntype = alias\nremote = store:{BUCKET}/plain\n",
            f"[folder]\ntype = alias\nremote = {folder}/plain\n",
            f"[crypt-s3]\ntype = crypt\nremote = store:{BUCKET}/crypt\n{password}",
            f"[crypt-folder]\ntype = crypt\nremote = {folder}/secret\n{password}",
            f"[crypt-names]\ntype = crypt\nremote = {folder}/names\nfilename_encryption = off\n{password}",
            f"[chunker-s3]\ntype = chunker\nremote = store:{BUCKET}/chunks\nchunk_size = 1Ki\n",
            f"[union]\ntype = union\nupstreams = {folder}/one {folder}/two\n",
            f"[both]\ntype = combine\nupstreams = a=store:{BUCKET}/a b=store:{BUCKET}/b\n",
            "[combine]\ntype = alias\nremote = both:a\n",
        ]
        conf = "\n".join(sections)
        (folder / "rclone.conf").write_text(conf)
        yield Kinds(conf, folder, s3)

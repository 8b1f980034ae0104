"""Situations for tests: real S3 servers on loopback, and devices that sync with them."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from bisync.actions.setup import run as run_setup
from bisync.actions.sync import Options
from bisync.actions.sync import run as run_sync
from bisync.app import App
from bisync.core.result import SyncResult
from bisync.errors import BisyncError
from bisync.manifest.load import load
from bisync.rclone import binary
from tests.support import motos, ready, staying
from tests.support.documents import held_to_its_schema

KEY_ID = "TESTKEYID0123456789"
SECRET = "test-secret-that-must-never-be-seen-anywhere"
BUCKET = "notes-bucket"

ROOT = Path(__file__).parents[2]


# What runs a server.
Process = subprocess.Popen[bytes] | motos.Forked


@cache
def rclone_path() -> Path:
    """The rclone the suite runs against: the one beside this interpreter. It is asked for its version once."""
    return binary.find(None, Path("/nonexistent"), os.environ).path


@dataclass
class S3:
    """A running S3 server. `folder`: where `rclone serve s3` keeps its buckets; None for others.

    `process`: None for one that somebody else has started.
    """

    endpoint: str
    folder: Path | None
    provider: str
    process: Process | None
    key_id: str = KEY_ID
    secret: str = SECRET

    @property
    def _settings(self) -> dict[str, str]:
        return {
            "type": "s3", "provider": self.provider, "endpoint": self.endpoint,
            "access_key_id": self.key_id, "secret_access_key": self.secret, "region": "us-east-1",
        }  # fmt: skip

    @property
    def remote(self) -> str:
        """The remote `s3:` in one word (rclone docs: Connection strings)."""
        rest = ",".join(f'{name}="{value}"' for name, value in self._settings.items() if name != "type")
        return f":s3,{rest}:"

    def rclone(self, *argv: str, stdin: bytes | None = None) -> str:
        """Run rclone against this server as somebody else would; the remote is called `s3:`."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")}
        env |= {f"RCLONE_CONFIG_S3_{name.upper()}": value for name, value in self._settings.items()}
        done = subprocess.run(
            [str(rclone_path()), *argv, "--config", os.devnull, "--retries", "1", "--low-level-retries", "2"],
            env=env, input=stdin, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def tree(self, path: str = BUCKET) -> dict[str, str]:
        """Every object below a bucket or folder, its content as text, our own metadata left out."""
        plain = self._on_disk(path)
        if plain is not None:
            return plain
        fs = f"{self.remote}{path}"
        names = [name for name in staying.names(rclone_path(), fs) if not name.startswith(".basic-memory/")]
        return {
            name: staying.read(rclone_path(), fs, name).decode(errors="replace") for name in sorted(names)
        }

    def _on_disk(self, path: str) -> dict[str, str] | None:
        """The same, from the server's own folder, where it has one: no program is started for each file.

        None for names that it may spell in its own way there.
        """
        if self.folder is None:
            return None
        top = self.folder / path
        found = {
            file.relative_to(top).as_posix(): file
            for file in sorted(top.rglob("*"))
            if file.is_file() and file.relative_to(top).parts[0] != ".basic-memory"
        }
        if not all(name.isascii() and name.isprintable() for name in found):
            return None
        return {name: found[name].read_bytes().decode(errors="replace") for name in sorted(found)}

    def put(self, path: str, content: str | bytes) -> None:
        """Another device's edit, straight to the bucket."""
        data = content.encode() if isinstance(content, str) else content
        staying.put(rclone_path(), f"{self.remote}{BUCKET}", path, data)

    def put_in_parts(self, path: str, *parts: str) -> None:
        """A large file from another program: its ETag is no MD5. Parts but the last have 5 MiB.

        Another second than any before: S3 stamps by the second, and nothing else tells two of one size apart.
        """
        time.sleep(1.1)
        in_parts = ("--s3-chunk-size", "5Mi", "--streaming-upload-cutoff", "0", "--s3-disable-checksum")
        self.rclone("rcat", f"s3:{BUCKET}/{path}", *in_parts, stdin="".join(parts).encode())

    def delete(self, path: str) -> None:
        staying.delete(rclone_path(), f"{self.remote}{BUCKET}", path)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def end(process: Process) -> None:
    """Stop a server; one that waits for a client that is gone is killed."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


@contextmanager
def serve_s3(folder: Path, buckets: tuple[str, ...] = (BUCKET,), port: int | None = None) -> Iterator[S3]:
    """rclone's own S3 server. Its buckets exist before it starts: it caches its top folder."""
    for bucket in buckets:
        (folder / bucket).mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    env = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")}
    process = subprocess.Popen(
        [str(rclone_path()), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}", "--config", os.devnull],
        env={**env, "RCLONE_AUTH_KEY": f'"{KEY_ID},{SECRET}"'},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(port, process)
        yield S3(f"http://127.0.0.1:{port}", folder, "Rclone", process)
    finally:
        end(process)


@contextmanager
def serve_s3_staying(folder: Path) -> Iterator[S3]:
    """The same with one bucket, in an rclone that stays. Not for tests that stop or kill their server."""
    (folder / BUCKET).mkdir(parents=True, exist_ok=True)
    with staying.serving_s3(rclone_path(), folder, (KEY_ID, SECRET)) as endpoint:
        yield S3(endpoint, folder, "Rclone", None)


@contextmanager
def serve_moto(buckets: tuple[str, ...] = (BUCKET,), *, shared: bool = False) -> Iterator[S3]:
    """moto's S3: a second opinion, with real object semantics. Empty, but for the buckets.

    It takes seconds to start. `shared`: one that served others before, and will again; not where requests are held up
    and their senders killed, as they may come when somebody else has it.
    """
    process, port = _idle_motos.pop() if shared and _idle_motos else _moto()
    where = f"http://127.0.0.1:{port}"
    _asked("POST", f"{where}/moto-api/reset")
    for bucket in buckets:
        _asked("PUT", f"{where}/{bucket}")
    try:
        yield S3(where, None, "Other", process)
    finally:
        if not shared:
            end(process)
        elif process.poll() is None:
            _idle_motos.append((process, port))


_idle_motos: list[tuple[motos.Forked, int]] = []


@atexit.register
def end_motos() -> None:
    """End those that wait for somebody to ask."""
    while _idle_motos:
        end(_idle_motos.pop()[0])


def _moto() -> tuple[motos.Forked, int]:
    port = free_port()
    process = motos.start(port)
    wait_for(port, process)
    return process, port


def _asked(method: str, url: str) -> None:
    urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10).close()


def wait_for(port: int, process: Process) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended at once"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"nothing listens on port {port}")


@dataclass
class Ran:
    """What a command printed and its exit code. `argv`: what was typed, where that is known."""

    code: int
    out: str
    err: str
    argv: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        """The document that was printed, which its schema allows."""
        return held_to_its_schema(self.argv, json.loads(self.out))


@dataclass
class Device:
    """One computer: a home, a manifest in it, and one sync called `notes`.

    `program`: what `python -m` runs; `tests.support.short_lease` where devices that are killed would delay others.
    """

    home: Path
    server: S3 | None = None
    profile: str = "balanced"
    extra: str = ""
    sync_extra: str = ""
    env: dict[str, str] = field(default_factory=dict)
    program: str = "bisync"

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        if self.server is not None:
            self.write_manifest(self.s3_manifest())

    def s3_manifest(self) -> str:
        assert self.server is not None
        return f"""\
version: 1
tenants:
  team:
    provider: s3
    bucket: {BUCKET}
    endpoint: {self.server.endpoint}
    region: us-east-1
    s3_provider: {self.server.provider}
    credentials:
      access_key_id: {{env: TEST_KEY_ID}}
      secret_access_key: {{env: TEST_SECRET}}
syncs:
  notes:
    tenant: team
    dir: ~/notes
    profile: {self.profile}
{self.sync_extra}{self.extra}"""

    def write_manifest(self, text: str) -> None:
        """Write the manifest. Once it was granted what it asks for, so is what it asks for now."""
        (self.home / "bisync.yaml").write_text(text)
        if (self.home / ".local" / "state" / "bisync" / "grants").is_dir():
            with suppress(BisyncError):  # one that is wrong
                self.grant()

    def grant(self, manifest: Path | None = None) -> None:
        """Agree to what the manifest, or another one, asks for, as typing `setup` would."""
        env = self.environment
        path = manifest or self.home / "bisync.yaml"
        App(manifest=load(path, env=env, home=self.home), env=env).agreed()

    @property
    def notes(self) -> Path:
        return self.home / "notes"

    @property
    def state(self) -> Path:
        return self.home / ".basic-memory" / "bisync-state" / "team" / "notes"

    @property
    def environment(self) -> dict[str, str]:
        # Without byte code every start would compile the program anew, which no installed one does.
        foreign = ("RCLONE_", "BISYNC_", "BASIC_MEMORY_", "XDG_", "PYTHONDONTWRITEBYTECODE")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        keys = (self.server.key_id, self.server.secret) if self.server is not None else (KEY_ID, SECRET)
        here = {}
        if self.program != "bisync":
            here["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [kept.get("PYTHONPATH")])])
        mine = {"HOME": str(self.home), "TEST_KEY_ID": keys[0], "TEST_SECRET": keys[1]}
        return {**kept, **here, **mine, **self.env}

    def popen(self, *argv: str, start_new_session: bool = False) -> ready.Begun:
        """Begin `bisync ARGV`, as a fork of a program that is loaded (tests/support/ready.py)."""
        whole = self.environment
        assert ready.can(whole), "what Python reads when it starts is another's: popen_whole"
        return ready.begun(argv, self.home, whole, program=self.program, own_session=start_new_session)

    def popen_whole(self, *argv: str) -> subprocess.Popen[str]:
        """The same, and what comes first: Python starts, and loads the program."""
        return subprocess.Popen(
            [sys.executable, "-m", self.program, *argv], cwd=self.home, env=self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(
        self,
        *argv: str,
        expect: int | None = 0,
        timeout: float = 120,
        env: Mapping[str, str] = {},
        before: Sequence[str] = (),
    ) -> Ran:
        """Run `bisync ARGV` as a person would. `expect`: the exit code it must have; None: any.

        `before` comes first in the command line, to be somebody else.
        """
        whole = {**self.environment, **env}
        if not before and ready.can(whole):
            ran = Ran(*ready.ran(argv, self.home, whole, timeout, program=self.program), argv)
        else:
            done = subprocess.run(
                [*before, sys.executable, "-m", self.program, *argv], cwd=self.home, env=whole,
                text=True, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=timeout,
            )  # fmt: skip
            ran = Ran(done.returncode, done.stdout, done.stderr, argv)
        assert expect is None or ran.code == expect, f"exit {ran.code}, not {expect}\n{ran.out}\n{ran.err}"
        return ran

    def app(self, **options: Any) -> App:
        """The engine on this device, in this process."""
        env = self.environment
        return App(manifest=load(self.home / "bisync.yaml", env=env, home=self.home), env=env, **options)

    def sync(self, *, app: App | None = None, **options: Any) -> SyncResult:
        """One sync in this process. An error in the result is for the test to judge."""
        if options.get("resync") and app is None:
            self.grant()
        app = app or self.app()
        return run_sync(app, app.manifest.syncs[0], Options(**options))

    def setup(self) -> None:
        """Set this device up, in this process."""
        app = self.app().agreed()
        result = run_setup(app, app.manifest.syncs[0])
        assert result.exit_code == 0, result

    def write(self, path: str, text: str, *, mtime: float | None = None) -> Path:
        target = self.notes / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        if mtime is not None:
            os.utime(target, (mtime, mtime))
        return target

    def tree(self) -> dict[str, str]:
        """Every file in the sync dir as text, our own metadata left out."""
        return {
            str(path.relative_to(self.notes)): path.read_text(errors="replace")
            for path in sorted(self.notes.rglob("*"))
            if path.is_file() and ".basic-memory" not in path.parts
        }

    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.state / "history.jsonl").read_text().splitlines()]

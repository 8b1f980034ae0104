"""A program that is loaded already: each command is a fork of it, and need not load Python and itself anew.

To load it takes most of a short command's time. What a start loads has tests of its own, which start it whole; so does
whatever is to be somebody else, and what Ctrl-C meets in a start.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

CODE = 8
MESSAGE = 1 << 20
AT_START = ("PYTHON", "LC_", "LANG", "LD_")
"""What a process reads of its environment when it starts, and not again."""

ROOT = Path(__file__).parents[2]

_addresses: dict[int, str] = {}


def can(env: Mapping[str, str]) -> bool:
    """Whether a command with this environment would be started as this process was."""
    return _at_start(env) == _at_start(os.environ)


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    # Whether byte code is written changes nothing of what is loaded already; and our own folder is in its path anyway.
    found = {name: value for name, value in env.items() if name.startswith(AT_START)}
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    path = [one for one in found.pop("PYTHONPATH", "").split(os.pathsep) if one not in ("", str(ROOT))]
    return found | ({"PYTHONPATH": os.pathsep.join(path)} if path else {})


class Begun:
    """A command that was begun, with what its users need of `subprocess.Popen[str]`: it is no child of ours.

    `pid`: itself, and not who waits for it. `returncode`: None until it was waited for; less than 0: the signal.
    """

    def __init__(self, argv: Sequence[str], asked: socket.socket, out: int, err: int) -> None:
        self.args = list(argv)
        self.pid = int(asked.recv(CODE))
        self.returncode: int | None = None
        self.stdout, self.stderr = os.fdopen(out), os.fdopen(err)
        self._asked = asked
        self._said = {out: bytearray(), err: bytearray()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self.wait()

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended. Raises TimeoutExpired."""
        if self.returncode is None:
            self._asked.settimeout(timeout)
            try:
                self.returncode = int(self._asked.recv(CODE))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0) from None
            self._asked.close()
        return self.returncode

    def communicate(self, timeout: float = 600) -> tuple[str, str]:
        """All that it says from here on, and its end. Raises TimeoutExpired; nothing is lost by that."""
        until = time.monotonic() + timeout
        try:
            _read(self._said, until)
        except TimeoutError:
            raise subprocess.TimeoutExpired(self.args, timeout) from None
        self.wait(max(0.001, until - time.monotonic()))
        out, err = (said.decode() for said in self._said.values())
        self._close()
        return out, err

    def send_signal(self, number: int) -> None:
        """Send it, if it has not ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _close(self) -> None:
        self.stdout.close()
        self.stderr.close()


def begun(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    *,
    program: str = "bisync",
    own_session: bool = False,
) -> Begun:
    """`python -m PROGRAM ARGV`, as a fork. `own_session`: it leads a session and a process group of its own."""
    address = _address()
    out, theirs = os.pipe()
    err, their_err = os.pipe()
    request = {
        "program": program,
        "argv": [*argv],
        "cwd": str(cwd),
        "env": dict(env),
        "own_session": own_session,
    }
    asked = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MESSAGE)
        asked.connect(address)
        socket.send_fds(asked, [json.dumps(request).encode()], [theirs, their_err])
    finally:
        os.close(theirs)
        os.close(their_err)
    return Begun(argv, asked, out, err)


def ran(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], timeout: float, *, program: str = "bisync"
) -> tuple[int, str, str]:
    """The same, once it has ended: its exit code (less than 0: the signal) and what it said.

    Raises TimeoutExpired; it is killed then.
    """
    with begun(argv, cwd, env, program=program) as run:
        try:
            out, err = run.communicate(timeout)
        except subprocess.TimeoutExpired:
            run.kill()
            raise
    return run.wait(), out, err


def _read(said: Mapping[int, bytearray], until: float) -> None:
    """All that comes through these pipes until nobody has their other ends. Raises TimeoutError."""
    with selectors.DefaultSelector() as waiting:
        for one in said:
            waiting.register(one, selectors.EVENT_READ)
        while waiting.get_map():
            ready = waiting.select(until - time.monotonic())
            if not ready and time.monotonic() >= until:
                raise TimeoutError
            for key, _ in ready:
                if chunk := os.read(key.fd, 1 << 16):
                    said[key.fd].extend(chunk)
                else:
                    waiting.unregister(key.fd)


def _address() -> str:
    """Where the loaded program of this process listens; it ends with us."""
    if os.getpid() not in _addresses:
        folder = tempfile.TemporaryDirectory(prefix="bisync-ready-")
        path = str(Path(folder.name, "socket"))
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        loaded = subprocess.Popen(
            [sys.executable, "-m", "tests.support.ready", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            cwd=ROOT, env=env,
        )  # fmt: skip
        assert loaded.stdout is not None
        assert loaded.stdout.readline() == b"ready\n"

        def end() -> None:
            loaded.kill()
            loaded.communicate()
            folder.cleanup()

        atexit.register(end)
        _addresses[os.getpid()] = path
    return _addresses[os.getpid()]


def _load() -> None:
    import bisync.tasks

    import bisync
    from bisync.errors import RcloneError
    from bisync.ignore import Layer, compile_rules, load_rules
    from bisync.ignore.defaults import DEFAULT_IGNORES
    from bisync.rclone import binary

    for package in (bisync, bisync.tasks):
        for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not one.name.endswith("__main__"):
                importlib.import_module(one.name)
    # What a process remembers once it was asked: the version of the rclone beside us, and how the rules are compiled
    # that every new home has.
    with suppress(RcloneError):
        binary.find(None, Path("/nonexistent"), os.environ)
    with tempfile.TemporaryDirectory() as empty:
        compile_rules(load_rules(Path(empty), [Layer("", DEFAULT_IGNORES)], (), secrets=True))


def _serve(path: str) -> dict[str, Any]:
    """Each request gets a process that waits for it and tells its code. Returns in a process that is to do one."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(path)
    listening.listen(64)
    print("ready", flush=True)
    gone = sys.stdin.fileno()  # its other end is the tests', and ends with them
    while True:
        with selectors.DefaultSelector() as waiting:
            waiting.register(listening, selectors.EVENT_READ)
            waiting.register(gone, selectors.EVENT_READ)
            if any(key.fd == gone for key, _ in waiting.select()):
                sys.exit(0)
        asked, _ = listening.accept()
        if os.fork():
            asked.close()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            continue
        listening.close()
        message, fds, _, _ = socket.recv_fds(asked, MESSAGE, 2)
        pid = os.fork()
        if pid:
            for fd in fds:
                os.close(fd)
            asked.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
            os._exit(0)
        found: dict[str, Any] = json.loads(message)
        if found["own_session"]:
            os.setsid()
        asked.send(str(os.getpid()).encode())
        asked.close()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for fd, place in zip((nothing, *fds), range(3), strict=True):
            os.dup2(fd, place)
            os.close(fd)
        return found


def _become(request: Mapping[str, Any]) -> None:
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    tempfile.tempdir = None  # by the environment that was
    time.tzset()
    sys.argv = ["bisync", *request["argv"]]
    sys.path[0] = request["cwd"]
    runpy.run_module(request["program"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _load()
    gc.collect()
    gc.freeze()
    _become(_serve(sys.argv[1]))

"""A program that is loaded already: each command is a fork of it, and need not load Python and itself anew.

To load it takes most of a short command's time. What a start loads has tests of its own, which start it whole; so does
whatever is to be killed, or to be somebody else.
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

CODE = 8
MESSAGE = 1 << 20
AT_START = ("PYTHON", "LC_", "LANG", "LD_")
"""What a process reads of its environment when it starts, and not again."""

_addresses: dict[int, str] = {}


def can(env: Mapping[str, str]) -> bool:
    """Whether a command with this environment would be started as this process was."""
    return _at_start(env) == _at_start(os.environ)


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    # Whether byte code is written changes nothing of what is loaded already.
    apart = "PYTHONDONTWRITEBYTECODE"
    return {name: value for name, value in env.items() if name.startswith(AT_START) and name != apart}


def ran(argv: Sequence[str], cwd: Path, env: Mapping[str, str], timeout: float) -> tuple[int, str, str]:
    """`python -m bisync ARGV`, as a fork: its exit code (less than 0: the signal) and what it said.

    Raises TimeoutExpired; it is killed then.
    """
    until = time.monotonic() + timeout
    out, theirs = os.pipe()
    err, their_err = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asked:
        try:
            asked.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MESSAGE)
            asked.connect(_address())
            request = json.dumps({"argv": [*argv], "cwd": str(cwd), "env": dict(env)}).encode()
            socket.send_fds(asked, [request], [theirs, their_err])
        finally:
            os.close(theirs)
            os.close(their_err)
        pid = int(asked.recv(CODE))
        try:
            said = _read((out, err), until)
            asked.settimeout(max(0.001, until - time.monotonic()))
            code = int(asked.recv(CODE))
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(list(argv), timeout) from None
        finally:
            os.close(out)
            os.close(err)
    return code, said[out].decode(), said[err].decode()


def _read(pipes: Sequence[int], until: float) -> dict[int, bytearray]:
    """All that comes through these pipes until nobody has their other ends. Raises TimeoutError."""
    said = {one: bytearray() for one in pipes}
    with selectors.DefaultSelector() as waiting:
        for one in pipes:
            waiting.register(one, selectors.EVENT_READ)
        while waiting.get_map():
            ready = waiting.select(until - time.monotonic())
            if not ready and time.monotonic() >= until:
                raise TimeoutError
            for key, _ in ready:
                if chunk := os.read(key.fd, 1 << 16):
                    said[key.fd] += chunk
                else:
                    waiting.unregister(key.fd)
    return said


def _address() -> str:
    """Where the loaded program of this process listens; it ends with us."""
    if os.getpid() not in _addresses:
        folder = tempfile.TemporaryDirectory(prefix="bisync-ready-")
        path = str(Path(folder.name, "socket"))
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        loaded = subprocess.Popen(
            [sys.executable, "-m", "tests.support.ready", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2], env=env,
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
    from bisync.rclone import binary

    for package in (bisync, bisync.tasks):
        for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not one.name.endswith("__main__"):
                importlib.import_module(one.name)
    with suppress(
        RcloneError
    ):  # of the rclone beside us, each fork knows the version: the memo is a process's own
        binary.find(None, Path("/nonexistent"), os.environ)


def _serve(path: str) -> dict[str, object]:
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
            asked.send(str(pid).encode())
            asked.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
            os._exit(0)
        asked.close()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for fd, place in zip((nothing, *fds), range(3), strict=True):
            os.dup2(fd, place)
            os.close(fd)
        found: dict[str, object] = json.loads(message)
        return found


def _become(request: Mapping[str, object]) -> None:
    argv, cwd, env = request["argv"], request["cwd"], request["env"]
    assert isinstance(argv, list) and isinstance(cwd, str) and isinstance(env, dict)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv = ["bisync", *argv]
    sys.path[0] = cwd
    runpy.run_module("bisync", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _load()
    gc.collect()
    gc.freeze()
    _become(_serve(sys.argv[1]))

"""What systemd hears of a watch."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bisync.watch.notify import NEVER, Notifier


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(str(path))
        one.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield one


def test_it_hears_when_it_is_ready_alive_and_stopping(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    told = Notifier()
    assert told.interval == 15.0
    told.ready("watching notes")
    told.alive()
    told.status("a line\nand another")
    told.stopping()
    assert [systemd.recv(1000).decode() for _ in range(4)] == [
        "READY=1\nSTATUS=watching notes", "WATCHDOG=1", "STATUS=a line", "STOPPING=1",
    ]  # fmt: skip


def test_what_it_starts_does_not_speak_for_it(systemd: socket.socket) -> None:
    Notifier()
    assert "NOTIFY_SOCKET" not in os.environ


def test_a_watchdog_of_another_process_is_not_ours(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert Notifier().interval == NEVER


@pytest.mark.parametrize("where", ["", "/nonexistent/socket"])
def test_nobody_who_hears_is_no_trouble(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", where)
    told = Notifier()
    told.ready("x")
    told.stopping()

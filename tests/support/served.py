"""Servers that rclone has for other kinds of clouds, over a folder, on loopback."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.world import end, free_port, rclone_path, wait_for


@contextmanager
def served(*argv: str, env: dict[str, str] | None = None, port: int | None = None) -> Iterator[int]:
    """`rclone serve ARGV`, until the block ends; its port."""
    port = port or free_port()
    process = subprocess.Popen(
        [str(rclone_path()), "serve", *argv, "--addr", f"127.0.0.1:{port}", "--config", os.devnull],
        env={"HOME": "/nonexistent", "PATH": os.environ["PATH"], **(env or {})},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(port, process)
        yield port
    finally:
        end(process)


def obscured(password: str) -> str:
    """A password as rclone.conf has it."""
    return subprocess.run(
        [str(rclone_path()), "obscure", "-"], input=password, capture_output=True, text=True, check=True
    ).stdout.strip()

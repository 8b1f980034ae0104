"""One edit beside 4 GiB of unchanged files, and a folder of 400 MiB that is renamed: what either costs.

    python -m benchmarks.large_files [--gib 4]

Exits 1 when a run with one edit takes more than 1.5 times the processor time of an idle run, or when a rename in
either direction puts more than 1 MiB on the wire.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.bare import Cost, middle
from benchmarks.far_notes import ours
from tests.support.world import BUCKET, S3, Device, free_port, serve_s3

MIB = 1 << 20


@contextmanager
def counted(server: S3) -> Iterator[tuple[S3, list[int]]]:
    """The same server behind a pipe that counts the bytes of both directions."""
    upstream = int(server.endpoint.rpartition(":")[2].rstrip("/"))
    taken: list[int] = []
    port = free_port()

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                taken.append(len(data))
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", upstream))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pass_on, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", port)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield replace(server, endpoint=f"http://127.0.0.1:{port}"), taken
        listener.shutdown(socket.SHUT_RDWR)


def fill(folder: Path, count: int, size: int) -> None:
    """Files of random bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number:03}.bin").write_bytes(os.urandom(size))


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bisync-benchmark-") as name:
        top = Path(name).resolve()
        with serve_s3(top / "cloud", (BUCKET,)) as server, counted(server) as (near, taken):
            device = Device(top / "home", near)
            fill(device.notes / "large", options.gib * 64, 16 * MIB)
            fill(device.notes / "folder", 100, 4 * MIB)
            device.write("note.md", "a note")
            assert server.folder is not None
            shutil.copytree(device.notes, server.folder / BUCKET, dirs_exist_ok=True)
            time.sleep(0.2)
            device.run("setup", timeout=1200)
            ours(device)
            idle: list[Cost] = []
            edited: list[Cost] = []
            for round_ in range(options.rounds):
                idle.append(ours(device))
                device.write("note.md", f"edited in round {round_}")
                time.sleep(0.1)
                edited.append(ours(device))
            wire = {}
            (device.notes / "folder").rename(device.notes / "moved")
            taken.clear()
            ours(device)
            wire["renamed here"] = sum(taken)
            server.rclone("move", f"s3:{BUCKET}/moved/", f"s3:{BUCKET}/again/")
            taken.clear()
            ours(device)
            wire["renamed in the cloud"] = sum(taken)
            assert len(list((device.notes / "again").iterdir())) == 100
    ratio = middle(edited).cpu / middle(idle).cpu
    print(
        f"{options.gib} GiB beside one edit: processor {middle(edited).cpu:.2f} s, idle {middle(idle).cpu:.2f} s"
    )
    print(f"one edit / idle: {ratio:.2f} ×  (at most 1.5)")
    for what, count in wire.items():
        print(f"100 files, 400 MiB, {what}: {count / MIB:.2f} MiB on the wire  (at most 1)")
    return int(ratio > 1.5 or max(wire.values()) > MIB)


if __name__ == "__main__":
    sys.exit(main())

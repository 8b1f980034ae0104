"""The store: rclone's own S3 server, with real signature checks, and the pairs of keys it accepts."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from pathlib import Path

from tests.support.world import KEY_ID, S3, SECRET, end, free_port, rclone_path, wait_for


class Store:
    """One server for all buckets. What it accepts is given at its start, so a change starts it anew.

    One pair of our own is always among them: with none the server would let everybody in. Requests that are under
    way during a change are cut off, which rclone takes for a bad moment of the network.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._pairs: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def s3(self) -> S3:
        """The server as a neighbour sees it who has a pair of his own. It lasts until the next change."""
        assert self._process is not None, "the store does not run"
        return S3(self.endpoint, self.folder, "Rclone", self._process)

    def start(self, bucket: str) -> None:
        """With one more bucket. It must be there before the server is: its top folder is cached."""
        with self._lock:
            (self.folder / bucket).mkdir(parents=True, exist_ok=True)
            self._restart()

    def accept(self, pairs: dict[str, str]) -> None:
        """Exactly these pairs from now on."""
        with self._lock:
            self._pairs = dict(pairs)
            self._restart()

    def stop(self) -> None:
        with self._lock:
            if self._process is not None:
                end(self._process)
                self._process = None

    def files(self, bucket: str) -> dict[str, str]:
        """A bucket's objects as text, our own metadata left out."""
        top = self.folder / bucket
        return {
            path.relative_to(top).as_posix(): path.read_text()
            for path in sorted(top.rglob("*"))
            if path.is_file() and path.relative_to(top).parts[0] != ".basic-memory"
        }

    def put(self, bucket: str, path: str, content: bytes, mtime: float | None = None) -> None:
        """Another program's edit, through the server, whose listings know nothing of the disk's."""
        with self._lock, tempfile.TemporaryDirectory() as scratch:
            source = Path(scratch) / "source"
            source.write_bytes(content)
            if mtime is not None:
                os.utime(source, (mtime, mtime))
            self.s3.rclone("copyto", "--ignore-times", str(source), f"s3:{bucket}/{path}")

    def delete(self, bucket: str, path: str) -> None:
        with self._lock:
            self.s3.rclone("deletefile", f"s3:{bucket}/{path}")

    def purge(self, bucket: str, path: str) -> None:
        """A folder with all that is in it; there need not be one."""
        with self._lock:
            if (self.folder / bucket / path).is_dir():
                self.s3.rclone("purge", f"s3:{bucket}/{path}")

    def _restart(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                end(self._process)
        pairs = {KEY_ID: SECRET, **self._pairs}
        env = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")}
        env["RCLONE_AUTH_KEY"] = ",".join(f'"{access},{secret}"' for access, secret in pairs.items())
        argv = ("serve", "s3", str(self.folder), "--addr", f"127.0.0.1:{self.port}", "--config", os.devnull)
        self._process = subprocess.Popen(
            [str(rclone_path()), *argv], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(self.port, self._process)

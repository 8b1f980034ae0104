"""Reading local files for their MD5, and for how they begin: a few at a time, stopped at once by Ctrl-C."""

from __future__ import annotations

import errno
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bisync import events, process
from bisync.app import Session
from bisync.core.private_keys import HEAD_BYTES, is_private_key
from bisync.core.snapshot import LocalFile

# ext4 and friends stamp files by a clock that ticks every 4 ms or so; a file as young as this when it was
# looked at may be written again under the same stamp (git calls such entries racily clean).
RACY_NS = 50_000_000
CHUNK = 1 << 18
PROGRESS_SECONDS = 0.5
SMALL = 1 << 16
AT_ONCE = 1 << 20
BATCH_FILES = 100
BATCH_BYTES = 32 << 20


class Content(NamedTuple):
    """What reading a file told: its MD5, and whether it begins like a private key."""

    md5: str
    is_key: bool


_Read = tuple[str, Content | OSError]


def read_all(
    session: Session, files: Sequence[tuple[str, LocalFile]], held: Mapping[str, str]
) -> list[_Read]:
    """What each file holds, or why it cannot be read.

    `held`: where files lie that are not in the tree (`ignore.Tree.held`).
    """
    root = session.sync.dir
    stopped = threading.Event()
    taken: list[int] = []

    def on_bytes(count: int) -> None:
        if stopped.is_set():
            raise InterruptedError(errno.EINTR, "stopped")
        taken.append(count)

    read_files = [0]

    def look(batch: Sequence[tuple[str, LocalFile]]) -> list[_Read]:
        found: list[_Read] = []
        for key, file in batch:
            path = root / held.get(file.name, file.name)
            try:
                found.append((key, _content(path, on_bytes, file.size)))
            except OSError as error:
                found.append((key, error))
            read_files[0] += 1
        return found

    total = sum(file.size for _, file in files)
    if total <= AT_ONCE and len(files) <= BATCH_FILES:
        return look(files)
    # A run that has little to read goes without these.
    from concurrent.futures import Future, ThreadPoolExecutor, wait

    began = time.monotonic()
    # Small files are all the interpreter's work: threads that wait for each other take three times as long.
    workers = 4 if total > len(files) * SMALL else 1
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(look, batch) for batch in _batches(files)]
        open_: set[Future[list[_Read]]] = set(futures)
        try:
            while open_:
                _, open_ = wait(open_, timeout=PROGRESS_SECONDS)
                process.check_interrupt()
                if open_:
                    seconds = time.monotonic() - began
                    session.emit(_reading(sum(taken), total, read_files[0], len(files), seconds))
        except BaseException:
            # Ctrl-C: the files in hand may be of many gigabytes.
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [each for future in futures for each in future.result()]


def _batches(files: Sequence[tuple[str, LocalFile]]) -> Iterator[list[tuple[str, LocalFile]]]:
    """The files in portions for a thread: handing over each small one would take longer than reading it."""
    batch: list[tuple[str, LocalFile]] = []
    size = 0
    for each in files:
        batch.append(each)
        size += each[1].size
        if len(batch) >= BATCH_FILES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _reading(taken: int, total: int, done: int, files: int, seconds: float) -> events.Progress:
    speed = taken / seconds
    eta = (total - taken) / speed if speed and total >= taken else None
    return events.Progress(taken, total, done, files, speed, eta, reading=True)


def file_md5(path: Path, on_bytes: Callable[[int], None] = lambda count: None, *, size: int = CHUNK) -> str:
    """The MD5 of a file's content, as S3 names it. Raises OSError, and whatever `on_bytes` raises.

    `on_bytes` hears of every piece that was read, by its length. `size`: about how long it is.
    """
    return _content(path, on_bytes, size).md5


def _content(path: Path, on_bytes: Callable[[int], None], size: int) -> Content:
    """What a file holds. Raises as `file_md5`."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb", buffering=0) as stream:
        # A small file in one go, without a buffer that is larger than it. It may have grown.
        content = stream.read(CHUNK if size < CHUNK else HEAD_BYTES)
        on_bytes(len(content))
        digest.update(content)
        is_key = is_private_key(content[:HEAD_BYTES])
        if size >= CHUNK or len(content) == CHUNK:
            buffer = bytearray(CHUNK)
            while count := stream.readinto(buffer):
                on_bytes(count)
                digest.update(memoryview(buffer)[:count])
    return Content(digest.hexdigest(), is_key)

"""One rclone that stays, for small requests one after the other: starting one for each costs more than they do.

Leases live by it (`locks`).
"""

from __future__ import annotations

import http.client
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from bisync.errors import KeysRefused, RcloneError
from bisync.events import Problem
from bisync.rclone.argv import OWN_TIME, RESIDENT_ENV
from bisync.rclone.control import Control, Tell, controlled
from bisync.rclone.diagnosis import failure, is_ambiguous
from bisync.rclone.output import Finished, Listed, Written, read_answer
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote

START_SECONDS = 20.0
ANSWER_SECONDS = 20.0
READ_BYTES = 4096
SAID = 20
"""So much of what it said is kept, for its last words."""


class Resident:
    """The rclone that stays, for one remote. Threads may ask it at the same time. `pid`: its process.

    `patience`: so many seconds from now on it is asked anything at all; None: no limit but that of each answer.
    `doubt`: why the last write may not have been done, of which nobody knows.
    """

    def __init__(self, control: Control, remote: Remote, *, patience: float | None = None) -> None:
        self._control = control
        self._running = control.running
        self._remote = remote
        self._ends = None if patience is None else time.monotonic() + patience
        self.doubt: RcloneError | None = None
        self.pid = control.running.child.pid

    @property
    def config(self) -> Path:
        """The rclone.conf that it goes by."""
        return self._running.config

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._running.child.running

    def beside(self, remote: Remote) -> Resident:
        """The same rclone for another remote that it can reach."""
        return Resident(self._control, remote)

    def names(self, fs: str, *, at_once: bool) -> Sequence[str]:
        """The paths of the files below a folder, listed folder by folder or the whole `at_once`. Raises as `list`."""
        asked = {
            "fs": fs,
            "remote": "",
            "opt": {"recurse": True, "filesOnly": True, "noModTime": True, "noMimeType": True},
            "_config": {"UseListR": at_once},
        }
        status, answer = self._ask("lsjson", "POST", "operations/list", asked)
        if status == http.HTTPStatus.NOT_FOUND:
            return []
        if status != http.HTTPStatus.OK:
            raise self._failed("lsjson", answer)
        return [one.path for one in read_answer(answer)]

    def lists(self, places: Sequence[str]) -> Sequence[Sequence[Listed] | KeysRefused]:
        """The files of each of these folders, with the store's own times, asked for at the same moment.

        In place of those of a folder that the keys are not for: that they are not. Raises RcloneError, and TimeoutError
        as `_ask`.
        """
        opt = {"filesOnly": True, "noMimeType": True}
        with ExitStack() as stack:
            answers = [
                stack.enter_context(
                    self._asking("lsjson", "POST", "operations/list", {"fs": fs, "remote": "", "opt": opt})
                )
                for fs in places
            ]
            return [self._listed(*answer()) for answer in answers]

    def _listed(self, status: int, answer: bytes) -> Sequence[Listed] | KeysRefused:
        if status == http.HTTPStatus.NOT_FOUND:
            return []
        if status == http.HTTPStatus.OK:
            return read_answer(answer)
        error = self._failed("lsjson", answer)
        if isinstance(error, KeysRefused):
            return error
        raise error

    def warm(self, places: Sequence[str]) -> None:
        """Have it reach these folders, in a thread of its own. What is wrong with one says whoever asks for it next."""

        def reach() -> None:
            with suppress(TimeoutError, RcloneError):
                for fs in places:
                    self._ask("lsjson", "POST", "operations/fsinfo", {"fs": fs})

        threading.Thread(target=reach, name="resident", daemon=True).start()

    def read(self, fs: str, name: str) -> bytes | None:
        """The first few KiB of a file; None where there is none. Raises RcloneError."""
        status, answer = self._ask("cat", "GET", f"[{quote(fs, safe='/:')}]/{quote(name)}", None)
        if status == http.HTTPStatus.NOT_FOUND:
            return None
        if status != http.HTTPStatus.OK:
            raise self._failed("cat", answer)
        return answer

    def write(self, fs: str, name: str, text: bytes, *, only_new: bool = False) -> Written:
        """Write a small object; the store notes when. `only_new`: unless there is one, if it can do that.

        (RFC 9110, If-None-Match.)

        Raises RcloneError where it is certain that nothing was written.
        """
        headers = {"If-None-Match": "*", **OWN_TIME} if only_new else OWN_TIME
        config = {"UploadHeaders": [{"Key": key, "Value": value} for key, value in headers.items()]}
        query = {"fs": fs, "remote": "", "_config": json.dumps(config)}
        try:
            status, answer = self._ask(
                "rcat", "POST", f"operations/uploadfile?{urlencode(query)}", (name, text)
            )
        except TimeoutError:
            return Written.UNKNOWN
        if status == http.HTTPStatus.OK:
            return Written.DONE
        if "PreconditionFailed" in str(answer) or "StatusCode: 412" in str(answer):
            return Written.EXISTS
        failed = self._outcome(answer)
        error = failure(("rclone", "rcat"), failed, self._remote)
        if is_ambiguous(failed):
            self.doubt = error
            return Written.UNKNOWN
        raise error

    def remove(self, fs: str, name: str) -> None:
        """Remove a file, if there is one. Raises RcloneError."""
        status, answer = self._ask("deletefile", "POST", "operations/deletefile", {"fs": fs, "remote": name})
        if status not in (http.HTTPStatus.OK, http.HTTPStatus.NOT_FOUND):
            raise self._failed("deletefile", answer)

    def remove_all(self, fs: str, names: Sequence[str]) -> None:
        """Remove these files of one folder, many at a time: one listing and one request each. Raises RcloneError."""
        asked = {
            "fs": fs,
            "_filter": {"IncludeRule": [f"/{name}" for name in names]},
            "_config": {"Checkers": 16},
        }
        status, answer = self._ask("delete", "POST", "operations/delete", asked)
        if status != http.HTTPStatus.OK:
            raise self._failed("delete", answer)

    def ask_at_length(self, doing: str, path: str, asked: Mapping[str, Any]) -> tuple[int, bytes]:
        """Status and body of an answer, which may take as long as it takes. Raises as `_ask`."""
        return self._ask(doing, "POST", path, asked, seconds=None)

    def _ask(
        self, doing: str, method: str, path: str, body: Mapping[str, Any] | tuple[str, bytes] | None,
        *, seconds: float | None = ANSWER_SECONDS,
    ) -> tuple[int, bytes]:  # fmt: skip
        """Status and body of an answer. Raises as `_asking`."""
        with self._asking(doing, method, path, body, seconds=seconds) as answer:
            return answer()

    @contextmanager
    def _asking(
        self, doing: str, method: str, path: str, body: Mapping[str, Any] | tuple[str, bytes] | None,
        *, seconds: float | None = ANSWER_SECONDS,
    ) -> Iterator[Callable[[], tuple[int, bytes]]]:  # fmt: skip
        """What reads status and body of the answer, to something that is asked now.

        Both raise TimeoutError without an answer, RcloneError when rclone is not there. `seconds`: how long an answer
        may take; None: for ever.
        """
        del self._running.seen[:-SAID]  # it may stay for months
        headers: dict[str, str] = {}
        raw = b""
        if isinstance(body, tuple):
            headers, raw = _form(*body)
        elif body is not None:
            headers, raw = {"Content-Type": "application/json"}, json.dumps(body).encode()
        self._wait_until_ready(doing)
        connection = self._control.connection(None if seconds is None else self._left(seconds))

        def answer() -> tuple[int, bytes]:
            if seconds is not None and connection.sock is not None:
                connection.sock.settimeout(self._left(seconds))  # others may have been waited for since
            with _unanswered():
                found = connection.getresponse()
                return found.status, found.read(READ_BYTES) if method == "GET" else found.read()

        try:
            with _unanswered():
                connection.request(method, f"/{path}", raw, headers)
            yield answer
        finally:
            connection.close()

    def _wait_until_ready(self, doing: str) -> None:
        """It takes a moment until it listens. Raises RcloneError when it never does."""
        if not self._control.is_ready(time.monotonic() + self._left(START_SECONDS)):
            raise failure(("rclone", doing), self._said(), self._remote)

    def _left(self, seconds: float) -> float:
        """How long to wait for something that may take so long. Raises TimeoutError when there is no time left."""
        if self._ends is None:
            return seconds
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        return min(left, seconds)

    def _said(self) -> Finished:
        return Finished(1, "", tuple(self._running.seen), self._running.config)

    def _failed(self, doing: str, answer: bytes) -> RcloneError:
        return failure(("rclone", doing), self._outcome(answer), self._remote)

    def _outcome(self, answer: bytes) -> Finished:
        try:
            text = str(json.loads(answer).get("error", ""))
        except (ValueError, AttributeError, RecursionError):
            text = answer.decode(errors="replace")
        return Finished(1, "", (Problem("error", text, None),), self._running.config)


@contextmanager
def _unanswered() -> Iterator[None]:
    """No answer is no answer: it was killed, or stopped with us, and what was under way may have been done."""
    try:
        yield
    except TimeoutError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise TimeoutError(str(error)) from None


def _form(name: str, text: bytes) -> tuple[dict[str, str], bytes]:
    """A file in a form (RFC 7578)."""
    boundary = secrets.token_hex(16)
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    head += "Content-Type: application/octet-stream\r\n\r\n"
    return (
        {"Content-Type": f"multipart/form-data; boundary={boundary}"},
        head.encode() + text + f"\r\n--{boundary}--\r\n".encode(),
    )


class Residents:
    """Residents for processes that stay: remotes that are reached alike share one, as long as anybody uses it.

    `guarded`: a block around each, which has a guard that ends it with us.
    """

    def __init__(self, guarded: Callable[[], AbstractContextManager[Tell]]) -> None:
        self._guarded = guarded
        self._guard = threading.Lock()
        self._open: dict[object, _Shared] = {}

    @contextmanager
    def resident(self, rclone: Rclone, remote: Remote) -> Iterator[Resident]:
        """As `resident`, perhaps one that others use, too. Threads may ask for one at the same time."""
        key = (rclone.binary, rclone.config, tuple(sorted(remote.env.items())))
        with self._guard:
            shared = self._open.get(key)
            if shared is None or not shared.is_alive:
                shared = self._open[key] = _Shared(ExitStack())
                try:
                    # It outlives a run that asks for it first, which must not leave it the sync's lock.
                    free = replace(rclone, inherit=(), leash=None)
                    tell = shared.stack.enter_context(self._guarded())
                    shared.first = shared.stack.enter_context(resident(free, remote, tell=tell))
                except BaseException:
                    del self._open[key]
                    shared.stack.close()
                    raise
            shared.users += 1
        assert shared.first is not None
        try:
            yield shared.first.beside(remote)
        finally:
            with self._guard:
                shared.users -= 1
                if not shared.users:
                    if self._open.get(key) is shared:
                        del self._open[key]
                    shared.stack.close()


@dataclass(slots=True)
class _Shared:
    stack: ExitStack
    first: Resident | None = None
    users: int = 0

    @property
    def is_alive(self) -> bool:
        return self.first is not None and self.first.is_alive


@contextmanager
def resident(
    rclone: Rclone, remote: Remote, *, patience: float | None = None, tell: Tell = lambda words: None
) -> Iterator[Resident]:
    """An rclone that stays as long as the block lasts. It is not waited for before it is asked.

    `tell`: its guard (`controlled`). `patience`: so many seconds in all for whatever it is asked; None: as long as each
    answer may take.
    """
    reach = replace(remote, env={**remote.env, **RESIDENT_ENV})
    with controlled(rclone, reach, tell=tell, deaf=True) as control:
        yield Resident(control, remote, patience=patience)

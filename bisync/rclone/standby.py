"""An rclone that stands by for a run: what is small is asked of it, one command after the other.

Starting an rclone for each costs more than they do, and with some remotes (SFTP) each start is a new connection, too.
It says what it does as the commands do, in its log; an error that it is asked to make marks where one has ended.
"""

from __future__ import annotations

import http.client
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from bisync.errors import RcloneError
from bisync.events import Event, Problem
from bisync.process import Child
from bisync.rclone import calls
from bisync.rclone.argv import SERVER_TIMES_ENV, Argv
from bisync.rclone.calls import Call
from bisync.rclone.control import Control, Tell, controlled
from bisync.rclone.output import Finished
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote

START_SECONDS = 20.0
MARK_SECONDS = 10.0
TICK_SECONDS = 0.1
_JSON = {"Content-Type": "application/json"}
_OF_CALLS = 'rc: "'
"""So its own words about a call begin; the answer says the same."""


class Standby:
    """The rclone that stands by, for one remote. `server_times`: those by which it tells changes are the server's."""

    def __init__(self, remote: Remote, *, server_times: bool) -> None:
        self._remote = remote
        self._server_times = server_times
        self._one = threading.Lock()
        self._mark, self._marked = "", threading.Event()
        self._said: list[Event] = []
        self._listener: Callable[[Event], None] = lambda event: None
        self._failed: BaseException | None = None
        self._silent = False
        self.control: Control | None = None

    @property
    def child(self) -> Child:
        """Its process."""
        assert self.control is not None
        return self.control.running.child

    def takes(self, argv: Argv, remote: Remote | None, *, whole: bool = False) -> Call | None:
        """The call for a command that it can do; None where an rclone of its own is needed."""
        call = calls.call_of(argv, whole=whole) if remote is None or remote.env == self._remote.env else None
        if call is None or (
            call.reads_times(self._remote.fs) and call.server_times is not self._server_times
        ):
            return None
        with self._one:  # while it warms up nobody knows
            is_there = self.control is not None and self.child.running and not self._silent
        return call if is_there else None

    def warm(self, places: Sequence[str]) -> None:
        """Have it reach these places, in a thread of its own: it takes a moment, and other things can go on.

        Before, it is seen that it says what it does in a way that is understood; else it is not asked for anything.
        """
        begun = threading.Event()

        def reach() -> None:
            with self._one:
                begun.set()
                try:
                    self._ready()
                    self._hear_all()
                    for fs in places:
                        self._asked(Call("operations/fsinfo", {"fs": fs}, "warm"), lambda: None)
                except RcloneError:
                    self._silent = True
                except (OSError, http.client.HTTPException):
                    pass  # it has ended: whoever asks next finds that out

        threading.Thread(target=reach, name="standby", daemon=True).start()
        begun.wait()

    def hear(self, event: Event) -> None:
        """What it says, in the thread that reads it."""
        if isinstance(event, Problem) and event.text.startswith(_OF_CALLS):
            if self._mark and self._mark in event.text:
                self._marked.set()
            return
        self._said.append(event)
        if self._failed is None:
            try:
                self._listener(event)
            except BaseException as error:  # handed to the caller by `run`
                self._failed = error

    def run(self, call: Call, on_event: Callable[[Event], None], meanwhile: Callable[[], object]) -> Finished:
        """Do as the command does, and tell of it as `Rclone.run` does. It is waited for as long as it takes."""
        assert self.control is not None
        with self._one:
            self._said, self._listener, self._failed = [], on_event, None
            try:
                status, answer = self._asked(call, meanwhile)
                self._hear_all()
            except (OSError, http.client.HTTPException):
                # It has ended: killed, or stopped with us, which is raised here. Or nobody knows what it does.
                if self.child.running:
                    self.child.stop()
                ended = self.control.running.outcome()
                return Finished(ended.code or 1, "", tuple(self._said), ended.config)
            except BaseException:
                self.child.stop()  # nothing goes on behind the back of what follows
                raise
            if self._failed is not None:
                raise self._failed
            error = str(answer.get("error", ""))
            if status != http.HTTPStatus.OK:
                self._said.append(Problem("notice", calls.last_word(call, error), None))
            return Finished(
                calls.exit_code(status, error),
                calls.printed(answer)
                if call.path == "operations/list" and status == http.HTTPStatus.OK
                else "",
                tuple(self._said),
                self.control.running.config,
            )

    def _ready(self) -> None:
        assert self.control is not None
        if not self.control.is_ready(time.monotonic() + START_SECONDS):
            raise ConnectionError("it does not listen")

    def _asked(self, call: Call, meanwhile: Callable[[], object]) -> tuple[int, dict[str, object]]:
        assert self.control is not None
        self._ready()
        connection = self.control.connection(None)
        try:
            connection.request("POST", f"/{call.path}", json.dumps(call.params).encode(), _JSON)
            meanwhile()
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        try:
            found = json.loads(raw)
        except ValueError:
            found = {"error": raw.decode(errors="replace")}
        return answer.status, found if isinstance(found, dict) else {}

    def _hear_all(self) -> None:
        """Wait until all is heard that it said before. Raises RcloneError where it does not say so."""
        assert self.control is not None
        self._mark = secrets.token_hex(8)
        self._marked.clear()
        connection = self.control.connection(MARK_SECONDS)
        try:
            connection.request("POST", "/rc/error", json.dumps({"mark": self._mark}).encode(), _JSON)
            connection.getresponse().read()
        finally:
            connection.close()
        until = time.monotonic() + MARK_SECONDS
        while not self._marked.wait(TICK_SECONDS):
            if not self.child.running:
                raise ConnectionError("it has ended")
            if time.monotonic() > until:
                raise RcloneError("rclone does not say what it has done", hint="run again: nothing was lost")


@contextmanager
def standby(
    rclone: Rclone, remote: Remote, *, server_times: bool, tell: Tell = lambda words: None
) -> Iterator[Standby]:
    """An rclone that stands by as long as the block lasts. It is not waited for before it is asked.

    `tell`: its guard (`controlled`).
    """
    found = Standby(remote, server_times=server_times)
    reach = replace(remote, env={**remote.env, **SERVER_TIMES_ENV}) if server_times else remote
    with controlled(rclone, reach, tell=tell, talks=True, on_event=found.hear) as control:
        found.control = control
        yield found

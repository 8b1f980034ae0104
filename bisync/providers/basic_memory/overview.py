"""What the cloud says of a tenant as a whole: asked with little patience, else as it is remembered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from bisync.config import BasicMemoryTenant
from bisync.core import projects
from bisync.errors import BisyncError, CloudError, disk_error
from bisync.providers.base import Around, Overview
from bisync.providers.basic_memory import known
from bisync.providers.basic_memory.access import Access
from bisync.providers.basic_memory.http import shortened
from bisync.providers.basic_memory.known import Generation, Known
from bisync.providers.basic_memory.opening import opened
from bisync.providers.basic_memory.registry import spelled
from bisync.providers.basic_memory.wire import chosen
from bisync.secret import Secret

# Nobody waits longer for the answer, whatever the network does.
PATIENCE_SECONDS = 3.0
# A request that failed at once is sent once more.
AGAIN_SECONDS = 0.5

Found = TypeVar("Found")


class Question:
    """A tenant's API, being asked from now on. An answer that comes too late is nobody's."""

    def __init__(
        self, tenant: BasicMemoryTenant, around: Around, *, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._tenant = tenant
        self._around = replace(around, say=lambda text: None)
        self._patience = patience
        self._ends = time.monotonic() + patience
        self._before = known.load(tenant, around.state_dir)
        self._answer: Known | None = None
        self._problem: Exception | None = None
        self._ended = threading.Event()
        self._once = threading.Lock()
        self._settled: tuple[Known | None, str | None] | None = None
        # Whoever waits goes on after a while, and this program ends, whether or not there was an answer.
        threading.Thread(target=self._ask, name="overview", daemon=True).start()

    def __call__(self, folders: Sequence[str] | None) -> Overview:
        with self._once:
            if self._settled is None:
                self._settled = self._settle()
        have, trouble = self._settled
        generation = Generation(have.generation) if have is not None and have.generation else None
        host = urlsplit(self._tenant.api_url).netloc
        if have is None:
            return Overview(host=host, trouble=trouble)
        return Overview(
            host=host,
            tenant_id=have.tenant_id,
            workspace=have.workspace,
            subscribed=have.subscribed,
            health=have.health,
            as_of=have.asked_at,
            trouble=trouble,
            projects=None
            if folders is None or have.projects is None
            else projects.compared(folders, have.projects, partial(spelled, generation=generation)),
        )

    def _settle(self) -> tuple[Known | None, str | None]:
        """What is known by now, which is remembered if it is news, and why no more is known."""
        before = self._before
        if not self._ended.wait(max(0.0, self._ends - time.monotonic())):
            return before, f"{urlsplit(self._tenant.api_url).netloc} did not answer in {self._patience:.0f} s"
        if self._problem is not None:
            error = self._problem
            if not isinstance(error, BisyncError):
                raise error
            if before is not None and _is_unpaid(error):
                before = self._remember(subscribed=False)
            return before, _reason(error)
        answer = self._answer
        assert answer is not None
        if before is None:
            # Which tenant is meant is for setup to say, and to write down.
            return answer, None
        if (answer.tenant_id, answer.bucket) != (before.tenant_id, before.bucket):
            return before, f"the login is that of another tenant, {answer.tenant_id}; type: bisync setup"
        news = ("asked_at", "generation", "workspace", "workspace_id", "subscribed", "health", "projects")
        return self._remember(**{name: getattr(answer, name) for name in news}), None

    def _remember(self, **news: Any) -> Known:
        """What is known, with the news in it. A run may have written to it in the meantime, so it is read anew."""
        have = known.load(self._tenant, self._around.state_dir) or self._before
        assert have is not None
        found = replace(have, **news)
        with suppress(OSError):  # the next time it is asked anew
            known.save(self._tenant, self._around.state_dir, found)
        return found

    def _ask(self) -> None:
        try:
            self._answer = _asked(self._tenant, self._around)
        except OSError as error:
            self._problem = disk_error(error, where=None, failed="read", then="look again: bisync status")
        except Exception as problem:
            self._problem = problem
        finally:
            self._ended.set()


class _Lasting(Access):
    """An access whose login is refreshed to the end, also where nobody waits for it any more.

    A refresh token is good for one time: were the program to end between the request and the new token, the login would
    be gone.
    """

    __slots__ = ()

    def token(self) -> Secret:
        if self.reference is not None:
            return Access.token(self)
        return _to_the_end(lambda: Access.token(self))

    def instead_of(self, refused: Secret) -> Secret | None:
        return _to_the_end(lambda: Access.instead_of(self, refused))


def _to_the_end(work: Callable[[], Found]) -> Found:
    """Do it in a thread that the program waits for at its end."""
    found: list[Found] = []
    problems: list[Exception] = []

    def run() -> None:
        try:
            found.append(work())
        except Exception as problem:
            problems.append(problem)

    thread = threading.Thread(target=run, name="refresh", daemon=False)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return found[0]


def _asked(tenant: BasicMemoryTenant, around: Around) -> Known:
    """All that the API says of a tenant. Raises BisyncError."""
    with opened(tenant, around, patience=AGAIN_SECONDS) as cloud:
        cloud.access = _Lasting.of(tenant, cloud.access.user)
        one = chosen(cloud.workspaces(), tenant.workspace, cloud.host.name)
        cloud.workspace = one.tenant_id if one is not None else None
        health = shortened(cloud.health())
        store = cloud.store()
        listed = cloud.projects()
        return Known(
            tenant_id=store.tenant_id,
            bucket=store.bucket,
            asked_at=around.now().isoformat(timespec="seconds"),
            generation=cloud.generation,
            workspace=one.slug or one.name if one is not None else None,
            workspace_id=one.tenant_id if one is not None else None,
            # Without workspaces nobody says it; the old health check answers subscribers alone.
            subscribed=one.subscribed if one is not None else True,
            health=health,
            projects=listed,
        )


def _is_unpaid(error: BisyncError) -> bool:
    """Whether the API wants a subscription. (Only the cure of its refusal says so: `refusals`.)"""
    return isinstance(error, CloudError) and (error.hint or "").startswith("subscribe at ")


def _reason(error: BisyncError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message

"""A user's launchd: an agent in the home, and launchctl."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from bisync.errors import BisyncError, UsageError
from bisync.files import atomic_write, private_dir
from bisync.schedule.form import Form, Job
from bisync.schedule.scheduler import Around, Found, Todo
from bisync.schedule.texts import launchd_form, launchd_text

# launchd refuses an agent that others can write.
AGENT_MODE = 0o644
# `bootout` comes back before the job has ended, and until then `bootstrap` is refused.
TRIES, PAUSE_SECONDS = 20, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Launchd:
    """The launchd of who is logged in."""

    around: Around
    pause: float = PAUSE_SECONDS
    kind: str = "launchd"

    def as_it_can(self, form: Form) -> Form:
        """Any form that begins with the login. Raises UsageError for another."""
        if form.at_boot:
            raise UsageError(
                "launchd starts your agents when you log in; before that, only what an administrator installs",
                hint="leave out --at",
            )
        return form

    def texts(self, job: Job, form: Form) -> dict[str, str]:
        """The agent."""
        return {str(self._path(job.name)): launchd_text(job, form)}

    def find(self, name: str) -> Found | None:
        """The agent that lies in the home."""
        path = self._path(name)
        if not os.path.lexists(path):
            return None
        text = path.read_bytes().decode(errors="replace") if path.is_file() else ""
        return Found(form=launchd_form(text), texts={str(path): text}, active=self._loaded(name))

    def install(self, job: Job, form: Form) -> bool:
        """Write the agent, then load it; on failure put back what was there."""
        path, raw = self._path(job.name), launchd_text(job, form).encode()
        if os.path.lexists(path) and not path.is_file():
            raise BisyncError(f"{path} leads to no file", hint=f"remove it: {quote(str(path))}")
        before, loaded = path.read_bytes() if path.exists() else None, self._loaded(job.name)
        if before == raw and loaded:
            return False
        try:
            self._unload(job.name)
            private_dir(path.parent)
            private_dir(job.log.parent)
            atomic_write(path, raw, mode=AGENT_MODE)
            self._load(path)
        except BaseException:
            self._put_back(path, before, loaded=loaded)
            raise
        return True

    def remove(self, name: str) -> None:
        """Stop the agent, and take it away. One that is a link goes as a link."""
        self._unload(name)
        self._path(name).unlink(missing_ok=True)

    def to_type(self, job: Job, form: Form) -> tuple[Todo, ...]:
        """Nothing."""
        return ()

    def log(self, job: Job) -> str:
        """Its file."""
        return f"tail -f {quote(str(job.log))}"

    def _path(self, name: str) -> Path:
        return self.around.home / "Library" / "LaunchAgents" / f"{name}.plist"

    @property
    def _domain(self) -> str:
        return f"gui/{self.around.uid}"

    def _loaded(self, name: str) -> bool:
        return self.around.ask(["launchctl", "print", f"{self._domain}/{name}"]).code == 0

    def _unload(self, name: str) -> None:
        if self._loaded(name):
            hint = f"see: launchctl print {self._domain}/{name}"
            self.around.tell(["launchctl", "bootout", f"{self._domain}/{name}"], hint=hint)
            for _ in range(TRIES):
                if not self._loaded(name):
                    return
                time.sleep(self.pause)

    def _load(self, path: Path) -> None:
        hint = f"is it disabled? type: launchctl enable {self._domain}/{path.stem}"
        self.around.tell(["launchctl", "bootstrap", self._domain, str(path)], hint=hint)

    def _put_back(self, path: Path, before: bytes | None, *, loaded: bool) -> None:
        """All as it was before, as far as it goes: what has gone wrong is told already."""
        with suppress(BisyncError, OSError):
            if before is None:
                path.unlink(missing_ok=True)
                return
            atomic_write(path, before, mode=AGENT_MODE)
            if loaded and not self._loaded(path.stem):
                self._load(path)

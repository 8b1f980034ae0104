"""What starts runs: how it is called, and what can be asked of any of them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from bisync import process, programs
from bisync.errors import BisyncError
from bisync.schedule.form import Form, Job

# systemd starts a service that says when it is ready within this time, or has given up.
CALL_SECONDS = 360.0


@dataclass(frozen=True, slots=True)
class Answer:
    """How a program of the system ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """The end of what it said."""
        lines = (self.err.strip() or self.out.strip()).splitlines()
        return lines[-1].strip() if lines else f"exit code {self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Whose background it is. `uid`: the user's number."""

    env: Mapping[str, str] = field(repr=False)
    home: Path
    uid: int

    def finds(self, program: str) -> bool:
        """Whether a program is on the PATH."""
        return programs.which(program, self.env) is not None

    def ask(self, argv: Sequence[str]) -> Answer:
        """Run a program of the system, in its plain words, to its end. Raises BisyncError when it cannot be run."""
        found = programs.which(argv[0], self.env)
        if found is None:
            raise BisyncError(f"{argv[0]} is not there", hint="look for it: is it on the PATH?")
        said: list[str] = []
        try:
            env = {**self.env, "LC_ALL": "C"}
            with process.Child([str(found), *argv[1:]], env=env, on_line=said.append) as child:
                ended = child.wait(CALL_SECONDS)
        except subprocess.TimeoutExpired:
            raise BisyncError(f"{' '.join(argv)} did not end within {CALL_SECONDS:.0f} s") from None
        except OSError as error:
            raise BisyncError(f"{argv[0]} cannot be run: {error.strerror or error}") from None
        return Answer(ended.code, ended.stdout, "".join(said))

    def tell(self, argv: Sequence[str], *, hint: str | None = None) -> str:
        """As `ask`, but raise BisyncError with its words when it fails; what it printed."""
        answer = self.ask(argv)
        if answer.code != 0:
            raise BisyncError(f"{' '.join(argv)}: {answer.last}", hint=hint)
        return answer.out


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is installed of a job. `texts`: by the place it was read from. `active`: None where nobody can say."""

    form: Form | None
    texts: Mapping[str, str]
    active: bool | None


class Todo(NamedTuple):
    """What is left to the user: why, and the command to type."""

    why: str
    command: str


class Scheduler(Protocol):
    """One that starts runs."""

    @property
    def kind(self) -> str:
        """systemd, launchd or cron."""
        ...

    def as_it_can(self, form: Form) -> Form:
        """The form that it makes of a wish. Raises UsageError for what it cannot do at all."""
        ...

    def texts(self, job: Job, form: Form) -> dict[str, str]:
        """What would be installed, by place. Raises BisyncError for what cannot be written in its format."""
        ...

    def find(self, name: str) -> Found | None:
        """What is installed under this name; None: nothing. Changes nothing. Raises BisyncError."""
        ...

    def install(self, job: Job, form: Form) -> bool:
        """Have it installed and started; False when it was so already. When it fails, all is as before it.

        Raises BisyncError, OSError.
        """
        ...

    def remove(self, name: str) -> None:
        """Stop what is installed under this name, and take it away. Raises BisyncError, OSError."""
        ...

    def to_type(self, job: Job, form: Form) -> tuple[Todo, ...]:
        """What only the user can do. Changes nothing. Raises BisyncError."""
        ...

    def log(self, job: Job) -> str:
        """What to type to read what the runs said."""
        ...

"""A user's crontab: read and replaced by the program `crontab`, its other lines as they are."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from shlex import join, quote

from bisync.errors import BisyncError
from bisync.files import private_dir
from bisync.schedule.form import Form, Job, form_of
from bisync.schedule.scheduler import Answer, Around, Found, Todo
from bisync.schedule.texts import block_in, cron_block, spliced

PLACE = "crontab"
# What Vixie's, cronie's and busybox' program say where a user has no crontab yet: an exit code that others share.
_NONE_YET = ("no crontab for", "No such file or directory")
# Who is not in cron.allow has no lines of ours there, and may well have a systemd (crontab(1)).
_NOT_FOR_YOU = "not allowed to use this program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """The user's crontab."""

    around: Around
    kind: str = "cron"

    def as_it_can(self, form: Form) -> Form:
        """cron runs whether anybody has logged in or not."""
        return Form(interval=form.interval, at_boot=True)

    def texts(self, job: Job, form: Form) -> dict[str, str]:
        """Our lines. Raises BisyncError."""
        return {PLACE: cron_block(job, form)}

    def find(self, name: str) -> Found | None:
        """Our lines in the crontab. Raises BisyncError."""
        answer = self.around.ask(["crontab", "-l"])
        block = None if _NOT_FOR_YOU in answer.err else block_in(_table(answer), name)
        return None if block is None else Found(form=form_of(block), texts={PLACE: block}, active=None)

    def install(self, job: Job, form: Form) -> bool:
        """Put our lines into the crontab. It is replaced as a whole or not at all."""
        before, block = _table(self.around.ask(["crontab", "-l"])), cron_block(job, form)
        private_dir(job.log.parent)
        if block_in(before, job.name) == block:
            return False
        self._replace(spliced(before, job.name, block))
        return True

    def remove(self, name: str) -> None:
        """Take our lines out; a crontab that held no others goes with them."""
        left = spliced(_table(self.around.ask(["crontab", "-l"])), name, "")
        if left:
            self._replace(left)
        else:
            self.around.tell(["crontab", "-r"])

    def to_type(self, job: Job, form: Form) -> tuple[Todo, ...]:
        """cron starts a watch with the machine; for today somebody else has to."""
        if form.interval is not None:
            return ()
        command = f"nohup {join(job.argv(form))} >{quote(str(job.log))} 2>&1 &"
        return (Todo("it starts when the machine does; to start it now", command),)

    def log(self, job: Job) -> str:
        """Its file."""
        return f"less {quote(str(job.log))}"

    def _replace(self, text: str) -> None:
        with tempfile.TemporaryDirectory(prefix="bisync-") as folder:
            path = Path(folder) / "crontab"
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
            self.around.tell(
                ["crontab", str(path)], hint="the crontab is as before; look at it with: crontab -l"
            )


def _table(answer: Answer) -> str:
    """The crontab that `crontab -l` gives, "" where there is none. Bytes that are no UTF-8 come and go as surrogates.

    Raises BisyncError for any other answer: what cannot be read is not replaced.
    """
    if answer.code == 0:
        return answer.out
    if any(words in answer.err for words in _NONE_YET):
        return ""
    raise BisyncError(f"crontab -l: {answer.last}", hint="may you use cron? ask whoever runs this machine")

"""The texts of units, agents and crontab lines: quoted as each format wants it, from the templates. Pure."""

from __future__ import annotations

import plistlib
import re
import shlex
from pathlib import Path
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

from bisync.errors import BisyncError, UsageError
from bisync.render import render
from bisync.schedule.form import HOUR, Form, Job, interval_text, parse_interval

# cron.h of Vixie's cron, which Debian has: a longer command is refused.
CRON_COMMAND_BYTES = 1_000


def checked(job: Job) -> Job:
    """The job, when its paths can stand in a line of text. Raises UsageError for line breaks and the like."""
    named = [("the manifest's path", str(job.manifest)), ("the path of bisync", "".join(job.program)),
             ("the path of the log", str(job.log)), *((f"${name}", value) for name, value in job.env)]  # fmt: skip
    for what, text in named:
        if re.search(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff\ufffe\uffff]", text):
            raise UsageError(
                f"{what} has a line break or another character that no service can be given: {text!r}",
                hint="rename it"
                if not what.startswith("$")
                else "set it to something else for: bisync schedule",
            )
    return job


# -- systemd --------------------------------------------------------------------------------------------


def systemd_word(text: str) -> str:
    """`text` as one word of a command line in a unit.

    systemd.service(5), "Command lines": double quotes, C escapes, `$$` for a dollar; systemd.unit(5), "Specifiers":
    `%%` for a percent sign.
    """
    return systemd_value(text).replace("$", "$$")


def systemd_value(text: str) -> str:
    """`text` as a value of Environment=, where the dollar has no special meaning (systemd.exec(5))."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def systemd_texts(job: Job, form: Form) -> dict[str, str]:
    """The units by file name: a service that watches; or one that runs once, and its timer.

    Raises BisyncError for a program that systemd cannot start: its own path may hold no quote and no backslash
    (systemd's string_is_safe), and a dollar in it is not read alike everywhere.
    """
    if re.search(r"""["'\\$]""", job.program[0]):
        raise BisyncError(
            f"systemd starts no program whose path has a quote, a backslash or a dollar: {job.program[0]}",
            hint="install bisync in another folder",
        )
    values = {
        "command": form.command,
        "manifest": str(job.manifest).replace("%", "%%"),
        "argv": " ".join(map(systemd_word, job.argv(form))),
        "env": [systemd_value(f"{name}={value}") for name, value in job.env],
        "every": None if form.interval is None else interval_text(form.interval),
    }
    texts = {f"{job.name}.service": render("schedule.service.j2", **values)}
    if form.interval is not None:
        texts[f"{job.name}.timer"] = render(
            "schedule.timer.j2",
            **values,
            calendar=on_calendar(form.interval),
            jitter=jitter_seconds(form.interval),
        )
    return texts


def on_calendar(minutes: int) -> str | None:
    """The wall clock's times for an interval of an hour and more, as systemd.time(7) writes them; None for less.

    Persistent= works with these alone (systemd.timer(5)), and the other clock stands still while a machine sleeps. For
    less than an hour neither matters: such a timer counts from the end of the last run, so that runs never queue.
    """
    if minutes < HOUR:
        return None
    hours = minutes // HOUR
    return "*-*-* 00:00" if hours == 24 else f"*-*-* 00/{hours}:00"


def jitter_seconds(minutes: int) -> int:
    """By so much a run may be late, so that a team's devices do not come to the store in the same second."""
    return min(minutes * 60 // 10, 300)


# -- launchd --------------------------------------------------------------------------------------------


def launchd_text(job: Job, form: Form) -> str:
    """The agent's property list (launchd.plist(5))."""
    return render(
        "schedule.plist.j2",
        label=escape(job.name),
        argv=[escape(word) for word in job.argv(form)],
        env=[(escape(name), escape(value)) for name, value in job.env],
        log=escape(str(job.log)),
        seconds=None if form.interval is None else form.interval * 60,
    )


def launchd_form(text: str) -> Form | None:
    """The form of an agent, from its property list; None where it is none of ours, or has been edited."""
    try:
        said = plistlib.loads(text.encode())
        seconds = said.get("StartInterval")
        return Form() if seconds is None else Form(interval=parse_interval(f"{seconds // 60}min"))
    except (ValueError, TypeError, AttributeError, LookupError, ExpatError, UsageError):
        return None


# -- cron -----------------------------------------------------------------------------------------------


def cron_block(job: Job, form: Form) -> str:
    """Our lines of a crontab: the command between two marker comments.

    crontab(5): a `%` is a line break unless a backslash stands before it. Raises BisyncError for a path with a
    backslash, which crons read differently, and for a line that is too long for them.
    """
    assigned = " ".join(f"{name}={shlex.quote(value)}" for name, value in job.env)
    ran = f"{assigned} nice -n 10 {shlex.join(job.argv(form))} >{shlex.quote(str(job.log))} 2>&1".lstrip()
    if "\\" in ran:
        raise BisyncError(
            f"a crontab line can have no backslash: {ran}",
            hint="rename what has one in its path, or in $PATH",
        )
    line = ran.replace("%", "\\%")
    if len(line.encode()) >= CRON_COMMAND_BYTES:
        raise BisyncError(
            f"the crontab line would have {len(line.encode())} bytes; cron takes less than {CRON_COMMAND_BYTES}",
            hint="most of it is $PATH; as in: PATH=/usr/local/bin:/usr/bin:/bin bisync schedule install",
        )
    return render(
        "schedule.cron.j2", name=job.name, command=form.command, when=cron_times(form, job.name), line=line
    )


def cron_times(form: Form, name: str) -> str:
    """When cron runs it, as crontab(5) writes it. Each job has minutes of its own, which its name decides."""
    if form.interval is None:
        return "@reboot"
    chance = int(name[-10:], 16)
    minute, hour = chance % HOUR, chance // HOUR
    if form.interval == 1:
        return "* * * * *"
    if form.interval < HOUR:
        return f"{minute % form.interval}-59/{form.interval} * * * *"
    hours = form.interval // HOUR
    if hours == 1:
        return f"{minute} * * * *"
    return f"{minute} {hour % 24} * * *" if hours == 24 else f"{minute} {hour % hours}-23/{hours} * * *"


def block_in(crontab: str, name: str) -> str | None:
    """Our lines in a crontab, or None. Raises BisyncError where only one of the markers is left of them."""
    start, end = _span(crontab, name)
    return crontab[start:end] or None


def spliced(crontab: str, name: str, block: str) -> str:
    """The crontab with `block` in the place of our lines, else after all others; "" takes ours out.

    Every other byte stays, but that a last line without an end gets one. Raises BisyncError as `block_in`.
    """
    start, end = _span(crontab, name)
    front = crontab[:start]
    if block and front and not front.endswith("\n"):
        front += "\n"
    return front + block + crontab[end:]


def _span(crontab: str, name: str) -> tuple[int, int]:
    """Where our lines begin and end; both the end of the crontab where there are none."""
    begins = [
        found.start() for found in re.finditer(rf"^# >>> {re.escape(name)} >>>.*$", crontab, re.MULTILINE)
    ]
    ends = [found.end() for found in re.finditer(rf"^# <<< {re.escape(name)} <<<$\n?", crontab, re.MULTILINE)]
    if not begins and not ends:
        return len(crontab), len(crontab)
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        raise BisyncError(
            f"the crontab has not one beginning and one end of the lines of {name}",
            hint=f"take out every line of {name} with: crontab -e",
        )
    return begins[0], ends[0]


def program(python: Path, *, script: bool) -> tuple[str, ...]:
    """How bisync is started: by its console script beside Python where there is one, else as a module.

    -P: a folder called `bisync` in the home does not stand in for ours (Python docs, "Command line and environment").
    """
    return (str(python.with_name("bisync")),) if script else (str(python), "-P", "-m", "bisync")

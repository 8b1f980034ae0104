"""Tasks about runs that nobody types: schedule."""

from __future__ import annotations

from bisync.errors import UsageError
from bisync.report.documents import schedule_document
from bisync.report.schedule_words import schedule_lines
from bisync.report.screen import Screen

from ._command import command
from ._edge import HELP, edge, open_app

_ACTIONS = ("install", "remove", "show")


@command(
    word="action",
    choices=_ACTIONS,
    help={
        "action": "install, remove or show",
        "interval": "a run so often (5min, 2h, 1d), instead of one that watches all the time",
        "at": "boot: start with the machine, before anybody has logged in",
        "manifest": HELP["manifest"],
        "json": HELP["json"],
    },
)
def schedule(
    c: object,
    action: str,
    interval: str | None = None,
    at: str | None = None,
    manifest: str | None = None,
    json: bool = False,
) -> None:
    """Sync in the background: by systemd, launchd or cron."""
    with edge(Screen(as_json=json)) as screen:
        from bisync.actions import schedule as verb
        from bisync.schedule.form import Form, parse_interval

        if action not in _ACTIONS:
            raise UsageError(
                f"schedule takes install, remove or show, not {action!r}", hint="as in: bisync schedule show"
            )
        if action != "install" and (interval is not None or at is not None):
            raise UsageError("--interval and --at go with: bisync schedule install", hint="leave them out")
        if at not in (None, "boot"):
            raise UsageError(f"--at takes boot, not {at!r}", hint="as in: bisync schedule install --at boot")
        form = Form(interval=None if interval is None else parse_interval(interval), at_boot=at is not None)
        app, _ = open_app(screen, manifest, None)
        on = verb.here(app.env)
        if action == "install":
            done = verb.install(app, on, form)
        else:
            done = verb.remove(app, on) if action == "remove" else verb.show(app, on)
        screen.tell(schedule_lines(done, app.now()))
        screen.document(schedule_document(done))


COMMANDS = (schedule,)

"""Which scheduler this machine has."""

from __future__ import annotations

from bisync.errors import BisyncError
from bisync.schedule.cron import Cron
from bisync.schedule.launchd import Launchd
from bisync.schedule.scheduler import Around, Found, Scheduler
from bisync.schedule.systemd import Systemd, reached


def all_here(around: Around, platform: str) -> tuple[Scheduler, ...]:
    """All that something of ours may be installed with, the best first. `platform`: as sys.platform."""
    if platform == "darwin":
        # macOS has cron, too: it asks for a permission in a window, and Apple's word is launchd.
        return (Launchd(around=around),)
    systemd = Systemd(around=around, manager=reached(around))
    return (systemd, Cron(around=around)) if around.finds("crontab") else (systemd,)


def chosen(around: Around, platform: str, name: str) -> Scheduler:
    """The one to install `name` with: launchd on macOS, else the user's systemd, else cron.

    Raises BisyncError where there is none, or where systemd cannot be reached and has `name`, which would run twice.
    """
    for one in all_here(around, platform):
        if not isinstance(one, Systemd) or one.manager is not None:
            return one
        if one.find(name) is not None:
            raise one.unreached()
    raise BisyncError(
        "neither your systemd nor the program crontab is there to start anything",
        hint="install cron, or let whatever starts programs here type: bisync sync",
    )


def found_here(around: Around, platform: str, name: str) -> list[tuple[Scheduler, Found]]:
    """Where `name` is installed: nowhere, or with one; with more where the machine had another one before."""
    looked = [(one, one.find(name)) for one in all_here(around, platform)]
    return [(one, found) for one, found in looked if found is not None]

"""What is said of runs in the background."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bisync.actions.schedule import Scheduled
from bisync.report.schedule_words import schedule_lines
from bisync.schedule.form import Form
from bisync.schedule.scheduler import Todo
from tests.support.results import not_scheduled, scheduled

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
WATCH = "/data/bisync.yaml is synced all the time, by systemd"
LOG = "  what it says: journalctl --user -u x"
LAST = "  last run: notes, 1 hour ago: done"


@pytest.mark.parametrize(
    ("one", "lines"),
    [
        (scheduled(), [WATCH, "  /data/x.service", "  active", LOG, LAST]),
        (scheduled(outcome="installed"), [f"✓ Installed: {WATCH}", "  /data/x.service", LOG]),
        (scheduled(outcome="replaced"), [f"✓ Replaced: {WATCH}", "  /data/x.service", LOG]),
        (scheduled(outcome="started"), [f"✓ Started: {WATCH}", "  /data/x.service", LOG]),
        (scheduled(outcome="unchanged"), [f"Unchanged: {WATCH}", "  /data/x.service", LOG]),
        (
            not_scheduled("shown"),
            [
                "/data/bisync.yaml is not installed",
                "  install it with: bisync schedule install",
                "  last run: never",
            ],
        ),
        (
            not_scheduled("removed", "/data/x.service"),
            ["✓ Removed: /data/bisync.yaml is synced when you say so", "  /data/x.service"],
        ),
        (not_scheduled("absent"), ["/data/bisync.yaml: nothing to remove"]),
    ],
)
def test_what_was_done_and_how_it_stands(one: Scheduled, lines: list[str]) -> None:
    assert schedule_lines(one, NOW) == lines


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (scheduled(active=False), "  start it with: bisync schedule install"),
        (scheduled(active=None), "  whether it is active, systemd does not say here"),
        (
            scheduled(up_to_date=False, form=Form(interval=5)),
            "  not what would be installed now; renew it with: bisync schedule install --interval 5min",
        ),
        (
            scheduled(up_to_date=False, form=None),
            "  not what would be installed now; renew it with: bisync schedule install",
        ),
        (scheduled(missing=("A", "B")), "  secrets from the environment, which it does not have: A, B"),
        (
            scheduled(missing=("A",)),
            "  put them into /data/environment, one NAME=value a line, and type: chmod 600 /data/environment",
        ),
        (
            scheduled(missing=("A",), environment_file=None),
            "  take these secrets from {command: ...} or {file: ...} in the manifest",
        ),
        (scheduled(to_type=(Todo("to be sure", "true"),)), "  to be sure, type: true"),
        (scheduled(last=None), "  last run: never"),
    ],
)
def test_what_is_said_where_it_is_so(one: Scheduled, line: str) -> None:
    assert line in schedule_lines(one, NOW)
    assert line not in schedule_lines(scheduled(), NOW)


def test_the_form_is_in_the_headline() -> None:
    forms = [Form(interval=5), Form(at_boot=True), None]

    assert [str(schedule_lines(scheduled(form=form, manifest=Path("/m")), NOW)[0]) for form in forms] == [
        "/m is synced every 5min, by systemd",
        "/m is synced all the time, from the start of the machine, by systemd",
        "/m is synced in a way that somebody has edited, by systemd",
    ]

"""What is said of runs in the background: results in, lines out. Pure."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bisync.report.words import Line, ago, home_text

if TYPE_CHECKING:
    from bisync.actions.schedule import Scheduled
    from bisync.schedule.form import Form


def schedule_lines(one: Scheduled, now: datetime) -> list[Line]:
    """What was done, how it stands, and what is left to the user."""
    lines: list[Line] = [_headline(one)]
    if one.scheduler is None:
        if one.outcome == "shown":
            lines.append("  install it with: bisync schedule install")
        lines += [f"  {place}" for place in one.places]
    else:
        lines += [f"  {place}" for place in one.places]
        lines += _standing(one)
        lines.append(f"  what it says: {one.log}")
    if one.outcome == "shown":
        lines.append(f"  last run: {_last_run(one, now)}")
    if one.missing:
        lines += _missing(one)
    lines += [f"  {todo.why}, type: {todo.command}" for todo in one.to_type]
    return lines


def _headline(one: Scheduled) -> str:
    manifest = home_text(one.manifest)
    if one.outcome in ("removed", "absent"):
        return (
            f"✓ Removed: {manifest} is synced when you say so"
            if one.places
            else f"{manifest}: nothing to remove"
        )
    if one.scheduler is None:
        return f"{manifest} is not installed"
    done = {"unchanged": "Unchanged: ", "shown": ""}.get(one.outcome, f"✓ {one.outcome.capitalize()}: ")
    return f"{done}{manifest} {_form(one.form)}, by {one.scheduler}"


def _form(form: Form | None) -> str:
    """When it runs: "is synced every 5min"."""
    from bisync.schedule.form import interval_text

    if form is None:
        return "is synced in a way that somebody has edited"
    when = "all the time" if form.interval is None else f"every {interval_text(form.interval)}"
    return f"is synced {when}{', from the start of the machine' if form.at_boot else ''}"


def _standing(one: Scheduled) -> list[Line]:
    lines: list[Line] = []
    if one.outcome == "shown":
        words = {
            True: "active",
            False: "not active",
            None: f"whether it is active, {one.scheduler} does not say here",
        }
        lines.append(f"  {words[one.active]}")
    if one.active is False:
        lines.append(f"  start it with: {_install(one)}")
    elif not one.up_to_date:
        lines.append(f"  not what would be installed now; renew it with: {_install(one)}")
    return lines


def _install(one: Scheduled) -> str:
    return one.form.command if one.form is not None else "bisync schedule install"


def _last_run(one: Scheduled, now: datetime) -> str:
    if one.last is None:
        return "never"
    return f"{one.last.sync}, {ago(one.last.at or None, now)}: {one.last.outcome}"


def _missing(one: Scheduled) -> list[Line]:
    """What a service cannot know, and what to do."""
    names = ", ".join(one.missing)
    if one.environment_file is not None:
        file = home_text(one.environment_file)
        cure = (
            f"put them into {file}, one NAME=value a line, and type: chmod 600 {_typed(one.environment_file)}"
        )
    else:
        cure = "take these secrets from {command: ...} or {file: ...} in the manifest"
    return [f"  secrets from the environment, which it does not have: {names}", f"  {cure}"]


def _typed(file: Path) -> str:
    """A file in a command to type: with the home as `~`, which a shell sees only where nothing has to be quoted."""
    from bisync.core.printable import typed

    short, whole = home_text(file), str(file)
    return short if typed(whole) == whole else typed(whole)

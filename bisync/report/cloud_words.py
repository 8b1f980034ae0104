"""What is said of the vendor's cloud: results in, lines out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from bisync.report.words import Line, Problem, ago, home_text, time_text

if TYPE_CHECKING:
    from bisync.actions.login import LoggedIn, LoggedOut
    from bisync.core.projects import Compared
    from bisync.providers.base import Overview
    from bisync.providers.basic_memory.login import Code

SHOWN_NAMES = 12


def cloud_rows(one: Overview | None, now: datetime) -> list[tuple[str, str, str | None]]:
    """What a cloud says of itself as rows of a sync's table: property, value, colour. None has no rows."""
    if one is None:
        return []
    rows: list[tuple[str, str, str | None]] = []
    if one.trouble is not None and one.as_of is None:
        return [("Cloud", f"{one.host}: {one.trouble}", "yellow")]
    if one.trouble is not None:
        rows.append(("Cloud", f"{one.host}, as of {ago(one.as_of, now)}: {one.trouble}", "yellow"))
    else:
        version = f" (version {one.health})" if one.health else ""
        rows.append(("Cloud", f"✓ {one.host} answers{version}", "green"))
    if one.tenant_id is not None:
        rows.append(("Tenant", one.tenant_id, None))
    if one.workspace is not None:
        rows.append(("Workspace", one.workspace, None))
    if one.subscribed is not None:
        rows.append(("Subscription", *(("active", None) if one.subscribed else ("not active", "red"))))
    return rows if one.projects is None else [*rows, *_project_rows(one.projects)]


def _project_rows(found: Compared) -> list[tuple[str, str, str | None]]:
    here = len(found.both)
    rows: list[tuple[str, str, str | None]] = [
        ("Cloud Projects", f"{here + len(found.only_cloud)} ({here} here)", None)
    ]
    if found.only_cloud:
        rows.append(("Only in the Cloud", _names(found.only_cloud), None))
    if found.only_local:
        rows.append(("Only on This Disk", _names(found.only_local), None))
    return rows


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more


def code_lines(code: Code, url: str, *, opened: bool) -> list[Line]:
    """Where to confirm which code. It is shown also where a browser was opened: the person has to compare.

    (RFC 8628, section 3.3.1.)
    """
    lines: list[Line] = [f"To log in to {url}, open this page and confirm the code:", ""]
    lines += [f"  {code.address}", f"  code: {code.user_code}", ""]
    if code.complete is not None:
        lines += [f"With the code in it: {code.complete}"]
    lines += ["(A browser was opened.)"] if opened else []
    return [*lines, f"Waiting for you; the code is good for {time_text(code.seconds)}."]


def logged_in_lines(result: LoggedIn) -> list[Line]:
    """Who is logged in where."""
    if result.trouble is not None:
        said = (
            f"the login at {result.host} is kept in {home_text(result.file)}, but: {result.trouble.message}"
        )
        return [Problem(said, result.trouble.hint)]
    workspace = f", workspace {result.workspace}" if result.workspace is not None else ""
    return [f"✓ Logged in at {result.host}: tenant {result.tenant_id}{workspace}", "Next: bisync setup"]


def logged_out_lines(result: LoggedOut) -> list[Line]:
    """What was forgotten, and what stays."""
    done = "Logged out" if result.was_there else "Nobody was logged in"
    lines: list[Line] = [
        f"✓ {done}: {home_text(result.file)} {'is gone' if result.was_there else 'was not there'}"
    ]
    lines += [f"The keys in [{name}] of rclone.conf are gone" for name in result.sections]
    return [*lines, *(f"Stays: {one}" for one in result.stays)]

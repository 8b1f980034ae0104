"""What is said of the vendor's cloud: results in, lines out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bisync.report.words import Line, Problem, home_text, time_text

if TYPE_CHECKING:
    from bisync.actions.login import LoggedIn, LoggedOut
    from bisync.providers.basic_memory.login import Code


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

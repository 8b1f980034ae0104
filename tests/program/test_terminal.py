"""What a real terminal gets to see of names that somebody else chose."""

from __future__ import annotations

import json
import os
import re

from tests.support.terminal import on_a_terminal
from tests.support.world import Device

NAME = "red\x1b[31m\x1b]0;title\x07\x9b2J\x7f\u202egnp.\r\n[bold]a\u3164.md"
SHOWN = r"red\x1b[31m\x1b]0;title\x07\x9b2J\x7f\u202egnp.\r\n[bold]a\u3164.md"
OUR_COLOURS = re.compile("\x1b\\[(?:31;1|31|33|0)m")


def seen(device: Device, *argv: str) -> str:
    """All that the command's terminal is sent, but for the colours that are ours."""
    with on_a_terminal(device, *argv) as (run, leader):
        said = b""
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            said += part
        run.wait(timeout=60)
        os.close(leader)
    return OUR_COLOURS.sub("", said.decode().replace("\r\n", "\n"))


def test_nothing_in_a_name_is_obeyed(fresh: Device) -> None:
    """Not in a result, in the cure of an error, nor in what an older program has written down."""
    entry = {"version": 1, "at": "2026-11-22T10:00:00Z", "run": NAME, "outcome": "failed", "error": NAME}
    fresh.state.mkdir(parents=True)
    fresh.state.joinpath("history.jsonl").write_text(json.dumps(entry, ensure_ascii=False) + "\n")
    fresh.notes.mkdir()

    for argv in (
        ["history"],
        ["log"],
        ["explain", NAME],
        ["sync", "--profile", NAME],
        [NAME],
        ["resolve", NAME],
    ):
        said = seen(fresh, *argv)

        assert all(line.isprintable() for line in said.split("\n")), (argv, said)
        assert "red\\x1b[31m" in said or "$'red\\033[31m" in said, (argv, said)
    assert SHOWN in seen(fresh, "explain", NAME)

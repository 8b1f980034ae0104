"""What bisync says of a comparison that it could not make as it was told."""

from __future__ import annotations

import pytest

from bisync.events import Problem, Text
from bisync.rclone.diagnosis import compares_blindly
from bisync.rclone.output import Finished

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("line", "blind"),
    [
        ("--checksum is in use but Path1 and Path2 have no hashes in common; falling back to --compare",
         True),
        ("Modtime compare was requested but at least one remote does not support it.", True),
        ("will use md5 for same-side diffs on Path1 only", False),
        ("No changes found", False),
    ],
)  # fmt: skip
def test_where_rclone_goes_by_less_than_it_was_told(line: str, blind: bool) -> None:
    for event in (Problem("notice", line, None), Text(line)):
        assert (compares_blindly(Finished(0, "", (event,))) is not None) is blind

"""What a table of `status` says of a cloud that says something of itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bisync.core.projects import Compared
from bisync.report.cloud_words import SHOWN_NAMES, cloud_rows
from bisync.report.screen import Screen, status_table
from tests.support import results

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_a_store_alone_has_no_rows() -> None:
    assert cloud_rows(None, NOW) == []


def test_a_cloud_that_was_asked_just_now() -> None:
    assert cloud_rows(results.overview(), NOW) == [
        ("Cloud", "✓ cloud.example answers (version 1.2)", "green"),
        ("Tenant", "t-1", None),
        ("Workspace", "personal", None),
        ("Subscription", "active", None),
        ("Cloud Projects", "2 (1 here)", None),
        ("Only in the Cloud", "b", None),
        ("Only on This Disk", "c", None),
    ]


def test_what_is_known_of_a_cloud_that_could_not_be_asked() -> None:
    one = results.overview(trouble="no network", workspace=None, subscribed=False, health="", projects=None)

    assert cloud_rows(one, NOW) == [
        ("Cloud", "cloud.example, as of 3 hours ago: no network", "yellow"),
        ("Tenant", "t-1", None),
        ("Subscription", "not active", "red"),
    ]


def test_a_cloud_that_nobody_could_ask_so_far() -> None:
    said = "cloud.example: nobody is logged in to the cloud; type: bisync login"

    assert cloud_rows(results.never_asked(), NOW) == [("Cloud", said, "yellow")]


def test_a_cloud_with_no_word_on_its_version_or_its_subscription() -> None:
    one = results.overview(health="", subscribed=None, projects=Compared())

    assert cloud_rows(one, NOW) == [
        ("Cloud", "✓ cloud.example answers", "green"),
        ("Tenant", "t-1", None),
        ("Workspace", "personal", None),
        ("Cloud Projects", "0 (0 here)", None),
    ]


def test_of_many_names_the_first_are_shown() -> None:
    names = tuple(f"p{number:02}" for number in range(SHOWN_NAMES + 2))

    *_, (_, shown, _) = cloud_rows(results.overview(projects=Compared((), names, ())), NOW)

    assert shown.endswith(f"{names[SHOWN_NAMES - 1]} and 2 more")


def test_its_names_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    odd = "red\x1b[31m\x07\u202e"
    one = results.overview(host=odd, health=odd, workspace=odd, projects=Compared((), (odd,), (odd,)))

    Screen().show(status_table(results.status(cloud=one), NOW))

    shown = capsys.readouterr().out
    assert shown.replace("\n", "").isprintable() and shown.count(r"red\x1b[31m\x07\u202e") == 5

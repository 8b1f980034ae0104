"""The page of a status, and what is drawn of past runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bisync.actions.history import History
from bisync.actions.status import SyncStatus
from bisync.report.status_page import HEIGHT, LANES, ROWS, drawing, moment_text, status_page
from tests.support import results
from tests.support.pages import Element, check_page

pytestmark = pytest.mark.pure


def ran(at: str, outcome: str = "done", **facts: Any) -> dict[str, Any]:
    return {"version": 1, "at": at, "run": results.RUN, "outcome": outcome, "exit_code": 0, **facts}


def made(one: SyncStatus, *runs: dict[str, Any]) -> Element:
    text = status_page([one], [results.history(*runs)])
    assert text == status_page([one], [results.history(*runs)])
    return check_page(text)


DAY = (
    ran(
        "2026-11-22T18:00:00+01:00", uploaded=3, downloaded=1, deleted_cloud=2, renamed=1,
        left_out=[{"path": "a", "why": "b"}],
    ),
    ran("2026-11-22T16:00:00+00:00", "failed", error="the <network> is \u202egone", exit_code=1),
    ran("2026-11-22T15:00:00+00:00", "refused", error="Deletion exceeds safety limit (26 > 25)", exit_code=4),
    ran("2026-11-22T14:30:00+00:00", "idle", runs=90, first="2026-11-22T12:00:00+00:00"),
    ran("2026-11-22T10:00:00+00:00", uploaded=4210, conflicts=[{"path": one, "copies": []} for one in "ab"]),
)  # fmt: skip


def test_a_history_is_drawn() -> None:
    page = made(results.status(), *DAY)

    assert [one.text for one in page.all("div", "lane-name")] == [
        "4,213sent up", "1came down", "2deleted", "2in conflict", "1failed", "1refused", "looked, nothing to do",
    ]  # fmt: skip
    said = [one.attributes["aria-label"] for one in page.all("svg")]
    assert said == [
        "sent up over time: 4,213, at most 4,210 in one bar",
        "came down over time: 1, at most 1 in one bar",
        "deleted over time: 2, at most 2 in one bar",
        "in conflict over time: 2, at most 2 in one bar",
        "failed over time: 1, at most 1 in one bar",
        "refused over time: 1, at most 1 in one bar",
        "When runs found nothing to do",
    ]
    [caption] = page.all("figcaption")
    assert caption.text == (
        "94 runs from 2026-11-22 10:00 to 2026-11-22 17:00: 4,213 sent up, 1 came down, 2 deleted, 2 in conflict, "
        "1 failed, 1 refused. Times are UTC. A bar stands for 15 minutes, and its height goes by magnitude."
    )
    for drawn in page.all("svg"):
        width, height = map(float, drawn.attributes["viewbox"].split()[2:])
        for bar in drawn.all("rect"):
            x, y, wide, high = (float(bar.attributes[name]) for name in ("x", "y", "width", "height"))
            assert (
                x >= 0
                and x + wide <= width
                and y >= 0
                and y + high <= height + 0.01
                and wide > 0
                and high > 0
            )
            assert bar.all("title")[0].text


def test_the_runs_are_listed_too() -> None:
    page = made(results.status(), *DAY, *[ran("2026-11-21T10:00:00+00:00")] * 30)

    rows = [[cell.text for cell in row.parts if isinstance(cell, Element)] for row in page.all("tr")[1:]]
    assert rows[:5] == [
        [
            "2026-11-22 17:00 UTC",
            "done",
            f"3 up, 1 down, 2 deleted in the cloud, 1 renamed, 1 left out{results.RUN}",
        ],
        ["2026-11-22 16:00 UTC", "failed", f"the <network> is \\u202egone{results.RUN}"],
        ["2026-11-22 15:00 UTC", "refused", f"Deletion exceeds safety limit (26 > 25){results.RUN}"],
        ["2026-11-22 14:30 UTC", "idle", f"90 runs since 2026-11-22 12:00 UTC{results.RUN}"],
        ["2026-11-22 10:00 UTC", "done", f"4,210 up, 2 conflicts{results.RUN}"],
    ]
    assert len(rows) == ROWS and "… and 10 more" in page.text


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, "in order"),
        ({"running": True}, "syncing"),
        ({"conflicts": 2}, "needs a look"),
        ({"left_out": ("a",)}, "needs a look"),
        ({"blocked": "no baseline yet; type: bisync setup", "conflicts": 2}, "blocked"),
    ],
)
def test_how_a_sync_stands(facts: dict[str, Any], state: str) -> None:
    page = made(results.status(**facts))

    assert [one.text for one in page.all("h2")] == [f"notes {state}"]
    assert ("The next run is blocked." in page.text) is (state == "blocked")
    assert "No runs yet." in page.text and not page.all("svg")


def facts_of(page: Element) -> dict[str, str]:
    return {name.text: value.text for name, value in zip(page.all("dt"), page.all("dd"), strict=True)}


def test_the_facts_are_those_of_the_status() -> None:
    cloud = results.overview(trouble="no network")
    one = results.status(
        projects=1234, conflicts=3, lease=results.holder(), cloud=cloud, keeps_cloud_versions=False,
        abilities="by checksum", last_outcome="failed",
    )  # fmt: skip

    facts = facts_of(made(one))

    assert facts | {
        "Folder": "/data/notes", "Remote": "s3://notes-bucket", "Profile": "balanced", "Projects": "1,234",
        "Last sync": "2026-11-22 10:00 UTC, the last run: failed", "Storage": "2.0 KiB", "Conflicts": "3",
        "Abilities": "by checksum", "Cloud in Use": "desktop is syncing (12 s)",
        "Cloud": "cloud.example, as of 2026-11-22 09:00 UTC: no network", "Workspace": "personal",
        "Tenant": "team", "Tenant id": "t-1",
        "Old versions": "not kept in the cloud: this remote cannot move files",
    } == facts  # fmt: skip
    assert facts_of(made(results.status(last_sync=None, last_outcome=None)))["Last sync"] == "never"
    assert facts_of(made(results.status(cloud=results.never_asked())))["Cloud"]


def test_several_syncs_and_names_of_others() -> None:
    two = [results.status(), results.status(name="work", left_out=("<b>\u202e",) * 60, remote="<img src=x>")]
    text = status_page(two, [results.history(*DAY), replace(results.history(), name="work")])
    page = check_page(text)

    assert [one.attributes["href"] for one in page.all("a")] == ["#sync-1", "#sync-2"]
    assert "<b>\\u202e" in page.text and "<img src=x>" in page.text and "… and 10 more" in page.text
    assert check_page(status_page(two, []))


def test_a_history_of_an_odd_clock_is_drawn() -> None:
    odd = [
        ran("0001-01-01T00:00:00+00:00", uploaded=1), ran("9999-12-31T23:59:59+00:00", uploaded=1), ran("yesterday"),
        ran("2026-11-22T10:00:00", uploaded=1), {"version": 1},
    ]  # fmt: skip

    assert drawing(odd) is None
    page = made(results.status(), *odd)
    assert "nobody knows when" in page.text and not page.all("svg")
    wide = drawing(
        [ran("1970-01-01T00:00:00+00:00", uploaded=1), ran("8999-01-01T00:00:00+00:00", uploaded=5)]
    )
    assert wide is not None and wide.lanes[0].total == 6
    backwards = drawing([ran("2026-11-22T10:00:00+00:00", "idle", first="2026-11-23T10:00:00+00:00", runs=2)])
    assert backwards is not None and "2 runs" in backwards.said


def test_bars_go_by_magnitude() -> None:
    found = drawing(
        [ran("2026-11-22T10:00:00+00:00", uploaded=1), ran("2026-11-23T10:00:00+00:00", uploaded=100_000)]
    )

    assert found is not None and set(LANES) > {"uploaded"}
    small, large = found.lanes[0].shapes
    assert large.height == HEIGHT and 1.5 <= small.height < 4
    assert moment_text("2026-11-22T10:15:30+02:00") == "2026-11-22 08:15 UTC"


def test_a_large_history_makes_no_large_page() -> None:
    runs = [
        ran(f"2026-{month:02}-{day:02}T{hour:02}:00:00+00:00", uploaded=hour)
        for month in range(1, 13)
        for day in range(1, 29)
        for hour in range(24)
    ]  # fmt: skip
    text = status_page([results.status()], [History(name="notes", runs=tuple(reversed(runs)))])

    check_page(text)
    assert len(text) < 80_000

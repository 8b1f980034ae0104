"""Times as people type them; which runs came after one; and the question before several files come back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from bisync.tasks import _consent

from bisync.core.as_of import Did
from bisync.errors import Declined, UsageError
from bisync.report.screen import Screen
from bisync.sync import back_then
from bisync.sync.moments import Moment, read
from bisync.sync.trash import Kept

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("word", "utc"),
    [
        ("2026-11-20", "2026-11-19T23:00:00"),
        ("2026-06-20", "2026-06-19T22:00:00"),
        ("2026-11-20 10:15", "2026-11-20T09:15:00"),
        ("2026-11-20T10:15:30", "2026-11-20T09:15:30"),
        ("2026-11-20T10:15:30Z", "2026-11-20T10:15:30"),
        ("2026-11-20t10:15:30.5z", "2026-11-20T10:15:30.500000"),
        ("2026-11-20T10:15:30-05:00", "2026-11-20T15:15:30"),
        ("2026-11-20 10:15:30 +02:00", "2026-11-20T08:15:30"),
        ("2h", "2026-11-22T08:15:00"),
        ("2 hours ago", "2026-11-22T08:15:00"),
        ("1 hour ago", "2026-11-22T09:15:00"),
        ("90 min", "2026-11-22T08:45:00"),
        ("30m", "2026-11-22T09:45:00"),
        ("45 seconds ago", "2026-11-22T10:14:15"),
        (" 3d ", "2026-11-19T10:15:00"),
        ("2 Weeks ago", "2026-11-08T10:15:00"),
        ("0s", "2026-11-22T10:15:00"),
    ],
)
def test_a_time(word: str, utc: str) -> None:
    moment = read(word, NOW)

    assert moment.run is None and moment.time is not None
    assert datetime.fromtimestamp(moment.time, UTC).replace(tzinfo=None).isoformat() == utc


@pytest.mark.parametrize("word", ["20261122T101500Z-3f2a7c-laptop", "20261122T101500Z", "20261122T10"])
def test_a_run(word: str) -> None:
    assert read(word, NOW) == Moment(word, run=word)


@pytest.mark.parametrize(
    "word",
    ["", "yesterday", "2", "2026", "20261122", "2026-02-31", "2026-11-20 25:00", "10:15", "2 moons ago", "-2h", "2h30",
     "999999999 weeks", "0001-01-01", "1.5h", "2026-11-20T10:15+1", "../x", "ago", "2 hourss", "20261122X"],
)  # fmt: skip
def test_what_is_no_time(word: str) -> None:
    with pytest.raises(UsageError, match="--at takes a time or a run, not") as refused:
        read(word, NOW)
    assert "--at 2h" in str(refused.value.hint)


@pytest.mark.parametrize("word", ["2026-11-22 11:16", "2027-01-01", "9999-12-31"])
def test_a_time_that_has_not_come(word: str) -> None:
    with pytest.raises(UsageError, match="has not come yet"):
        read(word, NOW)


# -- which runs came after ------------------------------------------------------------------------------

RUNS = [f"2026112{day}T101500Z-{day}f2a7c-laptop" for day in range(5)]
LINES = {
    RUNS[0]: {"run": RUNS[0], "at": "2026-11-20T10:15:05+00:00"},
    RUNS[1]: {"run": RUNS[1], "at": "2026-11-21T10:20:00+00:00"},
    # Idle runs in a row share a line, which goes by the first and the last of them.
    RUNS[3]: {"run": RUNS[3], "at": "2026-11-23T10:15:00+00:00", "first": "2026-11-22T12:00:00+00:00",
              "first_run": "20261122T120000Z-000000"},
}  # fmt: skip


def since(moment: Moment) -> tuple[list[str], str | None]:
    after, _, run = back_then.after(moment, RUNS, LINES, "notes")
    return [one for one in RUNS if one in after], run


def at(text: str) -> Moment:
    return Moment(text, time=datetime.fromisoformat(f"{text}+00:00").timestamp())


def test_a_run_that_ended_later_came_after() -> None:
    assert since(at("2026-11-20T10:15:05")) == (RUNS[1:], None)
    assert since(at("2026-11-21T10:16:00")) == (RUNS[1:], None)  # under way just then
    assert since(at("2026-11-21T10:20:00")) == (RUNS[2:], None)
    # Of one that has no line (a restore), its beginning counts.
    assert since(at("2026-11-22T10:16:00")) == (RUNS[3:], None)
    assert since(at("2026-12-01T00:00:00")) == ([], None)


def test_after_a_run_come_those_after_it() -> None:
    assert since(Moment("", run=RUNS[1])) == (RUNS[2:], RUNS[1])
    assert since(Moment("", run=RUNS[2][:16])) == (RUNS[3:], RUNS[2])
    assert since(Moment("", run="20261122T12")) == (RUNS[4:], RUNS[3])
    for run, says in (("20261122T", "2 runs begin with"), ("20200101T", "no run in the history begins with")):
        with pytest.raises(UsageError, match=says):
            since(Moment("", run=run))


def test_before_the_history_nothing_is_known() -> None:
    with pytest.raises(UsageError, match="the history of this device begins at 2026-11-20T11:15:05"):
        since(at("2026-11-20T10:15:04"))
    with pytest.raises(UsageError, match="no run yet"):
        back_then.after(at("2026-11-20T10:15:04"), [], {}, "notes")


def test_a_run_without_a_time_is_by_its_name() -> None:
    assert since(at("2026-11-23T10:16:00")) == (RUNS[4:], None)
    after, _, _ = back_then.after(at("2026-11-23T10:16:00"), ["odd", RUNS[0]], LINES, "notes")
    assert after == set()


# -- what is told of a run --------------------------------------------------------------------------------


def test_what_a_line_says() -> None:
    line = {
        "paths": {
            "uploaded": ["u.md"], "downloaded": ["e\u0301.md"], "deleted_local": ["l.md"], "deleted_cloud": ["c.md"],
            "merged": ["m.md"],
            "renamed": [{"path": "o.md", "to": "n.md"}, {"path": "x.md", "to": None}, "y.md"],
        },
        "conflicts": [{"path": "k.md", "copies": ["k.md.conflict1"], "winner": "local"}],
    }  # fmt: skip

    assert back_then.did("r", line, whole=True) == Did(
        "r",
        came=frozenset({"u.md", "\u00e9.md", "k.md.conflict1"}),
        went=frozenset({"l.md", "c.md"}),
        renamed={"o.md": "n.md"},
        contested=frozenset({"k.md", "m.md"}),
    )
    assert not back_then.did("r", {**line, "more_paths": 1}, whole=True).whole
    assert back_then.did("r", None, whole=True) == Did("r", recorded=False)


def test_what_is_kept_and_was_nobodys_file() -> None:
    def kept(path: str) -> Kept:
        return Kept(run="r", side="local", path=path, size=1)

    found = [
        kept(one) for one in ("a.md", "a.md~", "b.md~", ".basic-memory/x", "c.md.1a2b3c.bisync-partial", "d")
    ]

    assert [one.path for one in back_then.files(found)] == ["a.md", "b.md~", "d"]


# -- the question -----------------------------------------------------------------------------------------


def test_several_files_need_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    screen = Screen()
    monkeypatch.setattr(screen, "ask", lambda text: asked.append(text) or text.startswith("yes"))
    monkeypatch.setattr(_consent, "on_terminal", lambda stream: False)
    _consent.go_ahead(screen, "yes? ", "many", yes=True)
    with pytest.raises(UsageError, match="many") as nobody:
        _consent.go_ahead(screen, "yes? ", "many", yes=False)
    assert "--yes" in str(nobody.value.hint) and asked == []

    monkeypatch.setattr(_consent, "on_terminal", lambda stream: True)
    _consent.go_ahead(screen, "yes? ", "many", yes=False)
    with pytest.raises(Declined) as declined:
        _consent.go_ahead(screen, "no? ", "many", yes=False)
    assert (asked, declined.value.exit_code) == (["yes? ", "no? "], 4)

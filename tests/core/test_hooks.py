"""Which hooks follow a run, and what they are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync.config import EmbeddedTenant, Sync
from bisync.core import hooks
from bisync.core.result import Conflict, Outcome, Tally

pytestmark = pytest.mark.pure

TENANT = EmbeddedTenant(name="team", tenant_id="team-1", storage=Path("/s"))
SYNC = Sync(name="notes", tenant=TENANT, dir=Path("/home/me/notes"))
ABOUT = hooks.About(run="20261122T101500Z-3f2a7c", profile="safe", remote="r:b/")


def conflicts(*paths: str) -> list[Conflict]:
    return [Conflict(path=path, copies=(f"{path}.conflict1",), winner="local") for path in paths]


@pytest.mark.parametrize(
    ("outcome", "done", "expected"),
    [
        (Outcome.IDLE, Tally(), ("after_sync",)),
        (Outcome.DONE, Tally(), ("after_sync",)),
        (Outcome.DONE, Tally(uploaded={"a"}), ("on_change", "after_sync")),
        (Outcome.DONE, Tally(downloaded={"a"}), ("on_change", "after_sync")),
        (Outcome.DONE, Tally(deleted_local={"a"}), ("on_change", "after_sync")),
        (Outcome.DONE, Tally(deleted_cloud={"a"}), ("on_change", "after_sync")),
        (Outcome.DONE, Tally(renamed={"a"}), ("on_change", "after_sync")),
        (Outcome.DONE, Tally(conflicts=conflicts("a")), ("on_conflict", "on_change", "after_sync")),
        # Ignore rules that came first, and then nothing else to do.
        (Outcome.IDLE, Tally(downloaded={".bmignore"}), ("on_change", "after_sync")),
        (Outcome.REFUSED, Tally(), ("on_failure",)),
        (Outcome.FAILED, Tally(), ("on_failure",)),
        (Outcome.FAILED, Tally(uploaded={"a"}), ("on_change", "on_failure")),
        (Outcome.FAILED, Tally(conflicts=conflicts("a")), ("on_conflict", "on_change", "on_failure")),
    ],
)
def test_what_follows_a_run(outcome: Outcome, done: Tally, expected: tuple[str, ...]) -> None:
    assert hooks.afterwards(outcome, done) == expected


def test_every_hook_of_the_manifest_has_its_time() -> None:
    done = Tally(conflicts=conflicts("a"))
    run = {name for outcome in Outcome for name in hooks.afterwards(outcome, done)}

    assert {hooks.BEFORE, *run} == set(SYNC.hooks.__dataclass_fields__) - {"timeout"}


def test_every_variable_is_known_and_no_other() -> None:
    told = {**hooks.facts("on_conflict", SYNC, ABOUT), **hooks.outcome_facts(Outcome.DONE, None, Tally())}

    assert told.keys() | {hooks.PATHS_FILE} == hooks.VARIABLES


def test_what_a_hook_is_told() -> None:
    done = Tally(
        uploaded={"a", "b", "m"}, downloaded={"c"}, deleted_local={"d"}, renamed={"e"}, merged={"m"},
        conflicts=conflicts("f"),
    )  # fmt: skip

    assert hooks.facts("on_change", SYNC, ABOUT) == {
        "BISYNC_HOOK": "on_change",
        "BISYNC_SYNC": "notes",
        "BISYNC_TENANT": "team",
        "BISYNC_DIR": "/home/me/notes",
        "BISYNC_REMOTE": "r:b/",
        "BISYNC_PROFILE": "safe",
        "BISYNC_RUN": "20261122T101500Z-3f2a7c",
    }
    assert hooks.outcome_facts(Outcome.FAILED, "no\nnetwork", done) == {
        "BISYNC_OUTCOME": "failed",
        "BISYNC_ERROR": "no\nnetwork",
        "BISYNC_UPLOADED": "2",
        "BISYNC_DOWNLOADED": "1",
        "BISYNC_DELETED_LOCAL": "1",
        "BISYNC_DELETED_CLOUD": "0",
        "BISYNC_RENAMED": "1",
        "BISYNC_MERGED": "1",
        "BISYNC_CONFLICTS": "1",
    }


def test_an_endless_error_is_cut() -> None:
    told = hooks.outcome_facts(Outcome.FAILED, "x" * 1_000_000, Tally())["BISYNC_ERROR"]

    assert len(told) == hooks.ERROR_LENGTH + 1 and told.endswith("x…")


def test_what_another_hook_was_told_is_not_passed_on() -> None:
    """A hook may call bisync, whose hooks are told of their own run alone; the user's own settings stay."""
    base = {"PATH": "/bin", "BISYNC_MANIFEST": "/m", "BISYNC_ERROR": "old", hooks.PATHS_FILE: "/gone"}

    assert hooks.environment(base, {"BISYNC_RUN": "a\0b\nc"}) == {
        "PATH": "/bin",
        "BISYNC_MANIFEST": "/m",
        "BISYNC_RUN": "a\\x00b\nc",
    }


@pytest.mark.parametrize(
    ("fs", "told"),
    [
        ("basic-memory-team:bucket/", "basic-memory-team:bucket/"),
        ("/mnt/a,b/", "/mnt/a,b/"),
        (":webdav,url='https://x',pass=hidden:notes/", "the store"),
        ("nas,pass=hidden:notes/", "the store"),
    ],
)
def test_a_remote_that_spells_out_its_password_is_not_told(fs: str, told: str) -> None:
    assert hooks.named_remote(fs, "the store") == told


def test_contested_paths_are_lines() -> None:
    """rclone's ␉ is a tab, ‛␉ is the picture itself; a line break would break the list."""
    odd = conflicts("b c.md", "a␉b.md", "ünï ☂.md", "b c.md", "‛␉.md", "x␊y.md", "-rf.md")

    assert hooks.conflict_paths(odd) == "-rf.md\na\tb.md\nb c.md\nx␊y.md\nünï ☂.md\n␉.md\n"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain\r", "plain"),
        ("a\tb", "a       b"),
        ("\x1b[31mred\x1b[0m\x07", r"\x1b[31mred\x1b[0m\x07"),
        ("50%\r100%", r"50%\r100%"),
    ],
)
def test_what_a_hook_says_is_foreign_text(line: str, shown: str) -> None:
    assert hooks.shown_line(line) == shown


def test_a_long_command_is_one_short_line() -> None:
    assert hooks.shortened("a\nb") == r"a\nb"
    assert len(hooks.shortened("x" * 1000)) == hooks.SHOWN_LENGTH + 1

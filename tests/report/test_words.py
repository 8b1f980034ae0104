"""What a person reads, line by line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bisync.actions.check import CheckResult
from bisync.actions.conflicts import AllSettled
from bisync.config import Manifest
from bisync.core.result import Finding
from bisync.errors import BisyncError, UsageError
from bisync.ignore import LintWarning
from bisync.report import conflict_words, resolve_words, setup_words, words
from bisync.report.words import Line, Painted, Problem
from bisync.sync.setup import SetupResult
from tests.support import results

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RUN = results.RUN


# -- single words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files")])
def test_files(count: int, text: str) -> None:
    assert words.files(count) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        ((1 << 20) - 1, "1024.0 KiB"),
        (1 << 20, "1.0 MiB"),
        (1 << 30, "1.0 GiB"),
        (1 << 40, "1.0 TiB"),
        (1 << 50, "1024.0 TiB"),
    ],
)
def test_size_text(size: int, text: str) -> None:
    assert words.size_text(size) == text


@pytest.mark.parametrize(
    ("then", "text"),
    [
        (None, "never"),
        ("2026-11-22T12:00:00+00:00", "just now"),
        ("2026-11-22T11:59:01+00:00", "just now"),
        ("2026-11-22T11:59:00+00:00", "1 minute ago"),
        ("2026-11-22T11:00:01+00:00", "59 minutes ago"),
        ("2026-11-22T11:00:00+00:00", "1 hour ago"),
        ("2026-11-21T12:00:01+00:00", "23 hours ago"),
        ("2026-11-21T12:00:00+00:00", "1 day ago"),
        ("2026-11-01T12:00:00+00:00", "21 days ago"),
        ("2026-11-22T12:00:00+01:00", "1 hour ago"),
        ("2026-11-23T12:00:00+00:00", "just now"),
    ],
)
def test_ago(then: str | None, text: str) -> None:
    assert words.ago(then, NOW) == text


@pytest.mark.parametrize(
    ("path", "text"),
    [("/home/me/notes", "~/notes"), ("/home/me/a/b", "~/a/b"), ("/home/meg/x", "/home/meg/x"), ("/x", "/x")],
)
def test_home_text(path: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")

    assert words.home_text(Path(path)) == text


# -- setting up -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "dry_run", "lines"),
    [
        (results.setup_result(), False, []),
        (
            results.setup_result("ok", "changed", "ok"),
            False,
            [
                "✓ rclone       ok       about rclone",
                "+ sync dir     changed  about sync dir",
                "✓ baseline     ok       about baseline",
            ],
        ),
        (
            results.setup_result("ok", "would change"),
            True,
            ["✓ rclone       ok            about rclone", "+ sync dir     would change  about sync dir"],
        ),
        (
            results.setup_result("ok", "failed"),
            False,
            [
                "✓ rclone       ok       about rclone",
                "✗ sync dir     failed",
                Problem("sync dir: about sync dir", "do it"),
            ],
        ),
    ],
)
def test_setup_lines(result: SetupResult, dry_run: bool, lines: list[Line]) -> None:
    assert setup_words.setup_lines(result, dry_run=dry_run) == lines


@pytest.mark.parametrize(
    ("dry_run", "code", "lines"),
    [
        (False, 0, ["Ready. Next: bisync sync"]),
        (False, 1, []),
        (True, 0, ["Nothing was changed (dry run)."]),
        (True, 1, ["Nothing was changed (dry run)."]),
    ],
)
def test_ready_lines(dry_run: bool, code: int, lines: list[str]) -> None:
    assert setup_words.ready_lines(dry_run=dry_run, code=code) == lines


def test_validate_lines() -> None:
    manifest = Manifest(
        path=Path("/b.yaml"), files=(), digest="", tenants=(), syncs=(), profiles=(), ignore=(), ignore_files=(),
        watch_interval=60, keep_days=30, mount_dir=Path("/m"), state_dir=Path("/s"), rclone_binary=None,
        rclone_config=Path("/r"),
    )  # fmt: skip
    odd = LintWarning("b.yaml: ignore", 1, "*", "ignores everything", "name what to ignore")

    assert list(words.validate_lines(manifest, [])) == ["OK: /b.yaml (0 syncs, 0 tenants)"]
    assert list(words.validate_lines(manifest, [odd])) == [
        "warning: b.yaml: ignore:1: '*' ignores everything; name what to ignore",
        "OK: /b.yaml (0 syncs, 0 tenants)",
    ]


# -- looking --------------------------------------------------------------------------------------------


def test_status_rows() -> None:
    assert words.status_rows(results.status(), NOW) == [
        ("Status", "✓ Initialized", "green"),
        ("Local Directory", "/data/notes", None),
        ("Remote", "s3://notes-bucket", None),
        ("Profile", "balanced", None),
        ("Last Sync", "2 hours ago", None),
        ("Total Projects", "2", None),
        ("Storage Used", "2.0 KiB", None),
        ("Conflicts", "0", None),
    ]


def test_status_rows_of_a_sync_in_trouble() -> None:
    rows = words.status_rows(
        results.status(
            initialised=False, last_sync=None, running=True, conflicts=1, keeps_cloud_versions=False,
            left_out=("a", "b"), blocked="no baseline yet; type: bisync setup",
        ),
        NOW,
    )  # fmt: skip

    assert rows[0] == ("Status", "✗ Not initialized", "red")
    assert rows[4] == ("Last Sync", "never (one is running)", None)
    assert rows[7:] == [
        ("Conflicts", "1", "yellow"),
        ("Old Versions", "not kept in the cloud: this remote cannot move files", "yellow"),
        ("Left Out", "a, b", "yellow"),
        ("Blocked", "no baseline yet; type: bisync setup", "red"),
    ]


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        (results.check_result(match=3), ["✓ Both sides are equal: 3 files match"]),
        (
            results.check_result(match=3, by_size_only=2),
            [
                "✓ Both sides are equal: 3 files match",
                "  2 files compared by size alone, as the cloud has no hash of them; to compare contents: "
                "bisync check --download",
            ],
        ),
        (
            results.check_result(
                match=1, differ=("d",), missing_local=("l",), missing_cloud=("c", "c2"), errors=("e",)
            ),
            [
                "  differs: d",
                "  missing here: l",
                "  missing in the cloud: c",
                "  missing in the cloud: c2",
                "  cannot be read: e",
                "✗ 5 of 6 files are not in sync; see: bisync plan",
            ],
        ),
        (
            results.check_result(match=1, errors=("e",)),
            ["  cannot be read: e", "✗ 1 of 2 files is not in sync; see: bisync plan"],
        ),
        (
            results.check_result(error=BisyncError("the sync dir is gone", hint="mount it")),
            [Problem("the sync dir is gone", "mount it")],
        ),
    ],
)
def test_check_lines(result: CheckResult, lines: list[Line]) -> None:
    assert words.check_lines(result) == lines


def test_doctor_lines() -> None:
    findings = [
        Finding(about="rclone", level="ok", text="1.75.2"),
        Finding(about="notes", level="warning", text="the last run was killed", cure="type: bisync sync"),
        Finding(about="rclone.conf", level="problem", text="anybody can read it", cure="chmod 600 it"),
    ]

    assert words.doctor_lines(findings) == [
        "✓ rclone: 1.75.2",
        "! notes: the last run was killed",
        "    → type: bisync sync",
        "✗ rclone.conf: anybody can read it",
        "    → chmod 600 it",
    ]


def test_explain_lines() -> None:
    found = [
        results.explanation(),
        results.explanation(synced=True),
        results.explanation(synced=True, ruled=False),
    ]

    assert words.explain_lines(found) == [
        "a.log: ignored (.bmignore:4: *.log)",
        "a.log: synced (.bmignore:4: *.log)",
        "a.log: synced (no rule speaks about it)",
    ]


# -- conflicts and trash --------------------------------------------------------------------------------


def test_conflicts_lines() -> None:
    then = words.clock_text("2026-11-22T10:00:00+00:00")
    assert conflict_words.conflicts_lines([]) == ["No conflicts."]
    assert conflict_words.conflicts_lines([results.conflict_group()]) == [
        "ideas.md (notes)",
        f"  {then}         4 B  ideas.md  laptop (this device)",
        f"  {then}     2.0 KiB  ideas.md.conflict1",
        "  Settle it with: bisync resolve ideas.md --keep local|cloud|newer|both",
    ]


def test_what_is_different_in_conflict_copies() -> None:
    [head, *versions, settle] = conflict_words.conflicts_lines([results.conflict_group()])
    head_of_both = [
        "--- ideas.md\t(2026-11-22T10:00:00+00:00, laptop (this device))",
        "+++ ideas.md.conflict1\t(2026-11-22T10:00:00+00:00)",
    ]
    for texts, lines in (
        (("a\n", "b\n"), [*head_of_both, "@@ -1 +1 @@", "-a", "+b"]),
        (("a", "\0"), ["  ideas.md and ideas.md.conflict1:", "  Binary files differ (1 B -> 1 B)"]),
        (("a", "a"), ["  ideas.md and ideas.md.conflict1:", "  the text is the same (1 B -> 1 B)"]),
        ((None, "a"), ["  ideas.md and ideas.md.conflict1:", "  not shown: it is gone"]),
        (("a",), ["  Nothing else lies here to compare it with."]),
    ):
        said = conflict_words.conflicts_lines([results.compared_group(*texts)])
        assert [line.text if isinstance(line, Painted) else line for line in said] == [
            head, *versions, *lines, settle,
        ]  # fmt: skip


def test_resolve_lines() -> None:
    assert resolve_words.resolve_lines(results.settled()) == [
        "✓ Resolved ideas.md: kept ideas.md",
        "  Next: bisync sync",
    ]
    assert resolve_words.resolve_lines(results.settled("x.conflict1", "x.conflict2")) == [
        "✓ Resolved ideas.md: kept ideas.md",
        f"  in the trash (run {RUN}): x.conflict1, x.conflict2",
        "  Next: bisync sync",
    ]


def test_resolve_lines_of_several() -> None:
    refused = (("b.md", UsageError("b.md: whose?", hint="choose by time")),)
    assert resolve_words.resolve_all_lines(
        AllSettled(settled=(results.settled(), results.settled("x")), refused=refused)
    ) == [
        "✓ Resolved ideas.md: kept ideas.md",
        "✓ Resolved ideas.md: kept ideas.md",
        f"  in the trash (run {RUN}): x",
        Problem("b.md: whose?", "choose by time"),
        "  Next: bisync sync",
    ]
    assert resolve_words.resolve_all_lines(AllSettled(settled=(), refused=refused)) == [
        Problem("b.md: whose?", "choose by time")
    ]
    assert resolve_words.resolve_all_lines(AllSettled(settled=(), refused=())) == ["No conflicts."]


def test_prune_lines() -> None:
    files = (("a.log", 1), ("b.log", 2047))

    assert words.prune_lines(results.pruned()) == ["nothing in the cloud is ignored"]
    assert words.prune_lines(results.pruned(*files)) == [
        "         1 B  a.log",
        "     2.0 KiB  b.log",
        "2 in the cloud (2.0 KiB). Remove them there with: bisync prune --yes",
    ]
    assert words.prune_lines(results.pruned(*files, run=RUN))[-1] == (
        f"✓ Pruned 2 from the cloud (2.0 KiB); kept in its trash (run {RUN})"
    )

"""A process that stays tells by fingerprints that nothing is new; whatever is new is found all the same."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bisync.app import App
from bisync.core.result import Outcome, SyncResult
from bisync.sync import hashing, quiet, run
from bisync.sync.memory import Memory
from tests.support.world import S3, Device, serve_s3

WAIT = hashing.RACY_NS / 1e9 + 0.05
"""A file is vouched for once it is so old."""


class Stays:
    """A device as a process that stays has it: all in order, and looked at in earnest."""

    def __init__(self, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
        self.device, self.memory, self.earnest = device, Memory(), 0
        self.app = device.app()
        look = run.prepare

        def counted(*args: object, **options: object) -> object:
            self.earnest += 1
            return look(*args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(run, "prepare", counted)
        device.write("note.md", "first\n")
        device.write("folder/deep.md", "deep\n")
        device.write("secret.log", "ignored\n")
        device.write(".bmignore", "*.log\nbuild/\n")
        assert self.look().uploaded == 3
        self.settle()

    def look(self, app: App | None = None) -> SyncResult:
        self.earnest = 0
        return self.device.sync(app=app or self.app, memory=self.memory)

    def settle(self) -> None:
        time.sleep(WAIT)
        assert self.look().outcome is Outcome.IDLE
        assert self.memory.quiet is not None


@pytest.fixture
def stays(laptop: Device, monkeypatch: pytest.MonkeyPatch) -> Stays:
    return Stays(laptop, monkeypatch)


def test_where_nothing_is_new_no_side_is_looked_at_in_earnest(stays: Stays) -> None:
    for _ in range(3):
        result = stays.look()
        assert (result.outcome, result.exit_code, stays.earnest) == (Outcome.IDLE, 0, 0)
    runs = [one["run"] for one in stays.device.history()]
    assert result.run == runs[-1] and len(set(runs)) == len(runs)


def _same_size_and_time(device: Device) -> None:
    path = device.notes / "note.md"
    before = path.stat()
    path.write_text("other\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, tuple[Callable[[Device, S3], object], tuple[int, int]]] = {
    "new file": (lambda d, s: d.write("new.md", "new\n"), (1, 0)),
    "edit": (lambda d, s: d.write("folder/deep.md", "deeper\n"), (1, 0)),
    "edit of the same size and time": (lambda d, s: _same_size_and_time(d), (1, 0)),
    "deletion": (lambda d, s: (d.notes / "note.md").unlink(), (0, 0)),
    "rename": (lambda d, s: (d.notes / "note.md").rename(d.notes / "moved.md"), (0, 0)),
    "new folder": (lambda d, s: d.write("more/new.md", "new\n"), (1, 0)),
    "other rules": (lambda d, s: d.write(".bmignore", "build/\n"), (2, 0)),
    "rules of the machine": (lambda d, s: _machine_rules(d, "folder/\n"), (0, 0)),
    "new in the cloud": (lambda d, s: s.put("there.md", "there\n"), (0, 1)),
    "edited in the cloud": (lambda d, s: s.put("note.md", "there\n"), (0, 1)),
    "deleted in the cloud": (lambda d, s: s.delete("folder/deep.md"), (0, 0)),
}  # fmt: skip


def _machine_rules(device: Device, text: str) -> None:
    path = device.app().ignore_file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_new_is_found(change: str, stays: Stays, s3: S3) -> None:
    make, (up, down) = CHANGES[change]
    make(stays.device, s3)
    result = stays.look()
    assert stays.earnest == 1 or change in ("new in the cloud", "edited in the cloud", "other rules")
    assert stays.earnest
    assert (result.error, result.outcome) == (None, Outcome.DONE)
    assert (result.uploaded, result.downloaded) == (up, down)
    time.sleep(WAIT)
    assert stays.look().outcome is Outcome.IDLE
    assert stays.earnest
    assert stays.look().outcome is Outcome.IDLE
    assert not stays.earnest


def test_what_is_ignored_may_change_unseen(stays: Stays) -> None:
    stays.device.write("secret.log", "longer, and ignored\n")
    assert stays.look().outcome is Outcome.IDLE
    assert not stays.earnest


def test_a_file_that_was_just_written_is_looked_at_until_it_is_old_enough(
    stays: Stays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "RACY_NS", 3600 * 10**9)
    stays.device.write("note.md", "just now\n")
    assert stays.look().uploaded == 1
    assert stays.look().outcome is Outcome.IDLE
    assert stays.memory.quiet is None


def test_what_is_left_out_is_said_each_time(stays: Stays) -> None:
    stays.device.write("x" * 250 + ".md", "its conflict copy has no name\n")
    link = stays.device.notes / "link.md"
    link.symlink_to("note.md")
    first = stays.look()
    time.sleep(WAIT)
    second, third = stays.look(), stays.look()
    assert not stays.earnest
    assert (third.left_out, third.exit_code) == (second.left_out, second.exit_code)
    assert first.left_out == third.left_out


def test_a_sync_typed_meanwhile_makes_it_look(stays: Stays) -> None:
    stays.device.write("note.md", "typed\n")
    assert stays.device.sync().uploaded == 1
    assert stays.look().outcome is Outcome.IDLE
    assert stays.earnest


def test_another_configuration_makes_it_look(stays: Stays) -> None:
    assert stays.look(stays.device.app()).outcome is Outcome.IDLE
    assert stays.earnest


def test_a_baseline_that_is_gone_makes_it_look(stays: Stays) -> None:
    (stays.device.state / "baseline.json").unlink()
    assert stays.look().error is None
    assert stays.earnest


def test_after_an_hour_it_looks_in_earnest(stays: Stays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "GOOD_SECONDS", 0.0)
    assert stays.look().outcome is Outcome.IDLE
    assert stays.earnest


@pytest.mark.own_server
def test_a_cloud_that_does_not_answer_fails_the_run(stays: Stays, s3: S3) -> None:
    assert s3.process is not None
    s3.process.kill()
    s3.process.wait()
    assert stays.look().error is not None


def test_pages_in_another_order_are_the_same_listing(tmp_path: Path) -> None:
    from bisync.sync.cloud_listing import CloudListing

    with serve_s3(tmp_path / "cloud") as server:
        device = Device(tmp_path / "home", server)
        device.setup()
        app = device.app()
        with app.session(app.manifest.syncs[0]) as session:

            def listed(*lines: str) -> CloudListing:
                listing = CloudListing(session, fingerprinted=True)
                text = "[\n" + ",\n".join(lines) + "\n]\n"
                listing.feed(text[:9].encode())
                listing.feed(text[9:].encode())
                return listing

            one, other = (
                json.dumps({"Path": path, "Size": 1, "ModTime": "2026-01-02T03:04:05Z"}) for path in "ab"
            )
            first = listed(one, other)
            first.read()
            before = first.fingerprint
            assert before is not None
            assert listed(one, other).is_like(before)
            assert listed(other, one).is_like(before)
            assert not listed(one).is_like(before)
            assert not listed(one, other, other).is_like(before)


def test_a_listing_that_comes_as_before_is_not_sorted(stays: Stays, monkeypatch: pytest.MonkeyPatch) -> None:
    from bisync.sync.cloud_listing import CloudListing

    monkeypatch.delattr(CloudListing, "_in_order")
    assert (stays.look().error, stays.earnest) == (None, 0)

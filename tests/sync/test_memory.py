"""A process that stays goes by what it knows of the cloud; whoever has changed it meanwhile loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bisync.core.result import Outcome, SyncResult
from bisync.sync.memory import Memory
from tests.support.proxy import Proxy, Status, proxied
from tests.support.race import Devices
from tests.support.world import S3


@pytest.fixture
def pair(moto: S3, tmp_path: Path) -> Iterator[Devices]:
    with proxied(moto) as one, proxied(moto) as other:
        yield Devices(tmp_path, (one, other))


class Stays:
    """The laptop as a process that stays has it."""

    def __init__(self, pair: Devices) -> None:
        self.device, self.proxy = pair.a, pair.proxies[0]
        self.memory = Memory()
        assert self.run(glance=False).outcome is Outcome.IDLE

    def run(self, *, glance: bool = True, **options: Any) -> SyncResult:
        self.proxy.reset()
        return self.device.sync(memory=self.memory, glance=glance, **options)

    @property
    def listed(self) -> bool:
        """Whether the last run has listed the whole bucket."""
        return listed(self.proxy)


def listed(proxy: Proxy) -> bool:
    return any(
        one.kind == "LIST" and "delimiter" not in one.query and one.query.endswith("prefix=")
        for one in proxy.seen
    )


@pytest.fixture
def stays(pair: Devices) -> Stays:
    made = Stays(pair)
    assert made.listed
    return made


def test_a_saved_note_needs_no_listing(stays: Stays, pair: Devices) -> None:
    for number in range(3):
        stays.device.write("note.md", f"save {number}\n")
        stays.device.write(f"new{number}.md", f"new {number}\n")
        result = stays.run()
        assert (result.outcome, result.uploaded) == (Outcome.DONE, 2)
        assert not stays.listed and stays.memory.glanced
    (stays.device.notes / "new0.md").unlink()
    (stays.device.notes / "new1.md").rename(stays.device.notes / "moved.md")
    result = stays.run()
    assert (result.deleted_cloud, result.renamed) == (1, 1) and not stays.listed
    assert stays.run().outcome is Outcome.IDLE and not stays.listed
    assert stays.run(glance=False).outcome is Outcome.IDLE and stays.listed
    assert pair.b.sync().error is None
    assert pair.b.tree() == stays.device.tree()


def test_what_a_foreign_writer_did_meanwhile_is_kept(stays: Stays, pair: Devices, moto: S3) -> None:
    moto.put("note.md", "the web app's, longer\n")
    moto.put("foreign.md", "new there\n")
    stays.device.write("note.md", "mine\n")
    assert stays.run().error is None
    tree = pair.settle()
    assert {"mine\n", "the web app's, longer\n", "new there\n"} <= set(tree.values())


def test_what_was_deleted_meanwhile_and_edited_here_is_kept(stays: Stays, pair: Devices, moto: S3) -> None:
    moto.delete("note.md")
    stays.device.write("note.md", "mine\n")
    assert stays.run().error is None
    assert stays.listed, "rclone's own guard stopped it, and it looked again"
    assert pair.settle() == {"note.md": "mine\n"}


def test_what_was_edited_meanwhile_and_deleted_here_is_kept(stays: Stays, pair: Devices, moto: S3) -> None:
    stays.device.write("other.md", "so that not all is gone\n")
    stays.run()
    moto.put("note.md", "the web app's, longer\n")
    (stays.device.notes / "note.md").unlink()
    stays.run()
    assert pair.settle()["note.md"] == "the web app's, longer\n"


def test_where_another_device_has_been_at_work_it_looks_again(stays: Stays, pair: Devices) -> None:
    pair.b.write("note.md", "the desktop's, longer\n")
    assert pair.b.sync().error is None
    stays.device.write("other.md", "mine\n")
    result = stays.run()
    assert (result.uploaded, result.downloaded) == (1, 1)
    assert stays.listed
    assert stays.device.tree() == {"note.md": "the desktop's, longer\n", "other.md": "mine\n"}


def test_after_a_sync_of_somebody_else_here_it_looks_again(stays: Stays) -> None:
    stays.device.write("other.md", "typed\n")
    assert stays.device.sync().uploaded == 1
    stays.device.write("note.md", "mine\n")
    assert stays.run().uploaded == 1
    assert stays.listed
    assert stays.run(glance=False).outcome is Outcome.IDLE


def test_after_a_run_that_failed_it_looks_again(stays: Stays) -> None:
    stays.device.write("note.md", "mine\n")
    stays.proxy.on("PUT", Status(403, "AccessDenied"))
    assert stays.run().error is not None
    stays.proxy.clear()
    assert stays.run().uploaded == 1
    assert stays.listed


def test_other_ignore_rules_make_it_look_again(stays: Stays, pair: Devices) -> None:
    stays.device.write("a.log", "text\n")
    assert stays.run().uploaded == 1
    stays.device.write(".bmignore", "*.log\n")
    assert stays.run().error is None
    assert stays.listed
    stays.device.write("b.log", "hidden\n")
    stays.device.write("note.md", "mine\n")
    assert stays.run().uploaded == 1
    assert pair.b.sync().error is None
    assert "b.log" not in pair.b.tree()


def test_what_somebody_writes_to_waits(stays: Stays) -> None:
    stays.device.write("note.md", "mine\n")
    stays.device.write("growing.log", "a line\n")
    result = stays.run(unsettled=frozenset({"growing.log"}))
    assert result.uploaded == 1
    assert stays.run().uploaded == 1

"""What the rclone of a lease lists is what a command of its own would have listed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bisync import process
from bisync.config import Compare
from bisync.core.metadata import LEASES
from bisync.errors import LeaseLost
from bisync.rclone.argv import File, delete_one_argv, list_argv, tree_argv
from bisync.rclone.lister import Lister
from bisync.rclone.output import Finished, Listed, read_listing
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote
from bisync.rclone.resident import Resident, resident
from tests.rclone.test_resident import reached
from tests.support.world import S3

FILES = {"a.md": "a", "d/b ä <&>.md": "bee", "d/c.log": "left out", f"{LEASES}1": "{}"}


@pytest.fixture
def here(s3: S3, tmp_path: Path) -> Iterator[tuple[Rclone, Remote, Resident]]:
    for name, text in FILES.items():
        s3.put(name, text)
    rclone, remote = reached(s3, tmp_path)
    with resident(rclone, remote) as there:
        yield rclone, remote, there


def listed(
    rclone: Rclone, remote: Remote, filters: Path, *, few: bool = True
) -> tuple[Finished, list[Listed]]:
    argv, heard, begun = (
        list_argv(remote, compare=Compare.CHECKSUM, filters=filters),
        list[bytes](),
        list[int](),
    )
    outcome = rclone.listed(argv, heard.append, remote=remote, meanwhile=lambda: begun.append(1), few=few)
    assert begun == [1], "what goes on meanwhile is done once, whoever lists"
    return outcome, sorted(read_listing(b"".join(heard).decode()))


@pytest.fixture
def filters(tmp_path: Path) -> Path:
    path = tmp_path / "filters"
    path.write_text("- *.log\n- /.basic-memory/**\n+ **\n")
    return path


def test_it_lists_what_a_command_lists(
    here: tuple[Rclone, Remote, Resident], filters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rclone, remote, there = here
    helped = rclone.helped_by(Lister(there, remote))
    plain = listed(rclone, remote, filters)[1]
    assert [one.path for one in plain] == [f"{LEASES}1", "a.md", "d/b ä <&>.md"]
    assert all(one.md5 for one in plain)

    with monkeypatch.context() as patched:
        patched.setattr(Rclone, "started", None)
        assert listed(helped, remote, filters)[1] == plain
    assert listed(helped, remote, filters, few=False)[1] == plain


def test_what_it_cannot_list_a_command_says(here: tuple[Rclone, Remote, Resident], filters: Path) -> None:
    rclone, remote, there = here
    helped = rclone.helped_by(Lister(there, remote))
    nowhere = Remote(fs="r:no-such-bucket/", can=remote.can, label="nowhere", env=remote.env)

    plain, said = listed(rclone, nowhere, filters)[0], listed(helped, nowhere, filters)[0]
    assert said == plain
    assert said.code != 0

    there._running.child.kill()
    assert listed(helped, remote, filters)[0].code == 0, "whether or not it is known yet that it has ended"
    while there.is_alive:
        time.sleep(0.01)
    argv = list_argv(remote, compare=Compare.CHECKSUM)
    assert Lister(there, remote).takes(argv, remote, whole=True) is None


def test_it_is_asked_for_nothing_but_listings_with_the_servers_times(
    here: tuple[Rclone, Remote, Resident],
) -> None:
    _, remote, there = here
    lister, other = Lister(there, remote), Remote(fs="r:x/", can=remote.can, label="x", env={"RCLONE_X": "y"})
    assert lister.takes(list_argv(remote, compare=Compare.STORED), remote, whole=True) is not None
    for argv, asked, whole in (
        (list_argv(remote, compare=Compare.STORED), remote, False),
        (list_argv(remote, compare=Compare.MODTIME), remote, True),
        (list_argv(other, compare=Compare.STORED), other, True),
        (tree_argv(remote.fs), remote, True),
        (delete_one_argv(File(remote.fs, "a.md")), remote, True),
    ):
        assert lister.takes(argv, asked, whole=whole) is None, argv


def test_neither_ctrl_c_nor_a_lost_lease_waits_for_its_answer(
    here: tuple[Rclone, Remote, Resident], filters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rclone, remote, there = here
    release = threading.Event()
    monkeypatch.setattr(there, "ask_at_length", lambda *_: release.wait(30))
    helped, began = rclone.helped_by(Lister(there, remote)), time.monotonic()
    argv = list_argv(remote, compare=Compare.CHECKSUM, filters=filters)
    try:
        with pytest.raises(KeyboardInterrupt):
            helped.listed(argv, lambda chunk: None, remote=remote, meanwhile=process.interrupt, few=True)
        process.resume()

        def lost() -> None:
            raise LeaseLost("asleep")

        helped = rclone.helped_by(Lister(there, remote, check=lost))
        with pytest.raises(LeaseLost, match="asleep"):
            helped.listed(argv, lambda chunk: None, remote=remote, meanwhile=lambda: None, few=True)
    finally:
        process.resume()
        release.set()
    assert time.monotonic() - began < 10

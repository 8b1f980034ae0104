"""The rclone that stands by does what commands do, and says what they say."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bisync.config import BUILTIN_PROFILES, Compare
from bisync.core.abilities import Abilities
from bisync.errors import LeaseLost
from bisync.events import Copied, Event
from bisync.process import Leash
from bisync.rclone import standby as module
from bisync.rclone.argv import (
    Argv,
    File,
    copy_argv,
    copy_one_argv,
    delete_listed_argv,
    delete_one_argv,
    fetch_argv,
    inside_argv,
    list_argv,
    look_argv,
    modtimes_argv,
    move_argv,
    move_listed_argv,
    tree_argv,
)
from bisync.rclone.calls import call_of
from bisync.rclone.output import Finished, read_listing
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote
from bisync.rclone.standby import Standby, standby
from tests.support.world import rclone_path

PROFILE = BUILTIN_PROFILES["safe"]
LIST = Path("/lists/names")


def remote(fs: str) -> Remote:
    return Remote(fs=fs, label=fs, can=Abilities())


@pytest.mark.pure
@pytest.mark.parametrize(
    "argv",
    [
        list_argv(remote("r:"), compare=Compare.STORED),
        tree_argv("r:"),
        delete_one_argv(File("r:", "x.md")),
        fetch_argv("r:", Path("/here"), LIST, profile=PROFILE),
        copy_argv("/here", "r:", LIST, profile=replace(PROFILE, bwlimit="1M")),
    ],
)
def test_what_lists_everything_or_needs_what_no_call_has_is_run_as_a_command(argv: Argv) -> None:
    assert call_of(argv) is None


@pytest.mark.pure
def test_of_a_flag_that_is_said_twice_neither_is_dropped() -> None:
    argv = list_argv(remote("r:"), compare=Compare.STORED)
    assert call_of(argv, whole=True) is not None
    assert call_of((*argv, "--filter", "- *.log"), whole=True) is None


@pytest.mark.pure
def test_a_command_keeps_its_meaning_as_a_call() -> None:
    call = call_of(copy_argv("/here", "r:", LIST, profile=PROFILE, width=4, backup="r:old"))
    assert call is not None
    assert call.path == "sync/copy"
    assert (call.params["srcFs"], call.params["dstFs"]) == ("/here", "r:")
    assert call.params["_filter"] == {"FilesFromRaw": [str(LIST)]}
    config = call.params["_config"]
    assert (config["IgnoreTimes"], config["BackupDir"]) == (True, "r:old")
    assert config["PartialSuffix"] == ".bisync-partial"


@pytest.mark.pure
def test_a_name_may_look_like_a_flag_or_hold_an_equals_sign() -> None:
    call = call_of(move_argv(File("r:", "--dry-run=x"), File("r:", "a=b")))
    assert call is not None
    assert (call.params["srcRemote"], call.params["dstRemote"]) == ("--dry-run=x", "a=b")


@pytest.mark.pure
@pytest.mark.parametrize(
    ("argv", "reads", "of_server"),
    [
        (look_argv(remote("r:"), LIST, compare=Compare.STORED), True, True),
        (look_argv(remote("r:"), LIST, compare=Compare.MODTIME), True, False),
        (modtimes_argv(remote("r:"), LIST), True, False),
        (copy_argv("r:", "/here", LIST, profile=PROFILE), True, False),
        (copy_argv("/here", "r:", LIST, profile=PROFILE), False, False),
        (move_argv(File("r:", "a"), File("r:", "b")), False, False),
    ],
)
def test_whose_times_a_call_is_about(argv: Argv, *, reads: bool, of_server: bool) -> None:
    call = call_of(argv)
    assert call is not None
    assert call.reads_times("r:") is reads
    assert call.server_times is of_server


class Twins:
    """Two equal worlds: in one commands are run, in the other one stands by for them."""

    def __init__(self, folder: Path) -> None:
        config = folder / "rclone.conf"
        config.touch()
        self.rclone = Rclone(binary=rclone_path(), config=config, version="", env=dict(os.environ))
        self.worlds = [folder / "plain", folder / "helped"]
        first = self.worlds[0]
        for name, text in {
            "here/a.md": "a",
            "here/d/b c.md": "b",
            "there/a.md": "old",
            "there/x.md": "x",
        }.items():
            (first / name).parent.mkdir(parents=True, exist_ok=True)
            (first / name).write_text(text)
        (first / "names").write_text("a.md\nd/b c.md\nnot there.md\n")
        shutil.copytree(first, self.worlds[1])

    def fs(self, world: Path) -> str:
        return f"{world}/there/"

    def plain(self, argv: Argv) -> tuple[Finished, list[Event]]:
        heard: list[Event] = []
        return self.rclone.run(argv, on_event=heard.append), heard

    def helped(self, argv: Argv, helper: Standby) -> tuple[Finished, list[Event]]:
        heard: list[Event] = []
        call = helper.takes(argv, None)
        assert call is not None
        return helper.run(call, heard.append, lambda: None), heard

    def tree(self, world: Path) -> dict[str, str]:
        return {str(one.relative_to(world)): one.read_text() for one in world.rglob("*") if one.is_file()}


@pytest.fixture
def twins(tmp_path: Path) -> Twins:
    return Twins(tmp_path)


@pytest.fixture
def helper(twins: Twins) -> Iterator[Standby]:
    found = remote(twins.fs(twins.worlds[1]))
    with standby(twins.rclone, found, server_times=False) as by:
        by.warm([found.fs])
        yield by


def commands(world: Path) -> list[Argv]:
    here, there, listed = f"{world}/here", f"{world}/there/", world / "names"
    return [
        copy_argv(here, there, listed, profile=PROFILE, width=4, backup=f"{there}old/1"),
        look_argv(remote(there), listed, compare=Compare.MODTIME),
        look_argv(remote(there), listed, compare=Compare.MODTIME, singly=True),
        inside_argv(remote(there), listed, compare=Compare.MODTIME),
        copy_one_argv(File(here, "a.md"), File(there, "B.md"), backup=f"{there}old/1"),
        copy_one_argv(File(here, "gone.md"), File(there, "B.md")),
        move_argv(File(there, "B.md"), File(there, "a.md"), backup=f"{there}old/2"),
        move_argv(File(there, "gone.md"), File(there, "a.md")),
        move_argv(File(there, "d"), File(there, "e.md")),
        move_listed_argv(there, f"{there}old/3", listed, profile=PROFILE),
        copy_argv(here, there, listed, profile=PROFILE),
        delete_listed_argv(there, listed, profile=PROFILE),
        look_argv(remote(f"{world}/nowhere/"), listed, compare=Compare.MODTIME),
    ]


def test_it_does_and_says_what_the_commands_do_and_say(twins: Twins, helper: Standby) -> None:
    plain, helped = twins.worlds
    for one, other in zip(commands(plain), commands(helped), strict=True):
        (said, heard), (told, overheard) = twins.plain(one), twins.helped(other, helper)
        assert told.code == said.code, one
        assert sorted(map(repr, _done(told.events))) == sorted(map(repr, _done(said.events))), one
        assert sorted(map(repr, _done(overheard))) == sorted(map(repr, _done(heard))), one
        if one[1] == "lsjson":
            assert _names(told) == _names(said), one
        assert twins.tree(helped) == twins.tree(plain), one


def _done(events: object) -> list[Event]:
    """What was done to files, and what went wrong with which."""
    assert isinstance(events, list | tuple)
    return [one for one in events if getattr(one, "path", None) is not None]


def _names(finished: Finished) -> list[str]:
    return sorted(one.path for one in read_listing(finished.stdout))


def test_what_follows_the_word_that_a_file_went_up_is_heard(twins: Twins, helper: Standby) -> None:
    """The log comes by another way than the answer."""
    world = twins.worlds[1]
    argv = copy_argv(f"{world}/here", f"{world}/there/", world / "names", profile=PROFILE)
    for _ in range(20):
        finished, _ = twins.helped(argv, helper)
        assert {one.path for one in finished.events if isinstance(one, Copied)} == {"a.md", "d/b c.md"}


def test_one_that_was_killed_is_not_asked_any_more(twins: Twins, helper: Standby) -> None:
    argv = commands(twins.worlds[1])[0]
    call = helper.takes(argv, None)
    assert call is not None
    helper.child.kill()
    finished = helper.run(call, lambda event: None, lambda: None)
    assert finished.code == -9
    assert helper.takes(argv, None) is None
    assert twins.rclone.helped_by(helper).run(argv).code == 0


def test_it_ends_with_what_it_depends_on(twins: Twins, helper: Standby) -> None:
    leash, argv = Leash(), commands(twins.worlds[1])[0]
    helper.child.depend_on(leash)
    rclone = twins.rclone.leashed(leash).helped_by(helper)
    with pytest.raises(LeaseLost, match="asleep"):
        rclone.run(argv, meanwhile=lambda: leash.cut(LeaseLost("asleep")))
    assert not helper.child.running
    with pytest.raises(LeaseLost, match="asleep"):
        rclone.run(argv)


def test_ctrl_c_ends_it(twins: Twins, helper: Standby) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    argv = commands(twins.worlds[1])[0]
    with pytest.raises(KeyboardInterrupt):
        twins.rclone.helped_by(helper).run(argv, meanwhile=interrupt)
    assert not helper.child.running
    # What cleans up afterwards has an rclone of its own.
    assert twins.rclone.helped_by(helper).run(argv).code == 0


def test_what_does_not_say_what_it_does_is_not_asked(twins: Twins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MARK_SECONDS", 0.3)
    monkeypatch.setattr(Standby, "hear", lambda self, event: None)
    world = twins.worlds[1]
    with standby(twins.rclone, remote(twins.fs(world)), server_times=False) as by:
        by.warm([])
        assert by.takes(commands(world)[0], None) is None


def test_trouble_while_it_works_ends_it(twins: Twins, helper: Standby) -> None:
    """What follows, such as taking a run back, must not meet it at work."""

    def trouble() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        twins.rclone.helped_by(helper).run(commands(twins.worlds[1])[0], meanwhile=trouble)
    assert not helper.child.running


def test_what_the_listener_raises_is_raised(twins: Twins, helper: Standby) -> None:
    def deaf(event: Event) -> None:
        raise ZeroDivisionError

    call = helper.takes(commands(twins.worlds[1])[0], None)
    assert call is not None
    with pytest.raises(ZeroDivisionError):
        helper.run(call, deaf, lambda: None)


def test_whose_times_it_reads_is_settled_when_it_starts(twins: Twins) -> None:
    world = twins.worlds[1]
    fs = twins.fs(world)
    own, of_server = (
        look_argv(remote(fs), world / "names", compare=one) for one in (Compare.MODTIME, Compare.STORED)
    )
    fetched = copy_argv(fs, f"{world}/here", world / "names", profile=PROFILE)
    for server_times in (False, True):
        with standby(twins.rclone, remote(fs), server_times=server_times) as by:
            assert (by.takes(own, None) is None) is server_times
            assert (by.takes(of_server, None) is None) is not server_times
            assert (by.takes(fetched, None) is None) is server_times


def test_it_lists_the_whole_of_a_remote_that_is_known_to_be_small(twins: Twins, helper: Standby) -> None:
    plain, helped = (remote(twins.fs(world)) for world in twins.worlds)
    said, told = list[bytes](), list[bytes]()
    for rclone, where, heard in (
        (twins.rclone, plain, said),
        (twins.rclone.helped_by(helper), helped, told),
    ):
        argv = list_argv(where, compare=Compare.MODTIME)
        outcome = rclone.listed(argv, heard.append, remote=where, meanwhile=lambda: None, few=True)
        assert outcome.code == 0
    assert helper.takes(list_argv(helped, compare=Compare.MODTIME), helped) is None
    names = [sorted(one.path for one in read_listing(b"".join(heard).decode())) for heard in (said, told)]
    assert names == [["a.md", "x.md"]] * 2

"""Which versions come back for a word: of kept ones that are made up. No server, no rclone."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bisync.actions import restore
from bisync.config import EmbeddedTenant, Sync
from bisync.core.as_of import as_of
from bisync.errors import BisyncError, UsageError
from bisync.sync import back_then
from bisync.sync.located import wanted
from bisync.sync.moments import Moment
from bisync.sync.patterns import EVERYTHING
from bisync.sync.trash import Kept

pytestmark = pytest.mark.pure

TENANT = EmbeddedTenant(name="t", tenant_id="t", storage=Path("/x"))
NFC, NFD = (unicodedata.normalize(form, "ü.md") for form in ("NFC", "NFD"))


def kept(run: str, path: str, *, known: bool = True) -> Kept:
    return Kept(run=run, side="cloud", path=path, size=1, known=known, foreign="" if known else "whose?")


class World:
    """Syncs with something in their trashes."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.syncs = tuple(Sync(name=name, tenant=TENANT, dir=root / name) for name in ("one", "two"))
        for sync in self.syncs:
            sync.dir.mkdir()
        self.trash: dict[str, Sequence[Kept]] = {}
        self.root = root
        self.manifest = SimpleNamespace(keep_days=30)
        monkeypatch.setattr(restore, "stay_in_place", lambda *_: None)
        monkeypatch.setattr(restore.trash, "versions", lambda session: self.trash.get(session.sync.name, ()))

    @contextmanager
    def session(self, sync: Sync) -> Iterator[Any]:
        yield SimpleNamespace(app=self, sync=sync, state=None, place=None)

    def found(self, word: str, cwd: str = "one", **how: Any) -> restore.Restoration:
        [one] = restore.find(self, self.syncs, wanted(self.syncs, word, self.root / cwd), **how)  # type: ignore[arg-type]
        return one

    def coming(self, word: str, cwd: str = "one", **how: Any) -> list[tuple[str, str]]:
        return [
            (one.path, one.kept.run) for one in self.found(word, cwd, **how).coming if one.kept is not None
        ]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_the_latest_of_each_that_is_meant(world: World) -> None:
    world.trash["one"] = [
        kept("r1", "w/a.md"), kept("r1", "w/[a].md"), kept("r1", "x.md"), kept("r2", "w/a.md"), kept("r2", "w/d/b.md"),
    ]  # fmt: skip

    assert world.coming("w/**/*.md") == [("w/[a].md", "r1"), ("w/a.md", "r2"), ("w/d/b.md", "r2")]
    assert world.coming("w/*.md", run_id="r1") == [("w/[a].md", "r1"), ("w/a.md", "r1")]
    assert world.coming("w/[a].md") == [("w/[a].md", "r1")], "a word that is a path is no pattern"
    assert world.coming("[x].md") == [("x.md", "r1")]
    (world.root / "one/w/d").mkdir(parents=True)
    assert world.coming("*.md", "one/w/d") == [("w/d/b.md", "r2")]
    # A path is one from where one stands, else from the sync's dir, else from that of another sync.
    assert world.coming("x.md", "one/w") == [("x.md", "r1")]
    assert world.coming("x.md", "two") == [("x.md", "r1")]
    with pytest.raises(UsageError, match=r"two: nothing called x\* was"):
        world.coming("x*", "two")


def test_what_is_still_there_is_left_alone_unless_it_is_named(world: World) -> None:
    world.trash["one"] = [kept("r1", "p/a.md"), kept("r1", "p/b.md")]
    (world.root / "one/p").mkdir()
    (world.root / "one/p/a.md").write_text("here")

    for word in ("p", "p/", "p/*.md", "*.md", "."):
        assert world.coming(word) == [("p/b.md", "r1")] and world.found(word).left == ("p/a.md",), word
    assert [(one.path, one.replaces) for one in world.found("p/a.md").coming] == [("p/a.md", True)]
    assert [one.replaces for one in world.found("p/*", run_id="r1").coming] == [True, False]
    assert [one.replaces for one in world.found("p/*", to=world.root / "back").coming] == [False, False]


def test_a_name_in_another_spelling_is_the_same_file(world: World) -> None:
    world.trash["one"] = [kept("r1", NFC), kept("r2", NFD)]
    (world.root / "one" / NFD).write_text("here")

    for typed in (NFC, NFD):
        assert world.coming(typed) == [(NFD, "r2")]
    assert world.found("*.md").left == (NFD,)


def test_what_others_have_put_there_comes_by_its_run_alone(world: World) -> None:
    world.trash["one"] = [
        kept("r1", "p/a.md"),
        kept("r9", "p/a.md", known=False),
        kept("r9", "p/b.md", known=False),
    ]

    assert world.coming("p/*") == [("p/a.md", "r1")] and world.found("p/*").foreign == ("p/b.md",)
    with pytest.raises(
        UsageError, match="kept only by runs that this device's history does not name"
    ) as refused:
        world.coming("p/b*")
    assert refused.value.hint is not None and "bisync restore 'p/b*' --run r9" in refused.value.hint
    assert world.coming("p/b*", run_id="r9") == [("p/b.md", "r9")]


def test_a_run_is_one_of_one_sync(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = Moment("20261122T", run="20261122T")

    def look(session: Any, moment: Moment) -> back_then.BackThen:
        if session.sync.name == "one":
            raise back_then.NoSuchRun("one: no such run")
        then = as_of([], 0, {}, here=["a.md"])
        return back_then.BackThen(then=then, kept={}, spelled={"a.md": "a.md"}, run="20261122T1")

    monkeypatch.setattr(back_then, "look", look)
    everything = [(sync, EVERYTHING) for sync in world.syncs]

    [found] = restore.find_at(world, everything, moment)  # type: ignore[arg-type]

    assert (found.sync.name, found.at, found.unchanged) == ("two", "20261122T1", 1)
    with pytest.raises(UsageError, match="no such run"):
        restore.find_at(world, everything[:1], moment)  # type: ignore[arg-type]
    nothing = wanted(world.syncs, "z*", world.root)
    with pytest.raises(UsageError, match=r"nothing called z\* is here, or was since"):
        restore.find_at(world, nothing, moment)  # type: ignore[arg-type]


def test_a_folder_that_is_not_free_is_named_at_once(world: World) -> None:
    world.trash["one"] = [kept("r1", "a.md"), kept("r1", "b.md")]
    (world.root / "back").mkdir()
    (world.root / "back/b.md").write_text("here")

    with pytest.raises(BisyncError, match=r"back/b\.md exists already"):
        world.coming("*.md", to=world.root / "back")
    (world.root / "one/b.md").symlink_to("/etc/passwd")
    with pytest.raises(BisyncError, match=r"b\.md: a link here has its name"):
        world.coming("*.md", run_id="r1")

"""How kept versions get their names again, from the local trash: no server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bisync.errors import BisyncError
from bisync.state.paths import sync_state
from bisync.sync import bring_back, swap, trash
from bisync.sync.bring_back import Blocked, Coming
from bisync.sync.trash import Kept

pytestmark = pytest.mark.pure


@pytest.fixture
def session(tmp_path: Path) -> Any:
    """A sync dir and a state dir; the rest of a session is not asked."""
    (tmp_path / "notes").mkdir()
    state = sync_state(tmp_path / "state", "team", "notes")
    state.prepare()
    app = SimpleNamespace(now=lambda: datetime(2026, 11, 22, tzinfo=UTC), device="laptop")
    return SimpleNamespace(app=app, sync=SimpleNamespace(dir=tmp_path / "notes"), state=state)


def kept(session: Any, run: str, path: str, text: str) -> Kept:
    place = session.state.trash / run / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return Kept(run=run, side="local", path=path, size=len(text))


def tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()
    }


def ours(session: Any) -> dict[str, str]:
    """What a restore itself has put into the trash."""
    runs = [one for one in session.state.trash.iterdir() if one.name.startswith("20261122T")]
    return {path: text for run in runs for path, text in tree(run).items()}


def test_each_gets_its_name_and_what_was_there_is_kept(session: Any) -> None:
    root = session.sync.dir
    (root / "a.md").write_text("here")
    (root / "a.md").chmod(0o600)
    (root / "now.md").write_text("renamed since")
    coming = [
        Coming(path="a.md", size=1, kept=kept(session, "r1", "a.md", "old a")),
        Coming(path="p/[x]\n.md", size=1, kept=kept(session, "r1", "p/[x]\n.md", "old x")),
        # Two names that went by one, one after the other.
        Coming(path="b.md", size=1, kept=kept(session, "r2", "c.md", "was b")),
        Coming(path="c.md", size=1, kept=kept(session, "r3", "c.md", "was c")),
        Coming(path="then.md", size=1, source="now.md"),
    ]

    restored, blocked = bring_back.put_in(session, coming)

    assert blocked == [] and [one.replaced for one in restored] == [True, False, False, False, False]
    assert tree(root) == {
        "a.md": "old a", "b.md": "was b", "c.md": "was c", "now.md": "renamed since", "p/[x]\n.md": "old x",
        "then.md": "renamed since",
    }  # fmt: skip
    assert (root / "a.md").stat().st_mode & 0o777 == 0o600
    assert ours(session) == {"a.md": "here"}
    # What is kept stays there, for another time.
    assert tree(session.state.trash / "r1") == {"a.md": "old a", "p/[x]\n.md": "old x"}


@pytest.mark.parametrize("moment", range(1, 7))
def test_stopped_at_any_moment_nothing_is_lost(
    session: Any, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    root = session.sync.dir
    coming = []
    for name in ("a.md", "b.md"):
        (root / name).write_text(f"here {name}")
        coming.append(Coming(path=name, size=1, kept=kept(session, "r1", name, f"old {name}")))
    steps = iter(range(1, 100))

    def stops(real: Any) -> Any:
        def instead(*given: Any, **more: Any) -> Any:
            if next(steps) == moment:
                raise KeyboardInterrupt
            return real(*given, **more)

        return instead

    with monkeypatch.context() as patched:
        for name in ("take_away", "place", "keep_mode"):
            patched.setattr(swap, name, stops(getattr(swap, name)))
        with pytest.raises(KeyboardInterrupt):
            bring_back.put_in(session, coming)

    there = [*tree(root).values(), *ours(session).values()]
    assert {"here a.md", "here b.md"} <= set(there)
    assert set(tree(root)) == {"a.md", "b.md"}


def test_one_that_cannot_come_keeps_no_other_waiting(session: Any, tmp_path: Path) -> None:
    root = session.sync.dir
    (tmp_path / "outside").mkdir()
    (root / "d").symlink_to(tmp_path / "outside")
    (root / "e").write_text("a file")
    coming = [
        Coming(path=name, size=1, kept=kept(session, "r1", name, "old"))
        for name in ("a.md", "d/x.md", "e/y.md")
    ]

    restored, blocked = bring_back.put_in(session, coming)

    assert [one.what.path for one in restored] == ["a.md"]
    assert [one.path for one in blocked] == ["d/x.md", "e/y.md"] and "d is a link here" in blocked[0].why
    assert list((tmp_path / "outside").iterdir()) == [] and tree(root) == {"a.md": "old", "e": "a file"}


def test_a_note_that_is_written_just_then_stays(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    root = session.sync.dir
    (root / "a.md").write_text("here")
    real = swap.take_away

    def and_somebody_writes(*given: Any) -> bool:
        taken = real(*given)
        (root / "a.md").write_text("faster")
        return taken

    monkeypatch.setattr(swap, "take_away", and_somebody_writes)
    restored, blocked = bring_back.put_in(
        session, [Coming(path="a.md", size=1, kept=kept(session, "r1", "a.md", "old"))]
    )

    assert restored == [] and blocked == [Blocked("a.md", "it was written to just now")]
    assert tree(root) == {"a.md": "faster"} and ours(session) == {"a.md": "here"}


def test_elsewhere_nothing_is_written_over(session: Any, tmp_path: Path) -> None:
    coming = [Coming(path=name, size=1, kept=kept(session, "r1", name, "old")) for name in ("a.md", "d/b.md")]
    to = tmp_path / "back"

    assert [one.path for one in bring_back.put_elsewhere(session, coming, to)] == [to / "a.md", to / "d/b.md"]
    assert tree(to) == {"a.md": "old", "d/b.md": "old"} and len(list(to.iterdir())) == 2
    with pytest.raises(BisyncError, match="exists already"):
        bring_back.put_elsewhere(session, coming, to)
    gone = [Coming(path="c.md", size=1, source="nowhere.md")]
    with pytest.raises(BisyncError, match=r"nowhere\.md: it is gone"):
        bring_back.put_elsewhere(session, gone, to)
    assert tree(to) == {"a.md": "old", "d/b.md": "old"} and len(list(to.iterdir())) == 2


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    (tmp_path / "l").symlink_to("/nowhere")
    (tmp_path / "d").mkdir()

    def way(path: str, *, elsewhere: bool = False) -> str | None:
        return bring_back.obstacle(tmp_path, path, elsewhere=elsewhere)

    assert way("f/a") == "f is a file now, and f/a belongs in a folder of that name"
    assert way("l/a") == "l is a link now, and l/a belongs in a folder of that name"
    assert way("d") == "d is a folder now" and way("d", elsewhere=True) is None
    assert way("l") == "l: a link here has its name"
    assert way("d/a") is way("new/a") is way("f") is None


def test_a_trash_that_cannot_be_read_is_not_an_empty_one(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(session, "r1", "d/a.md", "old")
    (session.state.trash / "stray").write_text("no folder of a run")
    assert [one.path for one in trash.local_versions(session)] == ["d/a.md"]

    def refuses(path: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuses)
    with pytest.raises(PermissionError):
        list(trash.local_versions(session))

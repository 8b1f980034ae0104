"""A whole copy: times, modes, links, what cannot be read; and copies that were stopped in the middle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bisync.errors import BisyncError
from bisync.migrate import backup, copying
from bisync.migrate.copying import Changed, Copier
from bisync.migrate.pace import Pace

pytestmark = pytest.mark.pure


def pace() -> Pace:
    return Pace(lambda event: None, "copying")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "old"
    (root / "deep" / "empty").mkdir(parents=True)
    (root / ".hidden").write_text("dot")
    (root / "deep" / "note.md").write_text("note")
    (root / "zero").touch()
    (root / "large").write_bytes(os.urandom(3 << 20))
    (root / "link").symlink_to("deep/note.md")
    (root / "dangling").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    (root / "deep" / "note.md").chmod(0o640)
    for number, path in enumerate(sorted(root.rglob("*"))):
        os.utime(path, ns=(10**18, 10**18 + number), follow_symlinks=False)
    (root / "deep").chmod(0o750)
    return root


def told(root: Path) -> dict[str, tuple[object, ...]]:
    """All of a tree that a backup keeps."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        what = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        if what is not None or path.is_dir():
            found[str(path.relative_to(root))] = (status.st_mode, status.st_mtime_ns, what)
    return found


def test_all_of_it_is_there_with_its_times_and_modes(tree: Path) -> None:
    made = backup.make(tree, pace())

    assert made.path == tree.with_name("old.backup")
    assert told(made.path) == told(tree)
    assert (made.files, made.missing) == (4, ())


def test_a_second_one_gets_another_name(tree: Path) -> None:
    first = backup.make(tree, pace())
    before = told(first.path)
    (tree / "zero").write_text("more")

    second = backup.make(tree, pace())

    assert second.path == tree.with_name("old.backup-2")
    assert told(first.path) == before
    assert told(second.path) == told(tree)


def test_one_that_was_stopped_is_gone_on_with(tree: Path) -> None:
    """Half a file under a name, one that has changed since, and one that is whole."""
    beside = tree.with_name("old.backup" + backup.UNFINISHED)
    (beside / "deep").mkdir(parents=True)
    (beside / "large").write_bytes(b"half")
    (beside / "deep" / "note.md").write_text("older")
    (beside / "link").mkdir()

    made = backup.make(tree, pace())

    assert told(made.path) == told(tree)
    assert not beside.exists()


def test_a_copy_that_is_not_what_it_is_a_copy_of(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoiled(self: Copier, source: Path, target: Path, *, size: int, mtime_ns: int) -> None:
        target.write_bytes(b"x" * size)
        os.utime(target, ns=(mtime_ns, mtime_ns))

    monkeypatch.setattr(Copier, "copy", spoiled)

    with pytest.raises(BisyncError, match="is not what it is a copy of"):
        backup.make(tree, pace())
    assert not tree.with_name("old.backup").exists()


class TestCopier:
    @pytest.mark.parametrize("size", [0, 1, copying.SMALL, copying.SMALL + 1, 3 * copying.PIECE + 7])
    @pytest.mark.parametrize("ranges", [True, False])
    def test_every_size_in_every_way(self, size: int, ranges: bool, tmp_path: Path) -> None:
        source = tmp_path / "a"
        source.write_bytes(os.urandom(size))
        source.chmod(0o604)
        os.utime(source, ns=(1, 10**18 + 7))
        heard: list[int] = []
        copier = Copier(heard.append)
        copier._ranges = ranges

        copier.copy(source, tmp_path / "b", size=size, mtime_ns=10**18 + 7)

        assert (tmp_path / "b").read_bytes() == source.read_bytes()
        assert (tmp_path / "b").stat().st_mtime_ns == 10**18 + 7
        assert (tmp_path / "b").stat().st_mode == source.stat().st_mode
        assert sum(heard) == size

    def test_nothing_is_written_over(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("new")
        (tmp_path / "b").write_text("old")
        status = (tmp_path / "a").stat()

        with pytest.raises(FileExistsError):
            Copier(lambda size: None).copy(
                tmp_path / "a", tmp_path / "b", size=status.st_size, mtime_ns=status.st_mtime_ns
            )
        assert (tmp_path / "b").read_text() == "old"

    def test_what_changed_is_not_copied(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("new")

        with pytest.raises(Changed):
            Copier(lambda size: None).copy(tmp_path / "a", tmp_path / "b", size=3, mtime_ns=1)
        assert not (tmp_path / "b").exists()

    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to("/etc/passwd")

        with pytest.raises(OSError, match="Too many levels"):
            Copier(lambda size: None).copy(tmp_path / "a", tmp_path / "b", size=3, mtime_ns=1)

    def test_no_half_of_a_copy_is_left(self, tmp_path: Path) -> None:
        def full(size: int) -> None:
            raise OSError(28, "No space left on device")

        (tmp_path / "a").write_text("new")
        status = (tmp_path / "a").stat()

        with pytest.raises(OSError, match="No space"):
            Copier(full).copy(tmp_path / "a", tmp_path / "b", size=3, mtime_ns=status.st_mtime_ns)
        assert not (tmp_path / "b").exists()

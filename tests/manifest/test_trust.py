"""A manifest that somebody else could have written is not obeyed, however it was found."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bisync.core.metadata import MARKER_PATH
from bisync.errors import ManifestError
from bisync.manifest.load import find, load
from bisync.manifest.trust import Me, Owned, fault
from bisync.stored import is_private

pytestmark = pytest.mark.pure

FILE, FOLDER, LINK = stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK
ME = Me(1000, frozenset({1000}))
OTHERS, EVERYBODY, GROUP = (
    "belongs to another user",
    "can be written by everybody",
    "can be written by a group",
)


@pytest.mark.parametrize(
    ("uid", "gid", "mode", "wrong"),
    [
        (1000, 1000, FILE | 0o600, None),
        (1000, 1000, FILE | 0o644, None),
        (1000, 1000, FILE | 0o664, None),  # umask 002 with a group of one's own
        (1000, 100, FILE | 0o644, None),
        (1000, 100, FILE | 0o664, GROUP),
        (1000, 1000, FILE | 0o666, EVERYBODY),
        (0, 0, FILE | 0o644, None),
        (0, 0, FILE | 0o664, GROUP),
        (0, 1000, FILE | 0o664, None),
        (1001, 1000, FILE | 0o600, OTHERS),
        (1001, 1001, FILE | 0o644, OTHERS),
        (1000, 1000, FOLDER | 0o775, None),
        (1000, 100, FOLDER | 0o775, GROUP),
        (1000, 1000, FOLDER | 0o777, EVERYBODY),
        (0, 0, FOLDER | 0o1777, None),  # /tmp
        (1001, 1001, FOLDER | 0o1777, OTHERS),
        (1001, 1001, FOLDER | 0o755, OTHERS),
        (1000, 1000, LINK | 0o777, None),
        (1001, 1001, LINK | 0o777, OTHERS),
        (1000, 1000, FILE | 0o1666, EVERYBODY),  # on a file the sticky bit says nothing
    ],
)
def test_who_could_change_it(uid: int, gid: int, mode: int, wrong: str | None) -> None:
    found = fault(Owned(uid, gid, mode), ME)

    assert (found or "").startswith(wrong or "")
    assert (found is None) == (wrong is None)


@pytest.mark.parametrize(
    ("user", "primary", "group", "gid", "members", "private"),
    [
        ("ann", 1000, "ann", 1000, [], True),
        ("ann", 1000, "ann", 1000, ["ann"], True),
        ("ann", 1000, "ann", 1000, ["ann", "bob"], False),
        ("ann", 100, "users", 100, [], False),
        ("ann", 1000, "team", 2000, ["ann"], False),
        ("ann", 1000, "ann", 2000, [], False),
    ],
)
def test_whose_a_group_is(
    user: str, primary: int, group: str, gid: int, members: list[str], private: bool
) -> None:
    assert is_private(user, primary, group, gid, frozenset(members)) is private


TEXT = "version: 1\ntenants: {t: {provider: embedded, storage: /srv/store}}\n"


def written(path: Path, text: str = TEXT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o755)
    path.write_text(text)
    path.chmod(0o644)
    return path


def refused(path: Path) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        load(path, env={}, home=path.parent / "home")
    assert caught.value.exit_code == 2
    return caught.value


OPEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "the file": (lambda path: path.chmod(0o666), "{path}: can be written by everybody", "chmod go-w {path}"),
    "the folder": (
        lambda path: path.parent.chmod(0o777), "{folder}: can be written by everybody", "chmod go-w {folder}",
    ),
    "the overlay": (
        lambda path: written(path.with_name("bisync.local.yaml"), "{}").chmod(0o622),
        "{folder}/bisync.local.yaml: can be written by everybody", "chmod go-w {folder}/bisync.local.yaml",
    ),
    "a group": (lambda path: path.chmod(0o664), "{path}: can be written by a group", "chmod g-w {path}"),
}  # fmt: skip


@pytest.mark.parametrize(("open_", "says", "cure"), OPEN.values(), ids=OPEN)
def test_what_others_can_write_is_refused_with_what_to_type(
    open_: Callable[[Path], object], says: str, cure: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "repo" / "bisync.yaml")
    load(path, env={}, home=tmp_path)
    if os.geteuid() == 0:
        os.chown(path, 0, 12345)  # a group that is nobody's
    elif open_ is OPEN["a group"][0]:
        pytest.skip("takes another group")
    open_(path)

    error = refused(path)

    assert error.problems[0].startswith(says.format(path=path, folder=path.parent))
    assert cure.format(path=path, folder=path.parent) in (error.hint or "")


def test_a_folder_where_everybody_may_make_files_is_fine_for_ones_own(tmp_path: Path) -> None:
    path = written(tmp_path / "tmp" / "bisync.yaml")
    path.parent.chmod(0o1777)

    assert load(path, env={}, home=tmp_path / "home").path == path


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to give a file away")
@pytest.mark.parametrize("what", ["file", "overlay", "folder", "link", "target"])
def test_another_users_is_refused_also_when_it_was_found_by_walking_up(what: str, tmp_path: Path) -> None:
    path = written(tmp_path / "tmp" / "bisync.yaml")
    path.parent.chmod(0o1777)
    theirs = path
    if what == "overlay":
        theirs = written(path.with_name("bisync.local.yaml"), "{}")
        theirs.parent.chmod(0o1777)
    elif what == "folder":
        theirs = path.parent
    elif what in ("link", "target"):
        real = path.rename(tmp_path / "elsewhere.yaml")
        path.symlink_to(real)
        theirs = path if what == "link" else real
    os.chown(theirs, 54321, 54321, follow_symlinks=False)
    below = path.parent / "work" / "deep"
    below.mkdir(parents=True)

    found = find(None, {}, below, tmp_path / "home")

    assert found == path
    error = refused(found)
    assert error.problems[0].startswith(f"{theirs}: belongs to another user")
    assert "--manifest" in (error.hint or "")


@pytest.mark.parametrize("below", [".", "work", "work/deep"])
@pytest.mark.parametrize("linked", [False, True])
def test_none_is_obeyed_that_lies_in_a_synced_folder(below: str, linked: bool, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    path = written(notes / below / "bisync.yaml")
    load(path, env={}, home=tmp_path)
    marker = notes / MARKER_PATH
    marker.parent.mkdir()
    marker.write_text("x")
    if linked:
        (tmp_path / "bisync.yaml").symlink_to(path)
        path = tmp_path / "bisync.yaml"

    error = refused(path)

    assert error.problems[0].startswith(f"{path}: lies in the synced folder {notes}")
    assert "--manifest" in (error.hint or "")


def test_an_overlay_in_a_synced_folder_is_none(tmp_path: Path) -> None:
    path = written(tmp_path / "repo" / "bisync.yaml")
    real = written(tmp_path / "notes" / "bisync.local.yaml", "{}")
    (tmp_path / "notes" / MARKER_PATH).parent.mkdir()
    (tmp_path / "notes" / MARKER_PATH).write_text("x")
    path.with_name("bisync.local.yaml").symlink_to(real)

    assert "lies in the synced folder" in refused(path).problems[0]


@pytest.mark.parametrize(
    ("folder", "says"),
    [
        ("repo", "contains bisync.yaml"),
        ("elsewhere", "contains bisync.local.yaml"),
        ("home/.local/state", "overlaps the folder where grants are kept"),
        ("home/.local/state/bisync/grants/x", "overlaps the folder where grants are kept"),
    ],
)
def test_no_sync_dir_holds_what_is_obeyed(folder: str, says: str, tmp_path: Path) -> None:
    """Where both are links the folders that they lead to count."""
    (tmp_path / "to").symlink_to(tmp_path)
    real = written(tmp_path / "elsewhere" / "mine.yaml", "{}")
    text = TEXT + f"syncs:\n  notes: {{tenant: t, dir: {tmp_path}/to/{folder}}}\n"
    path = written(tmp_path / "repo" / "bisync.yaml", text)
    path.with_name("bisync.local.yaml").symlink_to(real)

    with pytest.raises(ManifestError) as caught:
        load(path, env={}, home=tmp_path / "home")

    [problem] = caught.value.problems
    assert problem.startswith("bisync.yaml:4:") and "syncs.notes.dir: " in problem
    assert says in problem

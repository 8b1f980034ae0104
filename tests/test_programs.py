"""Which program a name means, and which it never means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bisync import programs
from bisync.errors import BisyncError
from bisync.files import atomic_write, write_if_changed

pytestmark = pytest.mark.pure


def program(folder: Path, name: str = "tool") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("entry", ["", ".", "./x", "x", "~/bin"])
def test_a_folder_of_the_path_that_is_not_written_out_is_not_looked_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("", "x", "~/bin"):
        program(tmp_path / folder)

    assert programs.which("tool", {"PATH": entry}) is None
    assert programs.search_path({"PATH": entry}) == os.defpath
    good = program(tmp_path / "good")
    assert programs.which("tool", {"PATH": f"{entry}:{good.parent}:{entry}"}) == good


def test_no_program_of_a_sync_dir_is_found(tmp_path: Path) -> None:
    synced = tmp_path / "notes"
    planted, mine = program(synced / "bin"), program(tmp_path / "mine")
    linked = tmp_path / "linked"
    linked.symlink_to(synced / "bin")
    env = {"PATH": f"{planted.parent}:{linked}:{mine.parent}"}

    assert programs.search_path(env, [synced]) == str(mine.parent)
    assert programs.command(["tool", "x"], env, [synced]) == [str(mine), "x"]
    # A folder beside it with a name that begins so is another.
    assert programs.search_path({"PATH": f"{synced}-2/bin"}, [synced]) == f"{synced}-2/bin"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("./tool", "by its whole path"),
        ("bin/tool", "by its whole path"),
        ("{notes}/bin/tool", "lies in a folder that is synced"),
        ("{tmp}/link", "lies in a folder that is synced"),
        ("{tmp}/gone", "No such file or directory"),
        ("{tmp}/plain", "Permission denied"),
        ("gone", "No such file or directory"),
    ],
)
def test_what_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str) -> None:
    notes = tmp_path / "notes"
    program(notes / "bin")
    (tmp_path / "link").symlink_to(notes / "bin/tool")
    (tmp_path / "plain").write_text("")
    monkeypatch.chdir(notes)

    with pytest.raises(BisyncError, match=says):
        programs.command([name.format(notes=notes, tmp=tmp_path)], {"PATH": "/usr/bin"}, [notes])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
@pytest.mark.parametrize("write", [atomic_write, write_if_changed])
@pytest.mark.parametrize("where", ["the file", "a folder above"])
def test_nothing_is_written_through_another_users_link(tmp_path: Path, write: object, where: str) -> None:
    mine = tmp_path / "mine"
    (mine / "sub").mkdir(parents=True)
    (mine / "sub" / "plan.json").write_text("mine")
    if where == "the file":
        link, path = tmp_path / "plan.json", tmp_path / "plan.json"
        link.symlink_to(mine / "sub" / "plan.json")
    else:
        link, path = tmp_path / "folder", tmp_path / "folder" / "sub" / "plan.json"
        link.symlink_to(mine)
    os.lchown(link, 4242, 4242)

    with pytest.raises(OSError, match="is a link that another user made"):
        write(path, "theirs")  # type: ignore[operator]
    assert (mine / "sub" / "plan.json").read_text() == "mine"

    os.lchown(link, 0, 0)
    write(path, "ours")  # type: ignore[operator]
    assert link.is_symlink() and (mine / "sub" / "plan.json").read_text() == "ours"

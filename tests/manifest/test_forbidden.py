"""Which folders are no sync dirs, wherever links and disks lead to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync.manifest.forbidden import why_not

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (".ssh", "is ~/.ssh"),
        (".ssh/keys", "lies in ~/.ssh"),
        (".config", "holds ~/.config/"),
        (".local/share", "holds ~/.local/share/keyrings"),
        ("Library", "holds ~/Library/Keychains"),
        ("bin", "is ~/bin"),
        ("notes", None),
        ("binders", None),
        (".config/obsidian-vault", None),
        (".local/share/notes", None),
        ("work/bin", None),
    ],
)
def test_below_the_home(tmp_path: Path, name: str, says: str | None) -> None:
    found = why_not(tmp_path / name, tmp_path, folds=False)

    assert (found is None) if says is None else str(found).startswith(says)


def test_at_the_root_but_not_where_the_home_is() -> None:
    assert why_not(Path("/usr/home/u/notes"), Path("/usr/home/u"), folds=False) is None
    assert (
        why_not(Path("/usr/home/u/notes"), Path("/home/u"), folds=False) == "lies in /usr: it is the system's"
    )


def test_a_link_leads_to_where_the_keys_really_lie(tmp_path: Path) -> None:
    home, dotfiles = tmp_path / "home", tmp_path / "dotfiles"
    (dotfiles / "ssh").mkdir(parents=True)
    home.mkdir()
    (home / ".ssh").symlink_to(dotfiles / "ssh")

    assert why_not(dotfiles, home, folds=False) == "holds ~/.ssh: keys lie there"
    assert why_not(dotfiles / "ssh", home, folds=False) == "is ~/.ssh: keys lie there"
    assert why_not(tmp_path / "notes", home, folds=False) is None


def test_in_another_case_where_that_is_one_name(tmp_path: Path) -> None:
    assert why_not(tmp_path / ".SSH", tmp_path, folds=True)
    assert why_not(tmp_path / ".SSH", tmp_path, folds=False) is None

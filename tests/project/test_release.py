"""A release is whole or does not happen: on a copy of this tree, with a git of its own and without network."""

from __future__ import annotations

import os
import subprocess
import zipfile
from datetime import date
from pathlib import Path

import pytest

from tools import release
from tools.release import Refused, dated, unreleased, version_in, with_version

ROOT = Path(__file__).parents[2]
DAY = date(2026, 11, 30)
CHANGES = "# Changelog\n\nWhat users notice.\n\n## Unreleased\n\n- Faster.\n\n## 0.1.0 (2026-11-01)\n\n- The first.\n"


@pytest.fixture(autouse=True)
def nobodys_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither git's settings of whoever runs this, nor the variables of a `make release` that does."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name in ("MAKEFLAGS", "MFLAGS", "VERSION", "DRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """This tree as it is now, committed on `main` of a repository of its own, with something to release."""
    root = tmp_path / "tree"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, found.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes((ROOT / name).read_bytes())
    (root / "CHANGELOG.md").write_text(CHANGES)
    git(root, "init", "--quiet", "--initial-branch", "main")
    git(root, "config", "user.name", "A Person")
    git(root, "config", "user.email", "person@example.org")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "All of it")
    return root


def git(root: Path, *argv: str) -> str:
    return subprocess.run(["git", *argv], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def state(root: Path) -> tuple[str, str, str, dict[str, bytes]]:
    """All that a release changes: commits, tags, what git shows, and every file, ignored ones among them."""
    files = {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    return git(root, "log", "--format=%H"), git(root, "tag"), git(root, "status", "--porcelain"), files


def make(root: Path, version: str, *, dry: bool = False, check: str = "true") -> list[str]:
    """Make a release; what was said."""
    said: list[str] = []
    release.release(root, version, today=DAY, dry=dry, checks=[("sh", "-c", check)], say=said.append)
    return said


def test_a_release_is_dated_checked_built_committed_and_tagged(tree: Path) -> None:
    seen = tree.parent / "seen"

    said = make(tree, "0.2.0", check=f"cat bisync/__init__.py CHANGELOG.md > {seen}")

    assert '__version__ = "0.2.0"' in seen.read_text(), "the checks see the tree as it is released"
    assert "## 0.2.0 (2026-11-30)\n\n- Faster." in (tree / "CHANGELOG.md").read_text()
    assert git(tree, "log", "-1", "--format=%s") == "Release 0.2.0"
    assert git(tree, "show", "--format=", "--name-only", "HEAD").split() == [
        "CHANGELOG.md",
        "bisync/__init__.py",
    ]
    assert git(tree, "rev-parse", "v0.2.0^{commit}") == git(tree, "rev-parse", "HEAD")
    assert git(tree, "status", "--porcelain") == ""
    built = {path.name for path in (tree / "dist").iterdir()}
    assert built == {"bisync_tasks-0.2.0.tar.gz", "bisync_tasks-0.2.0-py3-none-any.whl"}
    assert "git push origin main v0.2.0" in said[-1]
    assert all(f"dist/{name}" in said[-1] for name in built)


def test_a_dry_run_does_all_of_it_and_leaves_nothing_behind(tree: Path) -> None:
    before = state(tree)

    said = make(tree, "0.2.0", dry=True)

    assert state(tree) == before
    assert any("bisync_tasks-0.2.0-py3-none-any.whl: " in line for line in said)
    assert said[-1].startswith("Nothing was changed (dry run)")


def test_a_check_that_fails_leaves_the_tree_as_it_was(tree: Path) -> None:
    before = state(tree)

    with pytest.raises(Refused, match="sh -c exit 3 ended with 3"):
        make(tree, "0.2.0", check="exit 3")

    assert state(tree) == before


def test_a_commit_that_is_refused_leaves_the_tree_as_it_was(tree: Path) -> None:
    hook = tree / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not today\nexit 1\n")
    hook.chmod(0o755)
    before = state(tree)

    with pytest.raises(Refused, match="not today"):
        make(tree, "0.2.0")

    assert state(tree) == before


def test_every_reason_against_a_release_is_said_at_once(tree: Path) -> None:
    (tree / "CHANGELOG.md").write_text(CHANGES.replace("- Faster.\n\n", ""))
    git(tree, "tag", "v0.0.9")
    git(tree, "switch", "--quiet", "--create", "elsewhere")
    before = state(tree)

    with pytest.raises(Refused) as caught:
        make(tree, "0.0.9")

    assert str(caught.value).splitlines() == [
        "the tree is not clean: commit or stash what `git status` shows",
        "releases are made on main, and this is elsewhere",
        "the tag v0.0.9 is there already: choose the next version",
        f"0.0.9 is older than {version_in((tree / 'bisync/__init__.py').read_text())}, which the package has now",
        'CHANGELOG.md says nothing under "## Unreleased": write what users notice',
    ]
    assert state(tree) == before


@pytest.mark.parametrize("version", ["", "1", "1.2", "1.2.3.4", "v1.2.3", "1.2.3rc1", "01.2.3", "1.2.3\n"])
def test_what_is_no_version_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(Refused, match="is no version; write it as in: make release VERSION="):
        make(tmp_path, version)


def test_versions_are_compared_by_their_numbers() -> None:
    assert release.numbers("0.10.0") > release.numbers("0.9.12")


def test_a_wheel_that_is_not_the_tree_is_noticed(tree: Path, tmp_path: Path) -> None:
    version = version_in((tree / "bisync/__init__.py").read_text())
    (tree / "dist").mkdir()
    (tree / "dist" / "bisync_tasks-0.0.1.tar.gz").write_text("of an earlier release")
    said: list[str] = []
    release.build_only(tree, version, say=said.append)
    sdist, wheel = sorted((tree / "dist").iterdir(), key=lambda path: path.suffix)
    assert said == [f"dist/{sdist.name}", f"dist/{wheel.name}"]
    assert list(release.wheel_problems(tree, wheel, version)) == []
    assert list(release.sdist_problems(tree, sdist, version)) == []

    other = tmp_path / wheel.name
    with zipfile.ZipFile(wheel) as archive, zipfile.ZipFile(other, "w") as altered:
        for name in archive.namelist():
            data = archive.read(name)
            if name == "bisync/app.py":
                data += b"# older\n"
            if name != "bisync/py.typed" and not name.endswith("/LICENSE"):
                altered.writestr(name, data)
        altered.writestr("tests/test_stray.py", "")
    assert list(release.wheel_problems(tree, other, version)) == [
        f"{wheel.name}: bisync/py.typed is missing",
        f"{wheel.name}: tests/test_stray.py does not belong there",
        f"{wheel.name}: bisync/app.py is not the tree's",
        f"{wheel.name}: no licence",
    ]
    assert list(release.wheel_problems(tree, wheel, "9.9.9"))
    (tree / "bisync" / "new.py").write_text("")
    git(tree, "add", "bisync/new.py")
    assert list(release.sdist_problems(tree, sdist, version)) == [f"{sdist.name}: bisync/new.py is missing"]


# -- texts ----------------------------------------------------------------------------------------------


def test_the_unreleased_section_alone_is_dated() -> None:
    assert unreleased(CHANGES) == "- Faster."
    assert dated(CHANGES, "0.2.0", DAY) == CHANGES.replace("## Unreleased", "## 0.2.0 (2026-11-30)")


@pytest.mark.parametrize(
    "text", ["", "# Changelog\n", "## Unreleased\n\n## 0.1.0\n\n- The first.\n", "## Unreleased"]
)
def test_a_changelog_with_nothing_to_release(text: str) -> None:
    assert unreleased(text) == ""


def test_the_version_alone_is_changed() -> None:
    text = '"""Words."""\n\n__version__ = "0.1.0"\n'

    assert version_in(text) == "0.1.0"
    assert with_version(text, "0.2.0") == '"""Words."""\n\n__version__ = "0.2.0"\n'


def test_the_trees_own_texts_can_be_released() -> None:
    assert release.numbers(version_in((ROOT / release.VERSION_FILE).read_text()))
    assert (ROOT / release.CHANGELOG).read_text().startswith("# Changelog\n")


# -- the command ----------------------------------------------------------------------------------------


def make_says(*argv: str) -> subprocess.CompletedProcess[str]:
    # As typed by a person, also where `make test` runs this.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *argv], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_make_release_hands_its_variables_on() -> None:
    plain, dry = (
        make_says("-n", "release", "VERSION=1.2.3"),
        make_says("-n", "release", "VERSION=1.2.3", "DRY=1"),
    )

    assert plain.stdout.strip().endswith('python tools/release.py  "1.2.3"')
    assert dry.stdout.strip().endswith('python tools/release.py --dry-run "1.2.3"')


def test_make_dist_builds_and_does_no_more() -> None:
    assert make_says("-n", "dist", "VERSION=1.2.3").stdout.strip().endswith('release.py --build "1.2.3"')


def test_without_a_version_there_is_no_release(capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main([""]) == 1
    assert capsys.readouterr().err == (
        "No release: '' is no version; write it as in: make release VERSION=1.2.3\n"
    )

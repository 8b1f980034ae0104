"""Make a release: version, changelog, lint and tests, sdist and wheel, commit and tag. Nothing leaves this machine.

    make release VERSION=1.2.3            (python tools/release.py 1.2.3)
    make release VERSION=1.2.3 DRY=1      everything but the commit and the tag; leaves nothing behind
    make dist                             only sdist and wheel, of the tree as it is

What must hold before is looked at before anything is written. When a later step fails, and after a dry run, the
two files that were written are put back.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BRANCH = "main"
VERSION_FILE = "bisync/__init__.py"
CHANGELOG = "CHANGELOG.md"
CHECKS = (("make", "test"),)
BUILD = (sys.executable, "-m", "build", "--no-isolation")

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_VERSION_LINE = re.compile(r'^__version__ = "([^"]*)"$', re.MULTILINE)
_UNRELEASED = re.compile(r"^## Unreleased\n(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


class Refused(Exception):
    """Why there is no release."""


# -- texts ----------------------------------------------------------------------------------------------


def version_in(text: str) -> str:
    """The version that the text of the package's `__init__` names."""
    match = _VERSION_LINE.search(text)
    assert match is not None
    return match[1]


def with_version(text: str, version: str) -> str:
    """The same text with another version."""
    return _VERSION_LINE.sub(f'__version__ = "{version}"', text)


def unreleased(changelog: str) -> str:
    """What the changelog says under "Unreleased"; empty when it says nothing."""
    match = _UNRELEASED.search(changelog)
    return match["text"].strip() if match else ""


def dated(changelog: str, version: str, day: date) -> str:
    """The changelog with its Unreleased section under the version and the day."""
    return changelog.replace("## Unreleased\n", f"## {version} ({day.isoformat()})\n", 1)


def numbers(version: str) -> tuple[int, ...]:
    """A version as it is compared. Raises Refused for what is none."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise Refused(f"{version!r} is no version; write it as in: make release VERSION=1.2.3")
    return tuple(map(int, match.groups()))


# -- what must hold before ------------------------------------------------------------------------------


def check_before(root: Path, version: str) -> None:
    """Raise Refused, with every reason at once, when the tree is not ready for this release."""
    wanted = numbers(version)
    reasons = []
    if git(root, "status", "--porcelain"):
        reasons.append("the tree is not clean: commit or stash what `git status` shows")
    branch = git(root, "branch", "--show-current")
    if branch != BRANCH:
        reasons.append(f"releases are made on {BRANCH}, and this is {branch or 'no branch at all'}")
    if git(root, "tag", "--list", f"v{version}"):
        reasons.append(f"the tag v{version} is there already: choose the next version")
    now = version_in((root / VERSION_FILE).read_text("utf-8"))
    if wanted < numbers(now):
        reasons.append(f"{version} is older than {now}, which the package has now")
    if not unreleased((root / CHANGELOG).read_text("utf-8")):
        reasons.append(f'{CHANGELOG} says nothing under "## Unreleased": write what users notice')
    if reasons:
        raise Refused("\n".join(reasons))


# -- what is built --------------------------------------------------------------------------------------


def build(root: Path, target: Path) -> tuple[Path, Path]:
    """Make the sdist, and the wheel from it, of what git tracks at `root`; put both into `target`.

    From a copy: what an earlier build left in the tree (`build/`, SOURCES.txt) would be packed, too.
    """
    with tempfile.TemporaryDirectory(prefix="bisync-build-") as folder:
        source = Path(folder) / "source"
        for name in tracked(root):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, source / name)
        run([*BUILD, "--outdir", str(target), str(source)], cwd=Path(folder), quiet=True)
    (sdist,) = target.glob("*.tar.gz")
    (wheel,) = target.glob("*.whl")
    return sdist, wheel


def shipped(root: Path, version: str) -> dict[str, str]:
    """What the wheel of a version holds of the tree: the name there, and the tracked file it is made from."""
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    folders = {folder: package.replace(".", "/") for package, folder in settings["package-dir"].items()}
    found = {}
    for name in tracked(root):
        folder, slash, rest = name.partition("/")
        if slash and folder in folders:
            found[f"{folders[folder]}/{rest}"] = name
    for place, names in settings.get("data-files", {}).items():
        for name in names:
            found[f"bisync_tasks-{version}.data/data/{place}/{Path(name).name}"] = name
    return found


def wheel_problems(root: Path, wheel: Path, version: str) -> Iterator[str]:
    """What the wheel holds too much, too little or otherwise than the tree."""
    wanted = shipped(root, version)
    about = f"bisync_tasks-{version}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        ours = {name for name in names if not name.startswith(f"{about}/")}
        yield from _differences(wheel.name, ours, set(wanted))
        for name in sorted(ours & wanted.keys()):
            if archive.read(name) != (root / wanted[name]).read_bytes():
                yield f"{wheel.name}: {name} is not the tree's"
        if not any(name.startswith(f"{about}/") and name.endswith("/LICENSE") for name in names):
            yield f"{wheel.name}: no licence"
        for name, line in (("METADATA", f"Version: {version}"), ("entry_points.txt", "[console_scripts]")):
            text = archive.read(f"{about}/{name}").decode() if f"{about}/{name}" in names else ""
            if line not in text.splitlines():
                yield f"{wheel.name}: {name} does not say {line}"


def sdist_problems(root: Path, sdist: Path, version: str) -> Iterator[str]:
    """What a wheel is made of and the sdist lacks."""
    top = f"bisync_tasks-{version}"
    needed = {"README.md", "LICENSE", "pyproject.toml", "setup.py", *shipped(root, version).values()}
    with tarfile.open(sdist) as archive:
        names = {name.removeprefix(f"{top}/") for name in archive.getnames() if name.startswith(f"{top}/")}
    yield from (f"{sdist.name}: {name} is missing" for name in sorted(needed - names))


def _differences(where: str, names: set[str], wanted: set[str]) -> Iterator[str]:
    yield from (f"{where}: {name} is missing" for name in sorted(wanted - names))
    yield from (f"{where}: {name} does not belong there" for name in sorted(names - wanted))


# -- the release ----------------------------------------------------------------------------------------


def release(
    root: Path,
    version: str,
    *,
    today: date,
    dry: bool,
    checks: Iterable[Sequence[str]] = CHECKS,
    say: Callable[[str], None] = print,
) -> None:
    """Make the release in the tree at `root`. Raises Refused when there is none; the tree is as before then."""
    check_before(root, version)
    with tempfile.TemporaryDirectory(prefix="bisync-release-") as folder:
        made = Path(folder)
        with rewritten(root, version, today, keep=not dry):
            for check in checks:
                say(f"── {' '.join(check)}")
                run(check, cwd=root)
            say("── build")
            sdist, wheel = build(root, made)
            problems = [*wheel_problems(root, wheel, version), *sdist_problems(root, sdist, version)]
            if problems:
                raise Refused("\n".join(problems))
            say(f"✓ {sdist.name}, {wheel.name}: {len(shipped(root, version))} files, as in the tree")
            if not dry:
                git(
                    root,
                    "commit",
                    "--quiet",
                    "--message",
                    f"Release {version}",
                    "--",
                    VERSION_FILE,
                    CHANGELOG,
                )
        if dry:
            say(f"Nothing was changed (dry run). For good: make release VERSION={version}")
            return
        (root / "dist").mkdir(exist_ok=True)
        for one in (sdist, wheel):
            shutil.copy2(one, root / "dist" / one.name)
    git(root, "tag", "--annotate", f"v{version}", "--message", f"Release {version}")
    say(
        f"✓ Release {version} is committed and tagged. Next:\n"
        f"  git push origin {BRANCH} v{version}\n"
        f"The workflow of the tag publishes it. By hand:\n"
        f"  python -m twine upload dist/{sdist.name} dist/{wheel.name}\n"
        f"Not yet? Take it back: git tag --delete v{version} && git reset --hard HEAD~1"
    )


def build_only(root: Path, version: str, *, say: Callable[[str], None] = print) -> None:
    """Sdist and wheel of the tree as it is, in its `dist/`, where nothing else is then. Raises Refused.

    `version` is the one that the tree has to have; empty: any.
    """
    now = version_in((root / VERSION_FILE).read_text("utf-8"))
    if version not in ("", now):
        raise Refused(f"the tree has version {now}, and not {version}: build what the tag names")
    with tempfile.TemporaryDirectory(prefix="bisync-release-") as folder:
        sdist, wheel = build(root, Path(folder))
        problems = [*wheel_problems(root, wheel, now), *sdist_problems(root, sdist, now)]
        if problems:
            raise Refused("\n".join(problems))
        shutil.rmtree(root / "dist", ignore_errors=True)
        (root / "dist").mkdir()
        for one in (sdist, wheel):
            shutil.copy2(one, root / "dist" / one.name)
            say(f"dist/{one.name}")


@contextmanager
def rewritten(root: Path, version: str, today: date, *, keep: bool) -> Iterator[None]:
    """The version and the changelog as the release has them; put back unless all goes well and `keep`."""
    before = {name: (root / name).read_bytes() for name in (VERSION_FILE, CHANGELOG)}
    done = False
    try:
        package, changelog = root / VERSION_FILE, root / CHANGELOG
        package.write_text(with_version(package.read_text("utf-8"), version), "utf-8")
        changelog.write_text(dated(changelog.read_text("utf-8"), version, today), "utf-8")
        yield
        done = keep
    finally:
        if not done:
            for name, data in before.items():
                (root / name).write_bytes(data)


# -- other programs -------------------------------------------------------------------------------------


def run(argv: Sequence[str], *, cwd: Path, quiet: bool = False) -> str:
    """Run a command; what it printed, where it is `quiet`. Raises Refused when it fails."""
    ended = subprocess.run(
        list(argv), cwd=cwd, text=True, check=False, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT if quiet else None,
    )  # fmt: skip
    if ended.returncode != 0:
        raise Refused(f"{' '.join(argv)} ended with {ended.returncode}\n{ended.stdout or ''}".strip())
    return ended.stdout or ""


def git(root: Path, *argv: str) -> str:
    """What git says. Raises Refused with its words."""
    return run(["git", *argv], cwd=root, quiet=True).strip()


def tracked(root: Path) -> list[str]:
    """The files that git tracks."""
    return [name for name in git(root, "ls-files", "-z").split("\0") if name]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="release", description=__doc__.partition("\n")[0])
    parser.add_argument("version")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--build", action="store_true", help="only sdist and wheel, of the tree as it is")
    arguments = parser.parse_args(argv)
    try:
        if arguments.build:
            build_only(ROOT, arguments.version)
        else:
            release(ROOT, arguments.version, today=datetime.now(UTC).date(), dry=arguments.dry_run)
    except Refused as refusal:
        print(f"No release: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

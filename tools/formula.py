"""A Homebrew formula for an sdist of ours, with every dependency by version, address and SHA-256.

    make formula                              (python tools/formula.py dist/bisync_tasks-1.2.3.tar.gz)

The dependencies are what `uv lock` makes of the sdist's own list: it names the archives of each as PyPI has them.
The formula is meant for a tap, after the sdist has been published.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from packaging.markers import Marker
from packaging.utils import canonicalize_name, parse_sdist_filename

TEMPLATE = Path(__file__).with_name("formula.rb.in")
# What Homebrew builds with; a formula names one Python.
PYTHON = "3.13"
PLATFORMS = ("darwin", "linux")


class Refused(Exception):
    """Why there is no formula."""


class Archive(NamedTuple):
    """What a formula downloads, and how it is known."""

    name: str
    url: str
    sha256: str


# -- what is locked -------------------------------------------------------------------------------------


def resources(lock: Mapping[str, Any], root: str) -> list[Archive]:
    """The archives of all that `root` needs under Homebrew, by name. Raises Refused where one has none."""
    packages = {package["name"]: package for package in lock["package"]}
    wanted: set[str] = set()
    waiting = [root]
    while waiting:
        for one in packages[waiting.pop()].get("dependencies", ()):
            if one["name"] not in wanted and is_needed(one.get("marker")):
                wanted.add(one["name"])
                waiting.append(one["name"])
    return [archive(packages[name]) for name in sorted(wanted)]


def is_needed(marker: str | None) -> bool:
    """Whether a dependency is one on any platform of Homebrew's."""
    if marker is None:
        return True
    return any(
        Marker(marker).evaluate(
            {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0", "sys_platform": platform,
             "platform_system": {"darwin": "Darwin", "linux": "Linux"}[platform], "os_name": "posix",
             "platform_python_implementation": "CPython", "implementation_name": "cpython"}
        )
        for platform in PLATFORMS
    )  # fmt: skip


def archive(package: Mapping[str, Any]) -> Archive:
    """The sdist of a locked package; where it has none, a wheel that fits everywhere."""
    found = [package["sdist"]] if "sdist" in package else []
    found += [wheel for wheel in package.get("wheels", ()) if wheel["url"].endswith("-none-any.whl")]
    if not found:
        raise Refused(
            f"{package['name']} {package['version']} has neither an sdist nor a wheel for every platform"
        )
    kind, _, digest = found[0]["hash"].partition(":")
    if kind != "sha256" or not found[0]["url"].startswith("https://"):
        raise Refused(
            f"{package['name']}: no archive with an https address and a SHA-256; is an index of yours in use?"
        )
    return Archive(package["name"], found[0]["url"], digest)


def locked(dependencies: Sequence[str], requires_python: str) -> Mapping[str, Any]:
    """What uv makes of a list of requirements. Raises Refused with its words."""
    with tempfile.TemporaryDirectory(prefix="bisync-formula-") as name:
        folder = Path(name)
        listed = ", ".join(f"'''{one}'''" for one in dependencies)
        (folder / "pyproject.toml").write_text(
            f"[project]\nname = 'formula'\nversion = '0'\nrequires-python = '{requires_python}'\n"
            f"dependencies = [{listed}]\n"
        )
        ended = subprocess.run(
            [sys.executable, "-m", "uv", "lock", "--quiet", "--python", sys.executable, "--directory", name],
            env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"}, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if ended.returncode != 0:
            raise Refused(f"uv lock ended with {ended.returncode}\n{ended.stdout}".strip())
        return tomllib.loads((folder / "uv.lock").read_text("utf-8"))


# -- the text -------------------------------------------------------------------------------------------


def rendered(project: Mapping[str, Any], version: str, own: Archive, needed: Sequence[Archive]) -> str:
    """The formula, from the `[project]` of pyproject.toml and what is to be downloaded."""
    values = {
        "version": version,
        "homepage": project["urls"]["Homepage"],
        "license": project["license"],
        "url": own.url,
        "sha256": own.sha256,
        "python": PYTHON,
        "resources": "\n\n".join(
            f'  resource "{one.name}" do\n    url "{one.url}"\n    sha256 "{one.sha256}"\n  end'
            for one in needed
        ),
    }
    text = TEMPLATE.read_text("utf-8")
    for name, value in values.items():
        if name != "resources" and any(sign in value for sign in '"\\#\n'):
            raise Refused(f"{name} cannot stand in a formula as it is: {value!r}")
        text = text.replace("{{" + name + "}}", value)
    return text


def own_archive(sdist: Path) -> tuple[Archive, str, Mapping[str, Any]]:
    """Our sdist as PyPI will have it, its version, and its `[project]`."""
    name, version = parse_sdist_filename(sdist.name)
    with tarfile.open(sdist) as tar:
        member = tar.extractfile(f"{sdist.name.removesuffix('.tar.gz')}/pyproject.toml")
        assert member is not None
        project = tomllib.loads(member.read().decode())["project"]
    address = (
        f"https://files.pythonhosted.org/packages/source/{name[0]}/{canonicalize_name(name)}/{sdist.name}"
    )
    digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
    return Archive(name, address, digest), str(version), project


def main(argv: Sequence[str]) -> int:
    try:
        if len(argv) != 1 or not Path(argv[0]).is_file():
            raise Refused("there has to be one sdist in dist/: make dist formula")
        own, version, project = own_archive(Path(argv[0]))
        needed = resources(locked(project["dependencies"], project["requires-python"]), "formula")
        print(rendered(project, version, own, needed), end="")
    except Refused as refusal:
        print(f"No formula: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The README as PyPI needs it: whatever it links to in this tree, by an address. All else stands in pyproject.toml.

In the tree the links stay relative, so that they hold in a checkout, on a forge and on the documentation site; in what
is built they lead to the tag of the version that is built.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# A Markdown link or picture whose target has neither a scheme nor only an anchor.
_LINK = re.compile(r"(?P<picture>!?)\[(?P<words>[^\]]*)\]\((?P<target>(?![a-z]+:|#|/)[^)\s]+)\)")


def for_pypi(readme: str, source: str, version: str) -> str:
    """The README with its links made absolute: pages as `source` shows them, pictures as they are."""

    def absolute(link: re.Match[str]) -> str:
        kind = "raw" if link["picture"] else "blob"
        return f"{link['picture']}[{link['words']}]({source}/{kind}/v{version}/{link['target']})"

    return _LINK.sub(absolute, readme)


def main() -> None:
    """What the build calls."""
    from setuptools import setup

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    package = (ROOT / "bisync/__init__.py").read_text("utf-8")
    (version,) = re.findall(r'^__version__ = "(.+)"$', package, flags=re.MULTILINE)
    readme = (ROOT / "README.md").read_text("utf-8")
    setup(
        long_description=for_pypi(readme, project["urls"]["Source"], version),
        long_description_content_type="text/markdown",
    )


if __name__ == "__main__":
    main()

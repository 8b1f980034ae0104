"""The documentation site: how Sphinx makes it of the pages as they lie in the tree. (make site)

The source is the whole tree, so that a link holds here as it does in a checkout; of the tree only the pages of
navigation.toml are read. Why Sphinx: docs/decisions/site.md.
"""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
GROUPS = tomllib.loads((Path(__file__).parent / "navigation.toml").read_text("utf-8"))["group"]
PAGES = [page for group in GROUPS for page in group["pages"]]
METADATA = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
(VERSION,) = re.findall(
    r'^__version__ = "(.+)"$', (ROOT / "bisync/__init__.py").read_text("utf-8"), re.MULTILINE
)

project = METADATA["name"]
release = version = VERSION
extensions = ["myst_parser"]

root_doc = PAGES[0].removesuffix(".md")
include_patterns = PAGES
# Folders without a page are not even walked through: a virtual environment has some ten thousand files.
exclude_patterns = sorted(
    {path.name for path in ROOT.iterdir()} - {Path(page).parts[0] for page in PAGES}
)  # fmt: skip
# Deep enough for every heading that a page links to; the anchors are those that forges make.
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"{project} {VERSION}"
html_show_copyright = False
html_copy_source = False
html_theme_options = {"source_repository": "", "top_of_page_buttons": []}
pygments_style, pygments_dark_style = "friendly", "github-dark"


def with_navigation(app: Sphinx, docname: str, content: list[str]) -> None:
    """The first page gets the tree of all others; on it alone, and not in the file, which is read elsewhere, too."""
    if docname == root_doc:
        content[0] += "".join(f"\n{toctree(group['title'], group['pages'])}" for group in GROUPS)


def toctree(title: str, pages: list[str]) -> str:
    """A group of the navigation, as MyST has it."""
    names = "\n".join(
        "Overview <self>" if page == PAGES[0] else f"/{page.removesuffix('.md')}" for page in pages
    )
    return f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n{names}\n```\n"


# What a browser fetches by itself; not a link that somebody has to follow.
_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*\b(?:src|data)=["']?(?:https?:)?//"""
    r"""|<link\b[^>]*\bhref=["']?(?:https?:)?//|\burl\(\s*["']?(?:https?:)?//|@import\s+["'](?:https?:)?//"""
)


def fetched_elsewhere(text: str) -> list[str]:
    """What of a page, a style or a picture makes a reader's browser ask another host."""
    return [match[0] for match in _FETCHED.finditer(text)]


def checked_and_indexed(app: Sphinx, failed: Exception | None) -> None:
    """Refuse a site that asks other hosts; else put its first page under the name that servers look for, too."""
    if failed is not None or app.builder.name != "html":
        return
    for path in sorted(app.outdir.rglob("*")):
        if path.suffix in (".html", ".css", ".svg") and (found := fetched_elsewhere(path.read_text("utf-8"))):
            sys.exit(f"{path.relative_to(app.outdir)} asks another host: {found[0]}")
    shutil.copyfile(app.outdir / f"{root_doc}.html", app.outdir / "index.html")


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.connect("source-read", with_navigation)
    app.connect("build-finished", checked_and_indexed)

"""The documentation site: every page is found, every link and command in it holds, and nothing comes from elsewhere.

Without Sphinx, which only `make site` installs; that run is strict, and finds what only it can.
"""

from __future__ import annotations

import re
import runpy
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from bisync.tasks._commands import COMMANDS

import bisync
from tests.project.test_docs import DOCS, PAGES, ROOT, commands_in, make_targets, targets_named

pytestmark = pytest.mark.pure

GROUPS = tomllib.loads((DOCS / "site" / "navigation.toml").read_text())["group"]
NAMED = [page for group in GROUPS for page in group["pages"]]
FENCE = re.compile(
    r"^(?P<margin> *)```(?P<kind>[\w-]*)\n(?P<code>.*?)^(?P=margin)```$", re.MULTILINE | re.DOTALL
)


# -- the navigation -------------------------------------------------------------------------------------


def test_every_page_is_in_the_navigation_once() -> None:
    pages = sorted(page.relative_to(ROOT).as_posix() for page in PAGES)
    there = {path.relative_to(ROOT).as_posix() for path in DOCS.rglob("*.md")}

    assert sorted(NAMED) == pages
    assert there <= set(pages)


def test_the_navigation_begins_where_a_newcomer_does() -> None:
    titles = [group["title"] for group in GROUPS]

    assert titles == ["Start here", "Use it", "How to", "Reference", "How it works", "Decisions"]
    assert NAMED[0] == "README.md"
    assert all(set(group) == {"title", "pages"} and group["pages"] for group in GROUPS)


def test_the_readme_leads_to_every_page_in_the_same_groups() -> None:
    """But for single decisions, which their index names."""
    part = (ROOT / "README.md").read_text().partition("## Where to read on\n")[2]
    bullets = re.split(r"^- \*\*(.+?)\*\*", part, flags=re.MULTILINE)[1:]
    shown = {
        title: set(re.findall(r"\]\(([^)#]+)\)", text))
        for title, text in zip(bullets[::2], bullets[1::2], strict=True)
    }

    for group in GROUPS[:-1]:
        assert shown[group["title"]] - {"docs/decisions/README.md"} == set(group["pages"]) - {"README.md"}
    assert "docs/decisions/README.md" in shown["How it works"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_has_one_title_and_skips_no_level(page: Path) -> None:
    """The site's navigation and its table of contents are made of them."""
    text = FENCE.sub("", page.read_text())
    levels = [len(signs) for signs in re.findall(r"^(#+) \S", text, flags=re.MULTILINE)]

    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


# -- links ----------------------------------------------------------------------------------------------


def targets(text: str) -> Iterator[str]:
    """Every target of a link or picture in a page's prose: inline, by reference, in HTML."""
    prose = re.sub(r"``.+?``|`[^`]*`", "code", FENCE.sub("", text))
    yield from re.findall(r"\]\(\s*<?([^)\s>]+)", prose)
    yield from re.findall(r"^ {0,3}\[[^\]]+\]:\s*(\S+)", prose, flags=re.MULTILINE)
    yield from re.findall(r"""\b(?:src|href)=["']([^"']+)""", prose)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as forges and the site make them: a second one of a name is numbered."""
    found: dict[str, int] = {}
    for head in re.findall(r"^#+ (.+)$", FENCE.sub("", text), flags=re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", head.strip().lower()).replace(" ", "-")
        count = found[slug] = found.get(slug, -1) + 1
        if count:
            found[f"{slug}-{count}"] = 0
    return set(found)


def dead_links(page: Path, pages: set[Path]) -> list[str]:
    """The relative targets of a page that are not there, or no page or picture of the site."""
    return [target for target in targets(page.read_text()) if not holds(target, page, pages)]


def holds(target: str, page: Path, pages: set[Path]) -> bool:
    path, _, anchor = target.partition("#")
    if re.match(r"[a-z]+:", target):
        return True
    there = (page.parent / path).resolve() if path else page
    if not there.is_file() or (there not in pages and there.suffix != ".svg"):
        return False
    return not anchor or anchor in anchors(there.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_page_of_the_site(page: Path) -> None:
    assert dead_links(page, set(PAGES)) == []


def test_a_dead_link_is_noticed_however_it_is_written(tmp_path: Path) -> None:
    page, other = tmp_path / "a.md", tmp_path / "b.md"
    other.write_text("# Two `words`, here\n\n## Twice\n\n## Twice\n\n```\n# No heading\n```\n")
    page.write_text(
        "[a](b.md#two-words-here) [b](b.md#twice-1) [c](#nothing) [d](b.md#no-heading) [e](b.md#twice-2) [f][ref]\n"
        "`[code](gone.md)` ![p](gone.svg) [g](https://example.org/gone) [h](../c.md) <img src='gone.png'>\n\n"
        "[ref]: gone.md\n\n```\n[code](gone.md)\n```\n"
    )

    assert dead_links(page, {page, other}) == [
        "#nothing", "b.md#no-heading", "b.md#twice-2", "gone.svg", "../c.md", "gone.md", "gone.png",
    ]  # fmt: skip


# -- commands -------------------------------------------------------------------------------------------

# What may stand before a command of ours in a line that is typed or run.
_BEFORE = r"^(?:\$ )?(?:sudo |exec |nice |cronic |[A-Z_]+=\S+ |\S*/bin/|docker (?:run|exec) .*?)*"


def lines_of_code(text: str) -> Iterator[str]:
    """The lines of each fenced block that is typed or run, continued ones put together."""
    for fence in FENCE.finditer(text):
        if fence["kind"] in ("console", "sh", "bash", "zsh", "fish", "shell"):
            yield from re.sub(r"\\\n\s*", "", fence["code"]).splitlines()


def unknown(line: str) -> list[str]:
    """The tasks and targets in a line of code that do not exist."""
    said = line.strip().partition(" #")[0]
    found = []
    if match := re.match(_BEFORE + r"(?:bisync|invoke) +([a-z][\w-]*)", said):
        found += [match[1]] if match[1] not in {*COMMANDS, "help"} else []
    if match := re.match(_BEFORE + r"make +(.+)", said):
        words = [word for word in match[1].split() if "=" not in word and not word.startswith("-")]
        found += [word for word in words if word not in make_targets()]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_a_block_of_code_exists(page: Path) -> None:
    """With a prompt or without, behind `sudo` or a variable. (A verb that a recipe tells to write is there then.)"""
    text = page.read_text()
    written = set(re.findall(r"\bWrite `bisync/actions/(\w+)\.py`", text))

    assert [word for line in lines_of_code(text) for word in unknown(line) if word not in written] == []


def test_a_command_that_does_not_exist_is_noticed() -> None:
    text = (
        "```console\n$ bisync snyc\n$ sudo make tset suite\n$ bisync sync   # bisync snyc\n```\n\n"
        "```sh\nX=1 .venv/bin/bisync statsu\nexec bisync \\\n  plna\ncd bisync && ls\n```\n\n"
        "```yaml\nbisync: snyc\n```\n"
    )

    assert [word for line in lines_of_code(text) for word in unknown(line)] == [
        "snyc",
        "tset",
        "statsu",
        "plna",
    ]
    assert commands_in("$ bisync sync\n") and targets_named("$ make test\n")


# -- what Sphinx is told --------------------------------------------------------------------------------

CONF = runpy.run_path(str(DOCS / "site" / "conf.py"), run_name="looked at")


def test_sphinx_reads_the_pages_of_the_navigation_and_walks_through_nothing_else() -> None:
    # (Caches come into being while tests run.)
    walked = {path.name for path in ROOT.iterdir() if path.name[0] != "."} - set(CONF["exclude_patterns"])

    assert CONF["include_patterns"] == NAMED
    assert walked == {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "benchmarks"}
    assert CONF["version"] == bisync.__version__


def test_the_navigation_is_on_the_first_page_alone_and_not_in_its_file() -> None:
    first, other = ["# One\n"], ["# Two\n"]
    CONF["with_navigation"](None, "README", first)
    CONF["with_navigation"](None, "docs/watch", other)

    assert other == ["# Two\n"]
    assert first[0].count("```{toctree}") == len(GROUPS)
    assert ":caption: Start here\n\nOverview <self>\n/docs/install\n" in first[0]
    assert "{toctree}" not in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('<a href="https://example.org">x</a> <a href="//example.org">x</a>', 0),
        (
            '<script src="_static/x.js"></script><link rel="stylesheet" href="x.css"><img src="data:image/png,x">',
            0,
        ),
        ("a { background: url(data:image/svg+xml,http://www.w3.org) } b { background: url('x.png') }", 0),
        ('<script defer src="https://example.org/x.js">', 1),
        ("<img alt='' src='//example.org/x.png'>", 1),
        ('<link rel="preconnect" href="https://example.org">', 1),
        ("@font-face { src: url( 'https://example.org/x.woff') } @import \"//example.org/x.css\";", 2),
    ],
)
def test_what_a_browser_would_fetch_elsewhere_is_found(text: str, count: int) -> None:
    assert len(CONF["fetched_elsewhere"](text)) == count


# -- nothing from elsewhere -----------------------------------------------------------------------------


@pytest.mark.parametrize("picture", sorted(DOCS.glob("*.svg")), ids=lambda path: path.name)
def test_a_picture_asks_nobody(picture: Path) -> None:
    text = picture.read_text()

    assert CONF["fetched_elsewhere"](text) == []
    assert not re.search(r"<script|<image|xlink:href", text)


@pytest.mark.parametrize("picture", sorted(DOCS.glob("*.svg")), ids=lambda path: path.name)
def test_a_picture_is_in_colour_and_shows_what_stands_in_the_end(picture: Path) -> None:
    """Beside the prompt's green and the text's own; and no spinner that is gone from a terminal by then."""
    text = picture.read_text().replace("&#160;", " ")
    colours = set(re.findall(r"-r\d+ \{ fill: (#[0-9a-f]{6})", text)) - {"#98a84b", "#c5c8c6"}

    assert colours
    assert "looking at both sides" not in text and "\x1b" not in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_picture_of_a_page_lies_elsewhere(page: Path) -> None:
    prose = FENCE.sub("", page.read_text())

    assert not re.search(r"!\[[^\]]*\]\(\s*https?:", prose)
    assert CONF["fetched_elsewhere"](prose) == []

"""A page as a browser reads it: its elements, what is said in them, and where it leads."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise

VOID = frozenset(["meta", "br", "link", "img", "input", "hr", "base", "source", "embed"])
LEADING = (
    "src",
    "href",
    "srcset",
    "action",
    "formaction",
    "data",
    "poster",
    "background",
    "ping",
    "xlink:href",
)
KNOWN = (
    {"html", "head", "meta", "title", "style", "body", "header", "main", "section", "nav", "footer", "h1", "h2", "h3"}
    | {"p", "strong", "br", "a", "bdi", "code", "span", "ul", "li", "dl", "dt", "dd", "div", "pre", "ins", "del"}
    | {"table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "details", "summary", "i", "b", "time"}
    | {"figure", "figcaption", "svg", "rect"}
)  # fmt: skip
"""All that our pages are made of."""


class Element:
    """One element, with what is said in it and in all below it."""

    def __init__(self, tag: str, attributes: dict[str, str], above: Element | None) -> None:
        self.tag, self.attributes, self.above = tag, attributes, above
        self.parts: list[str | Element] = []

    @property
    def text(self) -> str:
        """All that is said in it."""
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)

    def all(self, tag: str, of_class: str | None = None) -> list[Element]:
        """Every element below it with this tag, and with this class."""
        return [
            one
            for one in self.below()
            if one.tag == tag and (of_class is None or of_class in one.attributes.get("class", "").split())
        ]

    def below(self) -> Iterator[Element]:
        """Every element below it."""
        for part in self.parts:
            if isinstance(part, Element):
                yield part
                yield from part.below()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.at = Element("", {}, None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), attrs
        one = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.parts.append(one)
        if tag not in VOID:
            self.at = one

    def handle_endtag(self, tag: str) -> None:
        assert self.at.tag == tag, f"</{tag}> closes <{self.at.tag}>"
        assert self.at.above is not None
        self.at = self.at.above

    def handle_data(self, data: str) -> None:
        self.at.parts.append(data)


def read_page(text: str) -> Element:
    """The page as a tree; what is not closed in order is an error."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.at is reader.root, f"<{reader.at.tag}> is not closed"
    return reader.root


def check_page(text: str) -> Element:
    """Hold a page against all that every page of ours has to be; the page as a tree."""
    page = read_page(text)
    elements = list(page.below())
    assert {one.tag for one in elements} <= KNOWN
    for one in elements:
        for name, value in one.attributes.items():
            assert not name.startswith("on") and name != "style", (one.tag, name)
            assert name not in LEADING or (name == "href" and one.tag == "a" and value.startswith("#")), value
    ids = [one.attributes["id"] for one in elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    for one in elements:
        for name in ("href", "aria-labelledby"):
            assert name not in one.attributes or one.attributes[name].removeprefix("#") in ids
    _check_head(text, page)
    _check_for_readers(page)
    # Nothing that turns round, hides or ends what is seen, wherever it came from.
    assert all(char.isprintable() or char == "\n" for char in text)
    return page


def _check_head(text: str, page: Element) -> None:
    [html], [style] = page.all("html"), page.all("style")
    metas = {
        one.attributes.get("name") or one.attributes.get("http-equiv"): one.attributes
        for one in page.all("meta")
    }
    digest = b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    assert text.startswith("<!doctype html>\n") and html.attributes == {"lang": "en"}
    assert page.all("meta")[0].attributes == {"charset": "utf-8"}
    assert metas["Content-Security-Policy"]["content"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert text.index("Content-Security-Policy") < text.index("<style>")
    assert metas["viewport"]["content"] == "width=device-width, initial-scale=1"
    assert [one.text for one in page.all("title")] != [""]
    for leads in ("@import", "url(", "http:", "https:", "expression"):
        assert leads not in style.text


def _check_for_readers(page: Element) -> None:
    """Who hears a page, or has no mouse, finds their way."""
    heads = [one for one in page.below() if one.tag in ("h1", "h2", "h3")]
    levels = [int(one.tag[1]) for one in heads]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(one.text.strip() for one in heads)
    assert len(page.all("main")) == 1
    for table in page.all("table"):
        assert table.all("thead") and all("scope" in one.attributes for one in table.all("th"))
    for details in page.all("details"):
        first = next(part for part in details.parts if isinstance(part, Element))
        assert first.tag == "summary" and first.text.strip()
    for drawing in page.all("svg"):
        assert drawing.attributes["role"] == "img" and drawing.attributes["aria-label"]

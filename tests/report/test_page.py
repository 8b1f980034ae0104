"""What all pages have in common: their colours, and how they come to stdout."""

from __future__ import annotations

import re

import pytest

from bisync.render import render, render_page
from bisync.report.page import on_a_stream, some

pytestmark = pytest.mark.pure

STYLE = render("page.css")
ROOTS = re.findall(r":root \{(.*?)\}", STYLE, flags=re.DOTALL)
SCHEMES = {"light": ROOTS[0], "dark": ROOTS[0] + ROOTS[1]}
# What is written on what.
WRITTEN = [
    *((ink, on) for ink in ("ink", "soft", "link") for on in ("paper", "card")),
    *((ink, "card") for ink in ("gone", "fight", "good", "add", "del")),
    *((ink, f"{ink}-tint") for ink in ("up", "down", "gone", "fight", "name", "good", "add", "del")),
    *((ink, f"{ink}-mark") for ink in ("add", "del")),
    *(("ink", f"{tint}-tint") for tint in ("good", "fight", "gone")),
]
# What is drawn on what.
DRAWN = [(ink, "card") for ink in ("up", "down", "gone", "fight", "soft")]


def colours(scheme: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", SCHEMES[scheme]))


def luminance(colour: str) -> float:
    """WCAG 2.2, "relative luminance"."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_measured() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21) and contrast("#777777", "#ffffff") < 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
def test_everything_can_be_read(scheme: str) -> None:
    known = colours(scheme)

    assert set(known) == set(colours("light")) == set(re.findall(r"var\(--([\w-]+)\)", STYLE))
    assert {pair: ratio for pair in WRITTEN if (ratio := contrast(*(known[one] for one in pair))) < 4.5} == {}
    assert {pair: ratio for pair in DRAWN if (ratio := contrast(*(known[one] for one in pair))) < 3} == {}


def test_a_page_follows_the_reader() -> None:
    for media in ("screen and (prefers-color-scheme: dark)", "(max-width: 40rem)", "print"):
        assert f"@media {media}" in STYLE
    assert STYLE.isascii() and "<" not in STYLE
    assert "animation" not in STYLE and "transition" not in STYLE


def test_every_value_of_a_page_is_cleaned_and_escaped() -> None:
    text = render_page(
        "page.html.j2", lambda one: one.replace("\u202e", "?"), title="<b>\u202e", policy="'\"", style="p > a"
    )

    assert "<title>&lt;b&gt;?</title>" in text and 'content="&#39;&#34;"' in text
    assert "<style>p > a</style>" in text


def test_a_page_for_any_encoding() -> None:
    assert on_a_stream("<p>é → 日\n") == "<p>&#233; &#8594; &#26085;"


def test_some_of_a_list() -> None:
    assert some("abc", 2) == (("a", "b"), 1)
    assert some(iter(()), 2) == ((), 0)

"""A path, a folder or a pattern among paths that are listed; and where it is taken from."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from bisync.config import EmbeddedTenant, Sync
from bisync.errors import UsageError
from bisync.sync.located import wanted
from bisync.sync.patterns import Wanted, is_pattern, parted

pytestmark = pytest.mark.pure


def sync(folder: str, name: str = "notes") -> Sync:
    return Sync(
        name=name, tenant=EmbeddedTenant(name="t", tenant_id="t", storage=Path("/x")), dir=Path(folder)
    )


LISTED = (
    "#x.md", "!y.md", "[x].md", "a.md", "notes/a.md", "notes/deep/b.md", "research/a.md", "research/ml/b.md",
    "research/ml/deep/c.md", "research/ml/pic.png", "trailing ", "x.md",
)  # fmt: skip


@pytest.mark.parametrize(
    ("word", "found"),
    [
        # A path or a folder that is listed is no pattern, whatever is in it.
        ("a.md", ["a.md"]),
        ("[x].md", ["[x].md"]),
        ("notes/", ["notes/a.md", "notes/deep/b.md"]),
        ("notes", ["notes/a.md", "notes/deep/b.md"]),
        ("./research/ml", ["research/ml/b.md", "research/ml/deep/c.md", "research/ml/pic.png"]),
        (".", list(LISTED)),
        # What is none of them and has no sign of a pattern is nothing: no name fits elsewhere by chance.
        ("b.md", []),
        ("note", []),
        ("deep/", []),
        # As git: without a slash at any depth, with one from its folder; a folder means all below it.
        ("*.md", [one for one in LISTED if one.endswith(".md")]),
        ("./*.md", [one for one in LISTED if one.endswith(".md") and "/" not in one]),
        ("[ab].md", [one for one in LISTED if one.endswith(("a.md", "b.md"))]),
        ("?.md", [one for one in LISTED if one.endswith(".md") and len(one.rpartition("/")[2]) == 4]),
        ("research/*.md", ["research/a.md"]),
        ("research/**/*.md", ["research/a.md", "research/ml/b.md", "research/ml/deep/c.md"]),
        ("**/deep/", ["notes/deep/b.md", "research/ml/deep/c.md"]),
        ("*/deep", ["notes/deep/b.md"]),
        ("research/**", [one for one in LISTED if one.startswith("research/")]),
        ("dee*/", ["notes/deep/b.md", "research/ml/deep/c.md"]),
        # What begins or ends a line of an ignore file with a meaning has none here.
        ("!*.md", ["!y.md"]),
        ("#*", ["#x.md"]),
        ("* ", ["trailing "]),
        ("[z].md", []),
    ],
)
def test_what_a_word_means(word: str, found: list[str]) -> None:
    [(_, meant)] = wanted((sync("/s/notes"),), word, Path("/s/notes"))

    assert list(meant.among(LISTED)) == found


def test_two_spellings_of_a_name_are_one() -> None:
    nfc, nfd = (unicodedata.normalize(form, "ü/é.md") for form in ("NFC", "NFD"))
    for listed, typed in ((nfc, nfd), (nfd, nfc)):
        for word in (typed, typed[: typed.index("/")], f"{typed[:-3]}*"):
            [(_, meant)] = wanted((sync("/s"),), word, Path("/s"))
            assert meant.among([listed]) == (listed,), (listed, word)


def test_a_path_that_is_listed_comes_before_what_it_would_fit() -> None:
    assert Wanted(word="[a].md", paths=("[a].md",), pattern="[a].md").among(["a.md"]) == ("a.md",)
    assert Wanted(word="[a].md", paths=("[a].md",), pattern="[a].md").among(["[a].md", "a.md"]) == ("[a].md",)


def test_a_pattern_begins_in_a_folder() -> None:
    assert parted("*.md") == ("", "*.md")
    assert parted("a/b/*.md") == ("a/b", "/*.md")
    assert parted("/a/*.md") == ("/a", "/*.md")
    assert parted("/*.md") == ("/", "/*.md")
    assert parted("../*/x") == ("..", "/*/x")
    assert parted("*/") == ("", "*/")
    assert not is_pattern("a b/c.md") and is_pattern("a[1].md")


def test_where_a_word_is_taken_from(tmp_path: Path) -> None:
    (tmp_path / "home/one/work").mkdir(parents=True)
    (tmp_path / "home/two").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "home/one")
    home = tmp_path / "home"
    one, two = sync(str(home / "one"), "one"), sync(str(home / "two"), "two")

    def meant(word: str, cwd: Path, syncs: tuple[Sync, ...] = (one, two)) -> list[tuple[object, ...]]:
        return [(s.name, m.paths, m.folder, m.pattern) for s, m in wanted(syncs, word, cwd)]

    # Inside of a sync dir from there, and a path that is not listed so from the sync's dir.
    assert meant("a.md", home / "one/work") == [("one", ("work/a.md", "a.md"), "", None)]
    assert meant("*.md", home / "one/work") == [("one", ("work/*.md", "*.md"), "work", "*.md")]
    assert meant("../*.md", home / "one/work") == [("one", ("*.md",), "", "/*.md")]
    assert meant("../../two/x*", home / "one/work") == [("two", ("x*",), "", "/x*")]
    assert meant(".", home / "one") == [("one", ("", ""), "", None)]
    assert meant("x*", tmp_path / "link" / "work") == [("one", ("work/x*", "x*"), "work", "x*")]
    assert meant(str(home / "two/p/*.md"), home) == [("two", ("p/*.md",), "p", "/*.md")]
    # From elsewhere from the dir of each.
    assert meant("p/*.md", home) == [(name, ("p/*.md",), "p", "/*.md") for name in ("one", "two")]
    assert meant("a.md", tmp_path) == [(name, ("a.md",), "", None) for name in ("one", "two")]
    # The way to one of them says which.
    assert meant("two/a.md", home) == [("two", ("a.md", "two/a.md"), "", None)]
    for word in ("/etc/*", "../x", "/etc/passwd"):
        with pytest.raises(UsageError, match="lies in none of the sync dirs"):
            wanted((one, two), word, tmp_path)


ODD = ("***", "[", "[]", "a[", "[!", "a\n*", "//*", "*/..", "[a-", "**/", "[[:foo:]]", "x/**/**/y", "*\u202e")


@pytest.mark.parametrize("word", ODD)
def test_an_odd_pattern_chooses_or_does_not(word: str) -> None:
    [(_, meant)] = wanted((sync("/s"),), word if word[0] != "/" else f"/s{word}", Path("/s"))

    assert set(meant.among(LISTED)) <= set(LISTED)


def test_a_pattern_that_is_none_says_so() -> None:
    [(_, meant)] = wanted((sync("/s"),), "x/*\\", Path("/s"))
    with pytest.raises(UsageError, match="is no pattern"):
        meant.among(LISTED)

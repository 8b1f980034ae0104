"""The baseline: saved and read back, made from bisync's listings, kept in step with them; never an exception."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisync.config import Compare
from bisync.core.snapshot import BaseFile, Baseline, LocalFile, Stamp
from bisync.rclone.listings import Pair
from bisync.state.baseline import current, from_listings, in_rows, load, save
from bisync.sync.frame import Marker, in_lines
from bisync.sync.frame import listed as listings_of

pytestmark = pytest.mark.pure

HEADER = "# bisync listing v1 from 2026-11-24T08:33:27.227215414+0000\n"
NEVER = "0001-01-01T00:00:00.000000000+0000"
AT_5 = "1970-01-01T00:00:05.000000000+0000"
A, B = "a" * 32, "b" * 32
STAMP = Stamp(5_000_000_000, 6, 7)

ABOUT: dict[str, Any] = {
    "compare": Compare.CHECKSUM,
    "profile": "balanced",
    "filters": "sha256:f",
    "device": 7,
    "run": "20261122T101500Z-3f2a7c",
}
KNOWN = Baseline(
    files={
        "a.md": BaseFile(10, A, STAMP, None, None),
        "caf\u00e9/b\u240a.md": BaseFile(0, None, None, -5, 2**62),
        'q"],\n".md': BaseFile(1, B, Stamp(0, 0, 0), 0, 0),
    },
    listings="digest",
    **ABOUT,
)


def line(name: str, size: int = 10, md5: str | None = A, at: str = NEVER) -> str:
    return f'- {size:>8} {f"md5:{md5}" if md5 else "-"} - {at} "{name}"\n'


@pytest.fixture
def listed(tmp_path: Path) -> Callable[[str, str], Pair]:
    """A pair of listings with these lines."""

    def write(path1: str, path2: str) -> Pair:
        pair = Pair(tmp_path / "s.path1.lst", tmp_path / "s.path2.lst")
        pair.path1.write_text(HEADER + path1, "utf-8")
        pair.path2.write_text(HEADER + path2, "utf-8")
        return pair

    return write


def seen(name: str, size: int = 10, md5: str | None = A, stamp: Stamp = STAMP) -> LocalFile:
    return LocalFile(name, size, stamp, md5)


# -- saved and read back ----------------------------------------------------------------------------


def test_what_was_saved_is_read_back(tmp_path: Path) -> None:
    save(tmp_path / "baseline.json", KNOWN)

    assert load(tmp_path / "baseline.json") == KNOWN


@pytest.mark.parametrize(
    "change",
    [{"compare": Compare.MODTIME}, {"keeps_versions": False}, {"files": {}}, {"device": 0}, {"profile": "my own"},
     {"run": "another"}, {"filters": ""}, {"listings": "other"}],
)  # fmt: skip
def test_every_field_is_read_back(tmp_path: Path, change: dict[str, Any]) -> None:
    changed = replace(KNOWN, **change)
    save(tmp_path / "baseline.json", changed)

    assert load(tmp_path / "baseline.json") == changed != KNOWN


# No file is called by a NUL, and none is read that says so.
spellings = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
files = st.builds(
    BaseFile,
    st.integers(0, 2**63),
    st.none() | st.text("0123456789abcdef", min_size=32, max_size=32),
    st.none() | st.builds(Stamp, *[st.integers(-(2**63), 2**63)] * 3),
    st.none() | st.integers(-(2**63), 2**63),
    st.none() | st.integers(-(2**63), 2**63),
    st.none() | st.tuples(spellings, spellings),
)
times = st.none() | st.integers(0, 2**62)
listed_files = st.builds(
    BaseFile,
    st.integers(0, 2**40),
    st.none() | st.just(A),
    st.none(),
    times,
    times,
    st.none() | st.just(("a", "b")),
)


@settings(max_examples=25)
@given(st.dictionaries(spellings, files, max_size=5))
def test_any_files_are_read_back(tmp_path_factory: pytest.TempPathFactory, held: dict[str, BaseFile]) -> None:
    path = tmp_path_factory.mktemp("one") / "baseline.json"
    save(path, replace(KNOWN, files=held))

    found = load(path)

    assert found is not None and found.files == held


@settings(max_examples=50)
@given(
    st.dictionaries(st.text("ab/"), listed_files),
    st.dictionaries(st.text("ab/"), listed_files),
    st.sets(st.text("ab/")),
    st.sampled_from(Compare),
)
def test_what_was_put_into_words_before_says_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    before: dict[str, BaseFile],
    since: dict[str, BaseFile],
    gone: set[str],
    compare: Compare,
) -> None:
    folder, kept = (
        tmp_path_factory.mktemp("one"),
        {path: file for path, file in before.items() if path not in gone},
    )
    now = replace(KNOWN, files={**kept, **since})
    nothing, at = Marker(None, None), datetime(2026, 11, 24, tzinfo=UTC)
    rows, lines = in_rows(before), in_lines(before, compare)

    save(folder / "one.json", now)
    save(folder / "two.json", now, rows)

    assert (folder / "one.json").read_bytes() == (folder / "two.json").read_bytes()
    assert listings_of(now.files, compare, nothing, at, lines) == listings_of(now.files, compare, nothing, at)


def test_the_file_has_one_line_a_file_and_depends_on_no_order(tmp_path: Path) -> None:
    save(tmp_path / "one.json", KNOWN)
    save(tmp_path / "two.json", replace(KNOWN, files=dict(reversed(list(KNOWN.files.items())))))

    text = (tmp_path / "one.json").read_text()
    assert text == (tmp_path / "two.json").read_text()
    assert text.isascii()
    assert len(text.splitlines()) == len(KNOWN.files)


def test_there_may_be_none(tmp_path: Path) -> None:
    assert load(tmp_path / "baseline.json") is None


def test_another_version_is_none(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    save(path, KNOWN)
    document = json.loads(path.read_text())
    for version in (0, 2, "1", None):
        path.write_text(json.dumps({**document, "version": version}))
        assert load(path) is None


def test_cut_short_anywhere_it_is_none(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    save(path, KNOWN)
    whole = path.read_bytes()
    for length in (*range(0, len(whole), 5), len(whole) - 2):
        path.write_bytes(whole[:length])
        assert load(path) is None
        path.write_bytes(whole[:length].ljust(len(whole), b"\0"))
        assert load(path) is None


@pytest.mark.parametrize(
    "text", ["null", "[]", "1", '"text"', "true", "{}", "[[]]", '{"version": 1}', "\ufeff{}"]
)
def test_another_document_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "baseline.json").write_text(text, "utf-8")

    assert load(tmp_path / "baseline.json") is None


def test_bytes_that_are_no_text_are_none(tmp_path: Path) -> None:
    (tmp_path / "baseline.json").write_bytes(b'{"version": 1, "run": "\xff"}')

    assert load(tmp_path / "baseline.json") is None


@pytest.mark.parametrize("field", ["version", "run", "compare", "profile", "filters", "device", "listings",
                                   "keeps_versions", "files"])  # fmt: skip
def test_without_any_field_it_is_none(tmp_path: Path, field: str) -> None:
    path = tmp_path / "baseline.json"
    save(path, KNOWN)
    document = json.loads(path.read_text())
    del document[field]
    path.write_text(json.dumps(document))

    assert load(path) is None


@pytest.mark.parametrize(
    "change",
    [
        {"compare": "hash"},
        {"compare": None},
        {"compare": []},
        {"files": None},
        {"files": []},
        {"files": "text"},
        {"files": {"a": None}},
        {"files": {"a": []}},
        {"files": {"a": [1, None, None, None]}},
        {"files": {"a": [1, None, None, None, None, None]}},
        {"files": {"a": {"size": 1}}},
        {"files": {"a": 1}},
        {"files": {"a": [1, None, [1, 2], None, None]}},
        {"files": {"a": [1, None, [1, 2, 3, 4], None, None]}},
        {"files": {"a": [1, None, 5, None, None]}},
        {"files": {"a": [1, None, True, None, None]}},
    ],
)
def test_fields_of_another_shape_are_none(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "baseline.json"
    save(path, KNOWN)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))

    assert load(path) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text("a1", max_size=2),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline as it is saved, to be read only."""
    path = tmp_path_factory.mktemp("saved") / "baseline.json"
    save(path, KNOWN)
    return path


@settings(max_examples=50)
@given(st.sampled_from(["compare", "files", "version", "device", "a.md"]), json_values)
def test_no_shape_is_an_exception(saved: Path, field: str, value: object) -> None:
    document = json.loads(saved.read_text())
    (document["files"] if field == "a.md" else document)[field] = value
    changed = saved.with_name("changed.json")
    changed.write_text(json.dumps(document))

    assert isinstance(load(changed), Baseline | None)


# -- from listings ----------------------------------------------------------------------------------

Listed = Callable[[str, str], Pair]


def made(pair: Pair, *known: LocalFile, stored: dict[str, int | None] | None = None) -> dict[str, BaseFile]:
    return from_listings(pair, {one.name: one for one in known}, stored or {})


def test_what_both_listings_hold_is_the_common_ground(listed: Listed) -> None:
    pair = listed(line("a") + line("here"), line("a") + line("there"))

    assert made(pair) == {"a": BaseFile(10, A, None, None, None)}


def test_the_marker_is_no_file(listed: Listed) -> None:
    marker = line(".basic-memory/.bisync-marker")

    assert set(made(listed(marker + line("a"), marker + line("a")))) == {"a"}


@pytest.mark.parametrize(
    ("known", "vouched"),
    [
        (seen("a"), True),
        (seen("a", stamp=Stamp(1, 2, 3)), True),
        (seen("a", md5=B), False),
        (seen("a", md5=None), False),
        (seen("a", size=11), False),
        (seen("b"), False),
    ],
)
def test_a_stamp_is_taken_where_its_content_is_the_listed_one(
    listed: Listed, known: LocalFile, vouched: bool
) -> None:
    pair = listed(line("a"), line("a"))

    assert made(pair, known)["a"].stamp == (known.stamp if vouched else None)


@pytest.mark.parametrize(
    ("known", "vouched"),
    [
        (seen("a", md5=None), True),
        (seen("a", md5=A), True),
        (seen("a", md5=None, stamp=Stamp(5_000_000_001, 6, 7)), False),
        (seen("a", md5=None, size=11), False),
    ],
)
def test_without_a_hash_a_stamp_is_taken_where_its_time_is_the_listed_one(
    listed: Listed, known: LocalFile, vouched: bool
) -> None:
    pair = listed(line("a", md5=None, at=AT_5), line("a", md5=None, at=AT_5))

    found = made(pair, known)["a"]

    assert found == BaseFile(10, None, known.stamp if vouched else None, 5_000_000_000, 5_000_000_000)


@pytest.mark.parametrize(
    ("ours", "theirs", "md5"), [(A, A, A), (A, None, A), (A, B, None), (None, A, None), (None, None, None)]
)
def test_a_hash_counts_where_the_other_side_does_not_gainsay(
    listed: Listed, ours: str | None, theirs: str | None, md5: str | None
) -> None:
    pair = listed(line("a", md5=ours), line("a", md5=theirs))

    assert made(pair)["a"].md5 == md5


@pytest.mark.parametrize(
    ("theirs", "time"),
    [
        (line("a", md5=None), 9),  # nothing else tells a change
        (line("a", md5=A), None),
        (line("a", md5=None, at=AT_5), 5_000_000_000),
        (line("a", md5=A, at=AT_5), 5_000_000_000),
    ],
)
def test_when_the_cloud_stored_a_file_counts_where_it_has_no_hash(
    listed: Listed, theirs: str, time: int | None
) -> None:
    pair = listed(line("a"), theirs)

    found = made(pair, stored={"a": 9, "b": 8})["a"]

    assert (found.local_mtime_ns, found.cloud_mtime_ns) == (None, time)


def test_nobody_knows_when_it_was_stored(listed: Listed) -> None:
    assert made(listed(line("a"), line("a", md5=None)))["a"].cloud_mtime_ns is None


def test_each_side_has_its_own_time_and_the_local_size(listed: Listed) -> None:
    pair = listed(line("a", 10, None, AT_5), line("a", 11, None, AT_5.replace(":05", ":06")))

    assert made(pair)["a"] == BaseFile(10, None, None, 5_000_000_000, 6_000_000_000)


def test_two_spellings_of_a_name_are_one_file(listed: Listed) -> None:
    pair = listed(line("cafe\u0301"), line("caf\u00e9"))

    assert made(pair, seen("caf\u00e9")) == {
        "caf\u00e9": BaseFile(10, A, STAMP, None, None, ("cafe\u0301", "caf\u00e9"))
    }


def test_a_damaged_listing_makes_no_baseline(listed: Listed) -> None:
    pair = listed(line("a"), line("a")[:-20])

    with pytest.raises(ValueError):
        made(pair)


# -- in step with the listings ----------------------------------------------------------------------


def saved_for(pair: Pair, **change: Any) -> Baseline:
    files = {
        "kept": BaseFile(10, A, STAMP, None, None),
        "edited": BaseFile(10, A, STAMP, None, None),
        "gone": BaseFile(10, A, STAMP, None, None),
        "no-stamp": BaseFile(10, A, None, None, None),
        "no-hash": BaseFile(10, A, STAMP, None, 9),
    }
    return Baseline(**{"files": files, "listings": pair.digest(), **ABOUT, **change})


LINES = "".join(line(name) for name in ("kept", "gone", "no-stamp", "no-hash"))


def test_a_baseline_of_the_same_listings_is_current(listed: Listed) -> None:
    pair = listed(LINES, LINES)
    saved = saved_for(pair)

    assert current(saved, pair, Compare.MODTIME) is saved


def test_from_other_listings_it_is_made_anew_with_what_is_known_of_unchanged_files(listed: Listed) -> None:
    pair = listed("", "")
    saved = saved_for(pair, profile="careful", keeps_versions=True)
    lines = line("kept") + line("edited", md5=B) + line("no-stamp") + line("new")
    pair = listed(lines + line("no-hash"), lines + line("no-hash", md5=None))

    found = current(saved, pair, Compare.MODTIME)

    assert found == replace(
        saved,
        listings=pair.digest(),
        files={
            "kept": BaseFile(10, A, STAMP, None, None),
            "edited": BaseFile(10, B, None, None, None),
            "no-stamp": BaseFile(10, A, None, None, None),
            "new": BaseFile(10, A, None, None, None),
            "no-hash": BaseFile(10, A, STAMP, None, 9),
        },
    )


def test_by_modtime_it_is_made_anew_as_well(listed: Listed) -> None:
    files = {
        "kept": BaseFile(10, None, STAMP, 5_000_000_000, 5_000_000_000),
        "no-stamp": BaseFile(10, None, None, 5_000_000_000, 5_000_000_000),
        "edited": BaseFile(10, None, STAMP._replace(mtime_ns=4), 4, 4),
    }
    lines = "".join(line(name, md5=None, at=AT_5) for name in files)
    pair = listed(lines, lines)

    found = current(saved_for(pair, files=files, listings="other"), pair, Compare.MODTIME)

    assert found.files == {**files, "edited": files["no-stamp"]}


def test_without_a_saved_one_the_listings_are_all_there_is(listed: Listed) -> None:
    pair = listed(LINES, LINES)

    found = current(None, pair, Compare.MODTIME)

    assert found == Baseline(
        files=dict.fromkeys(("kept", "gone", "no-stamp", "no-hash"), BaseFile(10, A, None, None, None)),
        compare=Compare.MODTIME, profile="", filters="", device=0, run="", listings=pair.digest(),
    )  # fmt: skip

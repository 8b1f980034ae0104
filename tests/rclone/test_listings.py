"""bisync's listings: as rclone 1.75 wrote them (cases/listings), damaged, mended, and found by their name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bisync.core.names import to_rclone
from bisync.rclone.listings import (
    EqualFile,
    ListedFile,
    Pair,
    add_equal,
    are_there,
    carry_over,
    clear_locks,
    find,
    is_too_long,
    locks,
    read,
    read_pair,
    session_name,
)
from bisync.state.ancestor import keep_ancestor

pytestmark = pytest.mark.pure

SAMPLES = Path(__file__).parent.parent / "cases" / "listings"
HEADER = "# bisync listing v1 from 2026-11-24T08:33:27.227215414+0000\n"
NEVER = "0001-01-01T00:00:00.000000000+0000"
MARKER = ListedFile(".basic-memory/.bisync-marker", 94, "aa52f44c10a06818c09b1b5953fe8df4", None)

Placed = Callable[..., Pair]


def line(name: str, size: int = 1, md5: str = "0" * 32) -> str:
    """A line as bisync writes it, by checksum."""
    return f'- {size:>8} md5:{md5} - {NEVER} "{name}"\n'


@pytest.fixture
def placed(tmp_path: Path) -> Placed:
    """Two listings in a workdir: a sample, or what is given."""

    def place(sample: str = "", path1: str = "", path2: str = "") -> Pair:
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        pair = Pair(work / "session.path1.lst", work / "session.path2.lst")
        for target, text in ((pair.path1, path1), (pair.path2, path2)):
            if sample:
                shutil.copy(SAMPLES / (sample + target.name.removeprefix("session")), target)
            else:
                target.write_text(HEADER + text, "utf-8")
        return pair

    return place


# -- reading ----------------------------------------------------------------------------------------


def test_a_pair_by_checksum_has_hashes_and_no_times(placed: Placed) -> None:
    ours, theirs = read_pair(placed("checksum"))

    assert ours == theirs
    assert ours[0] == ListedFile(" lead", 1, "9dd4e461268c8034f5c8564e155c67a6", None)
    assert MARKER in ours
    assert len(ours) == 21


def test_odd_names_are_read_in_rclones_spelling(placed: Placed) -> None:
    here = ["plain.md", " lead", "trail ", "tab\there", "line\nbreak", "back\\slash", 'quote"s', "'single'",
             "[x]{y}*?", "ü/é ñ", "cafe\u0301.md", "🦀", "nb\u00a0sp", "nel\u0085x", "ls\u2028x", "zwj\u200dx",
             "del\x7fx", "bom\ufeffx", "\ue000pua", "d/e/f/deep.md", ".basic-memory/.bisync-marker"]  # fmt: skip

    ours, _ = read_pair(placed("checksum"))

    assert {one.path for one in ours} == {to_rclone(name) for name in here}


def test_a_pair_by_modtime_has_times_and_no_hashes(placed: Placed) -> None:
    ours, theirs = read_pair(placed("modtime"))

    assert ours == theirs
    assert ours == [
        MARKER._replace(md5=None, mtime_ns=1_600_000_000_000_000_000),
        ListedFile("a.md", 4, None, 1_700_000_000_123_456_716),
        ListedFile("b.md", 1, None, 0),
        ListedFile("c.md", 1, None, -500_000_000),
        ListedFile("d/e.md", 0, None, 1_700_000_007_000_000_000),
    ]


def test_a_file_the_cloud_has_no_hash_of(placed: Placed) -> None:
    ours, theirs = read_pair(placed("parts"))

    assert ours[1] == ListedFile("big.bin", 5_242_884, "1aef7b8bcc8fe89e16564386cc93f5fe", None)
    assert theirs[1] == ListedFile("big.bin", 5_242_884, None, None)
    assert ours[2] == theirs[2]


def test_folders_are_passed_over() -> None:
    found = read(SAMPLES / "folders.path1.lst")

    assert found == [ListedFile("p/n.md", 1, "7b8b965ad4bca0e41ab51de7b31363a1", 1_700_000_000_000_000_000)]


def test_a_listing_may_hold_nothing(placed: Placed) -> None:
    assert read_pair(placed()) == ([], [])


def test_names_that_are_no_utf_8_are_read(placed: Placed) -> None:
    pair = placed()
    pair.path1.write_bytes((HEADER + line("bad?.md")).encode().replace(b"?", b"\xff"))

    assert read(pair.path1)[0].path == "bad\udcff.md"


@pytest.mark.parametrize(
    ("digest", "md5"),
    [("md5:" + "a" * 32, "a" * 32), ("-", None), ("md5:", None), ("sha1:" + "b" * 40, None)],
)
def test_only_an_md5_counts_as_a_hash(placed: Placed, digest: str, md5: str | None) -> None:
    pair = placed(path1=line("a").replace("md5:" + "0" * 32, digest))

    assert read(pair.path1) == [ListedFile("a", 1, md5, None)]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: "", "not a bisync listing: it begins with "),
        (lambda text: "\0" * len(text), "not a bisync listing: it begins with "),
        (lambda text: text.partition("\n")[2], "not a bisync listing: it begins with "),
        (lambda text: "\n" + text, "not a bisync listing: it begins with "),
        (lambda text: text.replace("v1", "v2"), "not a bisync listing: it begins with "),
        (lambda text: text[:-10], "not a line of a bisync listing: "),
        (lambda text: text[: len(text) // 2], "not a line of a bisync listing: "),
        (lambda text: text + "\0\0\0", "not a line of a bisync listing: "),
        (lambda text: text + "- x\n", "not a line of a bisync listing: "),
        (lambda text: text.replace('"a.md"', "a.md"), "not a line of a bisync listing: "),
        (lambda text: text.replace("-        4", "-     four"), "not a line of a bisync listing: "),
        (lambda text: text.replace('"a.md"', r'"a\q.md"'), ""),
        (lambda text: text.replace("2023-11-14", "2023-13-14"), ""),
        (lambda text: text.replace("2023-11-14T22:13:20.123456716+0000", "2023-later"), ""),
    ],
)  # fmt: skip
def test_a_damaged_listing_is_refused_and_named(
    placed: Placed, damage: Callable[[str], str], said: str
) -> None:
    path = placed("modtime").path2
    path.write_text(damage(path.read_text("utf-8")), "utf-8")

    with pytest.raises(ValueError) as caught:
        read(path)

    assert not said or str(caught.value).startswith(f"{path}: {said}")


@pytest.mark.parametrize("side", ["path1", "path2"])
def test_a_pair_is_refused_when_either_is_damaged(placed: Placed, side: str) -> None:
    pair = placed("modtime")
    path: Path = getattr(pair, side)
    path.write_text(path.read_text("utf-8")[:-10], "utf-8")

    with pytest.raises(ValueError, match=f"session.{side}.lst"):
        read_pair(pair)


def test_a_damaged_line_is_shown(placed: Placed) -> None:
    pair = placed(path1=line("a") + "one line of mine\n" + line("b"))

    with pytest.raises(ValueError, match="'one line of mine'"):
        read(pair.path1)


def test_a_digest_is_of_both_files(placed: Placed) -> None:
    pair = placed(path1=line("a"), path2=line("b"))
    seen = {pair.digest(), Pair(pair.path2, pair.path1).digest()}
    for path in (pair.path1, pair.path2):
        path.write_text(path.read_text() + line("c"))
        seen.add(pair.digest())

    assert len(seen) == 4
    assert pair.digest() == pair.digest()


# -- where they are ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("local", "remote", "session"),
    [
        ("/h/notes", "r:bucket/", "h_notes..r_bucket"),
        ("/h/notes", "my_r:notes-bucket/team a/b c/", "h_notes..my_r_notes-bucket_team_a_b_c"),
        ("/h/notes", "my_r:b/x:y*?/", "h_notes..my_r_b_x_y__"),
        ("/h/notes", "my_r:b/tab\tx/", "h_notes..my_r_b_tab_x"),
        ("/h/notes", "my_r:b/-dash\\/", "h_notes..my_r_b_-dash"),
        ("/h/a b", "r:b/", "h_a_b..r_b"),
        ("/h/_a_", "r:b/", "h__a_..r_b"),
        ("/h/a*b?c:d", "r:b/", "h_a_b_c_d..r_b"),
        ("/h/back\\slash", "r:b/", "h_back_slash..r_b"),
        ("/h/end\\", "r:b/", "h_end..r_b"),
        ("/h/ lead", "r:b/", "h__lead..r_b"),
        ("/h/trail ", "r:b/", "h_trail_..r_b"),
        ("/h/é", "r:b/", "h_é..r_b"),
        ("/h/e\u0301", "r:b/", "h_e\u0301..r_b"),
        ("/h/{abc}", "r:b/", "h_{abc}..r_b"),
        ("/h/notes", "/srv/store/", "h_notes..local__srv_store"),
        # Go's \\s is of ASCII, and a local name has rclone's spelling.
        ("/h/nb\u00a0x", "r:b/", "h_nb\u00a0x..r_b"),
        ("/h/i\u3000x", "r:b/", "h_i\u3000x..r_b"),
        ("/h/nel\u0085x", "r:b/", "h_nel\u0085x..r_b"),
        ("/h/tab\tx", "r:b/", "h_tab\u2409x..r_b"),
        ("/h/line\nx", "r:b/", "h_line\u240ax..r_b"),
        ("/h/del\x7fx", "r:b/", "h_del\u2421x..r_b"),
        ("/h/notes", "my_r:b/nb\u00a0x/", "h_notes..my_r_b_nb\u00a0x"),
    ],
)
def test_a_session_is_named_as_bisync_names_it(local: str, remote: str, session: str) -> None:
    """Names that rclone 1.75 gave its listings, without the "local__" of the local backend's options."""
    assert session_name(Path(local), remote) == session


def make(folder: Path, *paths: str) -> None:
    for name in paths:
        (folder / name).write_text("")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], None),
        (["h_n..r_b.path1.lst"], None),
        (["h_n..r_b.path2.lst"], None),
        (["h_n..r_b.path1.lst-old", "h_n..r_b.path2.lst-old"], None),
        (["h_n..r_b.path1.lst-err", "h_n..r_b.path2.lst-new"], None),
        (["h_n..r_other.path1.lst", "h_n..r_other.path2.lst"], None),
        (["local__h_n..r_b.path1.lst", "h_n..r_b.path2.lst"], None),
        (["h_n..r_b.path1.lst", "h_n..r_b.path2.lst"], "h_n..r_b"),
        (["local__h_n..r_b.path1.lst", "local__h_n..r_b.path2.lst"], "local__h_n..r_b"),
        (["local__h_n..r_b.path1.lst", "local__h_n..r_b.path2.lst", "h_n..r_b.path1.lst", "h_n..r_b.path2.lst"],
         "local__h_n..r_b"),
        (["local__h_n..r_b.path1.lst", "h_n..r_b.path1.lst", "h_n..r_b.path2.lst"], "h_n..r_b"),
    ],
)  # fmt: skip
def test_a_whole_pair_is_found_by_its_session(tmp_path: Path, names: list[str], found: str | None) -> None:
    make(tmp_path, *names)

    pair = find(tmp_path, Path("/h/n"), "r:b/")

    wanted = found and Pair(tmp_path / f"{found}.path1.lst", tmp_path / f"{found}.path2.lst")
    assert pair == wanted


def test_listings_are_there_whatever_session_they_are_of(tmp_path: Path) -> None:
    assert not are_there(tmp_path / "missing")
    make(tmp_path, "a.path1.lst-old", "a.lck")
    assert not are_there(tmp_path)
    make(tmp_path, "a.path2.lst")
    assert not are_there(tmp_path)
    make(tmp_path, "a.path1.lst")
    assert are_there(tmp_path)


def test_a_name_must_leave_room_for_what_bisync_adds() -> None:
    """255 bytes, not characters: `local__`, the session, `.path1.lst-new`."""
    room = 255 - len("local__" + "..r_b" + ".path1.lst-new")

    assert not is_too_long(Path("/" + "n" * room), "r:b/")
    assert is_too_long(Path("/" + "n" * (room + 1)), "r:b/")
    assert not is_too_long(Path("/" + "é" * (room // 2)), "r:b/")
    assert is_too_long(Path("/" + "é" * (room // 2 + 1)), "r:b/")


def test_only_lock_files_are_cleared(tmp_path: Path) -> None:
    make(tmp_path, "b.lck", "a.lck", "a.path1.lst", "lck")

    assert locks(tmp_path) == [tmp_path / "a.lck", tmp_path / "b.lck"]
    assert clear_locks(tmp_path) == [tmp_path / "a.lck", tmp_path / "b.lck"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.path1.lst", "lck"]
    assert clear_locks(tmp_path) == []


# -- mended -----------------------------------------------------------------------------------------


def kept(tmp_path: Path, pair: Pair) -> Path:
    """The pair as it is now, as ancestor."""
    keep_ancestor(pair, tmp_path / "ancestor")
    return tmp_path / "ancestor"


def paths_of(pair: Pair) -> tuple[list[str], list[str]]:
    ours, theirs = (read(path) for path in (pair.path1, pair.path2))
    return [one.path for one in ours], [one.path for one in theirs]


def test_old_lines_are_carried_over_as_they_were(placed: Placed, tmp_path: Path) -> None:
    lines = {name: line(name, size) for size, name in enumerate(("a", "d/x", "d/e/y", "dd/z", "n"))}
    all_ = "".join(lines.values())
    ancestor = kept(tmp_path, placed(path1=all_, path2=all_.replace("md5:" + "0" * 32, "-")))
    pair = placed(path1=lines["n"], path2=lines["n"])

    carry_over(ancestor, pair, {"a"}, ["d"])

    text = HEADER + lines["n"] + lines["a"] + lines["d/x"] + lines["d/e/y"]
    assert pair.path1.read_text() == text
    assert [one.md5 for one in read(pair.path2)] == ["0" * 32, None, None, None]


def test_a_new_line_is_not_replaced_by_an_old_one(placed: Placed, tmp_path: Path) -> None:
    ancestor = kept(tmp_path, placed(path1=line("a", 1), path2=line("a", 1)))
    pair = placed(path1=line("a", 2))

    carry_over(ancestor, pair, {"a"}, [])

    assert [one.size for one in read(pair.path1)] == [2]
    assert [one.size for one in read(pair.path2)] == [1]


def test_names_are_carried_over_by_their_key(placed: Placed, tmp_path: Path) -> None:
    old = line("cafe\u0301") + line(r"a\"b") + line("e\u0301/x") + line("n\u0303")
    ancestor = kept(tmp_path, placed(path1=old, path2=old))
    pair = placed(path1=line("\u00f1"), path2="")

    carry_over(ancestor, pair, {"caf\u00e9", 'a"b', "\u00f1"}, ["\u00e9"])

    assert paths_of(pair) == (
        ["\u00f1", "cafe\u0301", 'a"b', "e\u0301/x"],
        ["cafe\u0301", 'a"b', "e\u0301/x", "n\u0303"],
    )


def test_bytes_that_are_no_utf_8_are_carried_over(placed: Placed, tmp_path: Path) -> None:
    pair = placed()
    odd = (HEADER + line("d/bad?")).encode().replace(b"?", b"\xff")
    pair.path1.write_bytes(odd)
    ancestor = kept(tmp_path, pair)
    pair.path1.write_text(HEADER)

    carry_over(ancestor, pair, {"other"}, ["d"])

    assert pair.path1.read_bytes() == odd


@pytest.mark.parametrize(("keys", "under"), [((), ()), (("b",), ("a", "c")), (("d",), ("d/x",))])
def test_where_nothing_is_to_be_carried_over_nothing_is_written(
    placed: Placed, tmp_path: Path, keys: tuple[str, ...], under: tuple[str, ...]
) -> None:
    ancestor = kept(tmp_path, placed(path1=line("a") + line("d/x"), path2=line("a") + line("d/x")))
    pair = placed(path1=line("z").rstrip("\n"), path2=line("z"))
    before = (pair.path1.read_bytes(), pair.path1.stat().st_ino, pair.path2.stat().st_ino)

    carry_over(ancestor, pair, set(keys), under)

    assert (pair.path1.read_bytes(), pair.path1.stat().st_ino, pair.path2.stat().st_ino) == before


def test_without_an_ancestor_there_is_nothing_to_carry_over(placed: Placed, tmp_path: Path) -> None:
    pair = placed(path1=line("a"))

    carry_over(tmp_path / "ancestor", pair, {"b"}, ["c"])

    assert paths_of(pair) == (["a"], [])


def test_a_line_without_its_end_is_ended_before_another_follows(placed: Placed, tmp_path: Path) -> None:
    ancestor = kept(tmp_path, placed(path1=line("a"), path2=line("a")))
    pair = placed(path1=line("z").rstrip("\n"), path2=line("z").rstrip("\n"))

    carry_over(ancestor, pair, {"a"}, [])
    add_equal(pair, [EqualFile("e", "e", 3, "1" * 32)])

    assert paths_of(pair) == (["z", "a", "e"], ["z", "a", "e"])
    assert pair.path1.read_text().endswith('"e"\n')


def test_equal_files_get_the_lines_bisync_would_write(placed: Placed) -> None:
    pair = placed("parts")
    whole = [sorted(path.read_text().splitlines()) for path in (pair.path1, pair.path2)]
    for path in (pair.path1, pair.path2):
        path.write_text("".join(f"{one}\n" for one in path.read_text().splitlines() if "big.bin" not in one))
    big = EqualFile("big.bin", "big.bin", 5_242_884, "1aef7b8bcc8fe89e16564386cc93f5fe")

    add_equal(pair, iter([big]))

    assert [sorted(path.read_text().splitlines()) for path in (pair.path1, pair.path2)] == whole


def test_an_equal_file_is_added_where_it_is_missing_and_as_each_side_spells_it(placed: Placed) -> None:
    pair = placed(path1=line("a") + line("e\u0301"), path2=line("b", 5))
    equal = [
        EqualFile("a", "a", 9, "1" * 32),
        EqualFile("b", "b", 9, "1" * 32),
        EqualFile("e\u0301", "\u00e9", 9, "1" * 32),
        EqualFile('q"\\', 'q"\\', 9, "1" * 32),
    ]

    add_equal(pair, equal)

    assert paths_of(pair) == (["a", "e\u0301", "b", 'q"\\'], ["b", "a", "\u00e9", 'q"\\'])
    assert [one.size for one in read(pair.path2)] == [5, 9, 9, 9]
    assert [one.md5 for one in read(pair.path2)] == ["0" * 32, None, None, None]
    assert {one.md5 for one in read(pair.path1)} == {"0" * 32, "1" * 32}


def test_where_nothing_is_to_be_added_nothing_is_read_or_written(placed: Placed, tmp_path: Path) -> None:
    add_equal(Pair(tmp_path / "missing", tmp_path / "missing"), [])
    pair = placed(path1=line("a"), path2=line("a"))
    before = pair.path1.stat().st_ino

    add_equal(pair, [EqualFile("a", "a", 1, "0" * 32)])

    assert pair.path1.stat().st_ino == before

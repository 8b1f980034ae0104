"""bisync's listings: as rclone 1.75 wrote them (cases/listings), damaged, written, and found by their name."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bisync.core.names import to_rclone
from bisync.rclone.listings import (
    ListedFile,
    Pair,
    are_there,
    clear_locks,
    digest_of,
    find,
    header,
    is_too_long,
    locks,
    place,
    read,
    read_pair,
    session_name,
    unquote_go,
    write,
)
from bisync.rclone.listings import line as listed_line

pytestmark = pytest.mark.pure

SAMPLES = Path(__file__).parent.parent / "cases" / "listings"
HEADER = "# bisync listing v1 from 2026-11-24T08:33:27.227215414+0000\n"
NEVER = "0001-01-01T00:00:00.000000000+0000"
MARKER = ListedFile(".basic-memory/.bisync-marker", 94, "aa52f44c10a06818c09b1b5953fe8df4", None)

NOW = datetime(2026, 11, 24, 8, 33, 27, 5, tzinfo=UTC)

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


# -- written ----------------------------------------------------------------------------------------


def moment(text: str) -> datetime:
    """When a listing was made, by its first line; bisync has nanoseconds there, a datetime microseconds."""
    return datetime.fromisoformat(text.partition(" from ")[2][:26] + "+00:00")


def rendered(files: Iterable[ListedFile], at: datetime) -> str:
    return header(at) + "".join(map(listed_line, files))


def unquoted(text: str) -> list[str]:
    """A listing's lines but the first, their names as they are: Go escapes more than it has to."""
    lines = (each.partition('"') for each in text.split("\n")[1:])
    return [before + unquote_go(f'"{name}') for before, _, name in lines]


@pytest.mark.parametrize("sample", ["checksum", "modtime", "parts"])
def test_a_listing_is_written_as_bisync_writes_it(placed: Placed, sample: str) -> None:
    pair = placed(sample)
    for path in (pair.path1, pair.path2):
        text = path.read_text()
        made = rendered(read(path), moment(text))
        head = made.partition("\n")[0]
        assert unquoted(made) == unquoted(text)
        assert head == text[: len("# bisync listing v1 from 2026-11-24T08:33:18.153985")] + "000+0000"


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    odd = [
        ListedFile('q"\\', 0, None, None),
        ListedFile("e\u0301/\u240a", 2**40, "1" * 32, None),
        ListedFile("old", 1, None, -1),
        ListedFile("new", 1, None, 2**62),
    ]
    pair = Pair(tmp_path / "work" / "s.path1.lst", tmp_path / "work" / "s.path2.lst")
    texts = (rendered(odd, NOW), rendered([], NOW))

    write(pair, texts)

    assert read_pair(pair) == (odd, [])
    assert pair.digest() == digest_of(texts)
    assert pair.path1.stat().st_mode & 0o777 == 0o600
    before = pair.path1.stat().st_ino
    write(pair, texts)
    assert pair.path1.stat().st_ino == before


def test_a_pair_is_placed_where_bisync_looks_for_it(tmp_path: Path) -> None:
    assert place(tmp_path, Path("/h/n"), "r:b/").path1 == tmp_path / "local__h_n..r_b.path1.lst"
    make(tmp_path, "h_n..r_b.path1.lst", "h_n..r_b.path2.lst")
    assert place(tmp_path, Path("/h/n"), "r:b/").path2 == tmp_path / "h_n..r_b.path2.lst"


def test_half_a_pair_is_none(placed: Placed) -> None:
    pair = placed()
    assert pair.is_whole()
    pair.path2.unlink()
    assert not pair.is_whole()

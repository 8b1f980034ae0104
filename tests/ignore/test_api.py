"""What callers rely on beyond the matching itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bisync.core.metadata import MARKER_PATH
from bisync.errors import IgnoreError
from bisync.ignore import (
    Kind,
    Layer,
    charset,
    compile_filters,
    compile_rules,
    compiler,
    load_rules,
    re2,
    walk,
)
from tests.ignore import differential
from tests.ignore.trees import make, rclone_lists, rules_of

# --- our own rules -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines", [[], ["*"], ["/**"], [".*"], ["!.basic-memory/", "!*"], ["!**/.basic-memory/**"]]
)
def test_the_marker_passes_and_other_metadata_never_does(tmp_path: Path, lines: list[str]) -> None:
    root = tmp_path / "root"
    hidden = [".basic-memory/x", ".basic-memory/d/y", "n/.basic-memory/.bisync-marker", "n/a.bisync-partial"]
    make(root, MARKER_PATH, "note.md", *hidden)
    listed = rclone_lists(root, compile_filters(root, lines))
    walked = walk(root, [Layer("x", lines)])
    assert MARKER_PATH in listed
    assert not listed & set(hidden)
    assert {entry.path for entry in walked.entries} == listed
    assert not walked.rules.decide(MARKER_PATH, False).ignored
    for path in hidden:
        assert walked.rules.decide(path, False).ignored


def test_check_access_finds_the_marker(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for side in (one, two):
        make(side, MARKER_PATH, "note.md", "junk.tmp")
    filters = tmp_path / "f"
    filters.write_text(compile_filters(one, ["*.tmp", ".*"]))
    command = [
        str(differential.RCLONE),
        "bisync",
        f"{one}",
        f"{two}",
        "--config",
        "/notfound",
        "--check-access",
    ]
    command += [
        "--check-filename",
        ".bisync-marker",
        "--filters-file",
        str(filters),
        "--workdir",
        str(tmp_path / "w"),
    ]
    done = subprocess.run(
        [*command, "--resync", "--resync-mode", "newer"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (two / MARKER_PATH).unlink()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "check file check failed" in done.stderr


# --- the text ------------------------------------------------------------------------------------


def test_the_text_depends_on_nothing_but_the_rules(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from bisync.ignore import compile_filters;"
        "lines = ['*', '!*/', '!*.md', '*a*', '!b*', '/d/**', '!/d/e/**', '[a-c]?', '!c*'];"
        "print(compile_filters(Path('.'), lines))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=folder,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            check=True,
        ).stdout
        for folder, seed in ((tmp_path, "1"), (Path(__file__).parents[1] / "cases", "2"))
    }
    assert len(texts) == 1


def test_order_of_patterns_without_negations_does_not_matter() -> None:
    assert compile_rules(rules_of("a", "*.b", "c/")) == compile_rules(rules_of("c/", "a", "*.b", "a"))


def test_the_header_names_the_sources_without_absolute_paths(tmp_path: Path) -> None:
    (tmp_path / "a\nb").mkdir()
    (tmp_path / "a\nb" / ".bmignore").write_text("x\n")
    layers = [Layer("/home/u/.basic-memory/.bmignore", ["y"]), Layer("empty", ["# nothing"])]
    text = compile_rules(load_rules(tmp_path, layers))
    header = [line for line in text.splitlines() if line.startswith("#")]
    assert header[1:] == ["#   .bmignore", "#   a\\nb/.bmignore"]
    assert str(tmp_path) not in text


def test_users_rules_only_exclude_and_are_few() -> None:
    text = compile_rules(
        rules_of(*(f"name{n}" for n in range(1000)), *(f"*.e{n}" for n in range(1000)), "d/")
    )
    assert sum(line.startswith("- /") for line in text.splitlines()) == 3
    assert text.count("\n+ ") == 1
    assert max(len(line.encode()) for line in text.splitlines()) < 60_000


def test_the_cache_gives_the_same_text_and_survives_damage(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    rules = rules_of("*", "!*.md")
    text = compile_rules(rules, cache)
    (file,) = cache.iterdir()
    assert text == compile_rules(rules) == compile_rules(rules, cache)
    stored = file.read_bytes()
    file.write_bytes(stored.replace(b"md", b"mx"))
    assert compile_rules(rules, cache) == text
    assert file.read_bytes() == stored
    compile_rules(rules_of("*", "!*.me"), cache)
    assert len(list(cache.iterdir())) == 2


def test_what_stays_of_the_rules_is_not_compiled_again() -> None:
    compiler.difference.cache_clear()
    compile_rules(rules_of("*.log", "!keep.log", "a?"))
    known = compiler.difference.cache_info().misses
    assert known > 0

    with_a_folder = rules_of("*.log", "!keep.log", "a?", "x/")
    text = compile_rules(with_a_folder)
    assert compiler.difference.cache_info().misses == known
    compiler.difference.cache_clear()
    assert compile_rules(with_a_folder) == text

    compile_rules(rules_of("*.log", "!kept.log", "a?"))
    assert compiler.difference.cache_info().misses > known


def test_a_hit_is_read_and_not_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = rules_of("*", "!*.md")
    text = compile_rules(rules, tmp_path)
    monkeypatch.setattr("bisync.ignore.compiler.filter_text", lambda _: pytest.fail("compiled again"))
    assert compile_rules(rules, tmp_path) == text


@pytest.mark.parametrize(
    ("ranges", "text"),
    [
        ([(0, 0x10FFFF)], "."),
        ([(0, 46), (48, 0x10FFFF)], "[^/]"),
        ([(42, 42)], "\\x2a"),
        ([(45, 45), (93, 94)], "[\\x2d\\x5d\\x5e]"),
        ([(97, 99), (0xD800, 0xDFFF)], "[a-c]"),
    ],
)
def test_sets_are_printed_as_re2_reads_them(ranges: list[tuple[int, int]], text: str) -> None:
    assert re2.show_set(charset.of(ranges)) == text


# --- characters that rclone shows otherwise ------------------------------------------------------


def test_one_character_is_one_character_whatever_rclone_shows(tmp_path: Path) -> None:
    """git counts bytes here, so the walk is the judge: it reads real names, rclone encoded ones."""
    root = tmp_path / "root"
    make(
        root,
        "\u201b",
        "\u201bx",
        "\u2409",
        "x\u2409",
        "\t",
        "\u2409\u2409\u2409",
        "ab",
        "é",
        "éé",
        "a\tb",
    )
    for lines in (
        ["?"],
        ["??"],
        ["?*", "!??"],
        ["*", "!?"],
        ["*?x", "?\u2409"],
        ["[!a]*", "!*[!b]?"],
        ["*\tb", "*[\u2409]"],
    ):
        found = {differential.shown(entry.path) for entry in walk(root, [Layer("x", lines)]).entries}
        assert rclone_lists(root, compile_filters(root, lines)) == found, lines


# --- the walk ------------------------------------------------------------------------------------


def test_the_walk_reports_kinds_and_folders(tmp_path: Path) -> None:
    make(tmp_path, "a.md", "d/b.md", "empty/x.log", "ignored/c.md")
    (tmp_path / "link").symlink_to("d")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "s"))
    tree = walk(tmp_path, [Layer("x", ["*.log", "ignored/", "link/"])])
    assert {entry.path: entry.kind for entry in tree.entries} == {
        "a.md": Kind.FILE,
        "d/b.md": Kind.FILE,
        "link": Kind.SYMLINK,
        "dangling": Kind.SYMLINK,
        "pipe": Kind.SPECIAL,
        "s": Kind.SPECIAL,
    }
    assert tree.folders == ["d", "empty"]
    first = next(entry for entry in tree.entries if entry.path == "a.md")
    status = (tmp_path / "a.md").stat()
    assert (first.size, first.mtime_ns, first.inode, first.device) == (
        status.st_size,
        status.st_mtime_ns,
        status.st_ino,
        status.st_dev,
    )


def test_ignored_folders_are_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "node_modules/p/i.js", "sub/node_modules/i.js", "sub/a", ".basic-memory/x")
    opened: list[str] = []
    real = os.scandir
    monkeypatch.setattr(
        os, "scandir", lambda path: opened.append(os.path.relpath(path, tmp_path)) or real(path)
    )
    walk(tmp_path, [Layer("x", ["node_modules"])])
    assert opened == [".basic-memory/hold", ".", "sub"]  # where a killed run may have left files


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path)
    os.mkdir(raw + b"/d\xff")  # noqa: PTH102 - paths that are bytes
    for name in (b"/a\xfe", b"/d\xff/x", b"/d\xff/b\xfe.log"):
        os.close(os.open(raw + name, os.O_CREAT))
    tree = walk(tmp_path, [Layer("x", ["*.log"])])
    assert [os.fsencode(entry.path) for entry in tree.entries] == [b"a\xfe", b"d\xff/x"]
    (tmp_path / os.fsdecode(b"d\xff") / ".bmignore").write_text("x\n")
    with pytest.raises(IgnoreError, match="not UTF-8"):
        walk(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_folder_is_reported(tmp_path: Path) -> None:
    make(tmp_path, "a", "shut/b")
    (tmp_path / "shut").chmod(0)
    try:
        tree = walk(tmp_path)
        notices = load_rules(tmp_path).notices
    finally:
        (tmp_path / "shut").chmod(0o700)
    assert [one.path for one in tree.unreadable] == ["shut"]
    assert [entry.path for entry in tree.entries] == ["a"]
    assert notices == ("shut: cannot be read: Permission denied",)


def test_a_folder_that_fails_is_reported_also_for_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a", "shut/b")
    real = os.scandir

    def failing(path: str | Path) -> object:
        if str(path).rstrip("/").endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", failing)
    assert [one.path for one in walk(tmp_path).unreadable] == ["shut"]


def test_a_missing_root_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        walk(tmp_path / "none")


# --- layers --------------------------------------------------------------------------------------


def test_later_layers_are_stronger_and_each_is_cited(tmp_path: Path) -> None:
    make(tmp_path, "d/x")
    (tmp_path / "d" / ".bmignore").write_text("# first line\n!c.log\n")
    layers = [
        Layer("one", ["", "*.log"]),
        Layer("two", ["!a.log"], first_line=17),
        Layer("three", ["a.log", "!b.log"]),
    ]
    rules = load_rules(tmp_path, layers)

    def cited(path: str) -> tuple[bool, str | None]:
        decision = rules.decide(path, False)
        return decision.ignored, decision.rule and decision.rule.place

    assert cited("x.log") == (True, "one:2")
    assert cited("a.log") == (True, "three:1")
    assert cited("b.log") == (False, "three:2")
    assert cited("d/c.log") == (False, "d/.bmignore:2")
    assert cited("e/c.log") == (True, "one:2")
    assert cited("x.md") == (False, None)
    assert load_rules(tmp_path, layers[:2]).decide("a.log", False).rule == rules.rules[1]


@pytest.mark.parametrize("names", [(".bmignore", ".gitignore"), (".gitignore", ".bmignore")])
def test_in_one_folder_the_later_name_is_stronger(tmp_path: Path, names: tuple[str, str]) -> None:
    (tmp_path / names[0]).write_text("a\n!b\n")
    (tmp_path / names[1]).write_text("!a\nb\n")
    rules = load_rules(tmp_path, ignore_files=names)
    assert [rules.decide(path, False).ignored for path in ("a", "b")] == [False, True]
    assert [rule.source for rule in rules.rules] == [names[0], names[0], names[1], names[1]]


def test_very_deep_paths() -> None:
    rules = rules_of("**/x/**/y")
    assert rules.decide("a/" * 3000 + "x/" * 3000 + "y", False).ignored


class TestBelow:
    """A tree that will be a folder of another one: the rules speak of where it will be."""

    def test_rules_from_outside_and_its_own(self, tmp_path: Path) -> None:
        for name in ("tmp/a", "docs/tmp/a", "keep.log", "drop.log", "own/x"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        (tmp_path / ".bmignore").write_text("!keep.log\n/own\n")
        layers = [Layer("outside", ("/job/tmp", "*.log"))]

        found = walk(tmp_path, layers, below="job/")
        top = walk(tmp_path, layers)

        assert [one.path for one in found.entries] == [".bmignore", "docs/tmp/a", "keep.log"]
        assert sorted(found.ignored) == ["drop.log", "own/", "tmp/"]
        assert [one.path for one in top.entries] == [".bmignore", "docs/tmp/a", "keep.log", "tmp/a"]
        assert found.rules.decide("job/own", True).ignored
        decided = found.rules.decide("job/tmp", True).rule
        assert decided is not None
        assert (decided.place, decided.text) == ("outside:1", "/job/tmp")
        assert not found.rules.decide("own", True).ignored

    def test_deeper(self, tmp_path: Path) -> None:
        (tmp_path / "a").touch()
        (tmp_path / "b").touch()

        found = walk(tmp_path, [Layer("outside", ("work/**/a", "/b"))], below="work/deep/")

        assert [one.path for one in found.entries] == ["b"]

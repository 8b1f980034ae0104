"""A program of the user's own that merges: what it is told, and what counts as an answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bisync.errors import BisyncError, UsageError
from bisync.sync.mergetool import Versions, merged, words

pytestmark = pytest.mark.pure

VERSIONS = Versions(b"base\n", b"local\n", b"cloud\n", b"newest\n")


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        ("meld", "meld --output {output} {local} {base} {cloud}"),
        ("/usr/bin/meld", "/usr/bin/meld --output {output} {local} {base} {cloud}"),
        ("vimdiff", "vimdiff {output} {local} {base} {cloud}"),
        ("my-merge", "my-merge {base} {local} {cloud} {output}"),
        ("my-merge --three", "my-merge --three {base} {local} {cloud} {output}"),
        (
            "code --wait --merge {local} {cloud} {base} {output}",
            "code --wait --merge {local} {cloud} {base} {output}",
        ),
        ('sh -c \'cat "$0" > "$1"\' {local} {output}', 'sh -c cat "$0" > "$1" {local} {output}'),
    ],
)
def test_what_a_tool_is_told(tool: str, told: str) -> None:
    assert " ".join(words(tool)) == told


@pytest.mark.parametrize("tool", ["", "  ", "meld 'open"])
def test_what_is_no_tool(tool: str) -> None:
    with pytest.raises(UsageError):
        words(tool)


def tool(folder: Path, script: str) -> str:
    path = folder / "tool"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


def run(command: str, *, synced: Path) -> bytes:
    with merged(command, "d/a note.md", VERSIONS, dict(os.environ), [synced]) as made:
        return made


def test_what_it_saves_is_the_merged_text(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    command = tool(tmp_path, f'cat "$1" "$2" "$3" "$4" > {seen}; echo "$4" >> {seen}; cat "$2" "$3" > "$4"')
    assert run(command, synced=tmp_path / "notes") == b"local\ncloud\n"
    *contents, name = seen.read_text().splitlines()
    assert contents == ["base", "local", "cloud", "newest"]
    assert Path(name).name == "a note.md", "programs go by how a name ends"
    assert not Path(name).exists(), "no copy is left behind"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exit 3", "ended with 3"),
        ("exit 0", "did not save the merged file"),
        ('rm "$4"', "left no merged file"),
    ],
)
def test_what_is_no_answer(tmp_path: Path, script: str, why: str) -> None:
    with pytest.raises(BisyncError, match=why):
        run(tool(tmp_path, script), synced=tmp_path / "notes")


def test_a_program_that_lies_in_a_synced_folder_is_not_run(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    with pytest.raises(BisyncError, match="where others can change it"):
        run(tool(notes, 'echo x > "$4"'), synced=notes)
    with pytest.raises(BisyncError, match="No such file"):
        run("no-such-tool", synced=notes)

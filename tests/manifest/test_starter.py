"""The manifest that `init` writes, and how YAML is read with the places of its values."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bisync.errors import UsageError
from bisync.manifest.document import dotted, parse
from bisync.manifest.load import load
from bisync.manifest.starter import write_starter
from tests.manifest.manifests import written

pytestmark = pytest.mark.pure

TRY = "version: 1\ntenants: {try: {provider: embedded, storage: store}}\n"
LOGIN = "version: 1\ntenants: {me: {provider: basic-memory}}\n"


class TestStarter:
    def test_it_validates_as_it_is_written(self, tmp_path: Path, home: Path) -> None:
        path = tmp_path / "new" / "bisync.yaml"
        write_starter(path)

        found = load(path, env={}, home=home)

        assert [sync.name for sync in found.syncs] == ["notes"]
        assert path.stat().st_mode & 0o777 == 0o644

    def test_it_never_overwrites(self, tmp_path: Path) -> None:
        path = written(tmp_path, "mine")
        with pytest.raises(UsageError, match="exists already") as caught:
            write_starter(path)
        assert "bisync validate" in (caught.value.hint or "")
        assert path.read_text() == "mine"

    def test_a_link_to_nowhere_is_not_written_through(self, tmp_path: Path) -> None:
        (tmp_path / "bisync.yaml").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(UsageError, match="exists already"):
            write_starter(tmp_path / "bisync.yaml")

    def test_a_folder_that_cannot_be_is_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(UsageError, match="cannot be written: Not a directory"):
            write_starter(tmp_path / "file" / "bisync.yaml")


class TestSource:
    def test_both_parsers_of_pyyaml_say_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        text = Path(__file__).parents[2] / "bisync.yaml.example"
        fast = parse(text.read_text("utf-8"), "x")
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
        assert parse(text.read_text("utf-8"), "x") == fast

    def test_a_place_is_that_of_the_key_or_of_the_lists_entry(self) -> None:
        found = parse("a:\n  b: 1\n  c:\n    - x\n    - {d: y}\n", "f")
        assert {dotted(path): str(place) for path, place in found.places.items()} == {
            "": "f:1:1",
            "a": "f:1:1",
            "a.b": "f:2:3",
            "a.c": "f:3:3",
            "a.c[0]": "f:4:7",
            "a.c[1]": "f:5:7",
            "a.c[1].d": "f:5:8",
        }

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("true", True),
            ("False", False),
            ("yes", "yes"),
            ("on", "on"),
            ("~", "~"),
            ("", None),
            ("null", None),
            ("12", 12),
            ("-1", -1),
            ("012", 12),
            ("0x1f", "0x1f"),
            ("1_000", "1_000"),
            ("1.5", 1.5),
            ("1e3", "1e3"),
            ("2024-01-01", "2024-01-01"),
            ("12:30", "12:30"),
            ("'12'", "12"),
            ('"true"', "true"),
            ("9" * 30, "9" * 30),
            ("! x", "x"),
        ],
    )
    def test_scalars(self, text: str, value: object) -> None:
        found = parse(f"k: {text}\n", "f").data["k"]
        assert found == value
        assert type(found) is type(value)

    def test_control_characters_and_lone_surrogates_are_problems(self) -> None:
        found = parse('a: "x\\0y"\nb: "\\t\\n fine"\nc: "\\x1b[31m"\n', "f")
        assert [str(one.place) for one in found.problems] == ["f:1:4", "f:3:4"]

"""config.json is shared: read for what is ours, written without touching what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bisync.errors import ManifestError
from bisync.manifest import bm_config
from bisync.manifest.bm_config import SharedConfig

pytestmark = pytest.mark.pure


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


class TestRead:
    @pytest.mark.parametrize(
        "text", [None, "", " \n", "{}", '{"bisync_config": null}', '{"projects": {"a": 1}}']
    )
    def test_silence(self, text: str | None, path: Path) -> None:
        if text is not None:
            path.write_text(text)
        assert bm_config.read(path) == SharedConfig()

    def test_what_is_ours(self, path: Path) -> None:
        ours = {"sync_dir": "~/x", "default_profile": "fast", "auto_sync_interval": 60, "other": []}
        path.write_text("\ufeff" + json.dumps({"bisync_config": ours, "api_url": "https://x", "z": 1}))
        assert bm_config.read(path) == SharedConfig(
            sync_dir="~/x", default_profile="fast", auto_sync_interval=60, api_url="https://x"
        )

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('{\n  "a": 1\n  "b": 2\n}', ":3:3: not JSON: Expecting ',' delimiter"),
            ("{", ":1:2: not JSON: "),
            ("[]", ": expected a JSON object"),
            ('{"bisync_config": []}', ": bisync_config: expected an object"),
            ('{"bisync_config": {"sync_dir": 1}}', ": bisync_config.sync_dir: expected a path"),
            ('{"bisync_config": {"sync_dir": ""}}', ": bisync_config.sync_dir: expected a path"),
            ('{"bisync_config": {"auto_sync_interval": "60"}}', ": expected a number of seconds"),
            ('{"bisync_config": {"auto_sync_interval": true}}', ": expected a number of seconds"),
            ('{"bisync_config": {"auto_sync_interval": -1}}', ": expected at least 1"),
            ('{"api_url": {}}', ": api_url: expected an address"),
            ("[" * 100_000, "nested too deep"),
        ],
    )
    def test_mistakes(self, text: str, said: str, path: Path) -> None:
        path.write_text(text)
        with pytest.raises(ManifestError) as caught:
            bm_config.read(path)
        (problem,) = caught.value.problems
        assert problem.startswith(str(path)) and said in problem

    def test_what_cannot_be_read(self, path: Path) -> None:
        path.mkdir()
        with pytest.raises(ManifestError, match="is not a plain file"):
            bm_config.read(path)

    def test_what_is_not_text(self, path: Path) -> None:
        path.write_bytes(b"\xff\xfe")
        with pytest.raises(ManifestError, match="is not UTF-8"):
            bm_config.read(path)


class TestSetSyncDir:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            pytest.param(None, '{\n  "bisync_config": {\n    "sync_dir": "/new"\n  }\n}\n', id="no file"),
            pytest.param("{}", '{"bisync_config": {"sync_dir": "/new"}}', id="nothing in it"),
            pytest.param(
                '{\n  "z": 1.50,\n  "a": "\\u00e9"\n}\n',
                '{\n  "z": 1.50,\n  "a": "\\u00e9",\n  "bisync_config": {"sync_dir": "/new"}\n}\n',
                id="nothing of ours",
            ),
            pytest.param(
                '{"bisync_config" : {\r\n\t"x": [{"sync_dir": 2}] ,\r\n\t"y": 1e5}}',
                '{"bisync_config" : {\r\n\t"x": [{"sync_dir": 2}] ,\r\n\t"y": 1e5,\r\n\t"sync_dir": "/new"}}',
                id="ours without it",
            ),
            pytest.param(
                '{"sync_dir": "/mine", "bisync_config": {"sync_dir": "/old", "n": 1.0}, "c": 1e400}',
                '{"sync_dir": "/mine", "bisync_config": {"sync_dir": "/new", "n": 1.0}, "c": 1e400}',
                id="another value",
            ),
            pytest.param(
                '{"bisync_config": null, "c": 1}',
                '{"bisync_config": {"sync_dir": "/new"}, "c": 1}',
                id="null",
            ),
            pytest.param(
                '\ufeff{"bisync_config": {}}',
                '\ufeff{"bisync_config": {"sync_dir": "/new"}}',
                id="a byte order mark",
            ),
            pytest.param(
                '{"bisync_config": {"sync_dir": "/1", "sync_dir": "/2"}}',
                '{"bisync_config": {"sync_dir": "/1", "sync_dir": "/new"}}',
                id="twice, of which the last counts",
            ),
        ],
    )
    def test_nothing_else_changes(self, before: str | None, after: str, path: Path) -> None:
        if before is not None:
            path.write_bytes(before.encode())

        assert bm_config.set_sync_dir(path, Path("/new"))
        assert path.read_bytes().decode() == after
        assert bm_config.read(path).sync_dir == "/new"

        assert not bm_config.set_sync_dir(path, Path("/new"))
        assert path.read_bytes().decode() == after

    def test_any_folder_comes_back_as_it_was(self, path: Path) -> None:
        folder = Path('/a "b"\\ü\n')
        bm_config.set_sync_dir(path, folder)
        assert bm_config.read(path).sync_dir == str(folder)

    def test_mode_and_link_stay(self, path: Path, tmp_path: Path) -> None:
        target = tmp_path / "dotfiles.json"
        target.write_text("{}")
        target.chmod(0o644)
        path.symlink_to(target)

        bm_config.set_sync_dir(path, Path("/new"))

        assert path.is_symlink()
        assert target.stat().st_mode & 0o777 == 0o644

    def test_a_new_file_is_private(self, tmp_path: Path) -> None:
        path = tmp_path / "state" / "config.json"
        bm_config.set_sync_dir(path, Path("/new"))
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700

    def test_a_broken_file_is_left_alone(self, path: Path) -> None:
        path.write_text("{,}")
        with pytest.raises(ManifestError):
            bm_config.set_sync_dir(path, Path("/new"))
        assert path.read_text() == "{,}"

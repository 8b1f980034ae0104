"""A file that has become a folder by the time its turn comes: nothing that the plan does not name is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.world import S3, Device, serve_moto

Prepared = Callable[[Device, S3], None]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A store where an object can become a folder: moto."""
    with serve_moto() as server:
        yield server


def renamed_here(device: Device, s3: S3) -> None:
    (device.notes / "m").rename(device.notes / "z.md")


def folder_here(device: Device, s3: S3) -> None:
    (device.notes / "m").unlink()
    device.write("m/mine.md", "in a folder here")


def contested(device: Device, s3: S3) -> None:
    """Nobody wins the name."""
    s3.put("m", "edited there")
    device.write("m", "edited here")


@pytest.mark.parametrize("deed", [renamed_here, folder_here, contested])
def test_a_folder_that_took_the_objects_name_stays(tmp_path: Path, store: S3, deed: Prepared) -> None:
    store.rclone("delete", "s3:notes-bucket")
    device = Device(tmp_path / "laptop", store, profile="safe")
    device.write("m", "a file")
    device.write("other.md", "other")
    device.setup()
    device.sync()
    deed(device, store)

    def meanwhile(*_: object) -> None:
        store.delete("m")
        store.put("m/theirs.md", "in a folder there")

    device.sync(app=device.app(on_plan=meanwhile))

    assert store.tree().get("m/theirs.md") == "in a folder there"
    for _ in range(2):
        last = device.sync()
    apart = {path for path, text in store.tree().items() if device.tree().get(path) != text}
    assert apart == ({"m/theirs.md"} if (device.notes / "m").is_file() else set())
    assert [one.path for one in last.left_out] == ["m"] * len(apart), "a name that is a file's and a folder's"


def test_a_folder_here_that_took_the_files_name_is_not_sent(tmp_path: Path, store: S3) -> None:
    store.rclone("delete", "s3:notes-bucket")
    device = Device(tmp_path / "laptop", store)
    device.setup()
    # An edit of an object without a hash is sent by a copy of our own; so is one that the cloud spells otherwise.
    store.put_in_parts("cafe\u0301.md", "theirs")
    device.sync()
    (device.notes / "cafe\u0301.md").rename(device.notes / "caf\u00e9.md")
    device.write("caf\u00e9.md", "ours")

    def meanwhile(*_: object) -> None:
        (device.notes / "caf\u00e9.md").unlink()
        device.write("caf\u00e9.md/secret", "written after the plan")

    device.sync(app=device.app(on_plan=meanwhile))

    assert "written after the plan" not in store.tree().values()

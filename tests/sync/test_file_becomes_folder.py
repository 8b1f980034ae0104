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


def makes_room(device: Device, s3: S3) -> None:
    """The object gets another name."""
    s3.put("m", "edited there")
    folder_here(device, s3)


@pytest.mark.parametrize("deed", [renamed_here, folder_here, contested, makes_room])
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


@pytest.mark.parametrize("here", ["cafe\u0301.md", "caf\u00e9.md"], ids=["alike", "spelled otherwise"])
def test_a_folder_here_that_took_the_files_name_is_not_sent(tmp_path: Path, store: S3, here: str) -> None:
    store.rclone("delete", "s3:notes-bucket")
    device = Device(tmp_path / "laptop", store)
    device.setup()
    # An edit of an object without a hash is sent by a copy of our own; so is one that the cloud spells otherwise.
    store.put_in_parts("cafe\u0301.md", "theirs")
    device.sync()
    (device.notes / "cafe\u0301.md").rename(device.notes / here)
    device.write(here, "ours")
    device.write("other.md", "other")

    def meanwhile(*_: object) -> None:
        (device.notes / here).unlink()
        device.write(f"{here}/secret", "written after the plan")

    result = device.sync(app=device.app(on_plan=meanwhile))

    assert (result.error, result.uploaded) == (None, 1)
    assert store.tree() == {"cafe\u0301.md": "theirs", "other.md": "other"}

"""A device that is set up, as a copy of one that was: each setup starts rclone five times, and most tests begin so.

What a copy has of its own is where it lies and which server it knows, and with that the names of its listings; all
else is what the real setup left, byte by byte. (`tests/program/test_copied.py` holds copies against setups.)
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bisync.rclone import listings
from tests.support import staying
from tests.support.world import BUCKET, S3, Device, rclone_path, serve_s3_staying

MANIFEST = "bisync.yaml"
GRANTS = ".local"  # each home's own: they are by the manifest's path, and about its folders
CACHE = "cache"  # its names are made from where ignore files lie: it is filled by the program itself
LISTINGS = "*.path[12].lst"

Objects = Mapping[str, bytes]


@dataclass(frozen=True)
class SetUp:
    """A device that was set up, and nothing since; what was in its bucket before, and a copy of it after that."""

    device: Device
    before: Objects
    bucket: Path

    def copy_to(self, device: Device) -> bool:
        """Make `device` what its setup would; False where that may not be so, and nothing was done."""
        server = device.server
        if server is None or server.folder is None or server.process is not None or not self._fits(device):
            return False
        bucket = server.folder / BUCKET
        if objects(bucket) != self.before:
            return False
        shutil.rmtree(bucket)
        shutil.copytree(self.bucket, bucket)
        staying.forget(rclone_path(), server.folder)
        self._copy_home_to(device)
        device.grant()
        app = device.app()
        app.filters(app.rules(app.manifest.syncs[0]))
        return True

    def _fits(self, device: Device) -> bool:
        """Whether it is new, and differs in nothing from what ours was but in where it lies and its server."""
        new = [path.name for path in device.home.iterdir()] == [MANIFEST]
        ours = self._said_by(device, (self.device.home / MANIFEST).read_text())
        return new and not device.env and ours == (device.home / MANIFEST).read_text()

    def _copy_home_to(self, device: Device) -> None:
        # Folders come last: what is written in them changes their times.
        all_there = (
            path
            for path in self.device.home.rglob("*")
            if not {CACHE, GRANTS} & {*path.relative_to(self.device.home).parts}
        )
        for source in sorted(all_there, key=lambda path: (path.is_dir(), path)):
            target = device.home / source.relative_to(self.device.home)
            if source.match(LISTINGS):
                target = target.with_name(self._said_by(device, source.name))
            if source.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            elif source.name != MANIFEST:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(self._said_by(device, source.read_text()))
            if source.name != MANIFEST:
                shutil.copystat(source, target)

    def _said_by(self, device: Device, text: str) -> str:
        """This text of ours as that device would have it."""
        assert device.server is not None and self.device.server is not None
        homes = (self.device.home, device.home)
        sessions = [listings.session_name(home, "c:").partition("..")[0] for home in homes]
        for ours, theirs in (
            (self.device.server.endpoint, device.server.endpoint),
            (str(homes[0]), str(homes[1])),
            sessions,
        ):
            text = text.replace(ours, theirs)
        return text


def set_up(folder: Path, *, sync_extra: str = "") -> tuple[SetUp, SetUp]:
    """A device that is set up with an empty bucket, and a second one that is after it."""
    with serve_s3_staying(folder / "cloud") as server:
        first, second = (
            _set_up(Device(folder / name, server, sync_extra=sync_extra), server, folder / f"after-{name}")
            for name in ("first", "second")
        )
    return first, second


def _set_up(device: Device, server: S3, bucket: Path) -> SetUp:
    assert server.folder is not None
    before = objects(server.folder / BUCKET)
    device.setup()
    shutil.copytree(server.folder / BUCKET, bucket)
    return SetUp(device, before, bucket)


def objects(bucket: Path) -> Objects:
    """All that lies in a bucket, our own metadata with it."""
    return {
        path.relative_to(bucket).as_posix(): path.read_bytes() for path in bucket.rglob("*") if path.is_file()
    }

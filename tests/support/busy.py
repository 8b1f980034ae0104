"""A device with everything to do that one run can do, as often as needed: it is put back from copies."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from bisync.core.result import Outcome
from tests.support.world import BUCKET, S3, Device, serve_s3

SYNCED = (
    "here.md", "there.md", "gone/here.md", "gone/there.md", "ours.md", "theirs.md", "nobody.md", "shape", "form",
    "old/1.md", "old/2.md", "far/1.md", "one.md", "two.md", "stays/a.md", "stays/b.md",
)  # fmt: skip
GONE = {
    "gone/here.md", "gone/there.md", "shape", "form", "desk", "old/1.md", "old/2.md", "far/1.md", "one.md", "two.md",
}  # fmt: skip
"""What either side deleted, renamed, or has another thing in the place of."""
CHANGED_THERE = {
    "there.md", "fresh.md", "ours.md", "theirs.md", "nobody.md", "desk", "desk/x.md", "form", "form/in.md",
    "near/1.md", "far/1.md", "two.md", "duo.md", "gone/there.md", ".bmignore", "both.md", "d/there.md",
}  # fmt: skip
"""What the cloud has its own word on; before the first baseline that is all it has."""
SECRET = "secret.draft"
"""A file that rules which are on their way ignore."""
RULES = "*.draft\n"
MOMENT = 1_700_000_000


class World(NamedTuple):
    """A device with everything to do: its home and `cloud` are put back from copies."""

    device: Device
    cloud: Path
    copies: Path
    ignored: frozenset[str]

    def restore(self) -> None:
        for folder in (self.device.home, self.cloud):
            shutil.rmtree(folder)
            subprocess.run(["cp", "-a", str(self.copies / folder.name), str(folder)], check=True)

    def keep(self) -> None:
        for folder in (self.device.home, self.cloud):
            subprocess.run(["cp", "-a", str(folder), str(self.copies / folder.name)], check=True)

    def there(self) -> dict[str, str]:
        return files(self.cloud / BUCKET)

    def versions(self) -> set[str]:
        """Every content in the trees and the trash."""
        found: set[str] = set()
        for folder in (self.cloud, self.device.notes, self.device.state / "trash"):
            found |= {path.read_text() for path in folder.rglob("*") if path.is_file()}
        return found


def files(top: Path) -> dict[str, str]:
    return {
        str(path.relative_to(top)): path.read_text()
        for path in top.rglob("*")
        if path.is_file() and ".basic-memory" not in path.parts
    }


def prepare(folder: Path, *, rules: bool) -> tuple[World, int]:
    """The world before the run, and the port of its server."""
    (folder / "copies").mkdir()
    with serve_s3(folder / "cloud") as s3:
        device = Device(folder / "home", s3)
        world = World(device, folder / "cloud", folder / "copies", frozenset({SECRET} if rules else ()))
        for name in SYNCED:
            device.write(name, f"synced {name}")
        device.setup()
        assert device.sync().outcome is Outcome.IDLE
        _change_here(device)
        _change_there(s3, folder / "put", rules=rules)
        world.keep()
        return world, _port(s3)


def prepare_first(folder: Path) -> tuple[World, int]:
    """Two sides that have not met yet, each with its own, and rules in the cloud; and the port of its server."""
    (folder / "copies").mkdir()
    with serve_s3(folder / "cloud") as s3:
        device = Device(folder / "home", s3)
        world = World(device, folder / "cloud", folder / "copies", frozenset({SECRET}))
        device.write("both.md", "alike on both sides")
        device.write("here.md", "only here")
        device.write("d/here.md", "only here, in a folder")
        device.write("desk", "a file here")
        device.write("shape/in.md", "in a folder here")
        device.write(SECRET, "ignored by rules on their way")
        _write_versions(device)
        texts = {
            "both.md": "alike on both sides", "there.md": "only there", "d/there.md": "only there, in a folder",
            "desk/x.md": "a folder there", "shape": "a file there", ".bmignore": RULES,
            "ours.md": "theirs, older", "theirs.md": "theirs, newer", "nobody.md": "theirs, and as old",
        }  # fmt: skip
        _put(s3, folder / "put", texts)
        world.keep()
        return world, _port(s3)


def _port(s3: S3) -> int:
    return int(s3.endpoint.rpartition(":")[2])


def _write_versions(device: Device) -> None:
    """This side's version of what is contested."""
    device.write("ours.md", "ours, newer", mtime=MOMENT + 10)
    device.write("theirs.md", "ours, older", mtime=MOMENT - 10)
    device.write("nobody.md", "ours, and as old", mtime=MOMENT)


def _change_here(device: Device) -> None:
    device.write("here.md", "edited here")
    device.write("new.md", "new here")
    _write_versions(device)
    device.write("desk", "a file here")
    device.write(SECRET, "ignored by rules on their way")
    for name in ("gone/here.md", "shape"):
        (device.notes / name).unlink()
    device.write("shape/in.md", "in a folder that was a file here")
    (device.notes / "old").rename(device.notes / "young")
    (device.notes / "one.md").rename(device.notes / "uno.md")


def _change_there(s3: S3, put: Path, *, rules: bool) -> None:
    texts = {
        "there.md": "edited there", "fresh.md": "new there", "ours.md": "theirs, older", "theirs.md": "theirs, newer",
        "nobody.md": "theirs, and as old", "desk/x.md": "a folder there", "form/in.md": "in a folder that was a file",
    }  # fmt: skip
    if rules:
        texts[".bmignore"] = RULES
    for name in ("gone/there.md", "form"):
        s3.delete(name)
    s3.rclone("move", f"s3:{BUCKET}/far", f"s3:{BUCKET}/near")
    s3.rclone("moveto", f"s3:{BUCKET}/two.md", f"s3:{BUCKET}/duo.md")
    _put(s3, put, texts)


def _put(s3: S3, put: Path, texts: dict[str, str]) -> None:
    """Another device's files, all of one time."""
    for name, text in texts.items():
        path = put / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (MOMENT, MOMENT))
    s3.rclone("copy", str(put), f"s3:{BUCKET}")


def decided(tree: dict[str, str]) -> dict[str, str]:
    """A tree without what a kill in a conflict may name otherwise.

    Copies may get other numbers, and once one version has a copy's name the other one keeps the name nobody won.
    """
    return {path: text for path, text in tree.items() if ".conflict" not in path and path != "nobody.md"}

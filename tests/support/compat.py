"""The day that every kind of S3 server has to get through, and that day on one that nobody here wrote.

    python -m tests.support.compat

It is OpenStack Swift, which `tests.support.swift` installs and starts. The suite itself has the day on rclone's own
server and on moto.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3

from bisync.core.metadata import LEASES
from bisync.providers import listed_names
from tests.support.swift import serve_swift
from tests.support.world import BUCKET, S3, Device

ODD = ("u\x01x.md", "odd/k\uffffx.md", "odd/cr\rx.md")
"""Keys with characters that XML cannot hold, or not as they are."""
TELLING = ("a+b %2B&='é 😀.md", "d%20 +/[x] #?.md", "e\u0301/ü")
"""Names that are others once they are decoded without having been encoded, or composed."""


def client(server: S3) -> Any:
    """Another program."""
    return boto3.client(
        "s3", endpoint_url=server.endpoint, aws_access_key_id=server.key_id, aws_secret_access_key=server.secret,
        region_name="us-east-1",
    )  # fmt: skip


def leases(server: S3) -> list[str]:
    """The leases in the bucket, as texts."""
    listed = client(server).list_objects_v2(Bucket=BUCKET, Prefix=LEASES).get("Contents", [])
    bodies = [client(server).get_object(Bucket=BUCKET, Key=one["Key"])["Body"] for one in listed]
    return [body.read().decode() for body in bodies]


def a_day(home: Path, server: S3) -> None:
    """Two devices: set up, both ways, an edit on each side, conflicts, deletion and trash, restore; leases."""
    now = time.time()
    laptop, desktop = Device(home / "laptop", server), Device(home / "desktop", server)
    for name in ("keep.md", "both.md", "gone.md", *TELLING):
        laptop.write(name, f"{name}, first\n", mtime=now - 5000)
    laptop.run("setup")
    desktop.run("setup")
    assert desktop.tree() == laptop.tree() == server.tree()

    # An edit on each side, at once.
    laptop.write("keep.md", "edited on the laptop\n")
    desktop.write(TELLING[0], "edited on the desktop\n")
    for device in (laptop, desktop, laptop):
        device.run("sync")
    assert desktop.tree() == laptop.tree() == server.tree()
    assert laptop.tree()["keep.md"] == "edited on the laptop\n"
    assert laptop.tree()[TELLING[0]] == "edited on the desktop\n"
    said = leases(server)
    assert said and not any(is_held(text) for text in said), "each was taken, and is released"

    # The same file on both.
    for name, profile in (("keep.md", "balanced"), ("both.md", "safe")):
        laptop.write(name, "laptop, earlier\n", mtime=now - 300)
        desktop.write(name, "desktop, and later\n", mtime=now - 100)
        laptop.run("sync")
        assert f"Conflict detected: {name}" in desktop.run("sync", "--profile", profile, expect=None).out
    laptop.run("sync", expect=None)
    assert desktop.tree() == laptop.tree() == server.tree()
    versions = {name: text for name, text in laptop.tree().items() if name.startswith(("keep", "both"))}
    assert versions["keep.md"] == "desktop, and later\n"
    assert versions["keep.md.conflict1"] == "laptop, earlier\n"
    assert set(versions) == {"keep.md", "keep.md.conflict1", "both.md.conflict1", "both.md.conflict2"}
    assert versions["both.md.conflict1"] != versions["both.md.conflict2"]

    # What one deletes goes from the other, and comes back from the trash of either side.
    gone = ("gone.md", TELLING[1])
    for name in gone:
        (laptop.notes / name).unlink()
    laptop.run("sync", expect=None)
    desktop.run("sync", expect=None)
    assert desktop.tree() == laptop.tree() == server.tree()
    assert not set(gone) & set(laptop.tree())
    laptop.run("restore", gone[0])
    desktop.run("restore", gone[1])
    for device in (laptop, desktop, laptop):
        device.run("sync", expect=None)
    assert desktop.tree() == laptop.tree() == server.tree()
    assert [laptop.tree()[name] for name in gone] == [f"{name}, first\n" for name in gone]

    assert "Both sides are equal" in laptop.run("check").out
    assert "nothing to do" in laptop.run("sync", expect=None).out


def is_held(text: str) -> bool:
    """Whether a lease in the bucket is in force."""
    return bool(json.loads(text)["lease"] == "held")


def odd_keys(home: Path, server: S3) -> None:
    """Another program puts keys there that no listing in XML can hold: they are named, and all else is synced.

    Also where that was before the first setup, and where an earlier version has set the device up.
    """
    device = Device(home / "laptop", server)
    device.write("a.md", "a")
    device.run("setup")
    for key in ODD:
        client(server).put_object(Bucket=BUCKET, Key=key, Body=b"odd")
    device.write("b.md", "b")

    said = device.run("sync", expect=1).out

    assert said.count("Left out: ") == len(ODD), said
    assert client(server).head_object(Bucket=BUCKET, Key="b.md")["ContentLength"] == 1
    conf = device.home / ".config" / "rclone" / "rclone.conf"
    now = conf.read_text()
    conf.write_text("".join(line for line in now.splitlines(keepends=True) if not line.startswith("list_")))
    device.run("setup")
    assert conf.read_text() == now
    assert "nothing to do" in device.run("sync", expect=1).out
    late = Device(home / "phone", server)
    assert late.run("setup", expect=1).out.count("Left out: ") == len(ODD)
    assert late.tree() == {"a.md": "a", "b.md": "b"}


def probe_is_gone(home: Path, server: S3) -> None:
    """Of what setup tries nothing is left; and what a killed one left goes with the next."""
    leftover = f"{listed_names.FOLDER}/{listed_names.NAMES[0]}"
    client(server).put_object(Bucket=BUCKET, Key=leftover, Body=b"")
    device = Device(home / "laptop", server)
    device.run("setup")
    conf = (device.home / ".config" / "rclone" / "rclone.conf").read_text()

    assert "list_url_encode = true" in conf and "list_version = 2" in conf
    found = client(server).list_objects_v2(Bucket=BUCKET, Prefix=listed_names.FOLDER)
    assert not found.get("Contents")


Scene = Callable[[Path, S3], None]
SCENES: dict[str, Scene] = {
    "a day": a_day,
    "keys that XML cannot hold": odd_keys,
    "what setup tries": probe_is_gone,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Every scene on Swift, each with an account of its own; 1 when one fails."""
    parser = argparse.ArgumentParser(description="The suite's day on OpenStack Swift.")
    parser.add_argument("--only", choices=SCENES, help="one scene")
    only = parser.parse_args(argv).only
    failed = 0
    # A disk of this machine: what is in memory may keep no xattrs.
    kept = tempfile.TemporaryDirectory(prefix="bisync-compat-", dir="/var/tmp")
    with kept as folder, serve_swift(Path(folder, "swift")) as account:
        for number, (name, scene) in enumerate(SCENES.items()):
            if only not in (None, name):
                continue
            began = time.monotonic()
            try:
                scene(Path(folder, str(number)), account(number))
            except AssertionError as error:
                failed += 1
                print(f"✗ {name}: {error}")
            else:
                print(f"✓ {name} ({time.monotonic() - began:.0f} s)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

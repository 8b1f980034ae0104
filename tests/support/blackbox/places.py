"""The devices and the bucket as they are seen and changed from outside; every change is written down."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.blackbox.history import CLOUD, Deed, History, Place, Sight
from tests.support.world import BUCKET, KEY_ID, S3, SECRET, Device

OURS = ".basic-memory"
# What rclone calls a half-written download; a user's own file may end so as well.
HALF = re.compile(r"\.[0-9a-z]{1,8}\.bisync-partial$")
Note = Callable[[Deed], None]


class Files:
    """The contents of files below a folder; each is read once for as long as it stays as it is."""

    def __init__(self) -> None:
        self._read: dict[tuple[int, ...], str] = {}

    def below(self, top: Path) -> dict[str, str]:
        """Content by path; neither links nor what vanishes while we look."""
        found: dict[str, str] = {}
        for folder, _, names in os.walk(top):
            for name in names:
                path = Path(folder, name)
                text = self.read(path)
                if text is not None:
                    found[os.path.relpath(path, top)] = text
        return found

    def read(self, path: Path) -> str | None:
        try:
            stat = path.lstat()
            if not S_ISREG(stat.st_mode):
                return None
            stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
            if stamp not in self._read:
                self._read[stamp] = path.read_text(encoding="utf-8", errors="replace")
            return self._read[stamp]
        except FileNotFoundError:
            return None


@dataclass
class Laptop:
    """A device and its user. `joined`: whether it was ever set up. `old_homes`: computers its notes were on before."""

    name: str
    device: Device
    history: History
    note: Note
    joined: bool = False
    files: Files = field(default_factory=Files)
    old_homes: list[Path] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.device.notes

    def tree(self) -> dict[str, str]:
        """Content by path, our own folder left out, and what is only half there."""
        return {
            path: text
            for path, text in self.files.below(self.root).items()
            if not path.startswith(f"{OURS}/") and not HALF.search(path)
        }

    def kept(self) -> set[str]:
        """What lies in the trash, in the folders of a run that was killed, or half there."""
        found: set[str] = set()
        for home in (self.device.home, *self.old_homes):
            found |= set(self.files.below(home / "notes" / OURS).values())
            found |= set(self.files.below(home / ".basic-memory" / "bisync-state").values())
        return found | {text for path, text in self.files.below(self.root).items() if HALF.search(path)}

    def is_free(self, path: str) -> bool:
        """Whether a file could have this name: no file or link on the way to it, no folder in its place.

        (What a user moves through a link has left the tree, and is nobody's to keep.)
        """
        target = self.root / path
        above = [self.root / one for one in Path(path).parents if one != Path()]
        ways = all((one.is_dir() and not one.is_symlink()) or not os.path.lexists(one) for one in above)
        return not target.is_dir() and ways

    def write(self, path: str, text: str, *, how: str = "in place", mtime: float | None = None) -> None:
        """Save a file. `how`: in place, or beside it and then under its name, as editors do."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        took = self.files.read(target)
        if how == "in place":
            with target.open("w", encoding="utf-8") as stream:
                stream.write(text)
        else:
            beside = self.device.home / "beside.tmp"
            beside.write_text(text, encoding="utf-8")
            beside.replace(target)
        if mtime is not None:
            os.utime(target, (mtime, mtime))
        self.note(Deed(self.name, f"save {how}", path, took=took, put=text))

    def delete(self, path: str) -> None:
        took = self.files.read(self.root / path)
        try:
            (self.root / path).unlink()
        except FileNotFoundError:
            return
        self.note(Deed(self.name, "delete", path, took=took))

    def rename(self, old: str, new: str) -> None:
        """Rename a file or a folder; nothing lies under the new name."""
        source, target = self.root / old, self.root / new
        inside = {old: text} if (text := self.files.read(source)) is not None else {
            f"{old}/{path}": text for path, text in self.files.below(source).items()
        }  # fmt: skip
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source.rename(target)
        except OSError:
            return  # it went, or its name was taken, while a run was under way
        for path, text in inside.items():
            self.note(
                Deed(self.name, "rename", path, took=text, put=None, moved=new + path.removeprefix(old))
            )


class Bucket:
    """The bucket through plain S3, as a program that knows nothing of us sees it."""

    def __init__(self, server: S3, history: History, note: Note) -> None:
        self.history = history
        self.note = note
        self._is_disk = server.folder is not None
        self._s3: Any = boto3.client(
            "s3", endpoint_url=server.endpoint, aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=Config(
                s3={"addressing_style": "path"}, retries={"max_attempts": 1},
                request_checksum_calculation="when_required",
            ),
        )  # fmt: skip
        self._read: dict[tuple[str, str, str], str] = {}

    def objects(self) -> dict[str, str]:
        """Content by key, with our own folder."""
        found = {}
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for one in page.get("Contents", ()):
                text = self._content(one["Key"], one["ETag"], str(one["LastModified"]))
                if text is not None:
                    found[one["Key"]] = text
        return found

    def _content(self, key: str, *version: str) -> str | None:
        if (known := self._read.get((key, version[0], version[1]))) is not None:
            return known
        try:
            body = self._s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None
        text: str = body.decode(errors="replace")
        self._read[key, version[0], version[1]] = text
        return text

    def tree(self) -> dict[str, str]:
        return {key: text for key, text in self.objects().items() if not key.startswith(f"{OURS}/")}

    def put(self, key: str, text: str, took: str | None, *, in_parts: bool = False) -> None:
        if not self._has_room(key):
            return
        self._wait_for_the_next_second()
        try:
            self._put(key, text, in_parts=in_parts)
        except ClientError:
            return  # this store cannot have such a key, or none beside what it has
        self.note(Deed(CLOUD, "put", key, took=took, put=text))

    def _put(self, key: str, text: str, *, in_parts: bool) -> None:
        if in_parts:
            upload = self._s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
            which = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
            part = self._s3.upload_part(**which, PartNumber=1, Body=text.encode())
            parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
            self._s3.complete_multipart_upload(**which, MultipartUpload=parts)
            self.history.unhashed.add(text)
        else:
            self._s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())

    def _wait_for_the_next_second(self) -> None:
        """For devices that go by time, and for objects without a hash.

        What has neither a time of its own nor a hash S3 stamps by the second: nothing tells two of a second apart.
        """
        time.sleep(1.01 - time.time() % 1)

    def _has_room(self, key: str) -> bool:
        """Whether this store can have such a key beside what it has.

        `rclone serve s3` keeps files and folders. What it cannot keep it refuses, but from then on it lists an object
        that it does not have.
        """
        if not self._is_disk:
            return True
        if {"", ".", ".."} & set(key.split("/")):
            return False
        return not any(
            f"{one}/".startswith(f"{key}/") or f"{key}/".startswith(f"{one}/")
            for one in self.objects()
            if one != key
        )

    def delete(self, key: str, took: str | None) -> None:
        self._s3.delete_object(Bucket=BUCKET, Key=key)
        self.note(Deed(CLOUD, "delete", key, took=took))

    def move(self, key: str, to: str, took: str) -> None:
        """As S3 moves: a copy, then a deletion; nothing lies under the new key."""
        if not self._has_room(to):
            return
        self._wait_for_the_next_second()
        try:
            self._s3.copy_object(Bucket=BUCKET, Key=to, CopySource={"Bucket": BUCKET, "Key": key})
        except ClientError:
            return  # this store cannot have such a key, or none beside what it has
        self._s3.delete_object(Bucket=BUCKET, Key=key)
        self.note(Deed(CLOUD, "move", key, took=took, moved=to))


def look(laptops: list[Laptop], bucket: Bucket) -> Sight:
    """Everything there is, everywhere."""
    written = bucket.history.written
    live: dict[Place, str] = {}
    kept: set[str] = set()
    for laptop in laptops:
        live |= {Place(laptop.name, path): text for path, text in laptop.tree().items()}
        kept |= laptop.kept()
    objects = bucket.objects()
    live |= {Place(CLOUD, key): text for key, text in objects.items() if not key.startswith(f"{OURS}/")}
    hidden = frozenset(text for key, text in objects.items() if key.startswith(f"{OURS}/"))
    # Our own files are no contents.
    return Sight(live, frozenset(kept & written), hidden & written)

"""A copy of a device that was set up is what a setup leaves."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bisync.core.result import Outcome
from bisync.rclone import listings
from tests.support.copied import SetUp, objects
from tests.support.world import BUCKET, S3, Device, serve_s3_staying

# What no two setups have in common: moments, how long it took, which run and which process it was, random names.
OWN = (
    (r"\d{8}T\d{6}Z-[0-9a-f]{6}", "RUN"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?", "MOMENT"),
    (r'"seconds": [0-9.]+', "SECONDS"),
    (r'"listings":"[0-9a-f]{64}"', "LISTINGS"),
    (r'"md5": "[0-9a-f]{32}"', "LEASE"),
    (r"\b[0-9a-f]{12}-0\b", "TOKEN"),
    (r"\b[0-9a-f]{64}(?=\.rclone)", "RULES"),
    (r'"sha256(:|": ")[0-9a-f]{64}"', "GRANTED"),
    (r"\b[0-9a-f]{64}(?=\.json)", "MANIFEST"),
    (r"\A +(?={)", "PADDING"),
    (r"\A\d+\n?\Z", "PROCESS"),
)


def told(device: Device, folder: Path) -> list[tuple[str, str, str]]:
    """Each file and folder below `folder` with its mode and text, without what is each setup's own, sorted.

    Several may have one name then.
    """
    assert device.server is not None
    home, session = str(device.home), listings.session_name(device.home, "c:").partition("..")[0]
    found = []
    for path in folder.rglob("*"):
        text = path.read_text() if path.is_file() else ""
        name = path.relative_to(folder).as_posix()
        for ours, word in ((home, "HOME"), (session, "SESSION"), (device.server.endpoint, "ENDPOINT")):
            text, name = text.replace(ours, word), name.replace(ours, word)
        for pattern, word in OWN:
            text, name = re.sub(pattern, word, text), re.sub(pattern, word, name)
        found.append((name, stat.filemode(path.stat().st_mode), text))
    return sorted(found)


def all_of(device: Device) -> list[tuple[str, str, str]]:
    """The same of the device and the whole bucket."""
    assert device.server is not None and device.server.folder is not None
    there = told(device, device.server.folder / BUCKET)
    return [*told(device, device.home), *((f"bucket/{name}", *one) for name, *one in there)]


@pytest.mark.parametrize("which", ["set_up", "set_up_below"])
def test_a_copy_has_all_that_a_setup_leaves(
    which: str, request: pytest.FixtureRequest, tmp_path: Path, below: str
) -> None:
    patterns: tuple[SetUp, SetUp] = request.getfixturevalue(which)
    extra = f"    path: {below}\n" if which == "set_up_below" else ""
    with serve_s3_staying(tmp_path / "one") as one, serve_s3_staying(tmp_path / "other") as other:
        for name, pattern in zip(("laptop", "desktop"), patterns, strict=True):
            made = Device(tmp_path / f"made-{name}", one, sync_extra=extra)
            made.run("setup")
            copy = Device(tmp_path / f"a-copy-{name}", other, sync_extra=extra)
            assert pattern.copy_to(copy)

            assert all_of(copy) == all_of(made)
            assert copy.run("doctor").code == made.run("doctor").code
            assert (copy.sync().outcome, made.sync().outcome) == (Outcome.IDLE, Outcome.IDLE)
            assert all_of(copy) == all_of(made)


def test_a_copy_syncs(laptop: Device, desktop: Device, s3: S3) -> None:
    laptop.write("a.md", "a")
    assert laptop.sync().uploaded == 1
    assert s3.tree() == {"a.md": "a"}
    assert desktop.sync().downloaded == 1
    assert desktop.tree() == {"a.md": "a"}
    for one in (laptop, desktop):
        assert one.run("setup").out.count("changed") == 0
        assert len(one.history()) == 2


def test_what_would_not_be_the_same_is_no_copy(
    set_up: tuple[SetUp, SetUp], make_device: Callable[..., Device], s3: S3
) -> None:
    first, second = set_up
    assert not first.copy_to(make_device("other", profile="safe"))
    assert not first.copy_to(make_device("told", env={"BISYNC_PROFILE": "safe"}))
    used = make_device("used")
    used.write("a.md", "a")
    assert not first.copy_to(used)
    assert not second.copy_to(make_device("too-soon"))
    s3.put("there.md", "there")
    assert not first.copy_to(make_device("late"))
    assert objects(s3.folder / BUCKET) == {"there.md": b"there"}  # type: ignore[operator]

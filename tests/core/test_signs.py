"""What tells a change, and what tells two sides alike: stamps, sizes, hashes and times, each alone and together."""

from __future__ import annotations

import pytest

from bisync.config import Compare
from bisync.core.reconcile import as_listed, cloud_changed, local_changed, same_content, same_time
from bisync.core.snapshot import BaseFile, CloudFile, LocalFile, Stamp

pytestmark = pytest.mark.pure

A, B = "a" * 32, "b" * 32
CHECKSUM, MODTIME, STORED = Compare.CHECKSUM, Compare.MODTIME, Compare.STORED
OLD, NEW = Stamp(5_000_000_001, 2, 3), Stamp(6_000_000_001, 2, 3)


@pytest.mark.parametrize(
    ("base", "file", "compare", "changed"),
    [
        # The stamp of a file that nobody has touched: nothing else is looked at but the size.
        ((10, A, OLD, None), (10, OLD, None), CHECKSUM, False),
        ((10, A, OLD, None), (10, OLD, B), CHECKSUM, False),
        ((10, A, OLD, None), (11, OLD, A), CHECKSUM, True),
        ((10, None, OLD, None), (11, OLD, None), MODTIME, True),
        ((10, None, OLD, 9), (10, OLD, None), MODTIME, False),
        # Each part of a stamp counts; then the hash tells.
        ((10, A, OLD, None), (10, OLD._replace(ctime_ns=9), A), CHECKSUM, False),
        ((10, A, OLD, None), (10, OLD._replace(ctime_ns=9), B), CHECKSUM, True),
        ((10, A, OLD, None), (10, OLD._replace(inode=9), B), CHECKSUM, True),
        ((10, A, OLD, None), (10, NEW, B), CHECKSUM, True),
        ((10, A, None, None), (10, OLD, A), CHECKSUM, False),
        ((10, A, None, None), (10, OLD, B), CHECKSUM, True),
        ((10, A, None, None), (10, OLD, None), CHECKSUM, True),
        ((10, A, None, None), (11, OLD, A), CHECKSUM, True),
        # Without a hash to compare with, and by modtime whatever the hashes are, the time does.
        ((10, None, None, OLD.mtime_ns), (10, OLD, A), CHECKSUM, False),
        ((10, None, None, OLD.mtime_ns), (10, NEW, A), CHECKSUM, True),
        ((10, None, None, None), (10, OLD, A), CHECKSUM, True),
        ((10, A, None, OLD.mtime_ns), (10, OLD, A), MODTIME, False),
        ((10, A, NEW, OLD.mtime_ns), (10, OLD, B), MODTIME, True),  # saved, and the time put back
        ((10, A, None, OLD.mtime_ns), (10, OLD, None), MODTIME, False),
        ((10, None, None, OLD.mtime_ns), (10, OLD, B), MODTIME, False),
        # By what is stored in the cloud the content tells, whatever its time is.
        ((10, A, OLD, OLD.mtime_ns), (10, OLD, None), STORED, False),
        ((10, A, OLD, OLD.mtime_ns), (10, NEW, A), STORED, False),
        ((10, A, OLD, OLD.mtime_ns), (10, NEW, B), STORED, True),
        ((10, A, NEW, OLD.mtime_ns), (10, OLD, B), STORED, True),
        ((10, A, OLD, OLD.mtime_ns), (11, OLD, A), STORED, True),
        ((10, A, None, OLD.mtime_ns), (10, NEW, A), MODTIME, True),
        ((10, None, None, 5_000_000_000), (10, OLD, None), MODTIME, True),
    ],
)  # fmt: skip
def test_a_local_file_has_changed(
    base: tuple[int, str | None, Stamp | None, int | None],
    file: tuple[int, Stamp, str | None],
    compare: Compare,
    changed: bool,
) -> None:
    size, md5, stamp, time = base

    # The cloud's time has no say here.
    for cloud_time in (None, OLD.mtime_ns, NEW.mtime_ns):
        known = BaseFile(size, md5, stamp, time, cloud_time)
        assert local_changed(known, LocalFile("n", *file), compare) is changed


@pytest.mark.parametrize(
    ("base", "file", "compare", "changed"),
    [
        ((10, A, None), (10, A, 9), CHECKSUM, False),
        ((10, A, None), (10, B, 9), CHECKSUM, True),
        ((10, A, None), (11, A, 9), CHECKSUM, True),
        ((10, None, None), (10, A, 9), CHECKSUM, True),
        ((10, A, 9), (10, B, 9), CHECKSUM, True),
        ((10, A, 9), (10, A, 8), CHECKSUM, False),
        # Without a hash, by when it was stored, to the nanosecond.
        ((10, A, 9), (10, None, 9), CHECKSUM, False),
        ((10, A, 9), (10, None, 8), CHECKSUM, True),
        ((10, A, 9), (11, None, 9), CHECKSUM, True),
        ((10, A, 5_000_000_000), (10, None, 5_000_000_001), CHECKSUM, True),
        ((10, A, None), (10, None, 9), CHECKSUM, True),
        ((10, A, None), (10, None, None), CHECKSUM, True),
        ((10, A, 9), (10, None, None), CHECKSUM, True),
        # By modtime, and by when it was stored, to the nanosecond, whatever the hashes are.
        ((10, None, 9), (10, None, 9), MODTIME, False),
        ((10, None, 9), (10, None, 8), MODTIME, True),
        ((10, None, 9), (11, None, 9), MODTIME, True),
        ((10, A, 9), (10, B, 9), MODTIME, False),
        ((10, A, 9), (10, A, 8), MODTIME, True),
        ((10, None, 5_300_000_001), (10, None, 5_000_000_000), MODTIME, True),
        ((10, A, 9), (10, None, 9), STORED, False),
        ((10, A, 9), (10, None, 8), STORED, True),
        ((10, A, 9), (11, None, 9), STORED, True),
        ((10, None, None), (10, None, None), MODTIME, False),
        ((10, None, None), (10, None, 9), MODTIME, True),
        ((10, None, 9), (10, None, None), MODTIME, True),
    ],
)
def test_a_cloud_file_has_changed(
    base: tuple[int, str | None, int | None],
    file: tuple[int, str | None, int | None],
    compare: Compare,
    changed: bool,
) -> None:
    size, md5, time = base

    # Neither the stamp nor the local time has a say here.
    for stamp, local_time in ((None, None), (OLD, 9), (None, 8)):
        known = BaseFile(size, md5, stamp, local_time, time)
        assert cloud_changed(known, CloudFile("n", *file), compare) is changed


SECOND, MILLISECOND = 1_000_000_000, 1_000_000


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (None, None, True),
        (None, 0, False),
        (0, None, False),
        (7, 7, True),
        (7, 8, False),
        (-7, -7, True),
        # Whole seconds on either side.
        (5 * SECOND, 5 * SECOND + 1, True),
        (5 * SECOND, 6 * SECOND - 1, True),
        (5 * SECOND, 4 * SECOND + 1, True),
        (5 * SECOND, 6 * SECOND, False),
        (5 * SECOND, 6 * SECOND + 1, False),
        (5 * SECOND, 4 * SECOND - 1, False),
        (0, SECOND - 1, True),
        (0, -1, True),
        # Whole milliseconds on either side.
        (5 * MILLISECOND, 5 * MILLISECOND + 1, True),
        (5 * MILLISECOND, 6 * MILLISECOND - 1, True),
        (5 * MILLISECOND, 4 * MILLISECOND + 1, True),
        (5 * MILLISECOND, 6 * MILLISECOND, False),
        (5 * MILLISECOND, 7 * MILLISECOND - 1, False),
        # Two clocks that both tell more.
        (5 * MILLISECOND + 1, 5 * MILLISECOND + 2, False),
        (5 * SECOND + 1_000, 5 * SECOND + 2_000, False),
    ],
)
def test_two_times_are_one_as_far_as_the_coarser_clock_can_tell(
    one: int | None, other: int | None, same: bool
) -> None:
    assert same_time(one, other) is same
    assert same_time(other, one) is same


@pytest.mark.parametrize(
    ("local", "cloud", "compare", "same"),
    [
        ((10, A, 5), (10, A, 9), CHECKSUM, True),
        ((10, A, 5), (10, B, 5), CHECKSUM, False),
        ((10, A, 5), (11, A, 5), CHECKSUM, False),
        ((10, None, 5), (10, A, 5), CHECKSUM, None),
        ((10, A, 5), (10, None, 5), CHECKSUM, None),
        ((10, None, 5), (10, None, 5), CHECKSUM, None),
        ((10, None, 5), (11, None, 5), CHECKSUM, False),
        ((10, None, 5), (10, None, 5), MODTIME, True),
        ((10, None, 5), (10, None, 6), MODTIME, None),
        ((10, None, 5), (10, None, None), MODTIME, None),
        ((10, None, 5), (11, None, 5), MODTIME, False),
        ((10, None, 5), (10, None, 0), MODTIME, None),
        ((10, None, 5_000_000_000), (10, None, 5_000_000_000), MODTIME, None),  # a second may be told of two
        ((10, A, 5), (10, None, 5), STORED, None),
        ((10, A, 5), (11, None, 5), STORED, False),
        ((10, A, 5), (10, A, 9), MODTIME, True),
        ((10, A, 5), (10, B, 5), MODTIME, False),
        ((10, A, 5), (10, None, 5), MODTIME, True),
    ],
)
def test_two_files_are_alike(
    local: tuple[int, str | None, int],
    cloud: tuple[int, str | None, int | None],
    compare: Compare,
    same: bool | None,
) -> None:
    """None where only the contents themselves can tell."""
    size, md5, time = local
    here = LocalFile("n", size, Stamp(time, 1, 1), md5)

    assert same_content(here, CloudFile("n", *cloud), compare) is same


def test_times_that_were_noted_become_those_that_are_listed() -> None:
    """bisync notes the time of the file here as that of its copy, which a remote may keep by the second only."""
    fine, whole = 5_300_000_001, 5_000_000_000
    noted = {name: BaseFile(10, A, OLD, fine, fine) for name in ("cut", "up", "edited", "grown", "gone")}
    there = {
        "cut": CloudFile("cut", 10, None, whole),
        "up": CloudFile("up", 10, None, whole + SECOND),
        "edited": CloudFile("edited", 10, None, whole + 2 * SECOND),
        "grown": CloudFile("grown", 11, None, whole),
        "new": CloudFile("new", 10, None, whole),
    }

    found = as_listed(noted, there)

    assert {name: base.cloud_mtime_ns for name, base in found.items()} == {
        "cut": whole, "up": whole + SECOND, "edited": fine, "grown": fine, "gone": fine,
    }  # fmt: skip
    assert {name for name, file in there.items() if name in found and cloud_changed(found[name], file, MODTIME)} == {
        "edited", "grown",
    }  # fmt: skip
    assert all(base._replace(cloud_mtime_ns=fine) == noted[name] for name, base in found.items())

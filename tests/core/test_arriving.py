"""What a run that did not end well was to bring, told by what lies there afterwards."""

from __future__ import annotations

import pytest

from bisync.config import Compare
from bisync.core.arriving import arriving, confirmed
from bisync.core.change import Action, Change
from bisync.core.snapshot import Arriving, BaseFile, CloudFile, CloudSnapshot, LocalFile, LocalSnapshot, Stamp

pytestmark = pytest.mark.pure

CHECKSUM, MODTIME = Compare.CHECKSUM, Compare.MODTIME
P = BaseFile(1, "p", None, None, None)


def here(**files: str | None) -> LocalSnapshot:
    found = {name: LocalFile(name, 1, Stamp(5, 6, 7), md5) for name, md5 in files.items()}
    return LocalSnapshot(found, (), 1, True)


def there(**files: str | None) -> CloudSnapshot:
    return CloudSnapshot({name: CloudFile(name, 1, md5, 9) for name, md5 in files.items()}, (), True)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(Action.UPLOAD, "a", 1, ""), {"a": Arriving("cloud", P)}),
        (Change(Action.DOWNLOAD, "b", 1, ""), {"b": Arriving("local", P)}),
        (Change(Action.RENAME, "old", 1, "", side="local", to="a"), {"a": Arriving("cloud", P)}),
        (Change(Action.RENAME, "old", 1, "", side="cloud", to="b"), {"b": Arriving("local", P)}),
        (Change(Action.DELETE_CLOUD, "b", 1, ""), {}),
        (Change(Action.DELETE_LOCAL, "a", 1, ""), {}),
        (Change(Action.CONFLICT, "a", 1, "", "both", ("a1", "a2")), {}),
        (Change(Action.UPLOAD, "unknown", 1, ""), {}),
        (Change(Action.DOWNLOAD, "unhashed", 1, ""), {}),
    ],
)
def test_what_a_plan_brings_where(change: Change, expected: dict[str, Arriving]) -> None:
    found = arriving([change], here(a="p", unknown=None), there(b="p", unhashed=None), CHECKSUM)

    assert found == expected


def test_by_time_a_copy_has_the_time_of_what_was_copied() -> None:
    changes = [Change(Action.UPLOAD, "a", 1, ""), Change(Action.DOWNLOAD, "b", 1, "")]

    found = arriving(changes, here(a=None), there(b=None), MODTIME)

    assert found["a"].file == BaseFile(1, None, None, 5, 5)
    assert found["b"].file == BaseFile(1, None, None, 9, 9)


@pytest.mark.parametrize(
    ("side", "local", "cloud", "is_known"),
    [
        ("local", here(x="p"), there(), True),  # it came, and was deleted in the cloud since
        ("local", here(x="p"), there(x="q"), True),
        ("local", here(x="q"), there(x="p"), False),
        ("local", here(), there(x="p"), False),  # it never came, or was deleted here: nobody knows
        ("cloud", here(), there(x="p"), True),
        ("cloud", here(x="q"), there(x="p"), True),
        ("cloud", here(x="p"), there(), False),
        ("cloud", here(x="p"), there(x="q"), False),
    ],
)
def test_what_lies_there_tells_what_came(
    side: str, local: LocalSnapshot, cloud: CloudSnapshot, is_known: bool
) -> None:
    expected = {"x": Arriving("local" if side == "local" else "cloud", P)}

    found = confirmed({"y": P}, expected, local, cloud, CHECKSUM)

    assert found == ({"y": P, "x": P} if is_known else {"y": P})

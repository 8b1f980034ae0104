"""`conflicts --diff`: what is different in the versions that lie here. Nobody is asked for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.world import Device

pytestmark = pytest.mark.pure

MANIFEST = """\
version: 1
tenants:
  team: {provider: rclone, remote: "nas:"}
syncs:
  notes: {tenant: team, path: notes, dir: ~/notes}
  work: {tenant: team, path: work, dir: ~/work}
"""


@pytest.fixture
def device(tmp_path: Path) -> Device:
    one = Device(tmp_path / "home")
    one.write_manifest(MANIFEST)
    (one.home / "work").mkdir()
    return one


def contested(device: Device) -> None:
    device.write("ideas.md", "same\nhere\n")
    device.write("ideas.md.conflict1", "same\nthere\n")
    device.write("deep/none.md.conflict1", "one\n")
    device.write("deep/none.md.conflict2", "two\n")
    device.write("deep/none.md.conflict3", "three\n")
    device.write("-a\n[x] \u00e9.md.conflict1", "alone\n")
    (device.home / "work" / "ideas.md").write_bytes(b"\0")
    (device.home / "work" / "ideas.md.conflict1").write_bytes(b"\0\0")


def diffs(device: Device, *argv: str) -> dict[str, list[tuple[str, str, str | None]]]:
    document = device.run("conflicts", "--diff", "--json", *argv, expect=3).json
    return {
        f"{group['sync']}/{group['path']}": [
            (one["old"], one["new"], one["why_not"] or one["diff"].partition("@@\n")[2])
            for one in group["diffs"]
        ]
        for group in document["conflicts"]
    }


def test_the_name_with_each_copy_or_the_copies_with_each_other(device: Device) -> None:
    contested(device)
    copies = [f"deep/none.md.conflict{number}" for number in (1, 2, 3)]

    assert diffs(device) == {
        "notes/-a\n[x] \u00e9.md": [],
        "notes/deep/none.md": [(copies[0], copies[1], "-one\n+two\n"), (copies[0], copies[2], "-one\n+three\n")],
        "notes/ideas.md": [("ideas.md", "ideas.md.conflict1", " same\n-here\n+there\n")],
        "work/ideas.md": [("ideas.md", "ideas.md.conflict1", "binary")],
    }  # fmt: skip
    said = device.run("conflicts", "--diff", expect=3).out
    assert "\n same\n-here\n+there\n" in said and "Binary files differ (1 B -> 2 B)" in said
    assert "-a\\n[x] \u00e9.md (notes)\n" in said and "Nothing else lies here" in said
    assert all("diffs" not in one for one in device.run("conflicts", "--json", expect=3).json["conflicts"])
    assert "+there" not in device.run("conflicts", expect=3).out


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["notes"], {"notes/-a\n[x] \u00e9.md", "notes/deep/none.md", "notes/ideas.md"}),
        (["ideas.md"], {"notes/ideas.md", "work/ideas.md"}),
        (["work", "ideas.md"], {"work/ideas.md"}),
        (["notes/ideas.md.conflict1"], {"notes/ideas.md"}),
        (["notes/deep"], {"notes/deep/none.md"}),
        (["none.md*"], {"notes/deep/none.md"}),
        (["--path", "notes/-a\n[x] e\u0301.md"], {"notes/-a\n[x] \u00e9.md"}),
    ],
)
def test_only_some_of_them(device: Device, argv: list[str], found: set[str]) -> None:
    contested(device)

    assert set(diffs(device, *argv)) == found


def test_a_file_that_no_conflict_is_about(device: Device) -> None:
    contested(device)

    said = device.run("conflicts", "--diff", "nothing.md").out
    assert said == "No conflict is about nothing.md; see them all: bisync conflicts\n"


def test_a_link_in_the_place_of_a_version_is_not_followed(device: Device) -> None:
    (device.home / "secret").write_text("secret")
    device.write("a.md.conflict1", "one\n")
    (device.notes / "a.md").symlink_to(device.home / "secret")
    (device.notes / "a.md.conflict2").symlink_to(device.home / "secret")

    assert diffs(device) == {"notes/a.md": []}

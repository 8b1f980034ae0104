"""`init` as a person types it, and what comes of it without an edit."""

from __future__ import annotations

from pathlib import Path

from tests.support.world import Device


def test_what_it_writes_works_as_it_is(tmp_path: Path) -> None:
    device = Device(tmp_path / "home")

    said = device.run("init", "--provider", "embedded", "--name", "work", "--dir", str(device.notes))

    assert said.out == (
        "✓ Wrote bisync.yaml: ~/notes <-> ~/.local/share/bisync/work\n  → type: bisync setup\n"
    )
    written = (device.home / "bisync.yaml").read_text()
    device.write("a.md", "a")
    device.run("setup")
    assert "nothing to do" in device.run("sync", "work").out
    # Once it is there it stays as it is, whatever is typed.
    refused = device.run("init", "--provider", "s3", "--bucket", "b", expect=2).err
    assert "bisync.yaml exists already; it is left as it is" in refused
    assert (device.home / "bisync.yaml").read_text() == written


def test_a_flag_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    device = Device(tmp_path / "home")

    said = device.run("init", "--provider", "s3", "--bucket", "a/b", "-m", "sub/my.yaml", expect=2)

    assert said.err.startswith("Error: --bucket: a bucket's name is letters")
    assert list(device.home.iterdir()) == []
    said = device.run("init", "--provider", "s3", "--bucket", "b", "-m", "sub/my.yaml")
    assert said.out.endswith("  → type: bisync setup -m sub/my.yaml\n")
    assert (device.home / "sub" / "my.yaml").is_file()

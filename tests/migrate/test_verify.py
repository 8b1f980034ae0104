"""What counts as safe: the content, in the sync dir and in the cloud; and what a server has now, not what it had."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bisync.migrate import sources, verify, webdav
from bisync.migrate.pace import Pace
from bisync.migrate.trees import Source
from bisync.state.migration import Entry
from tests.support.dav import Dav, serve_rclone
from tests.support.world import S3, Device


def entry(path: str, text: str) -> Entry:
    """A file of a source."""
    return Entry(path, len(text), 1, "", hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())


def test_a_file_is_safe_where_its_content_is(ready: Device, cloud: S3, below: str, tmp_path: Path) -> None:
    ready.write("both.md", "both")
    ready.write("other.md", "not that")
    ready.sync()
    ready.write("here.md", "here")
    ready.write("left.md", "left")
    cloud.put(f"{below}/there.md", "there")
    app = ready.app()
    files = {
        one.path: one
        for one in (
            entry("both.md", "both"), entry("here.md", "here"), entry("there.md", "there"),
            entry("gone.md", "gone"), entry("other.md", "that one"), entry("left.md", "left"),
        )
    }  # fmt: skip
    source = Source(kind="folder", label="old", root=tmp_path)

    found = verify.check(
        app, app.manifest.syncs[0], [(source, files)], {"left.md": "too odd"}, Pace(lambda event: None, "")
    )

    assert {one.path: one.why for one in found.missing} == {
        "here.md": "it is in the sync dir, but not in the cloud",
        "gone.md": "it is neither in the sync dir nor in the cloud",
        "other.md": "it is neither in the sync dir nor in the cloud",
    }
    assert found.apart == (("left.md", "too odd"),)
    assert (found.here, found.cloud) == (3, 2)


@pytest.fixture
def dav(tmp_path: Path) -> Iterator[Dav]:
    """rclone's WebDAV server."""
    with serve_rclone(tmp_path / "dav") as server:
        yield server


def test_what_was_fetched_before_the_server_changed_is_not_taken(
    fresh: Device, dav: Dav, tmp_path: Path
) -> None:
    """Of the same size; as after a run that was stopped between the fetch and the rest."""
    fresh.env |= dav.env
    app = fresh.app().agreed()
    sync = app.manifest.syncs[0]
    source = Source(kind="webdav", label=dav.url, root=tmp_path / "fetched")
    remote = webdav.reach(sources.address(dav.url, app.env), app.env)
    server = webdav.Server(app, sync, source, remote, lambda event: None)
    dav.write("a.md", "first")
    server.fetch(server.look().files.values())
    assert (source.root / "a.md").read_text() == "first"
    dav.write("a.md", "later", mtime=2_000_000_000)

    holding = server.read(server.look(), {}, Pace(lambda event: None, ""))

    assert holding.files["a.md"].md5 is None
    server.fetch(holding.files.values())
    assert (source.root / "a.md").read_text() == "later"

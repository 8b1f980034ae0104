"""What a manifest says of a migration: checked, and made into values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bisync.config import DEFAULT_WEBDAV_VENDOR, Migration, OldTree, WebDav
from bisync.manifest.document import KeyPath, quoted
from bisync.manifest.draft import Draft, Reading, remote_path
from bisync.manifest.schema_check import did_you_mean
from bisync.manifest.tenants import secret_ref

SECRETS = ("password", "token")
_DAV = ("migration", "webdav")


def check(reading: Reading, draft: Draft) -> None:
    """Report what a schema cannot say of it. (Its address is judged with the others.)"""
    migration = reading.mapping("migration")
    sync = migration.get("sync")
    if isinstance(sync, str) and sync not in draft.syncs:
        near = did_you_mean(sync, draft.syncs)
        text = f"no sync is called {quoted(sync)}{near} ({', '.join(draft.syncs)})"
        reading.report(("migration", "sync"), text)
    for path in folders(reading):
        reading.local_path(*path)
    for path, text in _targets(reading):
        try:
            if remote_path(text) == "":
                raise ValueError("name a folder, or leave out `to`")
        except ValueError as error:
            reading.report(path, str(error))
    if not isinstance(reading.get(*_DAV), dict):
        return
    server = reading.mapping(*_DAV)
    if ("url" in server) == ("remote" in server):
        reading.report(_DAV, 'needs "url" or "remote", and not both', at_key=True)
    own = [key for key in ("vendor", "user", *SECRETS) if key in server]
    if "remote" in server and own:
        reading.report((*_DAV, own[0]), "rclone.conf says that of its remote; leave it out", at_key=True)
    if "password" in server and "user" not in server:
        reading.report((*_DAV, "password"), 'needs "user" beside it', at_key=True)
    if "password" in server and "token" in server:
        reading.report(
            (*_DAV, "token"), "a token stands instead of a user and a password; leave one out", at_key=True
        )


def secret_files(reading: Reading) -> Iterator[KeyPath]:
    """The keys that name a file with a secret in it."""
    for key in SECRETS:
        if "file" in reading.mapping(*_DAV, key):
            yield (*_DAV, key, "file")


def folders(reading: Reading) -> Iterator[KeyPath]:
    """The keys that name a folder to bring in."""
    listed = reading.get("migration", "from")
    for number, one in enumerate(listed if isinstance(listed, list) else ()):
        yield ("migration", "from", number, "dir") if isinstance(one, dict) else ("migration", "from", number)


def _targets(reading: Reading) -> Iterator[tuple[KeyPath, str]]:
    """Where a folder of the sync dir is named."""
    keys = [(*path[:-1], "to") for path in folders(reading) if path[-1] == "dir"]
    for key in (*keys, (*_DAV, "to")):
        text = reading.text(*key)
        if text is not None:
            yield key, text


def build(reading: Reading) -> Migration:
    """The migration, from a document without problems."""
    says = reading.mapping("migration")
    return Migration(
        sync=says.get("sync"),
        trees=tuple(_tree(reading, path) for path in folders(reading)),
        webdav=_server(reading, reading.mapping(*_DAV)) if "webdav" in says else None,
        remove_old=says.get("remove_old", False),
    )


def _tree(reading: Reading, path: KeyPath) -> OldTree:
    folder = reading.local_path(*path)
    assert folder is not None
    to = reading.text(*path[:-1], "to") if path[-1] == "dir" else None
    return OldTree(dir=folder, to=to)


def _server(reading: Reading, says: dict[str, Any]) -> WebDav:
    secrets = {key: secret_ref(reading, (*_DAV, key)) for key in SECRETS if key in says}
    to = remote_path(says.get("to", ""))
    return WebDav(
        url=says.get("url"),
        remote=says.get("remote"),
        vendor=says.get("vendor", DEFAULT_WEBDAV_VENDOR),
        user=says.get("user"),
        password=secrets.get("password"),
        token=secrets.get("token"),
        to=f"{to}/" if to else "",
    )

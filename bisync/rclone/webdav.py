"""A WebDAV server as rclone reaches it: by its address alone, or as a remote that rclone.conf has."""

from __future__ import annotations

import base64

from bisync.config import WebDav
from bisync.core.abilities import Abilities
from bisync.rclone.conf import environment
from bisync.rclone.remote import Remote
from bisync.secret import Secret

SECTION = "bisyncmigration"
READ = Abilities(keeps_versions=False)
"""Of a server that is read and nothing else: nothing is asked of it."""


def by_address(server: WebDav, *, password: Secret | None, token: Secret | None) -> Remote:
    """The server as a remote that exists in rclone's environment alone (rclone docs, WebDAV).

    The password goes as the header that it amounts to (RFC 7617): rclone takes one only in a form of its own.
    """
    assert server.url is not None
    values: dict[str, str | Secret] = {"type": "webdav", "url": server.url, "vendor": server.vendor}
    if token is not None:
        values["bearer_token"] = token
    elif server.user is not None:
        pair = f"{server.user}:{password.reveal() if password else ''}"
        values["headers"] = Secret(f"Authorization,Basic {base64.b64encode(pair.encode()).decode()}")
    return Remote(
        fs=f"{SECTION}:",
        label=server.url,
        can=READ,
        env=environment(SECTION, values),
    )


def by_name(name: str) -> Remote:
    """A remote of rclone.conf: `name`, `name:` or `name:path`."""
    fs = name if ":" in name else f"{name}:"
    return Remote(fs=fs, label=fs, can=READ)

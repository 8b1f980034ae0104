"""The user's browser, opened only where somebody sits in front of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from bisync.manifest.cloud_address import is_safe


def is_wanted(env: Mapping[str, str], *, terminal: bool, platform: str = sys.platform) -> bool:
    """Whether to open a browser: on a terminal of this computer, with a desktop. Not over SSH, not in CI."""
    remote = any(env.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "CI"))
    desktop = platform in ("darwin", "win32") or any(
        env.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    return terminal and desktop and not remote


def show(url: str) -> bool:
    """Open an address that a server named; whether that was done. Nothing but a web page is opened."""
    import webbrowser

    if not is_safe(url, page=True) or not url.isprintable():
        return False
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False

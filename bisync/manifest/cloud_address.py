"""Where the vendor's cloud is, and where its own programs keep what they know of it. Reads nothing.

(The vendor's clients: their config directory and its keys, as of basic-memory 0.24.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from bisync.files import named_path
from bisync.manifest.bm_config import SharedConfig
from bisync.manifest.document import Place

DEFAULT_HOST = "https://cloud.basicmemory.com"


class Address(NamedTuple):
    """An API's address without a slash at its end, and where it stands.

    `own`: the user's environment or config.json names it, or it is the vendor's; not a manifest alone, which others
    may write.
    """

    url: str
    place: Place
    own: bool


def origin(url: str) -> tuple[str, str, int | None]:
    """What a token is bound to: scheme, host and port of an address. (RFC 6454.) Raises ValueError for none."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def folders(env: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """The vendor's config directory, and after it the older place, where that is another one."""
    old = home / ".basic-memory"
    if env.get("BASIC_MEMORY_CONFIG_DIR"):
        today = home / named_path(env["BASIC_MEMORY_CONFIG_DIR"])
    elif env.get("XDG_CONFIG_HOME"):
        today = home / env["XDG_CONFIG_HOME"] / "basic-memory"
    else:
        today = old
    return (today,) if today == old else (today, old)


def places(name: str, env: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """Where the file `name` of the vendor's may be: today's place first."""
    return tuple(folder / name for folder in folders(env, home))


def find(name: str, env: Mapping[str, str], home: Path) -> Path:
    """The file `name` of the vendor's config directory; the older place's, where only that one has it."""
    found = places(name, env, home)
    return next((path for path in found if path.exists()), found[0])


def address(env: Mapping[str, str], own: SharedConfig, own_at: Path, lent: SharedConfig, at: Path) -> Address:
    """The API's address where the manifest names none.

    `own`, read from `own_at`, is the user's config.json; `lent`, from `at`, that of a state folder that the manifest
    has chosen. The order is the vendor's: the address by name, then the host.
    """
    candidates = (
        (env.get("BASIC_MEMORY_API_URL"), Place("$BASIC_MEMORY_API_URL"), True),
        (own.api_url, Place(str(own_at)), True),
        (lent.api_url, Place(str(at)), False),
        (env.get("BASIC_MEMORY_CLOUD_HOST"), Place("$BASIC_MEMORY_CLOUD_HOST"), True),
        (own.cloud_host, Place(str(own_at)), True),
    )
    for url, place, is_own in candidates:
        if url:
            return Address(url.rstrip("/"), place, is_own)
    return Address(DEFAULT_HOST, Place("the vendor's own"), True)


def is_safe(url: str, *, page: bool = False) -> bool:
    """Whether a token may be sent to an address: https, or this machine. `page`: it may have a query, to be shown."""
    if re.search(r"[\s\x00-\x1f\x7f\\@]", url) or (not page and re.search("[?#]", url)):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host or "")))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    import ipaddress

    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

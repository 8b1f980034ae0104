"""The cloud side of a sync, as rclone reaches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bisync.config import Compare, Profile

# rclone's flag --header, from its environment.
HEADER = "RCLONE_HEADER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """The cloud side of a sync: `fs` as rclone spells it, with its trailing slash.

    `hashes`: its listings carry MD5s for free. `keeps_versions`: it can move files on its own side, into
    a backup folder. `env`: what rclone needs to reach it (embedded servers). `label` is for people.
    `own_times`: the times in its listings are the store's own, whatever it is told.
    `keys_cure`: what helps when its store refuses the keys, where that is not what the manifest's references give.
    """

    fs: str
    hashes: bool
    label: str
    keeps_versions: bool = True
    own_times: bool = True
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    keys_cure: str | None = None

    def below(self, path: str) -> str:
        """The fs of a folder below this one, without a trailing slash."""
        return self.fs + path

    def compare(self, profile: Profile) -> Compare:
        """What `auto` means here. (rclone: bisync's --compare; hashes come with S3's listings.)"""
        if profile.compare is Compare.AUTO:
            return Compare.CHECKSUM if self.hashes else Compare.MODTIME
        return profile.compare


def consistent(endpoint: str | None, *, always: bool = False) -> dict[str, str]:
    """What rclone needs in its environment to see one state of a store that has copies in several regions.

    Tigris gives old listings far from the bucket's region, unless each request asks not to (Tigris docs, Consistency).
    `always`: ask also where the address does not tell that the store is one.
    """
    host = urlsplit(endpoint or "").hostname or ""
    tigris = host.endswith((".tigris.dev", ".storage.dev"))
    return {HEADER: "X-Tigris-Consistent: true"} if always or tigris else {}

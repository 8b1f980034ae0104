"""The cloud side of a sync, as rclone reaches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bisync.config import Compare, Profile
from bisync.core.abilities import Abilities
from bisync.errors import RcloneError

# rclone's flag --header, from its environment.
HEADER = "RCLONE_HEADER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """The cloud side of a sync: `fs` as rclone spells it, with its trailing slash.

    `can`: what it can do. `env`: what rclone needs to reach it (embedded servers). `label` is for people.
    `keys_cure`: what helps when its store refuses the keys, where that is not what the manifest's references give.
    """

    fs: str
    label: str
    can: Abilities
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    keys_cure: str | None = None

    def below(self, path: str) -> str:
        """The fs of a folder below this one, without a trailing slash."""
        return self.fs + path

    @property
    def hashes(self) -> bool:
        """Whether its listings carry MD5s for free."""
        return self.can.hashes

    @property
    def is_bucket(self) -> bool:
        """Whether it has no folders but in the names of what lies there."""
        return self.can.is_bucket

    @property
    def keeps_versions(self) -> bool:
        """Whether it can move files on its own side, into a backup folder."""
        return self.can.keeps_versions

    def compare(self, profile: Profile) -> Compare:
        """How changes are told here by a profile. Raises RcloneError where that cannot be."""
        if profile.compare is not Compare.AUTO:
            why = self.can.why_not(profile.compare)
            if why is not None:
                raise RcloneError(
                    f"{self.label}: changes cannot be told by {profile.compare.value} here: {why}",
                    hint=f"write compare: auto into the profile {profile.name}, or leave it out",
                )
            return profile.compare
        return self.told_by()

    def told_by(self) -> Compare:
        """How changes are told here unless somebody says otherwise. Raises RcloneError where nothing tells them."""
        if self.can.told_by is None:
            raise RcloneError(
                f"{self.label}: nothing tells two versions of a file apart here: it keeps no modification times, "
                "has no hashes, and does not say when a file was stored",
                hint="have it keep times (WebDAV: the right vendor in rclone.conf), or use another: docs/remotes.md",
            )
        return self.can.told_by


def consistent(endpoint: str | None, *, always: bool = False) -> dict[str, str]:
    """What rclone needs in its environment to see one state of a store that has copies in several regions.

    Tigris gives old listings far from the bucket's region, unless each request asks not to (Tigris docs, Consistency).
    `always`: ask also where the address does not tell that the store is one.
    """
    host = urlsplit(endpoint or "").hostname or ""
    tigris = host.endswith((".tigris.dev", ".storage.dev"))
    return {HEADER: "X-Tigris-Consistent: true"} if always or tigris else {}

"""Whether a section of ours in rclone.conf still says what the manifest does. Pure.

rclone goes by its section, our words and checks go by the manifest: where they differ, files would go to a place that
nobody named, or keys to a bucket that they were not stored for. Keys themselves are not compared: that would take
whoever keeps them. What is compared instead is for what they were stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

COMPARED = ("type", "provider", "env_auth", "profile", "region", "endpoint")
"""What a section says beside its keys. The rest of it is the user's."""


class Purpose(NamedTuple):
    """For what keys were stored, each in a digest: whose reference they are of, and the buckets they were to open."""

    reference: str
    buckets: tuple[str, ...]


def differences(have: Mapping[str, str], wanted: Mapping[str, str]) -> Sequence[str]:
    """Where a section and the manifest differ, in words. Neither is a secret."""
    found = []
    for key in COMPARED:
        said, meant = have.get(key, ""), wanted.get(key, "")
        if said != meant:
            found.append(f"{key} is {said or 'not set'} there, and {meant or 'not set'} in the manifest")
    return found


def misuse(stored: Purpose | None, meant: Purpose) -> str | None:
    """What else the keys of a section were stored for, in words; None where it is this, or was not noted."""
    if stored is None:
        return None
    if stored.reference != meant.reference:
        return "its keys are not those that the manifest names: they came from elsewhere"
    if not set(meant.buckets) <= set(stored.buckets):
        return "its keys were stored for another bucket"
    return None


def joined(stored: Purpose | None, now: Purpose) -> Purpose:
    """What is noted once keys are stored for `now`: of one reference, they may serve several buckets."""
    if stored is None or stored.reference != now.reference:
        return now
    return Purpose(now.reference, tuple(dict.fromkeys((*stored.buckets, *now.buckets))))

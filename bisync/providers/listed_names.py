"""Whether a bucket's listings give every name right, and how they have to be asked for. Found out by trying, at setup.

XML holds no U+0001 and no U+FFFF: where another program has put such a name into a bucket, OpenStack Swift fails every
listing of it. Asked for URL-encoded names it fails none. But a store that takes no notice of that answers with plain
names, and `a+b` becomes `a b` here: files would seem to be gone. (Swift does so in its older kind of listing.)

So names are put into our own folder that tell encoded from plain ones, and listed one a page. Any XML holds them: what
a killed run leaves of them spoils no listing, and the next one that tries takes it away.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from bisync.core.metadata import METADATA_DIR
from bisync.errors import RcloneError
from bisync.files import private_dir, write_if_changed
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote
from bisync.rclone.resident import Resident, resident
from bisync.stored import Damaged
from bisync.stored import load as load_stored

FOLDER = f"{METADATA_DIR}/listing-probe"
NAMES = ("a +%2B&é.txt", "b%20 +/+c%3D.txt", "plain.txt")
"""Decoded without being encoded they are others, but as many. Folders are listed in another place than files."""
_FILES = [(folder + slash, file) for folder, slash, file in (name.rpartition("/") for name in NAMES)]
PATIENCE = 30.0

VERSION = 1
_SHAPE = {"version": int, "store": str, "said": {"list_version?": str, "list_url_encode?": str}}

# rclone docs, "S3": `list_version`, `list_url_encode`. What is left out is what rclone knows of the provider.
KEYS = ("list_version", "list_url_encode")
ENCODED = {"list_version": "2", "list_url_encode": "true"}
PLAIN = {"list_url_encode": "false"}
UNSAID = {"list_version": "0", "list_url_encode": "unset"}


def is_said(section: Mapping[str, str]) -> bool:
    """Whether a section of rclone.conf says how its bucket is listed."""
    return section.get("list_url_encode", "unset") != "unset"


def noted(state_dir: Path, section: str, store: str) -> Mapping[str, str]:
    """What was found out of a store whose keys are in no section; nothing where it was not, or of another store."""
    try:
        found = load_stored(_place(state_dir, section), _SHAPE)
    except (FileNotFoundError, Damaged):
        return {}
    known = found["version"] == VERSION and found["store"] == store
    return next((said for said in (ENCODED, PLAIN) if known and said == found["said"]), {})


def note(state_dir: Path, section: str, store: str, said: Mapping[str, str]) -> None:
    """Write it down for runs to come."""
    place = _place(state_dir, section)
    private_dir(place.parent)
    write_if_changed(place, json.dumps({"version": VERSION, "store": store, "said": dict(said)}) + "\n")


def _place(state_dir: Path, section: str) -> Path:
    return state_dir / "bisync-state" / ".sections" / f"{section}.listing.json"


def found_out(rclone: Rclone, remote: Remote) -> Mapping[str, str]:
    """How a bucket has to be listed, as keys of its section; none where it could not be found out. Never raises."""
    from bisync.locks.lease import guarded

    # (With its slash at the end, no fs is asked whether it is a file.)
    probe = f"{remote.below(FOLDER)}/"
    with (
        suppress(RcloneError, TimeoutError),
        guarded() as tell,
        resident(rclone, remote, patience=PATIENCE, tell=tell) as asked,
    ):
        try:
            for folder, file in _FILES:
                asked.write(probe + folder, file, b"")
            encoded = _listed(asked, probe, ENCODED)
            plain = () if is_right(encoded) else _listed(asked, probe, PLAIN)
        finally:
            # One by one: a listing of theirs may not come right.
            for folder, file in _FILES:
                asked.remove(probe + folder, file)
        return decided(encoded, plain)
    return {}


def is_right(names: Collection[str]) -> bool:
    """Whether a listing gives the names that were put there, and no others."""
    return sorted(names) == sorted(NAMES)


def decided(encoded: Collection[str], plain: Collection[str]) -> Mapping[str, str]:
    """What to say in the section, by the names that both kinds of listings gave. Pure.

    Encoded where that is right. What is lost in them altogether may be due to others who try at the same moment.
    """
    if is_right(encoded):
        return ENCODED
    if is_right(plain) and len(encoded) == len(NAMES):
        return PLAIN
    return {}


def _listed(asked: Resident, probe: str, said: Mapping[str, str]) -> Collection[str]:
    """The names as listed folder by folder, where they are those of a listing of the whole; else none. One a page."""
    name, _, path = probe.partition(":")
    options = "".join(f",{key}={value}" for key, value in said.items())
    fs = f"{name}{options},list_chunk=1:{path}"
    by_folder, at_once = sorted(asked.names(fs, at_once=False)), sorted(asked.names(fs, at_once=True))
    return by_folder if by_folder == at_once else ()

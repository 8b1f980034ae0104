"""Our own folder in the sync dir and in the cloud: its name, what lies in it, what rclone puts beside files."""

from __future__ import annotations

METADATA_DIR = ".basic-memory"
MARKER_NAME = ".bisync-marker"
PARTIAL_SUFFIX = ".bisync-partial"
MARKER_PATH = f"{METADATA_DIR}/{MARKER_NAME}"
MARKER_TEXT = (
    "This file tells bisync that the folder is the real one and not an empty mount point. Keep it.\n"
)
# The same everywhere, or the marker of each new device would be the newer one and travel to all others.
MARKER_TIME = 1_600_000_000
# Where a run keeps what it moved out of the tree until it has ended, in a folder of its own.
HOLD = f"{METADATA_DIR}/hold"
# The leases of devices that write (`locks.bucket`), in our folder of the cloud.
LEASE_PREFIX = "lease."
LEASES = f"{METADATA_DIR}/{LEASE_PREFIX}"
# Where a small file shows what a remote keeps (`providers.trial`).
TRIALS = f"{METADATA_DIR}/trials"
CLOUD_TRASH = f"{METADATA_DIR}/trash"

"""Our own rules, stronger than any user's: metadata is never synced, but the marker always is."""

from __future__ import annotations

from bisync.core.metadata import MARKER_PATH, METADATA_DIR, PARTIAL_SUFFIX
from bisync.ignore.pattern import Rule, parse_lines

FILTERS = (
    f"+ /{MARKER_PATH}",
    f"- {METADATA_DIR}/**",
    f"- *{PARTIAL_SUFFIX}",
)
"""For rclone, whose first matching rule counts: these come first."""

METADATA_RULE, PARTIAL_RULE, MARKER_RULE = parse_lines(
    [f"{METADATA_DIR}/", f"*{PARTIAL_SUFFIX}", f"!/{MARKER_PATH}"], "bisync (always)"
)
"""The same, to be cited as what decides about a path."""


def rule_about(name: str, is_dir: bool) -> Rule | None:
    """Which of the two excluding rules speaks about an entry of this name, in any folder."""
    if is_dir:
        return METADATA_RULE if name == METADATA_DIR else None
    return PARTIAL_RULE if name.endswith(PARTIAL_SUFFIX) else None

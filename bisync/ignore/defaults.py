"""What is never synced as long as nobody says otherwise: the ignore file that `setup` writes."""

from __future__ import annotations

# The seed's list, in its order.
DEFAULT_IGNORES = (
    ".git", ".DS_Store", "node_modules", "*.tmp", ".env", "__pycache__",
    ".pytest_cache", ".ruff_cache", ".vscode", ".idea",
)  # fmt: skip
DEFAULT_IGNORE_TEXT = (
    "# Patterns that are never synced, in gitignore format; for every sync of this machine.\n"
    + "".join(f"{pattern}\n" for pattern in DEFAULT_IGNORES)
)

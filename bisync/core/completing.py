"""What a word of a command line may be the name of, where only this machine knows the names."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What is looked up for it. Files and folders the shell itself completes."""

    SYNC = "sync"
    PROFILE = "profile"
    TENANT = "tenant"
    PROJECT = "project"
    CONFLICT = "conflict"
    RUN = "run"
    FILE = "file"
    FOLDER = "folder"

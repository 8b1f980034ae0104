"""What a person can ask for: the commands of the program `bisync`, which are invoke tasks as well.

A dotfiles repo needs one line in its `tasks.py`: `from bisync.tasks import namespace`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invoke.collection import Collection

    namespace: Collection
    ns: Collection

__all__ = ["namespace", "ns"]


def __getattr__(name: str) -> Collection:
    """The tasks for invoke, made when asked for: to load invoke takes three times as long as Python's start."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ._collection import collection

    made = collection()
    globals().update(dict.fromkeys(__all__, made))
    return made

"""What a person can ask for, as invoke tasks: `bisync X` and `invoke X` are the same.

A dotfiles repo needs one line in its `tasks.py`: `from bisync.tasks import namespace`.
"""

from __future__ import annotations

from invoke.collection import Collection

from . import manifest, rules, runs, views

namespace = Collection()
for _module in (manifest, runs, views, rules):
    for _task in _module.TASKS:
        namespace.add_task(_task)

ns = namespace

__all__ = ["namespace", "ns"]

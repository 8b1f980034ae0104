"""All commands, in the order people meet them."""

from __future__ import annotations

from . import background, cloud, manifest, migration, rules, runs, shell, taking_back, views
from ._command import Command

COMMANDS: dict[str, Command] = {
    one.name: one
    for module in (manifest, cloud, runs, taking_back, views, rules, background, migration, shell)
    for one in module.COMMANDS
}

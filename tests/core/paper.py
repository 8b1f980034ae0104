"""A plan played on paper: both sides after it, by the meaning of its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bisync.core.change import Action, Change


def on_paper(
    changes: Iterable[Change], local: Mapping[str, str], cloud: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Path to content on both sides, once these changes are made."""
    here, there = dict(local), dict(cloud)
    for change in changes:
        path = change.path
        match change.action:
            case Action.UPLOAD:
                there[path] = local[path]
            case Action.DOWNLOAD:
                here[path] = cloud[path]
            case Action.DELETE_LOCAL | Action.DELETE_CLOUD:
                del (here if change.action is Action.DELETE_LOCAL else there)[path]
            case Action.RENAME:
                follows = there if change.side == "local" else here
                follows[change.paths[-1]] = follows.pop(path)
            case Action.CONFLICT if change.winner == "folder":
                version = (here if change.side == "local" else there).pop(path)
                (copy,) = change.copies
                here[copy] = there[copy] = version
            case Action.CONFLICT:
                versions = {"local": local[path], "cloud": cloud[path]}
                losers = [side for side in versions if side != change.winner]
                for side in (here, there):
                    if change.winner is None or change.winner == "both":
                        del side[path]
                    else:
                        side[path] = versions[change.winner]
                    for copy, loser in zip(change.copies, losers, strict=True):
                        side[copy] = versions[loser]
            case _:
                raise AssertionError(f"a bucket knows no such thing: {change}")
    return here, there

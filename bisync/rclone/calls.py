"""A command line as a call to an rclone that stands by (rclone docs, Remote controlling rclone). Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from bisync.rclone.argv import NETWORK, Argv

Take = Callable[[str], object] | None

# What a flag is called in a call's `_config`, in its `_filter`, and among the options of a listing; and its value.
_CONFIG: Mapping[str, tuple[str, Take]] = {
    "--backup-dir": ("BackupDir", str),
    "--checkers": ("Checkers", int),
    "--fast-list": ("UseListR", None),
    "--ignore-times": ("IgnoreTimes", None),
    "--no-traverse": ("NoTraverse", None),
    "--partial-suffix": ("PartialSuffix", str),
    "--transfers": ("Transfers", int),
    "--use-server-modtime": ("UseServerModTime", None),
}
_FILTER: Mapping[str, tuple[str, Take]] = {
    "--files-from-raw": ("FilesFromRaw", lambda value: [value]),
    "--filter": ("FilterRule", lambda value: [value]),
    "--filter-from": ("FilterFrom", lambda value: [value]),
    "--include-from": ("IncludeFrom", lambda value: [value]),
}
# These say which files.
_NAMED = {"FilesFromRaw", "IncludeFrom"}
_LISTING: Mapping[str, tuple[str, Take]] = {
    "--files-only": ("filesOnly", None),
    "--hash": ("showHash", None),
    "--hash-type": ("hashTypes", lambda value: [value]),
    "--no-mimetype": ("noMimeType", None),
    "--recursive": ("recurse", None),
}
_GROUPS = (("_config", _CONFIG), ("_filter", _FILTER), ("opt", _LISTING))
# Whoever stands by was started with these, or says all that it does in any case.
_THERE = dict(zip(NETWORK[::2], NETWORK[1::2], strict=True))
# (A listing may be kept from one request, which only spares time.)
_SAID = frozenset({"-v", "--use-json-log", "--s3-no-head-object"})
_SAID_AS = frozenset({"--color", "--stats", "--stats-log-level"})
_COMMANDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "copy": ("sync/copy", ("srcFs", "dstFs")),
    "delete": ("operations/delete", ("fs",)),
    "lsjson": ("operations/list", ("fs",)),
    "move": ("sync/move", ("srcFs", "dstFs")),
}


class Call(NamedTuple):
    """What is asked: the path of a call and its parameters. `doing`: the command that it stands for."""

    path: str
    params: Mapping[str, Any]
    doing: str

    def reads_times(self, fs: str) -> bool:
        """Whether the times of files that lie in `fs` or below matter: they are listed, or files come from there."""
        if self.path == "operations/list":
            return True
        return "copy" in self.path and str(self.params.get("srcFs", "")).startswith(fs)

    @property
    def server_times(self) -> bool:
        """Whether those that the server has noted are asked for, not the files' own."""
        return bool(self.params.get("_config", {}).get("UseServerModTime"))


def call_of(argv: Argv, *, whole: bool = False) -> Call | None:
    """The call that does and says what a command does; None where there is none, or a flag has no place in it.

    Only commands about files that are named: what lists a whole remote is better read as it comes, unless the `whole`
    of it is known to be no more than an answer can hold.
    """
    if argv[1] != "lsjson" and "-v" not in argv:
        return None  # it would say more than the command
    if argv[1:3] == ("rc", "--loopback"):
        return _of_parameters(argv[3:])
    if argv[1] not in _COMMANDS:
        return None
    path, takes = _COMMANDS[argv[1]]
    named, flags = argv[2 : 2 + len(takes)], _flags(argv[2 + len(takes) :])
    if flags is None or (argv[1] != "lsjson" and "opt" in flags):
        return None
    if not _NAMED & flags.get("_filter", {}).keys() and not (whole and argv[1] == "lsjson"):
        return None
    params = {**dict(zip(takes, named, strict=True)), **flags}
    return Call(path, {**params, "remote": ""} if argv[1] == "lsjson" else params, argv[1])


def _of_parameters(words: Sequence[str]) -> Call | None:
    """Of `rc --loopback`, which says parameters as name=value."""
    path, *rest = words
    given = list(takewhile(lambda word: not word.startswith("-"), rest))
    flags = _flags(rest[len(given) :])
    if flags is None or not flags.keys() <= {"_config"}:
        return None
    return Call(path, {**dict(word.split("=", 1) for word in given), **flags}, "rc")


def _flags(words: Sequence[str]) -> dict[str, Any] | None:
    """What flags mean in a call; None where one of them means nothing there."""
    found: dict[str, dict[str, Any]] = {}
    left = iter(words)
    for word in left:
        known = next(((where, group[word]) for where, group in _GROUPS if word in group), None)
        if known is not None:
            where, (name, take) = known
            if name in found.get(where, {}):
                return None  # a command would go by both
            found.setdefault(where, {})[name] = True if take is None else take(next(left))
        elif word in _SAID_AS or word in _THERE:
            if next(left) != _THERE.get(word) and word in _THERE:
                return None
        elif word not in _SAID:
            return None
    return dict(found)


def exit_code(status: int, error: str) -> int:
    """The exit code that a command would have ended with (rclone docs, Exit code)."""
    if status == 200:
        return 0
    if "directory not found" in error:
        return 3
    return 4 if "object not found" in error else 1


def last_word(call: Call, error: str) -> str:
    """What a command says last that failed so."""
    said = f"loopback: call failed: {error}" if call.doing == "rc" else error
    return f"Failed to {call.doing}: {said}"


def printed_answer(raw: bytes) -> str | None:
    """The same, of an answer as it came; None for what is none."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return printed(found) if isinstance(found, dict) else None


def printed(answer: Mapping[str, Any]) -> str:
    """What `lsjson` prints, from the answer of its call."""
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in answer.get("list") or ())
    return f"[\n{lines}\n]\n"

"""The only module that knows rclone's flags, its exit codes and its words.

Command lines are built by pure functions (`*_argv`) as tuples that begin with "rclone"; `Rclone.run`
puts the real binary and the explicit `--config` in and runs them. Why each flag: docs/safety.md.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from bisync import events, process
from bisync.config import Compare, Profile
from bisync.errors import RcloneError
from bisync.events import Problem
from bisync.ignore import MARKER_NAME, PARTIAL_SUFFIX

Argv = tuple[str, ...]

# Few low-level retries: the default 10 takes 225 s to notice a dead server.
_NETWORK: Argv = ("--low-level-retries", "3", "--retries", "1", "--contimeout", "15s", "--timeout", "1m")
_LOG: Argv = ("-v", "--use-json-log", "--color", "NEVER", "--stats", "500ms", "--stats-log-level", "NOTICE")

# Options of the local backend go by environment: as flags they rename bisync's session.
_LOCAL_OPTIONS = {"RCLONE_SKIP_LINKS": "true", "RCLONE_LOCAL_NO_CHECK_UPDATED": "true"}
# What a user may pass on to rclone by environment. Anything else named RCLONE_* could quietly change
# what is transferred (filters, dry runs), which only the manifest may.
_PASSED_ON = ("RCLONE_CONFIG_", "RCLONE_PASSWORD_COMMAND", "RCLONE_CA_CERT", "RCLONE_CLIENT_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """The cloud side of a sync: `fs` as rclone spells it, with its trailing slash.

    `hashes`: its listings carry MD5s for free. `keeps_versions`: it can move files on its own side, into
    a backup folder. `env`: what rclone needs to reach it (embedded servers). `label` is for people.
    """

    fs: str
    hashes: bool
    label: str
    keeps_versions: bool = True
    env: Mapping[str, str] = field(default_factory=dict, repr=False)

    def below(self, path: str) -> str:
        """The fs of a folder below this one, without a trailing slash."""
        return self.fs + path

    def compare(self, profile: Profile) -> Compare:
        """What `auto` means here. (rclone: bisync's --compare; hashes come with S3's listings.)"""
        if profile.compare is Compare.AUTO:
            return Compare.CHECKSUM if self.hashes else Compare.MODTIME
        return profile.compare


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did: exit code, stdout, and the events in their order."""

    code: int
    stdout: str
    events: tuple[events.Event, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The errors, in order."""
        return tuple(e for e in self.events if isinstance(e, Problem) and e.level == "error")


def _profile_flags(profile: Profile) -> Argv:
    flags: list[str] = []
    if profile.checkers is not None:
        flags += ["--checkers", str(profile.checkers)]
    if profile.transfers is not None:
        flags += ["--transfers", str(profile.transfers)]
    if profile.bwlimit is not None:
        flags += ["--bwlimit", profile.bwlimit]
    return tuple(flags)


def compare_flag(compare: Compare) -> str:
    """rclone's value for bisync's `--compare`."""
    return "size,checksum" if compare is Compare.CHECKSUM else "size,modtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class BisyncCall:
    """What one bisync run depends on; `bisync_argv` spells it out."""

    local: Path
    remote: Remote
    profile: Profile
    compare: Compare
    filters: Path
    workdir: Path
    backup_local: Path
    backup_cloud: str | None
    max_delete_percent: int = 0
    resync: bool = False


def bisync_argv(call: BisyncCall) -> Argv:
    """One bisync run. With `resync` the newer of two files wins and the loser goes to a backup dir."""
    compare = compare_flag(call.compare)
    if call.resync:
        # `newer` needs modtimes; with the checksums added the listings carry hashes from the start.
        compare = "size,modtime,checksum" if call.compare is Compare.CHECKSUM else "size,modtime"
    argv = ["rclone", "bisync", str(call.local), call.remote.fs, "--compare", compare]
    argv += ["--resync", "--resync-mode", "newer"] if call.resync else []
    argv += [
        "--conflict-resolve",
        "path1",  # a conflict younger than the plan: keep the local name, the other one beside it
        "--resilient",
        "--recover",
        "--max-lock",
        "2m",
        "--max-delete",
        str(call.max_delete_percent),
        "--check-access",
        "--check-filename",
        MARKER_NAME,
        "--backup-dir1",
        str(call.backup_local),
    ]
    if call.backup_cloud is not None:
        argv += ["--backup-dir2", call.backup_cloud]
    argv += ["--partial-suffix", PARTIAL_SUFFIX, "--fast-list"]
    argv += ["--filters-file", str(call.filters), "--workdir", str(call.workdir)]
    if not call.profile.check_sync:
        argv += ["--check-sync", "false"]
    return (*argv, *_profile_flags(call.profile), *_NETWORK, *_LOG)


def list_argv(remote: Remote, *, compare: Compare, filters: Path | None = None) -> Argv:
    """List a remote recursively, by checksum at the price of its LIST requests: no HEAD per object.

    By checksum the modtime is the server's own (free in a listing); by modtime it is the file's own, which
    costs S3 a HEAD each.
    """
    argv = ["rclone", "lsjson", remote.fs, "--recursive", "--files-only", "--no-mimetype", "--fast-list"]
    if compare is Compare.CHECKSUM:
        argv += ["--hash", "--hash-type", "md5", "--use-server-modtime"]
    if filters is not None:
        argv += ["--filter-from", str(filters)]
    return (*argv, *_NETWORK, "--use-json-log", "--color", "NEVER")


def modtimes_argv(remote: Remote, names: Path) -> Argv:
    """The files' own modification times, for just the files named in `names` (one HEAD each)."""
    argv = ("rclone", "lsjson", remote.fs, "--recursive", "--files-only", "--no-mimetype")
    return (*argv, "--files-from-raw", str(names), *_NETWORK, "--use-json-log", "--color", "NEVER")


def copy_argv(source: str, target: str, names: Path, *, profile: Profile, backup: str | None = None) -> Argv:
    """Copy just the files listed in `names` (raw, one a line), whatever the target holds there."""
    argv = ["rclone", "copy", source, target, "--files-from-raw", str(names), "--ignore-times"]
    argv += ["--no-traverse", "--partial-suffix", PARTIAL_SUFFIX]
    argv += ["--backup-dir", backup] if backup is not None else []
    return (*argv, *_profile_flags(profile), *_NETWORK, *_LOG)


def move_argv(source: str, target: str, *, backup: str | None = None) -> Argv:
    """Move one file within a remote (server-side where it can); what has that name goes to `backup`."""
    kept = ("--backup-dir", backup) if backup is not None else ()
    return ("rclone", "moveto", source, target, *kept, *_NETWORK, *_LOG)


def copy_one_argv(source: str, target: str, *, backup: str | None = None) -> Argv:
    """Copy one file to an exact name, whatever the target holds there; that goes to `backup`."""
    kept = ("--backup-dir", backup) if backup is not None else ()
    return ("rclone", "copyto", source, target, "--ignore-times", *kept, *_NETWORK, *_LOG)


def check_argv(
    local: Path, remote: Remote, *, filters: Path, one_way: bool = False, download: bool = False,
    names: Path | None = None,
) -> Argv:  # fmt: skip
    """Compare both sides by content: one line a file on stdout (`=`, `*`, `+`, `-`, `!`)."""
    argv = ["rclone", "check", str(local), remote.fs, "--combined", "-", "--fast-list"]
    argv += ["--files-from-raw", str(names)] if names is not None else ["--filter-from", str(filters)]
    argv += ["--one-way"] if one_way else []
    argv += ["--download"] if download else []
    return (*argv, *_NETWORK, "--use-json-log", "--color", "NEVER")


def count_unchecked(outcome: Outcome) -> int:
    """How many files a `check` has compared by size alone, because a side has no hash of them."""
    found = (
        re.match(r"(\d+) hashes could not be checked", e.text)
        for e in outcome.events
        if isinstance(e, Problem)
    )
    return next((int(match.group(1)) for match in found if match), 0)


def move_listed_argv(source: str, target: str, names: Path) -> Argv:
    """Move just the files listed in `names` to another folder of the same remote."""
    argv = ("rclone", "move", source, target, "--files-from-raw", str(names), "--no-traverse")
    return (*argv, *_NETWORK, *_LOG)


def purge_argv(fs: str) -> Argv:
    """Remove a folder and everything in it."""
    return ("rclone", "purge", fs, *_NETWORK, *_LOG)


def remove_empty_argv(fs: str) -> Argv:
    """Remove a folder as far as it holds nothing but folders."""
    return ("rclone", "rmdirs", fs, *_NETWORK, *_LOG)


def probe_argv(remote: Remote) -> Argv:
    """One request that tells whether the remote can be read."""
    return ("rclone", "lsf", remote.fs, "--max-depth", "1", "--files-only", *_NETWORK)


def list_folders_argv(fs: str) -> Argv:
    """The folders (on S3's top level: the buckets) right below a remote."""
    return ("rclone", "lsf", fs, "--dirs-only", "--max-depth", "1", *_NETWORK)


def features_argv(fs: str) -> Argv:
    """What a remote's backend can do."""
    return ("rclone", "backend", "features", fs)


def keeps_versions(stdout: str) -> bool:
    """Whether a backend can move or copy on its own side, which `--backup-dir` needs. (rclone docs, --backup-dir.)"""
    features = json.loads(stdout).get("Features", {})
    return bool(features.get("Move") or features.get("Copy"))


def listremotes_argv() -> Argv:
    """The remotes rclone.conf has, with their types."""
    return ("rclone", "listremotes", "--long")


def read_remotes(stdout: str) -> dict[str, str]:
    """Name to type, from what `listremotes --long` printed ("name:   type")."""
    found = {}
    for line in stdout.splitlines():
        name, _, kind = line.partition(":")
        found[name.strip()] = kind.strip()
    return found


def show_argv(name: str) -> Argv:
    """The section of one remote."""
    return ("rclone", "config", "show", name)


def read_alias(stdout: str) -> str:
    """What an alias stands for, from what `config show` printed ("remote = nas:notes")."""
    values = [line.partition("=")[2].strip() for line in stdout.splitlines() if line.startswith("remote")]
    return values[-1] if values else ""


def serve_s3_argv(storage: Path, address: str) -> Argv:
    """rclone's own S3 server over a folder; its keys come by environment, never by argv.

    It forgets what it listed almost at once: another device's server may write to the same folder. With
    no cache at all it stalls on server-side copies (rclone 1.75: 26 of them in parallel take minutes).
    """
    return ("rclone", "serve", "s3", str(storage), "--addr", address, "--vfs-cache-mode", "off",
            "--dir-cache-time", "100ms", "--use-json-log", "--color", "NEVER")  # fmt: skip


def serve_s3_env(access_key_id: str, secret_access_key: str) -> dict[str, str]:
    """The environment that gives `serve s3` its key pair (a CSV field of its --auth-key)."""
    return {"RCLONE_AUTH_KEY": f'"{access_key_id},{secret_access_key}"'}


def read_endpoint(line: str) -> str | None:
    """The address in the line with which `serve s3` says where it listens; None for any other line."""
    if "Starting s3 server on" not in line:
        return None
    return line.partition("[")[2].partition("]")[0].rstrip("/")


def environment(base: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """The environment an rclone of ours runs in."""
    kept = {
        name: value
        for name, value in base.items()
        if not name.startswith("RCLONE_") or name.startswith(_PASSED_ON)
    }
    return {**kept, **_LOCAL_OPTIONS, **extra}


class Running(NamedTuple):
    """A command under way and what it has said so far."""

    child: process.Child
    seen: list[events.Event]

    def outcome(self, timeout: float | None = None) -> Outcome:
        """How it ended, once it has. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        finished = self.child.wait(timeout)
        return Outcome(finished.code, finished.stdout, tuple(self.seen))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rclone:
    """One rclone binary with one config file. `inherit` are lock descriptors its children keep."""

    binary: Path
    config: Path
    version: str
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    inherit: tuple[int, ...] = ()

    def holding(self, descriptor: int) -> Rclone:
        """The same rclone, whose children hold `descriptor` open."""
        return replace(self, inherit=(*self.inherit, descriptor))

    def command(self, argv: Argv) -> Argv:
        """`argv` as it is run: the binary's path, and the config file said out loud."""
        return (str(self.binary), *argv[1:], "--config", str(self.config))

    @contextmanager
    def started(
        self,
        argv: Argv,
        *,
        remote: Remote | None = None,
        on_event: Callable[[events.Event], None] = lambda event: None,
    ) -> Iterator[Running]:
        """One command under way, for as long as the block lasts; it is stopped at the end."""
        seen: list[events.Event] = []

        def on_line(line: str) -> None:
            event = events.parse(line)
            if event is not None:
                if not isinstance(event, events.Progress):
                    seen.append(event)
                on_event(event)

        env = environment(self.env, remote.env if remote else {})
        with process.Child(self.command(argv), env=env, on_line=on_line, inherit=self.inherit) as child:
            yield Running(child, seen)

    def run(
        self,
        argv: Argv,
        *,
        remote: Remote | None = None,
        on_event: Callable[[events.Event], None] = lambda event: None,
        timeout: float | None = None,
    ) -> Outcome:
        """Run one command to its end, whatever its exit code."""
        with self.started(argv, remote=remote, on_event=on_event) as running:
            return running.outcome(timeout)

    def check(
        self,
        argv: Argv,
        *,
        remote: Remote | None = None,
        on_event: Callable[[events.Event], None] = lambda event: None,
    ) -> Outcome:
        """As `run`, but raise RcloneError with the cure when the exit code is not 0."""
        outcome = self.run(argv, remote=remote, on_event=on_event)
        if outcome.code != 0:
            raise failure(argv, outcome, remote)
        return outcome


class Listed(NamedTuple):
    """One file of a remote's listing. `modtime` RFC 3339, as rclone prints it; "" when not asked for."""

    path: str
    size: int
    md5: str | None
    modtime: str


def read_listing(stdout: str) -> list[Listed]:
    """The files in what `lsjson` printed."""
    entries: list[dict[str, Any]] = json.loads(stdout or "[]")
    return [
        Listed(
            entry["Path"],
            int(entry["Size"]),
            (entry.get("Hashes") or {}).get("md5") or None,
            entry.get("ModTime", ""),
        )
        for entry in entries
    ]


# What rclone says, what it means, and what to do. First match wins.
_CURES: tuple[tuple[str, str, str], ...] = (
    ("InvalidAccessKeyId", "the cloud does not know this access key",
     "check the tenant's credentials in the manifest, then type: bisync setup --rotate"),
    ("SignatureDoesNotMatch", "the cloud refused the secret access key",
     "check the tenant's credentials in the manifest, then type: bisync setup --rotate"),
    ("ExpiredToken", "the credentials have expired", "type: bisync setup --rotate"),
    ("RequestTimeTooSkewed", "this computer's clock is too far off for the cloud",
     "set the clock (timedatectl set-ntp true), then run again"),
    ("AccessDenied", "the cloud denied access: these keys may not do this",
     "ask for read and write access to the bucket, or type: bisync setup --rotate"),
    ("StatusCode: 403", "the cloud denied access (403)",
     "check the tenant's credentials in the manifest, then type: bisync setup --rotate"),
    ("NoSuchBucket", "the bucket does not exist",
     "create it with your provider, or correct tenants.*.bucket in the manifest"),
    ("bucket not found", "the bucket does not exist",
     "create it with your provider, or correct tenants.*.bucket in the manifest"),
    ("no space left on device", "the disk is full", "free some space, then run again; nothing was lost"),
    ("disk quota exceeded", "the disk quota is used up", "free some space, then run again; nothing was lost"),
    ("connection refused", "nobody answers, connection refused",
     "check tenants.*.endpoint and your network, then run again"),
    ("no such host", "the endpoint's host name is not known",
     "check tenants.*.endpoint and your network, then run again"),
    ("i/o timeout", "the cloud did not answer in time", "check your network, then run again"),
    ("context deadline exceeded", "the cloud did not answer in time", "check your network, then run again"),
    ("didn't find section in config file", "rclone.conf has no section for this tenant", "type: bisync setup"),
    ("couldn't decrypt", "rclone.conf is encrypted and no password was given",
     "set RCLONE_CONFIG_PASS or RCLONE_PASSWORD_COMMAND, or point rclone.config in the manifest elsewhere"),
    ("check file check failed", "the marker is missing on one side", "see what is wrong: bisync doctor"),
    ("too many deletes", "rclone's own deletion limit stopped the run: files vanished after the plan",
     "look at the plan again: bisync plan"),
    ("request send failed", "the connection to the cloud broke", "check your network, then run again"),
    ("unexpected EOF", "the connection to the cloud broke", "check your network, then run again"),
    ("connection reset", "the connection to the cloud broke", "check your network, then run again"),
    ("StatusCode: 5", "the cloud answered with a server error", "run again in a while"),
    ("directory not found", "the bucket (or remote folder) does not exist",
     "create it with your provider, or correct tenants.*.bucket in the manifest"),
    ("permission denied", "a file or folder cannot be read or written",
     "mend its permissions, then run again"),
)  # fmt: skip


def diagnose(outcome: Outcome) -> tuple[str, str]:
    """What went wrong in a failed run, and its cure, from rclone's own errors. Pure."""
    texts = [problem.text for problem in outcome.problems]
    texts += [e.text for e in outcome.events if isinstance(e, events.Text | Problem)]
    for needle, meaning, cure in _CURES:
        for text in texts:
            if needle in text:
                return meaning, cure
    last = next((text for text in texts if text), "no message")
    return " ".join(last.split())[:300], "see all of rclone's words with: bisync sync --verbose"


_KEYS_REFUSED = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "AccessDenied",
    "StatusCode: 403",
)


def refuses_keys(outcome: Outcome) -> bool:
    """Whether a failed run failed because the cloud did not like the keys. Pure."""
    texts = [e.text for e in outcome.events if isinstance(e, events.Text | Problem)]
    return any(needle in text for text in texts for needle in _KEYS_REFUSED)


# Troubles of a single file: everything else in _CURES is about the cloud, the network or the disk.
_OF_ONE_FILE = frozenset({"permission denied", "directory not found"})
_FILE_WORDS = (
    ("file too big for remaining disk space", "the disk has no room for it; free some space"),
    ("permission denied", "permission denied; mend its permissions"),
)


def troubled_files(outcome: Outcome) -> tuple[Problem, ...]:
    """The files a run failed on for reasons of their own; none when the trouble is a general one.

    Only files that could be left out of a second try count: once each, in rclone's order.
    """
    found: dict[str, Problem] = {}
    for problem in outcome.problems:
        for needle, _, _ in _CURES:
            if needle in problem.text and needle not in _OF_ONE_FILE:
                return ()
        if problem.path is not None:
            text = next((words for needle, words in _FILE_WORDS if needle in problem.text), problem.text)
            found.setdefault(problem.path, replace(problem, text=" ".join(text.split())[:200]))
    return tuple(found.values())


def is_out_of_step(outcome: Outcome) -> bool:
    """Whether bisync did its work and then found its two listings to differ (exit 7)."""
    return outcome.code == 7 and any("not equal in listing" in problem.text for problem in outcome.problems)


def failure(argv: Argv, outcome: Outcome, remote: Remote | None) -> RcloneError:
    """The error for a run that ended badly."""
    if outcome.code < 0:
        return RcloneError(
            f"rclone {argv[1]} was killed by signal {-outcome.code}",
            hint="nothing was lost; run again: bisync sync",
        )
    meaning, cure = diagnose(outcome)
    where = f" ({remote.label})" if remote else ""
    if not any(meaning == known for _, known, _ in _CURES):
        meaning = f"rclone {argv[1]} failed (exit {outcome.code}): {meaning}"
    return RcloneError(f"{meaning}{where}", hint=cure)

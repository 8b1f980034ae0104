"""What rclone is told: command lines and filter rules, built by pure functions.

Each line is a tuple that begins with "rclone"; `program` puts the real binary in. Why each flag: docs/architecture.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bisync.config import Compare, Profile
from bisync.core.metadata import LEASES, MARKER_NAME, METADATA_DIR, PARTIAL_SUFFIX
from bisync.rclone.remote import Remote

Argv = tuple[str, ...]

# Few low-level retries: the default 10 takes 225 s to notice a dead server.
NETWORK: Argv = ("--low-level-retries", "3", "--retries", "1", "--contimeout", "15s", "--timeout", "1m")
# A store that stands behind another remote (crypt, union) is first asked for a file of the folder's name: with nobody
# there that takes as long as the listing, and once more for each remote between. Listings need no answer to it.
_NO_FILE: Argv = ("--s3-no-head-object",)
# A WebDAV server that says 429 or 503 wants to be asked again later.
# A request is sent ten times in some seconds. A file that is copied is, too, as often as there are low-level retries,
# and each time with as many requests: ten of them are minutes for one that the server never gives.
_PATIENT: Argv = ("--low-level-retries", "10", "--retries", "1", "--contimeout", "15s", "--timeout", "1m")
_PATIENT_COPY: Argv = (
    "--low-level-retries", "4", "--retries", "2", "--retries-sleep", "5s", "--contimeout", "15s", "--timeout", "1m",
)  # fmt: skip
_LOG: Argv = ("-v", "--use-json-log", "--color", "NEVER", "--stats", "500ms", "--stats-log-level", "NOTICE")


def _profile_flags(profile: Profile, width: int | None) -> Argv:
    """How many files at a time: what the profile says, else `width`; None leaves it to rclone."""
    flags: list[str] = []
    checkers, transfers = profile.checkers or width, profile.transfers or width
    if checkers is not None:
        flags += ["--checkers", str(checkers)]
    if transfers is not None:
        flags += ["--transfers", str(transfers)]
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
    check_sync: bool = True
    fast_list: bool = False
    width: int | None = None


def bisync_argv(call: BisyncCall) -> Argv:
    """One bisync run. `fast_list`: list the whole remote at once instead of folder by folder."""
    argv = ["rclone", "bisync", str(call.local), call.remote.fs, "--compare", compare_flag(call.compare)]
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
    argv += ["--partial-suffix", PARTIAL_SUFFIX]
    argv += ["--fast-list"] if call.fast_list else []
    argv += ["--filters-file", str(call.filters), "--workdir", str(call.workdir)]
    if not (call.check_sync and call.profile.check_sync):
        argv += ["--check-sync", "false"]
    return (*argv, *_profile_flags(call.profile, call.width), *NETWORK, *_LOG)


def list_argv(remote: Remote, *, compare: Compare, filters: Path | None = None) -> Argv:
    """List a remote recursively, by checksum at the price of its LIST requests: no HEAD per object.

    By modtime the times are the files' own, which cost S3 a HEAD each; else they are the server's own (free in a
    listing). The leases are among it, also those of folders below where that costs nothing.
    """
    argv = ["rclone", "lsjson", remote.fs, "--recursive", "--files-only", "--no-mimetype", "--fast-list"]
    argv += ["--filter", f"+ {'' if remote.is_bucket else '/'}{LEASES}*"]
    argv += _asked_of_each(compare)
    if filters is not None:
        argv += ["--filter-from", str(filters)]
    return (*argv, *_NO_FILE, *NETWORK, "--use-json-log", "--color", "NEVER")


def _asked_of_each(compare: Compare) -> Argv:
    """What a listing says of each file, by which changes are told."""
    if compare is Compare.MODTIME:
        return ()
    hashes = ("--hash", "--hash-type", "md5") if compare is Compare.CHECKSUM else ()
    return (*hashes, "--use-server-modtime")


def look_argv(remote: Remote, names: Path, *, compare: Compare, singly: bool = False) -> Argv:
    """List just the files named in `names` (raw, one a line), as `list_argv` does; what is not there is missing.

    `singly`: ask for each by its name; else the folders they lie in are listed, and those above, one after the other.
    """
    argv = ["rclone", "lsjson", remote.fs, "--recursive", "--files-only", "--no-mimetype", "--files-from-raw"]
    argv += [str(names), *_asked_of_each(compare), *(["--no-traverse"] if singly else [])]
    return (*argv, *NETWORK, "--use-json-log", "--color", "NEVER")


def inside_argv(remote: Remote, patterns: Path, *, compare: Compare) -> Argv:
    """List what fits any of the `patterns`, one a line, and the folders on the way there, those too that are empty."""
    argv = ["rclone", "lsjson", remote.fs, "--recursive", "--no-mimetype", "--include-from", str(patterns)]
    argv += ["--ignore-case"] if remote.can.folds_case else []
    return (*argv, *_asked_of_each(compare), *NETWORK, "--use-json-log", "--color", "NEVER")


def files_inside_argv(remote: Remote, patterns: Path) -> Argv:
    """The files that fit any of the `patterns`, one a line."""
    argv = ("rclone", "lsf", remote.fs, "--recursive", "--files-only", "--include-from", str(patterns))
    return (*argv, *(["--ignore-case"] if remote.can.folds_case else []), *NETWORK)


def folders_argv(remote: Remote) -> Argv:
    """List all folders but our own."""
    argv = ("rclone", "lsjson", remote.fs, "--recursive", "--dirs-only", "--no-modtime")
    return (*argv, "--exclude", f"/{METADATA_DIR}/**", *NETWORK, "--use-json-log", "--color", "NEVER")


def modtimes_argv(remote: Remote, names: Path) -> Argv:
    """The files' own modification times, for just the files named in `names` (one HEAD each)."""
    argv = ("rclone", "lsjson", remote.fs, "--recursive", "--files-only", "--no-mimetype")
    return (*argv, "--files-from-raw", str(names), *NETWORK, "--use-json-log", "--color", "NEVER")


def copy_argv(
    source: str,
    target: str,
    names: Path,
    *,
    profile: Profile,
    width: int | None = None,
    backup: str | None = None,
    at_most: int | None = None,
) -> Argv:
    """Copy just the files listed in `names` (raw, one a line), whatever the target holds there.

    `at_most`: stop once so many bytes have come, whatever a listing has said of the files' sizes.
    """
    argv = ["rclone", "copy", source, target, "--files-from-raw", str(names), "--ignore-times"]
    argv += ["--no-traverse", "--partial-suffix", PARTIAL_SUFFIX]
    argv += ["--backup-dir", backup] if backup is not None else []
    argv += ["--max-transfer", f"{at_most}B", "--cutoff-mode", "hard"] if at_most is not None else []
    return (*argv, *_profile_flags(profile, width), *NETWORK, *_LOG)


class File(NamedTuple):
    """One file: the folder or remote it lies in, and its path there."""

    fs: str
    path: str


def move_argv(source: File, target: File, *, backup: str | None = None) -> Argv:
    """Move one file within a remote (server-side where it can); what has that name goes to `backup`.

    Never a folder: `moveto` moves all of one when its source has become that meanwhile (rclone docs, moveto). Exit 4
    when there is no such file.
    """
    return ("rclone", "rc", "--loopback", "operations/movefile", *_from_to(source, target, backup))


def copy_one_argv(source: File, target: File, *, backup: str | None = None) -> Argv:
    """Copy one file to an exact name, whatever the target holds there; that goes to `backup`. Never a folder."""
    call = ("rclone", "rc", "--loopback", "operations/copyfile")
    return (*call, *_from_to(source, target, backup), "--ignore-times")


def touch_argv(file: File, mtime_ns: int) -> Argv:
    """Give a file another time (ns since the epoch), in every place that a remote keeps it in; never makes one."""
    seconds, ns = divmod(mtime_ns, 10**9)
    time = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns:09d}"
    return ("rclone", "touch", f"{file.fs}{file.path}", "--no-create", "--timestamp", time, *NETWORK, *_LOG)


def _from_to(source: File, target: File, backup: str | None) -> Argv:
    ends = (
        f"srcFs={source.fs}",
        f"srcRemote={source.path}",
        f"dstFs={target.fs}",
        f"dstRemote={target.path}",
    )
    kept = ("--backup-dir", backup) if backup is not None else ()
    return (*ends, *kept, *NETWORK, *_LOG)


def tree_argv(fs: str) -> Argv:
    """Everything below `fs`, folders too, with MD5s where its listings carry them."""
    argv = ("rclone", "lsjson", fs, "--recursive", "--no-mimetype", "--hash", "--hash-type", "md5")
    return (*argv, *_PATIENT, "--use-json-log", "--color", "NEVER")


def fetch_argv(fs: str, target: Path, names: Path, *, profile: Profile) -> Argv:
    """Fetch just the files listed in `names` from a server that may want some patience; what is there stays.

    Two names that differ in the spelling alone (NFC, NFD) are two files.
    """
    argv = ("rclone", "copy", fs, str(target), "--files-from-raw", str(names), "--no-traverse")
    return (
        *argv, "--no-unicode-normalization", "--partial-suffix", PARTIAL_SUFFIX,
        *_profile_flags(profile, None), *_PATIENT_COPY, *_LOG,
    )  # fmt: skip


def check_argv(
    local: Path, remote: Remote, *, filters: Path, one_way: bool = False, download: bool = False,
    names: Path | None = None,
) -> Argv:  # fmt: skip
    """Compare both sides by content: one line a file on stdout (`=`, `*`, `+`, `-`, `!`)."""
    argv = ["rclone", "check", str(local), remote.fs, "--combined", "-", "--fast-list"]
    argv += (
        ["--files-from-raw", str(names)] if names is not None else ["--filter-from", str(filters), *_NO_FILE]
    )
    argv += ["--one-way"] if one_way else []
    argv += ["--download"] if download else []
    return (*argv, *NETWORK, "--use-json-log", "--color", "NEVER")


def move_listed_argv(
    source: str,
    target: str,
    names: Path,
    *,
    profile: Profile | None = None,
    width: int | None = None,
    backup: str | None = None,
) -> Argv:
    """Move just the files listed in `names` to another folder of the same remote; what lies there to `backup`."""
    argv = ["rclone", "move", source, target, "--files-from-raw", str(names), "--no-traverse"]
    argv += ["--backup-dir", backup] if backup is not None else []
    argv += _profile_flags(profile, width) if profile is not None else []
    return (*argv, *NETWORK, *_LOG)


def delete_listed_argv(fs: str, names: Path, *, profile: Profile, width: int | None = None) -> Argv:
    """Delete just the files listed in `names` (raw, one a line), from a remote that can keep nothing of them."""
    argv = ("rclone", "delete", fs, "--files-from-raw", str(names))
    return (*argv, *_profile_flags(profile, width), *NETWORK, *_LOG)


def delete_one_argv(file: File) -> Argv:
    """Delete one file."""
    return (
        "rclone",
        "rc",
        "--loopback",
        "operations/deletefile",
        f"fs={file.fs}",
        f"remote={file.path}",
        *NETWORK,
    )


def top_argv(fs: str) -> Argv:
    """What lies at the top of a remote, folders too."""
    return ("rclone", "lsf", fs, "--max-depth", "1", *NETWORK, "--use-json-log", "--color", "NEVER")


def few_files_argv(fs: str) -> Argv:
    """The files of a folder and of those right below it, with their sizes."""
    argv = (
        "rclone",
        "lsjson",
        fs,
        "--recursive",
        "--files-only",
        "--max-depth",
        "2",
        "--no-mimetype",
        "--no-modtime",
    )
    return (*argv, *NETWORK, "--use-json-log", "--color", "NEVER")


def first_byte_argv(fs: str, path: str) -> Argv:
    """The first byte of a file, which a store that is enciphered gives only to who has its password."""
    return ("rclone", "cat", f"{fs}{path}", "--head", "1", *NETWORK, "--use-json-log", "--color", "NEVER")


# Names that a password does not decipher are errors (rclone docs, crypt); else they are passed over in silence.
STRICT_ENV = {"RCLONE_CRYPT_STRICT_NAMES": "true"}


def list_trial_argv(folder: Remote, name: str, *, stored: bool) -> Argv:
    """One small file as a listing has it, with its hash where there is one. `stored`: with the store's own time."""
    argv = ("rclone", "lsjson", folder.fs, "--files-only", "--no-mimetype", "--include", f"/{name}")
    more = ("--use-server-modtime",) if stored else ("--hash", "--hash-type", "md5")
    return (*argv, *more, *NETWORK, "--use-json-log", "--color", "NEVER")


def purge_argv(fs: str) -> Argv:
    """Remove a folder and everything in it."""
    return ("rclone", "purge", fs, *NETWORK, *_LOG)


def remove_empty_argv(fs: str) -> Argv:
    """Remove a folder as far as it holds nothing but folders."""
    return ("rclone", "rmdirs", fs, *NETWORK, *_LOG)


def probe_argv(remote: Remote) -> Argv:
    """One request that tells whether the remote can be read."""
    return ("rclone", "lsf", remote.fs, "--max-depth", "1", "--files-only", *_NO_FILE, *NETWORK)


def list_folders_argv(fs: str) -> Argv:
    """The folders (on S3's top level: the buckets) right below a remote."""
    return ("rclone", "lsf", fs, "--dirs-only", "--max-depth", "1", *NETWORK)


def features_argv(fs: str) -> Argv:
    """What a remote's backend can do. Of one that stands before others, they are asked (225 s, with nobody there)."""
    return ("rclone", "backend", "features", fs, *_NO_FILE, *NETWORK)


def listremotes_argv() -> Argv:
    """The remotes rclone.conf has, with their types."""
    return ("rclone", "listremotes", "--long")


def show_argv(name: str) -> Argv:
    """The section of one remote."""
    return ("rclone", "config", "show", name)


def resident_argv(socket: Path, *, talks: bool = False) -> Argv:
    """An rclone that stays and does what it is asked on `socket` (rclone docs, Remote controlling rclone).

    No password: whoever can open the socket can read rclone.conf as well. `talks`: it says all that it does.
    """
    address = ("--rc-addr", f"unix://{socket}", "--rc-no-auth", "--rc-serve")
    return (
        "rclone",
        "rcd",
        *address,
        *NETWORK,
        *(("-v",) if talks else ()),
        "--use-json-log",
        "--color",
        "NEVER",
    )


# A small object is written by one request: nobody asks for its bucket before, or for the object after it.
# The times it lists are the store's own, which need no request for each object.
# It says when things were stored; so stores that take over a file's time are not told one, as far as they can be kept
# from asking (`rclone serve s3` takes it from this header; rclone docs, sftp and local).
SERVER_TIMES_ENV = {"RCLONE_USE_SERVER_MODTIME": "true"}
RESIDENT_ENV = {
    **SERVER_TIMES_ENV,
    "RCLONE_S3_NO_CHECK_BUCKET": "true",
    "RCLONE_S3_NO_HEAD": "true",
    "RCLONE_SFTP_SET_MODTIME": "false",
    "RCLONE_LOCAL_NO_SET_MODTIME": "true",
}
OWN_TIME = {"X-Amz-Meta-Mtime": "none"}


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

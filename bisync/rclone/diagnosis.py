"""What a failed rclone means and what to do about it, from its exit code and its own words. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from bisync import events
from bisync.errors import KeysRefused, RcloneError
from bisync.events import Problem
from bisync.rclone import own_remote
from bisync.rclone.argv import Argv
from bisync.rclone.output import Finished
from bisync.rclone.remote import Remote

# What rclone says, what it means, and what to do. First match wins. {at}: where it was asked.
_CURES: tuple[tuple[str, str, str], ...] = (
    ("InvalidAccessKeyId", "the cloud does not know this access key",
     "check the tenant's credentials in the manifest, then type: bisync setup --rotate"),
    ("SignatureDoesNotMatch", "the cloud refused the secret access key",
     "check the tenant's credentials in the manifest, then type: bisync setup --rotate"),
    ("ExpiredToken", "the credentials have expired", "type: bisync setup --rotate"),
    ("failed to get shared config profile", "the AWS SDK has no such profile",
     "see which it has: bisync doctor; then correct it in the manifest, or make it: aws configure --profile NAME"),
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
    ("connection refused", "nobody answers{at}, connection refused",
     "check tenants.*.endpoint and your network, then run again"),
    ("no such host", "the endpoint's host name is not known",
     "check tenants.*.endpoint and your network, then run again"),
    ("i/o timeout", "the cloud did not answer in time", "check your network, then run again"),
    ("context deadline exceeded", "the cloud did not answer in time", "check your network, then run again"),
    ("didn't find section in config file", "rclone.conf has no section for this tenant", "type: bisync setup"),
    ("ecrypt configuration", "rclone.conf is encrypted and no password was given",
     "set RCLONE_CONFIG_PASS or RCLONE_PASSWORD_COMMAND, or point rclone.config in the manifest elsewhere"),
    ("Failed to read line: EOF", "rclone.conf is encrypted and no password was given",
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


def _known(outcome: Finished) -> tuple[str, str] | None:
    """What rclone's own words mean, and the cure; None where they are not known."""
    texts = [problem.text for problem in outcome.problems]
    texts += [e.text for e in outcome.events if isinstance(e, events.Text | Problem)]
    for needle, meaning, cure in _CURES:
        for text in texts:
            if needle in text:
                return meaning.replace("{at}", own_remote.asked(text)), cure
    return None


def _errors(outcome: Finished) -> list[str]:
    """What rclone said went wrong, the last word first; all it said where it called nothing an error.

    Where a command writes no JSON, its last word is called a notice.
    """
    said = [e for e in outcome.events if isinstance(e, events.Text | Problem) and e.text]
    wrong = [e.text for e in said if _is_error(e)] or [e.text for e in said]
    return wrong[::-1]


def _is_error(event: events.Text | Problem) -> bool:
    return (isinstance(event, Problem) and event.level == "error") or event.text.startswith("Failed to ")


# What rclone says at the end of what it has explained before.
_AFTERWARDS = re.compile("(?i)(Failed to bisync: )?bisync aborted")


def _last_word(outcome: Finished) -> str:
    said = _errors(outcome)
    last = next((text for text in said if not _AFTERWARDS.match(text)), said[0] if said else "no message")
    return own_remote.bare(last)


# What bisync says where it goes by less than it was told to, and on (rclone: cmd/bisync/compare.go).
_BLIND = ("no hashes in common", "falling back to --compare", "at least one remote does not support it")


def compares_blindly(outcome: Finished) -> str | None:
    """rclone's word that it could not compare as it was told; None where it did. Pure."""
    texts = (event.text for event in outcome.events if isinstance(event, events.Text | Problem))
    return next((text for text in texts if any(words in text for words in _BLIND)), None)


_KEYS_REFUSED = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "AccessDenied",
    "StatusCode: 403",
)


def refuses_keys(outcome: Finished) -> bool:
    """Whether a failed run failed because the cloud did not like the keys. Pure."""
    texts = [e.text for e in outcome.events if isinstance(e, events.Text | Problem)]
    return any(needle in text for text in texts for needle in _KEYS_REFUSED)


# After these what was asked for may have been done all the same: its answer is what is missing.
_AMBIGUOUS = (
    "i/o timeout",
    "context deadline exceeded",
    "request send failed",
    "EOF",
    "connection reset",
    "StatusCode: 5",
    "StatusCode: 429",
    # Two conditional writes at the same moment (S3 API, PutObject): which of them was done, reading tells.
    "StatusCode: 409",
)


def is_ambiguous(outcome: Finished) -> bool:
    """Whether a request that failed may have been carried out. Pure."""
    texts = [e.text for e in outcome.events if isinstance(e, events.Text | Problem)]
    return any(needle in text for text in texts for needle in _AMBIGUOUS)


# The server's trouble with one object, where rclone names it and others travel.
_SERVER = "StatusCode: 5"
# Troubles of a single file: everything else in _CURES is about the cloud, the network or the disk.
_OF_ONE_FILE = frozenset({"permission denied", "directory not found"})
_FILE_WORDS = (
    ("file too big for remaining disk space", "the disk has no room for it; free some space"),
    ("permission denied", "permission denied; mend its permissions"),
    (_SERVER, "the cloud answers with a server error"),
)


def troubled_files(outcome: Finished, *, others_follow: bool = False) -> tuple[Problem, ...]:
    """The files a run failed on for reasons of their own; none when the trouble is a general one.

    Only files that could be left out of a second try count: once each, in rclone's order. A server error is about
    one object as long as it is the only one, or others were copied; or where `others_follow`, whose turn will tell.
    """
    found: dict[str, Problem] = {}
    refused = {one.path for one in outcome.problems if one.path is not None and _SERVER in one.text}
    if (
        len(refused) > 1
        and not others_follow
        and not any(isinstance(event, events.Copied) for event in outcome.events)
    ):
        return ()
    one_file = _OF_ONE_FILE | {_SERVER} if refused else _OF_ONE_FILE
    for problem in outcome.problems:
        for needle, _, _ in _CURES:
            if needle in problem.text and needle not in one_file:
                return ()
        if problem.path is not None:
            text = next((words for needle, words in _FILE_WORDS if needle in problem.text), problem.text)
            found.setdefault(problem.path, replace(problem, text=" ".join(text.split())[:200]))
    return tuple(found.values())


def is_server_error(outcome: Finished) -> bool:
    """Whether a store answered with an error of its own (HTTP 5xx)."""
    return any(_SERVER in text for text in _errors(outcome))


def is_no_file(outcome: Finished) -> bool:
    """Whether a single file that was to be moved or copied is gone (rclone docs, Exit code: 4), or a folder by now."""
    gone = outcome.code == 4
    return gone or any(
        "is a directory not a file" in e.text for e in outcome.events if isinstance(e, Problem)
    )


def is_out_of_step(outcome: Finished) -> bool:
    """Whether bisync did its work and then found its two listings to differ (exit 7)."""
    return outcome.code == 7 and any("not equal in listing" in problem.text for problem in outcome.problems)


def is_unlisted(outcome: Finished) -> bool:
    """Whether a `check` could not list a folder, and took all that lies there for missing. (rclone's march.)"""
    unread = "error reading (source|destination) (root )?directory: "
    return any(re.match(unread, problem.text) for problem in outcome.problems)


def _status(code: str) -> str:
    """An HTTP status as rclone tells it; not the digits of a port, a size or a name."""
    return rf"(?<![\w.:/%-]){code}(?![\w/])"


# Expressions; the first that is found in what rclone says.
_WEBDAV_CURES: tuple[tuple[str, str, str], ...] = (
    (_status("401"), "the server refuses the user or the password",
     "check the user, and what the reference of the password or token gives"),
    (_status("403"), "the server denies access (403)", "ask for read access to that folder"),
    (_status("404"), "the server has no such folder", "correct the address"),
    ("directory not found", "the server has no such folder", "correct the address"),
    ("x509", "its certificate is not trusted",
     "use the name the certificate is for; for an authority of your own set RCLONE_CA_CERT"),
    ("tls:", "no safe connection can be made to it", "check the address: https or http, and the port"),
    ("server gave HTTP response to HTTPS", "it does not speak https", "check the address"),
    (_status("429"), "the server asks for fewer requests", "run again in a while: what is fetched already is kept"),
    ("Too Many Requests", "the server asks for fewer requests",
     "run again in a while: what is fetched already is kept"),
    ("connection refused", "nobody answers, connection refused", "check the address and your network, then run again"),
    ("no such host", "its name is not known", "check the address and your network, then run again"),
    ("timeout", "it did not answer in time", "check your network, then run again"),
    ("deadline exceeded", "it did not answer in time", "check your network, then run again"),
    ("no space left on device", "the disk is full", "free some space, then run again; nothing was lost"),
    ("disk quota exceeded", "the disk quota is used up", "free some space, then run again; nothing was lost"),
    (_status("50[0-9]"), "it answers with a server error", "run again in a while: what is fetched already is kept"),
    ("EOF", "the connection broke", "run again: what is fetched already is kept"),
    ("connection reset", "the connection broke", "run again: what is fetched already is kept"),
    ("didn't find section in config file", "rclone.conf has no such remote", "see those it has: rclone listremotes"),
)  # fmt: skip


def webdav_failure(outcome: Finished, remote: Remote) -> RcloneError:
    """What a failed look at, or copy from, a WebDAV server means, and its cure."""
    if outcome.code < 0:
        return RcloneError(f"rclone was killed by signal {-outcome.code}", hint="run again: nothing was lost")
    texts = [e.text for e in outcome.events if isinstance(e, events.Text | Problem)]
    for needle, meaning, cure in _WEBDAV_CURES:
        if any(re.search(needle, text) for text in texts):
            return RcloneError(f"{remote.label}: {meaning}", hint=cure)
    last = " ".join(texts[-1].split())[:300] if texts else "no message"
    return RcloneError(
        f"{remote.label}: rclone failed (exit {outcome.code}): {last}",
        hint="check the address, then run again",
    )


def failure(argv: Argv, outcome: Finished, remote: Remote | None) -> RcloneError:
    """The error for a run that ended badly."""
    if outcome.code < 0:
        return RcloneError(
            f"rclone {argv[1]} was killed by signal {-outcome.code}",
            hint="nothing was lost; run again: bisync sync",
        )
    name = own_remote.section_of(remote.fs if remote is not None else _asked(argv))
    known = own_remote.trouble(name, _errors(outcome), outcome.config) if name is not None else None
    meaning, cure = (
        known
        or _known(outcome)
        or (
            f"rclone {argv[1]} failed (exit {outcome.code}): {_last_word(outcome)}",
            "see all of rclone's words with: bisync sync --verbose",
        )
    )
    where = f" ({own_remote.without_secrets(remote.label)})" if remote else ""
    if refuses_keys(outcome):
        keys_cure = remote.keys_cure if remote is not None else None
        return KeysRefused(f"{meaning}{where}", hint=keys_cure or cure)
    return RcloneError(f"{meaning}{where}", hint=cure)


def _asked(argv: Argv) -> str:
    """The remote that a command names; "" where it names none."""
    return next((word for word in argv[2:] if own_remote.section_of(word)), "")

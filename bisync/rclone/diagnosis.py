"""What a failed rclone means and what to do about it, from its exit code and its own words. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from bisync import events
from bisync.errors import KeysRefused, RcloneError
from bisync.events import Problem
from bisync.rclone import own_remote, troubles
from bisync.rclone.argv import Argv
from bisync.rclone.output import Finished
from bisync.rclone.remote import Remote


def _texts(outcome: Finished) -> list[str]:
    """All that rclone said, errors first."""
    said = [problem.text for problem in outcome.problems]
    return said + [e.text for e in outcome.events if isinstance(e, events.Text | Problem)]


def _known(outcome: Finished) -> tuple[str, str] | None:
    """What rclone's own words mean, and the cure; None where they are not known."""
    found = troubles.recognised(_texts(outcome))
    return found and (found.means.replace("{at}", own_remote.asked(found.text)), found.cure)


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
    return _S3_FRAME.sub(r"HTTP \1: ", own_remote.bare(last))


# What the AWS SDK puts around each answer of a store.
_S3_FRAME = re.compile(
    r"operation error S3: \w+, (?:exceeded maximum number of attempts, \d+, )?https response error "
    r"StatusCode: (\d+), RequestID: [^\s,]*, HostID: [^\s,]*, "
)


# What bisync says where it goes by less than it was told to, and on (rclone: cmd/bisync/compare.go).
_BLIND = ("no hashes in common", "falling back to --compare", "at least one remote does not support it")


def compares_blindly(outcome: Finished) -> str | None:
    """rclone's word that it could not compare as it was told; None where it did. Pure."""
    texts = (event.text for event in outcome.events if isinstance(event, events.Text | Problem))
    return next((text for text in texts if any(words in text for words in _BLIND)), None)


def refuses_keys(outcome: Finished) -> bool:
    """Whether a failed run failed because the cloud did not like the keys. Pure.

    Not where it has no room, or wants another clock, which comes with the same status.
    """
    found = (troubles.recognised([text]) for text in _texts(outcome))
    return any(one is not None and one.trouble.keys for one in found)


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
# A server error (HTTP 507, of WebDAV and of some S3 servers) that says why nothing was written.
_NO_ROOM = "StatusCode: 507"


def is_ambiguous(outcome: Finished) -> bool:
    """Whether a request that failed may have been carried out. Pure."""
    texts = [e.text for e in outcome.events if isinstance(e, events.Text | Problem)]
    return any(needle in text for text in texts for needle in _AMBIGUOUS if _NO_ROOM not in text)


# The server's trouble with one object, where rclone names it and others travel.
_SERVER = "StatusCode: 5"
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
    one_file = troubles.OF_ONE_FILE | {_SERVER} if refused else troubles.OF_ONE_FILE
    for problem in outcome.problems:
        if any(re.search(one.says, problem.text) and one.says not in one_file for one in troubles.TROUBLES):
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
            f"{troubles.step(argv[1])} was killed by signal {-outcome.code}",
            hint="nothing was lost; run again: bisync sync",
        )
    name = own_remote.section_of(remote.fs if remote is not None else _asked(argv))
    known = own_remote.trouble(name, _errors(outcome), outcome.config) if name is not None else None
    meaning, cure = (
        known
        or _known(outcome)
        or (
            f"{troubles.step(argv[1])} failed with exit code {outcome.code}: {_last_word(outcome)}",
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

"""What can go wrong, as one small tree.

BisyncError                      exit 1: failed, a retry may help
├── ManifestError                exit 2: the manifest says something it cannot mean
├── UsageError                   exit 2: the command line does
├── DriftError                   exit 2: rclone.conf does not say what the manifest says
├── IgnoreError                  exit 2: an ignore rule or file that cannot be honoured exactly
├── SecretError                  exit 1: a secret reference gave nothing
├── StateError                   exit 1: a file or folder of ours that another can change, or that is none
├── RcloneError                  exit 1: rclone missing, too old, or its run failed
│   └── KeysRefused              exit 1: the store does not take the keys
├── CloudError                   exit 1: the vendor's API refused something, or could not be asked
│   ├── HostTrouble              exit 1: it does not answer as a whole
│   └── LoginNeeded              exit 1: nobody is logged in there, or not any more
├── GuardRefused                 exit 4: a guard stopped the run before anything was written
├── Declined                     exit 4: a person was asked and said no
├── NotGranted                   exit 4: the manifest asks for what nobody has agreed to here
├── BaselineNeeded               exit 5: no baseline yet
├── Locked                       exit 6: another run works on this sync
├── LeaseLost                    exit 1: the lease in the cloud was lost; stopped before writing on
└── Interrupted                  exit 130: Ctrl-C or SIGTERM

Each error carries one clear line and, where there is one, the cure: what to do or type next.
The tasks' edge is the only place that prints them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class BisyncError(Exception):
    """The user can act on this. `hint` says how; the traceback is of no use to them."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong in a file: where, at which key, and what to write instead. Never holds a secret's value.

    `line`, `column`: from 1, as editors count; 0 where it is about no line. `folder`: the one that `file` lies in,
    where `file` is a name alone. `source`: the line itself, where it may be shown.
    """

    text: str
    key: str = ""
    file: str = ""
    folder: Path | None = None
    line: int = 0
    column: int = 0
    source: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.text) if part)


class ManifestError(BisyncError):
    """Every problem of a manifest at once, each `file:line:column: key: text`; in parts: `faults`."""

    exit_code = 2

    def __init__(self, problems: Sequence[str | Fault], *, hint: str | None = None) -> None:
        self.faults = tuple(Fault(text=one) if isinstance(one, str) else one for one in problems)
        self.problems = tuple(map(str, self.faults))
        super().__init__("\n".join(self.problems), hint=hint)


class UsageError(BisyncError):
    """A flag, name or path on the command line that cannot be meant."""

    exit_code = 2


class DriftError(BisyncError):
    """rclone.conf and the manifest do not agree on a section of ours; nothing was sent anywhere."""

    exit_code = 2


class IgnoreError(BisyncError):
    """An ignore file that cannot be read, or a pattern that cannot be expressed exactly.

    Nothing is transferred after it: an ignore rule we cannot honour may guard a secret.
    """

    exit_code = 2


class SecretError(BisyncError):
    """A secret reference that is empty or fails. Names the reference, never the value."""


class StateError(BisyncError):
    """What lies where a program of ours left a file is not what it left: another user's, no plain file, too large."""


class RcloneError(BisyncError):
    """rclone is missing, too old, or ended with a failure."""


class KeysRefused(RcloneError):
    """The store does not take the keys: others may help."""


class CloudError(BisyncError):
    """The vendor's API could not be asked, or said no."""


class HostTrouble(CloudError):
    """The host as a whole does not answer: the next request would fare no better."""


class LoginNeeded(CloudError):
    """There is no login for the vendor's API, or it is not accepted any more."""


class GuardRefused(BisyncError):
    """A guard refused the plan; nothing was written."""

    exit_code = 4


class Declined(BisyncError):
    """Whoever was asked whether to go on said no; nothing was done."""

    exit_code = 4


class NotGranted(BisyncError):
    """The manifest asks for more than its user has agreed to on this machine; nothing was done for it."""

    exit_code = 4


class BaselineNeeded(BisyncError):
    """The sync has no baseline yet, or one that speaks of another place."""

    exit_code = 5


class Locked(BisyncError):
    """Another run holds this sync's lock."""

    exit_code = 6


class LeaseLost(BisyncError):
    """This device may not write to the cloud any more: it slept, or did not reach the store in time."""


class Interrupted(BisyncError):
    """The user or the system asked us to stop, and we did, in order."""

    exit_code = 130


def disk_error(error: OSError, *, where: Path | None, then: str, failed: str = "written") -> BisyncError:
    """What the disk or the system refused, in words, with its cure.

    `where`: the place it is about when the error itself names none. `failed`: what could not be done there.
    `then`: what to do once it is mended, as in "type: bisync setup".
    """
    place = error.filename or where
    text = error.strerror or str(error)
    at = f"{place}: {text}" if place else text
    if error.errno == errno.ENOSPC:
        return BisyncError(f"the disk is full ({at})", hint=f"free some space, then {then}")
    if error.errno == errno.EDQUOT:
        return BisyncError(f"the disk quota is used up ({at})", hint=f"free some space, then {then}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and place:
        # Path.is_dir raises where even a look is refused.
        folder = place if os.path.isdir(place) else Path(place).parent  # noqa: PTH112
        return BisyncError(
            f"{place} cannot be {failed}: {text}", hint=f"mend the permissions of {folder}, then {then}"
        )
    return BisyncError(at, hint=f"mend that, then {then}")

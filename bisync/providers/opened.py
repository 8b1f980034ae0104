"""Whether the password of an enciphered remote opens what lies there: a wrong one makes a second tree beside the first.

With enciphered names everything there looks as if it were not; with plain ones it is listed, and edits would be written
over it that nobody else can read.
"""

from __future__ import annotations

from dataclasses import replace

from bisync.core.metadata import MARKER_PATH
from bisync.core.printable import typed
from bisync.errors import RcloneError
from bisync.rclone.argv import STRICT_ENV, few_files_argv, first_byte_argv, top_argv
from bisync.rclone.diagnosis import failure, refuses_keys
from bisync.rclone.output import Finished, read_listing
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote


def check(rclone: Rclone, top: str, remote: Remote) -> None:
    """Raise RcloneError where what lies in `remote`, or at the `top` of it, is enciphered with another password.

    Raises it for one that does not answer, too: each question takes long there.
    """
    argv = top_argv(top)
    strict = rclone.run(argv, remote=replace(remote, env={**remote.env, **STRICT_ENV}))
    if strict.code != 0 and not _says(strict, "undecryptable"):
        if strict.code == 3 or refuses_keys(strict):
            return  # it is not there yet, or only a folder of it may be looked at
        raise failure(argv, strict, remote)
    if strict.code != 0:
        # Somebody may have put plain files beside those that are enciphered.
        lenient = rclone.run(top_argv(top), remote=remote)
        if lenient.code == 0 and not lenient.stdout.strip():
            raise _refused(rclone, top, remote)
    if _says(rclone.run(first_byte_argv(remote.fs, MARKER_PATH), remote=remote), "bad password"):
        raise _refused(rclone, top, remote)
    listed = rclone.run(few_files_argv(remote.fs), remote=remote)
    files = [file for file in read_listing(listed.stdout) if file.size > 0] if listed.code == 0 else []
    if files:
        smallest = min(files, key=lambda file: (file.size, file.path))
        if _says(rclone.run(first_byte_argv(remote.fs, smallest.path), remote=remote), "bad password"):
            raise _refused(rclone, top, remote)


def _says(outcome: Finished, words: str) -> bool:
    return outcome.code != 0 and any(words in problem.text for problem in outcome.problems)


def _refused(rclone: Rclone, top: str, remote: Remote) -> RcloneError:
    name = top.partition(":")[0]
    return RcloneError(
        f"the password of [{name}] in rclone.conf does not open what lies in {remote.label}; nothing was written",
        hint=f"mend it with: rclone config --config {typed(rclone.config)}",
    )

"""Commands a manifest runs around a sync. Never through a shell; their output is the user's."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bisync.errors import BisyncError


def run_all(
    commands: Sequence[Sequence[str]], *, what: str, sync: str, folder: Path, env: Mapping[str, str],
    facts: Mapping[str, str],
) -> None:  # fmt: skip
    """Run each command in the sync dir, its output on stderr. `facts` become BISYNC_* variables.

    Raises BisyncError naming the hook that cannot start or ends with another code than 0.
    """
    told = {f"BISYNC_{name.upper()}": value for name, value in {"sync": sync, **facts}.items()}
    for command in commands:
        shown = " ".join(command)
        try:
            done = subprocess.run(
                list(command), cwd=folder if folder.is_dir() else None, env={**env, **told},
                stdin=subprocess.DEVNULL, stdout=2, check=False,
            )  # fmt: skip
        except OSError as error:
            raise BisyncError(f"{sync}: the {what} hook cannot start: {shown}: {error.strerror}",
                              hint=f"correct syncs.{sync}.hooks.{what}") from None  # fmt: skip
        if done.returncode != 0:
            raise BisyncError(
                f"{sync}: the {what} hook ended with code {done.returncode}: {shown}",
                hint=f"run it by hand in {folder}",
            )

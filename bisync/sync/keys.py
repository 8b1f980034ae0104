"""New keys in place of those that a store refuses, in the middle of a run."""

from __future__ import annotations

from collections.abc import Callable

from bisync import providers
from bisync.app import Session
from bisync.errors import BisyncError, KeysRefused
from bisync.sync.crew import Early
from bisync.sync.prepare import Prepared


def looked(session: Session, look: Callable[[], Prepared], early: Early) -> tuple[Prepared, list[str]]:
    """What is seen, with new keys where the store refuses those there are, once; and what is to be said of that."""
    try:
        return look(), []
    except KeysRefused as refused:
        early.dismiss()  # they have the old ones
        said = _renewed(session, refused)
    return look(), [said]


def _renewed(session: Session, refused: KeysRefused) -> str:
    """Have new keys made in place of those that the store refuses. Raises BisyncError when they cannot be had."""
    provider = providers.of(session.sync.tenant)
    around = session.app.around(session.sync)
    try:
        made = provider.renew(session.sync.tenant, session.sync.path, session.rclone, around)
    except BisyncError as error:
        raise BisyncError(
            f"{refused.message}, and new keys cannot be had: {error.message}", hint=error.hint
        ) from None
    if made is None:
        raise refused
    return f"the store refused the keys; {made}"

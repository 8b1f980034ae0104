"""The one edge: opens the app, prints what went wrong, turns it into an exit code."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from bisync.errors import BisyncError
from bisync.report import Screen

if TYPE_CHECKING:
    from bisync.app import App
    from bisync.config import Manifest, Sync

HELP = {
    "manifest": "the manifest to use (default: bisync.yaml here or above, then ~/.config/bisync/bisync.yaml)",
    "only": "only this sync (repeatable; default: all)",
    "json": "print one JSON document on stdout",
}


@contextmanager
def edge(screen: Screen) -> Iterator[None]:
    """Run a task's body. Whatever it raises becomes words on stderr and an exit code.

    SIGTERM and a closed terminal end a run as Ctrl-C does: in order.
    """
    before = {each: signal.signal(each, _interrupt) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with screen:
            yield
    except BisyncError as error:
        screen.document(
            {"version": 1, "error": error.message, "hint": error.hint, "exit_code": error.exit_code}
        )
        screen.error(error.message, error.hint)
        raise Exit(code=error.exit_code) from None
    except KeyboardInterrupt:
        hint = "everything is in order; carry on with: bisync sync"
        screen.document({"version": 1, "error": "interrupted", "hint": hint, "exit_code": 130})
        screen.error("interrupted", hint)
        raise Exit(code=130) from None
    except BrokenPipeError:
        # Whoever read our output has gone (`bisync plan | head`); there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Exit(code=1) from None
    except Exit:
        raise
    except OSError as error:
        # The disk's or the system's word, and where. (A bug that ends here still says which file.)
        raise Exit(code=_report_disk(screen, error)) from None
    except Exception as bug:
        raise Exit(code=_report_bug(screen, bug)) from None
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _report_disk(screen: Screen, error: OSError) -> int:
    text = error.strerror or str(error)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = "free some space, then run again" if full else "mend that, then run again"
    message = f"{error.filename}: {text}" if error.filename else text
    screen.document({"version": 1, "error": message, "hint": hint, "exit_code": 1})
    screen.error(message, hint)
    return 1


def _report_bug(screen: Screen, bug: Exception) -> int:
    """An error nobody foresaw: one line on screen, the traceback in a private file."""
    handle, name = tempfile.mkstemp(prefix="bisync-error-", suffix=".log")
    with os.fdopen(handle, "w") as log:
        log.write("".join(traceback.format_exception(bug)))
    message = f"an unexpected error: {type(bug).__name__}: {bug}"
    hint = f"this is a bug; the details are in {name}"
    screen.document({"version": 1, "error": message, "hint": hint, "exit_code": 1})
    screen.error(message, hint)
    return 1


def read_manifest(path: str | None, *, sync_dir: str | None = None) -> Manifest:
    """Find and read the manifest, with another sync dir if one is given. Raises ManifestError."""
    from bisync import manifest

    named = Path(path).expanduser() if path else None
    home = Path.home()
    found = manifest.find(named, os.environ, Path.cwd(), home)
    return manifest.load(found, env=os.environ, home=home, sync_dir=sync_dir)


def open_app(
    screen: Screen, path: str | None, only: Sequence[str], *, sync_dir: str | None = None
) -> tuple[App, tuple[Sync, ...]]:
    """The app for a manifest, and the syncs that are meant. Raises ManifestError and UsageError."""
    from bisync.app import App
    from bisync.manifest import select_syncs

    # A run makes a few small values for every file, and no cycles: at its default the collector would
    # walk all of them again and again (a third of the time at 10,000 files).
    gc.set_threshold(100_000)
    manifest = read_manifest(path, sync_dir=sync_dir)
    app = App(manifest=manifest, env=dict(os.environ), on_plan=screen.plan, on_event=screen.hear)
    return app, select_syncs(manifest, only)


def leave(code: int) -> None:
    """End the task with an exit code; 0 just returns."""
    if code:
        raise Exit(code=code)


def each(syncs: Sequence[Sync], screen: Screen, work: Callable[[Sync], int]) -> int:
    """Work on every sync, under a headline where there are several; the highest exit code."""
    highest = 0
    for sync in syncs:
        if len(syncs) > 1:
            screen.say(f"── {sync.name}")
        highest = max(highest, work(sync))
    return highest

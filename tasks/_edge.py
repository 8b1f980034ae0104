"""The one edge: opens the app, prints what went wrong, turns it into an exit code."""

from __future__ import annotations

import _thread
import gc
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from bisync.errors import BisyncError, Interrupted, ManifestError, UsageError, disk_error
from bisync.report.documents import error_document
from bisync.report.screen import Screen
from bisync.report.words import Shown

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from bisync.app import App
    from bisync.config import Manifest, Sync
    from bisync.sync.patterns import Wanted

JOBS = 4
HELP = {
    "manifest": "the manifest to use (default: bisync.yaml here or above, then ~/.config/bisync/bisync.yaml)",
    "only": "only this sync, or these: notes,work (repeatable; default: all)",
    "json": "print one JSON document on stdout",
    "quiet": "say nothing unless something is wrong",
    "jobs": "work on this many syncs at a time",
    "path": "only this file, this folder, or what fits this pattern: 'work/**/*.md'",
}


_at_work = ContextVar("at_work", default="sync")
"""The command that is running, as it is typed after `bisync`."""
_unsaid: ContextVar[tuple[str, str] | None] = ContextVar("unsaid", default=None)
"""A flag of it whose value is empty, and what stands for its value."""


@contextmanager
def at_work(command: str, unsaid: tuple[str, str] | None = None) -> Iterator[None]:
    """A command is running: who interrupts it is told how to carry on with it. `unsaid`: see `_unsaid`."""
    token, other = _at_work.set(command), _unsaid.set(unsaid)
    try:
        yield
    finally:
        _at_work.reset(token)
        _unsaid.reset(other)


@contextmanager
def edge(screen: Screen) -> Iterator[Screen]:
    """Run a task's body on a screen. Whatever it raises becomes words on stderr and an exit code.

    SIGTERM and a closed terminal end a run as Ctrl-C does: in order.
    """
    before = {each: signal.signal(each, _interrupt) for each in (signal.SIGTERM, signal.SIGHUP)}
    hook, sys.unraisablehook = sys.unraisablehook, _unraisable
    try:
        with screen:
            if screen.quiet and screen.verbose:
                raise UsageError("--quiet and --verbose do not go together", hint="leave out one")
            if unsaid := _unsaid.get():
                needs_value([""], *unsaid)
            yield screen
    except BisyncError as error:
        raise SystemExit(_report(screen, error)) from None
    except KeyboardInterrupt:
        again = f"everything is in order; carry on with: bisync {_at_work.get()}"
        stopped = Interrupted("interrupted", hint=again)
        raise SystemExit(_report(screen, stopped)) from None
    except BrokenPipeError:
        drop_output()
        raise SystemExit(1) from None
    except OSError as error:
        # The disk's or the system's word, and where. (A bug that ends here still says which file.)
        raise SystemExit(_report(screen, disk_error(error, where=None, then="run again"))) from None
    except Exception as bug:
        raise SystemExit(_report(screen, _bug(bug))) from None
    finally:
        sys.unraisablehook = hook
        for each, handler in before.items():
            signal.signal(each, handler)


def drop_output() -> None:
    """Let what is not written yet go nowhere: whoever read it has gone (`bisync plan | head`)."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _unraisable(what: sys.UnraisableHookArgs) -> None:
    """An interrupt that fell into a finalizer, where nobody hears it, is said once more when that is over.

    (Python docs, sys.unraisablehook, _thread.interrupt_main.)
    """
    if what.exc_type is KeyboardInterrupt:
        again = threading.Timer(0.05, _thread.interrupt_main, (signal.SIGTERM,))
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(what)


def _report(screen: Screen, error: BisyncError) -> int:
    """Say what went wrong, to a person or a script; the exit code."""
    screen.document(error_document(error))
    screen.problem(error)
    return error.exit_code


def _bug(bug: Exception) -> BisyncError:
    """An error nobody foresaw: one line for the screen, the traceback in a private file."""
    import traceback

    handle, name = tempfile.mkstemp(prefix="bisync-error-", suffix=".log")
    with os.fdopen(handle, "w") as log:
        log.write("".join(traceback.format_exception(bug)))
    return BisyncError(
        f"an unexpected error: {type(bug).__name__}: {bug}",
        hint=f"this is a bug; the details are in {name}",
    )


def read_manifest(path: str | None, *, sync_dir: str | None = None) -> Manifest:
    """Find and read the manifest, with another sync dir if one is given. Raises ManifestError."""
    from bisync.manifest.load import load

    found = find_manifest(path)
    try:
        return load(found, env=os.environ, home=Path.home(), sync_dir=sync_dir)
    except ManifestError as error:
        if error.hint is None and any(fault.line for fault in error.faults):
            from bisync.core.printable import typed

            again = f" --manifest {typed(path)}" if path else ""
            error.hint = f"mend it, then type: bisync validate{again}"
        raise


def find_manifest(path: str | None) -> Path:
    """Where the manifest is. Raises ManifestError where there is none."""
    from bisync.files import named_path
    from bisync.manifest.load import find

    return find(named_path(path) if path else None, os.environ, where(), Path.home())


def where() -> Path:
    """The folder that the person is in. Raises BisyncError where it is gone."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise BisyncError(
            "the folder that you are in is not there any more", hint="go to another one: cd ~; then run again"
        ) from None


def say_which(screen: Screen, manifest: Manifest) -> None:
    """Say which manifest is used, where it is not the one of last time."""
    from bisync.state.last_manifest import instead_of

    before = instead_of(manifest.path, os.environ)
    if before is not None:
        screen.note(f"the manifest is {manifest.path} (last time: {before})")


def open_app(
    screen: Screen, path: str | None, only: Sequence[str] | None, *, sync_dir: str | None = None
) -> tuple[App, tuple[Sync, ...]]:
    """The app for a manifest, and the syncs that are meant: those in `only`, or all.

    Raises ManifestError and UsageError.
    """
    app, named, _ = _opened(screen, path, only, sync_dir, lambda word: False)
    return app, named


def open_about(
    screen: Screen, path: str | None, only: Sequence[str] | None, word: str | None
) -> tuple[App, Sequence[tuple[Sync, Wanted | None]]]:
    """As `open_app`, and what is meant in each sync by a word for files; None: everything.

    A bare word, which comes in `only`, is for files where no sync is called so and it cannot be a sync's name that is
    mistyped. Raises UsageError for several.
    """
    app, syncs, words = _opened(screen, path, only, None, looks_like_files)
    words = [*([word] if word is not None else []), *words]
    if not words:
        return app, [(sync, None) for sync in syncs]
    if len(words) > 1:
        raise UsageError(
            f"one path, folder or pattern at a time, not {len(words)}",
            hint="a pattern stands in quotes, or the shell takes it for its own: 'work/*.md'",
        )
    from bisync.sync.located import wanted

    return app, wanted(syncs, words[0], Path.cwd())


def looks_like_files(word: str) -> bool:
    """Whether a bare word is rather for files than for a sync: a name of one has no / and no sign of a pattern.

    It may have a dot; but a file's ending is the likelier one.
    """
    return any(sign in word for sign in "/*?[.~")


def _opened(
    screen: Screen,
    path: str | None,
    only: Sequence[str] | None,
    sync_dir: str | None,
    is_no_name: Callable[[str], bool],
) -> tuple[App, tuple[Sync, ...], list[str]]:
    """The app, the syncs that are meant, and the words of `only` that are for something else."""
    needs_value(only, "--only")
    from bisync import providers
    from bisync.app import App
    from bisync.manifest.load import select_syncs

    # A run makes a few small values for every file, and no cycles: the collector would walk all of them again and
    # again (a third of the time at 10,000 files) and find none.
    gc.disable()
    manifest = providers.recognised(read_manifest(path, sync_dir=sync_dir))
    say_which(screen, manifest)
    app = App(manifest=manifest, env=dict(os.environ), on_plan=screen.plan, on_event=screen.hear)
    known = {sync.name for sync in manifest.syncs}
    only = [name for word in only or [] for name in names_in(word, known, is_no_name)]
    needs_value(only or None, "--only")
    others = [word for word in only if word not in known and is_no_name(word)]
    return app, select_syncs(manifest, [word for word in only if word not in others]), others


def names_in(word: str, known: set[str], is_no_name: Callable[[str], bool]) -> list[str]:
    """The names in a word for syncs, with commas between (`notes,work`).

    One that may be for files is left whole, as long as no part of it is a sync's name.
    """
    parts = word.split(",")
    return [word] if is_no_name(word) and not known & set(parts) else parts


def headed(screen: Screen, syncs: Sequence[Sync]) -> Iterator[Sync]:
    """One sync after the other, under a headline where there are several."""
    for sync in syncs:
        if len(syncs) > 1:
            screen.say(f"── {sync.name}")
        screen.turn_to(sync.name)
        yield sync


Result = TypeVar("Result")


def each(
    screen: Screen,
    syncs: Sequence[Sync],
    work: Callable[[Sync], Result],
    words: Callable[[Result], Iterable[Shown]] | None,
    jobs: Any = 1,
) -> list[Result]:
    """Work on every sync, and tell what came of it in their order; all the results. No `words`: in silence.

    `jobs` of them at a time. What one raises is raised when the others have ended.
    """
    at_once = whole_number(jobs, "--jobs", least=1) or 1
    results: list[Result] = []
    problems: list[Exception] = []
    with _pool(min(at_once, len(syncs))) as start:
        begun = [start(work, sync) for sync in syncs]
        for _, wait in zip(syncs if words is None else headed(screen, syncs), begun, strict=True):
            try:
                results.append(wait())
            except Exception as problem:
                problems.append(problem)
                continue
            screen.tell(words(results[-1]) if words is not None else ())
    if problems:
        raise problems[0]
    return results


@contextmanager
def _pool(workers: int) -> Iterator[Callable[..., Callable[[], Any]]]:
    """Begins calls, `workers` at a time; what it returns waits for the result. One at a time: when it is asked for."""
    if workers < 2:
        yield partial
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        try:
            yield lambda work, sync: pool.submit(work, sync).result
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            _stop_threads(pool)
            raise


def _stop_threads(pool: ThreadPoolExecutor) -> None:
    """Pass Ctrl-C on to the threads, and each that follows, until they have ended."""
    from bisync import process

    while True:
        try:
            process.interrupt()
            pool.shutdown(wait=True)
        except KeyboardInterrupt:
            continue
        process.resume()
        return


def needs_value(given: Sequence[str] | None, flag: str, value: str = "NAME") -> None:
    """A flag that can be repeated and came without a value names none, which is not all. Raises UsageError.

    (invoke passes an empty list then. `invoke sync --only $NAME` with an empty NAME would sync everything.) Nor does an
    empty value name anything: `sync --plan "$PLAN"` would carry out what nobody has reviewed.
    """
    if given is not None and (not given or "" in given):
        raise UsageError(f"{flag} needs a value", hint=f"as in: {flag} {value}, or leave out {flag}")


def whole_number(value: Any, flag: str, *, least: int = 0) -> int | None:
    """A flag's number, which comes as text. Raises UsageError."""
    if value is None:
        return None
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if number < least:
        raise UsageError(f"{flag} takes a whole number, not {value!r}", hint=f"as in: {flag} {max(least, 4)}")
    return number


class Judged(Protocol):
    """A result that knows its exit code."""

    @property
    def exit_code(self) -> int:
        """One of those in docs/commands.md."""


Ending = TypeVar("Ending", bound=Judged)


def highest(results: Iterable[Judged]) -> int:
    """The highest exit code among results; 0 when there are none."""
    return max((one.exit_code for one in results), default=0)


def finish(screen: Screen, results: list[Ending], document: Callable[[list[Ending]], dict[str, Any]]) -> None:
    """Print the document of the results when one is asked for, and leave with their highest exit code."""
    screen.document(document(results))
    leave(highest(results))


def leave(code: int) -> None:
    """End the task with an exit code; 0 just returns."""
    if code:
        raise SystemExit(code)

"""What a watch says, in words and as JSON. A thing is said again only when it has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bisync.core.result import facts
from bisync.report.heed import Heed
from bisync.report.left_out import left_out_lines, note_line
from bisync.report.run_words import outcome_text, sync_lines
from bisync.report.words import Line, Problem, files, time_text

if TYPE_CHECKING:
    from bisync.watch.news import Ended, News


class Sayings:
    """Remembers what was said of each sync, so that the same error is no wall of errors."""

    def __init__(self, *, dry_run: bool = False, verbose: bool = False) -> None:
        self._dry_run = dry_run
        self._verbose = verbose
        self._errors: dict[str, str] = {}
        self._left_out: dict[str, tuple[str, ...]] = {}
        self._notes: dict[str, frozenset[str]] = {}
        self._planned: dict[str, list[Line]] = {}

    def lines(self, one: News) -> list[Line]:
        """What is to be said of this, without the time and the name of its sync."""
        from bisync.watch import news

        match one:
            case news.Watching(syncs, interval):
                often = f"looking every {time_text(interval)}, and as soon as a file changes"
                return [f"watching {', '.join(syncs)}: {often} (Ctrl-C ends it)"]
            case news.Began(_, reason):
                return [f"looking: {reason.value}"] if self._verbose else []
            case news.Busy(_, why):
                return [why] if self._verbose else []
            case news.Note(_, text):
                return [Heed(text)]
            case news.Stopped(text):
                return [text]
            case news.Broken(message, hint):
                return [Problem(f"the last good manifest goes on: {message}", hint)]
            case news.Ended():
                return self._ended(one)
        raise ValueError(f"{one} is no news")

    def _ended(self, one: Ended) -> list[Line]:
        from bisync.core.result import Outcome

        result, name = one.result, one.sync
        if self._dry_run and result.error is None:
            found = sync_lines(result, dry_run=True, verbose=self._verbose)
            same = self._planned.get(name) == found
            self._planned[name] = found
            return self._works_again(name) + ([] if same else found)
        if result.error is not None:
            if self._errors.get(name) == result.error:
                return []
            self._errors[name] = result.error
            again = f"tried again in {time_text(one.next_in)}, or as soon as something changes"
            return [Problem(f"{result.error} ({again})", result.hint)]
        said = self._works_again(name)
        notes, before = frozenset(result.notes), self._notes.get(name, frozenset())
        self._notes[name] = notes
        left_out = tuple(left_out_lines(result.left_out))
        news = self._left_out.get(name, ()) != left_out
        self._left_out[name] = left_out
        if result.outcome is not Outcome.IDLE:
            return [*said, *sync_lines(result, verbose=self._verbose)]
        said += [note_line(note) for note in result.notes if note in notes - before]
        return [*said, *left_out] if news else said

    def _works_again(self, name: str) -> list[Line]:
        return [Heed("works again")] if self._errors.pop(name, None) is not None else []


def state_text(one: Ended) -> str:
    """How a run ended, in a few words."""
    result = one.result
    if result.error is not None:
        return result.error
    done = outcome_text(result) or "nothing to do"
    return f"{done}, {files(len(result.left_out))} left out" if result.left_out else done


def event_document(one: News, at: str) -> dict[str, Any]:
    """One line of `sync --watch --json`: what happened, and when (RFC 3339)."""
    from bisync.watch import news

    document: dict[str, Any] = {"version": 1, "at": at, "event": type(one).__name__.lower()}
    match one:
        case news.Watching(syncs, interval):
            return {**document, "syncs": list(syncs), "interval": interval}
        case news.Began(sync, reason):
            return {**document, "sync": sync, "reason": reason.value}
        case news.Ended(sync, result, next_in):
            return {**document, "sync": sync, **facts(result), "next_in": round(next_in, 1)}
        case news.Busy(sync, why):
            return {**document, "sync": sync, "text": why}
        case news.Note(sync, text):
            return {**document, "sync": sync, "text": text}
        case news.Broken(message, hint):
            return {**document, "error": message, "hint": hint}
        case news.Stopped(why):
            return {**document, "text": why}
    raise ValueError(f"{one} is no news")

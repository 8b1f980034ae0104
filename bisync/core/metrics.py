"""What Prometheus is told of every sync, as text that its node exporter's textfile collector reads. Pure.

(https://prometheus.io/docs/instrumenting/exposition_formats/, "Text-based format".)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bisync.core.result import Outcome, SyncResult, ended_well

ACTIONS = ("uploaded", "downloaded", "deleted_local", "deleted_cloud", "renamed", "merged")


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """How a run ended. `at`: when, in seconds since the epoch. `files`: how many it moved, by action."""

    at: float
    outcome: str
    exit_code: int
    seconds: float = 0.0
    files: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0
    left_out: int = 0

    @property
    def is_good(self) -> bool:
        """Whether it ended well."""
        return ended_well(self.outcome, self.exit_code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is told of one sync. `last` None: it never ran. `good_at`: when it last ran well, in the same seconds."""

    name: str
    last: LastRun | None
    good_at: float | None
    conflicts: int


def of_result(result: SyncResult, at: float) -> LastRun:
    """A run that ended just now."""
    return LastRun(
        at=at,
        outcome=result.outcome.value,
        exit_code=result.exit_code,
        seconds=result.seconds,
        files={action: getattr(result, action) for action in ACTIONS},
        bytes=result.bytes,
        left_out=len(result.left_out),
    )


def of_entry(entry: Mapping[str, Any], at: float) -> LastRun:
    """A run of the past, as its line of the history has it. What the line does not say is no good word on the run."""
    return LastRun(
        at=at,
        outcome=str(entry.get("outcome")),
        exit_code=int(entry.get("exit_code", 1)),
        seconds=float(entry.get("seconds", 0.0)),
        files={action: int(entry.get(action, 0)) for action in ACTIONS},
        bytes=int(entry.get("bytes", 0)),
        left_out=len(entry.get("left_out") or ()),
    )


def metrics_text(syncs: Sequence[Measured]) -> str:
    """The whole file: every metric of every sync, each with its help and type."""
    return "".join(line for metric in _METRICS for line in metric.lines(syncs))


Sample = tuple[Mapping[str, str], float | None]


@dataclass(frozen=True, slots=True)
class _Metric:
    """A gauge. `samples`: its values for one sync, each with the labels it has besides `sync`; None: no such value."""

    name: str
    help: str
    samples: Callable[[Measured], Iterable[Sample]]

    def lines(self, syncs: Sequence[Measured]) -> Iterator[str]:
        yield f"# HELP {self.name} {self.help}\n"
        yield f"# TYPE {self.name} gauge\n"
        for sync in syncs:
            for labels, value in self.samples(sync):
                if value is not None:
                    told = ",".join(
                        f'{key}="{_escaped(text)}"' for key, text in {"sync": sync.name, **labels}.items()
                    )
                    yield f"{self.name}{{{told}}} {_number(value)}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(round(float(value), 3))


def _one(value: Callable[[Measured], float | None]) -> Callable[[Measured], Iterable[Sample]]:
    return lambda sync: [({}, value(sync))]


def _of_last(value: Callable[[LastRun], float]) -> Callable[[Measured], Iterable[Sample]]:
    return _one(lambda sync: None if sync.last is None else value(sync.last))


def _outcomes(sync: Measured) -> Iterator[Sample]:
    said = sync.last.outcome if sync.last is not None else None
    for one in Outcome:
        yield {"outcome": one.value}, int(one.value == said)


def _files(sync: Measured) -> Iterator[Sample]:
    if sync.last is not None:
        for action in ACTIONS:
            yield {"action": action}, sync.last.files.get(action, 0)


_METRICS = (
    _Metric(
        "bisync_last_success_timestamp_seconds",
        "When the sync last ran with exit code 0, in seconds since 1970; 0: never.",
        _one(lambda sync: sync.good_at or 0),
    ),
    _Metric(
        "bisync_last_run_timestamp_seconds",
        "When the sync's last run ended, in seconds since 1970; 0: there was none.",
        _one(lambda sync: sync.last.at if sync.last is not None else 0),
    ),
    _Metric(
        "bisync_last_run_success",
        "Whether the last run ended with exit code 0.",
        _one(lambda sync: int(sync.last is not None and sync.last.is_good)),
    ),
    _Metric(
        "bisync_last_run_outcome", "How the last run ended: 1 for its outcome, 0 for the others.", _outcomes
    ),
    _Metric(
        "bisync_last_run_exit_code", "The exit code of the last run.", _of_last(lambda last: last.exit_code)
    ),
    _Metric(
        "bisync_last_run_duration_seconds", "How long the last run took.", _of_last(lambda last: last.seconds)
    ),
    _Metric("bisync_last_run_files", "How many files the last run moved, by what became of them.", _files),
    _Metric(
        "bisync_last_run_bytes",
        "How many bytes travelled in the last run.",
        _of_last(lambda last: last.bytes),
    ),
    _Metric(
        "bisync_last_run_left_out_files",
        "How many files the last run went without.",
        _of_last(lambda last: last.left_out),
    ),
    _Metric(
        "bisync_conflicts_waiting",
        "How many conflicts waited for a decision when the sync last ran well.",
        _one(lambda sync: sync.conflicts),
    ),
)

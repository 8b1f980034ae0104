"""The text of the metrics, by the rules of Prometheus."""

from __future__ import annotations

import re

import pytest

from bisync.core.metrics import ACTIONS, LastRun, Measured, metrics_text, of_entry, of_result
from bisync.core.result import Outcome
from tests.support.results import sync_result

pytestmark = pytest.mark.pure

# "Text-based format": a metric's name, its labels, a value.
SAMPLE = re.compile(
    r'(?P<name>[a-z_]+)\{(?P<labels>(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\} (?P<value>[0-9.]+)'
)


def samples(text: str) -> dict[str, float]:
    """The values by name and labels. Every line is a sample, a help or a type, in this order for each metric."""
    found: dict[str, float] = {}
    metric = ""
    kinds: list[str] = []
    for line in text.splitlines():
        if line.startswith("# "):
            _, kind, name, _ = line.split(" ", 3)
            kinds.append(kind)
            assert kind == "HELP" or (name == metric and line.endswith(" gauge"))
            metric = name
            continue
        match = SAMPLE.fullmatch(line)
        assert match is not None and match["name"] == metric, line
        key = f"{metric}{{{match['labels']}}}"
        assert key not in found
        found[key] = float(match["value"])
    assert text.endswith("\n") and kinds == ["HELP", "TYPE"] * (len(kinds) // 2)
    return found


def measured(name: str = "notes", last: LastRun | None = None, **more: object) -> Measured:
    return Measured(**{"name": name, "last": last, "good_at": None, "conflicts": 0, **more})  # type: ignore[arg-type]


def test_everything_is_told_of_a_run() -> None:
    result = sync_result(
        uploaded=1,
        downloaded=2,
        deleted_local=3,
        deleted_cloud=4,
        renamed=5,
        merged=6,
        bytes=2048,
        seconds=1.5004,
        exit_code=1,
    )

    found = samples(
        metrics_text([measured(last=of_result(result, 1_763_806_501.25), good_at=1_763_806_500, conflicts=6)])
    )

    assert found == {
        'bisync_last_success_timestamp_seconds{sync="notes"}': 1_763_806_500,
        'bisync_last_run_timestamp_seconds{sync="notes"}': 1_763_806_501.25,
        'bisync_last_run_success{sync="notes"}': 0,
        'bisync_last_run_outcome{sync="notes",outcome="done"}': 1,
        'bisync_last_run_outcome{sync="notes",outcome="idle"}': 0,
        'bisync_last_run_outcome{sync="notes",outcome="refused"}': 0,
        'bisync_last_run_outcome{sync="notes",outcome="failed"}': 0,
        'bisync_last_run_exit_code{sync="notes"}': 1,
        'bisync_last_run_duration_seconds{sync="notes"}': 1.5,
        'bisync_last_run_files{sync="notes",action="uploaded"}': 1,
        'bisync_last_run_files{sync="notes",action="downloaded"}': 2,
        'bisync_last_run_files{sync="notes",action="deleted_local"}': 3,
        'bisync_last_run_files{sync="notes",action="deleted_cloud"}': 4,
        'bisync_last_run_files{sync="notes",action="renamed"}': 5,
        'bisync_last_run_files{sync="notes",action="merged"}': 6,
        'bisync_last_run_bytes{sync="notes"}': 2048,
        'bisync_last_run_left_out_files{sync="notes"}': 0,
        'bisync_conflicts_waiting{sync="notes"}': 6,
    }


def test_a_sync_that_never_ran_is_no_success() -> None:
    found = samples(metrics_text([measured()]))

    assert set(found.values()) == {0}
    assert 'bisync_last_success_timestamp_seconds{sync="notes"}' in found
    assert not any("exit_code" in name or "files" in name for name in found)


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("code", [0, 1, 4, 5, 6, 130])
def test_only_a_run_that_ended_well_reads_as_good(outcome: Outcome, code: int) -> None:
    last = of_result(sync_result(outcome=outcome, exit_code=code), 1.0)
    found = samples(metrics_text([measured(last=last)]))

    assert last.is_good == (code == 0 and outcome in (Outcome.DONE, Outcome.IDLE))
    assert found['bisync_last_run_success{sync="notes"}'] == last.is_good
    assert [name for name, value in found.items() if "outcome=" in name and value] == [
        f'bisync_last_run_outcome{{sync="notes",outcome="{outcome}"}}'
    ]


@pytest.mark.parametrize(
    "entry", [{}, {"outcome": "done"}, {"exit_code": 0}, {"outcome": "failed", "error": "killed"}]
)
def test_a_line_that_says_little_is_no_success(entry: dict[str, object]) -> None:
    assert not of_entry(entry, 1.0).is_good


def test_a_line_of_the_history_says_the_same_as_its_run() -> None:
    entry = {"outcome": "done", "exit_code": 0, "seconds": 1.5, "bytes": 7, "left_out": [{}], "uploaded": 3}

    assert of_entry(entry, 9.0) == LastRun(
        at=9.0, outcome="done", exit_code=0, seconds=1.5, bytes=7, left_out=1,
        files={action: 3 if action == "uploaded" else 0 for action in ACTIONS},
    )  # fmt: skip


def test_each_metric_has_one_head_for_all_syncs_and_labels_are_escaped() -> None:
    hostile = 'a"b\\c\nd'
    text = metrics_text([measured(), measured(hostile)])

    assert text.count("# TYPE bisync_last_run_success gauge\n") == 1
    assert r'bisync_last_run_success{sync="a\"b\\c\nd"} 0' in text.splitlines()
    assert len(samples(text)) == 2 * len(samples(metrics_text([measured()])))

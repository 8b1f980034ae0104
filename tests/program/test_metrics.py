"""`sync --metrics`: what the file says after each run, whatever became of the run and of the file."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from datetime import timedelta

import pytest

from bisync.core.result import Outcome
from bisync.sync.metrics import Metrics
from tests.core.test_metrics import samples
from tests.support.machine import as_ordinary_user
from tests.support.results import sync_result
from tests.support.world import S3, Device

LAST_GOOD = 'bisync_last_success_timestamp_seconds{sync="notes"}'
GOOD = 'bisync_last_run_success{sync="notes"}'
CODE = 'bisync_last_run_exit_code{sync="notes"}'


def told(device: Device) -> dict[str, float]:
    return samples((device.home / "bisync.prom").read_text())


def test_a_day_of_runs(ready: Device, cloud: S3, below: str) -> None:
    began = time.time()
    ready.write("a.md", "12345")
    ready.run("sync", "--metrics", "bisync.prom", "--dry-run")
    assert not (ready.home / "bisync.prom").exists()

    ready.run("sync", "--metrics", "bisync.prom")
    first = told(ready)
    assert first['bisync_last_run_outcome{sync="notes",outcome="done"}'] == 1
    assert first['bisync_last_run_files{sync="notes",action="uploaded"}'] == 1
    assert first['bisync_last_run_bytes{sync="notes"}'] == 5
    assert (
        began - 1
        <= first[LAST_GOOD]
        == first['bisync_last_run_timestamp_seconds{sync="notes"}']
        <= time.time()
    )
    assert stat.S_IMODE((ready.home / "bisync.prom").stat().st_mode) == 0o644, "another user collects them"

    (ready.home / "bisync.prom").chmod(0o640)
    good = ready.s3_manifest()
    ready.write_manifest(good + f"    hooks: {json.dumps({'before_sync': [['false']]})}\n")
    ready.run("sync", "--metrics", "bisync.prom", expect=1)
    failed = told(ready)
    assert (failed[GOOD], failed[CODE]) == (0, 1)
    assert failed['bisync_last_run_outcome{sync="notes",outcome="failed"}'] == 1
    # The last one that was good ended no later, and by the history's clock, which has whole seconds.
    assert first[LAST_GOOD] - 2 <= failed[LAST_GOOD] <= first[LAST_GOOD]
    assert stat.S_IMODE((ready.home / "bisync.prom").stat().st_mode) == 0o640, "somebody has chosen it"

    ready.write_manifest(good)
    ready.write("a.md", "mine")
    cloud.put(f"{below}/a.md", "theirs, longer")
    ready.run("sync", "--profile", "safe", "--metrics", "bisync.prom")
    assert told(ready)['bisync_conflicts_waiting{sync="notes"}'] == 1
    assert told(ready)[GOOD] == 1


def two_syncs(device: Device, below: str) -> None:
    one = device.s3_manifest()
    more = f"  work:\n    tenant: team\n    dir: ~/work\n    path: {below}-work\n"
    device.write_manifest(one + more)


def test_syncs_that_did_not_run_keep_what_their_history_says(ready: Device, below: str) -> None:
    two_syncs(ready, below)
    ready.run("setup", "--only", "work")
    ready.write("a.md", "1")
    ready.run("sync")
    hooks = f"    hooks: {json.dumps({'after_sync': [['false']]})}\n"
    ready.write_manifest((ready.home / "bisync.yaml").read_text() + hooks)
    ready.run("sync", "work", expect=1)

    ready.run("sync", "notes", "--metrics", "bisync.prom")

    found = told(ready)
    assert (found[GOOD], found['bisync_last_run_success{sync="work"}']) == (1, 0)
    assert found['bisync_last_run_exit_code{sync="work"}'] == 1, "its hook had failed"
    assert 0 < found['bisync_last_success_timestamp_seconds{sync="work"}'] <= found[LAST_GOOD]


@pytest.mark.parametrize("place", ["missing/bisync.prom", "closed/bisync.prom"])
def test_a_file_that_cannot_be_written_is_said_and_loses_no_result(ready: Device, place: str) -> None:
    (ready.home / "closed").mkdir()
    before = as_ordinary_user(ready.home)
    (ready.home / "closed").chmod(0o555)
    ready.write("a.md", "a")
    if before:
        os.chown(ready.notes / "a.md", 65534, 65534)

    said = ready.run("sync", "--metrics", place, "--json", expect=1, before=before)

    [one] = said.json["syncs"]
    assert (one["outcome"], one["uploaded"]) == ("done", 1)
    assert one["notes"][-1].startswith("the metrics could not be written to ")


def test_what_is_no_file_is_refused_before_anything_runs(ready: Device) -> None:
    ready.write("a.md", "a")
    os.mkfifo(ready.home / "pipe")

    for place in (".", "pipe"):
        said = ready.run("sync", "--metrics", place, expect=2)
        assert "--metrics writes a file" in said.err
    assert (ready.home / "pipe").is_fifo()
    assert ready.run("sync").out.endswith("1 file uploaded\n")


def test_a_run_that_is_interrupted_or_refused_is_no_success(ready: Device) -> None:
    app = ready.app()
    metrics, [sync] = Metrics(app, ready.home / "bisync.prom"), app.manifest.syncs

    def interrupted() -> None:
        raise KeyboardInterrupt

    metrics.measured(sync, sync_result)
    good = told(ready)
    with pytest.raises(KeyboardInterrupt):
        metrics.measured(sync, interrupted)  # type: ignore[arg-type]

    assert (good[GOOD], told(ready)[GOOD], told(ready)[CODE]) == (1, 0, 130)
    assert told(ready)[LAST_GOOD] == good[LAST_GOOD]
    ready.run("sync", "--profile", "nobody's", "--metrics", "bisync.prom", expect=2)
    assert (told(ready)[GOOD], told(ready)[CODE]) == (0, 2)


def test_many_threads_write_whole_files(ready: Device, below: str) -> None:
    two_syncs(ready, below)
    app = ready.app()
    path = ready.home / "bisync.prom"
    metrics = Metrics(app, path)
    ended = threading.Event()
    looks: list[dict[str, float]] = []

    def look() -> None:
        while not ended.is_set():
            looks.append(samples(path.read_text()))

    metrics.after(app.manifest.syncs[0], sync_result())
    reader = threading.Thread(target=look)
    reader.start()
    writers = [
        threading.Thread(
            target=lambda one=one: [metrics.after(one, sync_result(uploaded=n)) for n in range(30)]
        )
        for one in app.manifest.syncs
    ]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    ended.set()
    reader.join()

    assert {len(look) for look in looks} <= {len(told(ready)), len(told(ready)) - 10}
    for sync in ("notes", "work"):
        assert told(ready)[f'bisync_last_run_files{{sync="{sync}",action="uploaded"}}'] == 29
    assert [one.name for one in ready.home.iterdir() if one.name.startswith(".bisync.prom")] == []


def test_a_run_of_another_process_counts_when_it_is_later(ready: Device) -> None:
    app = ready.app()
    before = app.now() - timedelta(minutes=1)
    metrics = Metrics(ready.app(now=lambda: before), ready.home / "bisync.prom")
    ready.sync()

    metrics.after(app.manifest.syncs[0], sync_result(outcome=Outcome.FAILED, exit_code=1))

    assert (told(ready)[GOOD], told(ready)[CODE]) == (1, 0)


def test_a_tilde_is_the_home(ready: Device) -> None:
    ready.run("sync", "--metrics", "~/elsewhere.prom")

    assert (ready.home / "elsewhere.prom").exists()

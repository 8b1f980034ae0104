"""A sample of the sweep, every fault at every moment of a run; all of it: `python -m tests.support.sweep`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync.sync import naming
from tests.support.sweep.__main__ import SCENES, cases
from tests.support.sweep.faults import FAULTS
from tests.support.sweep.play import Case, scene
from tests.support.sweep.verdict import judge, undisturbed

CASES = 4
KINDS = {"open", "list", "look at", "make folder", "remove folder", "rename", "rename exclusively"}


@pytest.mark.parametrize("name", SCENES)
def test_a_fault_at_a_moment_needs_no_human(tmp_path: Path, name: str) -> None:
    made = scene(name, tmp_path / name)
    alone, wanted = undisturbed(made)
    words = {one.words.partition(" notes/")[0] for one in alone.moments}
    assert words >= KINDS
    every = cases(alone.moments, FAULTS)
    for case in every[:: len(every) // CASES]:
        verdict = judge(made, case, wanted, listings=case is every[0])
        assert verdict is None or not verdict.wrong, verdict


def test_the_sweep_sees_a_run_that_writes_over_what_was_just_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "_renamed", lambda source, target: source.replace(target))
    made = scene("sync", tmp_path / "sync")
    alone, wanted = undisturbed(made)
    moment = next(one for one in alone.moments if one.words.endswith("fresh.md to notes/fresh.md"))

    verdict = judge(made, Case("file", moment.number, "save"), wanted, listings=False)

    assert verdict is not None
    assert any(one.startswith("lost: ['# saved at file") for one in verdict.wrong), verdict

"""Whole manifests as files: drop one into cases/manifest/valid or /invalid and it is a test.

An invalid one ends with what has to be said about it, every problem in full, as comments:

    # expected:
    # bisync.yaml:3:5: tenants.a: needs "bucket": …

A line that ends in … is only how the problem begins (the keys that there are may become more).
`NAME.local.yaml` beside `NAME.yaml` is its overlay. The manifest is read as bisync.yaml in an empty folder,
with the home in `home` below it and no environment; HUNTER2 stands for a secret that nothing may repeat.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from bisync.errors import ManifestError
from bisync.manifest import schema_check
from bisync.manifest.document import read
from bisync.manifest.load import load
from bisync.report.fault_words import fault_lines

pytestmark = pytest.mark.pure

CASES = Path(__file__).parents[1] / "cases" / "manifest"


def cases(kind: str) -> list[object]:
    files = sorted(one for one in (CASES / kind).glob("*.yaml") if not one.stem.endswith(".local"))
    assert files
    return [pytest.param(one, id=one.stem) for one in files]


def placed(case: Path, folder: Path) -> Path:
    shutil.copy(case, folder / "bisync.yaml")
    overlay = case.with_name(f"{case.stem}.local.yaml")
    if overlay.exists():
        shutil.copy(overlay, folder / "bisync.local.yaml")
    return folder / "bisync.yaml"


def expected(case: Path) -> list[str]:
    _, _, text = case.read_text("utf-8").partition("# expected:\n")
    return [line.removeprefix("# ") for line in text.splitlines()]


@pytest.mark.parametrize("case", cases("valid"))
def test_a_valid_manifest_loads(case: Path, tmp_path: Path) -> None:
    path = placed(case, tmp_path)

    load(path, env={}, home=tmp_path / "home")

    merged = read(path).data
    assert schema_check.accepts(merged, schema_check.load_schema(), schema_check.load_schema())


@pytest.mark.parametrize("case", [one for one in cases("invalid") if "yaml_" in str(one)])
def test_both_parsers_of_yaml_are_understood(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one in C is not everywhere, and has words of its own."""
    monkeypatch.delattr(yaml, "CSafeLoader")
    path = placed(case, tmp_path)

    with pytest.raises(ManifestError) as caught:
        load(path, env={}, home=tmp_path / "home")

    assert list(caught.value.problems) == expected(case)


@pytest.mark.parametrize("case", cases("invalid"))
def test_every_problem_of_an_invalid_manifest_is_said_at_once(case: Path, tmp_path: Path) -> None:
    path = placed(case, tmp_path)

    with pytest.raises(ManifestError) as caught:
        load(path, env={}, home=tmp_path / "home")

    said = [line.replace(str(tmp_path), "TMP") for line in caught.value.problems]
    for line, wanted in zip(said, expected(case), strict=True):
        assert line == wanted or (wanted.endswith("…") and line.startswith(wanted[:-1]))
    shown = "\n".join(line.text for line in fault_lines(caught.value.faults, tmp_path, 110))
    assert "HUNTER2" not in shown
    assert all("\n" not in line for line in caught.value.problems)

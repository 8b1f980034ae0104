"""What the tasks share: one sync after the other, each told before the next begins; the document, the code."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from bisync.tasks._edge import each, edge, finish, highest

from bisync.config import EmbeddedTenant, Sync
from bisync.report.screen import Screen
from bisync.report.words import Problem

pytestmark = pytest.mark.pure


@dataclass(frozen=True)
class Done:
    name: str
    exit_code: int


def sync(name: str) -> Sync:
    return Sync(
        name=name, tenant=EmbeddedTenant(name="t", tenant_id=None, storage=Path("/s")), dir=Path("/d")
    )


def work(one: Sync) -> Done:
    print(f"work on {one.name}")
    return Done(one.name, len(one.name))


def words(done: Done) -> list[str | Problem]:
    return [f"told of {done.name}", Problem(f"wrong with {done.name}")]


def test_each_sync_is_told_before_the_next_begins(capsys: pytest.CaptureFixture[str]) -> None:
    assert each(Screen(), [sync("a"), sync("bb")], work, words) == [Done("a", 1), Done("bb", 2)]

    said = capsys.readouterr()
    assert said.out == "── a\nwork on a\ntold of a\n── bb\nwork on bb\ntold of bb\n"
    assert said.err == "Error: wrong with a\nError: wrong with bb\n"


def test_one_sync_needs_no_headline(capsys: pytest.CaptureFixture[str]) -> None:
    each(Screen(), [sync("a")], work, words)
    assert capsys.readouterr().out == "work on a\ntold of a\n"
    assert each(Screen(), [], work, words) == []


def test_the_highest_exit_code_counts() -> None:
    assert highest([]) == 0
    assert highest([Done("a", 3), Done("b", 4), Done("c", 0)]) == 4


@pytest.mark.parametrize(("as_json", "out"), [(True, '{\n  "names": [\n    "a"\n  ]\n}\n'), (False, "")])
def test_the_document_comes_before_the_code(
    as_json: bool, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        finish(Screen(as_json=as_json), [Done("a", 3)], lambda found: {"names": [one.name for one in found]})

    assert left.value.code == 3
    assert capsys.readouterr().out == out
    finish(Screen(), [Done("a", 0)], lambda found: {})


def test_an_interrupt_that_fell_into_a_finalizer_is_heard(capsys: pytest.CaptureFixture[str]) -> None:
    class Finalized:
        def __del__(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended, edge(Screen()):
        one = Finalized()
        del one
        for _ in range(1000):
            time.sleep(0.001)

    assert ended.value.code == 130
    said = capsys.readouterr().err
    assert "interrupted" in said and "Traceback" not in said

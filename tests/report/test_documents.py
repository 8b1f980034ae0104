"""What a script reads: the keys of every document, and what they hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from bisync.actions.schedule import Scheduled
from bisync.core.deeds import Left
from bisync.core.result import Finding, Outcome
from bisync.core.snapshot import LeftOut
from bisync.errors import BisyncError, GuardRefused
from bisync.locks.holders import Waiter
from bisync.report import documents
from bisync.schedule.form import Form
from bisync.schedule.scheduler import Todo
from bisync.sync.bring_back import Blocked, Coming
from tests.support import results

pytestmark = pytest.mark.pure

NONE = type(None)
Shape = dict[str, Any]
"""The type, or the types, of each key; a list of one shape for a list of such."""


class Perhaps(NamedTuple):
    """A shape, or null."""

    shape: Shape


def fits(value: Any, shape: Any) -> bool:
    """Whether a document has exactly these keys with values of these types."""
    match shape:
        case Perhaps(inner):
            return value is None or fits(value, inner)
        case dict():
            return (
                isinstance(value, dict)
                and value.keys() == shape.keys()
                and all(fits(value[key], shape[key]) for key in shape)
            )
        case [one]:
            return isinstance(value, list) and all(fits(each, one) for each in value)
        case tuple():
            return type(value) in shape
        case _:
            return type(value) is shape


class Case(NamedTuple):
    """A document of some results, and of none; the key of its list, and the shape of each entry."""

    make: Callable[[Any], dict[str, Any]]
    given: list[Any]
    key: str
    entry: Shape


CASES = {
    "sync": Case(
        documents.sync_document,
        [
            results.sync_result(),
            results.sync_result(
                outcome=Outcome.FAILED, run=None, error="no network", hint="wait", notes=("it recovered",),
                conflicts=(results.conflict(),), left_out=(LeftOut("a", "no room"),), seconds=1.23456,
            ),
        ],
        "syncs",
        {
            "name": str, "mode": str, "outcome": str, "uploaded": int, "downloaded": int, "deleted_local": int,
            "deleted_cloud": int, "renamed": int, "merged": int,
            "conflicts": [{"path": str, "copies": [str], "winner": str, "device": (str, NONE)}],
            "left_out": [{"path": str, "why": str}], "notes": [str], "registered": [str], "bytes": int,
            "seconds": float, "run": (str, NONE), "error": (str, NONE), "hint": (str, NONE),
        },
    ),
    "status": Case(
        documents.status_document,
        [
            results.status(),
            results.status(last_sync=None, last_outcome=None, blocked="no baseline", left_out=("a",)),
            results.status(cloud=results.overview()),
            results.status(lease=results.holder()),
            results.status(abilities="changes are told by checksum"),
            results.status(cloud=results.never_asked()),
        ],
        "syncs",
        {
            "name": str, "tenant": str, "initialised": bool, "local": str, "remote": str, "profile": str,
            "last_sync": (str, NONE), "last_outcome": (str, NONE), "projects": int, "storage_bytes": int,
            "conflicts": int, "blocked": (str, NONE), "left_out": [str], "running": bool,
            "keeps_cloud_versions": bool, "abilities": (str, NONE),
            "lease": Perhaps({"device": str, "run": str, "seconds": int, "dead": bool}),
            "cloud": Perhaps({
                "host": str, "answers": bool, "as_of": (str, NONE), "trouble": (str, NONE), "health": (str, NONE),
                "tenant_id": (str, NONE), "workspace": (str, NONE), "subscribed": (bool, NONE),
                "projects": Perhaps({"both": [str], "only_cloud": [str], "only_local": [str]}),
            }),
        },
    ),
    "check": Case(
        documents.check_document,
        [
            results.check_result(match=2, by_size_only=1, differ=("a",)),
            results.check_result(error=BisyncError("gone")),
        ],
        "syncs",
        {
            "name": str, "match": int, "by_size_only": int, "differ": [str], "missing_local": [str],
            "missing_cloud": [str], "errors": [str], "error": (str, NONE),
        },
    ),
    "setup": Case(
        documents.setup_document,
        [results.setup_result("ok", "changed"), results.setup_result("failed"), results.setup_result()],
        "syncs",
        {"name": str, "steps": [{"step": str, "state": str, "detail": str, "hint": (str, NONE)}]},
    ),
    "conflicts": Case(
        documents.conflicts_document,
        [results.conflict_group()],
        "conflicts",
        {
            "sync": str, "path": str,
            "versions": [
                {"path": str, "size": int, "modified": str, "origin": (str, NONE), "device": (str, NONE)}
            ],
        },
    ),
    "history": Case(
        documents.history_document,
        [results.history({"run": results.RUN}, versions=(results.kept(),)), results.history()],
        "syncs",
        {
            "name": str, "runs": [{"run": str}],
            "versions": [{"run": str, "side": str, "path": str, "size": int, "known": bool}],
        },
    ),
    "doctor": Case(
        documents.doctor_document,
        [
            Finding(about="rclone", level="ok", text="1.75.2"),
            Finding(about="notes", level="problem", text="no baseline", cure="type: bisync setup"),
        ],
        "findings",
        {"about": str, "level": str, "text": str, "cure": (str, NONE)},
    ),
    "explain": Case(
        documents.explain_document,
        [results.explanation(), results.explanation(synced=True, ruled=False)],
        "paths",
        {
            "sync": str, "path": str, "synced": bool, "source": (str, NONE), "line": (int, NONE),
            "pattern": (str, NONE),
            "why": (str, NONE),
        },
    ),
    "unlock": Case(
        documents.unlock_document,
        [
            results.unlocked(),
            results.unlocked(results.holder(left=None), waiting=(Waiter("tablet", results.RUN),)),
            results.unlocked(results.holder(left=0), removed=frozenset({""})),
        ],
        "syncs",
        {
            "name": str, "waiting": [{"device": str, "run": str}],
            "holders": [{
                "path": str, "device": str, "run": str, "seconds": int, "dead": bool, "dead_in": (int, NONE),
                "removed": bool,
            }],
        },
    ),
    "undo": Case(
        documents.undo_document,
        [
            results.undone(
                *results.DEEDS, left=(Left("a.md", "edited", "bisync log a.md"), Left("b.md", "odd")),
                already=("c.md",), planned=(results.change(),), notes=("not said",),
                result=results.sync_result(notes=("one",), left_out=(LeftOut("x", "closed"),)),
            ),
            results.undone(error="too many", hint="raise the limit", notes=("one",)),
        ],
        "syncs",
        {
            "name": str, "undoes": str, "outcome": str, "run": (str, NONE),
            "deeds": [{
                "deed": str, "path": str, "size": int, "to": (str, NONE), "replaces": bool, "from": (str, NONE)
            }],
            "actions": [{"action": str, "path": str, "size": int, "to": (str, NONE)}],
            "left": [{"path": str, "why": str, "next": (str, NONE)}], "already": [str],
            "left_out": [{"path": str, "why": str}], "notes": [str],
            "error": (str, NONE), "hint": (str, NONE),
        },
    ),
    "conflicts with diffs": Case(
        documents.conflicts_document,
        [results.compared_group("a\n", "b\n"), results.compared_group(None, "\0"), results.compared_group("a")],
        "conflicts",
        {
            "sync": str, "path": str,
            "versions": [{
                "path": str, "size": int, "modified": str, "origin": (str, NONE), "device": (str, NONE),
            }],
            "diffs": [{"old": str, "new": str, "diff": (str, NONE), "why_not": (str, NONE), "binary": bool}],
        },
    ),
    "prune": Case(
        documents.prune_document,
        [results.pruned(("a.log", 1)), results.pruned(run=results.RUN)],
        "syncs",
        {"name": str, "files": [{"path": str, "size": int}], "run": (str, NONE)},
    ),
    "restore": Case(
        documents.restore_document,
        [
            results.restoration("a.md", replaced=True, left=("b.md",), foreign=("c.md",)),
            results.restoration(
                at="2026-11-22T10:00:00+01:00", unchanged=3, not_there_then=("n.md",), gone=("g.md",),
                unsynced=("u.md",), blocked=(Blocked("d", "a link"),),
            ),
        ],
        "syncs",
        {
            "name": str, "dry_run": bool, "at": (str, NONE),
            "restored": [
                {"path": str, "from": (str, NONE), "side": str, "source": (str, NONE), "size": int, "to": str,
                 "replaced": bool}
            ],
            "unchanged": int, "not_there_then": [str], "gone": [str], "unsynced": [str], "left": [str],
            "foreign": [str], "blocked": [{"path": str, "why": str}],
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_keys_of_a_document(case: Case) -> None:
    document = case.make(iter(case.given))

    assert fits(document, {"version": int, case.key: [case.entry]}), document
    assert document["version"] == 1
    assert len(document[case.key]) == len(case.given)
    assert json.loads(json.dumps(document)) == document
    assert case.make([]) == {"version": 1, case.key: []}


def test_every_document_is_looked_at() -> None:
    made = {name for name in vars(documents) if name.endswith("_document")}

    assert made == {f"{name.partition(' ')[0]}_document" for name in [*CASES, "error", "schedule"]}


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ({"a": 1}, {"a": int, "b": int}),
        ({"a": 1, "b": 2}, {"a": int}),
        ({"a": True}, {"a": int}),
        ({"a": None}, {"a": str}),
        ({"a": [1, "2"]}, {"a": [int]}),
        ({"a": (1,)}, {"a": [int]}),
        ({"a": {"b": 1, "c": 1}}, {"a": Perhaps({"b": int})}),
        ({"a": []}, {"a": Perhaps({"b": int})}),
    ],
)
def test_a_document_of_another_shape_is_noticed(value: Any, shape: Shape) -> None:
    assert not fits(value, shape)


@pytest.mark.parametrize("hint", ["raise the limit", None])
def test_the_document_of_an_error(hint: str | None) -> None:
    assert documents.error_document(GuardRefused("too many", hint=hint)) == {
        "version": 1,
        "error": "too many",
        "hint": hint,
        "exit_code": 4,
    }


SCHEDULE: Shape = {
    "version": int, "name": str, "manifest": str, "outcome": str, "installed": bool, "scheduler": (str, NONE),
    "form": (str, NONE), "interval": (str, NONE), "at_boot": (bool, NONE), "files": [str], "up_to_date": (bool, NONE),
    "active": (bool, NONE), "log": (str, NONE), "missing_variables": [str], "to_type": [str],
    "last_run": Perhaps({"sync": str, "run": (str, NONE), "at": str, "outcome": str}),
}  # fmt: skip


@pytest.mark.parametrize(
    "one",
    [
        results.scheduled(),
        results.scheduled(
            form=Form(interval=5, at_boot=True), missing=("A",), to_type=(Todo("why", "type"),)
        ),
        results.scheduled(form=None, active=None, last=None),
        results.not_scheduled("absent"),
    ],
)
def test_the_document_of_runs_in_the_background(one: Scheduled) -> None:
    document = documents.schedule_document(one)

    assert fits(document, SCHEDULE), document
    assert json.loads(json.dumps(document)) == document


def test_the_document_of_a_restore_and_of_a_dry_one() -> None:
    renamed = Coming(path="old.md", size=2048, source="new.md")
    found = replace(results.restoration("a.md"), coming=(renamed,))

    [came] = documents.restore_document([found])["syncs"]
    [would] = documents.restore_document([found], dry_run=True)["syncs"]

    assert (came["dry_run"], would["dry_run"]) == (False, True)
    assert came["restored"] == [
        {"path": "a.md", "from": results.RUN, "side": "cloud", "source": None, "size": 5, "to": "/data/notes/a.md",
         "replaced": False}
    ]  # fmt: skip
    assert would["restored"] == [
        {"path": "old.md", "from": None, "side": "here", "source": "new.md", "size": 2048, "to": "/data/notes/old.md",
         "replaced": False}
    ]  # fmt: skip


def test_what_the_documents_hold() -> None:
    [sync] = documents.sync_document([results.sync_result(uploaded=2, seconds=1.23456)])["syncs"]
    assert (sync["name"], sync["outcome"], sync["uploaded"], sync["seconds"]) == ("notes", "done", 2, 1.235)
    [check] = documents.check_document([results.check_result(error=BisyncError("gone"))])["syncs"]
    assert check["error"] == "gone"
    [status] = documents.status_document([results.status()])["syncs"]
    assert (status["local"], status["cloud"]) == ("/data/notes", None)
    [status] = documents.status_document([results.status(cloud=results.overview(trouble="no network"))])[
        "syncs"
    ]
    assert status["cloud"] == {
        "host": "cloud.example", "answers": False, "as_of": "2026-11-22T09:00:00+00:00", "trouble": "no network",
        "health": "1.2", "tenant_id": "t-1", "workspace": "personal", "subscribed": True,
        "projects": {"both": ["a"], "only_cloud": ["b"], "only_local": ["c"]},
    }  # fmt: skip
    [status] = documents.status_document([results.status(lease=results.holder(left=0))])["syncs"]
    assert status["lease"] == {"device": "desktop", "run": results.RUN, "seconds": 12, "dead": True}
    [step] = documents.setup_document([results.setup_result("failed")])["syncs"][0]["steps"]
    assert step == {"step": "rclone", "state": "failed", "detail": "about rclone", "hint": "do it"}
    [group] = documents.conflicts_document([results.conflict_group()])["conflicts"]
    assert [one["origin"] for one in group["versions"]] == ["this device", None]
    [group] = documents.conflicts_document([results.compared_group("a\n", "b\n")])["conflicts"]
    assert group["diffs"] == [{
        "old": "ideas.md", "new": "ideas.md.conflict1", "why_not": None, "binary": False,
        "diff": "--- ideas.md\t(2026-11-22T10:00:00+00:00, laptop (this device))\n"
        "+++ ideas.md.conflict1\t(2026-11-22T10:00:00+00:00)\n@@ -1 +1 @@\n-a\n+b\n",
    }]  # fmt: skip
    [prune] = documents.prune_document([results.pruned(("a.log", 1), run=results.RUN)])["syncs"]
    assert prune == {"name": "notes", "files": [{"path": "a.log", "size": 1}], "run": results.RUN}
    [history] = documents.history_document([results.history({"any": "thing"})])["syncs"]
    assert history["runs"] == [{"any": "thing"}]

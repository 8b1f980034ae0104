"""Every document has its schema, and no key that the schema does not know. (Real output: `tests.support.documents`.)"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from bisync.tasks._commands import COMMANDS
from bisync.tasks._completion import WORDS

from bisync.actions import schema
from bisync.core.agenda import Reason
from bisync.errors import BisyncError, UsageError
from bisync.report import documents
from bisync.report.watch_words import event_document
from bisync.watch import news
from tests.report.test_documents import CASES
from tests.support import results
from tests.support.documents import name_of, trouble

pytestmark = pytest.mark.pure

# What is printed instead of a task's own document, by `log PATH`, and by `sync --watch`: a line an event.
BESIDE = {"error", "log-path", "watch"}

EVENTS: list[news.News] = [
    news.Watching(("notes",), 60.0),
    news.Began("notes", Reason.START),
    news.Ended("notes", results.sync_result(conflicts=(results.conflict(),)), 30.0),
    news.Busy("notes", "another run"),
    news.Note(None, "text"),
    news.Broken("wrong", None),
    news.Stopped("Ctrl-C"),
]

MADE: list[tuple[str, dict[str, Any]]] = [
    *((name.partition(" ")[0], case.make(case.given)) for name, case in CASES.items() if name != "setup"),
    ("setup", {**documents.setup_document(CASES["setup"].given), "grants": []}),
    ("error", documents.error_document(BisyncError("no", hint="type"))),
    ("schedule", documents.schedule_document(results.scheduled())),
    ("schedule", documents.schedule_document(results.not_scheduled("absent"))),
    *(("watch", event_document(event, "2026-11-22T10:00:00+00:00")) for event in EVENTS),
]


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema in a schema."""
    if isinstance(schema, dict):
        yield schema
        for key, value in schema.items():
            for each in value.values() if key in ("properties", "$defs") else [value]:
                yield from parts(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from parts(each)


@pytest.mark.parametrize("name", schema.documents())
def test_a_schema_is_one_and_leaves_nothing_open(name: str) -> None:
    found = schema.find(name)
    jsonschema.Draft202012Validator.check_schema(found)

    assert found["$id"] == f"urn:bisync:document:{name}:1"
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    found.get("$defs", {}).pop("manifest", None)
    for part in parts(found):
        if "object" in part.get("type", ()):
            assert part.get("additionalProperties") is False or isinstance(part["additionalProperties"], dict)
        for key, value in part.get("properties", {}).items():
            assert "description" in value, key
    for whole in found.get("oneOf", [found]):
        assert whole["properties"]["version"]["const"] == 1
        assert "version" in whole["required"]


def test_every_task_with_a_document_has_a_schema_and_no_other() -> None:
    printing = {name for name, one in COMMANDS.items() if any(flag.long == "--json" for flag in one.flags())}

    assert set(schema.documents()) == printing | BESIDE
    assert list(WORDS["schema document"]) == [schema.MANIFEST, *schema.documents()]


@pytest.mark.parametrize(("name", "made"), MADE, ids=[name for name, _ in MADE])
def test_a_document_that_is_made_is_one_that_its_schema_allows(name: str, made: dict[str, Any]) -> None:
    assert trouble(name, made) == []


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(each)


@pytest.mark.parametrize(("name", "made"), MADE, ids=[name for name, _ in MADE])
def test_a_key_that_is_new_or_missing_is_noticed(name: str, made: dict[str, Any]) -> None:
    for number, _ in enumerate(objects(made)):
        other = copy.deepcopy(made)
        list(objects(other))[number]["unheard_of"] = {"as": [None]}
        assert trouble(name, other), f"a new key in object {number}"
    del made["version"]
    assert trouble(name, made)
    made["version"] = 1


def test_which_document_a_command_prints() -> None:
    entry = {"version": 1, "syncs": [{"events": []}]}
    assert name_of(["log", "a.md", "--json"], entry) == "log-path"
    assert name_of(["log", "--json"], {"version": 1, "syncs": []}) == "log"
    assert name_of(["-m", "x", "sync", "--json"], {"version": 1}) == "sync"
    assert name_of(["sync", "--watch", "--json"], {"version": 1}) == "watch"
    assert name_of(["plan"], documents.error_document(BisyncError("no"))) == "error"
    assert name_of([], {}) is None


def test_a_line_of_the_history_of_any_age() -> None:
    old = {"run": results.RUN, "at": "2026-11-22T10:00:00+00:00", "outcome": "done", "uploaded": 1}
    document = documents.history_document([results.history(old), replace(results.history(), name="work")])

    assert trouble("history", document) == []
    assert trouble("log", {"version": 1, "syncs": [
        {"name": "notes", "entry": {**old, "paths": {"renamed": [{"path": "a", "to": None}], "uploaded": ["b"]}},
         "trash": {"local": None, "cloud": None}}
    ]}) == []  # fmt: skip


def test_a_name_that_no_document_has() -> None:
    with pytest.raises(UsageError, match=r"no document is called 'statu'; did you mean status\?") as refused:
        schema.find("statu")

    assert "check, conflicts" in str(refused.value.hint)
    assert schema.find(None) == schema.find("manifest")
    assert schema.find(None)["title"] == "bisync.yaml"

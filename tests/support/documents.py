"""Every document that a test reads from the program is held against its schema, without being asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import jsonschema

from bisync.actions import schema


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    found = schema.find(name)
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def name_of(argv: Sequence[str], document: Any) -> str | None:
    """Which document a command has printed; None for what is none (a line of a watch, a file)."""
    if isinstance(document, dict) and document.keys() - {"problems"} == {
        "version",
        "error",
        "hint",
        "exit_code",
    }:
        return "error"
    known = schema.documents()
    task = next((word for word in argv if word in known), None)
    if task == "log" and any("events" in one for one in document.get("syncs", ())):
        return "log-path"
    return "watch" if task == "sync" and "--watch" in argv else task


def trouble(name: str, document: Any) -> list[str]:
    """What the schema called `name` has against a document."""
    return [
        f"{'/'.join(map(str, one.absolute_path))}: {one.message}"
        for one in _validator(name).iter_errors(document)
    ]


def held_to_its_schema(argv: Sequence[str], document: Any) -> Any:
    """The document; an assertion that fails where its schema does not allow it."""
    name = name_of(argv, document)
    if name is not None:
        found = trouble(name, document)
        assert not found, f"schema/documents/{name}.schema.json: {found}"
    return document

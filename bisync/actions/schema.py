"""The JSON schemas that come with the program: of the manifest, and of each document that `--json` prints."""

from __future__ import annotations

import json
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.resources import files
from typing import Any

from bisync.errors import UsageError
from bisync.manifest.schema_check import load_schema

MANIFEST = "manifest"
# What a schema calls that of the manifest, which it then holds in full: no reader has to fetch anything.
_MANIFEST_ID = "urn:bisync:manifest:1"
_ENDING = ".schema.json"


def documents() -> list[str]:
    """The names of the documents that have a schema, in their order."""
    lying = files("bisync.schema").joinpath("documents").iterdir()
    return sorted(one.name.removesuffix(_ENDING) for one in lying if one.name.endswith(_ENDING))


def find(name: str | None) -> dict[str, Any]:
    """The schema of a document; None: that of the manifest. Raises UsageError for a name that none has."""
    if name in (None, MANIFEST):
        return load_schema()
    known = documents()
    if name not in known:
        raise UsageError(f"no document is called {name!r}{_near(name or '', known)}", hint=_hint(known))
    text = files("bisync.schema").joinpath("documents").joinpath(f"{name}{_ENDING}").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    if _MANIFEST_ID in text:
        schema["$defs"] = {MANIFEST: {**load_schema(), "$id": _MANIFEST_ID}, **schema.get("$defs", {})}
    return schema


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, [*known, MANIFEST], n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _hint(known: Iterable[str]) -> str:
    return f"there are: {', '.join([MANIFEST, *known])}"

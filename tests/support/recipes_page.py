"""docs/recipes.md as what it is made of: what is typed, and what is written into a manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
BUCKET = "my-notes"


@dataclass(frozen=True)
class Recipe:
    """One section. `typed`: its commands; `fragments`: its parts of a manifest; `other`: other blocks by language."""

    title: str
    typed: tuple[str, ...]
    fragments: tuple[Mapping[str, Any], ...]
    other: Mapping[str, str]


@cache
def recipes() -> Mapping[str, Recipe]:
    """Every section of the page that shows anything, by its title."""
    parts = re.split(r"^## (.+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    found = {}
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
        if blocks:
            found[title] = _recipe(title, blocks)
    return found


def _recipe(title: str, blocks: list[tuple[str, str]]) -> Recipe:
    typed = [line for language, code in blocks if language == "console" for line in code.splitlines()]
    assert all(line.startswith("$ ") for line in typed), title
    parts = [code for language, code in blocks if language == "yaml" and not code.startswith("# .github")]
    other = {language: code for language, code in blocks if language not in ("console", "yaml")}
    for _, code in blocks:
        if code.startswith("# .github"):
            other["workflow"] = code
    return Recipe(
        title=title,
        typed=tuple(line.removeprefix("$ ") for line in typed),
        fragments=tuple(yaml.safe_load(one) for one in parts),
        other=other,
    )


def whole(fragment: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest that says what a fragment says, where the page has it in mind: a bucket, and a sync with it."""
    tenant: dict[str, Any] = {"provider": "s3", "bucket": BUCKET, "region": "us-east-1", "credentials": "aws"}
    sync: dict[str, Any] = {"tenant": "mine", "dir": "~/notes"}
    manifest: dict[str, Any] = {"version": 1, "tenants": {"mine": tenant}, "syncs": {"notes": sync}}
    for key, value in fragment.items():
        home = tenant if key == "credentials" else sync if key == "hooks" else manifest
        home[key] = value
    return manifest

"""What a manifest may say: the JSON schema that editors, the docs and `bisync.manifest` share."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

NAME = "bisync.schema.json"


@cache
def load() -> dict[str, Any]:
    """The schema, parsed. Shared: do not change it."""
    schema: dict[str, Any] = json.loads(files(__name__).joinpath(NAME).read_text("utf-8"))
    return schema

"""The manifest's reference, made from the schema: `python -m bisync.schema.docs > docs/manifest.md`."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from bisync.config import BUILTIN_PROFILES, DEFAULT_PROFILE
from bisync.manifest.schema_check import load_schema
from bisync.render import render

_INTRO = """\
# The manifest, `bisync.yaml`

<!-- Made by `python -m bisync.schema.docs > docs/manifest.md`; a test fails when the two differ. -->

`bisync init` writes one to start from, `bisync validate` checks it, and an editor that knows YAML schemas
completes its keys from `schema/bisync.schema.json`.

**Where it is found.** `--manifest PATH` (`-m`), else `$BISYNC_MANIFEST`, else `bisync.yaml` in the current
folder or one above it, else `~/.config/bisync/bisync.yaml`.

**`bisync.local.yaml`** beside it is laid over it: mappings are merged key by key, everything else is
replaced. The team shares one file, each person overrides paths in the other.

**Paths** know `~`, `${VAR}` and `${VAR:-default}`; a relative one is relative to the manifest. No other
value is expanded. A variable that is unset or empty, without a default, is an error, and so is one without braces:
`$HOME/notes` would be a folder called `$HOME`.

**Secrets** never stand in the manifest, only where they come from: `{env: NAME}`,
`{command: [program, argument]}` or `{file: PATH}`.

**`~/.basic-memory/config.json`**, which `bm` shares, answers where the manifest is silent:
`bisync_config.sync_dir`, `bisync_config.default_profile`, `bisync_config.auto_sync_interval` and `api_url`.

**YAML** is read strictly: one document, no duplicate keys, no tags, no merge keys (`<<`), `true` and `false`
as the only booleans, aliases as long as the whole stays small. Every problem is reported at once, each with its
place first, which editors jump to, and with its line where no secret can stand in it:

```text
bisync.yaml:12:14: syncs.notes.profile: unknown profile "fst"; did you mean "fast"? (safe, balanced, fast, merge)
  12 |     profile: fst
     |              ^
```

A text with `: ` in it, or with `${VAR}` between `{` and `}`, needs quotes: `{dir: "${VAR}/notes"}`.

**Not allowed**, beyond what the tables say: two syncs whose folders or whose places in the cloud overlap; a
folder that is, contains or lies in the mount directory, the state folder or an embedded tenant's storage; a
folder that is `/`, the home or above it, or that holds rclone's configuration or a secret's file; a profile
that extends itself or has a built-in one's name; two tenants with one tenant id or overlapping storage; an
address that is neither https nor on this machine.
"""


def manifest_md() -> str:
    """The text of docs/manifest.md."""
    schema = load_schema()
    defs = schema["$defs"]
    parts = [
        _INTRO,
        f"## All of it\n\n```yaml\n{render('bisync.yaml.j2', example=True)}```\n",
        _section("Top level", schema, defs),
    ]
    for branch in defs["tenant"]["allOf"]:
        tenant = defs[branch["then"]["$ref"].removeprefix("#/$defs/")]
        title = f"`tenants.NAME`, `provider: {tenant['properties']['provider']['const']}`"
        parts.append(_section(title, tenant, defs))
    for name in (
        "key_pair",
        "aws_profile",
        "secret",
        "sync",
        "hooks",
        "ping",
        "migration",
        "webdav",
        "profile",
    ):
        parts.append(_section(_TITLES[name], defs[name], defs))
    parts.append(_profiles())
    parts += [_section(_TITLES[name], defs[name], defs) for name in ("defaults", "rclone")]
    return "\n".join(parts)


_TITLES = {
    "key_pair": "`tenants.NAME.credentials`",
    "aws_profile": "`tenants.NAME.credentials`, of a profile",
    "secret": "A secret reference",
    "sync": "`syncs.NAME`",
    "hooks": "`syncs.NAME.hooks`",
    "ping": "`ping`, `syncs.NAME.ping`",
    "migration": "`migration`",
    "webdav": "`migration.webdav`",
    "profile": "`profiles.NAME`",
    "defaults": "`defaults`",
    "rclone": "`rclone`",
}


def _section(title: str, schema: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    return "\n".join([f"## {title}\n\n{schema['description']}\n", *_table(schema, defs), ""])


def _table(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Iterator[str]:
    yield "| key | value | |"
    yield "|---|---|---|"
    for key, says in schema["properties"].items():
        merged = {**defs.get(says.get("$ref", "").removeprefix("#/$defs/"), {}), **says}
        text = merged["description"]
        if key in schema.get("required", ()):
            text = f"**Required.** {text}"
        if "default" in merged and "default" not in text.lower():
            text += f" Default: `{_yaml(merged['default'])}`."
        if "examples" in merged:
            text += f" Such as {', '.join(f'`{_yaml(one)}`' for one in merged['examples'])}."
        yield f"| `{key}` | {_kind(says, defs)} | {text} |".replace("\\|", "|")


def _kind(says: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    ref = says.get("$ref", "").removeprefix("#/$defs/")
    if ref in _REFS:
        return _REFS[ref]
    merged = {**defs.get(ref, {}), **says}
    if "const" in merged:
        return f"`{_yaml(merged['const'])}`"
    if "enum" in merged:
        return ", ".join(f"`{one}`" for one in merged["enum"])
    if "if" in merged:
        return "count, or `none`"
    kind: str = merged["type"]
    if kind == "integer":
        return f"number, at least {merged['minimum']}"
    return {"object": "mapping", "array": "list", "string": "text", "boolean": "`true` or `false`"}[kind]


_REFS = {
    "local_path": "path",
    "url": "address",
    "secret": "secret reference",
    "ping_address": "address, or secret reference",
    "credentials": "`aws`, `{aws: PROFILE}`, or a pair of keys",
    "patterns": "list of patterns",
    "commands": "list of commands",
    "name": "name",
}


def _yaml(value: Any) -> str:
    """A value as one would write it in YAML, on one line."""
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _profiles() -> str:
    columns = [one.name for one in dataclasses.fields(next(iter(BUILTIN_PROFILES.values())))]
    columns = [one for one in columns if one not in ("name", "description")]
    rows = ["### Built-in profiles\n", f"| | {' | '.join(columns)} | |", "|---" * (len(columns) + 2) + "|"]
    for name, profile in BUILTIN_PROFILES.items():
        cells = [_cell(column, getattr(profile, column)) for column in columns]
        shown = f"{name} (default)" if name == DEFAULT_PROFILE else name
        rows.append(f"| {shown} | {' | '.join(cells)} | {profile.description} |")
    return "\n".join([*rows, ""])


def _cell(column: str, value: object) -> str:
    if value is None:
        return "rclone's" if column in ("checkers", "transfers") else "none"
    return str(value).lower()


if __name__ == "__main__":
    sys.stdout.write(manifest_md())

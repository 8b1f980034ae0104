"""The schema, the code, the example and the docs say the same."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema
import pytest
from bisync.schema.docs import manifest_md
from hypothesis import given
from hypothesis import strategies as st

from bisync import config
from bisync.errors import ManifestError
from bisync.manifest import schema_check
from bisync.manifest.document import read
from bisync.manifest.load import load
from bisync.manifest.starter import starter
from bisync.render import render

ROOT = Path(__file__).parents[2]
SCHEMA = schema_check.load_schema()
DEFS = SCHEMA["$defs"]
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
EXAMPLE = read(ROOT / "bisync.yaml.example").data


def walk(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every subschema with its path."""
    yield path, schema
    for keyword in ("properties", "$defs"):
        for key, below in schema.get(keyword, {}).items():
            yield from walk(below, f"{path}/{keyword}/{key}")
    for keyword in ("if", "then", "else", "items", "propertyNames", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from walk(schema[keyword], f"{path}/{keyword}")
    for index, below in enumerate(schema.get("allOf", [])):
        yield from walk(below, f"{path}/allOf/{index}")


@pytest.mark.pure
def test_it_is_a_schema_of_its_draft() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.pure
def test_every_property_is_described() -> None:
    for path, schema in walk(SCHEMA):
        if "/if" not in path:
            for key, says in schema.get("properties", {}).items():
                assert says.get("description"), f"{path}: {key}"
    assert all(one.get("description") for one in DEFS.values())


@pytest.mark.pure
def test_every_mapping_is_closed() -> None:
    for path, schema in walk(SCHEMA):
        if "properties" in schema and "/if" not in path and path != "/$defs/tenant":
            assert schema["additionalProperties"] is False, path


@pytest.mark.pure
def test_its_enums_are_the_codes() -> None:
    profile = DEFS["profile"]["properties"]
    assert profile["conflict_resolve"]["enum"] == [one.value for one in config.ConflictResolve]
    assert profile["conflict_name"]["enum"] == [one.value for one in config.ConflictName]
    assert profile["conflict_name"]["default"] == config.BUILTIN_PROFILES["safe"].conflict_name
    assert profile["compare"]["enum"] == [
        one.value for one in config.Compare if one is not config.Compare.STORED
    ]
    providers = DEFS["tenant"]["properties"]["provider"]["enum"]
    assert [one["if"]["properties"]["provider"]["const"] for one in DEFS["tenant"]["allOf"]] == providers
    assert set(providers) == {one.provider for one in config.Tenant.__subclasses__()}


@pytest.mark.pure
def test_its_keys_are_the_codes() -> None:
    def fields(kind: Any, *without: str) -> set[str]:
        return {one.name for one in dataclasses.fields(kind)} - set(without)

    def keys(name: str, *without: str) -> set[str]:
        return set(DEFS[name]["properties"]) - set(without)

    assert keys("profile", "extends") == fields(config.Profile, "name")
    assert keys("hooks") == fields(config.Hooks)
    assert keys("ping") == fields(config.Ping)
    assert keys("sync") == fields(config.Sync, "name", "keeps_extensions")
    assert keys("key_pair") == fields(config.KeyPair)
    assert keys("aws_profile") == {"aws"} and fields(config.AwsProfile) == {"name"}
    assert keys("tenant_s3", "provider") == fields(config.S3Tenant, "name")
    assert keys("tenant_rclone", "provider") == fields(config.RcloneTenant, "name")
    assert keys("tenant_embedded", "provider") == fields(config.EmbeddedTenant, "name")
    # What the API says of a tenant, and who names its address, is in no manifest.
    found = fields(config.BasicMemoryTenant, "name", "tenant_id", "bucket", "own_address")
    assert keys("tenant_basic_memory", "provider") == found


@pytest.mark.pure
def test_its_defaults_are_the_codes() -> None:
    top, defaults = SCHEMA["properties"], DEFS["defaults"]["properties"]
    assert tuple(top["ignore_files"]["default"]) == config.DEFAULT_IGNORE_FILES
    assert defaults["keep_days"]["default"] == config.DEFAULT_KEEP_DAYS
    assert f"then {config.DEFAULT_WATCH_INTERVAL}." in defaults["watch_interval"]["description"]
    assert f"then {config.DEFAULT_PROFILE}." in defaults["profile"]["description"]
    assert DEFS["profile"]["properties"]["extends"]["default"] == config.DEFAULT_PROFILE
    home = Path("/home/u")
    found = load(ROOT / "tests/cases/manifest/valid/one_tenant_no_syncs.yaml", env={}, home=home)
    for key in ("mount_dir", "state_dir"):
        assert str(getattr(found, key)) == top[key]["default"].replace("~", str(home))


@pytest.mark.pure
def test_the_docs_are_fresh() -> None:
    written = (ROOT / "docs" / "manifest.md").read_text("utf-8")
    assert written == manifest_md(), "run: python -m bisync.schema.docs > docs/manifest.md"


@pytest.mark.pure
class TestExample:
    def test_it_is_what_init_writes_with_everything_in_force(self) -> None:
        text = (ROOT / "bisync.yaml.example").read_text("utf-8")
        assert text == render("bisync.yaml.j2", example=True)

        written = starter().splitlines()[2:]
        example = text.splitlines()[1:]  # the first line is for editors, in a checkout
        assert len(written) == len(example)
        for mine, theirs in zip(written, example, strict=True):
            assert mine == theirs or mine.replace("# ", "", 1) == theirs

    def test_it_validates(self, tmp_path: Path) -> None:
        load(ROOT / "bisync.yaml.example", env={}, home=tmp_path)
        assert list(VALIDATOR.iter_errors(EXAMPLE)) == []

    def test_it_uses_every_key(self) -> None:
        def deref(schema: dict[str, Any], data: Any) -> dict[str, Any]:
            while "$ref" in schema:
                schema = DEFS[schema["$ref"].removeprefix("#/$defs/")]
            if "allOf" in schema:
                provider = data["provider"].replace("-", "_")
                return deref({"$ref": f"#/$defs/tenant_{provider}"}, data)
            if "if" in schema and isinstance(data, dict):
                return deref(
                    schema["then" if schema_check.accepts(data, schema["if"], SCHEMA) else "else"], data
                )
            return schema

        used: set[tuple[int, str]] = set()
        closed: dict[int, dict[str, Any]] = {}

        def visit(data: Any, schema: dict[str, Any]) -> None:
            schema = deref(schema, data)
            if isinstance(data, dict):
                closed[id(schema)] = schema
                for key, value in data.items():
                    used.add((id(schema), key))
                    visit(value, schema.get("properties", {}).get(key) or schema["additionalProperties"])
            for one in data if isinstance(data, list) and "items" in schema else ():
                visit(one, schema["items"])

        visit(EXAMPLE, SCHEMA)
        named = [one for one in DEFS.values() if "properties" in one and one is not DEFS["tenant"]]
        for schema in [SCHEMA, *named]:
            unused = {key for key in schema["properties"] if (id(schema), key) not in used}
            # There is one WebDAV server: a remote stands instead of an address, a token instead of a password.
            instead = {"remote", "token"} if schema is DEFS["webdav"] else set()
            assert unused == instead, f"{schema['description']} {unused}"


# The fast yes or no has to be jsonschema's.

CASES = [
    one
    for one in sorted((ROOT / "tests/cases/manifest").glob("*/*.yaml"))
    if not one.stem.startswith(("yaml_", "overlay_syntax"))
]


@pytest.mark.pure
@pytest.mark.parametrize("case", [pytest.param(one, id=f"{one.parent.name}-{one.stem}") for one in CASES])
def test_the_fast_check_agrees_with_jsonschema_on_every_case(case: Path) -> None:
    data = read(case).data
    assert schema_check.accepts(data, SCHEMA, SCHEMA) == VALIDATOR.is_valid(data)


WORDS = sorted(
    {key for _, schema in walk(SCHEMA) for key in schema.get("properties", {})}
    | {str(one) for _, schema in walk(SCHEMA) for one in schema.get("enum", [])}
    | {"aws", "none", "a b", "../x", "", "NAME", "10M", "nas:x", "line\n"}
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 2000),
    st.sampled_from([0.0, 1.0, 1.5, math.inf]),
    st.sampled_from(WORDS),
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=3), st.dictionaries(st.sampled_from(WORDS), below, max_size=3)
    ),
    max_leaves=6,
)


def spots(data: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) in `data`."""
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        yield data, key
        yield from spots(value)


@given(st.data())
def test_the_fast_check_agrees_with_jsonschema_on_a_damaged_example(data: st.DataObject) -> None:
    damaged = json.loads(json.dumps(EXAMPLE))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(list(spots(damaged))))
        match data.draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                container[key] = data.draw(VALUES)
            case "remove" if len(damaged) > 1:
                del container[key]
            case _ if isinstance(container, dict):
                container[data.draw(st.sampled_from(WORDS))] = data.draw(VALUES)
    valid = VALIDATOR.is_valid(damaged)
    assert schema_check.accepts(damaged, SCHEMA, SCHEMA) == valid
    assert bool(schema_check.problems(damaged)) == (not valid)


@given(st.data())
def test_a_damaged_example_is_refused_in_order(data: st.DataObject) -> None:
    # Also where the damage meets the rules between keys, which look at documents of any shape.
    damaged = json.loads(json.dumps(EXAMPLE))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(list(spots(damaged))))
        container[key] = data.draw(VALUES)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bisync.yaml"
        path.write_text(json.dumps(damaged).replace("Infinity", "0"))
        try:
            load(path, env={}, home=Path(folder))
        except ManifestError as error:
            assert error.problems
            assert all("\n" not in line for line in error.problems)
        else:
            assert VALIDATOR.is_valid(damaged)


@pytest.mark.pure
@given(VALUES)
def test_no_data_at_all_breaks_the_check(data: Any) -> None:
    assert bool(schema_check.problems(data)) == (not VALIDATOR.is_valid(data))


@pytest.mark.pure
def test_the_fast_check_knows_every_keyword_of_the_schema() -> None:
    used = {keyword for _, schema in walk(SCHEMA) for keyword in schema}
    assert used <= set(schema_check._TESTS)

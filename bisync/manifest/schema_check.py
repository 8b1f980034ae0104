"""Data against the schema: is it valid, and if not, what is wrong in words a person can act on.

`accepts` is a plain yes or no for the handful of keywords our schema uses; it spares every run of a valid
manifest the 0.1 s that importing jsonschema takes. What is wrong, and whether it really is, jsonschema
says. Tests hold the two against each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from bisync.manifest import instead
from bisync.manifest.document import KeyPath, quoted
from bisync.manifest.hidden import is_secret

_KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
}
_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
}


@cache
def load_schema() -> dict[str, Any]:
    """The schema, parsed. Shared: do not change it."""
    text = files("bisync.schema").joinpath("bisync.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


class Wrong(NamedTuple):
    """Something that the schema does not allow: where, and what to write instead. `at_key`: the key itself is wrong."""

    path: KeyPath
    text: str
    at_key: bool = False


def problems(data: Any) -> list[Wrong]:
    """Everything in `data` that the schema does not allow.

    No text holds a value from below a tenant's `credentials` or `token`, or below `ping`, nor a key that is not ours
    there.
    """
    schema = load_schema()
    if accepts(data, schema, schema):
        return []
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema)
    found = dict.fromkeys(one for error in validator.iter_errors(data) for one in _explain(error))
    # Who wrote `credentials: {keyring: x}` hears what to write instead, not also which keys are missing there.
    told = {one.path[:-1] for one in found if one.text.startswith(_SOURCE)}
    return [one for one in found if one.path not in told]


def accepts(data: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    """Whether `data` is valid. Raises KeyError for a keyword that it does not know."""
    return all(_TESTS[keyword](data, value, schema, root) for keyword, value in schema.items())


def _is(data: Any, kind: str) -> bool:
    if kind == "integer" and isinstance(data, float):
        return data.is_integer()  # as JSON schema has it: 1.0 is a whole number
    return isinstance(data, _KINDS[kind]) and not (kind == "integer" and isinstance(data, bool))


def _same(one: Any, other: Any) -> bool:
    # JSON schema: true is not 1, which it is for Python.
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _ref(data: Any, value: str, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    return accepts(data, root["$defs"][value.removeprefix("#/$defs/")], root)


def _properties(
    data: Any, value: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any]
) -> bool:
    return not isinstance(data, dict) or all(
        accepts(data[key], below, root) for key, below in value.items() if key in data
    )


def _additional(data: Any, value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    if not isinstance(data, dict):
        return True
    extra = [data[key] for key in data if key not in schema.get("properties", {})]
    return not extra if value is False else all(accepts(one, value, root) for one in extra)


def _if(data: Any, value: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    branch = schema.get("then" if accepts(data, value, root) else "else")
    return branch is None or accepts(data, branch, root)


def _anything(*_: Any) -> bool:
    return True


_TESTS: dict[str, Any] = {
    "$ref": _ref,
    "properties": _properties,
    "additionalProperties": _additional,
    "if": _if,
    "allOf": lambda data, value, _, root: all(accepts(data, one, root) for one in value),
    "propertyNames": lambda data, value, _, root: (
        not isinstance(data, dict) or all(accepts(key, value, root) for key in data)
    ),
    "items": lambda data, value, _, root: (
        not isinstance(data, list) or all(accepts(one, value, root) for one in data)
    ),
    "type": lambda data, value, *_: _is(data, value),
    "const": lambda data, value, *_: _same(data, value),
    "enum": lambda data, value, *_: any(_same(data, one) for one in value),
    "required": lambda data, value, *_: not isinstance(data, dict) or all(key in data for key in value),
    "pattern": lambda data, value, *_: not isinstance(data, str) or bool(re.search(value, data)),
    "minLength": lambda data, value, *_: not isinstance(data, str) or len(data) >= value,
    "maxLength": lambda data, value, *_: not isinstance(data, str) or len(data) <= value,
    "minItems": lambda data, value, *_: not isinstance(data, list) or len(data) >= value,
    "uniqueItems": lambda data, value, *_: (
        not isinstance(data, list) or not value or all(one not in data[:at] for at, one in enumerate(data))
    ),
    "minProperties": lambda data, value, *_: not isinstance(data, dict) or len(data) >= value,
    "maxProperties": lambda data, value, *_: not isinstance(data, dict) or len(data) <= value,
    "minimum": lambda data, value, *_: not _number(data) or data >= value,
    "maximum": lambda data, value, *_: not _number(data) or data <= value,
    **dict.fromkeys(
        [
            "$schema",
            "$id",
            "$defs",
            "title",
            "description",
            "default",
            "examples",
            "errorMessage",
            "then",
            "else",
        ],
        _anything,
    ),
}


def _number(data: Any) -> bool:
    return isinstance(data, int | float) and not isinstance(data, bool)


def _explain(error: Any) -> Iterator[Wrong]:
    """One jsonschema error in our words. Its own message is never used: it repeats the value."""
    path: KeyPath = tuple(error.absolute_path)
    schema, value, data = error.schema, error.validator_value, error.instance
    custom = schema.get("errorMessage")
    if error.validator == "required":
        for key in value:
            if key not in data:
                yield Wrong(path, f'needs "{key}": {_what(schema, key)}', at_key=True)
    elif error.validator == "additionalProperties":
        known = list(schema["properties"])
        for key in data:
            if key not in known:
                yield _unknown_key(path, key, known, custom)
    elif "propertyNames" in error.absolute_schema_path:
        yield Wrong((*path, data), custom, at_key=True)
    elif (
        path[:1] == ("tenants",)
        and path[2:] == ("provider",)
        and isinstance(data, str)
        and instead.store(data)
    ):
        yield Wrong(path, f"unknown value {quoted(data)}; {instead.store(data)}")
    else:
        text = _TEXTS.get(error.validator, _not_allowed)
        yield Wrong(path, custom or text(value, data))


_SOURCE = "no such source of a secret"


def _unknown_key(path: KeyPath, key: str, known: list[str], custom: str | None) -> Wrong:
    near = did_you_mean(key, known)
    if is_secret(path):
        source = instead.secret_source(key)
        if source is not None:
            each = "access_key_id and secret_access_key, each as " if "access_key_id" in known else ""
            return Wrong((*path, key), f"{_SOURCE}; write {each}{source}", at_key=True)
        if not near:
            # `secret_access_key: {hunter2}` is a mapping with the secret as its key.
            return Wrong(path, custom or "is not allowed here")
    if key in ("access_key_id", "secret_access_key") and "credentials" in known:
        return Wrong((*path, key), "unknown key here; it belongs below credentials", at_key=True)
    return Wrong((*path, key), f"unknown key{near or ' here'} ({', '.join(known)})", at_key=True)


# As difflib counts, `nope` and `ignore` are alike to 0.6, which is its own limit, and so are `sinks` and `syncs`.
_ALIKE = 0.7


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "balanced"?` for the nearest of `known`, or nothing where none is near."""
    near = nearest(word, known)
    return f'; did you mean "{near}"?' if near else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that was probably meant; None where none is near."""
    import difflib  # only who has made a mistake needs it

    for near in difflib.get_close_matches(word, list(known), n=1):
        if near[:1] == word[:1] or difflib.SequenceMatcher(None, near, word).ratio() >= _ALIKE:
            return near
    return None


def _what(schema: Mapping[str, Any], key: str) -> str:
    text: str = schema.get("properties", {}).get(key, {}).get("description", "")
    return text[:1].lower() + text[1:].rstrip(".")


def _wrong_type(expected: str, data: Any) -> str:
    text = f"expected {_WORDS[expected]}, found {_found(data)}"
    if data is None:
        return f"{text}; give it a value or remove the key"
    if expected == "string" and not isinstance(data, list | dict):
        return f"{text}; put it in quotes"
    if expected == "object" and isinstance(data, str) and re.match(r"[\w-]+:\S", data):
        return f"{text}; a colon needs a space behind it"
    if expected == "array" and isinstance(data, str):
        return f"{text}; put it in brackets: [...]"
    if expected == "boolean" and data in ("yes", "no", "on", "off"):
        return f"{text}; yes, no, on and off are text"
    return text


def _found(data: Any) -> str:
    if data is None:
        return "nothing"
    if isinstance(data, float):
        return "a fraction"
    return next(words for kind, words in _WORDS.items() if _is(data, kind))


def _wrong_choice(known: list[str], data: Any) -> str:
    choice = ", ".join(known)
    if not isinstance(data, str):
        return f"expected one of: {choice}"
    return f"unknown value {quoted(data)}{did_you_mean(data, known)} ({choice})"


def _not_allowed(*_: Any) -> str:
    return "is not allowed here"


_TEXTS: dict[str, Callable[[Any, Any], str]] = {
    "type": _wrong_type,
    "enum": _wrong_choice,
    "const": lambda value, _: f"expected {value}",
    "minimum": lambda value, _: f"expected at least {value}",
    "maximum": lambda value, _: f"expected at most {value}",
    "minLength": lambda *_: "is empty",
    "uniqueItems": lambda *_: "has the same entry twice",
}

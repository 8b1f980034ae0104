"""What can have happened to a file: a crash, a disk, an editor, an enemy. By a seed, so that a fault comes again."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

DEEP = 100_000
# JSON as text: some of it Python's own writer would not write.
HOSTILE = (
    "null", "true", "false", "0", "-1", "1.5", "-0.0", "1e400", "-1e400", "1e308", "NaN", "Infinity", "-Infinity",
    str(2**53 + 1), str(2**63), str(-(2**63) - 1), str(2**64), str(10**25), "9" * 5000, '""', '" "', '"\\u0000"',
    '"\\ud800"', '"\\udc80"', '"\\udfff.md"', '"../../../etc/passwd"', '"/etc/passwd"', '"~"', '"\\u202egpj.exe"',
    '"\\u001b[2J"', '"\\n"', '"' + "x" * 100_000 + '"', "[]", "{}", "[[]]", '{"": null}', '[null]', '["a"]', "[1, 2]",
    "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP,
)  # fmt: skip
WHOLE = (
    b"", b"\n", b"\0", b"\0" * 4096, b"null", b"true", b"1", b"[]", b"{}", b'""', b"[" * DEEP, b'{"a":' * DEEP,
    b"\xff\xfe\x00\x01", b"\xef\xbb\xbf{}", b"{" * 10 + b"}" * 10, b"9" * 10_000, b"-" * 1000, b"\x1b[2J",
    b'{"version": 1}', b'{"version": 99}', b"NaN", b"1e400", b'"\\ud800"', b"---\n" * 1000, b"&a [*a]", b"\r\n" * 100,
)  # fmt: skip
_MARK = "\x01here\x01"


def cases(sample: bytes, random: Random) -> Iterator[bytes]:
    """The sample in ever new states, without end; those that hold for any file come first."""
    yield sample
    yield from WHOLE
    yield from (sample[:size] for size in {0, 1, len(sample) // 2, max(0, len(sample) - 1)})
    while True:
        raw = sample
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            raw = random.choice(_WAYS)(raw, random)
        yield raw


def _other_value(raw: bytes, random: Random) -> bytes:
    """A value somewhere in the JSON, or in one line of it, is another."""
    lines = raw.splitlines(keepends=True)
    number = random.randrange(len(lines) or 1)
    for before, text, after in ((b"", raw, b""), *_one_line(lines, number)):
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            continue
        return before + _with_hostile(document, random).encode("utf-8", "surrogatepass") + b"\n" + after
    return _cut(raw, random)


def _one_line(lines: list[bytes], number: int) -> Iterator[tuple[bytes, bytes, bytes]]:
    if lines:
        yield b"".join(lines[:number]), lines[number], b"".join(lines[number + 1 :])


def _with_hostile(document: Any, random: Random) -> str:
    document = copy.deepcopy(document)
    places = list(_places(document))
    if not places:
        return random.choice(HOSTILE)
    holder, key = random.choice(places)
    match random.randrange(6):
        case 0 if isinstance(holder, dict):
            del holder[key]
            return json.dumps(document)
        case 1 if isinstance(holder, dict):
            value = holder.pop(key)
            holder[random.choice(("", "..", "a/b", _MARK, "x" * 500))] = value
            return json.dumps(document).replace(json.dumps(_MARK)[1:-1], "\\ud800")
        case 2 if isinstance(holder, list):
            holder.insert(key, holder[key])
            return json.dumps(document)
    holder[key] = _MARK
    text = json.dumps(document)
    hostile = random.choice(HOSTILE)
    if random.random() < 0.1:
        hostile = f'{hostile}, "twice": 1, "twice": 2' if isinstance(holder, dict) else hostile
    return text.replace(json.dumps(_MARK), hostile)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in list(items):
        yield value, key
        yield from _places(below)


def _cut(raw: bytes, random: Random) -> bytes:
    return raw[: random.randrange(len(raw) + 1)]


def _flipped(raw: bytes, random: Random) -> bytes:
    if not raw:
        return raw
    at = random.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << random.randrange(8))]) + raw[at + 1 :]


def _filled(raw: bytes, random: Random) -> bytes:
    at = random.randrange(len(raw) + 1)
    more = random.choice((b"\0", b"\xff", b"\xed\xa0\x80", b"\n", b"\r", b"\x1b]0;x\x07", b'"', b"\\", b"{", b"]", b"#",
                          b":", b"*", b"&", b"!", b"%", b"-", b"\xe2\x80\xae", random.randbytes(8)))  # fmt: skip
    return raw[:at] + more * random.choice((1, 1, 2, 500)) + raw[at:]


def _moved(raw: bytes, random: Random) -> bytes:
    one, two, three = sorted(random.randrange(len(raw) + 1) for _ in range(3))
    return raw[:one] + raw[two:three] + raw[one:two] + raw[three:]


def _doubled(raw: bytes, random: Random) -> bytes:
    one, two = sorted(random.randrange(len(raw) + 1) for _ in range(2))
    return raw[:two] + raw[one:two] * random.choice((1, 2, 50)) + raw[two:]


def _number(raw: bytes, random: Random) -> bytes:
    """A run of digits is another, in whatever kind of text."""
    places = [at for at, byte in enumerate(raw) if 48 <= byte <= 57]
    if not places:
        return _flipped(raw, random)
    at = end = random.choice(places)
    while end < len(raw) and 48 <= raw[end] <= 57:
        end += 1
    return (
        raw[:at] + random.choice((b"-1", b"9" * 20, b"9" * 5000, b"1e400", b"0x10", b"\xd9\xa3")) + raw[end:]
    )


_WAYS: tuple[Callable[[bytes, Random], bytes], ...] = (
    _other_value, _other_value, _other_value, _other_value, _cut, _flipped, _filled, _moved, _doubled, _number,
)  # fmt: skip

"""Which lines of a manifest may be shown beside what is wrong in them: none that a secret could stand in. Pure.

A secret is never to be written in a manifest, and is, by those who do not know that yet. What is said of it may end up
in a log or a question on the web. So a line is shown only when neither its place nor its words suggest one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# Also where nothing of ours has such a key: somebody will write `password:` right below a tenant.
_SECRET_WORD = re.compile(
    r"(?i)secret|passw|passphrase|token|credential|(?:api|access|private)[_-]?key|key[_-]?id|bearer|authori[sz]ation"
    r"|cookie|\bping\b|\bauth\b|\bkeys?\b"
)
# Who logs in, in an address; a long word with letters and figures in it, and a UUID, as keys and tokens are.
_SECRET_LOOK = re.compile(
    r"//[^/\s]*@"
    r"|(?<![A-Za-z0-9+=_])(?=[A-Za-z+=_]*\d)(?=[\d+=_]*[A-Za-z])[A-Za-z0-9+=_]{16,}"
    r"|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-"
)
LONGEST = 1000
"""A line with more letters is shown to nobody."""


def is_secret(path: Sequence[str | int]) -> bool:
    """Whether what stands at `path` may be a secret written in plain text."""
    if path[:1] == ("ping",) or (len(path) > 2 and path[0] == "syncs" and path[2] == "ping"):
        return True
    if path[:2] == ("migration", "webdav") and len(path) > 2 and path[2] in ("password", "token"):
        return True
    return len(path) > 2 and path[0] == "tenants" and path[2] in ("credentials", "token")


# The keys of ours that lead to a secret.
_OURS = frozenset(
    {
        *(
            "tenants",
            "syncs",
            "ping",
            "migration",
            "webdav",
            "credentials",
            "token",
            "password",
            "access_key_id",
        ),
        *("secret_access_key", "aws", "env", "command", "file", "start", "success", "failure"),
    }
)


def spoken(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """`path`, but for what could be a secret that was written as a key: `secret_access_key: {hunter2}`."""
    for number, part in enumerate(path):
        if isinstance(part, str) and part not in _OURS and is_secret(path[: number + 1]):
            return path[:number]
    return path


def suggests_secret(path: Sequence[str | int], line: str) -> bool:
    """Whether a line, or the keys that lead to it, has words that a secret stands beside, or looks like one."""
    if len(line) > LONGEST:
        return True
    named = any(_SECRET_WORD.search(part) for part in path if isinstance(part, str))
    return named or _SECRET_WORD.search(line) is not None or _SECRET_LOOK.search(line) is not None


def below_a_secret(lines: Sequence[str], number: int) -> bool:
    """Whether line `number` (from 0) may belong to what a line above calls secret, in a text that is no YAML.

    It does when it, and all between, is indented deeper, when a bracket or quote is open that was opened there, or when
    no key is between.
    """
    depth = _indent(lines[number]) if number < len(lines) else 0
    brackets, keyless = 0, number < len(lines) and ":" not in lines[number]
    for above in range(number - 1, -1, -1):
        line = lines[above]
        if not line.strip():
            continue
        if len(line) > LONGEST:
            return True
        brackets += sum(map(line.count, "{[")) - sum(map(line.count, "}]"))
        inside = _indent(line) < depth or brackets > 0 or _open_quote(line)
        if _SECRET_WORD.search(line) and (inside or keyless):
            return True
        keyless = keyless and ":" not in line
        depth = min(depth, _indent(line))
    return False


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t-"))


def _open_quote(line: str) -> bool:
    return line.count('"') % 2 == 1 or line.count("'") % 2 == 1

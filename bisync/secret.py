"""Secret references -> secrets, as late as possible and never into a message.

A reference says where a secret is: in an environment variable, in what a command prints, or in a file.
`resolve` fetches it and wraps it, so that it cannot end up in a log or a traceback by being printed.
"""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from bisync import programs
from bisync.config import SecretRef
from bisync.errors import BisyncError, SecretError

# A password manager may ask for a passphrase; a minute is time to type one.
COMMAND_SECONDS = 60
# More than any key or token; a reference to a disk image or /dev/zero ends here.
MAX_BYTES = 65_536


class Secret:
    """A value that prints as `***`. `reveal` is for whoever writes it down, nobody else."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled or copied")


def resolve(ref: SecretRef, env: Mapping[str, str]) -> Secret:
    """The secret that `ref` stands for; `env` is what a variable is looked up in and a command runs with.

    One trailing line break is not part of it. Raises SecretError, naming the reference and what was tried,
    when there is nothing, when it fails, or when the value holds a line break or NUL (no key or token does,
    and rclone.conf cannot hold one).
    """
    text = _SOURCES[ref.kind](ref, env)
    if not text.strip():
        hint = _set_it(str(ref.value), env) if ref.kind == "env" else _HINTS[ref.kind]
        raise SecretError(f"{describe(ref)} is empty", hint=hint)
    if any(char in text for char in "\r\n\0"):
        raise SecretError(
            f"{describe(ref)} gives more than one line", hint="have it give the secret alone, on one line"
        )
    return Secret(text)


def describe(ref: SecretRef) -> str:
    """`ref` as the manifest has it, after its place: `tenants.acme.credentials.… {env: ACME_KEY}`."""
    value = ref.value if isinstance(ref.value, str) else f"[{', '.join(ref.value)}]"
    return f"{ref.where}: {{{ref.kind}: {value}}}"


def _from_env(ref: SecretRef, env: Mapping[str, str]) -> str:
    if str(ref.value) not in env:
        raise SecretError(f"{describe(ref)} is not set", hint=_set_it(str(ref.value), env))
    return env[str(ref.value)]


def _set_it(name: str, env: Mapping[str, str]) -> str:
    """How a variable gets to this program: typed by a person, or (systemd.exec, INVOCATION_ID) kept for a service.

    Also a shell may have been begun by a service: then it has a terminal.
    """
    if not any(map(os.isatty, range(3))):
        unread = "a timer does not read your shell's start files"
        if "INVOCATION_ID" in env:
            return f"put {name}=VALUE into ~/.config/bisync/environment: {unread}"
        if "TERM" not in env:
            return f"{unread}; keep it where {{file: PATH}} or {{command: [program, argument]}} finds it"
    return f"type: export {name}=VALUE"


def _from_command(ref: SecretRef, env: Mapping[str, str]) -> str:
    argv = [ref.value] if isinstance(ref.value, str) else list(ref.value)
    try:
        # No shell, and nothing to read: a command that asks on its stdin would wait for ever in a timer.
        done = subprocess.run(
            programs.command(argv, env),
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        text = f"{describe(ref)} gave nothing within {COMMAND_SECONDS} s"
        raise SecretError(text, hint=_try(argv)) from None
    except (OSError, ValueError, BisyncError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SecretError(f"{describe(ref)} cannot be run: {reason}", hint=_try(argv)) from None
    if done.returncode != 0:
        said = _last_line(done.stderr, secret=done.stdout)
        text = f"{describe(ref)} failed with exit code {done.returncode}"
        raise SecretError(f"{text}: {said}" if said else text, hint=_try(argv))
    return _decoded(done.stdout, ref)


def _from_file(ref: SecretRef, env: Mapping[str, str]) -> str:
    path = Path(str(ref.value))
    if str(path).startswith("~"):
        path = Path(env.get("HOME", "~")) / Path(*path.parts[1:])
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SecretError(
            f"{describe(ref)} cannot be read: {reason}{_mode(path)}", hint=_HINTS["file"]
        ) from None
    return _decoded(raw, ref)


_SOURCES: dict[str, Callable[[SecretRef, Mapping[str, str]], str]] = {
    "env": _from_env,
    "command": _from_command,
    "file": _from_file,
}
_HINTS = {
    "command": "run the command by hand; it has to print the secret and nothing else",
    "file": "put the secret alone into that file, readable for you",
}


def _decoded(raw: bytes, ref: SecretRef) -> str:
    if len(raw) > MAX_BYTES:
        raise SecretError(f"{describe(ref)} gives more than {MAX_BYTES} bytes; that is no key or token")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise SecretError(f"{describe(ref)} gives bytes that are not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def _last_line(stderr: bytes, *, secret: bytes) -> str:
    """The last thing a failing command said, unless a word it printed on stdout is in it."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    last = lines[-1].strip()[:200] if lines else ""
    words = secret.decode(errors="replace").split()
    return "" if any(word in last for word in words) else last


def _try(argv: list[str]) -> str:
    return f"try it by hand: {shlex.join(argv)}"


def _mode(path: Path) -> str:
    try:
        return f" (its mode is {stat.S_IMODE(os.stat(path).st_mode):04o})"  # noqa: PTH116 - as short, one import
    except (OSError, ValueError):
        return ""

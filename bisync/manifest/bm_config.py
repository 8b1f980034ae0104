"""`config.json` of the state folder, which we share with `bm`.

Read for what the manifest leaves open, and written for one value, `bisync_config.sync_dir`. The rest of
the file is not ours: it is neither parsed back nor formatted anew, so every other value keeps its bytes.
"""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from json.decoder import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import Any

from bisync import stored
from bisync.errors import ManifestError, StateError
from bisync.files import atomic_write, private_dir


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedConfig:
    """What config.json says about us; None where it says nothing."""

    sync_dir: str | None = None
    default_profile: str | None = None
    auto_sync_interval: int | None = None
    api_url: str | None = None
    cloud_host: str | None = None


def read(path: Path) -> SharedConfig:
    """The values of config.json at `path` that concern us; none when there is no such file.

    Unknown keys and null are passed over. Raises ManifestError, all problems at once, for a file that is
    not JSON (with line and column) and for a value of ours that has the wrong type: to ignore a broken
    `sync_dir` would sync another folder than the user thinks.
    """
    text = _read_text(path)
    if not text.strip():
        return SharedConfig()
    data = _parse(text, path)
    ours = data.get("bisync_config")
    problems = []
    if ours is not None and not isinstance(ours, dict):
        problems.append(f"{path}: bisync_config: expected an object")
    ours = ours if isinstance(ours, dict) else {}

    def value(where: dict[str, Any], key: str, kind: type, shown: str, words: str) -> Any:
        found = where.get(key)
        if found is None or (stored.fits(found, kind) and found and _is_text(found)):
            return found
        problems.append(f"{path}: {shown}: expected {words}")
        return None

    config = SharedConfig(
        sync_dir=value(ours, "sync_dir", str, "bisync_config.sync_dir", "a path"),
        default_profile=value(ours, "default_profile", str, "bisync_config.default_profile", "a name"),
        auto_sync_interval=value(
            ours, "auto_sync_interval", int, "bisync_config.auto_sync_interval", "a number of seconds"
        ),
        api_url=value(data, "api_url", str, "api_url", "an address"),
        cloud_host=value(data, "cloud_host", str, "cloud_host", "an address"),
    )
    if config.auto_sync_interval is not None and config.auto_sync_interval < 1:
        problems.append(f"{path}: bisync_config.auto_sync_interval: expected at least 1")
    if problems:
        raise ManifestError(problems)
    return config


def _is_text(value: object) -> bool:
    """False for halves of characters and NUL, which no file can be called."""
    return not isinstance(value, str) or (("\0" not in value and value.isascii()) or _encodes(value))


def _encodes(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


def set_sync_dir(path: Path, folder: Path) -> bool:
    """Write `folder` as bisync_config.sync_dir into config.json at `path`; True when that changed it.

    The file and its folder are made when missing. Raises ManifestError for a file that is not JSON.
    """
    text = _read_text(path)
    value = json.dumps(str(folder), ensure_ascii=False)
    if not text.strip():
        private_dir(path.parent)
        atomic_write(path, f'{{\n  "bisync_config": {{\n    "sync_dir": {value}\n  }}\n}}\n')
        return True
    data = _parse(text, path)
    ours = data.get("bisync_config")
    if isinstance(ours, dict) and ours.get("sync_dir") == str(folder):
        return False
    start = text.index("{")
    members = _members(text, start)
    if "bisync_config" not in members:
        new = _insert(text, start, members, "bisync_config", f'{{"sync_dir": {value}}}')
    elif not isinstance(ours, dict):
        begin, end = members["bisync_config"]
        new = f'{text[:begin]}{{"sync_dir": {value}}}{text[end:]}'
    else:
        begin, _ = members["bisync_config"]
        inner = _members(text, begin)
        if "sync_dir" in inner:
            begin, end = inner["sync_dir"]
            new = text[:begin] + value + text[end:]
        else:
            new = _insert(text, begin, inner, "sync_dir", value)
    mode = stat.S_IMODE(path.stat().st_mode)
    atomic_write(path, new, mode=mode)
    return True


def set_project_path(path: Path, name: str, folder: Path) -> bool:
    """Point the project `name` of config.json at `path` to another folder; True when that changed the file.

    (v0.14: `projects` is name and path; later versions have an object with a `path`.)

    Raises ManifestError for a file that is not JSON.
    """
    text = _read_text(path)
    if not text.strip():
        return False
    data = _parse(text, path)
    projects = data.get("projects")
    if not isinstance(projects, dict) or name not in projects:
        return False
    begin, _ = _members(text, text.index("{"))["projects"]
    begin, end = _members(text, begin)[name]
    if isinstance(projects[name], dict):
        inner = _members(text, begin)
        if "path" not in inner:
            return False
        begin, end = inner["path"]
    value = json.dumps(str(folder), ensure_ascii=False)
    if json.loads(text[begin:end]) == str(folder):
        return False
    atomic_write(path, text[:begin] + value + text[end:], mode=stat.S_IMODE(path.stat().st_mode))
    return True


def _read_text(path: Path) -> str:
    try:
        # What we write back has the line ends we found.
        return stored.read(path).decode()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise ManifestError([f"{path}: is not UTF-8"]) from None
    except StateError as error:
        raise ManifestError([error.message], hint=error.hint) from None
    except (OSError, ValueError) as error:
        raise ManifestError(
            [f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"]
        ) from None


def _parse(text: str, path: Path) -> dict[str, Any]:
    # A BOM is blanked rather than cut, so that offsets into `text` hold.
    try:
        data = json.loads(text.replace("\ufeff", " ", 1) if text.startswith("\ufeff") else text)
    except JSONDecodeError as error:
        raise ManifestError([f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}"]) from None
    except ValueError:
        raise ManifestError([f"{path}: a number is too large"]) from None
    except RecursionError:
        raise ManifestError([f"{path}: is nested too deep"]) from None
    if not isinstance(data, dict):
        raise ManifestError([f"{path}: expected a JSON object"])
    return data


def _members(text: str, start: int) -> dict[str, tuple[int, int]]:
    """Where the value of each member of the object that opens at `start` begins and ends.

    `text` is known to be valid JSON. Of a key that is there twice the last one counts, as for json.loads.
    """
    decoder = JSONDecoder()
    found = {}
    at = _skip(text, start + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)  # over the colon
        _, end = decoder.raw_decode(text, at)
        found[key] = (at, end)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def _insert(text: str, start: int, members: dict[str, tuple[int, int]], key: str, value: str) -> str:
    """A new last member for the object that opens at `start`, set like the one before it."""
    member = f"{json.dumps(key)}: {value}"
    if not members:
        return text[: start + 1] + member + text[start + 1 :]
    first = _skip(text, start + 1)
    end = max(end for _, end in members.values())
    return f"{text[:end]},{text[start + 1 : first] or ' '}{member}{text[end:]}"

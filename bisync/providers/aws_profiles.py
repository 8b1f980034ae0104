"""Which profiles the files of the AWS SDK have, by name: its own word on one that is missing names no file.

(AWS SDKs and Tools Reference Guide, "Shared config and credentials files".) Only headings are looked at, no keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from bisync import stored
from bisync.config import AwsProfile
from bisync.core.printable import printable, typed
from bisync.errors import SecretError, StateError
from bisync.files import home_of

# The variable that names another file, and the file's own name in ~/.aws.
_FILES = (("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials"))


def must_be_there(profile: AwsProfile, where: str, env: Mapping[str, str]) -> Path:
    """The first file that has the profile. Raises SecretError, with `where` of the manifest, when none has."""
    known: dict[str, Path] = {}
    places = []
    for variable, name in _FILES:
        path = Path(env.get(variable) or home_of(env) / ".aws" / name)
        places.append(path)
        for one in _profiles(path, prefixed=name == "config"):
            known.setdefault(one, path)
    if profile.name in known:
        return known[profile.name]
    near = get_close_matches(profile.name, known, n=1)
    have = printable(", ".join(sorted(known)) or "none")
    guess = f'; did you mean "{printable(near[0])}"?' if near else ""
    raise SecretError(
        f"{where}.credentials: {{aws: {printable(profile.name)}}}: there is no such profile{guess} ({have}) in "
        f"{places[0]} or {places[1]}",
        hint=f"make it: aws configure --profile {typed(profile.name)}",
    )


def _profiles(path: Path, *, prefixed: bool) -> Iterator[str]:
    """The profiles of a file; none where there is none. In `config` all but `default` are `profile NAME`."""
    try:
        text = stored.read(path, foreign=True).decode("utf-8", "replace")
    except FileNotFoundError:
        return
    except (OSError, StateError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SecretError(
            f"{path}: cannot be read: {reason}", hint="make it a file that you can read"
        ) from None
    for line in text.splitlines():
        heading, closed, _ = line.strip().removeprefix("[").partition("]")
        if not (line.strip().startswith("[") and closed):
            continue
        words = heading.split(None, 1)
        if not prefixed or words == ["default"]:
            yield heading.strip()
        elif len(words) > 1 and words[0] == "profile":
            yield words[1].strip().strip("\"'")

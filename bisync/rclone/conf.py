"""Our section of the user's rclone.conf: rendered, spliced in, every other byte left alone.

rclone.conf is an INI file, but no INI library reads and writes it back unchanged, so the text is edited
line by line, by the rules of the parser that rclone uses (goconfig; measured with rclone 1.75): lines end
with a line feed, `#` and `;` begin comments only at a line's start, a section that is there twice is one,
the last of two equal keys counts, and a value in backquotes keeps its blanks and quotes.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bisync import stored
from bisync.errors import RcloneError, StateError
from bisync.files import atomic_write, foreign_link, private_dir
from bisync.render import render
from bisync.secret import Secret

# What a section of ours may say, in this order. In our own section these keys are ours: one that we do not
# set is removed (`session_token` would spoil new keys). Others that the user added there stay.
OUR_KEYS = (
    "type",
    "provider",
    "env_auth",
    "profile",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "region",
    "endpoint",
    "no_check_bucket",
)
SECRET_KEYS = frozenset({"access_key_id", "secret_access_key", "session_token"})
ENCRYPTED = "RCLONE_ENCRYPT_V0:"


OURS = "basic-memory-"


def section_name(tenant_id: str) -> str:
    """The name of a tenant's remote in rclone.conf."""
    return f"{OURS}{tenant_id}"


def s3_values(
    *,
    provider: str,
    keys: tuple[Secret, Secret] | None,
    region: str | None,
    endpoint: str | None,
    profile: str | None = None,
) -> dict[str, str | Secret]:
    """The keys of an S3 section. `keys`: the key's id and its secret; None: the AWS SDK's chain, or a `profile`."""
    values: dict[str, str | Secret | None] = {
        "type": "s3",
        "provider": provider,
        "env_auth": "false" if keys else "true",
        "profile": profile,
        "access_key_id": keys[0] if keys else None,
        "secret_access_key": keys[1] if keys else None,
        "region": region,
        "endpoint": endpoint,
        # Keys that are scoped to one bucket may not look at or make buckets.
        "no_check_bucket": "true",
    }
    return {key: value for key, value in values.items() if value is not None}


def environment(section: str, values: Mapping[str, str | Secret]) -> dict[str, str]:
    """`section` as rclone takes it from its environment, in place of rclone.conf, secrets and all.

    (rclone docs, "Environment variables", config.)
    """
    return {
        f"RCLONE_CONFIG_{section.upper()}_{key.upper()}": one.reveal() if isinstance(one, Secret) else one
        for key, one in values.items()
    }


def write_section(
    path: Path, section: str, values: Mapping[str, str | Secret], *, dry_run: bool = False
) -> bool:
    """Bring `section` of the rclone.conf at `path` in line with `values`; True when that changes the file.

    The file is made when missing, a symlink is followed, and its mode becomes 0600; a wider mode is a
    change too. No copy of the file stays behind. Raises RcloneError for an encrypted file, for a value
    that rclone.conf cannot hold (naming its key) and for a file that cannot be read or written.
    """
    body = section_text(section, values)
    try:
        foreign_link(path)
        target = Path(os.path.realpath(path))
        if dry_run:
            return _changed(path, target, section, body) is not None
        private_dir(target.parent)
        with _alone(target):
            new = _changed(path, target, section, body)
            if new is None:
                return False
            atomic_write(target, new.encode("utf-8", "surrogateescape"), mode=0o600)
    except OSError as error:
        raise RcloneError(f"{path}: cannot be written: {error.strerror}", hint=_ANOTHER_FILE) from None
    return True


def _changed(path: Path, target: Path, section: str, body: str) -> str | None:
    """The file's new text; None where it, and its mode, are right already."""
    text = read_for_writing(path)
    new = splice(text, section, body)
    right = target.exists() and new == text and stat.S_IMODE(target.stat().st_mode) == 0o600
    return None if right else new


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Be the only program of ours that reads and writes the file; it is made, empty and private, where it is missing.

    The lock is on the file itself, which every writer replaces: whoever waited has to look whether it is still the one.
    """
    while True:
        descriptor = os.open(target, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if target.exists() and os.path.samestat(os.fstat(descriptor), target.stat()):
                yield
                return
        finally:
            os.close(descriptor)


def forget_keys(path: Path, section: str, *, dry_run: bool = False) -> bool:
    """Take the keys out of a section of ours in the rclone.conf at `path`; whether there are any.

    Raises RcloneError as `write_section`.
    """
    have = read_sections(read(path)).get(section, {})
    if not (SECRET_KEYS & have.keys()):
        return False
    rest = {key: have[key] for key in OUR_KEYS if key in have and key not in SECRET_KEYS}
    return write_section(path, section, rest, dry_run=dry_run)


def remove_section(path: Path, section: str) -> bool:
    """Take a section out of the rclone.conf at `path`, every other byte left alone; whether it was there.

    Its comments go with it. Raises RcloneError as `write_section`.
    """
    if section not in read_sections(read(path)):
        return False
    try:
        foreign_link(path)
        target = Path(os.path.realpath(path))
        with _alone(target):
            text = read_for_writing(path)
            new = "".join(line for owner, line in _with_sections(text) if owner != section)
            atomic_write(target, new.encode("utf-8", "surrogateescape"), mode=0o600)
    except OSError as error:
        raise RcloneError(f"{path}: cannot be written: {error.strerror}", hint=_ANOTHER_FILE) from None
    return True


_ANOTHER_FILE = "name another file as rclone.config in the manifest (rclone: {config: PATH})"


def read(path: Path) -> str:
    """The text of the rclone.conf at `path`, empty when there is none.

    Bytes that are not UTF-8 come through as surrogates, so that encoding with `surrogateescape` gives them
    back. Raises RcloneError when rclone has encrypted the file, OSError when it cannot be read.
    """
    try:
        text = stored.read(path).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except StateError as error:
        raise RcloneError(error.message, hint=f"{error.hint}; or {_ANOTHER_FILE}") from None
    for line in _lines(text):
        words = line.strip()
        if words == ENCRYPTED:
            raise RcloneError(
                f"{path} is encrypted, so no remote can be written into it",
                hint=f"{_ANOTHER_FILE}, or decrypt it with: rclone config encryption remove",
            )
        if words and words[0] not in "#;":
            break
    return text


def read_for_writing(path: Path) -> str:
    """As `read`. Raises RcloneError for another program's file as well: what is written into it might be obeyed there.

    What rclone reads is comments, sections and keys in them; one of the sections says its `type`.
    """
    text = read(path)
    inside = False
    for number, line in enumerate(_lines(text), 1):
        words = line.removeprefix("\ufeff").strip()
        if not words or words[0] in "#;":
            continue
        inside = inside or _header(line) is not None
        if not inside or (_header(line) is None and _entry(line) is None):
            raise _no_conf(f"{path}:{number}: this is no line of an rclone.conf")
    if inside and not any("type" in values for values in read_sections(text).values()):
        raise _no_conf(f"{path} is another program's file: no section of it is a remote")
    return text


def _no_conf(text: str) -> RcloneError:
    return RcloneError(f"{text}; nothing was written into it", hint=_ANOTHER_FILE)


def section_text(section: str, values: Mapping[str, str | Secret]) -> str:
    """`[section]` and its lines, as rclone reads them back. Raises RcloneError for what it would not."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", section):
        raise RcloneError(f"{section!r} cannot be the name of an rclone remote")
    ordered = sorted(values, key=lambda key: (OUR_KEYS.index(key) if key in OUR_KEYS else len(OUR_KEYS), key))
    return render(
        "rclone.conf.j2", section=section, values={key: _quoted(section, key, values[key]) for key in ordered}
    )


def _quoted(section: str, key: str, value: str | Secret) -> str:
    text = value.reveal() if isinstance(value, Secret) else value
    if re.search("[\x00\r\n]", text):
        raise RcloneError(f"rclone.conf [{section}] {key}: a value with a line break cannot be written")
    if re.search(r"%\([^)]*\)s", text):
        # goconfig replaces %(name)s with another key's value and knows no escape for it.
        raise RcloneError(f"rclone.conf [{section}] {key}: a value with %(…)s cannot be written")
    return f"`{text}`" if text != text.strip() or text.startswith(("`", '"')) else text


def read_sections(text: str) -> dict[str, dict[str, str]]:
    """The sections of rclone.conf's `text` with their keys and values, as rclone understands them."""
    sections: dict[str, dict[str, str]] = {}
    for section, line in _with_sections(text):
        if section is None:
            continue
        keys = sections.setdefault(section, {})
        entry = _entry(line)
        if entry:
            keys[entry[0]] = entry[1]
    return sections


def splice(text: str, section: str, body: str) -> str:
    """`text` with `section` saying what `body` (the rendered section) says, and otherwise as it was.

    A missing section goes to the end, after a blank line. In one that is there, a line that says the right
    thing already stays as it is written, another is replaced, missing keys follow the last one, and keys of
    ours that `body` lacks go; comments and keys of the user's stay. A second time changes nothing.
    """
    wanted = read_sections(body)[section]
    newline = "\r\n" if re.search("\r\n", text) and not re.search("(?<!\r)\n", text) else "\n"
    lines = list(_with_sections(text))
    if section not in read_sections(text):
        gap = "" if not text.removeprefix("\ufeff") else newline if text.endswith("\n") else newline * 2
        if re.search("(^|\n)\r?\n$", text):
            gap = ""
        return text + gap + body.replace("\n", newline)

    written = {key: line for line in _lines(body) if (entry := _entry(line)) for key in (entry[0],)}
    kept: list[str] = []
    end_of_keys = None
    first = True
    seen: set[str] = set()
    inside = False
    for owner, line in lines:
        if _header(line) is not None:
            # Of a section that is there twice, the first is kept in order and the others lose our keys.
            first = first and not inside
            inside = owner == section
        entry = _entry(line) if inside else None
        if entry and (entry[0] in OUR_KEYS or entry[0] in wanted):
            key, value = entry
            if not first or key in seen or key not in wanted:
                continue
            seen.add(key)
            line = line if value == wanted[key] else written[key].rstrip("\n") + newline  # noqa: PLW2901
        kept.append(line)
        if inside and first and (entry or _header(line) is not None):
            end_of_keys = len(kept)
    assert end_of_keys is not None  # the section is there
    missing = [written[key].rstrip("\n") + newline for key in wanted if key not in seen]
    if missing and not kept[end_of_keys - 1].endswith("\n"):
        kept[end_of_keys - 1] += newline
    return "".join([*kept[:end_of_keys], *missing, *kept[end_of_keys:]])


def _lines(text: str) -> list[str]:
    """The lines of `text` with their ends. Not splitlines: it breaks at more than line feeds."""
    return re.findall("[^\n]*\n|[^\n]+", text)


def _with_sections(text: str) -> Iterator[tuple[str | None, str]]:
    """Each line with the section it belongs to; None before the first one. A header belongs to its own."""
    section = None
    for line in _lines(text):
        header = _header(line)
        section = section if header is None else header
        yield section, line


def _header(line: str) -> str | None:
    words = line.removeprefix("\ufeff").strip()
    return words[1:-1].strip() if words.startswith("[") and words.endswith("]") else None


def _entry(line: str) -> tuple[str, str] | None:
    """The key and value of a line, or None for a header, a comment, a blank line and what is no entry."""
    words = line.removeprefix("\ufeff").strip()
    if not words or words[0] in "#;" or _header(line) is not None:
        return None
    match = re.match(r'("""|"|`)(?P<quoted>.*?)\1\s*[=:]|(?P<plain>[^=:]*)[=:]', words)
    if match is None:
        return None
    key = match["quoted"] if match["quoted"] is not None else match["plain"].strip()
    value = words[match.end() :].strip()
    for quote in ('"""', "`"):
        if value.startswith(quote) and len(value) >= 2 * len(quote):
            end = value.rfind(quote, len(quote))
            return key, value[len(quote) : end] if end >= 0 else value
    return key, value

"""The manifest that `init --provider …` writes: one store, one sync, and in writing what would hold by itself.

What was typed is judged as a manifest is before anything is written, and a problem is told by its flag.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from bisync.core.printable import printable, typed
from bisync.errors import UsageError
from bisync.manifest import load
from bisync.manifest.document import KeyPath, dotted, parse, quoted
from bisync.manifest.draft import DEFAULT_SYNC_DIR, Draft, Reading, from_home
from bisync.manifest.schema_check import did_you_mean, load_schema

# What goes with every kind of store.
COMMON = ("name", "dir", "path")


class Kind(NamedTuple):
    """What goes with one kind of store beside that, which of it is needed, and how one types it."""

    flags: tuple[str, ...]
    needs: str | None
    as_in: str


KINDS = {
    "basic-memory": Kind(("workspace",), None, "bisync init --provider basic-memory"),
    "s3": Kind(
        ("bucket", "endpoint", "region", "aws_profile"),
        "bucket",
        "bisync init --provider s3 --bucket my-notes",
    ),
    "rclone": Kind(("remote",), "remote", "bisync init --provider rclone --remote nas:notes"),
    "embedded": Kind(("storage",), None, "bisync init --provider embedded"),
}
DEFAULT_NAME = "notes"
# Stores that know no regions but this word for "where it is near" (docs of Tigris and of Cloudflare R2).
_AUTO = ("tigris.dev", "storage.dev", "r2.cloudflarestorage.com")
# A region in an address, as eu-central-003 in s3.eu-central-003.backblazeb2.com.
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d+")
# What rclone takes where nothing is said (rclone docs, S3: `region`), and a store without regions accepts.
_ANY_REGION = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was typed: the flags of `init`; None: not given."""

    provider: str | None = None
    name: str | None = None
    dir: str | None = None
    path: str | None = None
    bucket: str | None = None
    endpoint: str | None = None
    region: str | None = None
    aws_profile: str | None = None
    remote: str | None = None
    storage: str | None = None
    workspace: str | None = None

    def given(self) -> tuple[str, ...]:
        """The names of what was typed, in a fixed order."""
        return tuple(one.name for one in fields(self) if getattr(self, one.name) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A manifest's text, and what it says. `variables`: those of the environment that its keys come from."""

    text: str
    provider: str
    store: str
    dir: str
    variables: tuple[str, ...] = ()


def schema_lines() -> list[str]:
    """The first lines of a manifest: where editors find its schema, and where it lies on this machine."""
    return [
        f"# yaml-language-server: $schema={load_schema()['$id']}",
        f"# That is for editors. Without a network: $schema={_packaged()}",
    ]


def _packaged() -> str:
    """Where the schema lies on this machine, in one word: editors read up to the first blank."""
    path = str(files("bisync.schema").joinpath("bisync.schema.json"))
    return path if re.fullmatch(r"[\w./@+~-]+", path) else Path(path).absolute().as_uri()


def fit(wish: Wish, path: Path, *, env: Mapping[str, str], home: Path, cwd: Path) -> Fitted:
    """The manifest for what was typed, to be written to `path`.

    Raises UsageError for an unknown provider, for a flag that does not go with it or is missing, and for values that no
    manifest may have.
    """
    provider = _provider(wish)
    folder = Path(os.path.normpath(cwd / path)).parent

    def written(given: str | None, instead: str) -> str:
        return instead if given is None else _local(given, folder=folder, cwd=cwd, home=home)

    name = wish.name if wish.name is not None else DEFAULT_NAME
    tenant = _tenant(provider, wish)
    own = _own_words(folder / path.name, env, home)
    keys = _variables(name) if wish.endpoint is not None and wish.aws_profile is None else ()
    values = {
        "provider": provider,
        "name": name,
        "tenant": tenant,
        # Of the vendor's cloud it is the folder that `bm` has.
        "dir": written(wish.dir, own.folder if provider == "basic-memory" else f"~/{name}"),
        "path": wish.path,
        "profile": own.draft.profile,
        "watch_interval": own.draft.watch_interval,
        "keep_days": own.draft.keep_days,
        "bucket": wish.bucket,
        "endpoint": wish.endpoint,
        "region": wish.region if wish.region is not None else _region(wish.endpoint),
        "aws_profile": wish.aws_profile,
        "variables": keys,
        "remote": wish.remote,
        "storage": written(wish.storage, f"~/.local/share/bisync/{tenant}"),
        "workspace": wish.workspace,
    }
    from bisync.render import render

    text = render("init.yaml.j2", schema=schema_lines(), **values)
    _judge(text, path=folder / path.name, env=env, home=home, tenant=tenant, name=name)
    store = {"s3": f"s3://{wish.bucket}", "rclone": wish.remote, "embedded": values["storage"]}
    return Fitted(
        text=text,
        provider=provider,
        store=str(store.get(provider, "the Basic Memory cloud")),
        dir=str(values["dir"]),
        variables=keys,
    )


def _provider(wish: Wish) -> str:
    """The provider that was typed. Raises UsageError as `fit`."""
    if wish.provider is None:
        given = next(flag for flag in wish.given() if flag != "provider")
        for known, kind in KINDS.items():
            if given in kind.flags:
                raise UsageError(f"{_flag(given)} goes with --provider {known}", hint=f"type: {kind.as_in}")
        raise UsageError(f"{_flag(given)} needs a provider ({', '.join(KINDS)})", hint=_as_in("s3"))
    if wish.provider not in KINDS:
        near = did_you_mean(wish.provider, KINDS) or _known_as(wish.provider)
        raise UsageError(
            f"--provider: there is no {quoted(wish.provider)}{near} ({', '.join(KINDS)})", hint=_as_in("s3")
        )
    kind = KINDS[wish.provider]
    for flag in wish.given():
        if flag not in ("provider", *COMMON, *kind.flags):
            goes = ", ".join(_flag(one) for one in (*kind.flags, *COMMON))
            raise UsageError(
                f"{_flag(flag)} does not go with --provider {wish.provider}, which takes {goes}",
                hint=_as_in(wish.provider),
            )
    if kind.needs is not None and getattr(wish, kind.needs) is None:
        raise UsageError(f"--provider {wish.provider} needs {_flag(kind.needs)}", hint=_as_in(wish.provider))
    for flag in wish.given():
        if re.search("[\ud800-\udfff]", getattr(wish, flag)):
            raise UsageError(
                f"{_flag(flag)}: is not text in UTF-8, and nothing else can stand in a manifest",
                hint=_as_in(wish.provider),
            )
    return wish.provider


def _known_as(word: str) -> str:
    """What somebody may mean by the name of a store."""
    s3 = (
        "aws",
        "minio",
        "tigris",
        "r2",
        "cloudflare",
        "b2",
        "backblaze",
        "wasabi",
        "garage",
        "ceph",
        "amazon",
    )
    if word.lower() in s3:
        return '; it is a store of the kind "s3": give its --endpoint'
    if word.lower() in ("sftp", "webdav", "crypt", "drive", "onedrive", "dropbox", "nextcloud", "smb", "ftp"):
        return '; make it a remote with rclone config, and take "rclone"'
    return ""


def _as_in(provider: str) -> str:
    return f"as in: {KINDS[provider].as_in}"


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _tenant(provider: str, wish: Wish) -> str:
    """The tenant's name: what tells its store from others, for it names a section of rclone.conf and a state folder."""
    said = {
        "s3": wish.bucket,
        "rclone": (wish.remote or "").partition(":")[0],
        "embedded": wish.name or "try",
    }
    word = said.get(provider, wish.workspace or "personal")
    clean = re.sub(r"\.\.+", ".", re.sub(r"[^A-Za-z0-9_.-]+", "-", word or "")).strip("-.")[:100]
    return clean or "store"


def _variables(name: str) -> tuple[str, ...]:
    """The variables that a sync's keys come from, called like it."""
    word = re.sub(r"[^A-Z0-9_]", "_", name.upper())
    word = word if word[:1].isalpha() else f"_{word}"
    return (f"{word}_KEY_ID", f"{word}_SECRET")


def _region(endpoint: str | None) -> str:
    """The region that an address speaks of; where it does not, what most stores take."""
    try:
        host = urlsplit(endpoint or "").hostname or ""
    except ValueError:
        host = ""
    if any(host == one or host.endswith(f".{one}") for one in _AUTO):
        return "auto"
    return next((label for label in host.split(".") if _REGION.fullmatch(label)), _ANY_REGION)


def _local(given: str, *, folder: Path, cwd: Path, home: Path) -> str:
    """A path as a manifest in `folder` has it: as it was typed where that means the same there, below ~ in the home."""
    if given.startswith(("~", "$")) or (given and not given.startswith("/") and folder == cwd):
        return given
    path = Path(os.path.normpath(cwd / given))
    if given and path.is_relative_to(home):
        return str(Path("~") / path.relative_to(home))
    return str(path) if given else given


class _Own(NamedTuple):
    """What holds where a manifest says nothing, by config.json and our defaults."""

    draft: Draft
    folder: str


def _own_words(path: Path, env: Mapping[str, str], home: Path) -> _Own:
    document = parse("version: 1\ntenants: {a: {provider: basic-memory}}\n", path.name)
    reading = Reading(document=document, files=(path,), env=env, home=home, problems=[])
    draft = Draft.of(reading)
    found = str(draft.folders["a"].path) if draft.folders else from_home(DEFAULT_SYNC_DIR, home)
    return _Own(draft, _local(found, folder=path.parent, cwd=home, home=home))


def _judge(text: str, *, path: Path, env: Mapping[str, str], home: Path, tenant: str, name: str) -> None:
    """Raise UsageError, by its flag, for what the manifest would be refused for."""
    found: dict[str, str] = {}
    for problem in load.problems(text, path, env=env, home=home):
        where = _spoken(problem.path, tenant, name)
        found.setdefault(where, f"{where}: {problem.text}" if where else problem.text)
    if found:
        raise UsageError(
            printable("; ".join(found.values())),
            hint="nothing was written; type it again: bisync init --help",
        )


def _spoken(where: KeyPath, tenant: str, name: str) -> str:
    """The flag that what stands at `where` comes from, or the key itself."""
    flags: Iterable[tuple[KeyPath, str]] = (
        *((("tenants", tenant, key), _flag(key)) for key in ("bucket", "endpoint", "region", "remote")),
        *((("tenants", tenant, key), _flag(key)) for key in ("storage", "workspace")),
        (("tenants", tenant, "credentials", "aws"), _flag("aws_profile")),
        *((("syncs", name, key), _flag(key)) for key in ("dir", "path")),
        (("syncs", name), _flag("name")),
    )
    return next((flag for key, flag in flags if where == key), dotted(where))


def next_commands(fitted: Fitted, manifest: Path) -> list[str]:
    """What to type once the manifest is there, in this order."""
    named = "" if manifest == Path(load.NAME) else f" -m {typed(manifest)}"
    first = [f"export {' '.join(f'{one}=…' for one in fitted.variables)}"] if fitted.variables else []
    login = [f"bisync login{named}"] if fitted.provider == "basic-memory" else []
    return [*first, *login, f"bisync setup{named}"]

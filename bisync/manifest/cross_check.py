"""What must hold between the keys of a manifest, which a schema cannot say.

Each rule looks at a document that may be wrong elsewhere too, and reports every breach at its own place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bisync.config import BUILTIN_PROFILES, KeysIn
from bisync.files import home_state
from bisync.manifest import commands, forbidden, migration, pings, tenants
from bisync.manifest.cloud_address import is_loopback
from bisync.manifest.document import KeyPath, Place, quoted
from bisync.manifest.draft import DEFAULT_SYNC_DIR, Draft, Folder, Reading, is_path, remote_path
from bisync.manifest.schema_check import did_you_mean


def check(reading: Reading, draft: Draft) -> None:
    """The rules between keys, which a schema cannot say (design: every one of them is exit code 2)."""
    _check_profiles(reading, draft)
    _check_tenants(reading, draft)
    _check_syncs(reading, draft)
    _check_folders(reading, draft)
    _check_remotes(reading, draft)
    _check_pings(reading, draft)
    _check_migration(reading, draft)
    _check_keys(reading)
    reading.local_path("rclone", "config")
    binary = reading.text("rclone", "binary")
    if binary and is_path(binary):
        reading.local_path("rclone", "binary")


def _check_profiles(reading: Reading, draft: Draft) -> None:
    own = reading.mapping("profiles")
    for name, profile in own.items():
        if name in BUILTIN_PROFILES:
            reading.report(
                ("profiles", name),
                f"{name} is built in and stays what it is; give yours another name, with extends: {name}",
                at_key=True,
            )
            continue
        base = profile.get("extends") if isinstance(profile, dict) else None
        if isinstance(base, str):
            _known_profile(reading, ("profiles", name, "extends"), base)
        seen = [name]
        while isinstance(base, str) and base in own and base not in BUILTIN_PROFILES:
            if base in seen:
                if base == name:  # once for each profile in the cycle, not for those that lead into it
                    chain = " -> ".join([*seen, base])
                    reading.report(
                        ("profiles", name, "extends"), f"extends itself ({chain}); extend a built-in one"
                    )
                break
            seen.append(base)
            base = reading.get("profiles", base, "extends")
    at = ("defaults", "profile") if draft.profile_place is None else ("bisync_config", "default_profile")
    _known_profile(reading, at, draft.profile, place=draft.profile_place)


def _known_profile(reading: Reading, path: KeyPath, name: str, *, place: Place | None = None) -> None:
    known = [*BUILTIN_PROFILES, *(one for one in reading.mapping("profiles") if one not in BUILTIN_PROFILES)]
    if name not in known:
        text = f"unknown profile {quoted(name)}{did_you_mean(name, known)} ({', '.join(known)})"
        reading.report(path, text, place=place)


def _check_tenants(reading: Reading, draft: Draft) -> None:
    ids: dict[str, str] = {}
    storages: dict[str, Path] = {}
    for name, tenant in reading.mapping("tenants").items():
        where = ("tenants", name)
        if not isinstance(tenant, dict):
            continue
        if tenant.get("provider") == "basic-memory" and "api_url" not in tenant:
            _safe_url(reading, ("api_url",), draft.cloud.url, place=draft.cloud.place)
        for key in ("endpoint", "api_url"):
            if isinstance(tenant.get(key), str):
                _safe_url(reading, (*where, key), tenant[key])
        _check_bucket_once(reading, where, tenant)
        if tenant.get("provider") == "rclone":
            _check_remote(reading, (*where, "remote"))
        for path in _secret_files(tenant, where):
            reading.local_path(*path)
        storage = reading.local_path(*where, "storage")
        if storage is not None:
            real = Path(os.path.realpath(storage))
            for other, theirs in storages.items():
                if _overlap(real, theirs):
                    text = f"overlaps the storage of tenants.{other}; give each a folder of its own"
                    reading.report((*where, "storage"), text)
                    break
            storages[name] = real
        if tenant.get("provider") != "basic-memory":
            own_id = tenant.get("tenant_id", name)
            if isinstance(own_id, str) and ids.setdefault(own_id, name) != name:
                at, own = ((*where, "tenant_id"), True) if "tenant_id" in tenant else (where, False)
                text = f"tenants.{ids[own_id]} has this tenant id too; each needs one of its own"
                reading.report(at, text, at_key=not own)


def _secret_files(tenant: Any, where: KeyPath) -> Iterator[KeyPath]:
    """The keys below `tenant` (at `where`) that name a file with a secret in it."""
    for keys in (("credentials", "access_key_id"), ("credentials", "secret_access_key"), ("token",)):
        value: Any = tenant
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, dict) and "file" in value:
            yield (*where, *keys, "file")


def _safe_url(
    reading: Reading,
    path: KeyPath,
    url: str,
    *,
    place: Place | None = None,
    page: str | None = None,
    example: str = "https://fly.storage.tigris.dev",
) -> None:
    """Report a URL that would send keys or notes in the clear. It is not repeated: it may hold a password.

    `page`: it is that of a page such as this one, and may have a query.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or re.search(r"[\s\x00-\x1f\x7f\\]", url) or (parts.query and not page) or parts.fragment:
        reading.report(path, f"expected an address such as {page or example}", place=place)
    elif parts.username is not None or parts.password is not None:
        reading.report(
            path, "no user name or password in an address; keys are given as credentials", place=place
        )
    elif parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        reading.report(
            path,
            "neither https nor on this machine; write https://… (http only for localhost or 127.0.0.1)",
            place=place,
        )


def _check_pings(reading: Reading, draft: Draft) -> None:
    """An address that is called is as safe as one that keys are sent to: it is a secret itself."""
    for path in pings.places(reading, draft):
        url = reading.text(*path)
        if url is not None:
            _safe_url(reading, path, url, page="https://hc-ping.com/UUID")


def _check_migration(reading: Reading, draft: Draft) -> None:
    """A password is sent to a safe address only."""
    migration.check(reading, draft)
    _check_remote(reading, ("migration", "webdav", "remote"))
    home = Path(os.path.realpath(reading.home))
    for path in migration.folders(reading):
        folder = reading.local_path(*path)
        why = None if folder is None else forbidden.why_not(Path(os.path.realpath(folder)), home)
        if why is not None:
            reading.report(path, f"{why}; nothing is brought into a sync from there")
    url = reading.text("migration", "webdav", "url")
    if url is not None:
        _safe_url(reading, ("migration", "webdav", "url"), url, example="https://dav.example.org/notes")


def _check_keys(reading: Reading) -> None:
    """Keys that are nowhere between runs have to come from somewhere for each."""
    if reading.text("rclone", "keys") != KeysIn.MEMORY:
        return
    for name, tenant in reading.mapping("tenants").items():
        if isinstance(tenant, dict) and tenant.get("provider") == "basic-memory":
            text = f"the keys of tenants.{name} are made by the cloud once, and have to be kept; leave it at file"
            reading.report(("rclone", "keys"), text)


def _check_remote(reading: Reading, path: KeyPath) -> None:
    """What `setup` stored keys in is no remote for anything else."""
    remote = reading.text(*path)
    if remote is not None and forbidden.holds_stored_keys(remote):
        reading.report(path, f"{quoted(remote)} {forbidden.STORED_KEYS}")


def _check_bucket_once(reading: Reading, where: KeyPath, tenant: dict[Any, Any]) -> None:
    """Report an endpoint that ends in the bucket, as stores show their addresses: it would be a folder of itself.

    (Another path is a store's own: some have their S3 at `/storage/v1/s3`.)
    """
    endpoint, bucket = tenant.get("endpoint"), tenant.get("bucket")
    if not isinstance(endpoint, str) or not isinstance(bucket, str):
        return
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        return  # reported as no address
    above, _, last = parts.path.rstrip("/").rpartition("/")
    if last == bucket and parts.hostname and "@" not in parts.netloc:
        address = f"{parts.scheme}://{parts.netloc}{above}"
        reading.report(
            (*where, "endpoint"), f"ends in the bucket, which has a key of its own; write {address}"
        )


def _check_syncs(reading: Reading, draft: Draft) -> None:
    known = list(reading.mapping("tenants"))
    for name, sync in draft.syncs.items():
        where = ("syncs", name)
        tenant = sync.get("tenant")
        if isinstance(tenant, str) and tenant not in known:
            near = did_you_mean(tenant, known)
            reading.report((*where, "tenant"), f"unknown tenant {quoted(tenant)}{near} ({', '.join(known)})")
        if isinstance(sync.get("profile"), str):
            _known_profile(reading, (*where, "profile"), sync["profile"])
        if isinstance(sync.get("path"), str):
            try:
                remote_path(sync["path"])
            except ValueError as error:
                reading.report((*where, "path"), str(error))


def _check_folders(reading: Reading, draft: Draft) -> None:
    """No sync's folder is, holds or lies in what is not its own: a mount, our state, another sync."""
    home = Path(os.path.realpath(reading.home))
    private = [("the state folder (state_dir)", draft.state_dir)]
    grants = home_state({**reading.env, "HOME": str(reading.home)})
    for name in reading.mapping("tenants"):
        storage = reading.local_path("tenants", name, "storage")
        if storage is not None:
            private.append((f"the storage of tenants.{name}", storage))

    sound: list[Folder] = []
    for folder in draft.folders.values():
        too_wide = _too_wide(folder, home)
        if too_wide:
            reading.report(folder.key, too_wide, place=folder.place)
            continue
        texts = [
            _mounted(folder, draft.mount_dir),
            *(_in_the_way(folder, what, path) for what, path in private),
            _holds_keys(folder, draft.rclone_config)
            or _forbidden(folder, home)
            or _in_the_way(folder, "the folder where grants are kept", grants),
            _holds_manifest(folder, reading.files),
            next((text for text in (_shared(folder, other) for other in sound) if text), None),
        ]
        for text in texts:
            if text:
                reading.report(folder.key, text, place=folder.place)
        sound.append(folder)
    _check_secret_files(reading, draft, sound)
    commands.check(reading, draft, sound)


def _check_secret_files(reading: Reading, draft: Draft, folders: list[Folder]) -> None:
    """A secret's file is not in a folder that is uploaded."""
    tenants_keys = [
        key
        for name, tenant in reading.mapping("tenants").items()
        for key in _secret_files(tenant, ("tenants", name))
    ]
    ping_keys = ((*path, "file") for path in pings.places(reading, draft))
    for key in (*tenants_keys, *ping_keys, *migration.secret_files(reading)):
        path = reading.local_path(*key)
        for folder in folders:
            if path is not None and folder.real in Path(os.path.realpath(path)).parents:
                text = f"lies in the folder of syncs.{folder.sync} and would be uploaded; keep it elsewhere"
                reading.report(key, text)


def _too_wide(folder: Folder, home: Path) -> str | None:
    if folder.real == folder.real.parent:
        return f"{folder.shown} is the root of the file system; choose a folder in the home"
    if folder.real == home:
        return f"{folder.shown} is the home itself; choose a folder in it"
    if folder.real in home.parents:
        return f"{folder.shown} is a folder above the home; choose a folder in the home"
    return None


def _mounted(folder: Folder, mount_dir: Path) -> str | None:
    mount = Path(os.path.realpath(mount_dir))
    if folder.real == mount:
        return (
            f"Cannot use {folder.shown} for bisync - it's the mount directory!"
            f" Give it a folder of its own, such as {DEFAULT_SYNC_DIR}"
        )
    if _overlap(folder.real, mount):
        how = "lies in" if mount in folder.real.parents else "contains"
        return f"{folder.shown} {how} the mount directory (mount_dir); choose a folder beside it"
    return None


def _in_the_way(folder: Folder, what: str, path: Path) -> str | None:
    if _overlap(folder.real, Path(os.path.realpath(path))):
        return f"{folder.shown} overlaps {what}; choose a folder beside it"
    return None


def _holds_keys(folder: Folder, rclone_config: Path) -> str | None:
    if folder.real in Path(os.path.realpath(rclone_config)).parents:
        return f"{folder.shown} contains rclone's configuration, keys and all; choose another folder"
    return None


def _forbidden(folder: Folder, home: Path) -> str | None:
    why = forbidden.why_not(folder.real, home)
    return None if why is None else f"{folder.shown} {why}; choose a folder for notes alone, such as ~/notes"


def _holds_manifest(folder: Folder, files: tuple[Path, ...]) -> str | None:
    """Whoever writes to the cloud would write what is obeyed here. (An overlay may yet be put beside a manifest.)"""
    for file in files:
        lies = (Path(os.path.realpath(file.parent)) / file.name, Path(os.path.realpath(file)))
        if any(folder.real in one.parents for one in lies):
            return (
                f"{folder.shown} contains {file.name}, which says what is synced;"
                " keep that elsewhere, such as in ~/.config/bisync/"
            )
    return None


def _shared(folder: Folder, other: Folder) -> str | None:
    if _overlap(folder.real, other.real):
        return f"overlaps the folder of syncs.{other.sync} ({other.shown}); give each sync one of its own"
    return None


def _overlap(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents


def _check_remotes(reading: Reading, draft: Draft) -> None:
    """No two syncs write to the same place of the same store, whatever their tenants are called."""
    seen: list[tuple[str, tuple[Any, ...], tuple[str, ...]]] = []
    for name, sync in draft.syncs.items():
        tenant = sync.get("tenant")
        store = tenants.store_of(reading, tenant) if isinstance(tenant, str) else None
        text = sync.get("path", "")
        if store is None or not isinstance(text, str):
            continue
        identity = store.identity
        parts = (*store.folder, *(part for part in text.split("/") if part))
        for other, their_identity, theirs in seen:
            shorter = min(len(parts), len(theirs))
            if identity == their_identity and parts[:shorter] == theirs[:shorter]:
                key = "path" if "path" in sync else "tenant"
                reading.report(
                    ("syncs", name, key),
                    f"overlaps what syncs.{other} keeps in the cloud; give each sync a path of its own",
                )
                break
        seen.append((name, identity, parts))

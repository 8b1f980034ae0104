"""A remote that the user's own rclone.conf has."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bisync.config import RcloneTenant
from bisync.core.abilities import Abilities, is_opaque, promised, words
from bisync.core.printable import typed
from bisync.errors import DriftError, RcloneError
from bisync.manifest.forbidden import STORED_KEYS, holds_stored_keys
from bisync.providers import opened, trial
from bisync.providers.base import Around, Credentials, Provider, knock
from bisync.rclone import conf
from bisync.rclone.argv import features_argv, listremotes_argv, show_argv
from bisync.rclone.output import read_alias, read_features, read_remotes
from bisync.rclone.own_remote import without_secrets
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote
from bisync.state import abilities

# Backends that may keep the time they are told, and cannot be kept from it (rclone docs, WebDAV: X-OC-Mtime).
TOLD_TIMES = frozenset({"webdav"})
ALIASES_DEEP = 10
# What a remote is made of, in the sections of those that stand before others (alias, crypt, chunker, union, combine).
_LEADS_TO = frozenset({"remote", "upstreams"})
# What says where a remote is. (Not how it is reached: tokens and passwords come and go.)
_ADDRESS = _LEADS_TO | {
    "type",
    "endpoint",
    "url",
    "host",
    "port",
    "user",
    "username",
    "server",
    "account",
    "share",
    "namenode",
    "drive_id",
    "root_folder_id",
    "team_drive",
    "hostname",
    "api_url",
    "service_principal_name",
    "bucket",
}
# A remote's name (rclone docs, "Valid remote names"), wherever it stands in what leads to others.
_REMOTE = re.compile(r"(?:^|[\s=\"'])([A-Za-z0-9_.+@][A-Za-z0-9_.+@ -]*)(?=[,:])")


_UPSTREAM_NAME = re.compile(r"^[^:/=]*=")


class RcloneRemote(Provider[RcloneTenant]):
    """A remote of rclone.conf, whatever it is made of."""

    def remote(self, tenant: RcloneTenant, path: str, rclone: Rclone) -> Remote:
        return self._remote(self._asked(tenant, path, rclone), path)

    @contextmanager
    def reach(self, tenant: RcloneTenant, path: str, rclone: Rclone, state_dir: Path) -> Iterator[Remote]:
        _refuse_stored_keys(tenant, rclone)
        known = abilities.load(state_dir, self._about(tenant, rclone.config, rclone.version))
        yield self.remote(tenant, path, rclone) if known is None else self._remote(known, path)

    def prove(self, tenant: RcloneTenant, path: str, rclone: Rclone, state_dir: Path) -> Abilities | None:
        found = self._asked(tenant, path, rclone)
        can = trial.tried(rclone, self._remote(found, path))
        abilities.save(state_dir, self._about(tenant, rclone.config, rclone.version), found._replace(can=can))
        return can

    def known_abilities(self, tenant: RcloneTenant, config: Path, state_dir: Path) -> Abilities | None:
        found = abilities.load(state_dir, self._about(tenant, config, None))
        return None if found is None else found.can

    def _about(self, tenant: RcloneTenant, config: Path, version: str | None) -> abilities.About:
        try:
            sections = conf.read_sections(conf.read(config))
        except (OSError, RcloneError):
            return abilities.About(tenant.remote, "", version)
        return abilities.About(tenant.remote, settings_of(tenant.remote, sections), version)

    def _remote(self, found: abilities.Found, path: str) -> Remote:
        real = below(found.fs, path)
        return Remote(fs=real, label=real.rstrip("/"), can=found.can)

    def _asked(self, tenant: RcloneTenant, path: str, rclone: Rclone) -> abilities.Found:
        """What rclone says of a tenant's remote. Raises DriftError, RcloneError (where its password is wrong, too)."""
        _refuse_stored_keys(tenant, rclone)
        known = read_remotes(rclone.check(listremotes_argv()).stdout)
        name = tenant.remote.partition(":")[0]
        if name not in known:
            have = ", ".join(sorted(known)) or "none"
            raise RcloneError(
                f"tenants.{tenant.name}: rclone.conf has no remote {name!r} (it has: {have})",
                hint=f"make it with: rclone config --config {typed(rclone.config)}",
            )
        fs = _unaliased(tenant, known, rclone)
        said = read_features(rclone.check(features_argv(_top(fs))).stdout)
        found = abilities.Found(fs, promised(said, self._behind(fs, rclone)))
        if is_opaque(said):
            opened.check(rclone, _top(fs), self._remote(found, path))
        return found

    def _behind(self, fs: str, rclone: Rclone) -> Iterator[Mapping[str, Any]]:
        """What rclone says of the remotes that this one leads to, as far as rclone.conf and they can be asked."""
        try:
            sections = conf.read_sections(conf.read(rclone.config))
        except (OSError, RcloneError):
            return
        for behind in leads_to(fs, sections):
            outcome = rclone.run(features_argv(_top(behind)))
            if outcome.code == 0:
                yield read_features(outcome.stdout)

    def label(self, tenant: RcloneTenant) -> str:
        return tenant.remote

    def address(self, tenant: RcloneTenant, config: Path) -> str:
        try:
            sections = conf.read_sections(conf.read(config))
        except (OSError, RcloneError):
            # An encrypted one, for example: only rclone can read that.
            return ""
        return address_of(tenant.remote, sections)

    def credentials(
        self, tenant: RcloneTenant, path: str, rclone: Rclone | None, around: Around, *, rotate: bool
    ) -> Credentials:
        if rclone is None:
            return Credentials(text="those of rclone.conf")
        known = abilities.load(around.state_dir, self._about(tenant, rclone.config, rclone.version))
        remote = self.remote(tenant, path, rclone) if known is None else self._remote(known, path)
        knock(rclone, remote)
        if rotate or not remote.can.proved:
            around.say(f"trying what {remote.label} keeps")
            can = self.prove(tenant, path, rclone, around.state_dir)
            remote = replace(remote, can=can or remote.can)
        return Credentials(text=f"those of rclone.conf; {words(remote.can, remote.told_by())}")


def _refuse_stored_keys(tenant: RcloneTenant, rclone: Rclone) -> None:
    """Raise DriftError for a remote that leads to a section of ours. (Of an encrypted file: we write into none.)"""
    try:
        sections = conf.read_sections(conf.read(rclone.config))
    except (OSError, RcloneError):
        return
    for name, values in remotes_behind(tenant.remote, sections).items():
        ahead = [value for key, value in values.items() if key in _LEADS_TO]
        ours = [
            one for text in (f"{name}:", *ahead) for one in _REMOTE.findall(text) if holds_stored_keys(one)
        ]
        if ours:
            raise DriftError(
                f"tenants.{tenant.name}: {tenant.remote} leads to [{ours[0]}] in rclone.conf, which {STORED_KEYS}",
                hint=f"mend it with: rclone config --config {typed(rclone.config)}",
            )


def remotes_behind(remote: str, sections: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """The remotes that a remote (`name:path`) leads to, itself among them, by rclone.conf's `sections`."""
    found: dict[str, Mapping[str, str]] = {}
    ahead = [remote]
    while ahead:
        for name in _REMOTE.findall(ahead.pop()):
            if name in found or name not in sections:
                continue
            found[name] = sections[name]
            ahead += [value for key, value in sections[name].items() if key in _LEADS_TO]
    return found


def _top(fs: str) -> str:
    """The remote itself: rclone asks nobody about that, and the server about a folder of it."""
    name, colon, _ = fs.partition(":")
    return f"{name}:" if colon and "/" not in name else fs


def leads_to(remote: str, sections: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The remotes and folders that a remote stands before, one after the other, by rclone.conf's `sections`."""
    found: list[str] = []
    for values in remotes_behind(remote, sections).values():
        for key in _LEADS_TO & values.keys():
            # Upstreams are several, some with a name before (combine) or a mode after them (union).
            each = shlex.split(values[key]) if key == "upstreams" else [values[key]]
            found += [_UPSTREAM_NAME.sub("", one).removesuffix(":ro").removesuffix(":nc") for one in each]
    return found


def address_of(remote: str, sections: Mapping[str, Mapping[str, str]]) -> str:
    """A digest of where a remote is, with all that it leads to; "" for one that is not there."""
    behind = remotes_behind(remote, sections)
    said = [
        [name, sorted((key, value) for key, value in values.items() if key in _ADDRESS)]
        for name, values in sorted(behind.items())
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32] if said else ""


def settings_of(remote: str, sections: Mapping[str, Mapping[str, str]]) -> str:
    """A digest of where a remote is, and of all that is set for those that stand before others; "" where it is not.

    (A password of theirs says what is there. How the last one is reached says nothing of that, and comes and goes.)
    """
    behind = remotes_behind(remote, sections)
    before = [
        [name, sorted(values.items())] for name, values in sorted(behind.items()) if _LEADS_TO & values.keys()
    ]
    address = address_of(remote, sections)
    return hashlib.sha256(json.dumps([address, before]).encode()).hexdigest()[:32] if address else ""


def may_keep_told_times(remote: str, sections: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether a remote (`name:path`) is of a kind that may keep the times it is told, by rclone.conf's `sections`."""
    name = remote.partition(":")[0]
    for _ in range(ALIASES_DEEP):
        section = sections.get(name, {})
        if section.get("type") != "alias":
            return section.get("type") in TOLD_TIMES
        name = section.get("remote", "").partition(":")[0]
    return False


def below(remote: str, path: str) -> str:
    """A folder of a remote (or of this machine) as rclone spells it, with its trailing slash."""
    base = remote if remote.endswith((":", "/")) or not path else remote + "/"
    found = base + path.strip("/")
    return found if found.endswith((":", "/")) else found + "/"


def _unaliased(tenant: RcloneTenant, known: Mapping[str, str], rclone: Rclone) -> str:
    """The tenant's remote with aliases spelled out: bisync names its listings after what they stand for."""
    found = tenant.remote
    for _ in range(ALIASES_DEEP):
        name, colon, rest = found.partition(":")
        if not colon or known.get(name) != "alias":
            return found
        target = read_alias(rclone.check(show_argv(name)).stdout)
        if target.startswith(":") or without_secrets(target) != target:
            # It would stand in command lines and in what is printed.
            raise RcloneError(
                f"tenants.{tenant.name}: [{name}] in rclone.conf leads to a remote that is written out there",
                hint="give that remote a section of its own, and lead to it by its name: "
                f"rclone config --config {typed(rclone.config)}",
            )
        found = below(target, rest).removesuffix("/") if rest.strip("/") else target
    raise RcloneError(f"tenants.{tenant.name}: {tenant.remote} is an alias of an alias without end",
                      hint=f"mend it with: rclone config --config {typed(rclone.config)}")  # fmt: skip


PROVIDER = RcloneRemote()

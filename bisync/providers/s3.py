"""Any S3-compatible store, through a section of rclone.conf."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from bisync.config import AwsProfile, KeyPair, KeysIn, S3Tenant
from bisync.core.abilities import OBJECTS
from bisync.core.counting import counted
from bisync.core.drift import Purpose, differences
from bisync.core.result import Finding
from bisync.errors import KeysRefused
from bisync.providers import agreement, aws_profiles, listed_names
from bisync.providers.base import Around, Credentials, Provider
from bisync.rclone import conf
from bisync.rclone.argv import list_folders_argv, probe_argv
from bisync.rclone.diagnosis import failure, is_server_error
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote, consistent
from bisync.secret import Secret, resolve

SKEW_SECONDS = 60.0


# rclone's word for a store of a maker that it does not know (rclone docs, S3: `provider`).
UNNAMED = "Other"
_AWS_KEYS = (
    "see whose keys they are: aws sts get-caller-identity; for new ones: aws sso login, or aws configure"
)


class S3(Provider[S3Tenant]):
    """A bucket. Its listings carry ETags, which are MD5s."""

    has_section = True

    def remote(self, tenant: S3Tenant, path: str, rclone: Rclone) -> Remote:
        folder = f"{tenant.bucket}/{path}/" if path else f"{tenant.bucket}/"
        at = f" at {tenant.endpoint}" if tenant.endpoint else ""
        fs = f"{conf.section_name(tenant.id)}:{folder}"
        label = f"s3://{folder.rstrip('/')}{at}"
        cure = _AWS_KEYS if tenant.credentials is None else None
        return Remote(fs=fs, label=label, can=OBJECTS, env=consistent(tenant.endpoint), keys_cure=cure)

    def label(self, tenant: S3Tenant) -> str:
        return f"s3://{tenant.bucket}"

    def place(self, tenant: S3Tenant, path: str) -> str:
        store = (tenant.endpoint or tenant.s3_provider).rstrip("/").lower()
        return f"{store}/{tenant.bucket}/{path}".rstrip("/")

    def purpose(self, tenant: S3Tenant) -> Purpose:
        return agreement.purpose(reference=_reference(tenant.credentials), bucket=tenant.bucket)

    @contextmanager
    def reach(self, tenant: S3Tenant, path: str, rclone: Rclone, state_dir: Path) -> Iterator[Remote]:
        if rclone.keys is KeysIn.MEMORY:
            said = listed_names.noted(state_dir, conf.section_name(tenant.id), self.place(tenant, ""))
            values = {**_section_values(tenant, rclone.env), **said}
            yield self._by_environment(tenant, path, rclone, values)
            return
        name, wanted = conf.section_name(tenant.id), _wanted(tenant)
        agreement.agree(rclone.config, name, wanted, self.purpose(tenant), state_dir)
        yield self.remote(tenant, path, rclone)

    def credentials(
        self, tenant: S3Tenant, path: str, rclone: Rclone | None, around: Around, *, rotate: bool
    ) -> Credentials:
        in_memory = around.keys is KeysIn.MEMORY
        if rclone is not None and not rotate and not in_memory:
            working = self._working_section(tenant, path, rclone, around.state_dir)
            if working is not None:
                return Credentials(text="kept: they still work", section=working)
        if isinstance(tenant.credentials, AwsProfile):
            aws_profiles.must_be_there(tenant.credentials, f"tenants.{tenant.name}", around.env)
        values = _section_values(tenant, around.env)
        if rclone is not None and in_memory:
            name, store = conf.section_name(tenant.id), self.place(tenant, "")
            said = listed_names.noted(around.state_dir, name, store)
            found = _opened(
                tenant, rclone, self._by_environment(tenant, path, rclone, {**values, **said}), said
            )
            if found:
                listed_names.note(around.state_dir, name, store, found)
        elif rclone is not None:
            said = _said(tenant, rclone)
            remote = self._by_environment(tenant, path, rclone, {**values, **said})
            values |= _opened(tenant, rclone, remote, said if listed_names.is_said(said) else {}) or said
        if in_memory:
            return Credentials(
                text="they work, and are kept nowhere: each run has them from the manifest's references"
            )
        if tenant.credentials is None:
            return Credentials(text="the AWS SDK's own chain", section=values)
        if isinstance(tenant.credentials, AwsProfile):
            text = f"the AWS SDK's, of the profile {tenant.credentials.name}"
            return Credentials(text=text, section=values)
        again = " again" if rotate else ""
        return Credentials(text=f"resolved{again} from the manifest's references", section=values)

    def _working_section(
        self, tenant: S3Tenant, path: str, rclone: Rclone, state_dir: Path
    ) -> Mapping[str, str] | None:
        """The tenant's section, where it is as the manifest means it and its keys open the bucket.

        Raises RcloneError when the keys are not what is wrong: others would not help.
        """
        name = conf.section_name(tenant.id)
        have = conf.read_sections(conf.read(rclone.config)).get(name, {})
        if not agreement.is_for(state_dir, name, self.purpose(tenant)):
            return None
        if differences(have, _wanted(tenant)):
            return None
        if isinstance(tenant.credentials, KeyPair) != bool(have.get("secret_access_key")):
            return None
        remote = self.remote(tenant, path, rclone)
        try:
            found = _opened(tenant, rclone, remote, have if listed_names.is_said(have) else {})
        except KeysRefused:
            return None
        # The same values will be written once more: that mends the file's mode, where it is too wide.
        return {**{key: have[key] for key in conf.OUR_KEYS if key in have}, **found}

    def _by_environment(
        self, tenant: S3Tenant, path: str, rclone: Rclone, values: Mapping[str, str | Secret]
    ) -> Remote:
        """The same folder by an environment of its own, for values that are not in rclone.conf (yet)."""
        env = conf.environment(conf.section_name(tenant.id), values)
        remote = self.remote(tenant, path, rclone)
        return replace(remote, env={**remote.env, **env})

    def look_here(self, tenant: S3Tenant, around: Around) -> Iterator[Finding]:
        """Whether the profile of the AWS SDK is there, where the manifest names one."""
        if isinstance(tenant.credentials, AwsProfile):
            found = aws_profiles.must_be_there(tenant.credentials, f"tenants.{tenant.name}", around.env)
            text = f"the AWS SDK's keys of the profile {tenant.credentials.name}, in {found}"
            yield Finding(about=tenant.name, level="ok", text=text)

    def look(
        self, tenant: S3Tenant, remote: Remote, rclone: Rclone, now: Callable[[], datetime]
    ) -> Iterator[Finding]:
        """Whether the keys see more than their bucket, and whether the clocks agree."""
        yield _scope(tenant, remote, rclone)
        if tenant.endpoint is not None:
            yield from _skew(tenant, tenant.endpoint, now)


def _reference(keys: KeyPair | AwsProfile | None) -> object:
    """Where keys come from, in words that tell it from elsewhere."""
    if keys is None:
        return "aws"
    if isinstance(keys, AwsProfile):
        return ["aws", keys.name]
    return agreement.reference_of(keys.access_key_id, keys.secret_access_key)


def _profile(tenant: S3Tenant) -> str | None:
    return tenant.credentials.name if isinstance(tenant.credentials, AwsProfile) else None


def _wanted(tenant: S3Tenant) -> dict[str, str]:
    """What its section says beside keys."""
    values = {
        "type": "s3",
        "provider": tenant.s3_provider,
        "region": tenant.region,
        "endpoint": tenant.endpoint,
        "env_auth": "false" if isinstance(tenant.credentials, KeyPair) else "true",
        "profile": _profile(tenant),
    }
    return {key: value for key, value in values.items() if value is not None}


def _opened(tenant: S3Tenant, rclone: Rclone, remote: Remote, known: Mapping[str, str]) -> Mapping[str, str]:
    """See that a bucket can be read; how it has to be listed, where that is not `known` and can be found out.

    Of a maker that rclone knows by name it knows that, unless it fails. Raises RcloneError, KeysRefused.
    """
    argv = probe_argv(remote)
    outcome = rclone.run(argv, remote=remote)
    # A key that XML cannot hold may be what the store fails on: then another kind of listing is what opens it.
    may_list = is_server_error(outcome) or (outcome.code == 0 and tenant.s3_provider == UNNAMED)
    found = listed_names.found_out(rclone, remote) if may_list and not known else {}
    if outcome.code != 0 and not found:
        raise failure(argv, outcome, remote)
    return found


def _said(tenant: S3Tenant, rclone: Rclone) -> Mapping[str, str]:
    """What the tenant's section says of how its bucket is listed: of another store, that nothing is known."""
    have = conf.read_sections(conf.read(rclone.config)).get(conf.section_name(tenant.id), {})
    if not listed_names.is_said(have):
        return {}
    if differences(have, _wanted(tenant)):
        return listed_names.UNSAID
    return {key: have[key] for key in listed_names.KEYS if key in have}


def _section_values(tenant: S3Tenant, env: Mapping[str, str]) -> dict[str, str | Secret]:
    """The keys of the tenant's section in rclone.conf. Resolves the secret references: raises SecretError."""
    keys = tenant.credentials
    return conf.s3_values(
        provider=tenant.s3_provider,
        keys=(resolve(keys.access_key_id, env), resolve(keys.secret_access_key, env))
        if isinstance(keys, KeyPair)
        else None,
        profile=_profile(tenant),
        region=tenant.region,
        endpoint=tenant.endpoint,
    )


def _scope(tenant: S3Tenant, remote: Remote, rclone: Rclone) -> Finding:
    """Scoped keys see one bucket at most."""
    root = remote.fs.partition(":")[0] + ":"
    outcome = rclone.run(list_folders_argv(root), remote=remote)
    others = {line.strip().rstrip("/") for line in outcome.stdout.splitlines()} - {tenant.bucket, ""}
    if outcome.code == 0 and others:
        return Finding(
            about=tenant.name,
            level="warning",
            text=f"these keys can see {counted(len(others), 'other bucket')}, {sorted(others)[0]} for one",
            cure=f"use keys that are scoped to the bucket {tenant.bucket}",
        )
    return Finding(about=tenant.name, level="ok", text="the keys see no other bucket")


def _skew(tenant: S3Tenant, endpoint: str, now: Callable[[], datetime]) -> Iterator[Finding]:
    """S3 refuses requests signed with a clock more than 15 minutes off (AWS Signature Version 4)."""
    from email.utils import parsedate_to_datetime

    import httpx

    try:
        answer = httpx.head(endpoint, timeout=10)
    except httpx.HTTPError as error:
        yield Finding(
            about=tenant.name, level="warning", text=f"{endpoint}: {error}", cure="check your network"
        )
        return
    stamp = answer.headers.get("date")
    if stamp is None:
        return
    off = abs((now() - parsedate_to_datetime(stamp)).total_seconds())
    if off > SKEW_SECONDS:
        yield Finding(
            about=tenant.name, level="warning", text=f"this clock and the cloud's are {off:.0f} s apart",
            cure="set the clock: timedatectl set-ntp true",
        )  # fmt: skip
    else:
        yield Finding(about=tenant.name, level="ok", text="the clock agrees with the cloud's")


PROVIDER = S3()

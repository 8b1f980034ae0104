"""What a manifest asks for: each thing it may do is a capability, and whatever changes one is another one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from bisync.core.grants import Capability, Kind, Record, Standing, compare, mark, not_granted, said
from bisync.manifest.load import load
from bisync.state import granted

pytestmark = pytest.mark.pure

BASE = """\
version: 1
tenants:
  team:
    provider: s3
    bucket: notes
    endpoint: https://store.example.org
    region: auto
    credentials:
      access_key_id: {env: KEY_ID}
      secret_access_key: {command: [pass, show, key]}
  cloud: {provider: basic-memory, api_url: "https://api.example.org", workspace: ours}
  nas: {provider: rclone, remote: "nas:notes"}
  try: {provider: embedded, storage: /srv/store}
syncs:
  notes: {tenant: team, path: a, dir: "${NOTES:-/srv/notes}", ignore: ["*.log", "!keep.env"]}
  cloud: {tenant: cloud, dir: /srv/cloud}
  nas: {tenant: nas, dir: /srv/nas}
  try: {tenant: try, dir: /srv/try, hooks: {after_sync: [[bm, sync], [sh, -c, "a  b"]]}}
ping: {success: "https://ping.example.org/secret-id", failure: {env: PING_URL}}
migration:
  {from: [/srv/old], sync: notes, webdav: {url: "https://dav.example.org", user: me, password: {file: /srv/pass}}}
rclone: {binary: /opt/rclone, config: /opt/rclone.conf}
state_dir: /srv/state
profiles: {mine: {max_delete: 3}}
"""


def asked(tmp_path: Path, text: str, env: Mapping[str, str] = {}, overlay: str = "") -> list[str]:
    """The keys of what a manifest asks for."""
    return [granted.key(one) for one in standing(tmp_path, text, env, overlay).asked]


def standing(tmp_path: Path, text: str, env: Mapping[str, str] = {}, overlay: str = "") -> Standing:
    home = tmp_path / "home"
    (tmp_path / "bisync.yaml").write_text(text)
    (tmp_path / "bisync.local.yaml").write_text(overlay or "{}\n")
    env = {"HOME": str(home), **env}
    return granted.standing(load(tmp_path / "bisync.yaml", env=env, home=home), env)


def line(one: Capability) -> str:
    return f"{one.kind.value:<7}  {said(one)}   ({one.where})"


def test_all_that_it_may_do_is_shown(tmp_path: Path) -> None:
    assert [line(one) for one in standing(tmp_path, BASE).asked] == [
        "program  /opt/rclone   (rclone.binary)",
        "program  remotes and keys are those of /opt/rclone.conf   (rclone.config)",
        "program  /srv/state holds state, settings and an installed rclone   (state_dir)",
        "program  pass show key   (tenants.team.credentials.secret_access_key)",
        "program  bm sync   (syncs.try.hooks.after_sync)",
        "program  sh -c 'a  b'   (syncs.try.hooks.after_sync)",
        "secret   {env: KEY_ID} + {command: [pass, show, key]} -> s3://notes at https://store.example.org"
        "   (tenants.team.credentials)",
        "secret   {file: /srv/pass} -> https://dav.example.org   (migration.webdav.password)",
        "address  your login or API key -> https://api.example.org   (tenants.cloud)",
        "address  https://ping.example.org/… is called   (syncs.notes.ping.success)",
        "address  what {env: PING_URL} says is called   (ping.failure)",
        "address  https://dav.example.org is copied to the sync dir of notes, by migrate   (migration.webdav)",
        "folder   /srv/notes <-> a in s3://notes at https://store.example.org   (syncs.notes)",
        "folder   /srv/cloud <-> https://api.example.org, workspace ours, files at https://fly.storage.tigris.dev"
        "   (syncs.cloud)",
        "folder   /srv/nas <-> nas:notes of rclone.conf   (syncs.nas)",
        "folder   /srv/try <-> /srv/store   (syncs.try)",
        "folder   /srv/old is copied to the sync dir of notes, by migrate   (migration.from)",
        "ignore   !keep.env may go up, also where it is called like a secret   (syncs.notes.ignore)",
    ]


SAME = {
    "a comment": ("version: 1\n", "version: 1\n# hello\n"),
    "a limit": ("max_delete: 3", "max_delete: 300"),
    "a rule that hides": ('"*.log"', '"*.pdf"'),
    "less of what it may do": (', [sh, -c, "a  b"]', ""),
    "no ping": ('ping: {success: "https://ping.example.org/secret-id", failure: {env: PING_URL}}\n', ""),
    "the same path in other words": ("/srv/try,", "/srv/x/../try,"),
}
MORE = {
    "a bucket": ("bucket: notes", "bucket: theirs"),
    "an endpoint": ("https://store.", "https://evil."),
    "a variable": ("env: KEY_ID", "env: AWS_SECRET_ACCESS_KEY"),
    "a command's argument": ("show, key", "show, bank"),
    "a path in the bucket": ("path: a,", "path: b,"),
    "a folder": ("/srv/nas}", "/srv/private}"),
    "a remote": ("nas:notes", "other:notes"),
    "a remote's path": ("nas:notes", "nas:public"),
    "a storage": ("/srv/store", "/srv/www"),
    "a hook": ("bm, sync", "bm, rm"),
    "a hook of another kind": ("after_sync", "before_sync"),
    "a hook's words": ('"a  b"', '"a b"'),
    "a ping": ("secret-id", "other-id"),
    "a ping's reference": ("PING_URL", "SECRET"),
    "an API": ("https://api.", "https://evil."),
    "a workspace": ("workspace: ours", "workspace: theirs"),
    "a token": ("workspace: ours", "token: {env: T}"),
    "the id of keys in rclone.conf": ("    bucket: notes\n", "    bucket: notes\n    tenant_id: bank\n"),
    "a program": ("/opt/rclone,", "/opt/other,"),
    "a configuration": ("/opt/rclone.conf", "/opt/other.conf"),
    "a state folder": ("/srv/state", "/srv/other"),
    "an old folder": ("[/srv/old]", "[/srv/private]"),
    "a server": ("https://dav.", "https://evil."),
    "a server's user": ("user: me", "user: root"),
    "a server's password": ("/srv/pass", "/srv/key"),
    "what goes": ("sync: notes,", "sync: notes, remove_old: true,"),
    "a rule that shows": ("!keep.env", "!.env"),
    "a rule that shows, for all": ("profiles:", "ignore: ['!.env']\nprofiles:"),
}  # fmt: skip


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_what_changes_nothing_of_it_needs_no_word(change: tuple[str, str], tmp_path: Path) -> None:
    assert change[0] in BASE
    before = set(asked(tmp_path, BASE))

    assert set(asked(tmp_path, BASE.replace(*change, 1))) <= before


@pytest.mark.parametrize("change", MORE.values(), ids=MORE)
def test_each_change_of_it_is_another_grant(change: tuple[str, str], tmp_path: Path) -> None:
    assert change[0] in BASE
    before = set(asked(tmp_path, BASE))

    assert set(asked(tmp_path, BASE.replace(*change, 1))) - before


def test_a_variable_of_a_path_counts_by_what_it_says(tmp_path: Path) -> None:
    before = set(asked(tmp_path, BASE))

    assert set(asked(tmp_path, BASE, env={"NOTES": "/srv/private"})) - before
    assert set(asked(tmp_path, BASE, env={"NOTES": "/srv/notes"})) == before


def test_the_overlay_is_part_of_it(tmp_path: Path) -> None:
    before = set(asked(tmp_path, BASE))

    assert set(asked(tmp_path, BASE, overlay="syncs: {nas: {hooks: {on_failure: [[x]]}}}\n")) - before
    assert set(asked(tmp_path, BASE, overlay="device: mine\n")) == before


DEFAULT = """\
version: 1
tenants:
  team: {provider: s3, bucket: b, region: us-east-1, credentials: aws}
rclone: {binary: rclone}
"""


def test_what_it_leaves_open_is_no_ones_grant_but_where_it_goes(tmp_path: Path) -> None:
    """Neither the defaults nor what the user's own environment says of rclone are what a manifest asks for."""
    for env in ({}, {"RCLONE_CONFIG": str(tmp_path / "mine.conf")}):
        found = standing(tmp_path, DEFAULT, env).asked
        assert [one.kind for one in found] == [Kind.SECRET, Kind.FOLDER]
    # One profile of the AWS SDK is another secret than what it takes by itself, or another profile.
    profiles = [
        DEFAULT.replace("credentials: aws", f"credentials: {{aws: {name}}}") for name in ("work", "home")
    ]
    one, other, chain = (set(asked(tmp_path, text)) for text in (*profiles, DEFAULT))
    assert one - other and other - one and one - chain and chain - one
    # Without an endpoint these say where it is.
    for change in (("us-east-1", "eu-west-1"), ("bucket: b", "bucket: b, s3_provider: Wasabi")):
        before = set(asked(tmp_path, DEFAULT))
        assert set(asked(tmp_path, DEFAULT.replace(*change))) - before


def test_what_a_cloud_has_said_of_a_tenant_is_nothing_new(tmp_path: Path) -> None:
    """The bucket that the vendor's API names is known after the first setup, and not before."""
    from dataclasses import replace

    text = "version: 1\ntenants: {mine: {provider: basic-memory}}\n"
    (tmp_path / "bisync.yaml").write_text(text)
    manifest = load(tmp_path / "bisync.yaml", env={}, home=tmp_path)
    told = replace(manifest.tenants[0], tenant_id="1234", bucket="b-1234")  # type: ignore[call-arg]
    later = replace(manifest, tenants=(told,), syncs=(replace(manifest.syncs[0], tenant=told),))

    env = {"HOME": str(tmp_path)}
    assert granted.asked(later, env) == granted.asked(manifest, env)


def test_two_that_differ_have_two_digests() -> None:
    """No word of a command can be taken for two, nor two for one."""
    forms: list[tuple[object, ...]] = [
        ("hook", ("a", "b")), ("hook", ("a b",)), ("hook", ("a', 'b",)), ("hook", ("a",), "b"), ("hook", "a", "b"),
        ("hook", ("a", "b"), None), ("hook", ("a", "b"), "None"),
    ]  # fmt: skip
    keys = {granted.key(Capability(Kind.PROGRAM, "w", "t", form)) for form in forms}
    assert len(keys) == len(forms)


# -- the comparison -----------------------------------------------------------------------------------------


def record_of(found: Standing, *left_out: int) -> Record:
    kept = [one for number, one in enumerate(found.asked) if number not in left_out]
    return Record(
        at="2026-11-01T10:00:00+00:00",
        keys=frozenset(map(granted.key, kept)),
        places=frozenset(one.where for one in found.asked),
    )


@pytest.mark.parametrize(
    ("text", "before", "left_out", "holds", "asks"),
    [
        pytest.param(BASE, False, (), False, True, id="the first, with programs"),
        pytest.param(DEFAULT, False, (), False, False, id="the first, without"),
        pytest.param(BASE, True, (), True, False, id="the same"),
        pytest.param(BASE, True, (4,), False, True, id="a program more"),
        pytest.param(DEFAULT, True, (1,), False, True, id="anything more"),
    ],
)
def test_who_is_asked(
    text: str, before: bool, left_out: tuple[int, ...], holds: bool, asks: bool, tmp_path: Path
) -> None:
    found = standing(tmp_path, text)
    record = record_of(found, *left_out) if before else None

    seen = compare(found.asked, granted.key, record)

    assert (seen.holds, seen.needs_a_word) == (holds, asks)
    assert list(seen.new) == ([found.asked[one] for one in left_out] if before else list(found.asked))


def test_the_refusal_names_what_is_new_and_the_cure(tmp_path: Path) -> None:
    text = DEFAULT + 'syncs: {a: {tenant: team, dir: /srv/a, hooks: {on_change: [[sh, "\\u202e\\nx"]]}}}\n'
    found = standing(tmp_path, text)
    refused = not_granted("/x/bisync.yaml", compare(found.asked, granted.key, record_of(found, 0)))

    assert refused.exit_code == 4
    assert refused.message == (
        "/x/bisync.yaml asks for more than was agreed to on 2026-11-01: "
        r"changed program sh $'\u202e\012x' (syncs.a.hooks.on_change)"
    )
    assert refused.hint is not None and "bisync setup" in refused.hint


def test_before_any_grant_the_refusal_says_what_to_type(tmp_path: Path) -> None:
    refused = not_granted("/x/bisync.yaml", standing(tmp_path, DEFAULT))

    assert refused.message == "nobody has agreed on this machine to what /x/bisync.yaml may do"
    assert refused.hint is not None and "bisync setup" in refused.hint
    assert [mark(one, standing(tmp_path, DEFAULT)) for one in standing(tmp_path, DEFAULT).asked] == [
        "new", "new",
    ]  # fmt: skip


def test_a_kind_of_tenant_that_is_not_known_here_is_all_that_is_said_of_it() -> None:
    """A new provider is held to its grant also before anybody has thought of that."""
    from dataclasses import dataclass

    from bisync.config import Tenant
    from bisync.core.grants import _identity

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Disk(Tenant):
        provider = "disk"
        storage: Path

    one, other = (Disk(name="d", tenant_id=None, storage=Path(where)) for where in ("/a", "/b"))
    assert _identity(one) != _identity(other)


def test_a_ping_address_is_nowhere_but_in_its_digest(tmp_path: Path) -> None:
    [ping] = [one for one in standing(tmp_path, BASE).asked if one.where.endswith("ping.success")]

    assert "secret-id" not in said(ping)
    assert granted.key(ping) == hashlib.sha256(repr(ping.form).encode()).hexdigest()

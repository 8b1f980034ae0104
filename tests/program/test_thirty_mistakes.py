# ruff: noqa: E501 - a line that is said is as long as it is
"""What a newcomer does wrong, and hears: one line that says what, in the right place; what to type next; an exit code.

A row is a mistake. Most need neither server nor rclone. What a cloud refuses is said by a server of a few lines that
has one answer (`tests.support.refusing`) to an rclone that is real.
"""

from __future__ import annotations

import gc
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from bisync.tasks import program

from tests.support.refusing import ANSWERS, EMPTY, refusing
from tests.support.world import Device

GOOD = """\
version: 1
tenants:
  acme:
    provider: s3
    bucket: notes
    region: us-east-1
    credentials: aws
syncs:
  notes:
    tenant: acme
    dir: ~/notes
"""
VALIDATE = "mend it, then type: bisync validate"


def with_(line: str, instead: str) -> str:
    """The good manifest, with a mistake."""
    assert GOOD.count(line) == 1
    return GOOD.replace(line, instead)


class Mistake(NamedTuple):
    """What was done, typed, and written into the manifest (None: there is none); what is said, the cure, the exit code.

    HOME in it is the home. `shown`: how many lines of the manifest are beside it.
    """

    what: str
    typed: str
    manifest: str | None
    says: str
    cure: str = VALIDATE
    code: int = 2
    shown: bool = True


TYPED = (
    Mistake('no manifest', 'sync', None,
            'Error: no manifest: looked for bisync.yaml in HOME and the folders above it, and for HOME/.config/bisync/bisync.yaml',
            'write one with: bisync init'),
    Mistake('an empty manifest', 'sync', "",
            'bisync.yaml:1:1: is empty; see what `bisync init` writes for a start', shown=False),
    Mistake('a manifest that is not there', 'validate -m nosuch.yaml', None,
            'Error: no manifest at HOME/nosuch.yaml (given by --manifest)',
            'write one with: bisync init --manifest nosuch.yaml'),
    Mistake('a folder for a manifest', 'validate -m .', None,
            'Error: HOME: is a directory, not a manifest',
            'name the file itself, as in: --manifest HOME/bisync.yaml'),
    Mistake('braces without quotes', 'validate', with_("  notes:\n    tenant: acme\n    dir: ~/notes\n", "  notes: {tenant: acme, dir: ${HOME}/notes}\n"),
            'bisync.yaml:9:30: syncs.notes.dir: put it in quotes, for the braces in it: dir: "${HOME}/notes"'),
    Mistake('a colon in a path', 'validate', with_("~/notes", "~/notes: mine"),
            'bisync.yaml:11:10: syncs.notes.dir: put it in quotes, for the colon in it: dir: "~/notes: mine"'),
    Mistake('no space behind a colon', 'validate', with_("dir: ~/notes", "dir:~/notes"),
            'bisync.yaml:11:8: a colon needs a space behind it: dir: ~/notes'),
    Mistake('a tab', 'validate', with_("    tenant", "\ttenant"),
            'bisync.yaml:10:1: a tab; indent with spaces, not tabs'),
    Mistake('an indentation', 'validate', with_("    dir", "     dir"),
            'bisync.yaml:11:6: indented deeper than the key on line 10; indent both alike'),
    Mistake('an open bracket', 'validate', GOOD + "ignore: [a, b\n",
            'bisync.yaml:12:9: this [ is not closed; write ] where it ends'),
    Mistake('an open quote', 'validate', GOOD + 'device: "laptop\n',
            'bisync.yaml:12:9: this quote is not closed; end the text with another "'),
    Mistake('a star without quotes', 'validate', GOOD + "ignore:\n  - *.log\n",
            'bisync.yaml:13:5: text that begins with * needs quotes: "*.log"'),
    Mistake('a key twice', 'validate', GOOD + "version: 1\n",
            'bisync.yaml:12:1: version: duplicate key; it is on line 1 already'),
    Mistake('a key that is nearly right', 'validate', with_("region", "regoin"),
            'bisync.yaml:6:5: tenants.acme.regoin: unknown key; did you mean "region"? (provider, tenant_id, bucket, endpoint, region, s3_provider, credentials)'),
    Mistake('a key that is none', 'validate', GOOD + "colour: blue\n",
            'bisync.yaml:12:1: colour: unknown key here (version, tenants, syncs, profiles, ignore, ignore_files, defaults, device, mount_dir, state_dir, rclone, migration, ping)'),
    Mistake('a key that is missing', 'validate', with_("    bucket: notes\n", ""),
            'bisync.yaml:3:3: tenants.acme: needs "bucket": the bucket\'s name. It has to exist'),
    Mistake('provider: minio', 'validate', with_("provider: s3", "provider: minio"),
            'bisync.yaml:4:15: tenants.acme.provider: unknown value "minio"; write provider: s3, with endpoint: https://HOST and s3_provider: Minio'),
    Mistake('provider: aws', 'validate', with_("provider: s3", "provider: aws"),
            'bisync.yaml:4:15: tenants.acme.provider: unknown value "aws"; write provider: s3, with region: REGION and no endpoint'),
    Mistake('provider: r2', 'validate', with_("provider: s3", "provider: r2"),
            'bisync.yaml:4:15: tenants.acme.provider: unknown value "r2"; write provider: s3, with endpoint: https://ACCOUNT.r2.cloudflarestorage.com and s3_provider: Cloudflare'),
    Mistake('provider: webdav', 'validate', with_("provider: s3", "provider: webdav"),
            'bisync.yaml:4:15: tenants.acme.provider: unknown value "webdav"; write provider: rclone, with remote: "NAME:PATH", where rclone config has made NAME (webdav)'),
    Mistake('a secret in a keyring', 'validate', with_("credentials: aws", "credentials: {keyring: acme}"),
            'bisync.yaml:7:19: tenants.acme.credentials.keyring: no such source of a secret; write access_key_id and secret_access_key, each as {command: [keyring, get, SERVICE, NAME]}, or [secret-tool, lookup, service, SERVICE], or on a Mac [security, find-generic-password, -ws, SERVICE]', shown=False),
    Mistake('a secret in pass', 'validate', with_("credentials: aws", "credentials:\n      access_key_id: {pass: acme/id}\n      secret_access_key: {env: ACME_KEY}"),
            'bisync.yaml:8:23: tenants.acme.credentials.access_key_id.pass: no such source of a secret; write {command: [pass, show, NAME]}', shown=False),
    Mistake('a secret itself', 'validate', with_("credentials: aws", "credentials:\n      access_key_id: {env: ACME_ID}\n      secret_access_key: HUNTER2"),
            'bisync.yaml:9:26: tenants.acme.credentials.secret_access_key: a secret is never written here; write {env: NAME}, {command: [program, argument]} or {file: PATH}', shown=False),
    Mistake('a secret beside the credentials', 'validate', with_("region: us-east-1", "secret_access_key: HUNTER2"),
            'bisync.yaml:6:5: tenants.acme.secret_access_key: unknown key here; it belongs below credentials', shown=False),
    Mistake('a path for a bucket', 'validate', with_("bucket: notes", "bucket: notes/work"),
            "bisync.yaml:5:13: tenants.acme.bucket: a bucket's name is letters, digits, - _ and . only; a folder below it is the sync's path"),
    Mistake('an address without https', 'validate', with_("region: us-east-1", "endpoint: http://s3.example.com"),
            'bisync.yaml:6:15: tenants.acme.endpoint: neither https nor on this machine; write https://… (http only for localhost or 127.0.0.1)'),
    Mistake('a profile that is nearly right', 'validate', GOOD + "    profile: blanced\n",
            'bisync.yaml:12:14: syncs.notes.profile: unknown profile "blanced"; did you mean "balanced"? (safe, balanced, fast, merge)'),
    Mistake('a tenant that is nearly right', 'validate', with_("tenant: acme", "tenant: acne"),
            'bisync.yaml:10:13: syncs.notes.tenant: unknown tenant "acne"; did you mean "acme"? (acme)'),
    Mistake('a variable that is not set', 'validate', with_("~/notes", "${NOTES}/mine"),
            'bisync.yaml:11:10: syncs.notes.dir: the environment variable NOTES is not set; type: export NOTES=PATH, or write a default: ${NOTES:-PATH}'),
    Mistake('a variable without braces', 'validate', with_("~/notes", "$HOME/notes"),
            'bisync.yaml:11:10: syncs.notes.dir: $HOME is not expanded; write ~ or ${HOME} (or ${DOLLAR:-$}HOME for a folder of that name)'),
    Mistake('the home itself', 'validate', with_("~/notes", "~"),
            'bisync.yaml:11:10: syncs.notes.dir: ~ is the home itself; choose a folder in it'),
    Mistake('two syncs in one folder', 'validate', with_("dir: ~/notes", "path: a\n    dir: ~/notes") + "  more: {tenant: acme, path: b, dir: ~/notes/more}\n",
            'bisync.yaml:13:38: syncs.more.dir: overlaps the folder of syncs.notes (~/notes); give each sync one of its own'),
    Mistake('no folder for one of two', 'validate', with_("dir: ~/notes", "path: a\n    dir: ~/notes") + "  more: {tenant: acme, path: b}\n",
            'bisync.yaml:13:3: syncs.more: needs "dir": the folder on this machine (one for each of several syncs)'),
    Mistake('a number for a text', 'validate', GOOD + "device: 7\n",
            'bisync.yaml:12:9: device: expected text, found a whole number; put it in quotes'),
    Mistake('yes for true', 'validate', GOOD + "profiles: {calm: {check_sync: yes}}\n",
            'bisync.yaml:12:31: profiles.calm.check_sync: expected true or false, found text; yes, no, on and off are text'),
    Mistake('a command that is nearly right', 'synk', GOOD,
            'Error: no task synk; did you mean sync?',
            'see: bisync --help'),
    Mistake('a flag that is nearly right', 'sync --forse', GOOD,
            'Error: sync has no flag --forse; did you mean --force?',
            'see: bisync sync --help'),
    Mistake('a flag without its value', 'sync --profile', GOOD,
            'Error: --profile needs a value',
            'see: bisync sync --help'),
    Mistake('a sync that is nearly right', 'sync --only nots', GOOD,
            'Error: no sync is called "nots"; did you mean "notes"? (notes)',
            'as in: --only notes'),
    Mistake('a profile of a run that is nearly right', 'plan --profile fst', GOOD,
            'Error: unknown profile "fst"; did you mean "fast"? (safe, balanced, fast, merge)',
            'as in: --profile fast'),
    Mistake('a word for a number', 'sync --max-delete many', GOOD,
            "Error: --max-delete takes a whole number, not 'many'",
            'as in: --max-delete 4'),
    Mistake('a flag of watches alone', 'sync --interval 5', GOOD,
            'Error: --interval is about --watch',
            'as in: bisync sync --watch --interval 30'),
    Mistake('a version that is not chosen', 'resolve a.md', GOOD,
            'Error: --keep takes one of local, cloud, newer, both, merged',
            'as in: bisync resolve a.md --keep newer'),
    Mistake('no path to bring back', 'restore', GOOD,
            'Error: restore needs PATH',
            'see: bisync restore --help'),
    Mistake('a moment that is none', 'restore a.md --at someday', GOOD,
            "Error: --at takes a time or a run, not 'someday'",
            "as in: --at 2h, --at '3 days ago', --at 2026-11-22, --at '2026-11-22 10:15', --at 2026-11-22T10:15:00+01:00, or a run (see: bisync history)"),
    Mistake('init once more', 'init', GOOD,
            'Error: bisync.yaml exists already; it is left as it is',
            'edit it and check it with: bisync validate, or name another file with --manifest'),
    Mistake('a sync before setup', 'sync', GOOD,
            'Error: First bisync requires --resync to establish baseline',
            'type: bisync setup   (or: bisync sync --only notes --resync)', code=5),
)  # fmt: skip


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Somebody's home, at a terminal of theirs, with nothing else in the environment."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    for name in list(program.os.environ):
        if name.startswith(("BISYNC_", "BASIC_MEMORY_", "RCLONE_", "XDG_", "AWS_", "NOTES")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TERM", "xterm")
    yield home
    gc.enable()  # a command of its own does without


@pytest.mark.pure
@pytest.mark.parametrize("row", TYPED, ids=lambda row: row.what)
def test_what_is_typed_or_written_wrong(
    row: Mistake, at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if row.manifest is not None:
        (at_home / "bisync.yaml").write_text(row.manifest)

    code = program.run(row.typed.split())

    said, error = capsys.readouterr()
    first, *shown, last = error.replace(str(at_home), "HOME").splitlines()
    assert (first, last, code) == (row.says, f"  → {row.cure}", row.code)
    assert said == ""
    place = re.match(r"bisync\.yaml:(\d+):(\d+): ", first)
    assert bool(shown) == (row.shown and place is not None)
    if shown:
        assert place is not None and row.manifest is not None
        line, caret = shown
        assert (
            line
            == f"  {place[1]} | {row.manifest.splitlines()[int(place[1]) - 1]}".replace("\t", "\\t").rstrip()
        )
        assert caret.index("^") == len(f"  {place[1]} | ") + int(place[2]) - 1
    assert "HUNTER2" not in error


@pytest.mark.pure
def test_there_are_thirty_of_them_and_more() -> None:
    names = [row.what for row in TYPED] + [*REFUSED, *AROUND, *STATE]

    assert len(names) == len(set(names)) >= 30
    assert all(row.cure and row.says for row in TYPED)


# What a cloud refuses: its answer, what `setup` says, the cure. All of them end with 1, and nothing was written.
REFUSED = {
    "another region": (
        "wrong region",
        "the bucket lies in the region eu-central-1, not in us-east-1",
        "write region: eu-central-1 for tenants.team in the manifest, then type: bisync setup",
    ),
    "another region's endpoint": (
        "another region",
        "the bucket lies in the region eu-central-1",
        "write region: eu-central-1, and the endpoint of that region, for tenants.team in the manifest; then type:"
        " bisync setup",
    ),
    "another address": (
        "another address",
        "the bucket lies in another region, or at another address",
        "correct tenants.team.region and tenants.team.endpoint in the manifest, then type: bisync setup",
    ),
    "a bucket's name that is none": (
        "bad bucket name",
        "the cloud takes no bucket of this name",
        "correct tenants.team.bucket in the manifest (3 to 63 of a-z, 0-9, - and .), then type: bisync setup",
    ),
    "a bucket that is not there": (
        "no bucket",
        "the bucket (or remote folder) does not exist",
        "create it with your provider, or correct tenants.team.bucket in the manifest",
    ),
    "a quota": (
        "quota",
        "the cloud's quota is used up",
        "make room there, or have your provider raise it; then run again; nothing was lost",
    ),
    "a network that wants a login": (
        "login page",
        "a web page answered, not a store",
        "log in to this network with a browser, if it asks for that; else correct tenants.team.endpoint in the manifest",
    ),
    "a key that is unknown": (
        "no such key",
        "the cloud does not know this access key",
        "check the tenant's credentials in the manifest, then type: bisync setup --rotate",
    ),
    "a secret that is wrong": (
        "wrong secret",
        "the cloud refused the secret access key",
        "check the tenant's credentials in the manifest, then type: bisync setup --rotate",
    ),
    "keys that may not": (
        "denied",
        "the cloud denied access: these keys may not do this",
        "ask for read and write access to the bucket, or type: bisync setup --rotate",
    ),
    "a wrong clock": (
        "clock",
        "this computer's clock is too far off for the cloud",
        "set the clock (timedatectl set-ntp true), then run again",
    ),
    "what nobody has foreseen": (
        "never heard of",
        "listing the cloud (rclone lsf) failed with exit code 1: HTTP 400: api error Unheard: Something else.",
        "see all of rclone's words with: bisync sync --verbose",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_cloud_refuses(what: str, tmp_path: Path) -> None:
    answer, says, cure = REFUSED[what]
    with refusing(ANSWERS[answer]) as store:
        device = Device(tmp_path / "home", store)

        said = device.run("setup", "--yes", expect=1)

    assert said.err == f"Error: credentials: {says} (s3://notes-bucket at {store.endpoint})\n  → {cure}\n"
    assert "✗ credentials  failed" in said.out
    assert not device.notes.exists()


@pytest.mark.parametrize(
    ("answer", "says"), [("quota", "the cloud's quota is used up"), ("full", "the cloud's disk is full")]
)
def test_a_cloud_without_room_for_what_is_written(answer: str, says: str, tmp_path: Path) -> None:
    with refusing(ANSWERS[answer], putting=True) as store:
        device = Device(tmp_path / "home", store)
        device.write("a.md", "a")

        said = device.run("setup", "--yes", expect=1)

    assert said.err.startswith(f"Error: baseline: {says}")
    assert "nothing was lost" in said.err
    assert device.tree() == {"a.md": "a"}


# What is missing around it: what else is in the environment, what `setup` says, the cure.
_SECRET = "credentials: tenants.team.credentials.secret_access_key: {env: TEST_SECRET} is empty"
_AWS = {"AWS_EC2_METADATA_DISABLED": "true", "TERM": "xterm"}
AROUND = {
    "a secret that is not set": (
        {"TEST_SECRET": "", "TERM": "xterm"}, _SECRET, "type: export TEST_SECRET=VALUE",
    ),
    "a secret that a timer does not have": (
        {"TEST_SECRET": "", "INVOCATION_ID": "1"}, _SECRET,
        "put TEST_SECRET=VALUE into ~/.config/bisync/environment: a timer does not read your shell's start files",
    ),
    "no keys of AWS": (
        _AWS, "credentials: no AWS keys were found (s3://notes-bucket at STORE)",
        "type: aws configure, or aws sso login, or export AWS_PROFILE=NAME; then run again",
    ),
    "a profile of AWS that is not there": (
        {**_AWS, "AWS_PROFILE": "nosuch"},
        "credentials: the AWS SDK has no such profile (s3://notes-bucket at STORE)",
        "see which it has: bisync doctor; then correct it in the manifest, or make it: aws configure --profile NAME",
    ),
    "no rclone": (
        {"BISYNC_RCLONE": "/nonexistent/rclone"}, "rclone: rclone not found: $BISYNC_RCLONE says /nonexistent/rclone, and there is no such program",
        "correct $BISYNC_RCLONE, or leave it out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", AROUND)
def test_what_is_missing_around_it(what: str, tmp_path: Path) -> None:
    env, says, cure = AROUND[what]
    with refusing(EMPTY) as store:
        device = Device(tmp_path / "home", store)
        if "AWS_EC2_METADATA_DISABLED" in env:
            head, _, rest = device.s3_manifest().partition("    credentials:\n")
            device.write_manifest(f"{head}    credentials: aws\nsyncs:{rest.partition('syncs:')[2]}")

        said = device.run("setup", "--yes", expect=1, env=env)

    assert said.err == f"Error: {says.replace('STORE', store.endpoint)}\n  → {cure}\n"


# What does not fit what is there, on a device that is set up: what is typed, what is said, the cure, the exit code.
STATE = {
    "no conflict there": (
        "resolve nosuch.md --keep local", "nosuch.md: no conflict waits here", "see: bisync conflicts", 2,
    ),
    "nothing to bring back": (
        "restore nosuch.md",
        "notes: nothing called nosuch.md was overwritten or deleted in the last 30 days",
        "see what is kept: bisync history --versions",
        2,
    ),
    "a plan that is not there": (
        "sync --plan nosuch.json", "nosuch.json: cannot be read: No such file or directory",
        "make it with: bisync plan --out FILE", 2,
    ),
    "a folder that is gone": (
        "sync", "the sync dir HOME/notes does not exist: is its disk mounted?", "mount it, or make it with: bisync setup", 1,
    ),
    "a file for a folder": (
        "sync", "the sync dir HOME/notes is not a folder",
        "move it away, or correct syncs.notes.dir in the manifest", 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", STATE)
def test_what_does_not_fit_what_is_there(what: str, laptop: Device) -> None:
    typed, says, cure, code = STATE[what]
    if code == 1:
        shutil.rmtree(laptop.notes)
    if what == "a file for a folder":
        laptop.notes.write_text("not a folder")

    said = laptop.run(*typed.split(), expect=code)

    assert said.err == f"Error: {says.replace('HOME', str(laptop.home))}\n  → {cure}\n"

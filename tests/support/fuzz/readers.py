"""The readers: what a good file or answer of each looks like, and what is done with one.

`read` gets the path of a file with the bytes; what it needs beside it, it makes. It uses what it has read, as the
program does, so that a value which slips through is met here and not on somebody's machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from bisync.actions.history import History
from bisync.actions.log import Logged
from bisync.config import AwsProfile, BasicMemoryTenant, Compare
from bisync.core import conflict_names, metrics, undo
from bisync.core.abilities import OBJECTS
from bisync.core.did import Did
from bisync.core.lease_folder import Kind, Protocol
from bisync.core.place import Place
from bisync.core.projects import Project
from bisync.core.snapshot import Arriving, BaseFile, Baseline, CloudSnapshot, LocalSnapshot, Stamp
from bisync.core.waiting import Waiting
from bisync.errors import BisyncError
from bisync.ignore import Layer, compile_rules, lint, load_rules
from bisync.ignore import cache as compiled
from bisync.ignore.reading import read_ignore_file
from bisync.locks import lease_objects
from bisync.locks.lease_objects import Told
from bisync.locks.machine import held, is_held
from bisync.manifest import bm_config
from bisync.manifest.load import load as load_manifest
from bisync.migrate import found as found_old
from bisync.providers import embedded
from bisync.providers.aws_profiles import must_be_there
from bisync.providers.basic_memory import http, known, tokens, wire
from bisync.providers.basic_memory.access import Access
from bisync.providers.basic_memory.login import DeviceLogin
from bisync.providers.basic_memory.refusals import refusal
from bisync.providers.basic_memory.tokens import Client, Tokens, granted
from bisync.rclone import binary, conf, listings, log, output
from bisync.report import history_words, log_words, words
from bisync.schedule import texts
from bisync.secret import Secret
from bisync.state import abilities, aside, baseline, changes, lease, runs
from bisync.state import held as held_state
from bisync.state.contents import Contents, Known
from bisync.state.migration import Entry, Journal, MigrationState, read_entries, write_entries
from bisync.state.paths import SyncState
from bisync.sync import plan_file, trash
from bisync.sync.frame import in_lines
from tests.support.fuzz import grant, stores

ABOUT = abilities.About("nas:x", "0" * 32, "1.75.2")
NOTE = f"bisync-state/.remotes/{hashlib.sha256(b'nas:x').hexdigest()[:32]}.json"


def _note_of_abilities() -> bytes:
    with TemporaryDirectory() as folder:
        abilities.save(Path(folder), ABOUT, abilities.Found("nas:x", OBJECTS))
        return Path(folder, NOTE).read_bytes()


def _abilities(path: Path) -> object:
    found = abilities.load(path.parents[2], ABOUT)
    return None if found is None else (found.can.told_by, found.fs + "x")


NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
MD5 = "0cc175b9c0f1b6a831c399e269772661"
RULES = b"*.log\n!keep.log\n/build/\n**/tmp\n[a-c]?.txt\nfoo\\ \n# words\n\n"


@dataclass(frozen=True, kw_only=True)
class Reader:
    """`refuses`: what it may raise besides our own errors, as its docstring says. `name`: what its file is called."""

    sample: bytes
    read: Callable[[Path], object]
    name: str = "file"
    refuses: tuple[type[Exception], ...] = ()
    is_file: bool = True
    own: bool = True


def _answer(raw: bytes, status: int = 200) -> http.Answer:
    return http._read(httpx.Response(status), raw, ["hunter2"])


class _Host(http.Host):
    """A server that says the same to everything."""

    def ask(self, *words: object, **more: object) -> http.Answer:
        return _answer(_SAID[-1])


_SAID = [b""]


class _Token(Access):
    def token(self) -> Secret:
        return Secret("t")

    def instead_of(self, refused: Secret) -> Secret | None:
        return None


def _cloud(path: Path) -> None:
    """Every question to the vendor's API, answered by the file."""
    _SAID[:] = [path.read_bytes()]
    host = _Host(url="https://cloud.example")
    cloud = wire.Cloud(host=host, access=_Token(url=host.url, own=True, user=None, reference=None))  # type: ignore[arg-type]
    asks: Sequence[Callable[[], object]] = (
        cloud.health,
        cloud.store,
        cloud.projects,
        lambda: [one.folder for one in cloud.projects()],
        lambda: wire.chosen(cloud.workspaces(), "team", "cloud.example"),
        lambda: cloud.mint(otherwise="x"),
        lambda: granted(_answer(_SAID[0]), "cloud.example", 1e9),
        lambda: DeviceLogin(client=Client(domain="https://x", client_id="y"), host=host).begin(),
    )
    for ask in asks:
        try:
            ask()
        except BisyncError as error:
            assert len(error.message) < 5000
    for status in (400, 401, 402, 403, 404, 422, 500):
        str(refusal(_answer(_SAID[0], status), "cloud.example", "it"))


def _state(path: Path) -> SyncState:
    return SyncState(path.parent)


def _baseline(path: Path) -> None:
    known = baseline.load(path)
    if known is None:
        return
    again = path.with_name("again.json")
    baseline.save(again, known)
    assert baseline.load(again) == known
    conflict_names.groups(known.files)
    words.size_text(sum(file.size for file in known.files.values()))
    for compare in Compare:
        in_lines(known.files, compare)


def _history(path: Path) -> None:
    entries = tuple(runs.read_history(_state(path)))
    assert len(tuple(runs.latest_history(_state(path)))) == len(entries)
    list(history_words.history_lines(History(name="notes", runs=entries)))
    for entry in entries:
        list(log_words.log_lines(Logged(name="notes", entry=entry)))
        json.dumps(log_words.log_document([Logged(name="notes", entry=entry)]))
        metrics.of_entry(entry, 1.0)
        words.ago(str(entry.get("at")), NOW)
    runs.append_history(_state(path), {"run": "20261122T101500Z-000000", "at": "now", "outcome": "idle"})
    runs.unused_run_id(_state(path), NOW, "laptop")


def _changes(path: Path) -> None:
    state = _state(path.parent)
    did = changes.load(state, "r")
    if did is not None:
        changes.save(state, "r", did)
        assert changes.load(state, "r") == did
        nothing = LocalSnapshot({}, (), 1, marker=True), CloudSnapshot({}, (), marker=True)
        now = undo.Present(baseline=KNOWN.files, local=nothing[0], cloud=nothing[1], compare=Compare.CHECKSUM)
        undo.decide("r", did, now, {})


def _journal(path: Path) -> None:
    found = runs.read_journal(_state(path))
    if found is not None:
        baseline.expecting(KNOWN, found.get("arriving") or {})
        str(found.get("run"))


def _held(path: Path) -> None:
    held_state.save(path.with_name("again"), held_state.load(path))


def _migration(path: Path) -> None:
    state = MigrationState(path.parent)
    journal = state.load()
    if journal is not None:
        state.save(journal)
        assert state.load() == journal


def _manifest(path: Path) -> None:
    load_manifest(path, env={}, home=path.parent / "home")


def _rules(path: Path) -> None:
    lines = load_rules(path.parent, [], (path.name,))
    compile_rules(lines)
    lint(Layer("x", tuple(read_ignore_file(path))))
    for name in ("a.log", "keep.log", "build/x", "tmp", "a1.txt", "ö"):
        lines.decide(name, is_dir=False)


def _log(path: Path) -> None:
    for line in path.read_bytes().decode(errors="replace").split("\n"):
        event = log.parse(line)
        if event is not None:
            str(event)


def _lease_object(path: Path) -> None:
    told = lease_objects.read(path.read_bytes())
    if told is not None:
        lease_objects.text(told, Kind.HELD)


def _listing(path: Path) -> None:
    for each in output.read_listing(path.read_bytes().decode("utf-8", "surrogateescape")):
        output.parse_time(each.modtime)
        lease_objects.entry("x", each)
    output.read_tree(path.read_bytes().decode("utf-8", "surrogateescape"))


def _config_json(path: Path) -> None:
    before = bm_config.read(path)
    bm_config.set_sync_dir(path, Path("/home/u/notes"))
    assert replace(bm_config.read(path), sync_dir=None) == replace(before, sync_dir=None)
    bm_config.set_project_path(path, "main", Path("/home/u/main"))
    found_old._read(path)


def _conf(path: Path) -> None:
    text = conf.read(path)
    sections = conf.read_sections(text)
    body = conf.section_text(
        "basic-memory-acme", conf.s3_values(provider="AWS", keys=None, region="r", endpoint=None)
    )
    new = conf.splice(text, "basic-memory-acme", body)
    after = conf.read_sections(new)
    assert {name: after.get(name) for name in sections if name != "basic-memory-acme"} == {
        name: values for name, values in sections.items() if name != "basic-memory-acme"
    }
    assert conf.splice(new, "basic-memory-acme", body) == new
    conf.write_section(path, "basic-memory-acme", {"type": "s3"})


def _lock(path: Path) -> None:
    is_held(path)
    with held(path, name="notes", patience=0.0):
        pass


def _tokens(path: Path) -> None:
    path.chmod(0o600)
    tokens._read(path)


def _cloud_known(path: Path) -> None:
    found = known.load(TENANT, path.parents[2])
    if found is not None:
        known.save(TENANT, path.parents[2], found)
        assert known.load(TENANT, path.parents[2]) == found
        for one in found.projects or ():
            str(one.folder)


def _remember(path: Path) -> None:
    project = Project("a", "b", None)
    known.save(
        TENANT,
        path.parent,
        known.Known(tenant_id="t", bucket="b", asked_at="x", refused_at=NOW.isoformat(), projects=(project,)),
    )
    known.place(TENANT, path.parent).rename(path)


def _versions(path: Path) -> None:
    binary._known_versions(path.parent)


def _compiled(path: Path) -> None:
    text = compiled._read(path)
    assert text is None or text == RULES.decode()


TENANT = BasicMemoryTenant(name="personal", tenant_id=None, token=None, api_url="https://cloud.example")
PLACE = Place("s3:bucket/notes", "basic-memory-x:b", "/home/u/notes", "/home/u/bisync.yaml")
LEASE = lease.Known("s", Protocol.NUMBERED, 3, MD5, ("t",))
FILE = BaseFile(3, MD5, Stamp(1, 2, 3), None, None, None)
KNOWN = Baseline(
    files={"a.md": FILE, "ö/b.md": FILE._replace(md5=None, local_mtime_ns=5, names=("x", "y"))},
    compare=Compare.CHECKSUM, profile="balanced", filters="sha256:0", device=1, run="r", listings="d", place=PLACE,
    arriving={"c.md": Arriving("local", FILE)},
)  # fmt: skip


@cache
def _made(make: Callable[[Path], object], name: str) -> bytes:
    """What our own writer leaves."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        make(path)
        return path.read_bytes()


ENTRY = {
    "at": "2026-11-22T10:15:00+00:00", "run": "20261122T101500Z-3f2a7c-laptop", "device": "laptop", "mode": "sync",
    "outcome": "done", "exit_code": 3, "uploaded": 1, "downloaded": 0, "deleted_local": 0, "deleted_cloud": 2,
    "renamed": 0, "bytes": 12, "seconds": 0.5, "profile": "balanced", "error": None, "hint": None, "notes": ["one"],
    "registered": ["ideas"], "left_out": [{"path": "x", "why": "a link"}],
    "paths": {"uploaded": ["a.md"], "renamed": [{"path": "a", "to": "b"}]}, "more_paths": 0,
    "conflicts": [{"path": "i.md", "copies": ["i.md.conflict1"], "winner": "cloud", "device": "desk",
                   "versions": [{"path": "i.md", "origin": "cloud", "size": 1, "mtime_ns": 2, "inode": 3}]}],
}  # fmt: skip
HISTORY = b"".join(
    json.dumps({"version": 1, **entry}).encode() + b"\n"
    for entry in (ENTRY, {**ENTRY, "run": "x", "outcome": "failed", "error": "no"}, {"first": "a", "first_run": "f",
                  "runs": 3, "at": "b", "run": "g", "outcome": "idle", "exit_code": 0})
)  # fmt: skip
LISTING = (
    "[\n"
    f'{{"Path":"a.md","Name":"a.md","Size":3,"ModTime":"2026-11-22T10:15:00.000000001Z","IsDir":false,"Hashes":{{"md5":"{MD5}"}}}},\n'
    '{"Path":".basic-memory/lease.000000001.ab-1","Size":1024,"ModTime":"2026-11-22T10:15:00Z","IsDir":false}\n]\n'
).encode()  # fmt: skip
MANIFEST = b"""version: 1
tenants:
  acme: {provider: s3, bucket: acme, endpoint: "https://s3.example", region: auto, s3_provider: Other,
         credentials: {access_key_id: {env: A}, secret_access_key: {command: [pass, show, x]}}}
  nas: {provider: rclone, remote: "nas:backup"}
syncs:
  notes: {tenant: acme, dir: ~/notes, path: a/b, profile: careful, hooks: {after_sync: [[bm, sync]]}}
  other: {tenant: nas, dir: "${HOME:-/x}/other", ignore: ["*.pdf"]}
profiles: {careful: {extends: safe, max_delete: 0, bwlimit: 1M}}
defaults: {profile: balanced, watch_interval: 60, keep_days: 30}
"""
API = json.dumps({
    "tenant_id": "t-1", "bucket_name": "b-1", "access_key": "AK", "secret_key": "SK", "version": "0.18.1",
    "workspaces": [{"tenant_id": "t-1", "slug": "team", "name": "Team", "is_default": True,
                    "has_active_subscription": True}],
    "projects": [{"name": "main", "path": "/app/data/main", "external_id": "u-1"}],
    "access_token": "abc", "refresh_token": "def", "expires_in": 3600, "expires_at": 1e9,
    "device_code": "d", "user_code": "u", "verification_uri": "https://x", "interval": 5,
    "error": "slow_down", "error_description": "x",
    "detail": [{"loc": ["body", "name"], "msg": "bad", "type": "t"}],
}).encode()  # fmt: skip
CONF = b"# mine\n[nas]\ntype = webdav\nurl = `https://x `\n\n[basic-memory-acme]\ntype = s3\nregion = a\nx = 1\n; end"
LOG = (
    b'{"level":"info","msg":"Copied (new)","object":"a.md","objectType":"*local.Object","size":3}\n'
    b'{"level":"notice","msg":"x","stats":{"bytes":1,"totalBytes":2,"transfers":1,"totalTransfers":2,"speed":1.5,'
    b'"eta":3}}\n{"level":"error","msg":"no","object":"b.md","objectType":"*s3.Object"}\nplain words\n'
)
PLAN = plan_file.document("sha256:m", "1.75.2", [
    {"name": "notes", "actions": [{"action": "upload", "path": "a.md"}], "contents": {"a.md": {"local": "md5:x"}}}
])  # fmt: skip


READERS = {
    "baseline": Reader(
        sample=_made(lambda path: baseline.save(path, KNOWN), "baseline.json"), read=_baseline, name="baseline.json"
    ),
    "journal": Reader(
        sample=_made(
            lambda path: runs.open_journal(_state(path), "r", "sync", baseline.arriving_rows(KNOWN.arriving)),
            "run.json",
        ),
        read=_journal, name="run.json",
    ),
    "changes": Reader(
        sample=_made(
            lambda path: changes.save(_state(path.parent), "r", [Did("upload", "a.md", None, FILE, "ö.md")]),
            "changes/r.json",
        ),
        read=_changes, name="changes/r.json",
    ),
    "partials": Reader(
        sample=_made(lambda path: runs.note_partials(_state(path), ["a.partial"]), "partials.json"),
        read=lambda path: runs.partials_before(_state(path)), name="partials.json",
    ),
    "history": Reader(sample=HISTORY, read=_history, name="history.jsonl"),
    "grant": Reader(sample=grant.sample(), read=grant.read, refuses=(ValueError,)),
    "held": Reader(
        sample=_made(
            lambda path: held_state.save(
                path, held_state.Held(before=((("s", 1, "", "*.log"),),), waiting={"a": Waiting(1, 2)})
            ),
            "held.json",
        ),
        read=_held, name="held.json", refuses=(ValueError,),
    ),
    "lease": Reader(
        sample=_made(lambda path: lease.save(path, LEASE), "lease.json"),
        read=lambda path: lease.load(path, "s"), name="lease.json",
    ),
    "migration": Reader(
        sample=_made(
            lambda path: MigrationState(path.parent).save(
                Journal("i", "b", "/d", ["s"], {"s": {"at": "x", "of": "y"}}, {"step": "t"},
                        {"/c": {"mode": "600", "before": None, "now": "x"}}, True, {"a": 1}, ["r"])
            ),
            "journal.json",
        ),
        read=_migration, name="journal.json",
    ),
    "entries": Reader(
        sample=_made(lambda path: write_entries(path, [Entry("a", 1, 2, "m", None), Entry("b", 1, 2, "m", MD5)]), "e"),
        read=lambda path: list(read_entries(path)), name="before.jsonl",
    ),
    "trash": Reader(
        sample=_made(lambda path: trash._Seen("2026-11-22", 1.5, {"r": 2.0}, {}).write(path), "seen.json"),
        read=lambda path: trash._Seen.read(path).write(path), name="seen.json",
    ),
    "versions": Reader(sample=b'{"/usr/bin/rclone:1:2": "1.75.2"}', read=_versions, name="rclone-versions.json"),
    "compiled": Reader(
        sample=b"# " + compiled._digest(RULES.decode()).encode() + b"\n" + RULES, read=_compiled, name="x.rclone"
    ),
    "listing": Reader(
        sample=(listings.header(NOW) + listings.line(listings.ListedFile("ö\\n.md", 3, MD5, 10**18))).encode(),
        read=listings.read, name="a.path1.lst", refuses=(ValueError,),
    ),
    "known": Reader(
        sample=_made(
            _remember,
            "known.json",
        ),
        read=_cloud_known, name=f"bisync-state/.clouds/{known.place(TENANT, Path('x')).name}",
    ),
    "tokens": Reader(
        sample=_made(lambda path: tokens.save(path, Tokens(access=Secret("a"), refresh=None, expires_at=5)), "t"),
        read=_tokens, name="basic-memory-cloud.json", refuses=(ValueError,),
    ),
    "config.json": Reader(
        sample=b'{"projects": {"main": "/m", "b": {"path": "/b"}}, "bisync_config": {"sync_dir": "/s", '
        b'"auto_sync_interval": 60}, "api_url": "https://x"}',
        read=_config_json, name="config.json",
    ),
    "embedded": Reader(
        sample=b'[{"pid": 4194305, "started": "1", "owner": 4194306, "owner_started": null}]',
        read=embedded._end_orphans, name="try.json",
    ),
    "plan": Reader(
        sample=json.dumps(PLAN).encode(),
        read=lambda path: [plan_file.moved(one, {"actions": [], "contents": {}})
                           for one in plan_file.read_plan(str(path), "sha256:m", {"notes"}).values()],
        name="plan.json", own=False,
    ),
    "manifest": Reader(sample=MANIFEST, read=_manifest, name="bisync.yaml", own=False),
    "rules": Reader(sample=RULES, read=_rules, name=".bmignore", refuses=(UnicodeDecodeError,), own=False),
    "aside": Reader(
        sample=f"{MD5}\n".encode() * 3,
        read=lambda path: aside.add(path, [*aside.load(path), "0" * 32]),
        name="aside.txt",
    ),
    "contents": Reader(
        sample=_made(lambda path: Contents(path.parent, {}).write({"a.md": Known(MD5, "0" * 64)}), "index.json"),
        read=lambda path: Contents.read(path.parent).text("a.md", MD5), name="index.json",
    ),
    "abilities": Reader(sample=_note_of_abilities(), read=_abilities, name=NOTE),
    "rclone.conf": Reader(sample=CONF, read=_conf, name="rclone.conf"),
    "aws config": Reader(
        sample=b"[default]\nregion = r\n[profile work]  # x\nsso_session = s\n[profile 'a b']\n[keys]\n",
        read=lambda path: must_be_there(
            AwsProfile(name="work"), "tenants.acme",
            {"HOME": "/nonexistent", "AWS_CONFIG_FILE": str(path), "AWS_SHARED_CREDENTIALS_FILE": str(path)},
        ),
        name="config", own=False,
    ),
    "lock": Reader(sample=b"4194305", read=_lock, name="lock"),
    "rclone log": Reader(sample=LOG, read=_log, is_file=False),
    "rclone words": Reader(sample=stores.WORDS, read=stores.words, is_file=False),
    "store listing": Reader(sample=stores.SAMPLE, read=stores.listing, name=stores.NAME),
    "rclone listing": Reader(sample=LISTING, read=_listing, is_file=False),
    "rclone answer": Reader(
        sample=b'{"list": ' + LISTING + b"}", read=lambda path: output.read_answer(path.read_bytes()), is_file=False
    ),
    "rclone features": Reader(
        sample=b'{"Features": {"Move": true, "Copy": false}}',
        read=lambda path: output.read_features(path.read_bytes().decode(errors="replace")), is_file=False,
    ),
    "lease object": Reader(
        sample=lease_objects.text(Told("ab-1", "laptop", "r", 5), Kind.HELD), read=_lease_object, is_file=False
    ),
    "vendor": Reader(sample=API, read=_cloud, is_file=False),
    "plist": Reader(
        sample=b'<?xml version="1.0"?><plist version="1.0"><dict><key>StartInterval</key><integer>900</integer>'
        b"<key>ProgramArguments</key><array><string>x</string></array></dict></plist>",
        read=lambda path: texts.launchd_form(path.read_bytes().decode(errors="replace")), is_file=False,
    ),
}  # fmt: skip

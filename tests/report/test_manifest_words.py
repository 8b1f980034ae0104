"""What `show` says of a manifest: all that it means, no secret, and nothing that the manifest's schema forbids."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bisync.config import BUILTIN_PROFILES, Manifest
from bisync.errors import Fault, IgnoreError, ManifestError
from bisync.manifest.load import load
from bisync.report.manifest_words import invalid_document, show_document, show_lines, valid_document
from tests.support.documents import trouble

pytestmark = pytest.mark.pure

ROOT = Path(__file__).parents[2]
UUID = "5d3e0c1a-secret"
VALID = sorted((ROOT / "tests/cases/manifest/valid").glob("*.yaml"))
MANIFESTS = [
    ROOT / "bisync.yaml.example",
    *(path for path in VALID if not path.name.endswith(".local.yaml")),
]
FULL = f"""\
version: 1
device: laptop
tenants:
  cloud: {{provider: basic-memory, workspace: "null", token: {{file: token}}}}
  store:
    provider: s3
    bucket: b
    endpoint: https://s3.example
    credentials: {{access_key_id: {{env: ID}}, secret_access_key: {{command: [pass, "a b: #c"]}}}}
  aws: {{provider: s3, bucket: other, credentials: aws}}
  team: {{provider: s3, bucket: third, credentials: {{aws: work}}}}
  nas: {{provider: rclone, remote: "nas:a b"}}
  try: {{provider: embedded, storage: s}}
syncs:
  notes: {{tenant: cloud, dir: n, profile: mine, ignore: ["*.log", "!x #y", "- z"]}}
  work:
    tenant: store
    dir: w
    path: a/b
    hooks: {{after_sync: [[bm, sync], [echo, "1", "true"]]}}
    ping: {{success: "https://hc-ping.com/{UUID}", failure: {{env: PING}}}}
  other: {{tenant: aws, dir: o}}
  more: {{tenant: team, dir: m}}
  old: {{tenant: nas, dir: d, profile: safe}}
  try: {{tenant: try, dir: t}}
profiles: {{mine: {{extends: fast, max_delete: none, bwlimit: "08:00,512k 19:00,off"}}, unused: {{max_new: 3}}}}
ping: {{start: "https://hc-ping.com/{UUID}/start"}}
migration:
  sync: notes
  from: [a, {{dir: b, to: c}}]
  webdav: {{url: "https://d.example", user: me, password: {{env: P}}}}
"""


def read(path: Path, home: Path) -> Manifest:
    return load(path, env={}, home=home)


def written(text: str, home: Path, name: str = "bisync.yaml") -> Path:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def shown(manifest: Manifest, *names: str) -> Any:
    return yaml.safe_load("\n".join(show_lines(manifest, manifest.select(names), "laptop")))


def test_everything_it_says_is_said_alike_to_people_and_to_scripts(tmp_path: Path) -> None:
    manifest = read(written(FULL, tmp_path), tmp_path)
    document = show_document(manifest, manifest.syncs, "laptop")

    assert trouble("show", document) == []
    assert document["manifest"] == shown(manifest)
    assert document["files"] == [str(tmp_path / "bisync.yaml")]
    assert document["manifest"]["device"] == "laptop"


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_schema_allows_what_is_shown_of_any_manifest(path: Path, tmp_path: Path) -> None:
    manifest = read(written(path.read_text(), tmp_path), tmp_path)
    document = show_document(manifest, manifest.syncs, "laptop")

    assert trouble("show", document) == []
    assert document["manifest"] == shown(manifest)


def test_what_is_shown_means_the_same_when_it_is_read(tmp_path: Path) -> None:
    """But for an address that is a secret, and the built-in profiles, which nobody may declare."""
    text = "\n".join(line for line in FULL.splitlines() if "ping" not in line)
    before = read(written(text, tmp_path), tmp_path)
    said = shown(before)
    said["profiles"] = {name: one for name, one in said["profiles"].items() if name not in BUILTIN_PROFILES}
    after = read(written(yaml.safe_dump(said, sort_keys=False), tmp_path, "again/bisync.yaml"), tmp_path)

    assert replace(after, path=before.path, files=before.files, digest=before.digest) == before


def test_no_secret_is_shown(tmp_path: Path) -> None:
    manifest = read(written(FULL, tmp_path), tmp_path)
    text = "\n".join(show_lines(manifest, manifest.syncs, "laptop"))

    assert UUID not in text
    assert shown(manifest)["syncs"]["work"]["ping"] == {
        "start": "https://hc-ping.com/…", "success": "https://hc-ping.com/…", "failure": {"env": "PING"}
    }  # fmt: skip
    keys = shown(manifest)["tenants"]["store"]["credentials"]
    assert keys == {"access_key_id": {"env": "ID"}, "secret_access_key": {"command": ["pass", "a b: #c"]}}


def test_of_one_sync_is_shown_what_it_uses(tmp_path: Path) -> None:
    said = shown(read(written(FULL, tmp_path), tmp_path), "old")

    assert list(said["tenants"]) == ["nas"]
    assert list(said["syncs"]) == ["old"]
    assert list(said["profiles"]) == ["safe"]
    assert said["profiles"]["safe"]["max_delete"] == 10
    assert said["profiles"]["safe"]["max_new"] == "none"
    assert "migration" not in said


def test_an_overlay_is_merged_and_named(tmp_path: Path) -> None:
    path = written(FULL, tmp_path)
    written("syncs: {work: {dir: elsewhere}}\ndefaults: {keep_days: 7}\n", tmp_path, "bisync.local.yaml")
    manifest = read(path, tmp_path)

    assert [Path(one).name for one in show_document(manifest, manifest.syncs, "x")["files"]] == [
        "bisync.yaml", "bisync.local.yaml"
    ]  # fmt: skip
    assert shown(manifest)["syncs"]["work"]["dir"] == str(tmp_path / "elsewhere")
    assert shown(manifest)["defaults"] == {"watch_interval": 60, "keep_days": 7}


def test_what_validate_says_to_a_script(tmp_path: Path) -> None:
    manifest = read(written(FULL, tmp_path), tmp_path)
    fine = valid_document(manifest, ["odd"])
    fault = Fault(text="a: b", key="syncs.notes", file="bisync.yaml", folder=Path("/n"), line=12, column=5)
    wrong = invalid_document(Path("/b.yaml"), ManifestError([fault, "no manifest anywhere"], hint="look"))

    assert trouble("validate", fine) == trouble("validate", wrong) == []
    assert (fine["valid"], fine["warnings"], fine["syncs"]) == (
        True, ["odd"], ["notes", "work", "other", "more", "old", "try"]
    )  # fmt: skip
    assert (wrong["valid"], wrong["manifest"], wrong["hint"]) == (False, "/b.yaml", "look")
    assert wrong["problems"] == [
        {"file": "/n/bisync.yaml", "line": 12, "column": 5, "key": "syncs.notes", "text": "a: b"},
        {"file": None, "line": None, "column": None, "key": None, "text": "no manifest anywhere"},
    ]
    [problem] = invalid_document(None, IgnoreError("bad pattern"))["problems"]
    assert problem["text"] == "bad pattern"

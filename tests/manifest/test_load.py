"""Finding a manifest and turning it into values: what goes in, what comes out, what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bisync.config import (
    BUILTIN_PROFILES,
    AwsProfile,
    BasicMemoryTenant,
    Compare,
    ConflictResolve,
    EmbeddedTenant,
    KeyPair,
    RcloneTenant,
    S3Tenant,
    SecretRef,
)
from bisync.errors import ManifestError, UsageError
from bisync.manifest.load import find, load, select_syncs
from tests.manifest.manifests import loaded, problems, written

pytestmark = pytest.mark.pure

TRY = "version: 1\ntenants: {try: {provider: embedded, storage: store}}\n"
LOGIN = "version: 1\ntenants: {me: {provider: basic-memory}}\n"


class TestFind:
    def test_the_flag_wins_over_everything(self, tmp_path: Path, home: Path) -> None:
        given = written(tmp_path / "elsewhere", TRY, "mine.yaml")
        written(tmp_path, TRY)

        assert find(given, {"BISYNC_MANIFEST": "/other"}, tmp_path, home) == given
        assert find(Path("mine.yaml"), {}, given.parent, home) == given

    def test_the_variable_wins_over_the_current_folder(self, tmp_path: Path, home: Path) -> None:
        given = written(home, TRY, "mine.yaml")
        written(tmp_path, TRY)

        assert find(None, {"BISYNC_MANIFEST": str(given)}, tmp_path, home) == given
        assert find(None, {"BISYNC_MANIFEST": "~/mine.yaml"}, tmp_path, home) == given

    def test_a_parent_folders_wins_over_the_homes(self, tmp_path: Path, home: Path) -> None:
        mine = written(home / ".config" / "bisync", TRY)
        deep = tmp_path / "repo" / "a" / "b"
        deep.mkdir(parents=True)
        assert find(None, {"BISYNC_MANIFEST": ""}, deep, home) == mine

        above = written(tmp_path / "repo", TRY)
        assert find(None, {}, deep, home) == above

    def test_none_says_where_it_looked_and_what_to_type(self, tmp_path: Path, home: Path) -> None:
        with pytest.raises(ManifestError) as caught:
            find(None, {}, tmp_path, home)

        assert str(tmp_path) in str(caught.value)
        assert str(home / ".config" / "bisync" / "bisync.yaml") in str(caught.value)
        assert "bisync init" in (caught.value.hint or "")

    @pytest.mark.parametrize("by", ["--manifest", "$BISYNC_MANIFEST"])
    def test_a_given_one_that_is_missing_is_not_looked_for_elsewhere(
        self, by: str, tmp_path: Path, home: Path
    ) -> None:
        written(tmp_path, TRY)
        missing = tmp_path / "missing.yaml"
        explicit, env = (missing, {}) if by == "--manifest" else (None, {"BISYNC_MANIFEST": str(missing)})

        with pytest.raises(ManifestError, match="no manifest at") as caught:
            find(explicit, env, tmp_path, home)

        assert by in str(caught.value)


class TestBadFiles:
    def test_missing(self, tmp_path: Path, home: Path) -> None:
        with pytest.raises(ManifestError, match="no such file"):
            load(tmp_path / "bisync.yaml", env={}, home=home)

    def test_a_directory(self, tmp_path: Path, home: Path) -> None:
        (tmp_path / "bisync.yaml").mkdir()
        with pytest.raises(ManifestError, match="is a directory"):
            load(tmp_path / "bisync.yaml", env={}, home=home)

    @pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n"])
    def test_empty(self, text: str, home: Path) -> None:
        (problem,) = problems(home, text)
        assert problem == "bisync.yaml:1:1: is empty; see what `bisync init` writes for a start"

    @pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that root cannot read")
    def test_unreadable(self, tmp_path: Path, home: Path) -> None:
        (tmp_path / "bisync.yaml").symlink_to("/proc/self/mem")
        with pytest.raises(ManifestError, match="cannot be read: Input/output error"):
            load(tmp_path / "bisync.yaml", env={}, home=home)

    def test_not_utf_8(self, tmp_path: Path, home: Path) -> None:
        (tmp_path / "bisync.yaml").write_bytes(b"version: 1\n# caf\xe9\n")
        with pytest.raises(ManifestError) as caught:
            load(tmp_path / "bisync.yaml", env={}, home=home)
        assert caught.value.problems == ("bisync.yaml:2:6: byte 0xe9 is not UTF-8; save the file as UTF-8",)

    def test_a_byte_order_mark_is_no_problem(self, home: Path) -> None:
        assert loaded(home, "\ufeff" + TRY).syncs

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("a: b\n" * 2_500_000, id="10 MB"),
            pytest.param("- a\n" * 249_000, id="a list of a quarter million"),
            pytest.param("[" * 999_000, id="a million brackets"),
            pytest.param("{a: " * 249_000, id="a quarter million braces"),
            pytest.param("- " * 499_000, id="half a million dashes"),
            pytest.param(
                "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 900)),
                id="a bomb of aliases",
            ),
            pytest.param(
                "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 900)),
                id="a tower of aliases",
            ),
        ],
    )
    def test_a_monster_is_refused_at_once(self, text: str, home: Path) -> None:
        start = time.monotonic()
        (problem,) = problems(home, text)

        # Newer PyYAMLs stop at a depth of their own.
        assert "this is no manifest" in problem or "exceeded maximum nesting depth" in problem
        assert time.monotonic() - start < 5

    def test_the_overlay_may_be_bad_too(self, home: Path) -> None:
        (home.parent / "repo" / "bisync.local.yaml").mkdir(parents=True)
        (problem,) = problems(home, TRY)
        assert problem.endswith("bisync.local.yaml: is a directory, not a manifest")


class TestPaths:
    @pytest.mark.parametrize(
        ("written_as", "means"),
        [
            ("~/notes", "{home}/notes"),
            ("notes", "{repo}/notes"),
            ("./a/../notes/", "{repo}/notes"),
            ("/srv/notes", "/srv/notes"),
            ("${DATA}/notes", "/data/notes"),
            ("${TILDE}/notes", "{home}/x/notes"),
            ("${NONE:-~/d}/notes", "{home}/d/notes"),
            ("${EMPTY:-/d}/notes", "/d/notes"),
            ("${NONE:-}/notes", "/notes"),
            ("./~/notes", "{repo}/~/notes"),
            ("~/100% ünï c#de", "{home}/100% ünï c#de"),
        ],
    )
    def test_expansion(self, written_as: str, means: str, home: Path) -> None:
        env = {"DATA": "/data", "TILDE": "~/x", "EMPTY": ""}
        text = f"{TRY}syncs: {{notes: {{tenant: try, dir: {json.dumps(written_as)}}}}}\n"

        (sync,) = loaded(home, text, env).syncs

        assert str(sync.dir) == means.format(home=home, repo=home.parent / "repo")

    def test_every_path_is_expanded_and_nothing_else(self, home: Path) -> None:
        text = """
version: 1
tenants:
  s:
    provider: s3
    bucket: b
    region: auto
    credentials: {access_key_id: {file: ~/id}, secret_access_key: {command: [cat, "${V}"]}}
  e: {provider: embedded, storage: "${V}/store"}
syncs:
  a: {tenant: e, path: "${V}", dir: "${V}/a", ignore: ["${V}", "~"]}
  b: {tenant: s, dir: "${V}/b", hooks: {after_sync: [[echo, "${V}"]]}}
mount_dir: "${V}/mount"
state_dir: "${V}/state"
rclone: {binary: "${V}/rclone", config: "${V}/rclone.conf"}
"""
        found = loaded(home, text, {"V": "/v"})

        one, two = found.syncs
        assert isinstance(two.tenant, S3Tenant)
        assert two.tenant.credentials == KeyPair(
            access_key_id=SecretRef(
                kind="file", value=str(home / "id"), where="tenants.s.credentials.access_key_id"
            ),
            secret_access_key=SecretRef(
                kind="command", value=("cat", "${V}"), where="tenants.s.credentials.secret_access_key"
            ),
        )
        assert one.tenant == EmbeddedTenant(name="e", tenant_id="e", storage=Path("/v/store"))
        assert (one.dir, one.path, one.ignore) == (Path("/v/a"), "${V}", ("${V}", "~"))
        assert two.hooks.after_sync == (("echo", "${V}"),)
        assert (found.mount_dir, found.state_dir) == (Path("/v/mount"), Path("/v/state"))
        assert (found.rclone_binary, found.rclone_config) == ("/v/rclone", Path("/v/rclone.conf"))

    def test_a_bare_rclone_stays_a_name(self, home: Path) -> None:
        assert loaded(home, TRY + "rclone: {binary: rclone}").rclone_binary == "rclone"
        assert loaded(home, TRY).rclone_binary is None

    def test_rclones_own_variable_counts_unless_the_manifest_speaks(self, home: Path) -> None:
        env = {"RCLONE_CONFIG": "/etc/rclone.conf"}
        assert loaded(home, TRY, env).rclone_config == Path("/etc/rclone.conf")
        assert loaded(home, TRY + "rclone: {config: ~/r}", env).rclone_config == home / "r"
        assert loaded(home, TRY, {"RCLONE_CONFIG": ""}).rclone_config == home / ".config/rclone/rclone.conf"

    def test_a_folder_is_judged_by_where_its_links_lead(self, home: Path) -> None:
        (home / "basic-memory-cloud").mkdir()
        (home / "notes").symlink_to(home / "basic-memory-cloud")
        (problem,) = problems(home, TRY + "syncs: {notes: {tenant: try, dir: ~/notes}}")
        assert "Cannot use ~/notes for bisync - it's the mount directory!" in problem

    def test_a_linked_manifest_is_read_where_the_link_is(self, home: Path, tmp_path: Path) -> None:
        target = written(tmp_path / "dotfiles", TRY + "syncs: {notes: {tenant: try, dir: notes}}")
        (tmp_path / "here").mkdir()
        (tmp_path / "here" / "bisync.yaml").symlink_to(target)
        found = load(tmp_path / "here" / "bisync.yaml", env={}, home=home)
        assert found.syncs[0].dir == tmp_path / "here" / "notes"


class TestValues:
    def test_the_defaults(self, home: Path) -> None:
        found = loaded(home, LOGIN)

        host = "https://cloud.basicmemory.com"
        assert found.tenants == (BasicMemoryTenant(name="me", tenant_id=None, api_url=host, token=None),)
        (sync,) = found.syncs
        assert (sync.name, sync.dir, sync.path) == ("me", home / "basic-memory-cloud-sync", "")
        assert sync.profile == BUILTIN_PROFILES["balanced"]
        assert (sync.ignore, found.ignore, found.ignore_files) == ((), (), (".bmignore",))
        assert (found.watch_interval, found.keep_days) == (60, 30)
        assert (found.mount_dir, found.state_dir) == (home / "basic-memory-cloud", home / ".basic-memory")

    def test_tenants(self, home: Path) -> None:
        found = loaded(
            home,
            """
version: 1
tenants:
  aws: {provider: s3, bucket: b, credentials: aws}
  tigris: {provider: s3, tenant_id: t-1, bucket: b, endpoint: "https://t3.storage.dev", credentials: aws}
  nas: {provider: rclone, remote: "nas:backup/notes"}
  work: {provider: s3, bucket: c, credentials: {aws: "the work's"}}
syncs: {one: {tenant: nas, path: /a/b/, dir: a}}
""",
        )
        aws, tigris, nas, work = found.tenants
        assert isinstance(aws, S3Tenant)
        assert (aws.tenant_id, aws.s3_provider, aws.endpoint, aws.credentials) == ("aws", "AWS", None, None)
        assert isinstance(tigris, S3Tenant)
        assert (tigris.tenant_id, tigris.s3_provider) == ("t-1", "Other")
        assert nas == RcloneTenant(name="nas", tenant_id="nas", remote="nas:backup/notes")
        assert isinstance(work, S3Tenant) and work.credentials == AwsProfile(name="the work's")
        assert found.syncs[0].path == "a/b"

    def test_profiles_take_the_rest_from_what_they_extend(self, home: Path) -> None:
        found = loaded(
            home,
            TRY
            + """
profiles:
  wild: {extends: calm, max_delete: none, transfers: 9}
  calm: {extends: safe, max_delete: 0, compare: modtime, description: Calm.}
  plain: {check_sync: false}
defaults: {profile: calm}
""",
        )
        wild, calm, plain = (found.profile(name) for name in ("wild", "calm", "plain"))
        assert (wild.max_delete, wild.transfers, wild.compare, wild.description) == (
            None,
            9,
            Compare.MODTIME,
            "",
        )
        assert (calm.max_delete, calm.conflict_resolve) == (0, ConflictResolve.NONE)
        assert (plain.conflict_resolve, plain.max_delete) == (ConflictResolve.NEWER, 25)
        assert [one.name for one in found.profiles] == [
            "safe",
            "balanced",
            "fast",
            "merge",
            "wild",
            "calm",
            "plain",
        ]
        assert found.syncs[0].profile == calm

    def test_the_overlay_replaces_lists_and_merges_mappings(self, home: Path) -> None:
        text = TRY + "syncs: {notes: {tenant: try, dir: a, ignore: [x]}}\nignore: [y]\n"
        local = written(home.parent / "repo", "syncs: {notes: {dir: b, ignore: [z]}}\n", "bisync.local.yaml")

        found = loaded(home, text)

        (sync,) = found.syncs
        assert (sync.dir.name, sync.ignore, found.ignore) == ("b", ("z",), ("y",))
        assert found.files == (found.path, local)

    def test_the_digest_is_the_meaning_not_the_spelling(self, home: Path) -> None:
        flow = loaded(home, TRY).digest
        block = loaded(
            home, "# x\ntenants:\n  'try':\n    storage: \"store\"\n    provider: embedded\nversion: 1\n"
        ).digest
        other = loaded(home, TRY.replace("store", "other")).digest
        assert flow == block != other
        assert flow.startswith("sha256:") and len(flow) == 71


class TestSharedConfig:
    """config.json answers where the manifest is silent, and only there."""

    def test_it_answers(self, home: Path) -> None:
        said = {
            "api_url": "https://api.example.com",
            "bisync_config": {"sync_dir": "~/bm", "default_profile": "fast", "auto_sync_interval": 5},
        }
        written(home / ".basic-memory", json.dumps(said), "config.json")

        found = loaded(home, LOGIN)

        assert found.syncs[0].dir == home / "bm"
        assert found.syncs[0].profile.name == "fast"
        assert found.watch_interval == 5
        assert isinstance(found.tenants[0], BasicMemoryTenant)
        assert found.tenants[0].api_url == "https://api.example.com"

        (tenant,) = loaded(home, LOGIN, {"BASIC_MEMORY_API_URL": "http://localhost:1"}).tenants
        assert isinstance(tenant, BasicMemoryTenant)
        assert tenant.api_url == "http://localhost:1"

    def test_the_manifest_has_the_last_word(self, home: Path) -> None:
        said = {"bisync_config": {"sync_dir": "~/bm", "default_profile": "fast", "auto_sync_interval": 5}}
        written(home / ".basic-memory", json.dumps(said), "config.json")
        text = "syncs: {a: {tenant: me, dir: ~/own}}\ndefaults: {profile: safe, watch_interval: 7}\n"

        found = loaded(home, LOGIN + text)

        assert found.syncs[0].dir == home / "own"
        assert (found.syncs[0].profile.name, found.watch_interval) == ("safe", 7)

    def test_its_mistakes_are_named_with_its_own_place(self, home: Path) -> None:
        said = {
            "api_url": "http://api.example.com",
            "bisync_config": {"sync_dir": "~/basic-memory-cloud", "default_profile": "fats"},
        }
        path = written(home / ".basic-memory", json.dumps(said), "config.json")

        assert problems(home, LOGIN + "zzz: 1") == [
            f"bisync.yaml:3:1: zzz: unknown key here ({', '.join(TOP_LEVEL)})",
            f"{path}: bisync_config.default_profile: "
            'unknown profile "fats"; did you mean "fast"? (safe, balanced, fast, merge)',
            f"{path}: api_url: neither https nor on this machine; "
            "write https://… (http only for localhost or 127.0.0.1)",
            f"{path}: bisync_config.sync_dir: "
            "Cannot use ~/basic-memory-cloud for bisync - it's the mount directory!"
            " Give it a folder of its own, such as ~/basic-memory-cloud-sync",
        ]

    def test_broken_json_is_a_problem_like_any_other(self, home: Path) -> None:
        path = written(home / ".basic-memory", '{\n  "a": 1\n  "b": 2\n}', "config.json")
        assert problems(home, LOGIN + "ignore: 1") == [
            "bisync.yaml:3:9: ignore: expected a list, found a whole number",
            f"{path}:3:3: not JSON: Expecting ',' delimiter",
        ]


class TestChosenFolder:
    """`setup --dir` is judged before it is written down."""

    def test_it_stands_in_for_config_json(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        written(home / ".basic-memory", '{"bisync_config": {"sync_dir": "~/bm"}}', "config.json")
        path = written(home.parent / "repo", LOGIN)
        monkeypatch.chdir(home)
        found = load(path, env={}, home=home, sync_dir="chosen")
        assert found.syncs[0].dir == home / "chosen"

    def test_a_bad_one_is_a_problem_of_the_flag(self, home: Path) -> None:
        path = written(home.parent / "repo", LOGIN)
        with pytest.raises(ManifestError) as caught:
            load(path, env={}, home=home, sync_dir=f"{home}/basic-memory-cloud")
        assert caught.value.problems[0].startswith(
            f"--dir: Cannot use {home}/basic-memory-cloud for bisync - it's the mount directory!"
        )

    def test_the_manifests_own_folder_is_not_overruled_in_silence(self, home: Path) -> None:
        path = written(home.parent / "repo", LOGIN + "syncs: {notes: {tenant: me, dir: ~/notes}}\n")
        with pytest.raises(ManifestError) as caught:
            load(path, env={}, home=home, sync_dir="~/other")
        assert caught.value.problems == (
            "--dir: has no effect: syncs.notes.dir is in the manifest; change it there",
        )


TOP_LEVEL = (
    *("version", "tenants", "syncs", "profiles", "ignore", "ignore_files"),
    *("defaults", "device", "mount_dir", "state_dir", "rclone", "migration", "ping"),
)


class TestSelect:
    TWO = TRY + "syncs: {notes: {tenant: try, path: a, dir: a}, work: {tenant: try, path: b, dir: b}}\n"

    def test_names_select_in_the_manifests_order(self, home: Path) -> None:
        found = loaded(home, self.TWO)
        assert [one.name for one in select_syncs(found)] == ["notes", "work"]
        assert [one.name for one in select_syncs(found, ["work", "notes"])] == ["notes", "work"]
        assert [one.name for one in select_syncs(found, ("work",))] == ["work"]

    def test_an_unknown_name_is_a_usage_error(self, home: Path) -> None:
        with pytest.raises(UsageError) as caught:
            select_syncs(loaded(home, self.TWO), ["notse"])
        assert caught.value.message == 'no sync is called "notse"; did you mean "notes"? (notes, work)'


def test_a_valid_manifest_is_read_without_the_slow_imports(tmp_path: Path) -> None:
    # An idle run would spend more time on importing these than on everything else it does in Python.
    example = Path(__file__).parents[2] / "bisync.yaml.example"
    code = f"""
import sys
from pathlib import Path
from bisync.manifest.load import load
assert "yaml" not in sys.modules
load(Path({str(example)!r}), env={{}}, home=Path({str(tmp_path)!r}))
print(sorted({{"jsonschema", "jinja2", "httpx", "rich", "invoke"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout == "[]\n"

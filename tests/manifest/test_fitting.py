"""The manifest that `init --provider …` writes: right for whatever was typed, or a line that names the flag."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bisync.config import S3Tenant
from bisync.errors import UsageError
from bisync.manifest import load
from bisync.manifest.document import parse
from bisync.manifest.fitting import COMMON, KINDS, Fitted, Wish, fit, next_commands, schema_lines
from bisync.manifest.schema_check import load_schema
from bisync.manifest.starter import starter, write_starter
from bisync.render import yaml_word

pytestmark = pytest.mark.pure

VALIDATOR = jsonschema.Draft202012Validator(load_schema())
HOME = Path("/nonexistent/home/u")
FOLDER = HOME / "papers"
GIVEN = {
    "name": "work.2",
    "dir": "/srv/my notes: #1",
    "path": "no: t/é's",
    "bucket": "0777",
    "endpoint": "https://s3.example.com:444/x",
    "region": "no",
    "aws_profile": "on, or {off}",
    "remote": "nas:- a #b",
    "storage": '~/it\'s "here"',
    "workspace": "true",
}


def fitted(*, folder: Path = FOLDER, home: Path = HOME, cwd: Path | None = None, **typed: str) -> Fitted:
    return fit(Wish(**typed), folder / "bisync.yaml", env={}, home=home, cwd=cwd or folder)


def subsets(flags: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(combinations(flags, size) for size in range(len(flags) + 1))


def wishes() -> Iterator[dict[str, str]]:
    """Every combination of flags that go with each provider."""
    for provider, kind in KINDS.items():
        must = () if kind.needs is None else (kind.needs,)
        may = tuple(flag for flag in (*kind.flags, *COMMON) if flag not in must)
        for flags in subsets(may):
            yield {"provider": provider} | {flag: GIVEN[flag] for flag in (*must, *flags)}


WISHES = list(wishes())


def problems(text: str) -> list[str]:
    found = [str(one) for one in load.problems(text, FOLDER / "bisync.yaml", env={}, home=HOME)]
    return found + [error.message for error in VALIDATOR.iter_errors(parse(text, "x").data)]


def test_every_combination_of_flags_is_valid_and_says_what_was_typed() -> None:
    assert len(WISHES) > 90
    for typed in WISHES:
        text = fitted(**typed).text
        assert problems(text) == [], typed
        data = yaml.safe_load(text)
        assert data == parse(text, "x").data
        ((tenant, store),) = data["tenants"].items()
        ((name, sync),) = data["syncs"].items()
        said = {**store, **sync, "name": name, "aws_profile": None}
        if isinstance(store.get("credentials"), dict):
            said["aws_profile"] = store["credentials"].get("aws")
        assert {flag: said[flag] for flag in typed} == typed
        # What would hold by itself is in writing.
        assert sync["tenant"] == tenant and sync["dir"] and sync["profile"] == "balanced"
        assert data["defaults"] == {"watch_interval": 60, "keep_days": 30}
        assert typed["provider"] != "s3" or {"region", "s3_provider", "credentials"} <= store.keys()


COMMENT = re.compile(r"^( *)# ((\w+): .*)$")


def test_each_key_in_a_comment_counts_where_it_stands_once_its_mark_is_gone() -> None:
    seen = set()
    for typed in WISHES:
        lines = fitted(**typed).text.splitlines()
        for at, line in enumerate(lines):
            match = COMMENT.match(line)
            if match is None:
                continue
            indent, text, key = match.groups()
            seen.add(key)
            # In the place of the one that is in force, with all that is below it.
            rest = [f"{indent}{text}" if number == at else one for number, one in enumerate(lines)]
            same = [n for n, one in enumerate(rest) if n != at and one.startswith(f"{indent}{key}:")]
            if same:
                end = same[0] + 1
                while rest[end].startswith(f"{indent} "):
                    end += 1
                rest = rest[: same[0]] + rest[end:]
            assert problems("\n".join(rest)) == [], (typed, line)
    assert {"workspace", "projects", "endpoint", "credentials", "path", "ignore", "rclone"} <= seen


def test_the_long_one_too_is_right_once_the_marks_of_its_comments_are_gone() -> None:
    lines = [
        line.replace("# ", "", 1)
        if re.match(r" *# +(\w+:|- |#|All that)", line) and "yaml-language-server" not in line
        else line
        for line in starter().splitlines()
    ]
    assert len(parse("\n".join(lines), "x").data["tenants"]) > 4
    assert VALIDATOR.is_valid(parse("\n".join(lines), "x").data)


def test_editors_are_told_where_the_schema_is() -> None:
    address, packaged = schema_lines()
    assert address == f"# yaml-language-server: $schema={load_schema()['$id']}"
    assert json.loads(Path(packaged.partition("$schema=")[2]).read_text()) == load_schema()
    for text in (starter(), fitted(provider="embedded").text):
        assert text.splitlines()[:2] == [address, packaged]


def test_a_place_with_blanks_is_one_word_for_editors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bisync.manifest.fitting.files", lambda _: Path("/opt/my python\nx"))
    assert schema_lines()[1].endswith("$schema=file:///opt/my%20python%0Ax/bisync.schema.json")


def test_every_provider_can_be_had_with_keys_that_it_has() -> None:
    definitions = load_schema()["$defs"]
    assert list(KINDS) == definitions["tenant"]["properties"]["provider"]["enum"]
    for provider, kind in KINDS.items():
        keys = set(definitions[f"tenant_{provider.replace('-', '_')}"]["properties"])
        assert {flag.replace("aws_profile", "credentials") for flag in kind.flags} <= keys
        assert kind.needs is None or kind.needs in kind.flags
        words = re.findall(r"--(\S+) (\S+)", kind.as_in)
        assert fitted(**{flag.replace("-", "_"): value for flag, value in words}).text


@pytest.mark.parametrize(
    ("typed", "says", "then"),
    [
        ({"provider": "s4"}, '--provider: there is no "s4" (basic-memory, s3, rclone, embedded',
         "as in: bisync init --provider s3 --bucket my-notes"),
        ({"provider": "rclon"}, '--provider: there is no "rclon"; did you mean "rclone"?', "as in"),
        ({"provider": "minio"}, 'it is a store of the kind "s3": give its --endpoint', "as in"),
        ({"provider": "sftp"}, 'make it a remote with rclone config, and take "rclone"', "as in"),
        ({"provider": ""}, '--provider: there is no ""', "as in"),
        ({"bucket": "b"}, "--bucket goes with --provider s3", "type: bisync init --provider s3 --bucket my-notes"),
        ({"remote": "b:"}, "--remote goes with --provider rclone", "--provider rclone --remote nas:notes"),
        ({"dir": "x"}, "--dir needs a provider (basic-memory, s3, rclone, embedded", "--provider s3"),
        ({"provider": "s3"}, "--provider s3 needs --bucket", "--bucket my-notes"),
        ({"provider": "rclone"}, "--provider rclone needs --remote", "--remote nas:notes"),
        ({"provider": "embedded", "bucket": "b"}, "--bucket does not go with --provider embedded", "embedded"),
        ({"provider": "rclone", "remote": "a:", "aws_profile": "w"},
         "--aws-profile does not go with --provider rclone, which takes --remote, --name, --dir, --path", "as in"),
        ({"provider": "s3", "bucket": "a/b"}, "--bucket: a bucket's name is letters", "nothing was written"),
        ({"provider": "s3", "bucket": ""}, "--bucket: a bucket's name is letters", "nothing was written"),
        ({"provider": "s3", "bucket": "b", "endpoint": "http://x.example.com"}, "--endpoint: neither https nor", ""),
        ({"provider": "s3", "bucket": "b", "endpoint": "https://[x"}, "--endpoint: ", ""),
        ({"provider": "s3", "bucket": "b", "region": "a b"}, "--region: a region is letters", ""),
        ({"provider": "s3", "bucket": "b", "aws_profile": "a\nb"}, "--aws-profile: the name of a profile", ""),
        ({"provider": "rclone", "remote": ":s3,secret=x:b"}, "--remote: write NAME:PATH", ""),
        ({"provider": "embedded", "dir": "~"}, "--dir: ~ is the home itself", ""),
        ({"provider": "embedded", "dir": "."}, "--dir: . contains bisync.yaml", ""),
        ({"provider": "embedded", "dir": ""}, "--dir: ", ""),
        ({"provider": "embedded", "dir": "$HOME/x"}, "--dir: $HOME is not expanded; write ~ or ${HOME}", ""),
        ({"provider": "embedded", "storage": ""}, "--storage: ", ""),
        ({"provider": "embedded", "path": "../x"}, '--path: no ".."', ""),
        ({"provider": "embedded", "name": "a: b"}, "--name: a name is letters", ""),
        ({"provider": "embedded", "name": ""}, "--name: a name is letters", ""),
        ({"provider": "basic-memory", "workspace": "a\udc80"}, "--workspace: is not text in UTF-8", "as in"),
        ({"provider": "basic-memory", "workspace": "a\nb"}, "--workspace: a workspace is named by", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_line_by_its_flag(typed: dict[str, str], says: str, then: str) -> None:
    with pytest.raises(UsageError) as caught:
        fitted(**typed)
    assert says in caught.value.message
    assert "\n" not in caught.value.message
    assert then in (caught.value.hint or "")


@given(st.text())
def test_any_text_is_one_scalar_that_every_reader_takes_for_it(text: str) -> None:
    flow = yaml_word(text, flow=True)
    line = f"k: {yaml_word(text)}\nl: {{a: {flow}, b: [{flow}, x]}}\n"
    data = {"k": text, "l": {"a": text, "b": [text, "x"]}}
    assert yaml.safe_load(line) == data
    if text.isprintable():
        found = parse(line, "x")
        assert found.data == data and not found.problems


@pytest.mark.parametrize(
    "text",
    ["", "y", "No", "ON", "null", "~", "12", "1e3", "0x1f", "12:30", "2024-01-01", "- x", "a: b", "a #b", "#", "!t",
     "&a", "*a", "{x", "a'b", 'a"b', "a\\b", "a\tb", "x\x7f\x85\u2028\ufeff", "\U0001f600", "%x", "@x", "`x`", ".inf",
     "=", "<<", "a:", "?", "\x1b[31m", "-", "trailing ", " leading", "e\u0301", "<", "...", "---"],
)  # fmt: skip
def test_what_means_something_else_in_yaml_is_quoted(text: str) -> None:
    word = yaml_word(text)
    assert word.startswith('"') and word.endswith('"')
    assert yaml.safe_load(f"k: {word}") == {"k": text}
    assert yaml.safe_load(f"{word}: k") == {text: "k"}


@pytest.mark.parametrize(
    "text", ["my-notes", "~/notes", "~/.local/x", "/srv/a", "https://s3.example.com", "a.b_c"]
)
def test_what_is_plain_stays_so(text: str) -> None:
    assert yaml_word(text) == text


@given(st.sampled_from(WISHES), st.data())
def test_hostile_values_are_refused_or_arrive_as_they_are(wish: dict[str, str], data: st.DataObject) -> None:
    odd = st.one_of(
        st.text(max_size=12), st.sampled_from(["x: y", "a\n  b: c", "'", '"', "{", "~/x", "${", "\ud800"])
    )
    typed = {flag: value if flag == "provider" else data.draw(odd, flag) for flag, value in wish.items()}
    try:
        text = fitted(**typed).text
    except UsageError as error:
        assert error.message.isprintable()
        return
    assert problems(text) == []
    said = json.dumps(yaml.safe_load(text), ensure_ascii=False)
    for flag, value in typed.items():
        assert flag in {"dir", "storage"} or json.dumps(value, ensure_ascii=False) in said, flag


@pytest.mark.parametrize(
    ("endpoint", "region"),
    [
        ("https://fly.storage.tigris.dev", "auto"),
        ("https://t3.storage.dev", "auto"),
        ("https://abc.r2.cloudflarestorage.com", "auto"),
        ("https://s3.eu-central-003.backblazeb2.com", "eu-central-003"),
        ("https://s3.eu-west-1.amazonaws.com", "eu-west-1"),
        ("http://127.0.0.1:9000", "us-east-1"),
        ("https://notstorage.dev", "us-east-1"),
    ],
)
def test_the_region_is_that_of_the_address(endpoint: str, region: str) -> None:
    for given_region in (None, "mine-1"):
        more = {} if given_region is None else {"region": given_region}
        text = fitted(provider="s3", bucket="b", endpoint=endpoint, **more).text
        assert yaml.safe_load(text)["tenants"]["b"]["region"] == (given_region or region)


@pytest.mark.parametrize(
    ("typed", "manifest", "cwd", "written"),
    [
        (str(HOME / "notes"), FOLDER, FOLDER, "~/notes"),  # as a shell hands over ~/notes
        ("~/notes", FOLDER, FOLDER, "~/notes"),
        ("${NOTES:-x}", FOLDER, FOLDER, "${NOTES:-x}"),
        ("notes", FOLDER, FOLDER, "notes"),
        ("notes", FOLDER / "sub", FOLDER, "~/papers/notes"),
        ("../notes", Path("/etc"), FOLDER, "~/notes"),
        ("/srv/notes", FOLDER, FOLDER, "/srv/notes"),
    ],
)
def test_a_folder_means_in_the_manifest_what_it_meant_when_it_was_typed(
    typed: str, manifest: Path, cwd: Path, written: str
) -> None:
    text = fitted(provider="embedded", dir=typed, folder=manifest, cwd=cwd).text
    assert yaml.safe_load(text)["syncs"]["notes"]["dir"] == written


def test_what_config_json_says_is_written_out(home: Path) -> None:
    shared: dict[str, Any] = {
        "sync_dir": str(home / "bm"),
        "default_profile": "safe",
        "auto_sync_interval": 7,
    }
    (home / ".basic-memory").mkdir()
    (home / ".basic-memory" / "config.json").write_text(json.dumps({"bisync_config": shared}))

    data = yaml.safe_load(fitted(provider="basic-memory", home=home, folder=home / "x").text)

    assert data["syncs"]["notes"] == {"tenant": "personal", "dir": "~/bm", "profile": "safe"}
    assert data["defaults"]["watch_interval"] == 7


def test_what_to_type_next() -> None:
    here, there = Path("bisync.yaml"), Path("a b.yaml")
    keys = fitted(provider="s3", bucket="b", endpoint="https://x.example.com", name="my-notes.2")
    assert next_commands(keys, here) == ["export MY_NOTES_2_KEY_ID=… MY_NOTES_2_SECRET=…", "bisync setup"]
    assert next_commands(fitted(provider="s3", bucket="b"), there) == ["bisync setup -m 'a b.yaml'"]
    cloud = next_commands(fitted(provider="basic-memory"), here)
    assert cloud == ["bisync login", "bisync setup"]


def test_it_is_read_back_and_never_written_over_another(home: Path) -> None:
    path = home.parent / "bisync.yaml"
    wish = Wish(provider="s3", bucket="b", aws_profile="work")
    text = fit(wish, path, env={}, home=home, cwd=home).text
    write_starter(path, text)
    (tenant,) = load.load(path, env={}, home=home).tenants
    assert isinstance(tenant, S3Tenant) and (tenant.id, tenant.s3_provider) == ("b", "AWS")
    with pytest.raises(UsageError, match="exists already"):
        write_starter(path, "other")
    assert path.read_text() == text

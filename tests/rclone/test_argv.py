"""The command lines we give rclone, as tables; and what we make of its answers. Pure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bisync.config import BUILTIN_PROFILES, Compare
from bisync.core.abilities import OBJECTS
from bisync.events import Problem, Text
from bisync.rclone.argv import BisyncCall, bisync_argv, list_argv, serve_s3_argv, serve_s3_env
from bisync.rclone.diagnosis import failure, refuses_keys
from bisync.rclone.output import Finished
from bisync.rclone.program import Rclone, environment
from bisync.rclone.remote import Remote

pytestmark = pytest.mark.pure

REMOTE = Remote(fs="basic-memory-team:bucket/p/", can=OBJECTS, label="s3://bucket/p")
CALL = BisyncCall(
    local=Path("/h/notes"), remote=REMOTE, profile=BUILTIN_PROFILES["balanced"], compare=Compare.CHECKSUM,
    filters=Path("/s/filters.rclone"), workdir=Path("/s/work"), backup_local=Path("/s/trash/1"),
    backup_cloud="basic-memory-team:bucket/p/.basic-memory/trash/1", max_delete_percent=7,
)  # fmt: skip


def pairs(argv: tuple[str, ...]) -> dict[str, str]:
    """Each flag with the word after it."""
    return {one: other for one, other in zip(argv, (*argv[1:], ""), strict=True) if one.startswith("-")}


def test_a_plain_run() -> None:
    argv = bisync_argv(CALL)

    assert argv[:4] == ("rclone", "bisync", "/h/notes", "basic-memory-team:bucket/p/")
    flags = pairs(argv)
    wanted = {"--compare": "size,checksum", "--conflict-resolve": "path1", "--max-lock": "2m",
              "--max-delete": "7",
              "--check-filename": ".bisync-marker", "--backup-dir1": "/s/trash/1",
              "--backup-dir2": "basic-memory-team:bucket/p/.basic-memory/trash/1",
              "--partial-suffix": ".bisync-partial",
              "--filters-file": "/s/filters.rclone", "--workdir": "/s/work", "--low-level-retries": "3",
              "--color": "NEVER"}  # fmt: skip
    assert {flag: flags.get(flag) for flag in wanted} == wanted
    assert {"--resilient", "--recover", "--check-access", "--use-json-log"} <= set(argv)
    assert not {
        "--resync",
        "--force",
        "--fast-list",
        "--create-empty-src-dirs",
        "--use-server-modtime",
    } & set(argv)


@pytest.mark.parametrize(
    ("changes", "has", "has_not"),
    [
        ({"fast_list": True}, ["--fast-list"], []),
        ({"compare": Compare.MODTIME}, ["--compare size,modtime"], ["checksum"]),
        ({"backup_cloud": None}, ["--backup-dir1"], ["--backup-dir2"]),
        ({"profile": BUILTIN_PROFILES["fast"]}, ["--check-sync false", "--transfers", "--checkers"], []),
        ({"profile": replace(BUILTIN_PROFILES["safe"], bwlimit="1M")}, ["--bwlimit 1M"], ["--check-sync"]),
    ],
)
def test_what_changes_a_run(changes: dict[str, object], has: list[str], has_not: list[str]) -> None:
    line = " ".join(bisync_argv(replace(CALL, **changes))) + " "  # type: ignore[arg-type]

    assert all(f" {words} " in line or f" {words}" in line for words in has)
    assert not any(words in line for words in has_not)


def test_no_secret_and_no_local_option_is_a_flag() -> None:
    users = {"PATH": "/bin", "RCLONE_EXCLUDE": "*", "RCLONE_DRY_RUN": "1", "RCLONE_CONFIG_PASS": "p"}
    env = environment(users, serve_s3_env("id", "secret"))

    assert env == {
        "PATH": "/bin", "RCLONE_CONFIG_PASS": "p", "RCLONE_SKIP_LINKS": "true",
        "RCLONE_LOCAL_NO_CHECK_UPDATED": "true", "RCLONE_AUTH_KEY": '"id,secret"',
    }  # fmt: skip
    assert "secret" not in " ".join(serve_s3_argv(Path("/s"), "127.0.0.1:0"))


def test_a_listing_by_checksum_asks_for_no_object() -> None:
    by_hash = list_argv(REMOTE, compare=Compare.CHECKSUM, filters=Path("/f"))
    by_time = list_argv(REMOTE, compare=Compare.MODTIME)

    assert {"--hash", "--use-server-modtime", "--no-mimetype", "--fast-list"} <= set(by_hash)
    assert pairs(by_hash)["--filter-from"] == "/f"
    assert "--use-server-modtime" not in by_time and "--hash" not in by_time


def test_the_config_is_always_said_out_loud() -> None:
    runner = Rclone(binary=Path("/bin/rclone"), config=Path("/h/rclone.conf"), version="1.75.2", env={})

    assert runner.command(("rclone", "lsf", "r:")) == (
        "/bin/rclone",
        "lsf",
        "r:",
        "--config",
        "/h/rclone.conf",
    )


@pytest.mark.parametrize(
    ("text", "meaning", "cure"),
    [
        ("operation error S3: ... StatusCode: 403, api error InvalidAccessKeyId: Unknown",
         "the cloud does not know this access key", "--rotate"),
        ("api error SignatureDoesNotMatch: no", "the cloud refused the secret access key", "--rotate"),
        ("with env_auth=true: failed to get shared config profile, work", "no such profile", "bisync doctor"),
        ("api error ExpiredToken: old", "the credentials have expired", "--rotate"),
        ("api error RequestTimeTooSkewed: no", "this computer's clock is too far off", "set the clock"),
        ("StatusCode: 404, api error NoSuchBucket: no", "the bucket does not exist", "tenants.*.bucket"),
        ("error reading source root directory: directory not found", "does not exist", "create it"),
        ("write /x: no space left on device", "the disk is full", "free some space"),
        ("dial tcp 127.0.0.1:1: connect: connection refused", "nobody answers", "endpoint"),
        ("dial tcp: lookup nosuch.invalid: no such host", "host name is not known", "endpoint"),
        ("StatusCode: 503, api error SlowDown: injected", "server error", "run again"),
        ("Failed to create: didn't find section in config file", "no section", "bisync setup"),
        ("something  never\nseen",
         "listing the cloud (rclone lsjson) failed with exit code 7: something never seen", "--verbose"),
    ],
)  # fmt: skip
def test_what_a_failure_means(text: str, meaning: str, cure: str) -> None:
    outcome = Finished(7, "", (Problem("notice", "beside the point", None), Problem("error", text, None)))

    error = failure(("rclone", "lsjson"), outcome, REMOTE)

    assert meaning in error.message
    assert error.message.endswith("(s3://bucket/p)")
    assert error.hint is not None and cure in error.hint
    assert "\n" not in error.message


def test_a_killed_rclone() -> None:
    error = failure(("rclone", "bisync"), Finished(-9, "", ()), None)

    assert error.message == "bringing both sides together (rclone bisync) was killed by signal 9"
    assert "nothing was lost" in (error.hint or "")


@pytest.mark.parametrize(
    ("event", "refused"),
    [
        (Problem("error", "api error SignatureDoesNotMatch", None), True),
        (Text("Failed to lsf: api error InvalidAccessKeyId"), True),
        (Problem("error", "connection refused", None), False),
        (Problem("error", "api error NoSuchBucket", None), False),
    ],
)
def test_which_failures_are_about_the_keys(event: Problem | Text, refused: bool) -> None:
    assert refuses_keys(Finished(1, "", (event,))) is refused


def test_the_profile_says_how_many_at_a_time_else_the_plan_does() -> None:
    free = pairs(bisync_argv(replace(CALL, width=16)))
    bound = pairs(bisync_argv(replace(CALL, profile=BUILTIN_PROFILES["safe"], width=16)))

    assert (free["--transfers"], free["--checkers"]) == ("16", "16")
    assert (bound["--transfers"], bound["--checkers"]) == ("2", "4")
    assert "--transfers" not in pairs(bisync_argv(CALL))

"""When something runs, what it is called, and what it is given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bisync.errors import UsageError
from bisync.schedule.form import (
    INTERVALS,
    PLACES,
    Form,
    form_of,
    interval_text,
    job_name,
    kept_environment,
    parse_interval,
)

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [
        ("5min", 5), ("5m", 5), ("15 minutes", 15), ("1 minute", 1), ("60min", 60), ("1h", 60), ("2 hours", 120),
        ("24h", 1440), ("1d", 1440), ("1 Day", 1440), (" 30MIN ", 30),
    ],
)  # fmt: skip
def test_intervals_that_are_understood(typed: str, minutes: int) -> None:
    assert parse_interval(typed) == minutes


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "5",
        "min",
        "0min",
        "7min",
        "90min",
        "5h",
        "2d",
        "-5min",
        "5.5min",
        "5min 1h",
        "٥min",
        "99999min",
        "5s",
    ],
)
def test_intervals_that_no_cron_could_keep_are_refused_with_those_there_are(typed: str) -> None:
    with pytest.raises(UsageError, match=r"--interval takes one of 1min, .*, 12h, 1d; not"):
        parse_interval(typed)


def test_an_interval_is_read_as_it_is_written() -> None:
    assert [parse_interval(interval_text(minutes)) for minutes in INTERVALS] == list(INTERVALS)
    assert all(60 % minutes == 0 or 1440 % minutes == 0 for minutes in INTERVALS)


def test_a_form_is_read_from_the_command_that_makes_it() -> None:
    forms = [Form(interval=each, at_boot=boot) for each in (None, *INTERVALS) for boot in (False, True)]

    assert [form_of(f"# x\n# {form.command}\nmore") for form in forms] == forms
    assert len({form.command for form in forms}) == len(forms)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# bisync schedule",
        "# bisync schedule install --interval 7min",
        "bisync schedule install --interval",
    ],
)
def test_a_text_that_somebody_has_edited_has_no_form(text: str) -> None:
    assert form_of(text) is None


# -- names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manifest", "slug"),
    [
        ("/home/anna/dotfiles/bisync.yaml", "dotfiles"),
        ("/home/anna/dotfiles/work.yaml", "work"),
        ("/home/anna/My Nötes (2026)/bisync.yaml", "my-notes-2026"),
        ("/home/anna/" + "long-name-" * 9 + "/bisync.yaml", "long-name-long-name-long"),
        ("/home/anna/日本/bisync.yaml", ""),
        ("/bisync.yaml", ""),
    ],
)
def test_a_job_is_called_as_a_person_knows_its_manifest(manifest: str, slug: str) -> None:
    name = job_name(Path(manifest))

    assert name.rpartition("-")[0] == "-".join(filter(None, ["bisync", slug]))
    assert re.fullmatch(r"bisync-(?:[a-z0-9]+-)*[0-9a-f]{10}", name)


def test_a_name_never_changes() -> None:
    """An installed job is found again by it, also by a later version."""
    assert job_name(Path("/home/anna/dotfiles/bisync.yaml")) == "bisync-dotfiles-e9e380a979"


def test_two_manifests_have_two_names() -> None:
    paths = [
        "/a/notes/bisync.yaml",
        "/b/notes/bisync.yaml",
        "/a/notes/notes.yaml",
        "/a/nötes/bisync.yaml",
        "/a/\udce4/bisync.yaml",
    ]

    assert len({job_name(Path(path)) for path in paths}) == len(paths)


# -- the environment ------------------------------------------------------------------------------------


def test_a_service_is_told_where_things_are_and_no_secret() -> None:
    env = {
        "PATH": "/bin", "RCLONE_CONFIG": "mine.conf", "XDG_CONFIG_HOME": "/x", "BISYNC_RCLONE": "rclone", "HOME": "/h",
        "SSL_CERT_FILE": "", "NOTES_KEY": "s3cret", "AWS_SECRET_ACCESS_KEY": "s3cret",
        "BASIC_MEMORY_CLOUD_API_KEY": "s3cret", "RCLONE_CONFIG_NAS_PASS": "s3cret", "BISYNC_MANIFEST": "/other.yaml",
        "https_proxy": "http://anna:s3cret@proxy", "HTTP_PROXY": "http://proxy",
    }  # fmt: skip

    kept = dict(kept_environment(env, Path("/home/me")))

    assert kept == {
        "PATH": "/bin", "XDG_CONFIG_HOME": "/x", "BISYNC_RCLONE": "rclone", "RCLONE_CONFIG": "/home/me/mine.conf",
        "HTTP_PROXY": "http://proxy",
    }  # fmt: skip
    assert not any(word in name for name in PLACES for word in ("KEY", "PASS", "TOKEN", "SECRET"))

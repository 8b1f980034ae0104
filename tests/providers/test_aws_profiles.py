"""Which profiles the files of the AWS SDK have, and what is said of one that none has."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bisync.config import AwsProfile, S3Tenant
from bisync.errors import SecretError
from bisync.providers.aws_profiles import must_be_there
from bisync.providers.base import Around
from bisync.providers.s3 import PROVIDER

pytestmark = pytest.mark.pure

CONFIG = """\
# [profile commented]
[default]
region = eu-central-1
[profile work]  # by day
sso_session = x
[ profile  "with blanks" ]
[sso-session x]
[bare]
[profile never closed
"""
CREDENTIALS = "[default]\naws_secret_access_key = HUNTER2\n[keys]\n[profile odd]\n"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(CONFIG)
    (tmp_path / ".aws" / "credentials").write_text(CREDENTIALS)
    return {"HOME": str(tmp_path)}


@pytest.mark.parametrize(
    ("name", "file"),
    [("default", "config"), ("work", "config"), ("with blanks", "config"), ("keys", "credentials")],
)
def test_it_is_in_one_of_the_files(name: str, file: str, env: dict[str, str]) -> None:
    assert must_be_there(AwsProfile(name=name), "t", env) == Path(env["HOME"]) / ".aws" / file


@pytest.mark.parametrize("name", ["commented", "bare", "x", "never closed", "odd", "Work"])
def test_what_the_sdk_would_not_find_either(name: str, env: dict[str, str]) -> None:
    with pytest.raises(SecretError) as caught:
        must_be_there(AwsProfile(name=name), "tenants.team", env)
    said = caught.value.message
    assert said.startswith(f"tenants.team.credentials: {{aws: {name}}}: there is no such profile")
    assert "(default, keys, profile odd, with blanks, work)" in said
    assert "HUNTER2" not in said


def test_one_that_is_nearly_there_and_files_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("[profile work\x1b[31m]\n[profile werk]\n")
    env = {"HOME": str(tmp_path), "AWS_CONFIG_FILE": str(tmp_path / "mine")}
    with pytest.raises(SecretError) as caught:
        must_be_there(AwsProfile(name="wekr"), "t", env)
    assert 'did you mean "werk"?' in caught.value.message
    assert "\x1b" not in caught.value.message
    assert str(tmp_path / "mine") in caught.value.message
    assert caught.value.hint == "make it: aws configure --profile wekr"


def test_files_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    (tmp_path / ".aws" / "config").mkdir(parents=True)
    with pytest.raises(SecretError, match="config: cannot be read"):
        must_be_there(AwsProfile(name="x"), "t", {"HOME": str(tmp_path)})


def test_doctor_says_in_which_file_it_is(env: dict[str, str], tmp_path: Path) -> None:
    around = Around(env=env, state_dir=tmp_path, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def look(name: str | None) -> list[str]:
        keys = None if name is None else AwsProfile(name=name)
        tenant = S3Tenant(
            name="team",
            tenant_id="team",
            bucket="b",
            endpoint=None,
            region=None,
            s3_provider="AWS",
            credentials=keys,
        )
        return [one.text for one in PROVIDER.look_here(tenant, around)]

    file = Path(env["HOME"]) / ".aws" / "config"
    assert look("work") == [f"the AWS SDK's keys of the profile work, in {file}"]
    assert look(None) == []
    with pytest.raises(SecretError, match="there is no such profile"):
        look("gone")

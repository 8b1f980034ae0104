"""When a section of rclone.conf is not what the manifest says, and how that is told."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bisync.core.drift import Purpose, differences, joined, misuse

pytestmark = pytest.mark.pure

WANTED = {
    "type": "s3",
    "provider": "Other",
    "env_auth": "false",
    "region": "auto",
    "endpoint": "https://s3.example",
}
KEYS = {"access_key_id": "A", "secret_access_key": "hunter2"}
MINE = Purpose("mine", ("notes",))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        ({"upload_cutoff": "1G", "no_check_bucket": "false"}, []),
        ({"endpoint": "https://evil.example"},
         ["endpoint is https://evil.example there, and https://s3.example in the manifest"]),
        ({"endpoint": ""}, ["endpoint is not set there, and https://s3.example in the manifest"]),
        ({"region": "us-east-1"}, ["region is us-east-1 there, and auto in the manifest"]),
        ({"provider": "AWS"}, ["provider is AWS there, and Other in the manifest"]),
        ({"env_auth": "true"}, ["env_auth is true there, and false in the manifest"]),
        ({"profile": "work"}, ["profile is work there, and not set in the manifest"]),
        ({"type": "alias"}, ["type is alias there, and s3 in the manifest"]),
    ],
)  # fmt: skip
def test_what_differs(changed: Mapping[str, str], said: list[str]) -> None:
    found = differences({**WANTED, **KEYS, **changed}, WANTED)

    assert found == said
    assert "hunter2" not in str(found)


def test_what_only_the_section_says_differs_too() -> None:
    assert differences(
        WANTED, {"type": "s3", "provider": "Other", "env_auth": "false", "region": "auto"}
    ) == ["endpoint is https://s3.example there, and not set in the manifest"]


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (None, None),
        (MINE, None),
        (Purpose("mine", ("notes", "photos")), None),
        (
            Purpose("theirs", ("notes",)),
            "its keys are not those that the manifest names: they came from elsewhere",
        ),
        (Purpose("mine", ("photos",)), "its keys were stored for another bucket"),
    ],
)
def test_what_keys_were_stored_for(stored: Purpose | None, said: str | None) -> None:
    assert misuse(stored, MINE) == said


def test_keys_of_one_reference_may_serve_several_buckets() -> None:
    both = joined(MINE, Purpose("mine", ("photos",)))

    assert misuse(both, MINE) is misuse(both, Purpose("mine", ("photos",))) is None
    assert joined(both, MINE) == both
    assert joined(both, Purpose("theirs", ("notes",))) == Purpose("theirs", ("notes",))
    assert joined(None, MINE) == MINE

"""Keys that may do what the docs say, and nothing else, are enough for all that a device does."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from tests.support.proxy import Proxy, proxied
from tests.support.world import BUCKET, S3, Device, serve_moto

PAGE = Path(__file__).resolve().parents[2] / "docs" / "remotes.md"


def policy() -> dict[str, Any]:
    """That of the docs. (moto does not ask for its condition: which prefixes are listed is looked up.)"""
    found = re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    read: dict[str, Any] = json.loads(found[1])
    return read


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A store whose keys may do what the docs say."""
    with serve_moto() as server, proxied(keyed(server)) as made:
        yield made


def keyed(server: S3) -> S3:
    """The server with keys of a user who has the policy of the docs; from here on it asks for that."""
    iam = boto3.client(
        "iam", endpoint_url=server.endpoint, region_name="us-east-1",
        aws_access_key_id="any", aws_secret_access_key="any",
    )  # fmt: skip
    iam.create_user(UserName="team")
    iam.put_user_policy(UserName="team", PolicyName="notes", PolicyDocument=json.dumps(policy()))
    key = iam.create_access_key(UserName="team")["AccessKey"]
    httpx.post(f"{server.endpoint}/moto-api/reset-auth", content="0").raise_for_status()
    return replace(server, key_id=key["AccessKeyId"], secret=key["SecretAccessKey"])


def test_a_day_needs_no_more_than_the_docs_say(proxy: Proxy, tmp_path: Path) -> None:
    assert BUCKET in json.dumps(policy()), "the docs speak of the bucket of the tests"
    one, two = (
        Device(tmp_path / name, proxy.s3, profile="safe", sync_extra="    path: notes\n")
        for name in ("one", "two")
    )
    one.write("a.md", "one")
    one.write("d/b.md", "bee")
    one.run("setup")
    two.run("setup")
    assert two.tree() == one.tree()
    one.write("a.md", "AAA")
    (one.notes / "d" / "b.md").rename(one.notes / "c.md")
    two.write("a.md", "BBB")
    one.run("sync")
    two.run("sync")
    one.run("sync")
    (one.notes / "c.md").unlink()
    one.run("sync")
    two.run("sync")
    assert one.tree() == two.tree() == {"a.md.conflict1": "BBB", "a.md.conflict2": "AAA"}
    one.run("restore", "c.md")
    assert one.tree()["c.md"] == "bee"
    one.run("sync")
    one.run("check")
    one.run("doctor")
    one.run("prune", "--yes")

    # Refused is what it tries above its folder, where other devices could have a lease, and the list of buckets.
    listed = [one for one in proxy.seen if one.kind == "LIST" and one.path.startswith(f"/{BUCKET}")]
    prefixes = {urllib.parse.parse_qs(one.query).get("prefix", [""])[0] for one in listed}
    assert {one for one in prefixes if not one.startswith("notes/")} <= {".basic-memory/"}
    assert "notes/" in prefixes

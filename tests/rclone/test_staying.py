"""What the tests' own rclone that stays does is what one does that is typed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.support.world import BUCKET, S3

NAMES = ("a.md", "d/e/ü ]\"x'%.md", "a\\b.md", "  b .md", "#?&+[z].md", "x\ty\x01.md", "empty")


@pytest.mark.parametrize("server", ["s3", "moto"])
def test_objects_are_put_read_and_deleted_as_by_a_command(
    server: str, request: pytest.FixtureRequest
) -> None:
    s3: S3 = request.getfixturevalue(server)
    for name in NAMES:
        text = "" if name == "empty" else f"text of {name}"
        facts = []
        s3.rclone("rcat", f"s3:{BUCKET}/{name}", stdin=text.encode())
        facts.append(listed(s3))
        s3.delete(name)
        assert listed(s3) == []
        s3.put(name, text)
        facts.append(listed(s3))
        assert facts[0] == facts[1]
        [path] = [one["Path"] for one in facts[0]]
        assert replace(s3, folder=None).tree() == {path: text}
        s3.rclone("deletefile", f"s3:{BUCKET}/{name}")
    with pytest.raises(AssertionError, match="not found"):
        s3.delete("none.md")


def listed(s3: S3) -> list[dict[str, object]]:
    """All that rclone says of each object, but for when it was made."""
    found = json.loads(s3.rclone("lsjson", "-R", "--files-only", "--hash", "--metadata", f"s3:{BUCKET}"))
    for one in found:
        assert one.pop("ModTime")
        one["Metadata"] = {
            name: value for name, value in one["Metadata"].items() if not name.endswith("time")
        } | {"has": sorted(one["Metadata"])}
    return list(found)

"""Of a manifest that is wrong the line is shown, unless a secret could stand in it; and any text is judged in order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bisync.errors import Fault, ManifestError
from bisync.manifest import instead
from bisync.manifest.document import parse
from bisync.manifest.load import load
from bisync.manifest.schema_check import did_you_mean

pytestmark = pytest.mark.pure

TOP = "version: 1\ntenants:\n  a:\n    provider: s3\n    bucket: b\n"
SYNCS = "syncs: {n: {tenant: a, dir: ~/n}}\n"


def faults(text: str, folder: Path) -> tuple[Fault, ...]:
    (folder / "bisync.yaml").write_text(text)
    with pytest.raises(ManifestError) as caught:
        load(folder / "bisync.yaml", env={}, home=folder / "home")
    return caught.value.faults


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TOP + "    credentials: HUNTER2\n" + SYNCS, id="instead of a reference"),
        pytest.param(TOP + "    credentials:\n      access_key_id: HUNTER2\n" + SYNCS, id="instead of one"),
        pytest.param(TOP + "    credentials:\n      access_key_id: |\n        HUNTER2\n" + SYNCS, id="over two lines"),
        pytest.param(TOP + "    credentials: aws\n    secret_access_key: HUNTER2\n" + SYNCS, id="right in the tenant"),
        pytest.param(TOP + "    credentials: aws\n    passwort: HUNTER2\n" + SYNCS, id="by a name of one's own"),
        pytest.param(TOP + "    credentials: aws\n    x: AKIAIOSFODNN7EXAMPLE\n" + SYNCS, id="looks like a key"),
        pytest.param(TOP + "    credentials: aws\n    x: 0a1b2c3d-0000-HUNTER2\n" + SYNCS, id="looks like a UUID"),
        pytest.param(TOP + "    credentials: aws\n    endpoint: https://me:HUNTER2@x/\n" + SYNCS, id="in an address"),
        pytest.param(TOP + "    credentials: {HUNTER2: !x y}\n" + SYNCS, id="for a key, with a tag"),
        pytest.param(TOP + "    credentials: {HUNTER2: 1, HUNTER2: 2}\n" + SYNCS, id="for a key, twice"),
        pytest.param(
            TOP + "    credentials:\n      access_key_id: &k HUNTER2\n      secret_access_key: {env: X}\n"
            "syncs: {n: {tenant: a, dir: ~/n, path: 1, ignore: *k}}\n",
            id="by an alias",
        ),
        pytest.param(
            "x: &k\n  HUNTER2\n" + TOP + "    credentials: {access_key_id: *k, secret_access_key: *k}\n" + SYNCS,
            id="written elsewhere",
        ),
        pytest.param(TOP + "    credentials: aws\npasswords:\n  mine: !x HUNTER2\n" + SYNCS, id="below such a key"),
        pytest.param(TOP + "    credentials:\n      access_key_id: HUN: TER2\n", id="no YAML"),
        pytest.param(TOP + "    credentials: {access_key_id: [\n  HUNTER2: x: y\n", id="no YAML, in brackets"),
        pytest.param(TOP + "    credentials:\n      access_key_id:\nHUNTER2\nsyncs: {}\n", id="no YAML, alone"),
        pytest.param(SYNCS + "ping:\n  success: x: HUNTER2\n", id="no YAML, an address"),
    ],
)  # fmt: skip
def test_no_line_is_shown_that_a_secret_could_stand_in(text: str, tmp_path: Path) -> None:
    found = faults(text, tmp_path)

    assert found
    assert not any(
        "HUN" in str(one) or "HUN" in (one.source or "") or "AKIA" in (one.source or "") for one in found
    )


def test_lines_beside_a_secret_are_shown(tmp_path: Path) -> None:
    text = (
        TOP + "    regoin: eu\n    credentials: {access_key_id: HUNTER2}\nsyncs: {n: {tenant: b, dir: ~/n}}\n"
    )

    shown = {one.line: one.source for one in faults(text, tmp_path)}

    assert shown == {6: "    regoin: eu", 7: None, 8: "syncs: {n: {tenant: b, dir: ~/n}}"}


@given(st.text(alphabet=" \n\t:{}[],-#\"'*&!|>%@`?$ab1~/\\\x00é\u2028", max_size=60))
@example("{:")
def test_any_text_is_judged_in_order(text: str) -> None:
    try:
        parse(text, "f")
    except ManifestError as error:
        (fault,) = error.faults
        assert str(fault).isprintable()
        assert fault.line >= 0
        assert (fault.line == 0) == (fault.column == 0)


def test_only_words_of_the_tables_are_known() -> None:
    assert instead.store("HUNTER2") is None
    assert instead.secret_source("HUNTER2") is None
    assert not any(instead.secret_source(kind) for kind in ("env", "command", "file"))


@pytest.mark.parametrize(
    "word", ["R2", "cloudflare-r2", "Backblaze B2", "google_drive", "AWS S3", "NextCloud"]
)
def test_a_store_is_known_however_it_is_spelled(word: str) -> None:
    assert "write provider: " in (instead.store(word) or "")


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("fst", "fast"),
        ("keep", "keep_days"),
        ("nope", None),
        ("sinks", "syncs"),
        ("colour", None),
        ("", None),
    ],
)
def test_only_what_is_near_was_meant(word: str, near: str | None) -> None:
    said = did_you_mean(word, ["fast", "keep_days", "ignore", "syncs", "rclone"])

    assert said == (f'; did you mean "{near}"?' if near else "")

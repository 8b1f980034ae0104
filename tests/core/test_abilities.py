"""What a remote promises, what it turns out to keep, and how changes are told there."""

from __future__ import annotations

from typing import Any

import pytest

from bisync.config import Compare
from bisync.core.abilities import (
    OBJECTS,
    SECOND,
    Abilities,
    Seen,
    Trial,
    is_opaque,
    kept_precision,
    promised,
    proved,
    words,
)

pytestmark = pytest.mark.pure

NO_TIMES = 3_153_600_000_000_000_000
# As rclone 1.75 says it (`rclone backend features`), as far as it counts.
S3 = {"Precision": 1, "Hashes": ["md5"], "Features": {"SlowModTime": True, "Copy": True, "BucketBased": True}}
FOLDER = {"Precision": 1, "Hashes": ["md5", "sha1"], "Features": {"SlowHash": True, "Move": True}}
SFTP = {"Precision": SECOND, "Hashes": ["md5"], "Features": {"SlowHash": True, "Move": True}}
WEBDAV = {"Precision": NO_TIMES, "Hashes": [], "Features": {"Move": True, "Copy": True}}
OWNCLOUD = {"Precision": SECOND, "Hashes": ["sha1", "md5"], "Features": {"Move": True}}
CRYPT = {"Precision": 1, "Hashes": [], "Features": {"Overlay": True, "Copy": True}}
CHUNKER = {"Precision": 1, "Hashes": ["md5"], "Features": {"Overlay": True, "Copy": True}}
HTTP = {"Precision": SECOND, "Hashes": None, "Features": {}}


@pytest.mark.parametrize(
    ("features", "behind", "told_by", "keeps", "asks_each"),
    [
        (S3, [], Compare.CHECKSUM, True, True),
        (FOLDER, [], Compare.MODTIME, True, False),
        (SFTP, [], Compare.MODTIME, True, False),
        (WEBDAV, [], Compare.STORED, True, False),
        (OWNCLOUD, [], Compare.CHECKSUM, True, False),
        (CRYPT, [S3], Compare.STORED, True, True),
        (CRYPT, [FOLDER], Compare.MODTIME, True, False),
        (CRYPT, [CHUNKER, S3], Compare.STORED, True, True),
        (CHUNKER, [S3], Compare.CHECKSUM, True, True),
        (CHUNKER, [FOLDER], Compare.MODTIME, True, False),
        (HTTP, [], Compare.MODTIME, False, False),
        ({}, [], Compare.STORED, False, False),
        ({"Precision": 0, "Hashes": [], "Features": None}, [{}], Compare.STORED, False, False),
    ],
)
def test_what_is_promised(
    features: dict[str, Any], behind: list[dict[str, Any]], told_by: Compare, keeps: bool, asks_each: bool
) -> None:
    can = promised(features, behind)

    assert can.told_by is told_by
    assert (can.keeps_versions, can.asks_each) == (keeps, asks_each)
    assert not can.proved


def test_what_is_known_of_s3_is_what_rclone_says_of_it() -> None:
    assert promised(S3) == Abilities(
        **{**{name: getattr(OBJECTS, name) for name in OBJECTS.__slots__}, "proved": False}
    )


@pytest.mark.parametrize(
    ("features", "opaque"), [(CRYPT, True), (CHUNKER, False), (WEBDAV, False), ({}, False)]
)
def test_which_may_be_enciphered(features: dict[str, Any], opaque: bool) -> None:
    assert is_opaque(features) is opaque


TOLD = 1_111_111_111_123_456_789
NOW = 1_800_000_000 * SECOND
MD5, OTHER = "a" * 32, "b" * 32


@pytest.mark.parametrize(
    ("kept", "precision"),
    [
        (TOLD, 1),
        (1_111_111_111_123_456_000, 1_000),
        (1_111_111_111_123_457_000, 1_000),
        (1_111_111_111_123_000_000, 1_000_000),
        (1_111_111_111 * SECOND, SECOND),
        (1_111_111_112 * SECOND, SECOND),
        (1_111_111_110 * SECOND, 2 * SECOND),
        (1_111_111_109 * SECOND, None),
        (1_111_111_113 * SECOND, None),
        (TOLD + 7, None),
        (NOW, None),
        (None, None),
    ],
)
def test_how_exactly_a_time_was_kept(kept: int | None, precision: int | None) -> None:
    assert kept_precision(TOLD, kept) == precision


def trial(
    *, md5: str | None = MD5, own: int | None = TOLD, stored: tuple[int | None, int | None] = (NOW, NOW + SECOND),
    leased: int | None = NOW, moved: bool = True, folded: bool = False,
) -> Trial:  # fmt: skip
    first, again = (Seen(md5, own, each) for each in stored)
    return Trial(MD5, TOLD, first, again, Seen(md5, own, leased), moved, folded)


@pytest.mark.parametrize(
    ("features", "behind", "seen", "told_by"),
    [
        (S3, [], trial(), Compare.CHECKSUM),
        (FOLDER, [], trial(), Compare.MODTIME),
        # Promised, and not kept.
        (OWNCLOUD, [], trial(md5=None, own=TOLD // SECOND * SECOND), Compare.MODTIME),
        (OWNCLOUD, [], trial(md5=OTHER, own=NOW), Compare.STORED),
        (SFTP, [], trial(own=NOW), Compare.STORED),
        (SFTP, [], trial(own=None, stored=(None, None)), None),
        (WEBDAV, [], trial(own=NOW), Compare.STORED),
        # Not promised is not relied upon, though it was kept this once.
        (WEBDAV, [], trial(), Compare.STORED),
        (WEBDAV, [], trial(own=NOW, stored=(NOW, NOW)), None),
        # Each time would cost a request; but the store takes over what it is told.
        (CRYPT, [S3], trial(stored=(TOLD, TOLD)), Compare.MODTIME),
        (CRYPT, [S3], trial(), Compare.STORED),
    ],
)
def test_what_a_trial_shows(
    features: dict[str, Any], behind: list[dict[str, Any]], seen: Trial, told_by: Compare | None
) -> None:
    can = proved(promised(features, behind), seen)

    assert can.proved
    assert can.told_by is told_by


def test_a_trial_takes_back_what_was_promised_and_gives_nothing() -> None:
    can = proved(promised(FOLDER), trial(own=1_111_111_111_123_000_000, leased=TOLD, moved=False))

    assert (can.precision_ns, can.keeps_versions, can.own_times) == (1_000_000, False, False)
    assert proved(promised(SFTP), trial()).precision_ns == SECOND
    assert not proved(promised(HTTP), trial()).keeps_versions
    assert proved(promised(S3), trial()).own_times


@pytest.mark.parametrize(
    ("can", "compare", "why"),
    [
        (promised(CRYPT, [S3]), Compare.CHECKSUM, "no MD5"),
        (promised(WEBDAV), Compare.MODTIME, "no modification times"),
        (promised(SFTP), Compare.CHECKSUM, None),
        (promised(CRYPT, [S3]), Compare.MODTIME, None),
        (OBJECTS, Compare.MODTIME, None),
    ],
)
def test_what_cannot_be_asked_of_a_remote(can: Abilities, compare: Compare, why: str | None) -> None:
    assert (can.why_not(compare) is None) is (why is None)
    assert why is None or why in str(can.why_not(compare))


@pytest.mark.parametrize(
    ("can", "told_by", "said"),
    [
        (OBJECTS, Compare.CHECKSUM,
         "changes are told by checksum; old versions are kept there: yes; one request per file: no"),
        (OBJECTS, Compare.MODTIME,
         "changes are told by time (1 ns); old versions are kept there: yes; one request per file: yes"),
        (promised(SFTP), Compare.MODTIME,
         "changes are told by time (1 s); old versions are kept there: yes; one request per file: no"),
        (Abilities(precision_ns=None, keeps_versions=False), Compare.STORED,
         "changes are told by size and time of upload; old versions are kept there: no; one request per file: no"),
        (Abilities(precision_ns=2 * SECOND), Compare.MODTIME,
         "changes are told by time (2 s); old versions are kept there: yes; one request per file: no"),
    ],
)  # fmt: skip
def test_it_is_said_in_one_line(can: Abilities, told_by: Compare, said: str) -> None:
    assert words(can, told_by) == said


@pytest.mark.parametrize("says", [False, True])
@pytest.mark.parametrize("folded", [False, True])
def test_a_remote_folds_case_where_it_says_so_or_does_so(says: bool, folded: bool) -> None:
    said = promised({"Features": {"CaseInsensitive": says}, "Precision": 1})
    assert proved(said, trial(folded=folded)).folds_case is (says or folded)

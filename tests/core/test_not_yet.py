"""What should hold and does not yet. When one of these passes, it fails: move it to where it belongs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync.core.conflict_names import original_of
from bisync.core.names import to_rclone
from bisync.rclone.filters import exclude_rule
from bisync.rclone.listings import session_name, unquote_go
from tests.core.situations import Case, read
from tests.rclone.test_filters import hides

pytestmark = [pytest.mark.pure, pytest.mark.xfail(strict=True)]

SITUATIONS = r"""
situations:
  a file that cannot be read and is spelled in NFD here is not deleted in the cloud:
    baseline: {"caf\u00e9.md": A}
    local: {}
    cloud: {"caf\u00e9.md": A}
    left_out_local: {"cafe\u0301.md": cannot be read}
    missing: [1, 1]
    plan: []
    mode: idle
  nor is what lies below a folder spelled in NFD:
    baseline: {"\u00e9/a.md": A}
    local: {}
    cloud: {"e\u0301/a.md": A}
    left_out_local: {"e\u0301/": cannot be read}
    missing: [1, 1]
    plan: []
    mode: idle
  below a folder that is left out no file makes room for a folder:
    baseline: {}
    local: {}
    cloud: {d/x: A, d/x/y.md: B}
    left_out_local: {d/: cannot be read}
    plan: []
    mode: idle
  nothing is fetched below a file that is left out here:
    baseline: {}
    local: {}
    cloud: {x/y.md: A}
    left_out_local: {x: cannot be read}
    plan: []
    mode: idle
  a copy does not get the name of a folder in the cloud:
    baseline: {n.md: A}
    local: {n.md: B}
    cloud: {n.md: C, n.md.conflict1/x.md: X}
    resolve: local
    asks: {copies: [n.md]}
    plan:
      - {conflict: n.md, why: changed on both sides; the local version wins (local), winner: local,
         copies: [n.md.conflict2]}
      - {download: n.md.conflict1/x.md, why: new in the cloud}
  nor does a file that makes room get the name of an ignored file:
    baseline: {}
    local: {x: A}
    cloud: {x/y.md: B}
    answers: {taken: [x.conflict1]}
    asks: {copies: [x]}
    plan:
      - {conflict: x, why: "a file here, a folder on the other side", winner: folder, copies: [x.conflict2],
         side: local}
      - {download: x/y.md, why: new in the cloud}
  where the cloud tells no times two files of one size are no rename:
    compare: modtime
    baseline: {a.md: A @none}
    local: {a.md: A}
    cloud: {b.md: X @none}
    max_delete: 0
    refused_by: [max_delete]
    plan:
      - {delete_local: a.md, why: deleted in the cloud, replaces: true}
      - {download: b.md, why: new in the cloud}
"""


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in read("not yet", SITUATIONS)])
def test_the_plan_is_the_expected_one(case: Case) -> None:
    assert case.situation.planned() == case.plan
    assert case.situation.asked() == case.asks
    assert case.situation.refused_by(case.max_delete) == case.refused_by


@pytest.mark.parametrize(
    ("name", "other"), [("note ", "note"), ("nb\u00a0", "nb"), ("ideographic\u3000", "ideographic")]
)
def test_a_rule_hides_a_name_that_ends_in_a_blank(name: str, other: str) -> None:
    """rclone takes the blanks off both ends of a line in a filter file, as Python's strip does."""
    rule = exclude_rule(name).strip()

    assert hides(rule, name)
    assert not hides(rule, other)


@pytest.mark.parametrize(
    ("local", "remote", "session"),
    [
        ("/h/nb\u00a0x", "r:b/", "h_nb\u00a0x..r_b"),
        ("/h/i\u3000x", "r:b/", "h_i\u3000x..r_b"),
        ("/h/nel\u0085x", "r:b/", "h_nel\u0085x..r_b"),
        ("/h/tab\tx", "r:b/", "h_tab\u2409x..r_b"),
        ("/h/line\nx", "r:b/", "h_line\u240ax..r_b"),
        ("/h/del\x7fx", "r:b/", "h_del\u2421x..r_b"),
        ("/h/notes", "my_r:b/nb\u00a0x/", "h_notes..my_r_b_nb\u00a0x"),
    ],
)
def test_a_session_is_named_as_bisync_names_it(local: str, remote: str, session: str) -> None:
    """Names that rclone 1.75 gave its listings: Go's \\s is of ASCII, and local names have rclone's spelling."""
    assert session_name(Path(local), remote) == session


@pytest.mark.parametrize("name", ["a.conflict1\n", "d/.conflict1", "a.conflict1\u0663"])
def test_no_copy_of_anything(name: str) -> None:
    assert original_of(name) is None


@pytest.mark.parametrize("name", ["\u2400", "\u2420"])
def test_every_character_has_rclones_spelling(name: str) -> None:
    """Asked of rclone 1.75: `rclone lsf` of a folder with these names."""
    assert to_rclone(name) == name


def test_an_escape_out_of_range_is_no_other_error() -> None:
    with pytest.raises(ValueError):
        unquote_go(r'"\Uffffffff"')

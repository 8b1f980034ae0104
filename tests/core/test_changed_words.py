"""Which words of a line are other ones now."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisync.core.changed_words import changed_words

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("the fence is [400] long", "the fence is [460] long"),
        ("we meet on [Friday,] then", "we meet on [Thursday,] then"),
        ("a b c d e[]", "a b c d e[ and f]"),
        ("[]a b c d e", "[and ]a b c d e"),
        ("one two [three]", "one two [four]"),
        ("one two [tree] is", "one two [trees] is"),
        ("say it [again, ]so", "say it []so"),
        ("say it []again, and again", "say it [and it ]again, and again"),
    ],
)
def test_whole_words_are_marked(old: str, new: str) -> None:
    plain = [one.replace("[", "").replace("]", "") for one in (old, new)]
    found = changed_words(*plain)

    assert found is not None
    ends = (found.old_end, found.new_end)
    marked = [one[found.start : end] for one, end in zip(plain, ends, strict=True)]
    wanted = [one.partition("[")[2].partition("]")[0] for one in (old, new)]
    assert marked == wanted


@pytest.mark.parametrize(
    ("old", "new"),
    [("a", "b"), ("", "x y z"), ("x", ""), ("one two", "three four"), ("the same", "the same")],
)
def test_lines_with_little_in_common_are_two_lines(old: str, new: str) -> None:
    assert changed_words(old, new) is None


@given(st.text(alphabet="ab ", max_size=20), st.text(alphabet="ab ", max_size=20))
def test_what_is_not_marked_is_the_same(old: str, new: str) -> None:
    found = changed_words(old, new)

    if found is not None:
        assert 0 <= found.start <= min(found.old_end, found.new_end)
        assert old[: found.start] == new[: found.start] and old[found.old_end :] == new[found.new_end :]
        assert old[found.start : found.old_end] != new[found.start : found.new_end]

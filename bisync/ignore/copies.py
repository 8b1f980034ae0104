"""The names of conflict copies, as patterns: rules are not about them, for they are judged as their originals."""

from __future__ import annotations

from collections.abc import Iterator

from bisync.ignore import charset
from bisync.ignore.pattern import SLASH, Gap, Rule, Tokens, literal

COPIES = "conflict copies"
DIGITS = charset.of([(ord("0"), ord("9"))])


def copies_in(folder: str) -> Iterator[Rule]:
    """Negations of the names that conflict copies have in and below a folder."""
    for digits in range(3):
        number = (charset.of([(ord("1"), ord("9"))]), *(DIGITS,) * digits)
        body = (charset.NOT_SLASH, Gap.NAME, *literal(".conflict"), *number)
        yield Rule(
            text="!*.conflict[1-9]", source=COPIES, line=digits, folder=folder, negated=True,
            directory_only=False, anchored=False, body=body,
        )  # fmt: skip


def keeps_originals(rule: Rule) -> bool:
    """Whether a pattern that matches a name matches it without any ending, too: `*`, `foo/*` and `foo/**`."""
    body = rule.body or ()
    return body[-1:] in ((Gap.NAME,), (Gap.TREE,)) and body[-2:-1] in ((), (SLASH,), (Gap.FOLDERS,))


def may_end_in_digits(tokens: Tokens) -> bool:
    """Whether a name that ends in a digit can match: most patterns are told apart by that alone."""
    last = tokens[-1]
    return not isinstance(last, tuple) or bool(charset.intersect(last, DIGITS))

"""Patterns that mean something, but probably not what was meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bisync.ignore.pattern import Gap, Layer, Rule, parse_line

SECRET_NAMES = (
    ".env", ".netrc", ".pem", ".key", ".p12", "id_rsa", "id_ed25519", "secret", "credential", "password",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LintWarning:
    """One line that is probably a mistake: where it stands, what it does, and what to write."""

    source: str
    line: int
    text: str
    problem: str
    cure: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.text!r} {self.problem}; {self.cure}"


def lint(layer: Layer) -> list[LintWarning]:
    """Warnings about the lines of `layer`, in order; at most one per line."""
    found = []
    negations = [number for number, line in enumerate(layer.lines, layer.first_line) if line.startswith("!")]
    last_negation = max(negations, default=0)
    for number, line in enumerate(layer.lines, layer.first_line):
        rule = parse_line(line, layer.name, number)
        if rule is None:
            continue
        for check in CHECKS:
            verdict = check(line, rule)
            if verdict is not None and not (check is _everything and number < last_negation):
                found.append(LintWarning(layer.name, number, rule.text, *verdict))
                break
    return found


Verdict = tuple[str, str] | None


def _blank_end(line: str, rule: Rule) -> Verdict:
    if rule.text.endswith(("\t", "\u00a0", "\u3000")):
        return "ends in a blank that git takes as part of the name", "remove it"
    if line.removesuffix("\r") != rule.text and line.removesuffix("\r").endswith(" "):
        return (
            "is followed by spaces, which git drops",
            "remove them, or write `\\ ` for a name that ends in one",
        )
    return None


def _blank_start(_: str, rule: Rule) -> Verdict:
    body = _pattern(rule)
    if body.startswith((" ", "\t")):
        return "begins with a blank, which is part of the name", "remove it"
    return None


def _separators(_: str, rule: Rule) -> Verdict:
    body = _pattern(rule)
    cut = body.replace("\\\\", "")
    words = cut.split("\\")
    if len(words) > 1 and any(word[:1].isalnum() for word in words[1:]) and words[0].strip("!/"):
        slashes = body.replace("\\", "/")
        return "has a backslash, which only escapes the next character", f"write {slashes!r}"
    if cut.endswith("\\"):
        return "ends in a backslash and matches nothing", "write a slash for a folder"
    return None


def _here(_: str, rule: Rule) -> Verdict:
    body = _pattern(rule)
    if body.startswith(("./", "../")) or "/./" in body or "/../" in body:
        return "matches nothing: no path has a `.` or `..` in it", f"write {'/' + body.lstrip('./')!r}"
    return None


def _home(_: str, rule: Rule) -> Verdict:
    if _pattern(rule).startswith(("~/", "$HOME/", "${HOME}/")):
        return "does not mean the home folder", "write the path relative to the synced folder"
    return None


def _dead(_: str, rule: Rule) -> Verdict:
    if rule.body is not None:
        return None
    body = _pattern(rule)
    if "//" in body:
        return "matches nothing: it has two slashes in a row", f"write {_single_slashes(body)!r}"
    if "[" in body:
        return (
            "matches nothing: git cannot read its `[`",
            "close it with `]`, or write `\\[` for the character",
        )
    return "matches nothing", "remove it"


def _everything(_: str, rule: Rule) -> Verdict:
    wide = rule.body in ((Gap.NAME,), (Gap.TREE,), (Gap.FOLDERS, Gap.NAME), (Gap.FOLDERS, Gap.TREE))
    if rule.negated or not wide:
        return None
    if rule.directory_only:
        return "ignores every folder and all in it", "name the folders"
    return "ignores everything", "name what to ignore, or follow it with `!` lines for what to keep"


def _secret(_: str, rule: Rule) -> Verdict:
    body = _pattern(rule).lower()
    if rule.negated and any(name in body for name in SECRET_NAMES):
        return (
            "takes back what looks like a secret, so it is uploaded",
            "remove the line unless that is meant",
        )
    return None


def _comment(_: str, rule: Rule) -> Verdict:
    if " #" in rule.text and not rule.text.startswith("\\#"):
        return "has no comment: only a `#` that begins a line starts one", "give the comment its own line"
    return None


def _lists(_: str, rule: Rule) -> Verdict:
    body = _pattern(rule)
    if "{" in body and "," in body.partition("{")[2].partition("}")[0] and "}" in body:
        return "has braces, which are ordinary characters here", "write one line for each alternative"
    return None


CHECKS: tuple[Callable[[str, Rule], Verdict], ...] = (
    _separators,
    _here,
    _home,
    _dead,
    _everything,
    _secret,
    _comment,
    _lists,
    _blank_end,
    _blank_start,
)


def _pattern(rule: Rule) -> str:
    return rule.text.removeprefix("!") if rule.negated else rule.text


def _single_slashes(text: str) -> str:
    while "//" in text:
        text = text.replace("//", "/")
    return text

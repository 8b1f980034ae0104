"""What never leaves this machine, nor comes to it: a layer below all rules that no file of the tree can take back.

Names that hold secrets: from the lists by which scanners look for leaked ones, those that have no honest use in a
folder of notes. The machine's own ignore file and the manifest take one back by naming it (`!work.pem`, `!.env`); a
pattern without a letter, such as the `!*/` of a whitelist, names nothing. And folders of version control, which nothing
takes back: what is written to a `.git/config` or `.hg/hgrc` runs as a program.

Names are read in any case: on many a disk `.ENV` and `.Git` are the same file as `.env` and `.git`. There are disks
that pass over some characters as well (HFS+: git's CVE-2014-9390).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

from bisync.ignore import charset
from bisync.ignore.charset import Charset
from bisync.ignore.matcher import Matcher
from bisync.ignore.pattern import Gap, Rule, Token, Tokens, parse_lines

SECRETS = (
    # Settings with passwords and tokens in them.
    ".env", ".env.*", "!.env.example", "!.env.sample", "!.env.template", "!.env.dist", ".envrc",
    ".netrc", "_netrc", ".pgpass", ".my.cnf", ".mylogin.cnf", ".git-credentials", ".npmrc", ".pypirc", ".dockercfg",
    ".docker/config.json", ".s3cfg", ".boto", ".passwd-s3fs", "rclone.conf", ".rclone.conf", ".vault-token",
    ".htpasswd", ".terraformrc", "credentials.tfrc.json", "terraform.tfstate*", "*.tfstate", ".cargo/credentials",
    ".cargo/credentials.toml", ".gem/credentials", ".m2/settings.xml", ".config/gh/hosts.yml", ".msmtprc",
    ".smbcredentials",
    # Private keys, and what keeps them.
    "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk", "id_xmss",
    "id_rsa.*", "id_dsa.*", "id_ecdsa.*", "id_ed25519.*", "id_ecdsa_sk.*", "id_ed25519_sk.*", "!id_*.pub", "!id_*.md",
    "*_rsa", "*_dsa", "*_ecdsa", "*_ed25519",
    "*.pem", "*.p12", "*.pfx", "*.pkcs12", "*.ppk", "*.jks", "*.keystore", "secring.gpg", "wallet.dat",
    # Folders that programs keep theirs in.
    ".ssh/", ".gnupg/", ".aws/", ".azure/", ".kube/", ".oci/", ".gcloud/", ".config/gcloud/",
    # What was typed, passwords in the wrong window among it.
    ".bash_history", ".zsh_history", ".sh_history", ".mysql_history", ".psql_history", ".python_history",
    ".rediscli_history", ".node_repl_history",
)  # fmt: skip
VERSION_CONTROL = (".git", ".hg", ".svn", ".jj", ".bzr")

SECRET_SOURCE = "bisync (secret names)"
VERSION_CONTROL_SOURCE = "bisync (version control)"

# What HFS+ does not see in a name (git, utf8.c, next_hfs_char).
_UNSEEN = charset.of(
    [(0x200C, 0x200F), (0x202A, 0x202E), (0x206A, 0x206F), (0xFEFF, 0xFEFF)],
)
# Letters that are the same as ASCII's where a disk does not tell cases apart (Unicode, CaseFolding: U+017F, U+212A).
_LIKE = {"s": 0x17F, "k": 0x212A}


class KeptHere:
    """The layer of one set of outer rules: `negations` of theirs that take a secret's name back."""

    def __init__(self, negations: Sequence[Rule]) -> None:
        self.negations = tuple(negations)
        self.rules: tuple[Rule, ...] = (*_secrets(), *self.negations, *_version_control())
        self._matcher: Matcher | None = None

    @classmethod
    def below(cls, outer: Iterable[Rule]) -> KeptHere:
        """The layer below the rules of the machine and the manifest, `outer`."""
        return cls([rule for rule in outer if rule.negated and _names_something(rule)])

    def rule_about(self, folder: str, name: str, is_dir: bool) -> Rule | None:
        """The rule that keeps the entry `name` of `folder` ("" or "a/b/") here; None when none does."""
        if not may_be_kept(name):
            return None
        rule = self._decide(folder, name, is_dir)
        return None if rule is None or rule.negated else rule

    def is_taken_back(self, path: str) -> bool:
        """Whether the user has named this file as one that may leave, whatever it holds."""
        if not self.negations:
            return False
        folder, slash, name = path.rpartition("/")
        matcher = Matcher(self.negations)
        return _deciding(matcher, folder + slash, name, is_dir=False) is not None

    def _decide(self, folder: str, name: str, is_dir: bool) -> Rule | None:
        if self._matcher is None:
            self._matcher = Matcher(self.rules)
        return _deciding(self._matcher, folder, name, is_dir)


def _deciding(matcher: Matcher, folder: str, name: str, is_dir: bool) -> Rule | None:
    place = matcher.start
    for char in folder:
        place = place[char]
    number = matcher.decide(place, folder, name, is_dir)
    return None if number < 0 else matcher.rules[number]


def _names_something(rule: Rule) -> bool:
    return any(char.isalnum() for char in rule.text)


# --- the rules --------------------------------------------------------------------------------------


@cache
def _secrets() -> tuple[Rule, ...]:
    rules = parse_lines([_anywhere(pattern) for pattern in SECRETS], SECRET_SOURCE)
    return tuple(
        replace(rule, text=pattern, body=tuple(map(_any_case, rule.body or ())))
        for pattern, rule in zip(SECRETS, rules, strict=True)
    )


def _anywhere(pattern: str) -> str:
    """A pattern with a slash inside is about one place; these are about any."""
    return f"**/{pattern}" if "/" in pattern.rstrip("/") else pattern


@cache
def _version_control() -> tuple[Rule, ...]:
    rules = parse_lines(VERSION_CONTROL, VERSION_CONTROL_SOURCE)
    spelled = [replace(rule, body=body) for rule in rules for body in _spellings(rule.body or ())]
    # The short name that Windows gives to .git (git's CVE-2014-9390, too).
    short = parse_lines(["git~[0-9]"], VERSION_CONTROL_SOURCE)
    return (*spelled, *(replace(rule, body=tuple(map(_any_case, rule.body or ()))) for rule in short))


def _spellings(body: Tokens) -> tuple[Tokens, ...]:
    """A name as it stands, and with characters in it that a disk passes over: no honest name begins like that."""
    plain = tuple(map(_any_case, body))
    inside = [(*plain[:place], _UNSEEN, Gap.NAME) for place in range(1, len(plain) + 1)]
    return (plain, (_UNSEEN, Gap.NAME, *plain), *inside)


def _any_case(token: Token) -> Token:
    if not isinstance(token, tuple) or len(token) != 1 or token[0][0] != token[0][1]:
        return token
    char = chr(token[0][0])
    likes: Charset = charset.of([(code, code) for code in (ord(char.lower()), ord(char.upper()))])
    extra = _LIKE.get(char.lower())
    return charset.union(likes, ((extra, extra),)) if extra is not None else likes


# --- a quick look -----------------------------------------------------------------------------------


def may_be_kept(name: str) -> bool:
    """Whether any pattern may be about a name: nearly always it is not, and that is told in a moment."""
    if name.isascii():
        low = name.lower()
    else:
        if _UNSEEN_IN.search(name):
            return True
        low = name.casefold()
    return low in _EXACT or low.startswith(_BEGINS) or low.endswith(_ENDS)


def _quick() -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    exact, begins, ends = set(VERSION_CONTROL), {"git~"}, set[str]()
    for pattern in SECRETS:
        name = pattern.lstrip("!").rstrip("/").rpartition("/")[2]
        if name.endswith("*"):
            begins.add(name.rstrip("*"))
        elif not pattern.startswith("!"):
            (ends if name.startswith("*") else exact).add(name.lstrip("*"))
    return frozenset(exact), tuple(begins), tuple(ends)


_EXACT, _BEGINS, _ENDS = _quick()
_UNSEEN_IN = re.compile(f"[{''.join(f'{chr(low)}-{chr(high)}' for low, high in _UNSEEN)}]")

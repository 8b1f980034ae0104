"""What never leaves this machine, by the walk, by `decide` and by rclone alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync import ignore
from bisync.core.private_keys import HEAD_BYTES, is_private_key
from bisync.ignore import kept_here
from bisync.ignore.cache import compile_rules
from tests.ignore.trees import make, rclone_lists

SECRETS = (
    *(
        ".env",
        ".ENV",
        "a/.Env",
        ".env.local",
        ".env.production",
        ".envrc",
        ".netrc",
        "_netrc",
        ".pgpass",
        ".npmrc",
    ),
    *(
        ".git-credentials",
        ".pypirc",
        "id_rsa",
        "ID_RSA",
        "keys/id_ed25519",
        "id_rsa.bak",
        "github_rsa",
        "x.pem",
        "X.PEM",
    ),
    *(
        "a.p12",
        "a.pfx",
        "a.jks",
        "b.Keystore",
        "my.ppk",
        ".ssh/config",
        "d/.SSH/known_hosts",
        ".gnupg/x",
        ".aws/credentials",
    ),
    *(
        ".kube/config",
        ".docker/config.json",
        "d/.Docker/Config.json",
        "terraform.tfstate",
        "terraform.tfstate.backup",
    ),
    *(
        "prod.tfstate",
        "rclone.conf",
        ".config/gcloud/x",
        ".bash_history",
        ".vault-token",
        "id_rsa.conflict1",
        "\u212aey.pem",
    ),
)
REPOSITORIES = (
    *(
        ".git/config",
        ".git.conflict1/x",
        "d/.GIT/hooks/post-checkout",
        ".Hg/hgrc",
        ".svn/x",
        ".jj/x",
        ".bzr/x",
        "s/.git",
    ),
    *(".\u017fvn/x", ".g\u200cit/config", "\u200c.git/config", ".git\ufeff/x", "GIT~1/config"),
)
HONEST = (
    *(
        "note.md",
        ".env.example",
        ".ENV.Sample",
        ".env.template",
        ".env.dist",
        "env",
        "my.env.md",
        "id_rsa.pub",
        "id_rsa.md",
    ),
    *(
        "talk.key",
        "environment.md",
        "git/config",
        ".gitignore",
        ".github/x.md",
        "ssh/x.md",
        ".docker/x",
        "docker/config.json",
    ),
    *(
        "pem",
        "pem.md",
        "keystore.md",
        "terraform.md",
        "credentials.md",
        "\u200fnote.md",
        "passwords.kdbx",
        ".config/x",
    ),
)
NOT_REPOSITORIES = {".git.conflict1/x"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("secrets")
    make(root, *SECRETS, *REPOSITORIES, *HONEST)
    return root


def left(root: Path, *lines: str, inside: str = "") -> set[str]:
    """What these rules leave, `inside` those of a file in the tree; the same by all three."""
    (root / ".bmignore").write_text(inside)
    found = ignore.walk(root, [ignore.Layer("machine", lines)], secrets=True)
    by_walk = {one.path for one in found.entries} - {".bmignore"}
    everything = {*SECRETS, *REPOSITORIES, *HONEST}
    assert {path for path in everything if not found.rules.decide(path, False).ignored} == by_walk
    assert rclone_lists(root, compile_rules(found.rules)) - {".bmignore"} == by_walk
    return by_walk


def test_secrets_and_repositories_stay_and_nothing_else(tree: Path) -> None:
    assert left(tree) == {*HONEST, *NOT_REPOSITORIES}


@pytest.mark.parametrize(
    "inside", ["!*\n!*/\n", "!.env\n!.ENV\n!*.pem\n!.ssh/\n!.git\n", "!**\n!.*\n!id_*\n"]
)
def test_no_file_of_the_tree_takes_anything_back(tree: Path, inside: str) -> None:
    assert left(tree, inside=inside) == {*HONEST, *NOT_REPOSITORIES}


def test_the_machine_takes_back_what_it_names(tree: Path) -> None:
    found = left(tree, "!.env", "!/x.pem", "!.ssh/", "!.git")
    assert found == {
        *HONEST, *NOT_REPOSITORIES, ".env", "x.pem", ".ssh/config",
    }  # fmt: skip


def test_a_pattern_that_names_nothing_takes_nothing_back(tree: Path) -> None:
    assert left(tree, "*", "!*/", "!*") == {*HONEST, *NOT_REPOSITORIES}


def test_what_the_machine_takes_back_its_tree_may_still_ignore(tree: Path) -> None:
    assert ".env" not in left(tree, "!.env", inside=".env\n")


def test_a_rule_of_the_machine_that_ignores_is_not_taken_back_by_the_tree(tree: Path) -> None:
    """That `.env` stands in the machine's ignore file, as it does from the start, makes it no weaker."""
    assert ".env" not in left(tree, ".env", inside="!.env\n")


def test_the_rule_that_decides_is_named(tree: Path) -> None:
    (tree / ".bmignore").write_text("")  # whatever another test has left in it
    rules = ignore.load_rules(tree, [ignore.Layer("machine", ["*.pem"])], secrets=True)
    named = {
        path: rule.source + ": " + rule.text
        for path in ("x.pem", ".netrc", ".ssh/config", ".Hg/hgrc")
        if (rule := rules.decide(path, False).rule) is not None
    }
    assert named == {
        "x.pem": "machine: *.pem",
        ".netrc": "bisync (secret names): .netrc",
        ".ssh/config": "bisync (secret names): .ssh/",
        ".Hg/hgrc": "bisync (version control): .hg",
    }


def test_the_quick_look_passes_over_no_name_that_a_pattern_is_about() -> None:
    layer = kept_here.KeptHere(())
    for path in (*SECRETS, *REPOSITORIES):
        for name in path.removesuffix(".conflict1").split("/"):
            for is_dir in (False, True):
                if layer._decide("", name, is_dir) is not None:
                    assert kept_here.may_be_kept(name), name


def test_complex_rules_of_a_tree_do_not_get_past_the_layer(tree: Path) -> None:
    """Rules that only their order tells have including lines, which rclone takes before later ones."""
    patterns = [f"*{letter}*{other}*" for letter in "abcdefghij" for other in "klmnop"]
    lines = [line for one in patterns for line in (one, "!*/", f"!{one}.md")]
    found = left(tree, inside="\n".join(lines))
    assert found <= {*HONEST, *NOT_REPOSITORIES}


def test_the_public_function_says_what_git_says(tmp_path: Path) -> None:
    make(tmp_path / "t", ".env", "x.pem", "y.log")
    text = ignore.compile_filters(tmp_path / "t", ["*.log"])
    assert rclone_lists(tmp_path / "t", text) == {".env", "x.pem"}


KEYS = (
    b"-----BEGIN RSA PRIVATE KEY-----\nMIIE",
    b"-----BEGIN PRIVATE KEY-----\r\n",
    b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
    b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl",
    b"-----BEGIN EC PRIVATE KEY-----\n",
    b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
    b"-----BEGIN ANY PRIVATE KEY-----\n",
    b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n",
    b"PuTTY-User-Key-File-3: ssh-ed25519\n",
    b"# created: 2026-01-01\n# public key: age1x\nAGE-SECRET-KEY-1QQQ\n",
    b"Bag Attributes\n    localKeyID: 01\nKey Attributes: <No Attributes>\n-----BEGIN PRIVATE KEY-----\n",
    b"\n\n  -----BEGIN PRIVATE KEY-----\n",
    b"\xef\xbb\xbf-----BEGIN PRIVATE KEY-----\n",
    "-----BEGIN OPENSSH PRIVATE KEY-----\n".encode("utf-16"),
)
NO_KEYS = (
    b"",
    b"# My notes\n",
    b"-----BEGIN PUBLIC KEY-----\n",
    b"-----BEGIN CERTIFICATE-----\n",
    b"How to make one:\n\n    -----BEGIN PRIVATE KEY-----\n",
    b"A PRIVATE KEY is\n-----BEGIN PRIVATE KEY-----\n",
    b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
    b"PRIVATE",
)


@pytest.mark.parametrize("head", KEYS)
def test_a_private_key_is_known_by_how_it_begins(head: bytes) -> None:
    assert is_private_key(head)
    assert is_private_key((head + b"x" * HEAD_BYTES)[:HEAD_BYTES])


@pytest.mark.parametrize("head", NO_KEYS)
def test_what_only_speaks_of_keys_is_none(head: bytes) -> None:
    assert not is_private_key(head)


def test_what_comes_before_a_key_takes_no_long_look() -> None:
    for evil in (b"#\n", b" \n", b"\n PRIVATE", b"  #\n PRIVATE\t", b"Bag Attributes\n \n"):
        assert not is_private_key(evil * 1000 + b"PRIVATE")

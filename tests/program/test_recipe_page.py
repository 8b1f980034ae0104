"""The page of recipes: what it writes is valid, what it types is there, and keys are found where it says they lie."""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema
import pytest
import yaml
from bisync.tasks._commands import COMMANDS

from bisync.app import App
from bisync.config import KeyPair, S3Tenant
from bisync.errors import SecretError
from bisync.manifest.load import load
from bisync.manifest.schema_check import load_schema
from bisync.secret import resolve
from tests.support.recipes_page import PAGE, Recipe, recipes, whole

ID, SECRET = "AKIA0123456789", "s3cret/with+signs= and a blank"
FRAGMENTS = [(one.title, fragment) for one in recipes().values() for fragment in one.fragments]


def placed(home: Path, fragment: Mapping[str, Any]) -> Path:
    """A manifest with the fragment in it; JSON is YAML."""
    home.mkdir(exist_ok=True)
    path = home / "bisync.yaml"
    path.write_text(yaml.safe_dump(whole(fragment), sort_keys=False))
    return path


# -- the page ------------------------------------------------------------------------------------------------


@pytest.mark.pure
@pytest.mark.parametrize(("title", "fragment"), FRAGMENTS, ids=[title for title, _ in FRAGMENTS])
def test_what_it_writes_is_valid(title: str, fragment: Mapping[str, Any], tmp_path: Path) -> None:
    path = placed(tmp_path / "home", fragment)

    assert load(path, env={}, home=tmp_path / "home").syncs, title
    jsonschema.Draft202012Validator(load_schema()).validate(yaml.safe_load(path.read_text()))


def scripts() -> Iterator[tuple[str, str]]:
    """All that a shell reads on the page: what is typed, scripts in a manifest, steps of a workflow."""
    for one in recipes().values():
        yield from ((one.title, line) for line in one.typed)
        for argv in strings_below(list(one.fragments)):
            if argv[:2] == ["sh", "-c"]:
                yield one.title, argv[2]
        for step in steps(one):
            yield one.title, step


def strings_below(data: Any) -> Iterator[list[str]]:
    """Every list of text in `data`: commands."""
    if isinstance(data, list) and data and all(isinstance(one, str) for one in data):
        yield data
    below = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    for one in below:
        yield from strings_below(one)


def steps(recipe: Recipe) -> list[str]:
    if "workflow" not in recipe.other:
        return []
    (job,) = yaml.safe_load(recipe.other["workflow"])["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step]


@pytest.mark.pure
def test_what_it_types_is_read_by_a_shell_and_names_tasks_and_flags_that_are_there() -> None:
    found = list(scripts())
    assert len(found) > 25
    for title, script in found:
        read = subprocess.run(["sh", "-n", "-c", script], capture_output=True, text=True, check=False)
        assert read.returncode == 0, (title, read.stderr)
        for part in script.replace("&&", ";").split(";"):
            words = shlex.split(part)
            if words[:1] == ["bisync"]:
                flags = {flag.long for flag in COMMANDS[words[1]].flags()}
                assert {word for word in words if word.startswith("--")} <= flags, (title, script)


@pytest.mark.pure
def test_every_recipe_says_how_it_was_tried() -> None:
    table = PAGE.read_text("utf-8").partition("## What was run\n")[2].lower()
    for title in recipes():
        word = {
            "An Obsidian vault": "obsidian", "A team's repository, with CI": "ci",
            "Backups of the trash": "backups",
        }.get(title, title)  # fmt: skip
        assert f"| {word.lower()} |" in table, title


# -- where keys lie ------------------------------------------------------------------------------------------


def needs(*programs: str) -> None:
    absent = [name for name in programs if shutil.which(name) is None]
    if absent:
        pytest.skip(f"{', '.join(absent)} not installed: this recipe is not run here")


def typed_in(recipe: Recipe, home: Path, env: Mapping[str, str]) -> None:
    """Type what the recipe says, and at each question the key's id or the secret."""
    for line in recipe.typed:
        said = line.replace("key_id: …", f"key_id: {ID}").replace("secret: …", f"secret: {SECRET}")
        answer = ID if "key-id" in line else SECRET
        done = subprocess.run(
            ["bash", "-c", said], cwd=home, env=dict(env), check=False, timeout=60, capture_output=True,
            text=True, input=f"{answer}\n{answer}\n" if line.startswith("pass ") else f"{answer}\n",
        )  # fmt: skip
        assert done.returncode == 0, (line, done.stderr)


def found_by(recipe: Recipe, home: Path, env: Mapping[str, str], fragment: int = 0) -> tuple[str, str]:
    """The two keys, as a run has them from the recipe's part of the manifest."""
    manifest = load(placed(home, recipe.fragments[fragment]), env=env, home=home)
    (tenant,) = manifest.tenants
    assert isinstance(tenant, S3Tenant) and isinstance(tenant.credentials, KeyPair)
    pair = (tenant.credentials.access_key_id, tenant.credentials.secret_access_key)
    return tuple(resolve(one, env).reveal() for one in pair)  # type: ignore[return-value]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    return {"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


def test_pass(env: dict[str, str]) -> None:
    needs("pass", "gpg")
    home = Path(env["HOME"])
    # A socket of gpg-agent wants a short path.
    with TemporaryDirectory(prefix="k", dir="/tmp") as keys:
        env["GNUPGHOME"] = keys
        quick = [
            "gpg",
            "--batch",
            "--passphrase",
            "",
            "--quick-generate-key",
            "notes@example.org",
            "future-default",
        ]
        try:
            subprocess.run(quick, env=env, check=True, capture_output=True, timeout=60)
            subprocess.run(["pass", "init", "notes@example.org"], env=env, check=True, capture_output=True)
            typed_in(recipes()["pass"], home, env)
            assert found_by(recipes()["pass"], home, env) == (ID, SECRET)
        finally:
            subprocess.run(["gpgconf", "--kill", "all"], env=env, check=False, capture_output=True)


@pytest.mark.parametrize(("title", "programs"), [("age", ("age",)), ("sops", ("sops", "age"))])
def test_a_file_that_is_enciphered(title: str, programs: tuple[str, ...], env: dict[str, str]) -> None:
    needs(*programs)
    home = Path(env["HOME"])

    typed_in(recipes()[title], home, env)

    files = [path for path in home.rglob("*") if path.is_file()]
    assert files and not any(SECRET in path.read_text("utf-8", "replace") for path in files)
    assert found_by(recipes()[title], home, env) == (ID, SECRET)


@pytest.fixture
def desktop_store(env: dict[str, str]) -> Iterator[dict[str, str]]:
    """The store of a Linux desktop, unlocked, on a message bus of its own."""
    needs("dbus-daemon", "gnome-keyring-daemon")
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    store = None
    try:
        assert bus.stdout is not None
        env["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        store = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
            env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert store.stdin is not None and store.stdout is not None
        store.stdin.write("login\n")
        store.stdin.close()
        store.stdout.readline()
        yield env
    finally:
        for process in (store, bus):
            if process is not None:
                process.terminate()
                process.wait(10)
                for stream in (process.stdin, process.stdout):
                    if stream is not None:
                        stream.close()


@pytest.mark.parametrize("title", ["secret-tool", "keyring"])
def test_the_store_of_a_desktop(title: str, desktop_store: dict[str, str]) -> None:
    needs(title)
    home = Path(desktop_store["HOME"])

    typed_in(recipes()[title], home, desktop_store)

    assert found_by(recipes()[title], home, desktop_store) == (ID, SECRET)


STAND_INS: dict[str, tuple[str, int, dict[str, str]]] = {
    "op": ("1Password", 0, {
        "read op://Private/notes-s3/key-id": ID,
        "read op://Private/notes-s3/secret": SECRET,
    }),
    "bw": ("Bitwarden", 0, {
        "--nointeraction get username notes-s3": ID,
        "--nointeraction get password notes-s3": SECRET,
    }),
    "rbw": ("Bitwarden", 1, {"get --field username notes-s3": ID, "get notes-s3": SECRET}),
    "security": ("macOS keychain", 0, {
        "find-generic-password -s notes-s3 -a key-id -w": ID,
        "find-generic-password -s notes-s3 -a secret -w": SECRET,
    }),
}  # fmt: skip


@pytest.mark.pure
@pytest.mark.parametrize("program", STAND_INS)
def test_a_stand_in_where_the_program_cannot_be_had(
    program: str, env: dict[str, str], tmp_path: Path
) -> None:
    """Each prints what its own reference says that it does, for the words of the page and for no other."""
    title, fragment, answers = STAND_INS[program]
    cases = "\n".join(f'  "{words}") echo {shlex.quote(answer)} ;;' for words, answer in answers.items())
    there = tmp_path / "bin" / program
    there.parent.mkdir()
    there.write_text(f'#!/bin/sh\ncase "$*" in\n{cases}\n  *) echo "no: $*" >&2; exit 1 ;;\nesac\n')
    there.chmod(0o755)
    env["PATH"] = f"{there.parent}:{env['PATH']}"

    assert found_by(recipes()[title], Path(env["HOME"]), env, fragment) == (ID, SECRET)


def test_bitwardens_own_program_takes_the_words_of_the_page(env: dict[str, str]) -> None:
    needs("bw")
    with pytest.raises(SecretError, match="You are not logged in"):
        found_by(recipes()["Bitwarden"], Path(env["HOME"]), env)


@pytest.mark.pure
def test_credentials_of_a_unit_and_without_one(env: dict[str, str], tmp_path: Path) -> None:
    recipe = recipes()["systemd credentials"]
    home = Path(env["HOME"])
    mine, units = home / ".config" / "bisync", tmp_path / "run" / "bisync.service"
    for folder, ends in ((mine, " by hand"), (units, "")):
        folder.mkdir(parents=True)
        (folder / "key-id").write_text(ID + ends)
        (folder / "secret").write_text(SECRET + ends)

    in_a_unit = {**env, "CREDENTIALS_DIRECTORY": str(units)}

    assert found_by(recipe, home, in_a_unit) == (ID, SECRET)
    assert found_by(recipe, home, env) == (f"{ID} by hand", f"{SECRET} by hand")
    # What was agreed to by hand is what the unit asks for.
    path = placed(home, recipe.fragments[0])
    agreed = [
        App(manifest=load(path, env=one, home=home), env=one).standing.asked for one in (env, in_a_unit)
    ]
    assert agreed[0] == agreed[1]


def test_the_drop_in_is_one_that_systemd_reads(env: dict[str, str], tmp_path: Path) -> None:
    text = recipes()["systemd credentials"].other["ini"]
    drop_in = configparser.ConfigParser(strict=False, interpolation=None)
    drop_in.read_string(text)
    assert drop_in.sections() == ["Service"]
    needs("systemd-analyze")
    unit = tmp_path / "bisync-notes.service"
    unit.write_text(f"{text}ExecStart=/bin/true\n")

    read = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "LoadCredential" not in read.stderr and "Unknown" not in read.stderr, read.stderr

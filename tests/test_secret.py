"""Secrets are fetched late, refused when they are not one line, and never shown."""

from __future__ import annotations

import copy
import os
import sys
from pathlib import Path

import pytest

from bisync import secret
from bisync.config import SecretRef
from bisync.errors import SecretError
from bisync.secret import Secret, resolve

pytestmark = pytest.mark.pure

ENV = {"PATH": os.environ["PATH"]}


def env(name: str) -> SecretRef:
    return SecretRef(kind="env", value=name, where="tenants.a.token")


def command(*argv: str) -> SecretRef:
    return SecretRef(kind="command", value=argv, where="tenants.a.token")


def python(code: str) -> SecretRef:
    return command(sys.executable, "-c", code)


def file(path: Path | str) -> SecretRef:
    return SecretRef(kind="file", value=str(path), where="tenants.a.token")


def refused(ref: SecretRef, environ: dict[str, str] | None = None) -> SecretError:
    with pytest.raises(SecretError) as caught:
        resolve(ref, ENV | (environ or {}))
    error = caught.value
    assert "HUNTER2" not in f"{error.message} {error.hint} {error!r} {error.__cause__}"
    assert error.message.startswith(f"tenants.a.token: {{{ref.kind}: ")
    assert "\n" not in error.message
    return error


def test_a_secret_does_not_print() -> None:
    secret = Secret("HUNTER2")
    assert f"{secret} {secret!r} {[secret]} {secret!s:>5} {'%s'}" % secret == "*** *** [***]   *** ***"
    assert secret.reveal() == "HUNTER2"
    assert secret == Secret("HUNTER2") != Secret("other")
    with pytest.raises(TypeError):
        copy.copy(secret)
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("value", ["HUNTER2", " spaces kept ", "ünï", "a=b;c#d%e", "`\"'"])
class TestSources:
    def test_env(self, value: str) -> None:
        assert resolve(env("KEY"), {"KEY": value}).reveal() == value

    @pytest.mark.parametrize("end", ["", "\n", "\r\n"])
    def test_command(self, value: str, end: str) -> None:
        ref = python(f"import sys; sys.stdout.buffer.write({(value + end).encode()!r})")
        assert resolve(ref, ENV).reveal() == value

    @pytest.mark.parametrize("end", ["", "\n", "\r\n"])
    def test_file(self, value: str, end: str, tmp_path: Path) -> None:
        (tmp_path / "key").write_bytes((value + end).encode())
        assert resolve(file(tmp_path / "key"), ENV).reveal() == value


def test_a_command_sees_the_given_environment_and_no_shell() -> None:
    assert resolve(python("import os; print(os.environ['KEY'])"), ENV | {"KEY": "v"}).reveal() == "v"
    assert resolve(command("echo", "$HOME;", "`id`"), ENV).reveal() == "$HOME; `id`"


def test_a_file_may_be_in_the_home(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("v\n")
    assert resolve(file("~/key"), {"HOME": str(tmp_path)}).reveal() == "v"


class TestRefusals:
    def test_a_variable_that_is_not_set(self) -> None:
        error = refused(env("ACME_KEY"))
        assert error.message == "tenants.a.token: {env: ACME_KEY} is not set"
        assert error.hint and error.exit_code == 1

    @pytest.mark.parametrize("value", ["", " ", "\t"])
    def test_nothing(self, value: str, tmp_path: Path) -> None:
        (tmp_path / "key").write_text(value + "\n")
        assert "is empty" in refused(env("KEY"), {"KEY": value}).message
        assert "is empty" in refused(python(f"print({value!r})")).message
        assert "is empty" in refused(file(tmp_path / "key")).message

    @pytest.mark.parametrize(
        "value",
        [
            pytest.param("HUNTER2\nHUNTER2", id="two lines"),
            pytest.param("HUNTER2\n\n", id="a blank line after it"),
            pytest.param("HUN\rTER2", id="a carriage return"),
            pytest.param("HUNTER2\0", id="NUL"),
        ],
    )
    def test_more_than_one_line(self, value: str, tmp_path: Path) -> None:
        (tmp_path / "key").write_bytes(value.encode())
        assert "more than one line" in refused(file(tmp_path / "key")).message
        assert "more than one line" in refused(command("cat", str(tmp_path / "key"))).message

    def test_a_command_that_fails_shows_its_last_words(self) -> None:
        error = refused(python("import sys; print('HUN' + 'TER2'); sys.exit('first\\ngpg: no key')"))
        assert error.message.endswith("failed with exit code 1: gpg: no key")
        assert "try it by hand: " in (error.hint or "")

    def test_but_not_when_they_hold_what_it_printed(self) -> None:
        code = "import sys; s = 'HUN' + 'TER2'; print(s); sys.exit('cannot decrypt ' + s + '!')"
        assert refused(python(code)).message.endswith("failed with exit code 1")

    def test_a_command_that_is_not_there(self) -> None:
        error = refused(command("no-such-program", "show", "acme/s3"))
        assert error.message == (
            "tenants.a.token: {command: [no-such-program, show, acme/s3]} "
            "cannot be run: No such file or directory"
        )

    def test_a_command_that_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(secret, "COMMAND_SECONDS", 0.2)
        assert "gave nothing within" in refused(command("sleep", "60")).message

    def test_a_command_is_not_asked_on_stdin(self) -> None:
        assert "is empty" in refused(python("import sys; print(sys.stdin.read())")).message

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        assert refused(file(tmp_path / "key")).message.endswith("cannot be read: No such file or directory")

    def test_a_file_that_cannot_be_read_names_its_mode(self, tmp_path: Path) -> None:
        (tmp_path / "key").mkdir(mode=0o750)
        assert refused(file(tmp_path / "key")).message.endswith(
            "cannot be read: Is a directory (its mode is 0750)"
        )

    @pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
    def test_a_file_without_end(self) -> None:
        assert "more than 65536 bytes" in refused(file("/dev/zero")).message

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_bytes(b"HUNTER2\xff")
        error = refused(file(tmp_path / "key"))
        assert "not UTF-8" in error.message
        assert error.__suppress_context__

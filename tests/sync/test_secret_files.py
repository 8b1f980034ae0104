"""What holds secrets stays on this device, whatever the rules of the tree say, and what comes from the cloud."""

from __future__ import annotations

import pytest

from tests.support.world import S3, Device

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n"
STAYS = (".env", "work/.ENV", "server.pem", ".ssh/config", "id_rsa", ".git/config", "d/.Hg/hgrc")


def put_secrets(device: Device) -> None:
    for path in STAYS:
        device.write(path, f"secret of {path}")


def test_rules_from_the_cloud_take_no_secret_along(laptop: Device, s3: S3) -> None:
    """Whoever writes to the bucket cannot have a secret: neither in the run that brings their rules, nor later."""
    put_secrets(laptop)
    laptop.sync()
    s3.put(".bmignore", "!*\n!*/\n!.env\n!.ENV\n!*.pem\n!.ssh/\n!id_rsa\n!.git\n!.Hg\n")

    for _ in range(3):
        assert laptop.sync().error is None
        laptop.run("sync", "--reveal")

    assert not [path for path in s3.tree() if "secret" in s3.tree()[path]]
    said = laptop.run("explain", "server.pem", expect=3).out
    assert "(bisync (secret names):" in said and ": *.pem)" in said


def test_nothing_of_the_kind_comes_from_the_cloud(laptop: Device, s3: S3) -> None:
    """A planted .git/config would run a program the next time its user types `git status`."""
    for path in STAYS:
        s3.put(path, "planted")

    result = laptop.sync()

    assert result.error is None and result.exit_code == 0
    assert laptop.tree() == {}


def test_the_machine_lets_go_what_it_names(laptop: Device, s3: S3) -> None:
    put_secrets(laptop)
    rules = laptop.home / ".basic-memory/.bmignore"
    rules.write_text(rules.read_text() + "!/server.pem\n!.git/\n")

    assert laptop.sync().exit_code == 0

    assert s3.tree().keys() == {"server.pem"}


@pytest.mark.parametrize("profile", ["balanced", "by_time"])
def test_a_private_key_under_an_innocent_name(laptop: Device, s3: S3, profile: str) -> None:
    manifest = laptop.home / "bisync.yaml"
    manifest.write_text(
        manifest.read_text() + "\nprofiles: {by_time: {extends: balanced, compare: modtime}}\n"
    )
    laptop.write("note.md", "a note")
    laptop.sync(profile=profile)
    laptop.write("new.txt", KEY)
    laptop.write("note.md", KEY)
    laptop.write("other.md", "another note")

    for _ in range(2):
        result = laptop.sync(profile=profile)

        assert result.error is None and result.exit_code == 1
        assert [one.path for one in result.left_out] == ["new.txt", "note.md"]
        assert all("begins like a private key" in one.why for one in result.left_out)
        assert s3.tree() == {"note.md": "a note", "other.md": "another note"}
    assert "private key" in laptop.run("explain", "new.txt", expect=3).out

    rules = laptop.home / ".basic-memory/.bmignore"
    rules.write_text(rules.read_text() + "!new.txt\n")
    laptop.write("note.md", "a note again")
    assert laptop.sync(profile=profile).exit_code == 0
    assert s3.tree() == {"note.md": "a note again", "other.md": "another note", "new.txt": KEY}
    laptop.run("explain", "new.txt")


def test_a_private_key_that_both_sides_hold_is_no_news(laptop: Device, s3: S3) -> None:
    """It came from the cloud, and did not leave from here: read again it is what it was, and it goes as any file."""
    s3.put("old.txt", KEY)
    assert laptop.sync().exit_code == 0
    assert laptop.tree() == {"old.txt": KEY}
    (laptop.notes / "old.txt").touch()

    assert laptop.sync().exit_code == 0

    (laptop.notes / "old.txt").unlink()
    assert laptop.sync().exit_code == 0
    assert s3.tree() == {}

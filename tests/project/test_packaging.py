"""The three ways in: a wheel anywhere, a dotfiles repo with one line, a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import bisync
from tests.support.world import Device, rclone_path

ROOT = Path(__file__).parents[2]
MANIFEST = """\
version: 1
tenants:
  try:
    provider: embedded
    storage: ../cloud
syncs:
  notes:
    tenant: try
    dir: ~/notes
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    """A person's own environment: nothing of this checkout or of the suite's Python in it."""
    ours = ("RCLONE_", "BISYNC_", "BASIC_MEMORY_", "XDG_", "PYTHON", "VIRTUAL_ENV", "COV_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    home.mkdir(parents=True, exist_ok=True)
    return {**kept, "HOME": str(home), **more}


def run(*argv: str | Path, cwd: Path, env: dict[str, str], expect: int = 0) -> str:
    """What a command printed on stdout."""
    ran = subprocess.run(
        [str(each) for each in argv], cwd=cwd, env=env, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False, timeout=300,
    )  # fmt: skip
    assert ran.returncode == expect, (
        f"{argv}: exit {ran.returncode}, not {expect}\n{ran.stdout}\n{ran.stderr}"
    )
    return ran.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of a clean export of this tree, and the wheel made from it, as `python -m build` does it."""
    top = tmp_path_factory.mktemp("built")
    source = top / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "build", "--outdir", top / "dist", source, cwd=top, env={**os.environ})
    return top / "dist"


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an empty venv, far from the checkout, with just the wheel and what it asks for."""
    top = tmp_path_factory.mktemp("installed")
    env = environment(top / "home")
    run(sys.executable, "-m", "venv", "--without-pip", top / "venv", cwd=top, env=env)
    (wheel,) = built.glob("*.whl")
    pip = (sys.executable, "-m", "pip", "--python", top / "venv/bin/python")
    run(*pip, "install", "--quiet", wheel, cwd=top, env=env)
    return top / "venv" / "bin"


def test_wheel_and_sdist_hold_what_runs_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "bisync").rglob("*") if path.suffix == ".py"}
    for folder in ("tasks", "schema", "templates"):
        modules |= {
            f"bisync/{path.relative_to(ROOT)}" for path in (ROOT / folder).glob("*") if path.is_file()
        }

    modules |= {f"bisync/{path.relative_to(ROOT)}" for path in (ROOT / "schema" / "documents").glob("*.json")}

    assert modules <= set(names)
    assert {"bisync/py.typed", "bisync/schema/bisync.schema.json", "bisync/templates/bisync.yaml.j2"} <= set(
        names
    )
    assert {name.partition("/")[0] for name in names} == {
        "bisync",
        f"bisync_tasks-{bisync.__version__}.dist-info",
        f"bisync_tasks-{bisync.__version__}.data",
    }
    assert [name for name in names if ".data/" in name] == [
        f"bisync_tasks-{bisync.__version__}.data/data/share/man/man1/bisync.1"
    ]
    assert any(name.endswith("/LICENSE") for name in names)
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    about = zipfile.ZipFile(wheel).read(f"bisync_tasks-{bisync.__version__}.dist-info/METADATA").decode()
    assert "Description-Content-Type: text/markdown" in about
    assert f"/blob/v{bisync.__version__}/docs/safety.md#secrets)" in about and "](docs/" not in about
    assert {
        "README.md",
        "LICENSE",
        "pyproject.toml",
        "setup.py",
        "tasks/runs.py",
        "templates/rclone.conf.j2",
        "docs/bisync.1",
    } <= packed


def test_the_wheel_works_far_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    (tmp_path / "work").mkdir()

    def say(*argv: str, expect: int = 0) -> str:
        return run(installed / "bisync", *argv, cwd=tmp_path / "work", env=env, expect=expect)

    assert say("--version").strip() == f"bisync {bisync.__version__}"
    assert "bisync.yaml" in say("init")
    assert say("validate").startswith("OK: ")
    assert say("completion", "bash").endswith("complete -o default -F _bisync bisync\n")
    assert (installed.parent / "share" / "man" / "man1" / "bisync.1").is_file()
    where = run(installed / "python", "-c", "import bisync; print(bisync.__file__)", cwd=tmp_path, env=env)
    assert Path(where.strip()).is_relative_to(installed.parent)
    found = run(
        installed / "python", "-c",
        "from importlib.resources import files\n"
        "print(files('bisync.schema').joinpath('bisync.schema.json').is_file(),"
        " files('bisync.templates').joinpath('rclone.conf.j2').is_file())",
        cwd=tmp_path, env=env,
    )  # fmt: skip
    assert found.split() == ["True", "True"]


def dotfiles(folder: Path, tasks: str) -> Path:
    folder.mkdir()
    (folder / "bisync.yaml").write_text(MANIFEST)
    (folder / "tasks.py").write_text(tasks)
    return folder


def test_a_dotfiles_repo_with_one_line_has_every_task(installed: Path, tmp_path: Path) -> None:
    repo = dotfiles(tmp_path / "dotfiles", "from bisync.tasks import namespace\n")
    env = environment(tmp_path / "home", BISYNC_RCLONE=str(rclone_path()))

    def invoke(*argv: str, expect: int = 0) -> str:
        return run(installed / "invoke", *argv, cwd=repo, env=env, expect=expect)

    assert "Ready" in invoke("setup")
    (tmp_path / "home" / "notes" / "a.md").write_text("a note\n")
    assert "✓ Sync completed - 1 file uploaded" in invoke("sync")
    assert "1 file matches" in invoke("check")
    assert (tmp_path / "cloud" / "try" / "a.md").read_text() == "a note\n"


def test_the_tasks_stand_beside_others_as_a_collection(installed: Path, tmp_path: Path) -> None:
    repo = dotfiles(
        tmp_path / "dotfiles",
        "from invoke import Collection, task\n"
        "from bisync.tasks import namespace\n\n\n"
        "@task\n"
        "def hello(c):\n"
        '    """Say hello."""\n'
        '    print("hello")\n\n\n'
        "ns = Collection(hello)\n"
        'ns.add_collection(namespace, "cloud")\n',
    )
    env = environment(tmp_path / "home", BISYNC_RCLONE=str(rclone_path()))

    def invoke(*argv: str, expect: int = 0) -> str:
        return run(installed / "invoke", *argv, cwd=repo, env=env, expect=expect)

    assert invoke("hello") == "hello\n"
    assert "✗ Not initialized" in invoke("cloud.status")
    assert "Ready" in invoke("cloud.setup")
    assert "✓ Initialized" in invoke("cloud.status")
    assert "cloud.sync" in invoke("--list")


def test_invoke_works_in_the_checkout_itself(tmp_path: Path) -> None:
    env = environment(tmp_path / "home", BISYNC_MANIFEST=str(tmp_path / "bisync.yaml"))
    (tmp_path / "bisync.yaml").write_text(MANIFEST)
    invoke = Path(sys.executable).parent / "invoke"

    listed = run(invoke, "--list", cwd=ROOT, env=env)

    program = run(Path(sys.executable).parent / "bisync", "--list", cwd=tmp_path, env=env)
    names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "]
    assert names and all(f"  {name}" in program for name in names)
    assert {"setup", "sync", "check", "status", "demo"} <= set(names)
    assert run(invoke, "validate", cwd=ROOT, env=env).startswith("OK: ")


def test_an_install_without_byte_code_is_compiled_once(fresh: Device, tmp_path: Path) -> None:
    """Editable installs and those of uv come uncompiled, and invoke turns the writing of byte code off."""
    fresh.run("validate", env={"PYTHONPYCACHEPREFIX": str(tmp_path / "cache")})

    assert list((tmp_path / "cache").rglob("schema_check.*.pyc"))

"""What carries the program to people: the README on PyPI, the container, the formula, the workflows elsewhere."""

from __future__ import annotations

import hashlib
import io
import re
import runpy
import shutil
import subprocess
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.project.test_docs import ROOT, make_targets
from tools import formula, release
from tools.formula import Archive, Refused

pytestmark = pytest.mark.pure

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SETUP = runpy.run_path(str(ROOT / "setup.py"), run_name="looked at")


# -- the address ----------------------------------------------------------------------------------------


def addresses() -> set[tuple[str, str]]:
    """Each file that names an address with our name in it, and the address. (Tests may name any.)"""
    files = [path for path in ROOT.iterdir() if path.is_file()]
    for top in (".github", "benchmarks", "bisync", "docs", "schema", "tasks", "templates", "tools"):
        files += [
            path for path in (ROOT / top).rglob("*") if path.is_file() and path.suffix not in (".pyc", ".svg")
        ]
    return {
        (path.relative_to(ROOT).as_posix(), one)
        for path in files
        for one in re.findall(
            r"https://[\w./-]*bisync-tasks[\w./-]*", path.read_text("utf-8", errors="replace")
        )
    }


def test_the_project_has_one_address() -> None:
    source = PROJECT["urls"]["Source"]
    path = source.removeprefix("https://github.com/")
    owner, name = path.split("/")
    ours = (
        source,
        f"https://raw.githubusercontent.com/{path}/",
        f"https://{owner}.github.io/{name}/",
        f"https://pypi.org/project/{PROJECT['name']}/",
    )

    assert ("pyproject.toml", source) in addresses()
    assert {(name, one) for name, one in addresses() if not one.startswith(ours)} == set()
    assert {"Homepage", "Documentation", "Source", "Issues", "Changelog"} <= set(PROJECT["urls"])


# -- the README on PyPI ---------------------------------------------------------------------------------


def test_no_link_of_the_readme_is_relative_on_pypi() -> None:
    readme = (ROOT / "README.md").read_text()
    shown = SETUP["for_pypi"](readme, "https://example.org/us", "1.2.3")
    targets = re.findall(r"\]\(([^)]+)\)", shown)

    assert len(targets) == len(re.findall(r"\]\(([^)]+)\)", readme)) > 20
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []
    assert "![bisync status](https://example.org/us/raw/v1.2.3/docs/status.svg)" in shown
    assert "(https://example.org/us/blob/v1.2.3/docs/safety.md#secrets)" in shown
    assert "[`rclone bisync`](https://rclone.org/bisync/)" in shown


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("[a](docs/b.md)", "[a](S/blob/v1/docs/b.md)"),
        ("[a](docs/b.md#c)", "[a](S/blob/v1/docs/b.md#c)"),
        ("![a](docs/b.svg)", "![a](S/raw/v1/docs/b.svg)"),
        ("[`a`](LICENSE)", "[`a`](S/blob/v1/LICENSE)"),
        ("[a](#b)", "[a](#b)"),
        ("[a](https://b)", "[a](https://b)"),
        ("[a](mailto:b)", "[a](mailto:b)"),
        ("a[1](x y)", "a[1](x y)"),
    ],
)
def test_a_link_on_pypi(link: str, shown: str) -> None:
    assert SETUP["for_pypi"](link, "S", "1") == shown


# -- the workflows --------------------------------------------------------------------------------------


def workflow(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in workflow(path.name)["jobs"].values() for step in job.get("steps", ())]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_types_what_the_makefile_has_and_nothing_else(path: Path) -> None:
    typed = [step["run"] for step in steps(path) if "run" in step]

    for command in typed:
        match = re.fullmatch(r"make ([a-z]+)(?: [A-Z]+=\S+)*", command)
        assert match is not None and match[1] in make_targets(), command


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_trusts_no_tag_and_has_few_rights(path: Path) -> None:
    used = [step["uses"] for step in steps(path) if "uses" in step]

    assert [one for one in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", one)] == []
    assert workflow(path.name)["permissions"] in ({}, {"contents": "read"})
    assert all(
        "timeout-minutes" in job
        for job in workflow(path.name)["jobs"].values()
        if "run" in str(job.get("steps"))
    )
    assert "secrets." not in path.read_text()


def test_the_workflows_are_those_we_mean() -> None:
    assert [path.name for path in WORKFLOWS] == ["docs.yml", "release.yml", "test.yml"]
    assert {step.get("run") for step in steps(ROOT / ".github/workflows/test.yml")} >= {
        "make test",
        "make site",
    }


def test_the_suite_runs_on_every_python_and_system_that_is_promised() -> None:
    matrix = workflow("test.yml")["jobs"]["test"]["strategy"]["matrix"]
    versions = [
        line.rpartition(" :: ")[2]
        for line in PROJECT["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", line)
    ]

    assert matrix["python"] == versions
    assert PROJECT["requires-python"] == f">={versions[0]}"
    assert matrix["os"] == ["ubuntu-latest", "macos-latest"]


def test_a_tag_is_tested_built_and_published_without_a_token() -> None:
    jobs = workflow("release.yml")["jobs"]

    assert jobs["test"]["uses"] == "./.github/workflows/test.yml"
    assert (jobs["build"]["needs"], jobs["publish"]["needs"]) == ("test", "build")
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    # (YAML 1.1 reads `on` as true.)
    triggers: dict[Any, Any] = workflow("release.yml")
    assert triggers[True] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}


# -- the container --------------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines put together."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line)]


def test_the_container_is_nobody_and_watches() -> None:
    last = instructions()[max(at for at, (word, _) in enumerate(instructions()) if word == "FROM") :]
    told = dict(last)

    assert told["USER"] == "${UID}" and ("ARG", "UID=1000") in last
    assert (told["ENTRYPOINT"], told["CMD"]) == ('["bisync"]', '["sync", "--watch"]')
    assert "BISYNC_MANIFEST=/etc/bisync/bisync.yaml" in told["ENV"]
    assert told["VOLUME"] == "/home/bisync"
    words = [word for word, _ in last]
    assert words.index("USER") > max(at for at, word in enumerate(words) if word in ("RUN", "COPY"))


def test_the_container_is_built_from_what_is_packed_and_nothing_private() -> None:
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    needed = {"pyproject.toml", "setup.py", "README.md", "LICENSE", *settings["package-dir"].values()}
    needed |= {file for files in settings.get("data-files", {}).values() for file in files}

    packed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert rules[0] == "*"
    assert needed <= packed
    assert {name for name in packed if (ROOT / name).exists()} <= needed


# -- the formula ----------------------------------------------------------------------------------------

LOCK = """\
version = 1

[[package]]
name = "formula"
version = "0"
source = { virtual = "." }
dependencies = [
    { name = "rich" },
    { name = "colorama", marker = "sys_platform == 'win32'" },
    { name = "old", marker = "python_full_version < '3.13'" },
    { name = "mac", marker = "sys_platform == 'darwin'" },
]

[[package]]
name = "rich"
version = "15.0"
dependencies = [{ name = "pygments" }, { name = "rich" }]
sdist = { url = "https://files.pythonhosted.org/packages/aa/rich-15.0.tar.gz", hash = "sha256:01" }
wheels = [{ url = "https://files.pythonhosted.org/packages/aa/rich-15.0-py3-none-any.whl", hash = "sha256:02" }]

[[package]]
name = "pygments"
version = "2.0"
wheels = [
    { url = "https://files.pythonhosted.org/packages/bb/pygments-2.0-cp313-win.whl", hash = "sha256:03" },
    { url = "https://files.pythonhosted.org/packages/bb/pygments-2.0-py3-none-any.whl", hash = "sha256:04" },
]

[[package]]
name = "mac"
version = "1"
sdist = { url = "https://files.pythonhosted.org/packages/cc/mac-1.tar.gz", hash = "sha256:05" }

[[package]]
name = "colorama"
version = "1"

[[package]]
name = "old"
version = "1"
"""


def test_a_formula_takes_what_homebrew_needs_and_nothing_else() -> None:
    assert formula.resources(tomllib.loads(LOCK), "formula") == [
        Archive("mac", "https://files.pythonhosted.org/packages/cc/mac-1.tar.gz", "05"),
        Archive("pygments", "https://files.pythonhosted.org/packages/bb/pygments-2.0-py3-none-any.whl", "04"),
        Archive("rich", "https://files.pythonhosted.org/packages/aa/rich-15.0.tar.gz", "01"),
    ]


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ({}, "x 1 has neither an sdist nor a wheel for every platform"),
        ({"wheels": [{"url": "https://a/x-1-cp313-mac.whl", "hash": "sha256:0"}]}, "neither an sdist nor"),
        ({"sdist": {"url": "file:///x-1.tar.gz", "hash": "sha256:0"}}, "is an index of yours in use"),
        ({"sdist": {"url": "https://a/x-1.tar.gz", "hash": "md5:0"}}, "no archive with an https address"),
    ],
)
def test_what_a_formula_cannot_hold_is_refused(package: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        formula.archive({"name": "x", "version": "1", **package})


def an_sdist(folder: Path) -> Path:
    """An sdist of this tree with only what a formula reads of it."""
    path = folder / "bisync_tasks-1.2.3.tar.gz"
    data = (ROOT / "pyproject.toml").read_bytes()
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("bisync_tasks-1.2.3/pyproject.toml")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return path


def test_a_formula_is_whole_and_ruby_reads_it(tmp_path: Path) -> None:
    sdist = an_sdist(tmp_path)
    own, version, project = formula.own_archive(sdist)
    text = formula.rendered(project, version, own, formula.resources(tomllib.loads(LOCK), "formula"))

    assert (
        own.url == "https://files.pythonhosted.org/packages/source/b/bisync-tasks/bisync_tasks-1.2.3.tar.gz"
    )
    assert f'sha256 "{hashlib.sha256(sdist.read_bytes()).hexdigest()}"' in text
    assert f'homepage "{PROJECT["urls"]["Homepage"]}"' in text
    assert text.count('  resource "') == 3
    assert "{{" not in text and 'depends_on "python@3.13"' in text
    assert max(map(len, re.findall(r'desc "(.+)"', text))) <= 80
    if ruby := shutil.which("ruby"):
        (tmp_path / "f.rb").write_text(text)
        subprocess.run([ruby, "-c", tmp_path / "f.rb"], check=True, capture_output=True, timeout=60)


def test_the_formulas_python_is_one_that_is_tested() -> None:
    assert f"Programming Language :: Python :: {formula.PYTHON}" in PROJECT["classifiers"]


def test_a_word_that_would_be_ruby_is_refused() -> None:
    bad = {**PROJECT, "license": 'MIT"; system("x'}

    with pytest.raises(Refused, match="license cannot stand in a formula"):
        formula.rendered(bad, "1", Archive("a", "https://a", "0"), [])


def test_without_an_sdist_there_is_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    assert formula.main(["dist/*.tar.gz"]) == 1
    assert capsys.readouterr().err == "No formula: there has to be one sdist in dist/: make dist formula\n"


# -- what a tag builds ----------------------------------------------------------------------------------


def test_a_tag_that_names_another_version_builds_nothing() -> None:
    with pytest.raises(release.Refused, match=r"the tree has version .+, and not 99\.0\.0"):
        release.build_only(ROOT, "99.0.0")

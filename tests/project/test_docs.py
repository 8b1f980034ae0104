"""The docs hold what they promise: every task and flag, every message, no dead link."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from bisync.tasks._commands import COMMANDS
from bisync.tasks._parsing import HELP, OWN, values_of

from bisync import errors
from bisync.core.abilities import OBJECTS
from bisync.manifest.load import load
from bisync.rclone import own_remote, troubles
from bisync.rclone.argv import BisyncCall, bisync_argv
from bisync.rclone.remote import Remote
from tests.support.world import Device

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DECISIONS = sorted(path for path in (DOCS / "decisions").glob("*.md") if path.name != "README.md")
# What those read who change the code; it may name any file of it.
FOR_US = [
    ROOT / "CONTRIBUTING.md",
    DOCS / "architecture.md",
    DOCS / "decisions" / "README.md",
    *DECISIONS,
]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "benchmarks" / "README.md",
    *sorted(set(DOCS.glob("*.md")) - set(FOR_US)),
    *FOR_US,
]
TASKS = sorted(COMMANDS)


def sections(page: str) -> dict[str, str]:
    """The text below each second-level heading."""
    parts = re.split(r"^## (.+)$", (DOCS / page).read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def flags_of(task: str) -> set[str]:
    """The long flags of a task; `--manifest` and `--only` are told once for all."""
    return {flag.long for flag in COMMANDS[task].flags()}


def test_every_task_has_its_section_and_no_other() -> None:
    described = {match[1] for head in sections("commands.md") if (match := re.fullmatch(r"`([\w-]+)`", head))}

    assert described == set(TASKS)


@pytest.mark.parametrize("task", TASKS)
def test_every_flag_is_described_and_no_other(task: str) -> None:
    text = sections("commands.md")[f"`{task}`"]
    # Whole commands may name other tasks' flags; what stands alone is a flag of this task.
    alone = {code.split()[0] for code in re.findall(r"`([^`]+)`", text) if code.startswith("--")}

    assert flags_of(task) - alone == set()
    assert alone - flags_of(task) == set()


@pytest.mark.parametrize("task", TASKS)
def test_every_task_explains_itself(task: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bisync", task, "--help"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ran.returncode == 0, ran.stderr
    assert f"Usage: bisync {task} " in ran.stdout
    word = {f"--{COMMANDS[task].word}"}
    assert all(flag in ran.stdout for flag in flags_of(task) - word)


def commands_in(text: str) -> list[list[str]]:
    """Every `bisync …` command line that a page shows."""
    shown = re.findall(r"`bisync ([^`]+)`", text) + re.findall(
        r"^\$ bisync ([^\n#]+)", text, flags=re.MULTILINE
    )
    return [line.split() for line in shown]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_shown_exists(page: Path) -> None:
    for words in commands_in(page.read_text()):
        if words[0] in ("X", "…"):
            continue
        if words[0].startswith("-"):
            assert words[0].partition("=")[0] in {*OWN, *OWN.values(), *values_of(COMMANDS)}, words
            continue
        if words[0] == HELP:
            assert {*words[1:]} <= {*TASKS, "X"}, words
            continue
        assert words[0] in TASKS, words
        assert {word for word in words if word.startswith("--")} <= flags_of(words[0]), words


def make_targets() -> set[str]:
    """The targets of the Makefile that are no files."""
    (names,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    return set(names.split())


def targets_named(text: str) -> set[str]:
    """Every `make TARGET` that a page shows; a command may name several, and set variables."""
    shown = re.findall(r"`make ([^`]+)`", text) + re.findall(
        r"^ *\$ make ([^\n#]+)", text, flags=re.MULTILINE
    )
    return {word for command in shown for word in command.split() if "=" not in word}


@pytest.mark.pure
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_named_exists(page: Path) -> None:
    assert targets_named(page.read_text()) <= make_targets()


@pytest.mark.pure
def test_every_make_target_is_explained() -> None:
    """In the head of the Makefile and to contributors, and no other."""
    head = (ROOT / "Makefile").read_text().partition("\n\n")[0]

    assert set(re.findall(r"^#   make ([a-z]+)", head, flags=re.MULTILINE)) == make_targets()
    assert targets_named((ROOT / "CONTRIBUTING.md").read_text()) == make_targets()


@pytest.mark.pure
def test_a_commit_is_held_to_what_ci_holds() -> None:
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]

    assert repo["repo"] == "local"
    assert [(hook["entry"], hook["language"]) for hook in repo["hooks"]] == [("make lint", "system")]
    assert "exec make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.pure
def test_a_page_that_names_targets_is_read() -> None:
    text = "Type `make fast`, or:\n\n    $ make fmt lint\n    $ make release VERSION=1.2.3 DRY=1   # not `make it so`"

    assert targets_named(text) == {"fast", "fmt", "lint", "release", "it", "so"}


TOPS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}


def paths_named(text: str) -> set[str]:
    """Every file or folder of ours that a page names, in words or in a command; but for those it tells to write."""
    written = set(re.findall(r"\bWrite `([^`]+)`", text))
    code = re.compile(r"^ *```(?!console|text)\w+\n.*?^ *```$", re.MULTILINE | re.DOTALL)
    words = re.findall(r"(?<![\w./{}~-])[\w.-]+(?:/[\w.*-]*)+", code.sub("", text))
    alone = set(re.findall(r"`([\w.-]+\.(?:py|md))`", text))
    return {word.rstrip(".") for word in words if word.partition("/")[0] in TOPS} - written | alone


def is_there(path: str) -> bool:
    """Whether a path exists; a file that is named without its folder may lie in any."""
    folders = [ROOT] if "/" in path else [ROOT, *(ROOT / top for top in TOPS)]
    return any(any(folder.glob(path) if folder is ROOT else folder.rglob(path)) for folder in folders)


@pytest.mark.pure
@pytest.mark.parametrize("page", FOR_US, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_named_exists(page: Path) -> None:
    named = paths_named(page.read_text())

    assert {path for path in named if not is_there(path)} == set()


@pytest.mark.pure
def test_paths_are_found_wherever_they_are_named() -> None:
    assert len(paths_named((DOCS / "architecture.md").read_text())) > 20
    text = (
        "In `bisync/core/guard.py` or `swap.py`, not `trash/{run}/`; `bisync/*.py`. Write `tests/new.py`:\n\n"
        "```python\nx = 'docs/none.md'\n```\n\n"
        "```console\n$ .venv/bin/pytest tests/core/test_guard.py::test_a[b]\n```\n"
    )
    assert paths_named(text) == {"bisync/core/guard.py", "swap.py", "bisync/*.py", "tests/core/test_guard.py"}
    assert is_there("swap.py") and is_there("bisync/*.py")
    assert not is_there("swop.py") and not is_there("core/guard.py")


@pytest.mark.pure
@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_every_decision_has_its_parts_and_its_line(page: Path) -> None:
    text = page.read_text()
    index = (DOCS / "decisions" / "README.md").read_text()

    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == [
        "Context",
        "Decision",
        "Consequences",
        "What would change our mind",
    ]
    title, date = re.match(r"# (.+)\n\nDate: (\d{4}-\d\d)\b", text).groups()  # type: ignore[union-attr]
    assert date >= "2026-11"
    assert f"| [{title}]({page.name}) |" in index


@pytest.mark.pure
def test_the_index_has_no_other_decision() -> None:
    index = (DOCS / "decisions" / "README.md").read_text()

    assert set(re.findall(r"^\| \[.+\]\((.+)\)", index, flags=re.MULTILINE)) == {
        page.name for page in DECISIONS
    }


@pytest.mark.parametrize(
    "words",
    [
        # the seed's own five
        "First bisync requires --resync to establish baseline",
        "Cannot use DIR for bisync - it's the mount directory!",
        "Conflict detected",
        "Deletion exceeds safety limit (26 > 25)",
        "rclone not found",
    ],
)
def test_the_troubles_of_old_have_a_cure(words: str) -> None:
    text = sections("troubleshooting.md")[words]

    assert re.search(r"bisync (setup|sync|plan|resolve)", text)


def test_everything_diagnosed_from_rclones_words_is_explained() -> None:
    text = " ".join((DOCS / "troubleshooting.md").read_text().split())
    meanings = {one.means for one in troubles.TROUBLES} | {means for _, means, _ in own_remote.TROUBLES}
    shown = {one.replace("known{at}", "known: HOST").replace("{at}", " at HOST:PORT") for one in meanings}
    shown = {re.sub(r"\{(\w+)\}", lambda found: found[1].upper(), one) for one in shown}
    unexplained = {meaning for meaning in shown if meaning not in text}

    assert unexplained == set()


def test_every_exit_code_is_told() -> None:
    codes = {
        each.exit_code
        for each in vars(errors).values()
        if isinstance(each, type) and hasattr(each, "exit_code")
    }
    told = {
        int(code)
        for code in re.findall(r"^\| (\d+) \|", (DOCS / "commands.md").read_text(), flags=re.MULTILINE)
    }

    assert codes | {0, 3} == told


def test_every_flag_given_to_bisync_is_argued_for() -> None:
    text = (DOCS / "architecture.md").read_text()
    remote = Remote(fs="r:b/", can=OBJECTS, label="")
    from bisync.config import BUILTIN_PROFILES, Compare

    used: set[str] = set()
    for profile in BUILTIN_PROFILES.values():
        for fast_list in (True, False):
            call = BisyncCall(
                local=Path("/n"), remote=remote, profile=profile, compare=Compare.CHECKSUM, fast_list=fast_list,
                filters=Path("/f"), workdir=Path("/w"), backup_local=Path("/t"), backup_cloud="r:t",
            )  # fmt: skip
            used |= {word for word in bisync_argv(call) if word.startswith("--")}
    told = {
        "--checkers",
        "--transfers",
        "--stats",
        "--stats-log-level",
    }  # speed and progress need no argument

    assert {flag for flag in used if not re.search(rf"{flag}\b", text)} - told == set()


def test_the_manifests_in_the_readme_and_the_guides_are_valid(tmp_path: Path) -> None:
    found = 0
    for page in (ROOT / "README.md", DOCS / "devices.md", DOCS / "cloud.md"):
        for text in re.findall(r"```yaml\n(.*?)```", page.read_text(), flags=re.DOTALL):
            if "version: 1" in text:
                path = tmp_path / "bisync.yaml"
                path.write_text(text)
                assert load(path, env={}, home=tmp_path).syncs
                found += 1

    assert found >= 3


@pytest.mark.parametrize("picture", ["sync", "status", "refused"])
def test_the_pictures_are_in_the_readme_and_show_todays_words(picture: str) -> None:
    text = (DOCS / f"{picture}.svg").read_text().replace("&#160;", " ")

    assert f"docs/{picture}.svg" in (ROOT / "README.md").read_text()
    words = {
        "sync": ("Resolving conflict: using newer version", "✓ Sync completed - "),
        "status": ("Cloud Bisync Status: notes", "✓ Initialized", "Total Projects"),
        "refused": ("Deletion exceeds safety limit (26 &gt; 25)",),
    }[picture]
    assert all(word in text for word in words)


def test_results_go_to_stdout_also_when_only_stderr_is_a_terminal(laptop: Device) -> None:
    """`bisync sync > FILE` on a terminal: rich's progress bar would take what we print with it."""
    laptop.write("a.md", "a")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "bisync", "sync"], cwd=laptop.home,
        env={**laptop.environment, "TERM": "xterm"}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=theirs, text=True,
    ) as child:  # fmt: skip
        os.close(theirs)
        out, _ = child.communicate(timeout=60)
    os.close(ours)

    assert child.returncode == 0
    assert "✓ Sync completed - 1 file uploaded" in out

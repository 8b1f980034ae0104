"""The whole day of two devices, on an embedded S3 server in a temporary home.

Every line shown is run as it stands, by a shell, with the real program; its exit code and what lies on
both sides afterwards are compared with what the step promises.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bisync.core.metadata import METADATA_DIR
from bisync.errors import RcloneError
from bisync.rclone import binary

Say = Callable[[str], None]
Tree = dict[str, str]

COMMAND_SECONDS = 120.0
# Settings of the person who runs the demo, which must not reach into it.
_PERSONAL = ("BISYNC_", "BASIC_MEMORY_", "RCLONE_", "XDG_")
_MANIFEST = """\
version: 1
tenants:
  demo:
    provider: embedded
    storage: ../cloud
syncs:
  notes:
    tenant: demo
    dir: ~/notes
"""


class NotAsPromised(Exception):
    """A command did not do what its step says."""


@dataclass(frozen=True, slots=True)
class Device:
    """One computer: a home of its own."""

    name: str
    home: Path

    @property
    def notes(self) -> Path:
        return self.home / "notes"

    def tree(self) -> Tree:
        """What is synced here: names and texts."""
        return {path: text for path, text in _tree(self.notes).items() if not path.endswith(".env")}


@dataclass(frozen=True, slots=True)
class Stage:
    """Where it all happens. `say` prints one line."""

    say: Say
    root: Path
    env: Mapping[str, str]
    manifest: str = _MANIFEST

    def device(self, name: str) -> Device:
        """A new computer with nothing but a manifest."""
        home = self.root / name
        home.mkdir()
        (home / "bisync.yaml").write_text(self.manifest)
        return Device(name, home)

    def cloud(self) -> Tree:
        """What the bucket holds: the embedded server keeps objects as plain files."""
        return _tree(self.root / "cloud" / "demo")

    def types(self, device: Device, line: str, *, ends: int = 0, shows: str = "") -> None:
        """Run `line` on a device and print it with its output.

        Raises NotAsPromised when it does not end with exit code `ends` or does not print `shows`.
        """
        self.say(f"{device.name}$ {line}")
        code, out = _run(line, cwd=device.home, env={**self.env, "HOME": str(device.home)})
        for each in out.splitlines():
            self.say(each)
        if code:
            self.say(f"(exit code {code})")
        self.say("")
        if code != ends:
            raise NotAsPromised(f"`{line}` ended with exit code {code}, not {ends}")
        if shows not in out:
            raise NotAsPromised(f"`{line}` did not say {shows!r}")

    def same(self, what: str, found: object, wanted: object) -> None:
        """Raises NotAsPromised when `found` is not `wanted`."""
        if found != wanted:
            raise NotAsPromised(f"{what}: {found!r}, not {wanted!r}")


def _tree(root: Path) -> Tree:
    return {
        str(path.relative_to(root)): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and METADATA_DIR not in path.relative_to(root).parts
    }


def _run(line: str, *, cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Run one line by the shell; exit code, and stdout with stderr.

    It has a session of its own: when we are told to stop, it gets one SIGINT and time to end in order.
    """
    with subprocess.Popen(
        ["/bin/sh", "-c", line], cwd=cwd, env=dict(env), start_new_session=True, encoding="utf-8",
        errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as child:  # fmt: skip
        try:
            out, _ = child.communicate(timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            _end(child)
            raise NotAsPromised(f"`{line}` did not end within {COMMAND_SECONDS:.0f} s") from None
        except BaseException:
            _end(child)
            raise
    return child.returncode, out


def _end(child: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGINT)
    try:
        child.communicate(timeout=COMMAND_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


Step = Callable[[Stage, Device, Device], None]


# -- the day --------------------------------------------------------------------------------------------


def set_up(stage: Stage, laptop: Device, desktop: Device) -> None:
    """A laptop, a manifest, an empty bucket"""
    stage.types(laptop, "cat bisync.yaml")
    stage.types(laptop, "bisync validate", shows="OK")
    stage.types(laptop, "bisync sync", ends=5, shows="First bisync requires --resync to establish baseline")
    stage.types(laptop, "bisync setup", shows="Ready")
    stage.same("the new bucket", stage.cloud(), {})


def first_note(stage: Stage, laptop: Device, desktop: Device) -> None:
    """A note goes to the cloud, a secret stays at home"""
    stage.types(laptop, "mkdir notes/ideas && echo '# New Idea' > notes/ideas/innovation.md")
    stage.types(laptop, "echo 'API_KEY=only-for-me' > notes/.env")
    stage.types(laptop, "bisync plan", shows="1 to upload")
    stage.types(laptop, "bisync sync", shows="✓ Sync completed - 1 file uploaded")
    stage.types(laptop, "bisync explain notes/.env", ends=3, shows="ignored")
    stage.same("the bucket", stage.cloud(), {"ideas/innovation.md": "# New Idea\n"})


def second_device(stage: Stage, laptop: Device, desktop: Device) -> None:
    """A second computer joins, by the same manifest"""
    stage.types(desktop, "bisync setup", shows="1 downloaded")
    stage.types(desktop, "cat notes/ideas/innovation.md", shows="# New Idea")
    stage.types(desktop, "echo 'Written on the desktop' > notes/ideas/second.md")
    stage.types(desktop, "bisync sync", shows="✓ Sync completed - 1 file uploaded")
    stage.types(laptop, "bisync sync", shows="✓ Sync completed - 1 file downloaded")
    everything = {"ideas/innovation.md": "# New Idea\n", "ideas/second.md": "Written on the desktop\n"}
    _all_equal(stage, everything, laptop, desktop)


def newer_wins(stage: Stage, laptop: Device, desktop: Device) -> None:
    """Both edit the same note: under `balanced` the newer one wins, the other is kept"""
    stage.types(laptop, "echo 'Edited on the laptop at ten' > notes/ideas/innovation.md")
    time.sleep(1.1)  # so that one of them is the newer also on a disk that keeps whole seconds
    stage.types(desktop, "echo 'Edited on the desktop, five minutes later' > notes/ideas/innovation.md")
    stage.types(laptop, "bisync sync", shows="1 file uploaded")
    stage.types(desktop, "bisync sync", shows="Resolving conflict: using newer version")
    later, earlier = "Edited on the desktop, five minutes later\n", "Edited on the laptop at ten\n"
    found = desktop.tree()
    stage.same("the contested note", found["ideas/innovation.md"], later)
    stage.same("its copy", found["ideas/innovation.md.conflict1"], earlier)
    stage.types(desktop, "bisync conflicts", ends=3, shows="ideas/innovation.md.conflict1")
    stage.types(desktop, "bisync resolve ideas/innovation.md --keep newer", shows="✓ Resolved")
    stage.types(desktop, "bisync sync", shows="1 deleted")
    stage.types(laptop, "bisync sync", shows="1 file downloaded")
    second = "Written on the desktop\n"
    _all_equal(stage, {"ideas/innovation.md": later, "ideas/second.md": second}, laptop, desktop)


def both_stay(stage: Stage, laptop: Device, desktop: Device) -> None:
    """The same again under `safe`: both versions stay, a person merges them"""
    stage.types(laptop, "echo 'What the laptop thinks' > notes/ideas/second.md")
    stage.types(desktop, "echo 'What the desktop thinks of it' > notes/ideas/second.md")
    stage.types(laptop, "bisync sync --profile safe", shows="1 file uploaded")
    shown = "Saved as: ideas/second.md.conflict1 and ideas/second.md.conflict2"
    stage.types(desktop, "bisync sync --profile safe", shows=shown)
    desktops, laptops = "What the desktop thinks of it\n", "What the laptop thinks\n"
    found = desktop.tree()
    stage.same("the first copy", found["ideas/second.md.conflict1"], desktops)
    stage.same("the second copy", found["ideas/second.md.conflict2"], laptops)
    stage.types(
        desktop, "cd notes/ideas && cat second.md.conflict1 second.md.conflict2 > second.md && rm *.conflict?"
    )
    stage.types(desktop, "bisync sync", shows="✓ Sync completed")
    stage.types(laptop, "bisync sync", shows="✓ Sync completed")
    stage.same("the merged note", stage.cloud()["ideas/second.md"], desktops + laptops)
    _all_equal(stage, stage.cloud(), laptop, desktop)


def become_one(stage: Stage, laptop: Device, desktop: Device) -> None:
    """Edits of one note that do not overlap: under `merge` they become one text"""
    stage.types(laptop, "printf 'Monday:\\n\\nTuesday:\\n\\nFriday:\\n' > notes/trip.md")
    stage.types(laptop, "bisync sync --profile merge", shows="1 file uploaded")
    stage.types(desktop, "bisync sync --profile merge", shows="1 file downloaded")
    stage.types(laptop, "printf 'Monday: the sea\\n\\nTuesday:\\n\\nFriday:\\n' > notes/trip.md")
    stage.types(desktop, "printf 'Monday:\\n\\nTuesday:\\n\\nFriday: home\\n' > notes/trip.md")
    stage.types(laptop, "bisync sync --profile merge", shows="1 file uploaded")
    stage.types(desktop, "bisync sync --profile merge", shows="✓ Sync completed - 1 file merged")
    stage.types(desktop, "cat notes/trip.md", shows="Monday: the sea\n\nTuesday:\n\nFriday: home\n")
    stage.types(laptop, "bisync sync --profile merge", shows="1 file downloaded")
    _all_equal(stage, stage.cloud(), laptop, desktop)


def look(stage: Stage, laptop: Device, desktop: Device) -> None:
    """Are both sides equal, and what is going on?"""
    stage.types(laptop, "bisync check", shows="✓ Both sides are equal: 3 files match")
    stage.types(laptop, "bisync status", shows="✓ Initialized")


def mass_deletion(stage: Stage, laptop: Device, desktop: Device) -> None:
    """A slip of the hand deletes 26 of 40 notes"""
    stage.types(
        laptop, 'mkdir notes/archive && for n in $(seq 40); do echo "Note $n" > notes/archive/$n.md; done'
    )
    stage.types(laptop, "bisync sync", shows="✓ Sync completed - 40 files uploaded")
    full = stage.cloud()
    stage.types(laptop, "rm notes/archive/[1-9].md notes/archive/1?.md notes/archive/2[0-6].md")
    stage.types(laptop, "bisync sync", ends=4, shows="Deletion exceeds safety limit (26 > 25)")
    stage.same("the bucket after the refusal", stage.cloud(), full)
    stage.types(laptop, "bisync sync --max-delete 26", shows="26 deleted")
    stage.same("the bucket after the deletion", len(stage.cloud()), len(full) - 26)


def bring_back(stage: Stage, laptop: Device, desktop: Device) -> None:
    """It was a mistake after all: nothing that a run deletes is gone"""
    stage.types(laptop, "bisync restore archive --yes", shows="notes/archive/26.md")
    stage.types(laptop, "bisync sync", shows="✓ Sync completed - 26 files uploaded")
    stage.types(desktop, "bisync sync", shows="✓ Sync completed - 40 files downloaded")
    stage.types(desktop, "bisync sync", shows="✓ Sync completed - nothing to do")
    notes = {path: text for path, text in stage.cloud().items() if path.startswith("archive/")}
    stage.same("the archive", notes, {f"archive/{n}.md": f"Note {n}\n" for n in range(1, 41)})
    _all_equal(stage, stage.cloud(), laptop, desktop)
    _secret_stayed_home(stage, laptop)


def take_back(stage: Stage, laptop: Device, desktop: Device) -> None:
    """A sync that should not have happened is taken back, here and in the cloud"""
    before = stage.cloud()
    stage.types(laptop, "rm notes/archive/?.md && echo 'Not what I meant' > notes/ideas/second.md")
    stage.types(laptop, "bisync sync", shows="✓ Sync completed - 1 file uploaded, 9 deleted")
    stage.types(laptop, "bisync undo --yes", shows="✓ Undone run")
    stage.types(desktop, "bisync sync", shows="nothing to do")
    _all_equal(stage, before, laptop, desktop)


DAY: tuple[Step, ...] = (
    set_up,
    first_note,
    second_device,
    newer_wins,
    both_stay,
    become_one,
    look,
    mass_deletion,
    bring_back,
    take_back,
)


def _all_equal(stage: Stage, wanted: Tree, laptop: Device, desktop: Device) -> None:
    stage.same("the bucket", stage.cloud(), wanted)
    stage.same("the laptop", laptop.tree(), wanted)
    stage.same("the desktop", desktop.tree(), wanted)


def _secret_stayed_home(stage: Stage, laptop: Device) -> None:
    secret = laptop.notes / ".env"
    text = secret.read_bytes()
    found = [path for path in stage.root.rglob("*") if path.is_file() and text.strip() in path.read_bytes()]
    stage.same("where the secret lies", found, [secret])


def run(
    say: Say,
    *,
    keep: bool = False,
    day: Sequence[Step] = DAY,
    manifest: str = _MANIFEST,
    more: Mapping[str, str] = {},
) -> int:
    """Play the day; 0 when every step did what it says, 1 with the step's name when one did not.

    `keep`: leave the temporary home behind. `manifest`: what each device has; `more`: what else is in its environment.
    """
    root = Path(tempfile.mkdtemp(prefix="bisync-demo-")).resolve()
    began = time.monotonic()
    title = ""
    try:
        stage = Stage(say, root, {**_environment(root), **more}, manifest)
        laptop, desktop = stage.device("laptop"), stage.device("desktop")
        for number, step in enumerate(day, 1):
            title = f"{number}. {step.__doc__}"
            say(f"── {title}\n")
            step(stage, laptop, desktop)
    except NotAsPromised as problem:
        say(f"✗ The demo failed at step {title}: {problem}")
        return 1
    finally:
        if keep:
            say(f"The temporary home is left at {root}")
        else:
            shutil.rmtree(root)
    say(
        f"✓ Every step did what it says, on both devices and in the cloud ({time.monotonic() - began:.0f} s)."
    )
    return 0


def _environment(root: Path) -> dict[str, str]:
    """What the shell runs in: `bisync` is this very program, no setting of the person's own is left."""
    programs = root / "bin"
    programs.mkdir()
    program = programs / "bisync"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m bisync "$@"\n')
    program.chmod(0o700)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_PERSONAL)}
    path = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
    env = {**kept, "PATH": path, "PYTHONUTF8": "1"}
    try:
        found = binary.find(None, Path.home() / ".basic-memory", os.environ)
    except RcloneError:
        return env  # setup installs one, as it would for anybody
    return {**env, "BISYNC_RCLONE": str(found.path)}

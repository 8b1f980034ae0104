"""The story of a move: from basic-memory v0.14 and a WebDAV server into a sync, each command as it is typed.

    python -m tests.support.migration_story        (or: make demo MIGRATE=1)

It is played as `bisync demo` plays its own. The WebDAV server is `rclone serve webdav`, with a user and a password.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bisync.actions import demo
from bisync.actions.demo import Device, Stage, Step
from tests.support.world import end, free_port, rclone_path

USER, PASSWORD = "ada", "a-password-nobody-sees"
SECONDS = 20.0
OLD = 1_700_000_000
"""When the old files were written; those on the server an hour later."""
# 127.0.0.1 is this machine: anywhere else the address begins with https://.
MANIFEST = """\
version: 1
tenants:
  demo: {{provider: embedded, storage: ../cloud}}
syncs:
  notes: {{tenant: demo, dir: ~/notes}}
migration:
  from: [~/basic-memory]
  webdav: {{url: {url}, user: ada, password: {{env: DAV_PASSWORD}}}}
"""
HERE = {
    "main/ideas.md": "Ideas, as of yesterday\n",
    "main/.templates/daily.md": "# {{date}}\n",
    "office/plan.md": "The plan\n",
    "office/.env": "API_KEY=only-for-me\n",
}
SERVER = {
    "main/ideas.md": "Ideas, as of today\n",
    "office/plan.md": "The plan\n",
    "office/minutes.md": "Minutes\n",
}
TOGETHER = {
    "main/.templates/daily.md": "# {{date}}\n",
    "main/ideas.md": "Ideas, as of today\n",
    "main/ideas.md.conflict1": "Ideas, as of yesterday\n",
    "office/minutes.md": "Minutes\n",
    "office/plan.md": "The plan\n",
}


def look(stage: Stage, laptop: Device, desktop: Device) -> None:
    """A tree of v0.14, a WebDAV server, and a manifest that names both"""
    write(laptop.home / "basic-memory", HERE, OLD)
    stage.types(laptop, "cat bisync.yaml")
    stage.types(laptop, "find basic-memory -type f | sort", shows="basic-memory/office/.env")
    stage.types(laptop, "bisync migrate --dry-run", shows="Nothing was changed")
    stage.same("the home", sorted(one.name for one in laptop.home.iterdir()), ["basic-memory", "bisync.yaml"])


def move(stage: Stage, laptop: Device, desktop: Device) -> None:
    """Everything comes into the sync, with a backup before and a look at every file after"""
    stage.types(laptop, "bisync migrate", shows="Moved over into")
    stage.same("the sync dir", laptop.tree(), TOGETHER)
    stage.same("the bucket", stage.cloud(), TOGETHER)
    stage.types(
        laptop, "diff -r basic-memory basic-memory.backup && echo 'The backup is the same'", shows="same"
    )


def again(stage: Stage, laptop: Device, desktop: Device) -> None:
    """A second time it does nothing"""
    stage.types(laptop, "bisync migrate", shows="ok")
    stage.same("the sync dir", laptop.tree(), TOGETHER)


def settle(stage: Stage, laptop: Device, desktop: Device) -> None:
    """Of the note that differed the newer version has the name; the other one is kept until you say so"""
    stage.types(laptop, "bisync conflicts", ends=3, shows="main/ideas.md.conflict1")
    stage.types(laptop, "bisync explain notes/office/.env", ends=3, shows="ignored")


def take_back(stage: Stage, laptop: Device, desktop: Device) -> None:
    """It can be taken back"""
    stage.types(laptop, "bisync migrate --undo", shows="the cloud is left alone")
    stage.same("whether the sync dir is there", laptop.notes.exists(), False)
    stage.types(laptop, "bisync migrate", shows="Moved over into")
    stage.same("the sync dir", laptop.tree(), TOGETHER)


def other_device(stage: Stage, laptop: Device, desktop: Device) -> None:
    """The other computers just join"""
    stage.types(desktop, "bisync setup", shows="5 downloaded")
    stage.same("the desktop", desktop.tree(), TOGETHER)


STORY: tuple[Step, ...] = (look, move, again, settle, take_back, other_device)


def write(root: Path, files: dict[str, str], when: int) -> None:
    """A tree of files, all written at the same time (seconds since the epoch)."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (when, when))


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """rclone's own WebDAV server over `folder`, for one user; its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    # The password by environment, as everywhere.
    env = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")} | {"RCLONE_PASS": PASSWORD}
    with subprocess.Popen(
        [str(rclone_path()), "serve", "webdav", str(folder), "--addr", f"127.0.0.1:{port}", "--user", USER,
         "--config", os.devnull],
        env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            wait_for(address)
            yield address
        finally:
            end(process)


def wait_for(address: str) -> None:
    """Until the server answers, if only that it wants a password."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            urllib.request.urlopen(address, timeout=SECONDS).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def play(say: Callable[[str], None], folder: Path) -> int:
    """Play it, with the server's files below `folder`; 0 when every step did what it says, else 1."""
    write(folder, SERVER, OLD + 3600)
    with serve(folder) as url:
        return demo.run(say, day=STORY, manifest=MANIFEST.format(url=url), more={"DAV_PASSWORD": PASSWORD})


def main() -> int:
    # An end that is asked for politely is one for the server beside us, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="bisync-move-") as folder:
            return play(lambda line: print(line, flush=True), Path(folder).resolve())
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

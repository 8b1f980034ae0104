"""Prove the stand-in: the vendor's own client logs in, sets up and syncs with it.

No test, for it needs the client, which wants Python 3.12.1 or later and a virtual environment of its own:

    python3.12 -m venv /tmp/client-0.15
    /tmp/client-0.15/bin/pip install basic-memory==0.15.0 mcp==1.16.0 fastmcp==2.12.4 pydantic==2.11.9
    .venv/bin/python -m tests.support.vendor.prove --python /tmp/client-0.15/bin/python --generation old

    python3.12 -m venv /tmp/client-0.24
    /tmp/client-0.24/bin/pip install basic-memory==0.24.1
    .venv/bin/python -m tests.support.vendor.prove --python /tmp/client-0.24/bin/python --generation new

(0.15.0 does not start with the libraries of today.) The client gets a home of its own, which is removed at the end;
nothing of this user's is read or written. It has the store's address built in, as a default value of the function
that writes `rclone.conf`: that value is changed in the client's process, and nothing else of it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.vendor.server import Vendor, serve_vendor
from tests.support.vendor.values import Answer
from tests.support.world import rclone_path

# Runs in the client's Python. The function has another name in each generation.
START = """\
import os
from basic_memory.cli.commands.cloud import rclone_config
for name in ("add_tenant_to_rclone_config", "configure_rclone_remote"):
    write = getattr(rclone_config, name, None)
    if write is not None:
        write.__defaults__ = tuple(
            os.environ["STAND_IN_ENDPOINT"] if value == "https://fly.storage.tigris.dev" else value
            for value in write.__defaults__
        )
from basic_memory.cli.main import app
app()
"""


class Client:
    """The vendor's client on a computer of its own."""

    def __init__(self, python: Path, home: Path, vendor: Vendor) -> None:
        self.python, self.home = python, home
        home.mkdir()
        # It opens a browser when it finds one.
        self.env = {
            **vendor.environment, "HOME": str(home), "STAND_IN_ENDPOINT": vendor.endpoint, "BROWSER": "true",
            "PATH": f"{rclone_path().parent}:{os.environ['PATH']}", "COLUMNS": "200", "LANG": "C.UTF-8",
        }  # fmt: skip

    def __call__(self, *argv: str, expect: int = 0) -> str:
        """Type `bm ARGV`."""
        done = subprocess.run(
            [str(self.python), "-c", START, *argv], env=self.env, cwd=self.home, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180,
        )  # fmt: skip
        print(f"$ bm {' '.join(argv)}\n{done.stdout}", flush=True)
        assert done.returncode == expect, f"exit {done.returncode}, not {expect}"
        return done.stdout

    def rclone_section(self) -> str:
        text = (self.home / ".config" / "rclone" / "rclone.conf").read_text()
        return re.sub("(?m)^(access_key_id|secret_access_key) = .*", r"\1 = ***", text)


def old(bm: Client, vendor: Vendor) -> None:
    """The day of 0.15.0: every folder in the sync directory is a project, the whole bucket is synced."""
    log_in(bm, vendor)
    bm("cloud", "setup", "--dir", str(bm.home / "sync"))
    assert refreshes(vendor) == 2, "one at the end of the login, one at the setup"
    print(bm.rclone_section())
    write(bm.home / "sync" / "notes" / "a.md", "alpha\n")
    bm("cloud", "bisync", "--resync")
    assert vendor.files() == {"notes/a.md": "alpha\n"}, vendor.files()
    # A baseline makes no project; the first run after it does.
    assert vendor.default.projects == []
    vendor.put("notes/b.md", "beta\n")
    write(bm.home / "sync" / "notes" / "a.md", "alpha, once more\n")
    bm("cloud", "bisync")
    assert vendor.files() == {"notes/a.md": "alpha, once more\n", "notes/b.md": "beta\n"}, vendor.files()
    assert (bm.home / "sync" / "notes" / "b.md").read_text() == "beta\n"
    assert [one.name for one in vendor.default.projects] == ["notes"]
    bm("cloud", "bisync")
    print(f"indexed: {vendor.default.projects[0].indexed}")
    bm("cloud", "status")
    bm("cloud", "check")
    bm("project", "list")
    vendor.expire_tokens()
    bm("cloud", "bisync", expect=1)
    bm("cloud", "logout")


def new(bm: Client, vendor: Vendor) -> None:
    """The day of 0.24.1: a project is made with a folder of this computer, then pushed, pulled and mirrored."""
    log_in(bm, vendor)
    bm("cloud", "setup")
    assert refreshes(vendor) == 2, "one at the end of the login, one at the setup"
    print(bm.rclone_section())
    bm("cloud", "workspace", "list")
    notes = bm.home / "notes"
    write(notes / "a.md", "alpha\n")
    bm("project", "add", "research", "--cloud", "--local-path", str(notes))
    assert [one.path for one in vendor.default.projects] == ["research"]
    bm("cloud", "push", "--name", "research")
    assert vendor.files() == {"research/a.md": "alpha\n"}, vendor.files()
    vendor.put("research/b.md", "beta\n")
    bm("cloud", "pull", "--name", "research")
    assert (notes / "b.md").read_text() == "beta\n"
    bm("cloud", "bisync", "--name", "research", "--resync")
    write(notes / "c.md", "gamma\n")
    bm("cloud", "bisync", "--name", "research")
    assert "research/c.md" in vendor.files()
    bm("cloud", "status")
    bm("cloud", "check", "--name", "research")
    bm("project", "list")
    bm("cloud", "api-key", "create", "stand-in")
    bm("project", "list", "--cloud")
    a_team(bm, vendor)
    bm("cloud", "logout")


def a_team(bm: Client, vendor: Vendor) -> None:
    """A plain member of a team gets no keys; his files go over HTTP, and a limit is waited out."""
    team = vendor.add_tenant(slug="team", name="Team", workspace_type="organization", role="editor")
    bm("cloud", "setup", "--workspace", "team", expect=1)
    folder = bm.home / "plans"
    write(folder / "a.md", "alpha\n")
    bm("project", "add", "plans", "--cloud", "--workspace", "team", "--local-path", str(folder))
    vendor.fault("PUT", "/webdav/plans/a.md", Answer.rate_limited())
    bm("cloud", "push", "--name", "plans")
    assert vendor.files(team) == {"plans/a.md": "alpha\n"}, vendor.files(team)
    assert vendor.count("PUT", "/webdav/plans/a.md") == 2
    vendor.put("plans/b/b.md", "beta\n", team)
    bm("cloud", "pull", "--name", "plans")
    assert (folder / "b" / "b.md").read_text() == "beta\n"


def refreshes(vendor: Vendor) -> int:
    tokens = [request for request in vendor.requests if request.path == "/oauth2/token"]
    return sum(request.form["grant_type"] == "refresh_token" for request in tokens)


def log_in(bm: Client, vendor: Vendor) -> None:
    """With a token that the client takes for stale at once, for it keeps a minute's distance."""
    vendor.token_lifetime = 30
    bm("cloud", "login")
    vendor.token_lifetime = 3600


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", type=Path, required=True, help="of the environment that has the client")
    parser.add_argument("--generation", choices=("old", "new"), required=True)
    arguments = parser.parse_args()
    day = {"old": old, "new": new}[arguments.generation]
    with tempfile.TemporaryDirectory(prefix="stand-in-") as scratch:
        folder = Path(scratch)
        with serve_vendor(folder / "cloud", arguments.generation) as vendor:
            try:
                day(Client(arguments.python.absolute(), folder / "home", vendor), vendor)
            finally:
                for request in vendor.requests:
                    print(
                        f"  {request.server:4} {request.method:6} {request.path}?{request.query}".rstrip("?")
                    )
    print(f"proven: the client went through its day with the {arguments.generation} wire")
    return 0


if __name__ == "__main__":
    sys.exit(main())

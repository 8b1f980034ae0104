"""The story of the vendor's cloud, on the stand-in: from the login to the logout, each command as it is typed.

    python -m tests.support.vendor.story        (or: make demo CLOUD=1)

It is played as `bisync demo` plays its own: in a temporary home, every line run by the real program, its exit code
and what lies on both sides compared with what the step says. The stand-in confirms the login's code by itself.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bisync.actions import demo
from bisync.actions.demo import Device, Stage, Step
from tests.support.vendor.server import Vendor, serve_vendor

CREATE = "/proxy/v2/projects/"
MINT = "/tenant/mount/credentials"
README = "new-project/README.md"
# `endpoint` and what follows are the stand-in's: the real cloud needs none of it.
MANIFEST = """\
version: 1
tenants:
  personal:
    provider: basic-memory
    endpoint: {endpoint}
    region: us-east-1
    s3_provider: Rclone
syncs:
  notes:
    tenant: personal
    dir: ~/basic-memory-cloud-sync
"""


class Story:
    """The steps, and the cloud that they happen in."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor

    def log_in(self, stage: Stage, laptop: Device, desktop: Device) -> None:
        """Log in, by a code that is confirmed in a browser (here the stand-in does it)"""
        stage.types(laptop, "cat bisync.yaml")
        stage.types(laptop, "bisync validate", shows="OK")
        stage.types(laptop, "bisync login --no-browser", shows="✓ Logged in at")

    def set_up(self, stage: Stage, laptop: Device, desktop: Device) -> None:
        """One-time setup: tenant, bucket and scoped keys come from the cloud"""
        stage.types(laptop, "bisync setup", shows="Ready")
        hide = "sed 's/\\(access_key[a-z_]*\\) =.*/\\1 = ***/'"
        stage.types(laptop, f"{hide} .config/rclone/rclone.conf", shows="[basic-memory-")
        stage.same("how often keys were made", self.vendor.count("POST", MINT), 1)

    def new_project(self, stage: Stage, laptop: Device, desktop: Device) -> None:
        """A new folder becomes a project of the cloud, once"""
        stage.types(laptop, f"mkdir {self.folder}/new-project")
        stage.types(laptop, f"echo '# Hello' > {self.folder}/{README}")
        stage.types(laptop, "bisync sync", shows="✓ Created project: new-project")
        stage.same("the bucket", self.vendor.files(), {README: "# Hello\n"})
        stage.types(laptop, "bisync sync", shows="✓ Sync completed - nothing to do")
        stage.same("how often it was made", self.vendor.count("POST", CREATE), 1)
        stage.same("the projects", [one.name for one in self.vendor.default.projects], ["new-project"])

    def look(self, stage: Stage, laptop: Device, desktop: Device) -> None:
        """What the cloud says of itself"""
        stage.types(laptop, "bisync status", shows="1 (1 here)")

    def second_device(self, stage: Stage, laptop: Device, desktop: Device) -> None:
        """A second computer: the same manifest, a login of its own"""
        stage.types(desktop, "bisync login --no-browser", shows="✓ Logged in at")
        stage.types(desktop, "bisync setup", shows="1 downloaded")
        stage.types(desktop, f"cat {self.folder}/{README}", shows="# Hello")

    def revoked(self, stage: Stage, laptop: Device, desktop: Device) -> None:
        """The keys are revoked in the cloud: the next sync has new ones made"""
        self.vendor.revoke_keys()
        stage.types(laptop, f"echo 'More' >> {self.folder}/{README}")
        stage.types(laptop, "bisync sync", shows="✓ Sync completed - 1 file uploaded")
        stage.same("the bucket", self.vendor.files(), {README: "# Hello\nMore\n"})

    def log_out(self, stage: Stage, laptop: Device, desktop: Device) -> None:
        """Log out: the notes stay, and what is known of the cloud is still shown"""
        stage.types(laptop, "bisync logout", shows="✓ Logged out")
        stage.types(laptop, "bisync status", shows="nobody is logged in to the cloud; type: bisync login")
        stage.types(laptop, f"cat {self.folder}/{README}", shows="More")

    folder = "basic-memory-cloud-sync"

    @property
    def steps(self) -> tuple[Step, ...]:
        return (
            self.log_in,
            self.set_up,
            self.new_project,
            self.look,
            self.second_device,
            self.revoked,
            self.log_out,
        )


def play(say: Callable[[str], None], folder: Path) -> int:
    """Play it on a cloud that keeps its buckets below `folder`; 0 when every step did what it says, else 1."""
    with serve_vendor(folder) as vendor:
        vendor.auto_approve = 1
        manifest = MANIFEST.format(endpoint=vendor.endpoint)
        return demo.run(say, day=Story(vendor).steps, manifest=manifest, more=vendor.environment)


def main() -> int:
    # An end that is asked for politely is one for the servers beside us, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="bisync-cloud-") as folder:
            return play(lambda line: print(line, flush=True), Path(folder).resolve())
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

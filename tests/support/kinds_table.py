"""The table of docs/remotes.md: what setup finds out of each kind of remote, on real servers.

python -m tests.support.kinds_table docs/remotes.md
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

from tests.support.kinds import KINDS, kinds_of_remotes
from tests.support.world import Device

BEGIN, END = "<!-- found by: make kinds TABLE=1 -->\n", "<!-- end -->\n"
DESCRIBED = {
    "s3": "S3 (moto)",
    "chunker-s3": "`chunker` over S3",
    "combine": "`combine` of S3 folders",
    "crypt-s3": "`crypt` over S3",
    "folder": "a folder, another disk",
    "union": "`union` of folders",
    "crypt-folder": "`crypt` over a folder",
    "sftp": "SFTP (`rclone serve sftp`)",
    "openssh": "SFTP (OpenSSH)",
    "webdav-seconds": "WebDAV that keeps times (`rclone serve webdav`, `vendor = rclone`)",
    "webdav": "WebDAV that keeps none (wsgidav, `vendor = other`)",
}
HEAD = """\
| remote | changes are told by | old versions kept there | goes up by | `check` compares | devices take turns by |
|---|---|---|---|---|---|
"""


def row(kind: str, device: Device) -> str:
    """What a device that is set up with a remote of this kind says of it. It has a file there, and edits it."""
    said = device.run("status", "--json").json["syncs"][0]["abilities"]
    found = re.fullmatch(
        r"changes are told by (.+); old versions are kept there: (.+); one request per file: no", said
    )
    assert found is not None, said
    told_by, kept = found.groups()
    by_size = device.run("check", "--json").json["syncs"][0]["by_size_only"]
    device.write(next(iter(device.tree())), "edited, for the table")
    commands = device.run("plan", "--json").json["syncs"][0]["commands"]
    (goes_up,) = {"`rclone bisync`" if one[1] == "bisync" else "copies of our own" for one in commands}
    protocol = json.loads((device.state / "lease.json").read_text())["protocol"]
    cells = (
        DESCRIBED[kind], told_by, kept, goes_up,
        "sizes; with `--download` contents" if by_size else "contents",
        {"numbered": "creation", "listed": "listings"}[protocol],
    )  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def main() -> None:
    """Make the table again, in the file that is named."""
    page = Path(sys.argv[1])
    with (
        tempfile.TemporaryDirectory(prefix="bisync-kinds-") as folder,
        kinds_of_remotes(Path(folder, "remotes")) as kinds,
    ):
        rows = []
        for kind in [kind for kind in DESCRIBED if kind in KINDS]:
            device = kinds.device(Path(folder, kind), kind, "table")
            device.write("a.md", "a note")
            device.setup()
            rows.append(row(kind, device))
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{HEAD}{''.join(rows)}\n{END}{after}")


if __name__ == "__main__":
    assert KINDS.keys() == DESCRIBED.keys(), "OpenSSH's server is needed, too: apt-get install openssh-server"
    main()

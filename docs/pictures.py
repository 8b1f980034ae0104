"""The pictures in the README: real output of the real program against a real S3 server, as SVG.

    python docs/pictures.py        (or: make docs)

Nothing is drawn by hand: each command runs on a terminal of its own, what it prints is exported by rich. A picture
asks no other host for a font, as rich's own would: whoever looks at it has one.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the suite knows how to serve S3

from tests.support.world import BUCKET, S3, Device, serve_s3  # noqa: E402

COLUMNS, LINES = 104, 40
PICTURES: dict[str, tuple[str, ...]] = {
    "sync": ("sync",),
    "status": ("status",),
    "refused": ("sync",),
}


# Rich's, without the font that it would fetch from elsewhere.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def on_a_terminal(device: Device, *argv: str, errors: bool = False) -> str:
    """What `bisync ARGV` prints on a terminal, with its errors there, too; else no progress bar is drawn on it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    env = {**device.environment, "TERM": "xterm-256color"}
    env.pop("NO_COLOR", None)
    with subprocess.Popen(
        [sys.executable, "-m", "bisync", *argv],
        cwd=device.home,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs if errors else subprocess.PIPE,
    ) as child:
        os.close(theirs)
        out = bytearray()
        while chunk := _read(ours):
            out += chunk
        out += child.stderr.read() if child.stderr is not None else b""
    os.close(ours)
    return settled(out.decode().replace("\r\n", "\n")).rstrip()


def settled(said: str) -> str:
    """What stands on a terminal in the end: a line that is drawn again and erased, as a spinner's, is gone."""
    lines, row = [""], 0
    for part in re.split(r"(\n|\r|\x1b\[1A|\x1b\[2K|\x1b\[\?25[lh])", said):
        if part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif part == "\x1b[1A":
            row = max(0, row - 1)
        elif part == "\x1b[2K":
            lines[row] = ""
        elif not part.startswith(("\r", "\x1b[?25")):
            lines[row] += part
    return "\n".join(lines)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # Linux says EIO when the other end is closed
        return b""


def export(name: str, command: Sequence[str], said: str) -> str:
    """The picture: the prompt, the command, what it said."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, legacy_windows=False)
    console.print(Text.assemble(("$ ", "bold green"), ("bisync " + " ".join(command), "bold")))
    console.print(Text.from_ansi(said))
    return console.export_svg(title="bisync", code_format=FORMAT, unique_id=f"bisync-{name}")


def a_day(server: S3, top: Path) -> dict[str, str]:
    """What each picture's command said."""
    laptop, desktop = Device(top / "laptop", server), Device(top / "desktop", server)
    laptop.run("setup")
    desktop.run("setup")
    desktop.write("projects/plan.md", "the plan\n")
    desktop.write("reading/books.md", "what to read\n")
    laptop.write("ideas/innovation.md", "# New Idea\n")
    laptop.write("ideas/.env", "API_KEY=only-for-me\n")
    desktop.write("ideas/shared.md", "base\n")
    desktop.run("sync")
    laptop.run("sync")
    desktop.write("ideas/shared.md", "the desktop's version\n")
    desktop.write("reading/papers.md", "and these\n")
    desktop.run("sync")
    laptop.write("ideas/shared.md", "the laptop's version, which is newer\n")
    laptop.write("ideas/second.md", "# Another\n")
    (laptop.notes / "projects" / "plan.md").unlink()
    said = {"sync": on_a_terminal(laptop, *PICTURES["sync"])}
    said["status"] = on_a_terminal(laptop, *PICTURES["status"])
    for number in range(40):
        laptop.write(f"archive/{number:02}.md", f"Note {number}\n")
    laptop.run("sync")
    for number in range(26):
        (laptop.notes / "archive" / f"{number:02}.md").unlink()
    said["refused"] = on_a_terminal(laptop, *PICTURES["refused"], errors=True)
    return said


def main() -> None:
    """Make every picture anew."""
    with tempfile.TemporaryDirectory(prefix="bisync-pictures-") as name:
        top = Path(name).resolve()
        with serve_s3(top / "cloud", (BUCKET,)) as server:
            said = a_day(server, top)
    for picture, command in PICTURES.items():
        (ROOT / "docs" / f"{picture}.svg").write_text(export(picture, command, said[picture]) + "\n")


if __name__ == "__main__":
    main()

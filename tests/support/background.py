"""Stand-ins for what starts runs in the background: `systemctl`, `loginctl`, `launchctl` and `crontab` on a PATH.

They take the command lines of the real ones and no others, keep what they are told in a folder, and write down how they
were called. No test ever reaches the real ones, which would change the background of whoever runs it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_PROGRAM = r'''
import os, re, sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent / "kept"
CONFIG = Path(os.environ.get("XDG_CONFIG_HOME") or os.environ["HOME"] + "/.config")
UNITS = CONFIG / "systemd/user"
name, words = Path(sys.argv[0]).name, sys.argv[1:]
with (HERE / "calls").open("a") as calls:
    calls.write(" ".join([name, *words]) + "\n")


def fail(text, code=1):
    print(text, file=sys.stderr)
    sys.exit(code)


if (HERE / ("refuse-" + name)).exists():
    fail((HERE / ("refuse-" + name)).read_text())


def flag(kind, unit):
    return HERE / (kind + "-" + unit.replace("/", "-"))


def install_links(unit):
    """systemctl(1), enable: what [Install] asks for."""
    wanted = re.findall(r"^WantedBy=(\S+)$", (UNITS / unit).read_text(), re.MULTILINE)
    return [UNITS / (target + ".wants") / unit for target in wanted]


def systemctl():
    if words[:1] != ["--user"]:
        fail("only the user's own")
    verb, units = words[1], words[2:]
    if verb == "daemon-reload":
        return 0 if not units else fail("Too many arguments.")
    if verb not in ("is-active", "is-enabled", "enable", "start", "stop", "reset-failed") or len(units) != 1:
        fail("Unknown command verb %s." % verb)
    unit = units[0]
    if verb == "is-active":
        return 0 if flag("active", unit).exists() else 3
    if verb == "is-enabled":
        return 0 if (UNITS / unit).exists() and any(link.is_symlink() for link in install_links(unit)) else 1
    if verb == "reset-failed":
        fail("Failed to reset failed state of unit %s: Unit %s not loaded." % (unit, unit))
    if verb == "stop":
        if not (UNITS / unit).exists():
            fail("Failed to stop %s: Unit %s not loaded." % (unit, unit), 5)
        flag("active", unit).unlink(missing_ok=True)
        return 0
    if not (UNITS / unit).exists():
        fail("Failed to %s unit: Unit file %s does not exist." % (verb, unit), 5)
    if verb == "enable":
        for link in install_links(unit):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(UNITS / unit)
        return 0
    if (HERE / "refuse-start").exists() and "Restart=on-failure" in (UNITS / unit).read_text():
        fail("Job for %s failed because the control process exited with error code." % unit)
    flag("active", unit).touch()
    return 0


def loginctl():
    if words[:2] == ["--no-ask-password", "enable-linger"] and len(words) == 3:
        flag("linger", words[2]).touch()
        return 0
    if words[:1] == ["show-user"] and words[2:] == ["--property=Linger", "--value"]:
        print("yes" if flag("linger", words[1]).exists() else "no")
        return 0
    fail("Unknown command verb.")


def launchctl():
    verb, target = words[0], words[1]
    if verb == "print":
        return 0 if flag("loaded", target).exists() else 113
    if verb == "bootout":
        flag("loaded", target).unlink()
        return 0
    if verb == "bootstrap" and len(words) == 3:
        if (HERE / "refuse-start").exists():
            fail("Bootstrap failed: 5: Input/output error", 5)
        flag("loaded", target + "/" + Path(words[2]).stem).touch()
        return 0
    fail("Unrecognized subcommand: " + verb)


def crontab():
    table = HERE / "crontab"
    if words == ["-l"]:
        if not table.exists():
            fail("no crontab for anna")
        sys.stdout.buffer.write(table.read_bytes())
    elif words == ["-r"]:
        table.unlink()
    elif len(words) == 1 and not words[0].startswith("-"):
        raw = Path(words[0]).read_bytes()
        if not raw.endswith(b"\n"):
            fail("new crontab file is missing newline before EOF, can't install.")
        table.write_bytes(raw)
    else:
        fail("usage error")
    return 0


sys.exit(globals()[name]())
'''


class Background:
    """A PATH with stand-ins in it, and what they were told. Below `root`, which is not there yet."""

    def __init__(self, root: Path, *programs: str, home: Path) -> None:
        self.kept = root / "kept"
        self.bin = root / "bin"
        self.home = home
        self._runtime = root / "run"
        for folder in (self.kept, self.bin, self._runtime):
            folder.mkdir(parents=True)
        for name in programs:
            self.add(name)

    def add(self, name: str) -> None:
        """One more program; a `systemctl` comes with a user's systemd."""
        path = self.bin / name
        path.write_text(f"#!{sys.executable} -SE\n{_PROGRAM}")
        path.chmod(0o755)
        if name == "systemctl":
            (self._runtime / "systemd").mkdir()
            (self._runtime / "systemd" / "private").touch()

    def lose(self, name: str) -> None:
        """It is gone."""
        (self.bin / name).unlink()

    def refuse(self, what: str, words: str = "") -> None:
        """A program refuses everything with these words; or `start`: no service can be started."""
        (self.kept / f"refuse-{what}").write_text(words)

    def allow(self, what: str) -> None:
        """It does not refuse any more."""
        (self.kept / f"refuse-{what}").unlink()

    @property
    def environment(self) -> dict[str, str]:
        """What bisync sees: of the real machine's programs only those in the stand-ins' folder."""
        return {"PATH": str(self.bin), "XDG_RUNTIME_DIR": str(self._runtime)}

    @property
    def calls(self) -> list[str]:
        """Every call, in order."""
        path = self.kept / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def is_set(self, kind: str, of: str) -> bool:
        """Whether a unit is `active`, a user has `linger`, or an agent is `loaded`."""
        return (self.kept / f"{kind}-{of.replace('/', '-')}").exists()

    @property
    def units(self) -> dict[str, str]:
        """The user's units and the links that enable them, by path; a link as the name of what it leads to."""
        folder = self.home / ".config" / "systemd" / "user"
        return {
            str(path.relative_to(folder)): f"-> {path.readlink().name}"
            if path.is_symlink()
            else path.read_text()
            for path in sorted(folder.rglob("*"))
            if path.is_symlink() or path.is_file()
        }

    @property
    def crontab(self) -> str | None:
        """The crontab, None where there is none."""
        path = self.kept / "crontab"
        return path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else None

    @crontab.setter
    def crontab(self, text: str) -> None:
        (self.kept / "crontab").write_bytes(text.encode("utf-8", "surrogateescape"))


def cron_runs(line: str) -> str:
    """The shell command that cron makes of a line: what follows the times, `\\%` as `%`, an end at a bare `%`.

    crontab(5), "The sixth field".
    """
    times = 1 if line.startswith("@") else 5
    command = line.split(" ", times)[times]
    return re.sub(r"\\%", "%", re.split(r"(?<!\\)%", command)[0])

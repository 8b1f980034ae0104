"""A user's own systemd: units in the home, systemctl and loginctl. Nothing here needs root."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

from bisync.errors import BisyncError
from bisync.files import atomic_write, private_dir
from bisync.schedule.form import Form, Job, form_of
from bisync.schedule.scheduler import Around, Found, Todo
from bisync.schedule.texts import systemd_texts

# Units hold no secret, and other tools read them.
UNIT_MODE = 0o644
# systemctl(1), "Exit status".
NOT_LOADED = 5


def reached(around: Around) -> Around | None:
    """With what systemctl finds the user's systemd; None where there is none, as in a container or by plain `su`.

    Its socket says so (systemd's sd-bus talks to it without any D-Bus). pam_systemd sets $XDG_RUNTIME_DIR; cron and
    `su` do not, and then it is the usual place.
    """
    runtime = around.env.get("XDG_RUNTIME_DIR") or f"/run/user/{around.uid}"
    if not around.finds("systemctl") or not os.path.exists(f"{runtime}/systemd/private"):  # noqa: PTH110
        return None
    return replace(around, env={**around.env, "XDG_RUNTIME_DIR": runtime})


@dataclass(frozen=True, slots=True, kw_only=True)
class Systemd:
    """The user's systemd. `manager`: with what it is reached; None: it cannot be, only its files can be looked at."""

    around: Around
    manager: Around | None
    kind: str = "systemd"

    @property
    def folder(self) -> Path:
        """Where a user's own units lie (systemd.unit(5))."""
        config = self.around.env.get("XDG_CONFIG_HOME") or self.around.home / ".config"
        return Path(config) / "systemd" / "user"

    def as_it_can(self, form: Form) -> Form:
        """Any form."""
        return form

    def texts(self, job: Job, form: Form) -> dict[str, str]:
        """The units by path. Raises BisyncError."""
        return {str(self.folder / name): text for name, text in systemd_texts(job, form).items()}

    def find(self, name: str) -> Found | None:
        """The units that lie in the home. Raises BisyncError."""
        texts = {str(path): raw.decode(errors="replace") for path, raw in self._read(name).items()}
        if not texts:
            return None
        unit = self._unit(name, texts)
        active = self.manager.ask(_systemctl("is-active", unit)).code == 0 if self.manager else None
        return Found(form=form_of("\n".join(texts.values())), texts=texts, active=active)

    def install(self, job: Job, form: Form) -> bool:
        """Write the units, then enable and start them; on failure put back what was there."""
        wanted = {Path(path): text.encode() for path, text in self.texts(job, form).items()}
        before = self._read(job.name)
        unit = self._unit(job.name, map(str, wanted))
        if before == wanted and self._stands(unit):
            self._allow_boot(form)
            return False
        units = sorted({*wanted, *before})
        for path in units:
            _refuse_odd(path)
        links = self._links(job.name)
        was_active = self._was_active(job.name, before)
        try:
            # Also one whose file somebody has removed while it ran: to start it would change nothing.
            self._stop(units)
            self._write(wanted, links)
            self._tell("enable", unit)
            self._tell("start", unit)
        except BaseException:
            self._put_back(job.name, before, links, was_active)
            raise
        for path in before.keys() - wanted.keys():
            path.unlink()
            self._tell("daemon-reload")
        self._allow_boot(form)
        return True

    def remove(self, name: str) -> None:
        """Stop the units, and take them away. A unit that is a link goes as a link; what it points to stays."""
        before = self._read(name)
        self._stop(before)
        for path in (*self._links(name), *before):
            path.unlink()
        self._tell("daemon-reload")
        for path in before:
            # One that failed would be listed on, though there is nothing to look at any more.
            self._reach().ask(_systemctl("reset-failed", path.name))

    def to_type(self, job: Job, form: Form) -> tuple[Todo, ...]:
        """What lets the user's systemd start with the machine, where we may not."""
        if not form.at_boot or self.manager is None:
            return ()
        asked = ["loginctl", "show-user", str(self.around.uid), "--property=Linger", "--value"]
        if self.manager.finds("loginctl") and self.manager.ask(asked).out.strip() == "yes":
            return ()
        return (Todo("to start it with the machine", f"sudo loginctl enable-linger {self.around.uid}"),)

    def log(self, job: Job) -> str:
        """journalctl, for this unit."""
        return f"journalctl --user -u {quote(job.name)}"

    def _allow_boot(self, form: Form) -> None:
        """Let the user's systemd start with the machine. Where that is not ours to decide, `to_type` says so."""
        if form.at_boot and self._reach().finds("loginctl"):
            self._reach().ask(["loginctl", "--no-ask-password", "enable-linger", str(self.around.uid)])

    def _read(self, name: str) -> dict[Path, bytes]:
        """The units that are there, also where a name is a link to nothing or to /dev/null: those read as nothing."""
        found = {}
        for path in (self.folder / f"{name}.service", self.folder / f"{name}.timer"):
            if os.path.lexists(path):
                found[path] = path.read_bytes() if path.is_file() else b""
        return found

    def _links(self, name: str) -> dict[Path, str]:
        """The links that `systemctl enable` made, and where they point."""
        wanted = (("default.target.wants", "service"), ("timers.target.wants", "timer"))
        links = (self.folder / target / f"{name}.{kind}" for target, kind in wanted)
        return {path: str(path.readlink()) for path in links if path.is_symlink()}

    def _write(self, wanted: Mapping[Path, bytes], links: Iterable[Path]) -> None:
        """Write these units, none of them enabled.

        Not by `systemctl disable`: that would also remove a unit that is a link into a dotfiles repository.
        """
        for path in links:
            path.unlink(missing_ok=True)
        private_dir(self.folder)
        for path, raw in wanted.items():
            atomic_write(path, raw, mode=UNIT_MODE)
        self._tell("daemon-reload")

    def _put_back(
        self, name: str, before: Mapping[Path, bytes], links: Mapping[Path, str], was_active: Iterable[str]
    ) -> None:
        """All as it was before, as far as it goes: what has gone wrong is told already."""
        with suppress(BisyncError, OSError):
            self._stop(self._read(name))
        for path in {*self._read(name), *self._links(name)} - {*before, *links}:
            path.unlink(missing_ok=True)
        there = self._read(name)
        for path, raw in before.items() - there.items():
            with suppress(OSError):
                atomic_write(path, raw, mode=UNIT_MODE)
        for path, target in links.items():
            with suppress(OSError):
                path.symlink_to(target)
        with suppress(BisyncError):
            self._tell("daemon-reload")
        for unit in was_active:
            with suppress(BisyncError):
                self._tell("start", unit)

    def _was_active(self, name: str, before: Mapping[Path, bytes]) -> tuple[str, ...]:
        if not before:
            return ()
        unit = self._unit(name, map(str, before))
        return (unit,) if self._reach().ask(_systemctl("is-active", unit)).code == 0 else ()

    def _stands(self, unit: str) -> bool:
        """Whether a unit is enabled and active."""
        asked = (_systemctl(word, unit) for word in ("is-enabled", "is-active"))
        return all(self._reach().ask(argv).code == 0 for argv in asked)

    def _stop(self, units: Iterable[Path]) -> None:
        """The timer first: it would start the service anew. One that systemd has never read does not run."""
        for path in sorted(units, key=lambda path: path.suffix, reverse=True):
            answer = self._reach().ask(_systemctl("stop", path.name))
            if answer.code not in (0, NOT_LOADED):
                raise BisyncError(
                    f"systemctl --user stop {path.name}: {answer.last}", hint="see: systemctl --user status"
                )

    @staticmethod
    def _unit(name: str, places: Iterable[str]) -> str:
        """The unit that is enabled: the timer where there is one."""
        return f"{name}.timer" if any(place.endswith(".timer") for place in places) else f"{name}.service"

    def _tell(self, *words: str) -> None:
        hint = (
            f"see: journalctl --user -u {words[-1]}"
            if words[0] == "start"
            else "see: systemctl --user status"
        )
        self._reach().tell(_systemctl(*words), hint=hint)

    def _reach(self) -> Around:
        """Raises BisyncError where the user's systemd cannot be reached from here."""
        if self.manager is None:
            raise self.unreached()
        return self.manager

    def unreached(self) -> BisyncError:
        """What is the matter where units lie in the home that nothing can be done about from here."""
        return BisyncError(
            f"units lie in {self.folder}, and your systemd cannot be reached from here",
            hint="log in as this user (not by su or sudo), and run it again",
        )


def _systemctl(*words: str) -> list[str]:
    return ["systemctl", "--user", *words]


def _refuse_odd(path: Path) -> None:
    """Raise BisyncError for a unit that is masked, or whose link leads to no file: nothing is written through it."""
    if os.path.lexists(path) and not path.is_file():
        masked = os.path.realpath(path) == os.devnull
        raise BisyncError(
            f"{path} is masked" if masked else f"{path} leads to no file",
            hint=f"type: systemctl --user unmask {path.name}" if masked else f"remove it: {quote(str(path))}",
        )

"""What is to run in the background, and when: values, and how they are spelled. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bisync.errors import UsageError

HOUR, DAY = 60, 24 * 60
# What cron can say exactly (crontab(5)): parts of an hour, parts of a day, a day. All schedulers take the same.
INTERVALS = (
    *(minutes for minutes in range(1, HOUR) if HOUR % minutes == 0),
    *(hours * HOUR for hours in range(1, 24) if 24 % hours == 0),
    DAY,
)
_UNITS = {
    "m": 1,
    "min": 1,
    "minute": 1,
    "minutes": 1,
    "h": HOUR,
    "hour": HOUR,
    "hours": HOUR,
    "d": DAY,
    "day": DAY,
}
_INTERVAL = re.compile(rf"(\d{{1,4}}) ?({'|'.join(_UNITS)})", re.ASCII)
SLUG_LENGTH = 24

# Where things are found, and nothing else: no variable here holds a secret.
PLACES = (
    "PATH", "XDG_CONFIG_HOME", "BISYNC_RCLONE", "RCLONE_CONFIG", "RCLONE_CA_CERT", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "BASIC_MEMORY_CONFIG_DIR", "BASIC_MEMORY_API_URL", "BASIC_MEMORY_CLOUD_HOST", "BASIC_MEMORY_CLOUD_DOMAIN",
    "BASIC_MEMORY_CLOUD_CLIENT_ID", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
)  # fmt: skip
# How the network is reached; a password may stand in one (curl(1), "ENVIRONMENT").
PROXIES = tuple(
    spelled
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    for spelled in (name, name.upper())
)
# Those whose paths count from the folder in which somebody types; a service has another.
_RELATIVE = ("RCLONE_CONFIG", "RCLONE_CA_CERT", "SSL_CERT_FILE", "AWS_CONFIG_FILE",
             "AWS_SHARED_CREDENTIALS_FILE")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """When it runs. `interval` in minutes, one of INTERVALS; None: all the time, it watches.

    `at_boot`: also before anybody has logged in.
    """

    interval: int | None = None
    at_boot: bool = False

    @property
    def command(self) -> str:
        """What somebody types to have it: it is written into what is installed, and read from there."""
        given = "" if self.interval is None else f" --interval {interval_text(self.interval)}"
        return f"bisync schedule install{given}{' --at boot' if self.at_boot else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What runs, all of it absolute.

    `program`: how the program bisync is started; `env`: the variables it is given; `log`: where its words go where
    the scheduler keeps none.
    """

    name: str
    manifest: Path
    program: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    log: Path

    def argv(self, form: Form) -> tuple[str, ...]:
        """The command line."""
        watch = ("--watch",) if form.interval is None else ()
        return (*self.program, "sync", *watch, "--manifest", str(self.manifest))


def parse_interval(text: str) -> int:
    """Minutes from "5min", "2h" or "1 day". Raises UsageError for what is none, or none of INTERVALS."""
    said = _INTERVAL.fullmatch(text.strip().lower())
    minutes = int(said[1]) * _UNITS[said[2]] if said else 0
    if minutes not in INTERVALS:
        known = ", ".join(map(interval_text, INTERVALS))
        raise UsageError(
            f"--interval takes one of {known}; not {text!r}",
            hint="as in: bisync schedule install --interval 5min",
        )
    return minutes


def interval_text(minutes: int) -> str:
    """Minutes as they are typed: 5min, 2h, 1d."""
    for unit, length in (("d", DAY), ("h", HOUR)):
        if minutes % length == 0:
            return f"{minutes // length}{unit}"
    return f"{minutes}min"


def form_of(text: str) -> Form | None:
    """The form of what is installed, from its text; None where it does not say (somebody has edited it)."""
    said = re.search(r"bisync schedule install((?: --[a-z]+ \w+)*)$", text, flags=re.MULTILINE)
    if said is None:
        return None
    words = said[1].split()
    given = dict(zip(words[::2], words[1::2], strict=True))
    interval = given.get("--interval")
    try:
        return Form(interval=parse_interval(interval) if interval else None, at_boot="--at" in given)
    except UsageError:
        return None


def job_name(manifest: Path) -> str:
    """One name for each manifest, by its absolute path: bisync-dotfiles-1f2e3d4c5b.

    In it what a person knows the manifest by: its folder's name, or its own where it is not called bisync.yaml.
    """
    known = manifest.parent.name if manifest.name == "bisync.yaml" else manifest.stem
    plain = unicodedata.normalize("NFKD", known).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG_LENGTH].rstrip("-")
    digest = hashlib.sha256(str(manifest).encode("utf-8", "surrogateescape")).hexdigest()[:10]
    return f"bisync-{slug}-{digest}" if slug else f"bisync-{digest}"


def kept_environment(env: Mapping[str, str], cwd: Path) -> tuple[tuple[str, str], ...]:
    """The variables of `env` that a service has to be given to find the same things; `cwd`: where somebody types."""
    secret = with_password(env)
    found = ((name, env[name]) for name in (*PLACES, *PROXIES) if env.get(name) and name not in secret)
    return tuple((name, str(cwd / value) if name in _RELATIVE else value) for name, value in found)


def with_password(env: Mapping[str, str]) -> tuple[str, ...]:
    """The variables of `env` that name a proxy together with a user and password: those are not written down."""
    return tuple(name for name in PROXIES if "@" in env.get(name, ""))

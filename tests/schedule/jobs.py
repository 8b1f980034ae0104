"""Jobs for tests: an ordinary one, and one whose every path is as odd as a path can be."""

from __future__ import annotations

from pathlib import Path

from bisync.schedule.form import Form, Job, job_name

WATCH = Form()
OFTEN = Form(interval=5)
DAILY = Form(interval=24 * 60)

# What a unit, a property list and a crontab line can all hold; BACKSLASHES: what no crontab line can.
BACKSLASHES = "\\n \\\\x41"
ODD = 'it\'s "100%" <b>&amp; $HOME `id` %h ;# ünï 日本 {x}'


def job(
    manifest: str = "/home/anna/notes/bisync.yaml",
    program: tuple[str, ...] = ("/opt/venv/bin/bisync",),
    **env: str,
) -> Job:
    path = Path(manifest)
    given = {"PATH": "/usr/local/bin:/usr/bin", **env}
    name = job_name(path)
    log = path.parent / "state" / f"{name}.log"
    return Job(name=name, manifest=path, program=program, env=tuple(given.items()), log=log)


def odd_job(more: str = "") -> Job:
    """Everything but the program has an odd path. `more`: what else is in it."""
    odd = ODD + more
    return job(f"/home/{odd}/bisync.yaml", PATH=f"/a b:/{odd}", RCLONE_CONFIG=f"/{odd}.conf")

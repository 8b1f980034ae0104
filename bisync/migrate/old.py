"""The old set-up goes, as far as it is asked for and known by name: sections of rclone.conf, paths in config.json.

The old files stay where they are, and so does what only its owner should touch (fstab, davfs2): it is pointed out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bisync.manifest import bm_config
from bisync.migrate.found import Find, Project
from bisync.rclone import conf


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """What of the old set-up there is. `wanted`: it is to go.

    `section`: the remote of rclone.conf that was moved over from. `projects`: those of config.json that were, each
    with its folder from now on. `others`: what is pointed out.
    """

    wanted: bool = False
    section: str | None = None
    projects: tuple[tuple[Project, Path], ...] = ()
    others: tuple[Find, ...] = ()

    @property
    def configs(self) -> tuple[Path, ...]:
        """The files of the vendor's that may be changed."""
        return tuple(dict.fromkeys(project.config for project, _ in self.projects)) if self.wanted else ()


def has_section(old: Old, rclone_config: Path) -> bool:
    """Whether rclone.conf has the remote that was moved over from. Raises RcloneError."""
    return old.section is not None and _is_webdav(rclone_config, old.section)


def is_there(old: Old, rclone_config: Path) -> bool:
    """Whether there is anything to remove that is to go. Raises RcloneError."""
    section = has_section(old, rclone_config)
    return old.wanted and (section or any(project.dir != folder for project, folder in old.projects))


def remove(old: Old, rclone_config: Path) -> list[str]:
    """Remove what is to go; what was done. Raises RcloneError, ManifestError."""
    if not old.wanted:
        return []
    done = []
    if (
        old.section is not None
        and _is_webdav(rclone_config, old.section)
        and conf.remove_section(rclone_config, old.section)
    ):
        done.append(f"[{old.section}] is gone from {rclone_config}")
    for project, folder in old.projects:
        if bm_config.set_project_path(project.config, project.name, folder):
            done.append(f"project {project.name} is at {folder} now ({project.config})")
    return done


def planned(old: Old, rclone_config: Path) -> list[str]:
    """What `remove` would do, for people."""
    if not old.wanted:
        return []
    found = []
    if old.section is not None and _is_webdav(rclone_config, old.section):
        found.append(f"remove [{old.section}] from {rclone_config}")
    return [*found, *(f"point project {one.name} at {folder} ({one.config})" for one, folder in old.projects)]


def _is_webdav(rclone_config: Path, section: str) -> bool:
    return conf.read_sections(conf.read(rclone_config)).get(section, {}).get("type") == "webdav"


def left(old: Old, rclone_config: Path) -> list[str]:
    """What is left of it for its owner to see to."""
    gone = f"{old.section}:" if old.section is not None and old.wanted else None
    return [f"{one.what} {one.place} ({one.note})" for one in old.others if one.place != gone]

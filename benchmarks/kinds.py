"""2,000 notes on every kind of remote: an idle run and one edit, beside bare `rclone bisync` in the same run.

    python -m benchmarks.kinds [--files 2000] [--rounds 5] [--kinds sftp,webdav]

Two equal trees and folders of one remote: one kept by `bisync sync`, the other by `rclone bisync` with the flags that
serve it best there. Each round does the same to both, in turns; medians count. Exits 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.bare import Bare, Cost, is_over, told
from benchmarks.far import port_away
from benchmarks.far_notes import edit, ours
from bisync.config import Compare
from bisync.core.abilities import Abilities
from bisync.rclone.remote import Remote
from tests.support.kinds import KINDS, Kinds, kinds_of_remotes

LIMIT = 1.0


_PORT = re.compile(r"(127\.0\.0\.1:|port = )(\d+)")


@contextmanager
def moved_away(kinds: Kinds) -> Iterator[Kinds]:
    """The same remotes, with every server among them 20 ms away."""
    with ExitStack() as stack:
        away = {
            port: stack.enter_context(port_away(int(port)))
            for port in {found[1] for found in _PORT.findall(kinds.conf)}
        }
        conf = _PORT.sub(lambda found: f"{found[1]}{away[found[2]]}", kinds.conf)
        (kinds.folder / "rclone.conf").write_text(conf)
        yield replace(kinds, conf=conf)


def best(kind: str) -> tuple[Compare, tuple[str, ...]]:
    """How bare bisync tells changes there in the cheapest way that sees them, and its other flags.

    Over an enciphered bucket that is the files' own times, one request each: by the times of upload it takes all that
    it has just sent for changed, and stops.
    """
    told_by = KINDS[kind]
    if told_by == "checksum":
        return Compare.CHECKSUM, ()
    return Compare.MODTIME, ()


def measured(kinds: Kinds, kind: str, top: Path, files: int, rounds: int) -> dict[str, Cost]:
    """The medians on one kind."""
    device = kinds.device(top / "ours", kind, "ours", profile="balanced")
    device.setup()
    compare, flags = best(kind)
    remote = Remote(
        fs=f"{kind}:bare/",
        label=kind,
        can=Abilities(),
        env={"RCLONE_CONFIG": str(kinds.folder / "rclone.conf")},
    )
    other = Bare(
        top / "bare",
        remote,
        (device.state / "filters.rclone").read_text(),
        compare=compare,
        fast_list=kind not in {"sftp"},
        flags=flags,
    )
    for tree in (device.notes, other.tree):
        edit(tree, range(files), "as it was")
    ours(device)
    other.sync("--resync")
    other.sync()
    ours(device)
    found: dict[str, list[Cost]] = {}
    for fresh in range(rounds):
        found.setdefault("idle", []).append(ours(device))
        found.setdefault("bare, idle", []).append(other.sync())
        for tree in (device.notes, other.tree):
            edit(tree, range(fresh, fresh + 1), f"edited in round {fresh}")
        time.sleep(0.1)
        found.setdefault("one edit", []).append(ours(device))
        found.setdefault("bare, one edit", []).append(other.sync())
    for one in (device.tree(), {}):
        assert not one or "edited in round" in one["folder-00/note-00000.md"]
    return told({f"{kind}: {name}": costs for name, costs in found.items()})


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kinds", default=",".join(KINDS))
    options = parser.parse_args()
    wanted, over = options.kinds.split(","), False
    with (
        tempfile.TemporaryDirectory(prefix="bisync-benchmark-") as name,
        kinds_of_remotes(Path(name, "remotes"), wanted) as near,
        moved_away(near) as kinds,
    ):
        for kind in wanted:
            top = Path(name, kind).resolve()
            cost = measured(kinds, kind, top, options.files, options.rounds)
            limits = [(f"{kind}: {what}", f"{kind}: bare, {what}", LIMIT) for what in ("idle", "one edit")]
            over = is_over(cost, limits) or over
            shutil.rmtree(top)
    return int(over)


if __name__ == "__main__":
    sys.exit(main())

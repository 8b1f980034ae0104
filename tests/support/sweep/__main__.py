"""Every fault at every moment of a sync that does everything, and of a first setup. Hours; a sample is quicker.

python -m tests.support.sweep
python -m tests.support.sweep --scene sync --every 20
python -m tests.support.sweep --scene sync --only line:12 --fault kill
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.sweep.faults import ERRORS, FAULTS, applies
from tests.support.sweep.moments import Moment, Series
from tests.support.sweep.play import Case, scene
from tests.support.sweep.verdict import Verdict, judge, undisturbed

SCENES = ("sync", "setup")
PROGRESS_SECONDS = 30
LISTINGS_EVERY = 10
"""Having bisync read the listings costs as much as the rest; so it is done for one case in so many."""


def cases(moments: Sequence[Moment], faults: Sequence[str]) -> list[Case]:
    """Every fault that is a case of its own, at every moment."""
    found, before = [], dict[Series, Moment]()
    for moment in moments:
        last = before.get(moment.series)
        found += [Case(moment.series, moment.number, one) for one in faults if applies(one, moment, last)]
        before[moment.series] = moment
    return found


def _picked(every: Sequence[Case], arguments: argparse.Namespace) -> Sequence[Case]:
    """Those that are asked for: of some moments, or one in so many."""
    if arguments.only:
        series, _, numbers = arguments.only.rpartition(":")
        first, _, last = numbers.partition("-")
        wanted = range(int(first), int(last or first) + 1)
        every = [case for case in every if case.series == (series or "file") and case.number in wanted]
    # By chance, or one in six would be the same fault each time. What the offsets below K pick is all of it, once: also
    # where rclone says a line more in one of them, for a case is told by itself and not by how many there are.
    return [case for case in every if zlib.crc32(str(case).encode()) % arguments.every == arguments.offset]


def sweep(name: str, folder: Path, arguments: argparse.Namespace) -> int:
    """Play one scene's cases and tell of them; how many failed."""
    made = scene(name, folder)
    alone, wanted = undisturbed(made)
    every = cases(alone.moments, arguments.fault or FAULTS)
    picked = _picked(every, arguments)
    count = Counter(moment.series for moment in alone.moments)
    print(
        f"{name}: {count['file']} file operations and {count['line']} lines of rclone's log, "
        f"{len(every)} cases, {len(picked)} of them are played",
        flush=True,
    )
    if arguments.list:
        for moment in alone.moments:
            print(f"  {moment.series}:{moment.number} {moment.words}{' [rclone]' if moment.rclone else ''}")
        return 0
    began = said = time.monotonic()
    failed, passed, ends = 0, 0, Counter[str]()
    for number, case in enumerate(picked):
        verdict = judge(made, case, wanted, listings=number % LISTINGS_EVERY == 0)
        if verdict is None:
            passed += 1
            continue
        for line in _told(name, verdict):
            print(line, flush=True)
        failed += bool(verdict.wrong)
        ends[_end(verdict)] += 1
        if time.monotonic() - said > PROGRESS_SECONDS:
            said = time.monotonic()
            print(f"{name}: {number + 1} of {len(picked)}, {failed} failed, {said - began:.0f} s", flush=True)
    print(f"{name}: {len(picked)} cases, {failed} failed, {time.monotonic() - began:.0f} s")
    if passed:
        print(f"{name}: {passed} moments did not come this time (rclone says more or less)")
    for words, times in sorted(ends.items()):
        print(f"  {times:5} {words}")
    return failed


def _told(name: str, verdict: Verdict) -> Iterator[str]:
    if verdict.wrong:
        case = verdict.case
        yield f"FAILED {name}: {case}: {verdict.words}"
        yield from (f"    {line}" for one in verdict.wrong for line in one.splitlines())
        if verdict.ended is not None:
            yield f"    the run: {verdict.ended._replace(raised=None)}"
        only = f"--only {case.series}:{case.number} --fault {case.fault}"
        yield f"    python -m tests.support.sweep --scene {name} {only}"


def _end(verdict: Verdict) -> str:
    """How the run ended, for the summary."""
    fault, ended = verdict.case.fault, verdict.ended
    if ended is None:
        return f"{fault}: killed"
    how = "ended well" if ended.exit_code == 0 else f"exit code {ended.exit_code}"
    kind = "error" if ended.error else "files left out" if ended.left_out else ""
    if ended.error and fault not in ERRORS:
        kind = f"error: {ended.error[:90]}"
    return f"{fault}: {how}{', ' if kind else ''}{kind}"


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. 0: everything held; 1: a case failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.sweep",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--scene", choices=SCENES, help="only this kind of run")
    parser.add_argument("--fault", choices=FAULTS, action="append", help="only this fault (repeatable)")
    parser.add_argument("--only", metavar="[SERIES:]N[-M]", help="only these moments: file:12-20, line:3")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="one case in K")
    parser.add_argument("--offset", type=int, default=0, help="which of K such pieces, from 0")
    parser.add_argument("--list", action="store_true", help="say what the moments are, and play nothing")
    arguments = parser.parse_args(argv)
    folder = Path(tempfile.mkdtemp(prefix="bisync-sweep-"))
    scenes = [arguments.scene] if arguments.scene else SCENES
    failed = sum(sweep(name, folder / name, arguments) for name in scenes)
    shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""What has to hold after a fault: the next runs bring everything in order by themselves, and nothing is lost."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from typing import NamedTuple

from tests.support.bare import accepts
from tests.support.busy import CHANGED_THERE, GONE, SECRET, decided
from tests.support.sweep.faults import DEEDS, ERRORS, KILLS
from tests.support.sweep.play import Case, Ended, Played, Scene, play
from tests.support.torture import await_free
from tests.support.world import serve_s3

# The contract's exit codes that a run may end with.
KNOWN = {0, 1, 2, 4, 5, 6, 130}
# A disk that refuses makes a run fail, or leave out a file; it does not look like something else. (2: an ignore file
# that cannot be read.)
SOBER = {0, 1, 2}
_COPY = re.compile(r"(\.conflict\d*)+$")


class Verdict(NamedTuple):
    """A case that was played: what is wrong, in words, and how the run itself ended."""

    case: Case
    words: str
    wrong: tuple[str, ...]
    ended: Ended | None


class Wanted(NamedTuple):
    """What the run makes of the tree when it is left alone."""

    tree: dict[str, str]


def undisturbed(scene: Scene) -> tuple[Played, Wanted]:
    """The run when it is left alone: its moments, and the tree it makes."""
    scene.world.restore()
    with serve_s3(scene.world.cloud, port=scene.port):
        played = play(scene, None)
        assert played.ended is not None and played.ended.error is None, played.ended
        tree = scene.world.device.tree()
        wrong, _ = _heal(scene)
        assert not wrong, wrong
        assert scene.world.device.tree() == tree
        assert accepts(scene.world.device)
    return played, Wanted(tree)


def judge(scene: Scene, case: Case, wanted: Wanted, *, listings: bool) -> Verdict | None:
    """Play a case; None where its moment never came. `listings`: have bisync itself read them, too."""
    world, device = scene.world, scene.world.device
    world.restore()
    with serve_s3(world.cloud, port=scene.port):
        there = set(world.there().values())
        at_stake = {*device.tree().values(), *there}
        played = play(scene, case)
        if not played.moments and not played.hangs:
            return None
        await_free(device)
        wrong = [*_of_the_run(case, played)]
        again, brought = _heal(scene)
        wrong += again
        deed = played.deed
        # What was just on its way up, rclone takes back when it finds another file, or none, at the end.
        travels = deed is not None and played.moments[0].rclone and deed.before not in there
        if deed is not None and deed.before is not None and (deed.alone or travels):
            at_stake.discard(deed.before)
        if deed is not None and deed.after is not None:
            at_stake.add(deed.after)
        lost = at_stake - world.versions()
        wrong += [f"lost: {sorted(lost)}"] if lost else []
        wrong += _of_the_trees(scene, case, played, wanted)
        if listings and not wrong and not accepts(device):
            wrong.append("bisync does not accept the listings")
    words = played.moments[0].words if played.moments else "?"
    if deed is not None:
        words += f" (the user's {deed.path}: {deed.before!r} -> {deed.after!r})"
    return Verdict(case, words, (*wrong, *(brought if wrong else ())), played.ended)


def _of_the_run(case: Case, played: Played) -> Iterator[str]:
    """How the faulty run itself may end."""
    ended = played.ended
    if played.hangs:
        yield "the run hangs"
    elif case.fault in KILLS:
        if ended is not None:
            yield f"it lived on: {ended}"
    elif ended is None:
        yield "the run ended without a word"
    elif ended.raised not in (None, "Ctrl-C"):
        yield f"the run raised: {ended.raised}"
    elif ended.exit_code not in (SOBER if case.fault in ERRORS else KNOWN):
        yield f"the run ended with {ended}"
    elif case.fault == "ctrl-c" and ended.raised is None:
        yield f"Ctrl-C was not heeded: {ended}"
    elif ended.exit_code == 1 and not (ended.error or ended.left_out):
        yield f"the run failed without a word: {ended}"


def _heal(scene: Scene) -> tuple[list[str], list[str]]:
    """What is wrong with the runs that follow; and what they said, for whoever looks into it."""
    said: list[str] = []
    for number, run in enumerate(scene.heals):
        try:
            ended = run(scene.world.device)
        except Exception as error:
            return [f"run {number + 1} after it raised: {''.join(traceback.format_exception(error))}"], said
        said.append(f"  run {number + 1} after it: {ended}")
        if ended.exit_code != 0:
            return [f"run {number + 1} after it: {ended}"], said
        if ended.idle:
            return [], said
    return ["the runs after it never come to rest"], said


def _of_the_trees(scene: Scene, case: Case, played: Played, wanted: Wanted) -> Iterator[str]:
    world, device, deed = scene.world, scene.world.device, played.deed
    here, there = device.tree(), world.there()
    mine = {path: text for path, text in here.items() if path not in world.ignored or path in there}
    if mine != there:
        different = {path for path in mine.keys() | there.keys() if mine.get(path) != there.get(path)}
        yield f"the sides differ: {sorted((path, mine.get(path), there.get(path)) for path in different)}"
    own_doing = deed is not None and deed.path == ".bmignore" and deed.after is None
    if SECRET in there and not own_doing:
        yield "the secret is in the bucket"
    back = (GONE if scene.name == "sync" else set()) & here.keys()
    if deed is not None:
        back.discard(deed.path)
    if back:
        yield f"came back: {sorted(back)}"
    gone = deed is not None and deed.after is None and _COPY.sub("", deed.path) not in CHANGED_THERE
    if deed is not None and gone and (deed.path in here or deed.path in there):
        yield f"what the user deleted came back: {deed.path}"
    if case.fault not in DEEDS:
        if decided(here) != decided(wanted.tree):
            yield f"another tree: {sorted(decided(here).items() ^ decided(wanted.tree).items())}"
        if scene.name == "sync" and set(here.values()) != set(wanted.tree.values()):
            yield f"other contents: {sorted(set(here.values()) ^ set(wanted.tree.values()))}"
    left = [
        f".basic-memory/{name}"
        for name in ("hold", "staging")
        if (device.notes / ".basic-memory" / name).exists()
    ]
    # What a disk does not let go of the frame stays for the next run that needs one.
    states = ("run.json",) if case.fault in ERRORS else ("run.json", "frame")
    left += [name for name in states if (device.state / name).exists()]
    left += [str(path) for path in device.notes.rglob("*.bisync-partial")]
    if left:
        yield f"left behind: {left}"

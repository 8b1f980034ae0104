"""The game: one history played, and what the laws remember of it."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING

from bisync.config import Compare
from bisync.core.guard import refusals
from bisync.core.plan import Mode, Plan
from tests.support.paper import laws
from tests.support.paper.laws import Broken, Law
from tests.support.paper.run import Obstructed, Run
from tests.support.paper.world import Core, Device, File, Object, World, hides, is_ignored, key_of

if TYPE_CHECKING:
    from tests.support.paper.steps import Sync


class Game:
    """A world in play.

    `live`: contents that no user and no other program has replaced or deleted. `gone`: paths and contents
    that were replaced or deleted while nobody else had a change of that path.
    """

    def __init__(self, compares: Sequence[Compare], precision: int, core: Core) -> None:
        self.world = World(compares, precision)
        self.core = core
        self.live: set[int] = set()
        self.gone: set[tuple[str, int]] = set()
        self.plans = 0
        self._written: set[int] = set()
        self._running = False

    def device(self, number: int) -> Device:
        """A device by its number, whatever the number."""
        return self.world.devices[number % len(self.world.devices)]

    # -- what users and other programs do -----------------------------------------------------------------

    def write(self, device: Device, name: str, file: File) -> None:
        """A user writes a file that the disk can have."""
        self._let_go(device, name)
        device.tree[name] = file
        self._note_written(key_of(name), file.content)

    def remove(self, device: Device, name: str) -> None:
        """A user deletes a file."""
        self._let_go(device, name)
        del device.tree[name]

    def move(self, device: Device, old: str, new: str) -> None:
        """A user renames a file, over another one maybe."""
        self._note_leaving(key_of(old), device)
        file = device.tree.pop(old)
        self._let_go(device, new)
        device.tree[new] = file._replace(stamp=file.stamp._replace(ctime_ns=self.world.tick()))
        self._note_written(key_of(new), file.content)

    def put(self, path: str, there: Object | None) -> None:
        """Another program writes straight into the store, or deletes there."""
        old = self.world.store.pop(path, None)
        if old is not None:
            self._note_leaving(path, None)
            self.live.discard(old.content)
        if there is not None:
            self.world.store[path] = there
            self._note_written(path, there.content)
            if self._running:
                # What a run finds in an upload's way by then goes to the store's trash.
                self.live.discard(there.content)

    def forget(self, paths: Container[str]) -> None:
        """Whatever lies under these paths from now on may have lain there before."""
        self.gone = {pair for pair in self.gone if pair[0] not in paths}

    def _let_go(self, device: Device, name: str) -> None:
        old = device.tree.get(name)
        if old is not None:
            self._note_leaving(key_of(name), device)
            self.live.discard(old.content)

    def _note_written(self, path: str, content: int) -> None:
        self.gone.discard((path, content))
        if content not in self._written:
            self._written.add(content)
            self.live.add(content)

    def _note_leaving(self, path: str, device: Device | None) -> None:
        """A path's content goes: for good, unless somebody has a change of that path still to sync."""
        there = self.world.store.get(path)
        found = set() if there is None else {there.content}
        for each in self.world.devices:
            files = [file for name, file in each.tree.items() if key_of(name) == path]
            if len(files) > 1 or is_ignored(path, each.rules):
                return
            for file in files:
                known = each.known.get(path)
                if known is None or not known.is_file(file):
                    return
                if each is device and there is not None and not known.is_object(there, self.world.precision):
                    return
                found.add(file.content)
        self.gone |= {(path, content) for content in found}

    # -- runs ---------------------------------------------------------------------------------------------

    def sync(self, step: Sync) -> Plan | None:
        """One run, killed or disturbed as the step says: its plan, or None when a guard refused it."""
        world, device = self.world, self.device(step.device)
        case = world.case(
            device, step.resolve, max_delete=step.max_delete, resync=step.resync, unreadable=step.unreadable
        )
        plan, verdicts = case.decide(self.core)
        self.plans += 1
        if case.reversed().decide(self.core) != (plan, verdicts):
            raise Broken(Law.SAME, "another order of the same files makes another plan")
        laws.check_plan(case, plan)
        if refusals(verdicts) and not step.force:
            return None
        if plan.mode is Mode.IDLE:
            world.refresh(device, case.seen)
            laws.check_level(world, device, plan)
            return plan
        self._renew(plan)
        before = laws.Sides.of(world, device)
        run = Run(world, device, case, plan, vouched=step.vouched)
        at_stake, finished = self._carry_out(run, step)
        if plan.mode is Mode.BASELINE:
            # The older of two files that meet for the first time is kept in a trash alone.
            self.live -= device.trash | world.store_trash
        laws.check_versions(world, device, at_stake, self.live)
        if finished and not step.meanwhile:
            laws.check_run(world, run, before, forced=step.force)
            laws.check_limit(run)
        return plan

    def check_rest(self, plans: Sequence[Plan]) -> None:
        """Judge a world in which all devices are idle, by these plans."""
        laws.check_rest(self.world, plans, self.live, self.gone)

    def _renew(self, plan: Plan) -> None:
        """Conflict copies are new whatever had their names, and so is all that meets for the first time."""
        renewed = {copy for change in plan.changes for copy in change.copies}
        if plan.mode is Mode.BASELINE:
            renewed |= {change.path for change in plan.changes}
            renewed |= {path for path, _ in self.gone if hides(plan, path, twins=True)}
        self.forget(renewed)

    def _carry_out(self, run: Run, step: Sync) -> tuple[set[int], bool]:
        """The versions the run had in its hands, and whether it came to its end."""
        at_stake = run.contents()
        self._running = True
        try:
            for position, _ in enumerate(run.changes()):
                if position == step.stop:
                    run.recover()
                    return at_stake, False
                for when, other in step.meanwhile:
                    if when == position:
                        before = run.contents()
                        other.play(self)
                        after = run.contents()
                        at_stake = at_stake - (before - after) | after
        except Obstructed as error:
            run.recover()
            if not step.meanwhile:
                raise Broken(Law.PLAN, f"nobody was in the way, but the disk refuses {error}") from None
            return at_stake, False
        finally:
            self._running = False
        return at_stake, True

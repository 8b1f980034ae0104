"""Carrying a plan out on paper: its steps in their real order, each by its meaning, and what a run records.

A run stops after each change to either side, so that it can be killed there, or somebody be faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from bisync.config import Compare
from bisync.core import names
from bisync.core.arriving import arriving
from bisync.core.change import Action, Change
from bisync.core.plan import Plan
from bisync.core.snapshot import BaseFile, Baseline, Stamp
from bisync.sync import steps, transfers
from bisync.sync.frame import Frame
from tests.support.paper.world import (
    SECOND,
    Agreed,
    Case,
    Device,
    File,
    Object,
    World,
    hides,
    is_blocked,
    is_folder,
    is_ignored,
    key_of,
    size_of,
)


class Obstructed(Exception):
    """The disk refuses: a file stands where a folder should be. The run fails and is undone."""


class Run:
    """One plan being carried out.

    `base`: what was synced before. `vouched`: the new baseline gets stamps. `skipped`: paths at which
    somebody was faster. When bisync looks, `missing` of the base's paths are missing on one side, and it
    admits `admitted` percent.
    """

    def __init__(self, world: World, device: Device, case: Case, plan: Plan, *, vouched: bool) -> None:
        self.world = world
        self.device = device
        self.case = case
        self.seen = case.seen
        self.plan = plan
        self.base: Mapping[str, BaseFile] = {} if case.known is None else case.known.files
        self.vouched = vouched
        self.skipped: set[str] = set()
        self.frame = Frame()
        self.missing = 0
        self.admitted: int | None = None
        self._planned = {path for change in plan.changes for path in change.paths}
        self._staged: dict[str, Object] = {}
        self._held: dict[str, File] = {}
        self._copies: dict[str, str] = {}
        self._renamed: dict[str, str] = {}
        self._agreed: dict[str, Agreed] = {}
        self._swapped: dict[str, str] = {}
        self._changed: set[str] = set()
        self._sent: dict[str, File] = {}

    def changes(self) -> Iterator[None]:
        """The run to its end. Stops before the first change and after each. Raises Obstructed."""
        yield
        taken = transfers.steps(
            self.plan, self.seen.local, self.seen.cloud, self.case.known,
            compare=self.device.compare, keeps_versions=True, has_folders=False,
            is_ignored=lambda path: is_ignored(path, self.device.rules),
        )  # fmt: skip
        for step in taken:
            yield from self._take(step)
            yield
        self.device.trash |= {file.content for file in self._held.values()}
        self._record()

    def recover(self) -> None:
        """After a kill: held files return where there is room, the others go to the trash; what came is told later."""
        known = self.case.known
        if known is not None and self.device.baseline is not None:
            seen, compare = self.seen, known.compare
            more = arriving(self.plan.changes, seen.local, seen.cloud, compare)
            before = self.device.baseline
            self.device.baseline = replace(before, arriving={**before.arriving, **more})
            self.device.arriving |= {path: self._coming(path) for path in more}
        tree = self.device.tree
        for name, file in self._held.items():
            if name in tree or is_folder(tree, name) or is_blocked(tree, name):
                self.device.trash.add(file.content)
            else:
                tree[name] = file

    def _coming(self, path: str) -> Agreed:
        """What both sides hold of a path where it has arrived."""
        here, there = self.seen.tree.get(path), self.seen.store.get(path)
        change = next(change for change in self.plan.changes if path in change.paths)
        if change.action is Action.RENAME:
            here, there = here or self.seen.tree.get(change.path), there or self.seen.store.get(change.path)
        if change.action is Action.UPLOAD or there is None:
            assert here is not None
            spelled = names.to_rclone(path) if there is None else there.name
            return Agreed(
                here, Object(spelled, here.content, here.stamp.mtime_ns, self.world.clock, hashed=True)
            )
        if change.action is Action.DOWNLOAD or here is None:
            here = File(there.content, Stamp(there.mtime, 0, 0))
        return Agreed(here, there)

    def contents(self) -> set[int]:
        """The versions on both sides."""
        here = {file.content for file in self.device.tree.values()}
        return here | {there.content for there in self.world.store.values()}

    def hides(self, path: str) -> bool:
        """Whether the run goes without that path."""
        return hides(self.plan, path)

    def _take(self, step: steps.Step) -> Iterator[None]:
        match step:
            case steps.PlaceMarker("local"):
                self.device.marker = True
            case steps.PlaceMarker():
                self.world.store_marker = True
            case steps.Fetch():
                wanted = map(names.key, step.names)
                self._staged = {path: self.world.store[path] for path in wanted if path in self.world.store}
            case steps.LookAgain() | steps.ReadBack():
                self._look(step)
            case steps.RunBisync(frame=frame, percent=percent):
                self.frame, self.admitted = frame, percent
                self.missing = self._count_missing()
                yield from self._bisync()
            case steps.DeleteHere() | steps.StepAside() | steps.MoveHere():
                yield from self._take_here(step)
            case steps.PutIn() | steps.Settle():
                yield from self._take_here(step)
            case steps.MoveOneThere(change, to=to):
                self._move_object(change, to)
            case steps.MoveThere(changes, target=target, names=below):
                for change, name in zip(changes, below, strict=True):
                    self._move_object(change, f"{target}/{name}" if target else name)
                    yield
            case _:
                yield from self._take_there(step)

    def _look(self, step: steps.LookAgain | steps.ReadBack) -> None:
        """What lies there otherwise by now is left alone; what could not be told from what lay there is sent anew."""
        for path in map(names.key, step.names):
            before, now = self.seen.store.get(path), self.world.store.get(path)
            same = _as_listed(before) == _as_listed(now)
            if isinstance(step, steps.LookAgain):
                self._changed |= set() if same else {path}
            elif same and now is not None and path in self._sent:
                later = self.world.kept_time(max(self._sent[path].stamp.mtime_ns, now.mtime) + 2 * SECOND)
                anew = self.world.store[path] = now._replace(mtime=later, stored=self.world.tick())
                self._agreed[path] = self._agreed[path]._replace(object=anew)

    # -- here -----------------------------------------------------------------------------------------

    def _take_here(self, step: steps.Step) -> Iterator[None]:
        match step:
            case steps.DeleteHere(change, name):
                self._note(change, self._take_away(change.path, name))
            case steps.StepAside(change, name, copy):
                self._note(change, self._move(name, copy))
            case steps.MoveHere(change, name, to):
                yield from self._rename_file(change, name, to)
            case steps.PutIn():
                yield from self._put_in(step.change, step.name)
            case steps.Settle():
                yield from self._settle(step)

    def _note(self, change: Change, done: bool) -> None:
        if not done:
            self.skipped.add(change.path)

    def _take_away(self, path: str, name: str) -> bool:
        """Hold a file if it still is the planned one."""
        now = self.device.tree.get(name)
        expected = self.seen.tree[path]
        if now is None or not _is_untouched(now, expected) or now.stamp.ctime_ns != expected.stamp.ctime_ns:
            return False
        self._held[name] = self.device.tree.pop(name)
        return True

    def _place(self, file: File, name: str) -> bool:
        """Give a file a name, never over anything."""
        tree = self.device.tree
        if is_blocked(tree, name):
            raise Obstructed(name)
        if name in tree or is_folder(tree, name):
            return False
        tree[name] = File(file.content, file.stamp._replace(ctime_ns=self.world.tick()))
        return True

    def _place_staged(self, path: str, name: str) -> bool:
        staged, now = self._staged[path], self.world.tick()
        return self._place(File(staged.content, Stamp(staged.mtime, now, now)), name)

    def _move(self, name: str, copy: str) -> bool:
        """Make a conflict copy of whatever lies there by now."""
        now = self.device.tree.get(name)
        if now is None or not self._place(now, copy):
            return False
        del self.device.tree[name]
        self._copies[key_of(copy)] = copy
        return True

    def _rename_file(self, change: Change, name: str, to: str) -> Iterator[None]:
        """Another name for a file that still is the planned one: for a moment it has both."""
        now, expected = self.device.tree.get(name), self.seen.tree[change.path]
        done = now is not None and _is_untouched(now, expected)
        done = done and now is not None and now.stamp.ctime_ns == expected.stamp.ctime_ns
        if done and now is not None and self._place(now, to):
            yield
            del self.device.tree[name]
            path = change.paths[-1]
            self._swapped[path] = to
            self._agreed[path] = Agreed(self.device.tree[to], self.seen.store[path])
        else:
            self.skipped.add(change.path)

    def _put_in(self, change: Change, name: str) -> Iterator[None]:
        path = change.path
        if change.winner == "folder":
            done = path in self._staged and self._place_staged(path, name)
            self._renamed[key_of(name)] = name
            self._note(change, done)
            return
        done = path in self._staged
        if done and path in self.seen.tree:
            done = self._take_away(path, name)
            yield
        self._note(change, done and self._swap_in(path, name))

    def _swap_in(self, path: str, name: str) -> bool:
        """The staged version takes the name it was fetched for."""
        if not self._place_staged(path, name):
            return False
        self._swapped[path] = name
        self._agreed[path] = Agreed(self.device.tree[name], self._staged[path])
        return True

    def _settle(self, step: steps.Settle) -> Iterator[None]:
        path, winner, copies = step.change.path, step.change.winner, step.copies
        done = path in self._staged and step.name in self.device.tree
        if done and winner != "local":
            done = self._move(step.name, copies[0])
            yield
        if done and winner == "cloud":
            done = self._swap_in(path, step.name)
        elif done:
            done = self._place_staged(path, copies[-1])
            beside = self._copies if winner == "local" else self._renamed
            beside[key_of(copies[-1])] = copies[-1]
        self._note(step.change, done)

    # -- in the cloud ---------------------------------------------------------------------------------

    def _take_there(self, step: steps.Step) -> Iterator[None]:
        match step:
            case steps.Send(changes, spelled, _):
                for change, name in zip(changes, spelled, strict=True):
                    yield from self._send(change, names.from_rclone(name))
            case steps.SendAs(change, name):
                yield from self._send(change, names.from_rclone(name))
            case steps.DeleteAllThere(changes, spelled):
                for change, name in zip(changes, spelled, strict=True):
                    if change.path in self._changed or names.from_rclone(name) in self.device.tree:
                        self.skipped.add(change.path)
                    else:
                        self._keep_object(change.path)
                    yield
            case steps.DeleteThere(change):
                self._keep_object(change.path)
            case steps.RenameThere(change, copy=copy) if change.path not in self.skipped:
                self._rename_object(change, copy)

    def _send(self, change: Change, name: str) -> Iterator[None]:
        """A copy of our own, which writes over what it finds, unless that has changed since it was seen."""
        path = key_of(name)
        if change.path in self.skipped:
            return
        if path in self._changed or name not in self.device.tree:
            self.skipped.add(change.path)
            return
        planned = self.seen.tree.get(path, self.device.tree[name])
        yield from self._upload(path, name, blindly=True)
        if path not in self._agreed:
            return
        sent = self._agreed[path]
        self._sent[path] = planned
        if size_of(sent.file.content) != size_of(planned.content):
            self.skipped.add(path)  # saved in that very moment
        else:
            self._agreed[path] = sent._replace(file=planned)

    def _keep_object(self, path: str) -> None:
        """Move what the store holds there, if anything, to its trash."""
        there = self.world.store.pop(path, None)
        if there is not None:
            self.world.store_trash.add(there.content)

    def _rename_object(self, change: Change, name: str) -> None:
        there = self.world.store.pop(change.path, None)
        if there is None:
            return
        copy = change.copies[-1]
        self._keep_object(copy)
        moved = self.world.store[copy] = there._replace(name=name, stored=self.world.tick())
        here = self.device.tree.get(self._renamed.get(copy, ""))
        if here is not None and here.content == moved.content:
            self._agreed[copy] = Agreed(here, moved)

    def _move_object(self, change: Change, name: str) -> None:
        """Another name for an object, whatever it holds by now; what had that name goes to the trash."""
        there, path = self.world.store.pop(change.path, None), change.paths[-1]
        if there is None:
            self.skipped.add(change.path)
            return
        self._keep_object(path)
        self.world.store[path] = there._replace(name=name, stored=self.world.tick())
        seen = self.seen.store[change.path]._replace(name=name, stored=self.world.clock)
        self._agreed[path] = Agreed(self.seen.tree[path], seen)

    def _upload(self, path: str, name: str, *, blindly: bool = False) -> Iterator[None]:
        """Send what is there now; unless `blindly`, only where the store is as it was seen, or empty."""
        file, there = self.device.tree.get(name), self.world.store.get(path)
        if file is None or not (blindly or there is None or there == self.seen.store.get(path)):
            self.skipped.add(path)
            return
        if there is not None:
            self._keep_object(path)
            yield
            self._keep_object(path)
        spelled = names.to_rclone(name) if there is None else there.name
        mtime = file.stamp.mtime_ns
        sent = Object(spelled, file.content, self.world.kept_time(mtime), self.world.tick(), hashed=True)
        self.world.store[path] = sent
        self._agreed[path] = Agreed(file, sent)
        yield

    def _bisync(self) -> Iterator[None]:
        """What the steps before have left, as far as it may be seen: uploads, conflict copies, deletions."""
        framed = set(map(names.key, self.frame.names))
        changes = [
            change
            for change in self.plan.changes
            if change.path not in self.skipped and change.path in framed
        ]
        for change in changes:
            if change.action is Action.UPLOAD and change.path not in self._agreed:
                yield from self._upload(change.path, self.seen.local.files[change.path].name)
        for copy, name in self._copies.items():
            if copy in framed:
                yield from self._upload(copy, name)
        for change in changes:
            if change.winner == "folder" and change.side == "cloud":
                if change.copies[0] in framed:
                    self._bring(change.copies[0])
            elif change.action is Action.DELETE_CLOUD and change.path in self.world.store:
                self._delete_object(change)
            else:
                continue
            yield

    def _bring(self, path: str) -> None:
        """A file that made room in the cloud comes here under its new name."""
        if path in self.world.store:
            self._staged[path] = self.world.store[path]
            if not self._swap_in(path, names.from_rclone(self._staged[path].name)):
                self.skipped.add(path)

    def _delete_object(self, change: Change) -> None:
        """Only what still is gone here and still is there as it was seen goes."""
        there = self.world.store[change.path]
        untouched = there == self.seen.store[change.path]
        self._note(change, untouched and names.from_rclone(there.name) not in self.device.tree)
        if change.path not in self.skipped:
            self._keep_object(change.path)

    # -- afterwards -----------------------------------------------------------------------------------

    def _count_missing(self) -> int:
        rules = self.device.rules
        here = {path for path in map(key_of, self.device.tree) if not is_ignored(path, rules)}
        there = {path for path in self.world.store if not is_ignored(path, rules)}
        return max(sum(path not in side for path in self.frame.base) for side in (here, there))

    def _record(self) -> None:
        """The baseline: what both sides hold alike, and the old word on what was skipped or left out."""
        device = self.device
        files: dict[str, BaseFile] = {}
        known: dict[str, Agreed] = {}
        # What cannot be looked at cannot be told in another way yet.
        waits = any(self.hides(path) for path in self.base)
        compare = self.case.compare if waits else device.compare
        for path in self.base.keys() | self.seen.tree.keys() | self.seen.store.keys() | self._agreed.keys():
            if self.hides(path):
                if path in self.base:
                    known[path], files[path] = self._known(path), self.base[path]._replace(stamp=None)
                continue
            agreed = self._agreement(path)
            if agreed is not None and self._confirms(path, agreed, compare):
                known[path], files[path] = agreed, self._entry(path, agreed, compare)
        device.known = known
        device.arriving = {}
        device.baseline = Baseline(
            files=files, compare=compare, profile="", filters=device.filters,
            device=device.disk, run="", listings="", as_listed=compare is Compare.MODTIME,
        )  # fmt: skip

    def _known(self, path: str) -> Agreed:
        return self.device.known.get(path) or self.device.arriving[path]

    def _agreement(self, path: str) -> Agreed | None:
        """What both sides are taken to hold: this run's doing, what was seen, or what was known before."""
        before = self._known(path) if path in self.base else None
        if path in self.skipped:
            return before
        if path in self._agreed or path in self._planned:
            return self._agreed.get(path)
        here, there = self.seen.tree.get(path), self.seen.store.get(path)
        if here is None or there is None:
            return None
        return Agreed(here, there) if here.content == there.content else before

    def _confirms(self, path: str, agreed: Agreed, compare: Compare) -> bool:
        """bisync drops a new name from its listings where there is no hash to confirm the copy."""
        by_time = compare is Compare.MODTIME
        return by_time or agreed.object.hashed or path in self.seen.store

    def _entry(self, path: str, agreed: Agreed, compare: Compare) -> BaseFile:
        file, there = agreed
        stamp = self._stamp(path, file) if self.vouched else None
        size = size_of(file.content)
        if compare is Compare.MODTIME:
            listed = self.world.kept_time(there.mtime)
            return BaseFile(size, str(file.content), stamp, file.stamp.mtime_ns, listed)
        return BaseFile(size, str(file.content), stamp, None, None if there.hashed else there.stored)

    def _stamp(self, path: str, file: File) -> Stamp | None:
        """The stamp of the local file, where it is known to be what was synced."""
        now = self.seen.tree.get(path)
        if path in self._swapped:
            now = self.device.tree.get(self._swapped[path])
        if now is None or now.content != file.content or now.stamp.mtime_ns != file.stamp.mtime_ns:
            return None
        return now.stamp


def _as_listed(there: Object | None) -> tuple[int, int] | None:
    """By what a listing by time tells two versions apart."""
    return None if there is None else (size_of(there.content), there.mtime)


def _is_untouched(now: File, expected: File) -> bool:
    """Whether a file is the planned one, by all that another name does not change."""
    return (
        size_of(now.content) == size_of(expected.content)
        and now.stamp.mtime_ns == expected.stamp.mtime_ns
        and now.stamp.inode == expected.stamp.inode
    )

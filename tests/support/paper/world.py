"""A world on paper: devices and a store as plain values, and what a run does to them.

Trees are dictionaries. The planning core is the real one; what its plan means is done here, in the order in
which it is carried out on a disk and one small change after the other, so that a run can be killed, or a
user be faster, between any two. No disk, no rclone, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import NamedTuple, TypeVar

from bisync.config import Compare, ConflictResolve
from bisync.core import guard, names, plan, reconcile
from bisync.core.arriving import confirmed
from bisync.core.guard import Verdict
from bisync.core.plan import Answers, Mode, Plan, Questions
from bisync.core.reconcile import Comparison, as_listed
from bisync.core.snapshot import (
    OCCUPIED,
    Baseline,
    CloudFile,
    CloudSnapshot,
    LeftOut,
    LocalFile,
    LocalSnapshot,
    Stamp,
)

SECOND = 1_000_000_000


class File(NamedTuple):
    """A file on a device's disk. Every version a user writes has a `content` of its own."""

    content: int
    stamp: Stamp


class Object(NamedTuple):
    """A file in the store. `mtime`: its own; `stored`: when it came. Not `hashed`: put there in parts."""

    name: str
    content: int
    mtime: int
    stored: int
    hashed: bool


class Agreed(NamedTuple):
    """The same content here and in the store, as bisync notes it."""

    file: File
    object: Object

    def is_file(self, file: File) -> bool:
        """Whether nobody has saved the local file since."""
        return file.content == self.file.content and file.stamp.mtime_ns == self.file.stamp.mtime_ns

    def is_object(self, there: Object, precision: int) -> bool:
        """Whether nobody has saved the store's file since."""
        return there.content == self.object.content and there.mtime == kept(self.object.mtime, precision)


@dataclass(slots=True)
class Device:
    """One device. `known`: what its baseline speaks of, as the laws remember it."""

    compare: Compare
    tree: dict[str, File] = field(default_factory=dict)
    trash: set[int] = field(default_factory=set)
    rules: tuple[str, ...] = ()
    marker: bool = False
    disk: int = 1
    baseline: Baseline | None = None
    known: dict[str, Agreed] = field(default_factory=dict)
    arriving: dict[str, Agreed] = field(default_factory=dict)

    @property
    def filters(self) -> str:
        """Stands for the digest of the compiled rules."""
        return f"rules {self.rules}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The planning core, function by function, so that a faulty one can take its place."""

    compare_sides: Callable[..., Comparison] = reconcile.compare_sides
    questions: Callable[..., Questions] = plan.questions
    make_plan: Callable[..., Plan] = plan.make_plan
    judge: Callable[..., tuple[Verdict, ...]] = guard.judge


class Seen(NamedTuple):
    """One look at both sides: as the core gets it, and by path what really lay there.

    `disk`: every name on the disk, ignored ones too. `out`: paths of files that could not be read.
    """

    local: LocalSnapshot
    cloud: CloudSnapshot
    tree: Mapping[str, File]
    store: Mapping[str, Object]
    disk: frozenset[str]
    out: frozenset[str]

    def answers(self, asked: Questions) -> Answers:
        """What only the world can tell."""
        taken = set()
        for path in asked.copies:
            beside = f"{names.from_rclone(path)}.conflict"
            found = (name[len(beside) :].partition("/")[0] for name in self.disk if name.startswith(beside))
            taken |= {f"{path}.conflict{number}" for number in found}
        equal = (path for path in asked.contents if self.tree[path].content == self.store[path].content)
        times = {path: self.store[path].mtime for path in asked.times}
        return Answers(equal=frozenset(equal), times=times, taken=frozenset(taken))


class Case(NamedTuple):
    """All that a plan is made from."""

    known: Baseline | None
    seen: Seen
    compare: Compare
    resolve: ConflictResolve
    max_delete: int | None
    mode: Mode
    idle_allowed: bool

    def decide(self, core: Core) -> tuple[Plan, tuple[Verdict, ...]]:
        """The core's plan and what its guards say."""
        base = None if self.known is None else self.known.files
        local, cloud = self.seen.local, self.seen.cloud
        found = core.compare_sides(base, local, cloud, self.compare)
        answers = self.seen.answers(core.questions(found, self.resolve, first=base is None))
        made = core.make_plan(
            found,
            answers,
            baseline=base,
            local=local,
            cloud=cloud,
            compare=self.compare,
            resolve=self.resolve,
            mode=self.mode,
            idle_allowed=self.idle_allowed,
        )
        verdicts = core.judge(
            made, baseline=self.known, local=local, cloud=cloud, max_delete=self.max_delete, name="notes"
        )
        return made, verdicts

    def reversed(self) -> Case:
        """The same case with every dictionary in the opposite order."""
        local, cloud = self.seen.local, self.seen.cloud
        seen = self.seen._replace(
            local=local._replace(files=backwards(local.files), left_out=local.left_out[::-1]),
            cloud=cloud._replace(files=backwards(cloud.files), left_out=cloud.left_out[::-1]),
        )
        known = None if self.known is None else replace(self.known, files=backwards(self.known.files))
        return self._replace(known=known, seen=seen)


class World:
    """Devices and a store. `precision`: how exactly the store keeps a file's own time, in ns."""

    def __init__(self, compares: Iterable[Compare], precision: int) -> None:
        self.devices = [Device(compare) for compare in compares]
        self.precision = precision
        self.store: dict[str, Object] = {}
        self.store_trash: set[int] = set()
        self.store_marker = False
        self.clock = 0

    def tick(self) -> int:
        """A moment after all others."""
        self.clock += 1
        return self.clock

    def mtime(self, back: int = 0, at: int | None = None) -> int:
        """The time `back` moments ago, seconds from any other and with all its digits; or the moment `at`."""
        now = self.tick()
        if at is not None:
            return 2 * SECOND * at
        return 2 * SECOND * ((now - back) * 1_000_000 + now) + now * 7_654_321 % SECOND

    def kept_time(self, mtime: int) -> int:
        """A file's own time as the store keeps it."""
        return kept(mtime, self.precision)

    def look(self, device: Device, compare: Compare, unreadable: tuple[str, ...] = ()) -> Seen:
        """Both sides as a run sees them."""
        base = {} if device.baseline is None else device.baseline.files
        by_hash = compare is Compare.CHECKSUM
        files: dict[str, LocalFile] = {}
        tree: dict[str, File] = {}
        left_out: dict[LeftOut, None] = {}
        out = set()
        for name in sorted(device.tree):
            path = key_of(name)
            if is_ignored(path, device.rules):
                continue
            closed = next((one for one in unreadable if is_at_or_below(name, one)), None)
            if closed is not None:
                left_out[LeftOut(names.to_rclone(closed), "cannot be read", folder=closed != name)] = None
                out.add(path)
                continue
            why = names.obstacle(name)
            if why is not None:
                left_out[LeftOut(names.to_rclone(name), why)] = None
                out.add(path)
                continue
            file, before = device.tree[name], base.get(path)
            if path in files:
                # The one that both sides know goes on; without one, the first.
                is_known = before is not None and before.stamp == file.stamp
                twin = files[path].name if is_known else name
                left_out[LeftOut(names.to_rclone(twin), "another spelling", twin=True)] = None
                if not is_known:
                    continue
            tree[path] = file
            size = size_of(file.content)
            if before is not None and before.stamp == file.stamp and before.size == size:
                md5 = before.md5
            else:
                md5 = str(file.content)
            files[path] = LocalFile(name, size, file.stamp, md5)
        store = {path: one for path, one in self.store.items() if not is_ignored(path, device.rules)}
        listed = {
            path: CloudFile(
                one.name,
                size_of(one.content),
                str(one.content) if by_hash and one.hashed else None,
                one.stored if by_hash else one.mtime,
            )
            for path, one in store.items()
        }
        return Seen(
            LocalSnapshot(files, tuple(left_out), device.disk, device.marker, self._occupied(device, tree)),
            CloudSnapshot(listed, (), self.store_marker),
            tree,
            store,
            frozenset(device.tree),
            frozenset(out),
        )

    def _occupied(self, device: Device, seen: Collection[str]) -> frozenset[str]:
        """The folders of files that no run moves. `seen`: those it does."""
        unmoved = [path for path in map(key_of, device.tree) if path not in seen]
        return frozenset(folder for path in unmoved for folder in names.parents(path))

    def case(
        self,
        device: Device,
        resolve: ConflictResolve,
        *,
        max_delete: int | None = None,
        resync: bool = False,
        unreadable: tuple[str, ...] = (),
    ) -> Case:
        """What the next run of a device has to decide."""
        known = None if resync else device.baseline
        compare = device.compare if known is None else known.compare
        seen = self.look(device, compare, unreadable)
        unsure = known is not None and bool(known.arriving)
        if known is not None and compare is Compare.MODTIME and not known.as_listed:
            known = replace(known, files=as_listed(known.files, seen.cloud.files))
        if known is not None and unsure:
            files = confirmed(known.files, known.arriving, seen.local, seen.cloud, compare)
            known = replace(known, files=files, arriving={})
        mode = Mode.SYNC
        if known is None:
            mode = Mode.BASELINE
        elif known.filters != device.filters:
            mode = Mode.REBASELINE
        idle_allowed = compare is device.compare and not unsure and device.marker and self.store_marker
        return Case(known, seen, compare, resolve, max_delete, mode, idle_allowed)

    def refresh(self, device: Device, seen: Seen) -> None:
        """What an idle run leaves: stamps of files that were read and found to be what was synced."""
        assert device.baseline is not None
        files = dict(device.baseline.files)
        for path, file in seen.local.files.items():
            base = files.get(path)
            if base is not None and base.md5 is not None and base.md5 == file.md5 and base.size == file.size:
                files[path] = base._replace(stamp=file.stamp)
        device.baseline = replace(device.baseline, files=files, device=device.disk, filters=device.filters)


Value = TypeVar("Value")


def backwards(mapping: Mapping[str, Value]) -> dict[str, Value]:
    """The same mapping in the opposite order."""
    return dict(reversed(list(mapping.items())))


def kept(mtime: int, precision: int) -> int:
    """A time as it is kept by somebody who is only so precise."""
    return mtime - mtime % precision


def size_of(content: int) -> int:
    """How long a content is: many have the same length."""
    return content % 3 + 1


@cache
def key_of(name: str) -> str:
    """The path under which both sides know the file a disk calls `name`."""
    return names.key(names.to_rclone(name))


def is_at_or_below(path: str, place: str) -> bool:
    """Whether a path is `place` or lies in that folder."""
    return path == place or path.startswith(place + "/")


def is_ignored(path: str, rules: tuple[str, ...]) -> bool:
    """A rule names a file, a folder, or with a star how names end."""
    return any(
        path.endswith(rule[1:]) if rule.startswith("*") else is_at_or_below(path, rule) for rule in rules
    )


def is_folder(tree: Collection[str], name: str) -> bool:
    """Whether anything lies below that name."""
    below = name + "/"
    return any(other.startswith(below) for other in tree)


def is_blocked(tree: Collection[str], name: str) -> bool:
    """Whether a file stands where a folder above that name would have to be."""
    return any(name.startswith(other + "/") for other in tree)


def hides(plan: Plan, path: str, *, twins: bool = False) -> bool:
    """Whether a plan leaves a path out, however the name is spelled, or what is in the way of it.

    `twins`: or a file of another spelling of it, though the path itself goes on.
    """
    for one in plan.left_out:
        place = names.key(one.path)
        # Of a name that a folder here has, only the cloud's file waits: what is in the folder goes on.
        if (path.startswith(place + "/") and one.why != OCCUPIED) or (
            path == place and not one.folder and (twins or not one.twin)
        ):
            return True
    return False

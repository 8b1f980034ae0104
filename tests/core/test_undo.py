"""What takes a run back: path by path as a table, and whole histories on paper."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisync.config import Compare, ConflictResolve
from bisync.core import plan, reconcile, undo
from bisync.core.change import Action, Change
from bisync.core.deeds import Decision, Kind, Version, with_deeds
from bisync.core.did import CONTESTED, Did, has_changed, names_all, noted, told
from bisync.core.names import parents
from bisync.core.snapshot import BaseFile, CloudFile, CloudSnapshot, LeftOut, LocalFile, LocalSnapshot, Stamp
from bisync.core.undo import Present, Since
from tests.core.paper import on_paper

pytestmark = pytest.mark.pure

RUN = "20261122T101500Z-3f2a7c-laptop"
Tree = dict[str, str]
Kept = dict[str, list[Version]]


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def here(path: str, text: str) -> LocalFile:
    told_by = zlib.crc32(text.encode())
    return LocalFile(path, len(text), Stamp(told_by, told_by, 1), md5(text))


def there(path: str, text: str) -> CloudFile:
    return CloudFile(path, len(text), md5(text), None)


def held(text: str | None) -> BaseFile | None:
    return None if text is None else BaseFile(len(text), md5(text), None, None, None)


def version(text: str, path: str = "a.md", *, side: Any = "local", read: bool = True) -> Version:
    return Version(side, path, len(text), md5(text) if read else None, 5)


def local_side(tree: Mapping[str, str], **more: Any) -> LocalSnapshot:
    return LocalSnapshot({path: here(path, text) for path, text in tree.items()}, (), 1, True, **more)


def cloud_side(tree: Mapping[str, str]) -> CloudSnapshot:
    return CloudSnapshot({path: there(path, text) for path, text in tree.items()}, (), True)


def present(base: Tree, local: Tree, cloud: Tree, **more: Any) -> Present:
    files = {path: file for path, text in base.items() if (file := held(text)) is not None}
    return Present(
        baseline=files, local=local_side(local), cloud=cloud_side(cloud), compare=Compare.CHECKSUM, **more
    )


def as_left(tree: Tree, **more: Any) -> Present:
    """Both sides hold what the run left."""
    return present(tree, tree, tree, **more)


def kinds(found: Decision) -> list[tuple[str, str]]:
    return [(deed.kind.value, deed.path) for deed in found.deeds]


def why(found: Decision) -> dict[str, str]:
    return {one.path: one.why for one in found.left}


# -- a table ----------------------------------------------------------------------------------------------

OVERWRITTEN = Did("upload", "a.md", held("old"), held("new one"))
BROUGHT = Did("download", "a.md", None, held("new one"))
DELETED = Did("delete_cloud", "a.md", held("old"), None)
RENAMED = Did("rename", "a.md", held("old"), held("old"), "b.md")
LATER = {"a.md": "20261123T101500Z-aaaaaa-laptop"}

TABLE = {
    "an overwritten file": (OVERWRITTEN, as_left({"a.md": "new one"}), [("bring_back", "a.md")], {}),
    "a new file": (BROUGHT, as_left({"a.md": "new one"}), [("take_away", "a.md")], {}),
    "a deleted file": (DELETED, as_left({}), [("bring_back", "a.md")], {}),
    "a renamed file": (RENAMED, as_left({"b.md": "old"}), [("rename_back", "b.md")], {}),
    "all as before already": (OVERWRITTEN, as_left({"a.md": "old"}), [], {}),
    "as before here already": (
        OVERWRITTEN,
        present({"a.md": "new one"}, {"a.md": "old"}, {"a.md": "new one"}),
        [("follow", "a.md")],
        {},
    ),
    "as before in the cloud already": (
        OVERWRITTEN,
        present({"a.md": "new one"}, {"a.md": "new one"}, {"a.md": "old"}),
        [("bring_back", "a.md")],
        {},
    ),
    "edited here since": (
        OVERWRITTEN,
        present({"a.md": "new one"}, {"a.md": "third"}, {"a.md": "new one"}),
        [],
        {"a.md": "it was edited here since"},
    ),
    "edited in the cloud since": (
        OVERWRITTEN,
        present({"a.md": "new one"}, {"a.md": "new one"}, {"a.md": "third"}),
        [],
        {"a.md": "it was edited in the cloud since"},
    ),
    "deleted here since": (
        OVERWRITTEN,
        present({"a.md": "new one"}, {}, {"a.md": "new one"}),
        [],
        {"a.md": "it was deleted or renamed here since"},
    ),
    "edited and synced since": (
        OVERWRITTEN,
        as_left({"a.md": "third"}),
        [],
        {"a.md": "it was changed by run 20261123T101500Z-aaaaaa-laptop"},
    ),
    "deleted and synced since": (
        BROUGHT,
        as_left({}),
        [],
        {},  # that is how it was before
    ),
    "overwritten, then deleted and synced": (
        OVERWRITTEN,
        as_left({}),
        [],
        {"a.md": "it was deleted or renamed by run 20261123T101500Z-aaaaaa-laptop"},
    ),
    "deleted, and there anew": (
        DELETED,
        present({}, {"a.md": "third"}, {}),
        [],
        {"a.md": "a file of its name is here now"},
    ),
    "renamed, and edited": (
        RENAMED,
        present({"b.md": "old"}, {"b.md": "third"}, {"b.md": "old"}),
        [],
        {"b.md": "it was edited here since"},
    ),
    "renamed, and its old name is taken": (
        RENAMED,
        present({"b.md": "old"}, {"b.md": "old", "a.md": "third"}, {"b.md": "old"}),
        [],
        {"b.md": "it was called a.md before that run: a file of its name is here now"},
    ),
    "renamed, and deleted": (
        RENAMED,
        present({"b.md": "old"}, {}, {"b.md": "old"}),
        [],
        {"b.md": "it was deleted or renamed here since"},
    ),
    "renamed, and half renamed back": (
        RENAMED,
        present({"b.md": "old"}, {"a.md": "old", "b.md": "old"}, {"b.md": "old"}),
        [("follow", "a.md"), ("take_away", "b.md")],
        {},
    ),
    "a conflict": (Did(CONTESTED, "a.md"), as_left({"a.md": "old"}), [], {"a.md": "that run met a conflict of it"}),
    "what a later version does": (
        Did("split", "a.md", held("old"), held("new one")),
        as_left({"a.md": "new one"}),
        [],
        {"a.md": "what that run did to it (split) cannot be taken back"},
    ),
    "ignored by now": (
        DELETED,
        as_left({}, is_ignored=lambda path: path == "a.md"),
        [],
        {"a.md": "the rules ignore it now"},
    ),
    "an ignore file": (
        OVERWRITTEN,
        as_left({"a.md": "new one"}, is_rules=lambda path: True),
        [],
        {"a.md": "it is an ignore file, which decides what is synced at all"},
    ),
    "a folder of its name": (
        DELETED,
        as_left({"a.md/x.md": "third"}),
        [],
        {"a.md": "a folder of its name is there"},
    ),
    "its folder is a file": (
        Did("delete_cloud", "f/a.md", held("old"), None),
        as_left({"f": "third"}),
        [],
        {"f/a.md": "its folder is a file now"},
    ),
    "its folder was called otherwise": (
        Did("rename", "f/a.md", held("old"), held("old"), "b.md"),
        as_left({"b.md": "old", "f": "third"}),
        [],
        {"b.md": "it was called f/a.md before that run: its folder is a file now"},
    ),
    "only its name was written down": (
        Did("upload", "a.md", known=False),
        as_left({"a.md": "new one"}),
        [("bring_back", "a.md")],
        {},
    ),
    "only its name was written down, of a deletion": (
        Did("delete_local", "a.md", known=False), as_left({}), [("bring_back", "a.md")], {},
    ),
    "only its name was written down, of a rename": (
        Did("rename", "a.md", to="b.md", known=False), as_left({"b.md": "old"}), [("rename_back", "b.md")], {},
    ),
    "only its name was written down, and it is gone": (
        Did("upload", "a.md", known=False),
        present({"a.md": "new one"}, {}, {"a.md": "new one"}),
        [],
        {"a.md": "it was deleted or renamed here since"},
    ),
    "only its name was written down, and it is not even known": (
        Did("upload", "a.md", known=False), as_left({}), [], {"a.md": "it is not what that run left"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_one_path(name: str) -> None:
    did, now, deeds, left = TABLE[name]
    kept = {path: [version("old", path)] for path in ("a.md", "f/a.md")}
    touched = {} if not did.known else LATER

    found = undo.decide(RUN, [did], now, kept, Since(runs=touched))

    assert kinds(found) == deeds
    assert why(found) == left
    assert all(one.next is not None for one in found.left)


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        ([], "its old version is in no trash any more, or cannot be read there"),
        ([version("odd")], "what the trash has of it is not the version from before that run"),
        ([version("longer", read=False)], "what the trash has of it is not the version from before that run"),
    ],
)
def test_an_old_version_that_is_gone_is_named(kept: list[Version], left: str) -> None:
    found = undo.decide(RUN, [OVERWRITTEN], as_left({"a.md": "new one"}), {"a.md": kept})

    assert found.deeds == ()
    assert why(found) == {"a.md": left}


def test_of_two_versions_the_one_that_lies_here_comes_back() -> None:
    kept = [version("old", side="cloud"), version("odd"), version("old")]

    [deed] = undo.decide(RUN, [DELETED], as_left({}), {"a.md": kept}).deeds

    assert deed.version == version("old")
    [deed] = undo.decide(RUN, [DELETED], as_left({}), {"a.md": kept[:2]}).deeds
    assert deed.version is not None
    assert deed.version.side == "cloud"


MERGED = Did("merge", "a.md", held("old"), held("merged"))
BOTH = [version("ours"), version("theirs", side="cloud")]
# Where the cloud keeps no versions, what lay there is in the trash here.
ASIDE = [version("ours"), version("theirs", "a.md~")]


@pytest.mark.parametrize("kept", [BOTH, BOTH[::-1], ASIDE, ASIDE[::-1]])
def test_what_was_merged_is_two_versions_again(kept: list[Version]) -> None:
    now = as_left({"a.md": "merged", "a.md.conflict1": "older", "b.md": "b"})

    ours, theirs = undo.decide(RUN, [MERGED], now, {"a.md": kept}).deeds

    assert ours[:3] == (Kind.BRING_BACK, "a.md", "a.md") and ours.version == version("ours") and ours.replaces
    assert theirs[:3] == (Kind.BRING_BACK, "a.md.conflict2", "a.md.conflict2") and not theirs.replaces
    assert theirs.version is not None and theirs.version.md5 == version("theirs").md5


@pytest.mark.parametrize("kept", [[], BOTH[:1], BOTH[1:], ASIDE[1:]])
def test_of_a_merge_both_versions_or_none(kept: list[Version]) -> None:
    found = undo.decide(RUN, [MERGED], as_left({"a.md": "merged"}), {"a.md": kept})

    assert found.deeds == ()
    assert "one of the two versions" in why(found)["a.md"]


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (present({"a.md": "merged"}, {"a.md": "third"}, {"a.md": "merged"}), "it was edited here since"),
        (present({"a.md": "merged"}, {"a.md": "merged"}, {"a.md": "old"}), "before either side was edited"),
        (as_left({"a.md": "third"}), "it was changed by run"),
        (as_left({}), "it was deleted or renamed by run"),
        (as_left({"a.md": "merged"}, is_ignored=lambda path: True), "the rules ignore it now"),
    ],
)
def test_a_merge_that_somebody_has_built_upon_is_left_alone(now: Present, left: str) -> None:
    found = undo.decide(RUN, [MERGED], now, {"a.md": BOTH}, Since(runs=LATER))

    assert found.deeds == ()
    assert left in why(found)["a.md"]


def test_what_is_not_known_for_certain_is_left_alone() -> None:
    did = Did("upload", "a.md", known=False)
    now, kept = as_left({"a.md": "new one"}), {"a.md": [version("old")]}

    assert why(undo.decide(RUN, [did], now, kept, Since(runs=LATER)))["a.md"].startswith(
        "it was changed by run"
    )
    assert "not written down" in why(undo.decide(RUN, [did], now, kept, Since(all_named=False)))["a.md"]
    assert "whether it was new" in why(undo.decide(RUN, [did], now, {}))["a.md"]


def test_what_is_left_out_is_left_alone_for_that_reason() -> None:
    now = as_left({})
    local = now.local._replace(
        left_out=(LeftOut("a.md", "cannot be read: no"), LeftOut("d", "closed", folder=True))
    )
    closed = Did("delete_cloud", "d/x.md", held("old"), None)

    found = undo.decide(RUN, [DELETED, closed], replace(now, local=local), {"a.md": [version("old")]})

    assert why(found) == {"a.md": "cannot be read: no", "d/x.md": "it lies in a folder that is left out"}


def test_nothing_comes_back_through_a_link() -> None:
    now = as_left({})
    local = now.local._replace(links=frozenset(["f"]))
    did = Did("delete_cloud", "f/a.md", held("old"), None)

    found = undo.decide(RUN, [did], replace(now, local=local), {"f/a.md": [version("old", "f/a.md")]})

    assert why(found) == {"f/a.md": "f is a link here, and nothing is changed through one"}


def test_a_conflict_that_waits_is_to_be_settled() -> None:
    did = Did(CONTESTED, "odd name.md")

    [waits] = undo.decide(RUN, [did], as_left({"odd name.md.conflict1": "one"}), {}).left
    [settled] = undo.decide(RUN, [did], as_left({"odd name.md": "one"}), {}).left

    assert waits.next == "bisync resolve 'odd name.md' --keep local|cloud|newer|both"
    assert settled.next == "bisync log 'odd name.md'"


def test_a_line_of_the_history_tells_what_was_not_noted() -> None:
    entry = {
        "paths": {
            "uploaded": ["a.md", "x.md", "x.md.conflict1"],
            "renamed": [{"path": "b.md", "to": "c.md"}],
            "merged": ["m.md"],
        },
        "conflicts": [{"path": "x.md", "copies": ["x.md.conflict1"]}],
    }

    assert told(entry, [OVERWRITTEN]) == [
        OVERWRITTEN,
        Did("rename", "b.md", to="c.md", known=False),
        Did("merged", "m.md", known=False),
        Did(CONTESTED, "x.md"),
    ]


@pytest.mark.parametrize(
    ("entry", "changed", "all_named"),
    [
        ({"outcome": "idle", "uploaded": 0}, False, True),
        ({"outcome": "done", "uploaded": 1, "paths": {"uploaded": ["a"]}, "more_paths": 0}, True, True),
        ({"outcome": "done", "uploaded": 0, "merged": 1, "paths": {"merged": ["a"]}}, True, True),
        ({"outcome": "done", "uploaded": 9, "paths": {"uploaded": ["a"]}, "more_paths": 8}, True, False),
        ({"outcome": "done", "uploaded": 1}, True, False),
        ({"outcome": "failed", "error": "the run was killed"}, False, False),
        ({"outcome": "refused", "error": "no"}, False, True),
    ],
)
def test_what_a_line_says_of_its_run(entry: dict[str, Any], changed: bool, all_named: bool) -> None:
    assert has_changed(entry) is changed
    assert names_all(entry) is all_named


def test_what_a_run_notes_down() -> None:
    before = {"a": held("1"), "b": held("2"), "gone": held("3"), "same": held("4")}
    after = {"a": held("one"), "c": held("2"), "same": held("4"), "here": held("5")}
    planned = [
        Change(Action.UPLOAD, "a", 3, "edited here"),
        Change(Action.RENAME, "b", 1, "renamed here", to="c"),
        Change(Action.DELETE_CLOUD, "gone", 1, "deleted here"),
        Change(Action.UPLOAD, "same", 1, "failed"),
        Change(Action.RENAME, "lost", 1, "failed", to="found"),
        Change(Action.UPLOAD, "x", 1, "differs", winner="local"),
    ]
    known = {path: file for path, file in before.items() if file is not None}
    made = {path: file for path, file in after.items() if file is not None}

    assert list(noted(planned, {"b", "x"}, known, made, ["here", "a"])) == [
        Did("upload", "a", held("1"), held("one")),
        Did("rename", "b", held("2"), held("2"), "c"),
        Did("delete_cloud", "gone", held("3"), None),
        Did(CONTESTED, "x", None, None),
        Did("settled", "here", None, held("5")),
    ]


# -- whole histories on paper -----------------------------------------------------------------------------


@dataclass
class Paper:
    """Two sides and what both held, by path."""

    base: Tree = field(default_factory=dict)
    local: Tree = field(default_factory=dict)
    cloud: Tree = field(default_factory=dict)

    def now(self) -> Present:
        return present(self.base, self.local, self.cloud)

    def sync(self, meant: Iterable[str] | None = None, before: Iterable[str] = ()) -> tuple[list[Did], Kept]:
        """One run; what it noted down, and what its trashes have. `before`: what it had done here."""
        now = self.now()
        found = reconcile.compare_sides(now.baseline, now.local, now.cloud, now.compare)
        if meant is not None:
            found = reconcile.restricted(found, frozenset(meant).__contains__)
        made = plan.make_plan(
            found, plan.Answers(), baseline=now.baseline, local=now.local, cloud=now.cloud, compare=now.compare,
            resolve=ConflictResolve.NONE, mode=plan.Mode.SYNC,
        )  # fmt: skip
        kept: Kept = {}
        for change in made.changes:
            path = change.path
            if change.action in (Action.UPLOAD, Action.DELETE_CLOUD) and path in self.cloud:
                kept.setdefault(path, []).append(version(self.cloud[path], path, side="cloud"))
            if change.action in (Action.DOWNLOAD, Action.DELETE_LOCAL) and path in self.local:
                kept.setdefault(path, []).append(version(self.local[path], path))
        old = dict(now.baseline)
        self.local, self.cloud = on_paper(made.changes, self.local, self.cloud)
        about = set(self.base) | set(self.local) | set(self.cloud) if meant is None else set(meant)
        for path in about:
            if self.local.get(path) == self.cloud.get(path):
                self.base.pop(path, None)
                if path in self.local:
                    self.base[path] = self.local[path]
        did = list(
            noted(made.changes, {change.path for change in made.changes}, old, self.now().baseline, before)
        )
        assert meant is None or not any(change.lands_here for change in made.changes)
        return did, kept

    def undo(self, did: list[Did], kept: Kept) -> tuple[Decision, list[Did], Kept]:
        """Take a run back; what was decided, and what the run that did it noted down and kept."""
        found = undo.decide(RUN, did, self.now(), kept)
        wanted = with_deeds(self.now().local, found.deeds)
        texts = {md5(text): text for tree in (self.local, self.cloud, self.base) for text in tree.values()}
        texts |= {one.md5: TEXTS[one.md5] for some in kept.values() for one in some if one.md5}
        taken = {
            deed.path: [version(self.local[deed.path], deed.path)]
            for deed in found.deeds
            if deed.kind is Kind.TAKE_AWAY or deed.replaces
        }
        self.local = {path: texts[file.md5 or ""] for path, file in wanted.files.items()}
        again, more = self.sync(found.paths, found.paths)
        for path, some in more.items():
            taken.setdefault(path, []).extend(some)
        return found, again, taken


PATHS = ("a", "a/x", "a/y", "b", "c/z", "d")
CONTENTS = ("1", "22", "333", "4444")
TEXTS = {md5(text): text for text in CONTENTS}


def fits(tree: Tree, path: str) -> bool:
    """Whether a disk that has these files can have this one, too."""
    return not any(other in parents(path) or path in parents(other) for other in tree)


trees = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(CONTENTS), max_size=5)
edits = st.lists(
    st.tuples(
        st.sampled_from(["local", "cloud"]),
        st.sampled_from(PATHS),
        st.one_of(st.none(), st.sampled_from(CONTENTS), st.sampled_from([f"to {path}" for path in PATHS])),
    ),
    max_size=5,
)
Edit = tuple[str, str, str | None]


def possible(tree: Tree) -> Tree:
    found: Tree = {}
    for path, text in sorted(tree.items()):
        if fits(found, path):
            found[path] = text
    return found


def edit(world: Paper, made: Iterable[Edit]) -> None:
    for side, path, what in made:
        tree = world.local if side == "local" else world.cloud
        if what is None:
            tree.pop(path, None)
        elif what.startswith("to "):
            target = what[3:]
            without = {other: text for other, text in tree.items() if other != path}
            if path in tree and target not in tree and fits(without, target):
                tree[target] = tree.pop(path)
        elif path in tree or fits(tree, path):
            tree[path] = what


def one_side(made: list[Edit]) -> list[Edit]:
    """As made on one side alone: no conflicts."""
    return [(made[0][0], path, what) for _, path, what in made]


@given(trees, edits)
@settings(max_examples=100)
def test_a_run_is_taken_back_and_that_too(tree: Tree, made: list[Edit]) -> None:
    before = possible(tree)
    world = Paper(dict(before), dict(before), dict(before))
    edit(world, one_side(made) if made else [])
    did, kept = world.sync()
    after = dict(world.local)
    assert world.local == world.cloud == world.base

    found, again, taken = world.undo(did, kept)

    assert found.left == ()
    assert world.local == world.cloud == world.base == before

    found, _, _ = world.undo(again, taken)

    assert found.left == ()
    assert world.local == world.cloud == world.base == after


@given(trees, edits, edits, st.booleans())
@settings(max_examples=200)
def test_what_has_changed_since_is_left_alone_and_named(
    tree: Tree, made: list[Edit], since: list[Edit], synced: bool
) -> None:
    before = possible(tree)
    world = Paper(dict(before), dict(before), dict(before))
    edit(world, made)
    did, kept = world.sync()
    after = dict(world.base)
    edit(world, since)
    if synced:
        world.sync()
    local, cloud = dict(world.local), dict(world.cloud)

    found, _, _ = world.undo(did, kept)

    about = {path for one in did for path in one.paths}
    named = {one.path for one in found.left}
    for one in did:
        for path in one.paths:
            was, is_now = (local.get(path), cloud.get(path)), (world.local.get(path), world.cloud.get(path))
            if not named.isdisjoint(one.paths):
                assert is_now == was, f"{path} is named, and changed"
            else:
                assert is_now == (before.get(path), before.get(path)), (
                    f"{path} is neither named nor as before"
                )
    for path in {*local, *cloud, *world.local, *world.cloud} - about:
        assert (world.local.get(path), world.cloud.get(path)) == (local.get(path), cloud.get(path))
    for one in did:
        as_it_left = all(
            local.get(path) == cloud.get(path) == world.base.get(path, after.get(path)) == after.get(path)
            for path in one.paths
        )
        gone = one.before is not None and one.to is None and one.path not in kept
        if not since and one.what != CONTESTED and not gone and as_it_left:
            assert named.isdisjoint(one.paths), "nothing has happened since, and yet it is left alone"

"""The steps that a plan amounts to. Values only; `transfers` knows their order, `apply` takes them."""

from __future__ import annotations

from typing import Literal, NamedTuple

from bisync.config import Compare
from bisync.core.change import Change
from bisync.sync.frame import Frame


class PlaceMarker(NamedTuple):
    """Both sides have the marker before bisync looks for it: on the first run, and after --force."""

    side: Literal["local", "cloud"]


class Fetch(NamedTuple):
    """Copy these files (the cloud's names) beside the tree, each under the name it has in the cloud.

    `width`, here and below: how many at a time.
    """

    names: tuple[str, ...]
    width: int


class DeleteHere(NamedTuple):
    """The file `name` here goes to the trash."""

    change: Change
    name: str


class StepAside(NamedTuple):
    """The file `name` here becomes `copy`: the cloud has a folder of its name."""

    change: Change
    name: str
    copy: str


class PutIn(NamedTuple):
    """The fetched file `staged` takes the place of `name` here; what lay there goes to the trash.

    `folder`: a folder of that name goes with this plan.
    """

    change: Change
    staged: str
    name: str
    folder: bool


class Settle(NamedTuple):
    """A conflict's versions get their names here: the fetched file `staged`, and `name`.

    `copies`: what the losers are called, the local version's first.
    """

    change: Change
    staged: str
    name: str
    copies: tuple[str, ...]


class Merge(NamedTuple):
    """The edits of the fetched file `staged` come into `name` here; both as they were go to the trash."""

    change: Change
    staged: str
    name: str


class Send(NamedTuple):
    """Copy these files (names as rclone spells them here) to the cloud by ourselves (see `is_sent_first`)."""

    changes: tuple[Change, ...]
    names: tuple[str, ...]
    width: int


class SendAs(NamedTuple):
    """As `Send`, of one file `name` (rclone's spelling of ours) that the cloud spells as `there` (NFC, NFD)."""

    change: Change
    name: str
    there: str


class DeleteThere(NamedTuple):
    """The file `name` in the cloud goes to the cloud's trash before anything is uploaded.

    A file becomes a folder, or a folder a file: bisync copies first and deletes last, which only a store
    without real folders can bear.
    """

    change: Change
    name: str


class LookAgain(NamedTuple):
    """These files (the cloud's names) are still there as they were seen, or the run goes without them.

    Before copies of our own, which write over whatever they find (see `own_copies`).
    """

    names: tuple[str, ...]


class MakeRoom(NamedTuple):
    """No folder lies where these files are to go (`names` in the cloud), or the run goes without them (see `room`)."""

    changes: tuple[Change, ...]
    names: tuple[str, ...]


class ReadBack(NamedTuple):
    """What the cloud says of these files, now that the run has done with them."""

    names: tuple[str, ...]


class DeleteAllThere(NamedTuple):
    """These files (`names` in the cloud) go to the cloud's trash."""

    changes: tuple[Change, ...]
    names: tuple[str, ...]
    width: int


class RenameThere(NamedTuple):
    """The file `name` in the cloud becomes `copy`: nobody won its name, or a folder needs it."""

    change: Change
    name: str
    copy: str


class MoveHere(NamedTuple):
    """The file `name` here becomes `to`, as it did in the cloud."""

    change: Change
    name: str
    to: str


class MoveOneThere(NamedTuple):
    """The file `name` in the cloud becomes `to`, as it did here."""

    change: Change
    name: str
    to: str


class MoveThere(NamedTuple):
    """These files (`names` below the folder `source`) move to the folder `target` in the cloud, as they did here.

    Just these: what else lies in the folder there is in no plan.
    """

    changes: tuple[Change, ...]
    source: str
    target: str
    names: tuple[str, ...]
    width: int


class RunBisync(NamedTuple):
    """One run of bisync in the frame of the plan. `percent`: its `--max-delete`.

    `fast_list`: the whole remote is listed with fewer requests than the folders of the frame. `check_sync`: it
    compares its two listings at the end.
    """

    frame: Frame
    compare: Compare
    percent: int
    fast_list: bool
    width: int
    check_sync: bool = True


Step = (
    PlaceMarker
    | Fetch
    | DeleteHere
    | StepAside
    | PutIn
    | Settle
    | Merge
    | Send
    | SendAs
    | DeleteThere
    | LookAgain
    | MakeRoom
    | ReadBack
    | DeleteAllThere
    | RenameThere
    | MoveHere
    | MoveOneThere
    | MoveThere
    | RunBisync
)

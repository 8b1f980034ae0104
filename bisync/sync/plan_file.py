"""A plan as a document: what `plan --json` prints, `--out` saves, `sync --plan` checks, `--script` renders.

Sorted, without clock or chance: the same manifest and the same two sides give the same bytes. Written, read
and held against today's plan in this one place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from bisync.app import Session
from bisync.core.change import Change
from bisync.core.plan import Plan
from bisync.core.printable import typed
from bisync.errors import GuardRefused, StateError, UsageError
from bisync.files import named_path
from bisync.stored import LARGE, Damaged, fits, parse, read
from bisync.sync import transfers
from bisync.sync.observe import Observation
from bisync.sync.prepare import Prepared

VERSION = 1
# As far as it is taken apart; the whole is held against today's plan.
_SHAPE = {
    "manifest": str,
    "syncs": [{"name": str, "actions": [{"path": str}], "contents": {str: dict}}],
}


def sync_document(session: Session, prepared: Prepared) -> dict[str, Any]:
    """One sync's part of the document."""
    plan = prepared.plan
    return {
        "name": session.sync.name,
        "tenant": session.sync.tenant.name,
        "local": str(session.sync.dir),
        "remote": session.remote.fs,
        "profile": session.profile.name,
        "mode": prepared.mode.value,
        "why": None,
        "filters": prepared.seen.filters_digest,
        "actions": [_action(change) for change in prepared.changes],
        "contents": _contents(plan, prepared.seen),
        "guards": [
            {
                "guard": verdict.guard,
                "limit": verdict.limit,
                "planned": verdict.planned,
                "passed": verdict.passed,
                **({"message": verdict.message, "hint": verdict.hint} if not verdict.passed else {}),
            }
            for verdict in prepared.verdicts
        ],
        "left_out": [{"path": one.path, "why": one.why} for one in plan.left_out],
        "left_alone": [{"path": one.path, "why": one.why} for one in prepared.seen.left_alone],
        "notes": list(prepared.notes),
        "commands": [
            list(argv) for step in prepared.steps if (argv := transfers.command(step, session, transfers.RUN))
        ],
    }


def _action(change: Change) -> dict[str, Any]:
    return {
        "action": change.action.value,
        "path": change.path,
        "size": change.size,
        "why": change.why,
        **({"to": change.to} if change.to else {}),
        **({"winner": change.winner} if change.winner else {}),
        **({"hunks": change.merged.hunks, "merged": f"md5:{change.merged.md5}"} if change.merged else {}),
        **({"copies": list(change.copies)} if change.copies else {}),
    }


def _contents(plan: Plan, seen: Observation) -> dict[str, dict[str, str]]:
    """What each path of the plan holds on either side: its hash, else its time."""
    found = {}
    for path in sorted(path for change in plan.changes for path in change.paths):
        here, there = seen.local.files.get(path), seen.cloud.files.get(path)
        found[path] = {
            **({"local": _content(here.md5, here.stamp.mtime_ns)} if here else {}),
            **({"cloud": _content(there.md5, there.mtime_ns)} if there else {}),
        }
    return found


def _content(md5: str | None, mtime_ns: int | None) -> str:
    return f"md5:{md5}" if md5 else f"mtime:{mtime_ns}"


def blocked_document(name: str, tenant: str, local: str, profile: str, why: str) -> dict[str, Any]:
    """The part of a sync that cannot be planned."""
    return {
        "name": name, "tenant": tenant, "local": local, "remote": None, "profile": profile,
        "mode": "blocked", "why": why, "filters": None, "actions": [], "contents": {}, "guards": [], "left_out": [],
        "left_alone": [], "notes": [], "commands": [],
    }  # fmt: skip


def document(manifest_digest: str, rclone_version: str, syncs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The whole document; its id names exactly this content."""
    body = {"version": VERSION, "manifest": manifest_digest, "rclone": rclone_version, "syncs": list(syncs)}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return {"version": VERSION, "id": "sha256:" + hashlib.sha256(text.encode()).hexdigest(), **body}


def moved(old: dict[str, Any], new: dict[str, Any], how: str = "moved since") -> str:
    """What differs between two plans of one sync, in a line. `how` the paths did."""

    def by_path(one: dict[str, Any]) -> dict[str, Any]:
        contents = one.get("contents", {})
        return {action["path"]: (action, contents.get(action["path"])) for action in one.get("actions", [])}

    before, after = by_path(old), by_path(new)
    paths = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    if paths:
        shown = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
        return f"{shown} {how}"
    fields = [name for name in new if old.get(name) != new.get(name)]
    return f"{', '.join(fields) or 'something'} changed since"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The plan a run must match: the document of `plan --out` for one sync. `hint`: how to have a new one."""

    document: dict[str, Any]
    hint: str | None = None

    def check(self, session: Session, prepared: Prepared) -> None:
        """Refuse when either side has moved since the plan was written. Raises GuardRefused."""
        # What is never synced may come and go.
        now = {**sync_document(session, prepared), "left_alone": []}
        then = {**self.document, "left_alone": []}
        if now != then:
            raise self._refusal(f"the plan no longer fits: {moved(then, now)}", session)

    def check_rest(self, session: Session, prepared: Prepared, done: Collection[str]) -> None:
        """Refuse when the ignore rules that came from the cloud (the paths `done`) leave another plan.

        Raises GuardRefused. The rules themselves are here by then: the plan named them.
        """
        now = sync_document(session, prepared)
        left = [action for action in self.document["actions"] if action["path"] not in done]
        contents = {path: held for path, held in self.document["contents"].items() if path not in done}
        if (now["actions"], now["contents"]) != (left, contents):
            then = {**self.document, "actions": left, "contents": contents}
            changed = moved(then, now, "planned otherwise by the new rules")
            rules = ", ".join(sorted(done))
            raise self._refusal(
                f"the ignore rules that came with it ({rules}) change the plan: {changed}", session
            )

    def _refusal(self, message: str, session: Session) -> GuardRefused:
        again = f"make a new one: bisync plan --only {session.sync.name} --out FILE"
        return GuardRefused(message, hint=self.hint or again)


def read_plan(path: str, digest: str, names: set[str]) -> dict[str, dict[str, Any]]:
    """The plans in a file of `plan --out`, by sync. Raises UsageError for another file or manifest."""
    try:
        document = parse(read(named_path(path), limit=LARGE, foreign=True))
    except StateError as error:
        raise UsageError(error.message, hint="make one with: bisync plan --out FILE") from None
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read: {error.strerror}", hint="make it with: bisync plan --out FILE"
        ) from None
    except Damaged as error:
        raise _no_plan(path, f": {error}") from None
    if not fits(document, _SHAPE):
        raise _no_plan(path)
    if document["manifest"] != digest:
        raise UsageError(
            f"{path} was made from another manifest", hint=f"make a new one: bisync plan --out {typed(path)}"
        )
    return {one["name"]: one for one in document["syncs"] if one["name"] in names}


def _no_plan(path: str, why: str = "") -> UsageError:
    return UsageError(f"{path} is not a plan{why}", hint="make one with: bisync plan --out FILE")

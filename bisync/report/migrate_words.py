"""The words of a migration: what was found, what each step did, what is left to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bisync.report.run_words import told_lines
from bisync.report.stream import cell
from bisync.report.words import NOTHING_CHANGED, Line, Problem, home_text, size_text

if TYPE_CHECKING:
    from rich.table import Table

    from bisync.core.migration import Gathering
    from bisync.migrate.found import Found
    from bisync.migrate.looking import Looked
    from bisync.migrate.run import Migrated

SHOWN = 20
"""So many paths of a kind are shown, unless all are asked for."""


def migrate_lines(one: Migrated, *, verbose: bool = False) -> list[Line]:
    """What came of a migration, as lines. (The table of its sources comes before.)"""
    if one.found is not None:
        return list(_found_lines(one.found, one.name))
    lines: list[Line] = []
    if one.dry_run and one.gathering is not None and one.undone is None:
        lines += _planned_lines(one.gathering, verbose=verbose)
    for source in () if one.done_before else one.sources:
        lines += _ignored_lines(source, verbose=verbose)
    width = max((len(step.state) for step in one.steps), default=0)
    for step in one.steps:
        mark = {"ok": "✓", "failed": "✗"}.get(step.state, "+")
        detail = "" if step.state == "failed" else step.detail
        lines.append(f"{mark} {step.step:<14}  {step.state:<{width}}  {detail}".rstrip())
    if one.result is not None:
        lines += told_lines(one.result)
    lines += [f"  {note}" for note in _cut(one.notes, verbose=verbose)]
    lines += _undone_lines(one)
    lines += [Problem(step.detail, step.hint) for step in one.steps if step.state == "failed"]
    if one.exit_code == 0 and one.undone is None:
        lines += _next_lines(one)
    return lines


def _found_lines(found: Found, name: str) -> Iterator[Line]:
    """What there is, and what to type."""
    if found.home is not None:
        yield f"tree           {home_text(found.home)}"
    for project in found.projects:
        yield f"project        {home_text(project.dir)}  ({project.name}, of {home_text(project.config)})"
    for other in found.others:
        yield f"{other.what:<13}  {other.place}  ({other.note})"
    remotes = [one for one in found.others if one.what == "webdav remote"]
    if found.home is None and not found.projects and not found.others:
        yield "Nothing of an earlier set-up was found here."
        yield "Name it: bisync migrate --from DIR, or bisync migrate --webdav URL"
        return
    from bisync.core.printable import typed

    yield ""
    yield "Nothing was changed. See what would be done: bisync migrate --yes --dry-run"
    if found.home is not None or found.projects:
        yield f"Move all of these folders over into {name}: bisync migrate --yes"
    for one in remotes:
        yield f"Move over from {one.place} bisync migrate --webdav {typed(one.place)}"


def _planned_lines(gathering: Gathering, *, verbose: bool) -> list[Line]:
    rows: list[str] = []
    for one in gathering.meetings:
        unless = "" if one.sure else ", unless it turns out to be the same"
        if one.aside is not None:
            rows.append(f"  keep      {one.path} as {one.aside}{unless}")
        if one.take is not None:
            rows.append(f"  bring     {one.path}  {size_text(one.take.size)}")
        rows += [f"  beside    {kept.name}  {size_text(kept.version.size)}{unless}" for kept in one.beside]
    rows += [f"  folder    {folder}/" for folder in gathering.folders]
    return [*_cut(rows, verbose=verbose)]


def _ignored_lines(source: Looked, *, verbose: bool) -> list[Line]:
    rows = [f"  ignored   {source.source.below}{one.path}  ({one.rule})" for one in source.ignored]
    rows += [f"  left      {source.source.below}{one.path}  ({one.why})" for one in source.passed]
    return [*_cut(rows, verbose=verbose)]


def _cut(rows: list[str], *, verbose: bool) -> list[str]:
    if verbose or len(rows) <= SHOWN + 1:
        return rows
    return [*rows[:SHOWN], f"  … and {len(rows) - SHOWN} more (all: --verbose or --json)"]


def _undone_lines(one: Migrated) -> list[Line]:
    if one.undone is None:
        return []
    lines: list[Line] = [f"  kept as it is: {path}: {why}" for path, why in one.undone.kept]
    lines += [f"  the backup stays: {path}" for path in one.backups]
    lines.append(
        "  the cloud is left alone: what was uploaded is still there, and bisync setup would bring it here"
    )
    if one.dry_run:
        lines.append(NOTHING_CHANGED)
    return lines


def _next_lines(one: Migrated) -> list[Line]:
    if one.dry_run:
        return [NOTHING_CHANGED]
    if one.done_before:
        return ["Nothing to do. Take it back: bisync migrate --undo"]
    return [
        f"Moved over into {home_text(one.dir)}. The old files are where they were.",
        "Next: bisync sync. Take it back: bisync migrate --undo",
    ]


def sources_table(one: Migrated) -> Table:
    """What each source holds and how it stands to the sync dir."""
    from rich.table import Table

    left = any(each.passed for each in one.sources)
    table = Table(title=cell(f"Into {home_text(one.dir)}", "table.title"), title_justify="left")
    table.add_column("Source", overflow="fold")
    for name in ("To", "Files", "Size", "New", "Same", "Differ", "Ignored", *(("Left",) if left else ())):
        table.add_column(name, justify="left" if name == "To" else "right")
    for each in one.sources:
        folder = each.source.kind == "folder"
        label = home_text(Path(each.source.label)) if folder else each.source.label
        differ = f"{each.differ:,}" + (f" ({each.unknown:,}?)" if each.unknown else "")
        counts = (f"{each.files:,}", size_text(each.bytes), f"{each.new:,}", f"{each.same:,}", differ)
        rest = (f"{len(each.ignored):,}", *((f"{len(each.passed):,}",) if left else ()))
        table.add_row(cell(label), cell(each.source.below or "."), *counts, *rest)
    return table


def migrate_document(one: Migrated) -> dict[str, Any]:
    """What `migrate --json` prints."""
    found = one.found
    undone = one.undone
    verified = one.verified
    return {
        "version": 1,
        "sync": one.name,
        "dir": str(one.dir),
        "dry_run": one.dry_run,
        "found": None
        if found is None
        else [
            *([{"what": "tree", "place": str(found.home), "note": ""}] if found.home is not None else []),
            *({"what": "project", "place": str(p.dir), "note": p.name} for p in found.projects),
            *({"what": each.what, "place": each.place, "note": each.note} for each in found.others),
        ],
        "sources": [_source(each) for each in one.sources],
        "actions": [] if one.gathering is None else _actions(one.gathering, one.sources),
        "steps": [
            {"step": step.step, "state": step.state, "detail": step.detail, "hint": step.hint}
            for step in one.steps
        ],
        "backups": [str(path) for path in one.backups],
        "conflicts": [] if one.gathering is None else _conflicts(one.gathering),
        "verified": None
        if verified is None
        else {
            "here": verified.here,
            "cloud": verified.cloud,
            "apart": [{"path": path, "why": why} for path, why in verified.apart],
            "missing": [
                {"source": each.source, "path": each.path, "why": each.why} for each in verified.missing
            ],
        },
        "undone": None
        if undone is None
        else {
            "removed": undone.removed,
            "restored": undone.restored,
            "config": undone.config,
            "kept": [{"path": path, "why": why} for path, why in undone.kept],
        },
        "notes": one.notes,
    }


def _source(one: Looked) -> dict[str, Any]:
    return {
        "kind": one.source.kind,
        "place": one.source.label,
        "to": one.source.below,
        "files": one.files,
        "bytes": one.bytes,
        "new": one.new,
        "same": one.same,
        "differ": one.differ,
        "unknown": one.unknown,
        "ignored": [{"path": one.source.below + each.path, "rule": each.rule} for each in one.ignored],
        "left": [{"path": one.source.below + each.path, "why": each.why} for each in one.passed],
    }


def _actions(gathering: Gathering, sources: list[Looked]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for one in gathering.meetings:
        if one.aside is not None:
            rows.append({"action": "keep", "path": one.path, "to": one.aside, "source": None})
        for kept in one.brought:
            beside = kept.name != one.path
            rows.append(
                {
                    "action": "beside" if beside else "bring",
                    "path": one.path,
                    "to": kept.name,
                    "source": sources[kept.version.tree].source.label,
                }
            )
    rows += [
        {"action": "folder", "path": folder, "to": folder, "source": None} for folder in gathering.folders
    ]
    return rows


def _conflicts(gathering: Gathering) -> list[dict[str, Any]]:
    """The paths that had several versions, and what the others are called."""
    return [
        {
            "path": one.path,
            "copies": [*([one.aside] if one.aside else []), *(kept.name for kept in one.beside)],
        }
        for one in gathering.meetings
        if one.aside or one.beside
    ]

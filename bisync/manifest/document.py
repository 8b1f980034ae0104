"""YAML text -> plain data, and the line and column of everything in it.

The text is read event by event instead of through PyYAML's loaders, for four reasons: every value keeps
its place, a duplicate key is a problem (PyYAML keeps the last one silently), only `true` and `false` are
booleans (YAML 1.1 reads `on`, `off`, `yes` and `no` as such), and the size after alias expansion is known
before anything is expanded, so that a few lines of nested aliases cannot eat the memory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bisync import stored
from bisync.core.printable import typed
from bisync.errors import Fault, ManifestError, StateError
from bisync.manifest import syntax
from bisync.manifest.hidden import is_secret, spoken
from bisync.manifest.source import Source, Sources, split

if TYPE_CHECKING:
    from yaml.events import CollectionStartEvent, Event, ScalarEvent

MAX_BYTES = 1_000_000
MAX_NODES = 10_000
MAX_DEPTH = 32

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A spot in a file, counted from 1 as editors do; line 0 is the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where, and what to write instead. Never holds a secret's value."""

    place: Place
    path: KeyPath
    text: str

    def fault(self, sources: Sources = {}) -> Fault:  # noqa: B006 - only read
        """The same for whoever prints it, with its line out of `sources`."""
        place, source = self.place, sources.get(self.place.file)
        return Fault(
            text=self.text, key=dotted(self.path), file=place.file, line=place.line, column=place.column,
            folder=source.folder if source else None,
            source=source.shown(place.line, self.path) if source else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a file says (`data`), where each path stands, and what is wrong already.

    `places`: of a mapping's entry its key, of a list's entry the entry itself. `values`: where what stands there
    begins, but for what is empty.
    """

    data: Any
    places: dict[KeyPath, Place]
    values: dict[KeyPath, Place] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    sources: Sources = field(default_factory=dict)


def dotted(path: KeyPath) -> str:
    """`("syncs", "notes", "ignore", 0)` -> `syncs.notes.ignore[0]`; odd keys are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if re.fullmatch(r"[\w-]+", part) else quoted(part))
    return text


def quoted(text: str, limit: int = 60) -> str:
    """`text` in double quotes on one line, cut after `limit` characters, nothing unprintable in it."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return '"' + "".join(char if char.isprintable() else "�" for char in shown) + '"'


def read(path: Path) -> Document:
    """Parse the file `path`, at most MAX_BYTES of UTF-8.

    Raises ManifestError with one line when it cannot be read, is a directory, is too large, is not UTF-8
    or is not YAML. An empty file is a document whose data is None.
    """
    try:
        with os.fdopen(stored.open_plain(path, os.O_RDONLY, foreign=True), "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ManifestError([f"{path}: no such file"], hint="write one with: bisync init") from None
    except StateError:
        kind = "a directory" if path.is_dir() else "no plain file"
        hint = f"name the file itself, as in: --manifest {typed(path / 'bisync.yaml')}"
        raise ManifestError([f"{path}: is {kind}, not a manifest"], hint=hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ManifestError([f"{path}: cannot be read: {reason}"]) from None
    if len(raw) > MAX_BYTES:
        raise ManifestError([f"{path}: is larger than {MAX_BYTES // 1_000_000} MB; this is no manifest"])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        place = Place(path.name, before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        text_ = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise ManifestError([replace(Problem(place, (), text_).fault(), folder=path.parent)]) from None
    return parse(text, path.name, path.parent)


def parse(text: str, name: str, folder: Path | None = None) -> Document:
    """Parse YAML `text`; `name` stands for the file in every place, `folder` is where it lies.

    Raises ManifestError with one line for a syntax error, and for text that is too deep or too big once
    its aliases are expanded. Duplicate keys and the like do not stop the reading: they are `problems`.
    """
    import yaml

    # The C parser is eight times as fast where PyYAML has it; both give the same events and marks.
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder(name)
    source = Source(split(text), folder)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.YAMLError as error:
        slip = syntax.slip(error, source.lines, builder.last)
        problem = Problem(Place(name, slip.line, slip.column), slip.path, slip.text)
        if slip.hidden:
            source = replace(source, hidden=frozenset([slip.line]))
        raise ManifestError([problem.fault({name: source})]) from None
    except _Stopped as stopped:
        # What is around is not known yet: no line is shown.
        raise ManifestError([replace(stopped.problem.fault(), folder=folder)]) from None
    seen = _Seen({(): Place(name, 1, 1)}, {}, set())
    data = None if builder.root is None else _expand(builder.root, (), seen)
    source = replace(source, hidden=frozenset(seen.hidden))
    return Document(
        data=data,
        places=seen.places,
        values=seen.values,
        problems=tuple(builder.problems),
        sources={name: source},
    )


class _Stopped(Exception):
    """A problem that ends the reading."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


@dataclass(slots=True)
class _Node:
    """A YAML node; `size` and `depth` count what it is after alias expansion, `lines` are its first and last."""

    place: Place
    path: KeyPath
    lines: tuple[int, int]
    value: Any = None
    items: list[_Node] | None = None
    entries: dict[str, tuple[Place, _Node]] | None = None
    size: int = 1
    depth: int = 1
    anchor: str | None = None
    key: tuple[Place, str, bool] | None = (
        None  # an entry's key that waits for its value: place, text, keep it
    )


@dataclass(slots=True)
class _Builder:
    """Puts nodes together from parser events, with a stack of its own (no recursion to overflow)."""

    name: str
    root: _Node | None = None
    problems: list[Problem] = field(default_factory=list)
    _stack: list[_Node] = field(default_factory=list)
    _anchors: dict[str, _Node | None] = field(default_factory=dict)
    _documents: int = 0
    last: syntax.Last = syntax.NOTHING

    def take(self, event: Event) -> None:
        import yaml

        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._stop(event, "a second document begins here; a manifest is one document")
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                node = self._stack.pop()
                node.lines = (node.lines[0], _lines(event)[1])
                if node.anchor:
                    self._anchors[node.anchor] = node
                self._add(node)
            case _:
                pass

    def _scalar(self, event: ScalarEvent) -> None:
        plain = event.style in (None, "") and event.implicit[0]
        parent = self._stack[-1] if self._stack else None
        if parent and parent.entries is not None and parent.key is None:
            self._key(parent, event)
            return
        self._refuse_tag(event)
        # Line feeds and tabs are text (a hook may hold a script); the rest is a slip or an attack.
        if re.search("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", event.value):
            self._report(event, "a control character; remove it")
        node = _Node(
            self._place(event), self._path(), _lines(event), _scalar(event.value) if plain else event.value
        )
        self.last = syntax.Last(event.value, node.place.line, node.place.column, node.path)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._add(node)

    def _key(self, parent: _Node, event: ScalarEvent) -> None:
        assert parent.entries is not None
        place, key = self._place(event), event.value
        keep = False
        if event.anchor or event.tag:
            self._report(event, "a key has no tag and no anchor", parent.path)
        elif key == "<<":
            self._report(event, "merge keys (<<) are not supported; write the keys out", parent.path)
        elif re.search("[\x00-\x1f\x7f\ud800-\udfff]", key):
            self._report(event, "a key is one line of printable text", parent.path)
        elif key in parent.entries:
            first = parent.entries[key][0].line
            self._report(event, f"duplicate key; it is on line {first} already", (*parent.path, key))
        else:
            keep = True
        parent.key = (place, key, keep)

    def _alias(self, event: Any) -> None:
        self._refuse_key(event)
        # The alias' name is not repeated: it may be an unquoted secret or pattern that begins with `*`.
        if event.anchor not in self._anchors:
            self._stop(event, 'no such alias; text that begins with * needs quotes: "*.log"')
        node = self._anchors[event.anchor]
        if node is None:
            self._stop(event, "an alias to the very node it is part of")
        else:
            self._add(replace(node, place=self._place(event)))

    def _open(self, event: CollectionStartEvent) -> None:
        import yaml

        self._refuse_key(event)
        self._refuse_tag(event)
        node = _Node(self._place(event), self._path(), _lines(event), anchor=event.anchor)
        if isinstance(event, yaml.MappingStartEvent):
            node.entries = {}
        else:
            node.items = []
        if event.anchor:
            self._anchors[event.anchor] = None
        self._stack.append(node)
        if len(self._stack) > MAX_DEPTH:
            self._stop(event, f"nested deeper than {MAX_DEPTH} levels; this is no manifest")

    def _add(self, node: _Node | None) -> None:
        assert node is not None
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        if parent.items is not None:
            parent.items.append(node)
        elif parent.entries is not None and parent.key is not None:
            place, key, keep = parent.key
            parent.key = None
            if keep:
                parent.entries[key] = (place, node)
        parent.size += node.size
        parent.depth = max(parent.depth, node.depth + 1)
        # An open parent is not counted by its own parents yet, so the sum over the stack is the whole.
        if sum(one.size for one in self._stack) > MAX_NODES or len(self._stack) + node.depth > MAX_DEPTH + 1:
            text = f"more than {MAX_NODES} values once aliases are expanded; this is no manifest"
            raise _Stopped(Problem(node.place, (), text))

    def _refuse_key(self, event: Any) -> None:
        parent = self._stack[-1] if self._stack else None
        if parent and parent.entries is not None and parent.key is None:
            self._stop(
                event, 'a list, mapping or alias cannot be a key; text with {, [ or * needs quotes: "{x}"'
            )

    def _refuse_tag(self, event: Any) -> None:
        # `!` in front of an unquoted secret reads as a tag too: do not repeat it.
        if event.tag not in (None, "!"):
            self._report(event, 'tags are not supported; text that begins with ! needs quotes: "!keep.log"')

    def _path(self) -> KeyPath:
        if not self._stack:
            return ()
        parent = self._stack[-1]
        if parent.items is not None:
            return (*parent.path, len(parent.items))
        return (*parent.path, parent.key[1]) if parent.key else parent.path

    def _place(self, event: Event) -> Place:
        mark: Any = event.start_mark
        return Place(self.name, mark.line + 1, mark.column + 1)

    def _report(self, event: Event, text: str, path: KeyPath | None = None) -> None:
        where = spoken(self._path() if path is None else path)
        self.problems.append(Problem(self._place(event), where, text))

    def _stop(self, event: Event, text: str) -> Any:
        raise _Stopped(Problem(self._place(event), (), text))


def _lines(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.end_mark.line + 1


def _scalar(text: str) -> Any:
    """A plain scalar by YAML 1.2's core schema, less the odd corners: no hexadecimal, no `1_000`.

    And `~` is text: nothing in a manifest is null, but `dir: ~` is a folder somebody means.
    """
    if text in ("", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    if re.fullmatch(r"[-+]?[0-9]{1,18}", text):
        return int(text)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]{1,3})?", text):
        return float(text)
    return text


class _Seen(NamedTuple):
    """Where keys and values stand, and the lines that belong to secrets."""

    places: dict[KeyPath, Place]
    values: dict[KeyPath, Place]
    hidden: set[int]


def _expand(node: _Node, path: KeyPath, seen: _Seen) -> Any:
    """The node's plain data; fills `seen`. Its depth and size are known to be bounded."""
    if is_secret(path):
        seen.hidden.update(range(node.lines[0], node.lines[1] + 1))
    if node.items is not None:
        data = []
        for index, item in enumerate(node.items):
            seen.places[(*path, index)] = item.place
            data.append(_expand(item, (*path, index), seen))
        return data
    if node.entries is not None:
        mapping = {}
        for key, (place, item) in node.entries.items():
            below = (*path, key)
            seen.places[below] = place
            if item.value is not None or item.items is not None or item.entries is not None:
                seen.values[below] = item.place
            if is_secret(below):
                seen.hidden.update((place.line, item.place.line))
            mapping[key] = _expand(item, below, seen)
        return mapping
    return node.value


def merge(base: Document, overlay: Document) -> Document:
    """`overlay` over `base`: mappings deep, everything else replaced; each path keeps its file's place."""
    places, values = dict(base.places), dict(base.values)
    # None stands for an empty overlay file, not for a value that replaces the manifest.
    data = base.data
    if overlay.data is not None:
        data = _merged(base.data, overlay.data, (), ((places, overlay.places), (values, overlay.values)))
    return Document(
        data=data,
        places=places,
        values=values,
        problems=(*base.problems, *overlay.problems),
        sources={**base.sources, **overlay.sources},
    )


_Tables = tuple[tuple[dict[KeyPath, Place], dict[KeyPath, Place]], ...]


def _merged(old: Any, new: Any, path: KeyPath, tables: _Tables) -> Any:
    """`new` over `old`; in each of `tables`, the second over the first."""
    if isinstance(old, dict) and isinstance(new, dict):
        data = dict(old)
        for key, value in new.items():
            below = (*path, key)
            if key in old:
                data[key] = _merged(old[key], value, below, tables)
            else:
                data[key] = value
                for mine, theirs in tables:
                    mine.update(_below(theirs, below))
        return data
    for mine, theirs in tables:
        for gone in [one for one in mine if one[: len(path)] == path]:
            del mine[gone]
        mine.update(_below(theirs, path))
    return new


def _below(places: dict[KeyPath, Place], path: KeyPath) -> Iterator[tuple[KeyPath, Place]]:
    return ((one, place) for one, place in places.items() if one[: len(path)] == path)


def ordered(problems: Iterable[Problem], files: Iterable[str]) -> list[Problem]:
    """Each problem once, in the order of `files` (others after them), then by line and column."""
    rank = {name: index for index, name in enumerate(files)}
    unique = dict.fromkeys(problems)
    return sorted(
        unique, key=lambda one: (rank.get(one.place.file, len(rank)), one.place.line, one.place.column)
    )

"""What must hold of every history. Each law gives the first event that breaks it, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from unicodedata import normalize

from tests.support.blackbox.history import CLOUD, Calm, Command, Deed, History, Place, Sight
from tests.support.blackbox.moves import SOMETIMES_HIDDEN

# rclone shows control characters as pictures (rclone docs, "Restricted filenames").
_PICTURES = {code: chr(0x2400 + code) for code in range(32)}


def verdicts(history: History) -> list[str]:
    """What is wrong with a history; empty when nothing is."""
    found = [next(iter(law(history)), None) for law in (lost, torn, leaked, risen, helpless, untold, apart)]
    return [one for one in found if one is not None]


def lost(history: History) -> Iterator[str]:
    """A run takes no content out of the world. Only users do, from where they act."""
    for command in _commands(history):
        places: dict[str, set[Place]] = {}
        for place, text in command.before.live.items():
            places.setdefault(text, set()).add(place)
        kept = command.before.kept | command.before.kept_in_cloud
        for deed in command.meanwhile:
            here = Place(deed.who, deed.path)
            if deed.took is not None:
                places.setdefault(deed.took, {here}).discard(here)
                if deed.moved is not None:
                    places[deed.took].add(Place(deed.who, deed.moved))
            if deed.put is not None:
                places.setdefault(deed.put, set()).add(here)
        must = kept | {text for text, where in places.items() if where}
        for text in sorted(must - command.after.all()):
            yield f"LOST by {_name(command)}: {text!r}, which lay at {sorted(places.get(text, set()))}"


def torn(history: History) -> Iterator[str]:
    """Nobody ever sees a content that nobody wrote."""
    for command in _commands(history):
        for place, text in command.after.live.items():
            if text not in history.written:
                yield f"TORN by {_name(command)}: {place} holds {text[:60]!r}"


def leaked(history: History) -> Iterator[str]:
    """What its user's rules hid is never in the cloud, unless its user has said so."""
    free: set[str] = set()
    for event in history.events:
        if isinstance(event, Command):
            for deed in event.meanwhile:
                free |= {deed.frees} if deed.frees else set()
            seen = event.after.cloud()
            for text, who in history.secrets.items():
                if who not in free and text in seen:
                    yield f"LEAKED by {_name(event)}: {text!r}"
        elif isinstance(event, Deed) and event.frees:
            free.add(event.frees)


def risen(history: History) -> Iterator[str]:
    """What both sides held, and a user then overwrote or deleted, does not come back by itself.

    It may where somebody else has touched, moved or copied it, or joins and brings it along; and where rules came and
    went that hid it.
    """
    agreed: dict[Place, str] = {}
    dead: dict[str, Deed] = {}
    for event in history.events:
        if isinstance(event, Deed):
            _deed(event, agreed, dead)
        elif isinstance(event, Command):
            for deed in event.meanwhile:
                for text in (deed.took, deed.put):
                    dead.pop(text or "", None)
                agreed.pop(Place(deed.who, deed.path), None)
            _revive(event, dead)
            here, there = event.after.of(event.who), event.after.of(CLOUD)
            if event.went_well and event.argv[0] in ("sync", "setup"):
                told = {
                    Place(event.who, path): text for path, text in here.items() if there.get(path) == text
                }
                agreed = {place: text for place, text in agreed.items() if place.who != event.who} | told
        else:
            back = {text: place for place, text in event.sight.live.items() if place.who == CLOUD}
            for text in dead.keys() & back.keys() - history.unhashed:
                yield f"RISEN: {back[text]} holds {text!r}, ended by {dead[text]}"


def _deed(deed: Deed, agreed: dict[Place, str], dead: dict[str, Deed]) -> None:
    place = Place(deed.who, deed.path)
    if deed.took is not None:
        ends = agreed.get(place) == deed.took and deed.moved is None and deed.put != deed.took
        ends = ends and not deed.path.startswith(SOMETIMES_HIDDEN)
        if ends:
            dead[deed.took] = deed
        else:
            dead.pop(deed.took, None)
    if deed.put is not None:
        dead.pop(deed.put, None)
    agreed.pop(place, None)


def _revive(command: Command, dead: dict[str, Deed]) -> None:
    """What a command may bring back, and what was meant for elsewhere before it died."""
    for text, deed in list(dead.items()):
        elsewhere = any(
            held == text and place.path != deed.path for place, held in command.before.live.items()
        )
        here = command.before.of(command.who), command.after.of(command.who)
        brought = command.argv[0] in ("restore", "resolve") and text in here[1].values()
        # Whoever joins brings along what is there, and knows nothing of what was deleted at home before.
        joins = command.joins and (text in here[0].values() or command.who == deed.who)
        if elsewhere or brought or joins:
            del dead[text]


def helpless(history: History) -> Iterator[str]:
    """No run needs a person: none crashes or hangs, and what nobody meddled with ends well."""
    for command in _commands(history):
        if "Traceback" in command.said:
            yield f"CRASHED: {_name(command)}: {command.said[-1500:]}"
        calm = command.fate == "" and command.argv[0] in ("sync", "setup", "plan", "check", "status")
        if calm and (command.code not in (0, 1, 3) or command.told.get("outcome") in ("failed", "refused")):
            yield f"NEEDS A PERSON: {_name(command)} ended with {command.code}: {command.said[-800:]}"
        if command.fate == "disturbed" and command.code not in (0, 1):
            yield f"NEEDS A PERSON: {_name(command)} ended with {command.code}: {command.said[-800:]}"


def untold(history: History) -> Iterator[str]:
    """A run that nobody meddled with does what the plan before it said."""
    for one, two in zip(history.events, history.events[1:], strict=False):
        if not (isinstance(one, Command) and isinstance(two, Command)):
            continue
        if one.argv[0] != "plan" or two.argv[0] != "sync" or two.fate or one.who != two.who:
            continue
        if any("once they are here" in note for note in one.told.get("notes", ())):
            continue  # the plan says that the rest is planned anew
        said = {
            normalize("NFC", path)
            for action in one.told.get("actions", ())
            for path in (action["path"], action.get("to", action["path"]))
        }
        for path in _changed(two.before, two.after, two.who):
            spelled = normalize("NFC", path)
            if spelled not in said and spelled.partition(".conflict")[0] not in said:
                yield f"UNTOLD: {_name(two)} changed {path!r}; the plan named {sorted(said)}"


def apart(history: History) -> Iterator[str]:
    """At rest every device holds what the cloud holds, as far as it syncs it."""
    for event in history.events:
        if not isinstance(event, Calm):
            continue
        there = event.sight.of(CLOUD)
        for who, synced in event.synced.items():
            here = event.sight.of(who)
            out = event.left_out[who]
            paths = (here.keys() | there.keys()) & synced
            for path in sorted(paths):
                if here.get(path) != there.get(path) and not _is_out(path, out):
                    yield (
                        f"APART: {who} holds {here.get(path)!r} as {path!r}, the cloud {there.get(path)!r} "
                        f"(left out: {out})"
                    )


def _is_out(path: str, out: Iterable[str]) -> bool:
    shown = path.translate(_PICTURES)
    return any(shown == one or shown.startswith(f"{one}/") for one in out)


def _changed(before: Sight, after: Sight, who: str) -> set[str]:
    """The paths that are other now, on this device or in the cloud."""
    sides = [(before.of(side), after.of(side)) for side in (who, CLOUD)]
    return {
        path
        for old, new in sides
        for path in chain(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    }


def _commands(history: History) -> Iterator[Command]:
    return (event for event in history.events if isinstance(event, Command))


def _name(command: Command) -> str:
    fate = f" ({command.fate})" if command.fate else ""
    return f"{command.who}: bisync {' '.join(command.argv)}{fate}"

"""Files put into words, so that after a run only what has changed has to be. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from bisync.core.snapshot import BaseFile

Text = TypeVar("Text")


class Wording(NamedTuple, Generic[Text]):
    """`texts`: what is said of each of `files`, in the order of their paths."""

    files: Mapping[str, BaseFile]
    texts: dict[str, Text]


def put_into_words(
    files: Mapping[str, BaseFile],
    say: Callable[[str, BaseFile], Text],
    known: Wording[Text] | None = None,
) -> Wording[Text]:
    """What `say` says of each file. `known`: what it said of files before; of the same object it says the same."""
    if known is None:
        return Wording(files, {path: say(path, file) for path, file in sorted(files.items())})
    before, texts = known.files, dict(known.texts)
    for path in before.keys() - files.keys():
        del texts[path]
    for path, file in files.items():
        if before.get(path) is not file:
            texts[path] = say(path, file)
    return Wording(files, dict(sorted(texts.items())) if files.keys() - before.keys() else texts)

"""Random triples of texts, merged here and by `git merge-file`: what git calls a conflict is never merged.

    python -m tests.support.triples --count 10000 --seed 1

Few different lines make texts that say one line often, which is where lines can be told from each other in more than
one way. Some texts lack their last line end. Ends with 1 when something was merged otherwise than by git.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bisync.core.merge import merge

Triple = tuple[bytes, bytes, bytes]
"""The base, and what each of two sides made of it."""


def triples(count: int, seed: int) -> Iterator[Triple]:
    """That many, the same for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        said = [f"{one}\n" for one in range(chance.choice((3, 8, 1000)))]
        base = chance.choices(said, k=chance.randrange(30))
        texts = [base, _like_it(chance, base, said), _like_it(chance, base, said)]
        yield _text(chance, texts[0]), _text(chance, texts[1]), _text(chance, texts[2])


def _text(chance: random.Random, lines: list[str]) -> bytes:
    text = "".join(lines)
    return (text.removesuffix("\n") if chance.randrange(8) == 0 else text).encode()


def _like_it(chance: random.Random, base: list[str], said: list[str]) -> list[str]:
    text = base[:]
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(text) + 1)
        text[place : place + chance.choice((0, 0, 1, 2))] = chance.choices(
            said, k=chance.choice((0, 1, 1, 2))
        )
    return text


def by_git(triple: Triple, folder: Path) -> bytes | None:
    """What git makes of a triple; None for a conflict."""
    for name, text in zip(("base", "ours", "theirs"), triple, strict=True):
        (folder / name).write_bytes(text)
    command = ["git", "merge-file", "-p", "-q", "ours", "base", "theirs"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def compared(count: int, seed: int, folder: Path) -> tuple[Counter[str], list[Triple]]:
    """How many were merged here and by git, and those that were merged here otherwise than by git."""
    counted, odd = Counter[str](), []
    for triple in triples(count, seed):
        git, ours = by_git(triple, folder), merge(*triple).text
        counted["merged"] += ours is not None
        counted["by git"] += git is not None
        if ours is not None and ours != git:
            odd.append(triple)
    return counted, odd


def main() -> int:
    """Compare, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bisync-triples-") as folder:
        counted, odd = compared(options.count, options.seed, Path(folder))
    print(
        f"{options.count} triples: {counted['merged']} merged, {counted['by git']} by git, {len(odd)} otherwise"
    )
    for triple in odd:
        print(*(repr(text.decode()) for text in triple), sep="\n  ")
    return int(bool(odd))


if __name__ == "__main__":
    sys.exit(main())

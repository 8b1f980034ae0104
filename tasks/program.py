"""The program `bisync`: the same tasks without invoke's own command in front."""

from __future__ import annotations

import sys

from invoke.program import Program

from bisync import __version__

from . import namespace


def spread_paths(argv: list[str]) -> list[str]:
    """`explain A B C` in invoke's terms, which takes one positional value a task: `explain A --also B --also C`."""
    if "explain" not in argv[1:]:
        return argv
    start = argv.index("explain") + 1
    out, seen, value_next = argv[:start], 0, False
    for word in argv[start:]:
        if value_next or word.startswith("-"):
            value_next = not value_next and word in ("--manifest", "-m", "--only", "-o", "--also", "-a")
            out.append(word)
            continue
        seen += 1
        out += [word] if seen == 1 else ["--also", word]
    return out


def main() -> None:
    """Run one or more tasks from the command line."""
    program = Program(name="bisync", binary="bisync", namespace=namespace, version=__version__)
    program.run(spread_paths(sys.argv))


if __name__ == "__main__":
    main()

"""One reader and many files."""

from __future__ import annotations

import shutil
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random

from bisync.errors import BisyncError
from tests.support.fuzz.mutate import cases
from tests.support.fuzz.readers import Reader

# A reader that takes longer can be made to hang.
SECONDS = 5.0
# So many different faults of one reader are enough.
ENOUGH = 10


def play(reader: Reader, seed: int, *, until: Callable[[], bool]) -> tuple[int, list[str]]:
    """How many files it was given, and what it did wrong with which, each fault once."""
    found: dict[str, str] = {}
    done = 0
    with tempfile.TemporaryDirectory(prefix="bisync-fuzz-") as folder:
        for raw in cases(reader.sample, Random(seed)):
            if (done and until()) or len(found) >= ENOUGH:
                break
            done += 1
            fault = attempt(reader, raw, Path(folder, "here"))
            if fault is not None:
                found.setdefault(fault, f"{fault} on {raw[:200]!r} ({len(raw)} bytes)")
    return done, list(found.values())


def attempt(reader: Reader, raw: bytes, folder: Path) -> str | None:
    """What a reader does wrong with these bytes, if anything."""
    shutil.rmtree(folder, ignore_errors=True)
    path = folder / reader.name
    path.parent.mkdir(parents=True)
    path.write_bytes(raw)
    began = time.monotonic()
    try:
        reader.read(path)
    except BisyncError as error:
        if not error.message or len(error.message) > 20_000:
            return f"says {len(error.message)} characters"
    except reader.refuses:
        pass
    except (Exception, RecursionError) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:120]} at {Path(last.filename).name}:{last.lineno}"
    took = time.monotonic() - began
    return f"took {took:.0f} s" if took > SECONDS else None

"""Serve the stand-in until Ctrl-C, for a client that is tried by hand.

    python -m tests.support.vendor --folder /tmp/cloud --generation old

It prints what a client's shell needs. A login is approved by itself at its second poll. The vendor's client has the
store's address built in: change `endpoint` in its section of rclone.conf after its setup.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from contextlib import suppress
from pathlib import Path

from tests.support.vendor.server import serve_vendor


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the buckets are kept")
    parser.add_argument("--generation", choices=("old", "new", "both"), default="new")
    parser.add_argument("--port", type=int, default=0, help="of the API host; default: any that is free")
    arguments = parser.parse_args()
    # An end that is asked for politely is one for the store beside us, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        suppress(KeyboardInterrupt),
        serve_vendor(arguments.folder.resolve(), arguments.generation, port=arguments.port) as vendor,
    ):
        for name, value in vendor.environment.items():
            print(f"export {name}={shlex.quote(value)}")
        print(f"export BASIC_MEMORY_CLOUD_ENDPOINT={vendor.endpoint}")
        print(f"# bucket {vendor.default.bucket}; Ctrl-C ends it", flush=True)
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())

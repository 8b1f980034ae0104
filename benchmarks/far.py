"""A server moved away: what is sent to it arrives a while later, and nothing else changes.

It passes bytes on, not requests, in a process of its own: at hundreds of requests a second a proxy that reads each of
them would be what is measured.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tests.support.world import S3, free_port, wait_for

SECONDS = 0.02


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    while data := await reader.read(1 << 16):
        if seconds:
            loop.call_later(seconds, writer.write, data)
        else:
            writer.write(data)
            await writer.drain()
    if seconds:
        await asyncio.sleep(seconds)
    writer.close()


async def _serve(port: int, upstream: int, seconds: float) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", upstream)
        await asyncio.gather(
            _pass_on(reader, back, seconds), _pass_on(there, writer, 0.0), return_exceptions=True
        )

    server = await asyncio.start_server(handle, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


@contextmanager
def port_away(upstream: int, seconds: float = SECONDS) -> Iterator[int]:
    """A port that leads to another one, which is `seconds` farther away."""
    port = free_port()
    argv = [sys.executable, "-m", "benchmarks.far", str(port), str(upstream), str(seconds)]
    with subprocess.Popen(argv) as process:
        try:
            wait_for(port, process)
            yield port
        finally:
            process.terminate()


@contextmanager
def moved_away(server: S3, seconds: float = SECONDS) -> Iterator[S3]:
    """The same server, `seconds` farther away."""
    with port_away(int(server.endpoint.rpartition(":")[2].rstrip("/")), seconds) as port:
        yield replace(server, endpoint=f"http://127.0.0.1:{port}")


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))

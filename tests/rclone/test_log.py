# ruff: noqa: E501 - lines of a log are as long as they are
"""One line of rclone's log, one value: lines as rclone 1.75 wrote them."""

from __future__ import annotations

import pytest

from bisync.events import ConflictCopy, Copied, Deleted, Event, Problem, Progress, Text
from bisync.rclone.log import parse

pytestmark = pytest.mark.pure

STATS = (
    '{"time":"2026-11-22T10:00:00Z","level":"notice","msg":"\\nTransferred: ...","stats":{"bytes":12,"checks":3,'
    '"deletes":0,"elapsedTime":0.1,"errors":0,"eta":%s,"speed":120.5,"totalBytes":24,"totalTransfers":2,'
    '"transfers":1},"source":"slog/logger.go:256"}'
)


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("", None),
        ("   \n", None),
        ('{"level":"info","msg":"Copied (new)","size":5,"object":"a.md","objectType":"*local.Object"}',
         Copied("a.md", "cloud", 5)),
        ('{"level":"info","msg":"Copied (replaced existing)","size":7,"object":"b/c.md","objectType":"*s3.Object"}',
         Copied("b/c.md", "local", 7)),
        ('{"level":"info","msg":"Copied (new)","size":7,"object":"x","objectType":"*webdav.Object"}',
         Copied("x", "local", 7)),
        ('{"level":"info","msg":"Multi-thread Copied (new)","size":9,"object":"big.bin","objectType":"*local.Object"}',
         Copied("big.bin", "cloud", 9)),
        ('{"level":"info","msg":"Copied (Rcat, replaced existing)","size":9,"object":"r","objectType":"*s3.Object"}',
         Copied("r", "local", 9)),
        ('{"level":"info","msg":"Moved into backup dir","object":"a.md","objectType":"*s3.Object"}',
         Deleted("a.md", "cloud", kept=True)),
        ('{"level":"info","msg":"Deleted","object":"a.md","objectType":"*s3.Object"}',
         Deleted("a.md", "cloud", kept=False)),
        ('{"level":"info","msg":"Moved into backup dir","object":"a.md","objectType":"*local.Object"}',
         Deleted("a.md", "local", kept=True)),
        ('{"level":"info","msg":"Moved (server-side) to: x.md.conflict1","object":"x.md","objectType":"*s3.Object"}',
         ConflictCopy("x.md", "x.md.conflict1")),
        ('{"level":"info","msg":"Copied (server-side copy) to: y.conflict2","object":"y","objectType":"*s3.Object"}',
         ConflictCopy("y", "y.conflict2")),
        # chunker gives what it has written its name: that was meant.
        ('{"level":"info","msg":"Copied (server-side copy) to: y.conflict2","object":"y.conflict2.rclone_chunk.001_x",'
         '"objectType":"*s3.Object"}',
         Text("Copied (server-side copy) to: y.conflict2")),
        ('{"level":"error","msg":"Failed to copy: open a: permission denied","object":"a","objectType":"*local.Object"}',
         Problem("error", "Failed to copy: open a: permission denied", "a")),
        ('{"level":"critical","msg":"Failed to bisync: no","object":"Safety abort","objectType":"string"}',
         Problem("error", "Failed to bisync: no", None)),
        ('{"level":"notice","msg":"Not copying unknown","object":"p","objectType":"*local.Object"}',
         Problem("notice", "Not copying unknown", "p")),
        ('{"level":"info","msg":"Bisync successful"}', Text("Bisync successful")),
        (STATS % "4", Progress(12, 24, 1, 2, 120.5, 4.0)),
        (STATS % "null", Progress(12, 24, 1, 2, 120.5, None)),
        ("Error: unknown flag: --nosuch", Text("Error: unknown flag: --nosuch")),
        ("2026/11/29 10:43:54 ERROR : error listing: 401 Unauthorized",
         Problem("error", "error listing: 401 Unauthorized", None)),
        ('2026/11/29 10:44:05 CRITICAL: Failed to create file system for "c:": no',
         Problem("error", 'Failed to create file system for "c:": no', None)),
        ("2026/11/29 10:37:24 NOTICE: Failed to lsf: no", Problem("notice", "Failed to lsf: no", None)),
        ("2026/11/29 10:37:24 INFO  : a.md: Copied (new)", Text("a.md: Copied (new)")),
        ("password:2026/11/29 10:49:19 CRITICAL: Failed to read line: EOF",
         Problem("error", "Failed to read line: EOF", None)),
        ("panic: runtime error", Text("panic: runtime error")),
        ('{"level":"info","msg":"cut', Text('{"level":"info","msg":"cut')),
        ("[1, 2]", Text("[1, 2]")),
        ("{}", Text("")),
        ('{"msg": 3, "level": null}', Text("3")),
    ],
)  # fmt: skip
def test_parse(line: str, event: Event | None) -> None:
    assert parse(line) == event

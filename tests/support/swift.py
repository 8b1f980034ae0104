"""OpenStack Swift with its S3 API on loopback: an S3 server that nobody here wrote, and that is like no other.

    with serve_swift(folder) as account:
        device = Device(home, account(0))

One node, four processes of about 60 MB; no root, no memcached, no system package, from PyPI alone. The first time it is
installed into a cache folder, which takes a minute. `folder` lies on a disk that keeps user xattrs (ext4, xfs, btrfs).
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import boto3

from tests.support.world import BUCKET, S3, end, free_port, wait_for

VERSION = "2.38"
NEXT = "2.39"
SECRET = "a-secret-of-swifts-own"
ACCOUNTS = 20
RING = ("account", "container", "object")

# In the place of memcached: one proxy process, one dict. Without it each request asks for account and container anew.
CACHE = """
import json, time

class Cache:
    def __init__(self):
        self.kept = {}
    def get(self, key, raise_on_error=False):
        value, until = self.kept.get(key, (None, 0))
        if value is not None and until and until < time.time():
            del self.kept[key]
            return None
        return None if value is None else json.loads(value)
    def set(self, key, value, serialize=True, time=0, min_compress_len=0, raise_on_error=False):
        self.kept[key] = (json.dumps(value), until(time))
    def incr(self, key, delta=1, time=0):
        value = max(0, int(self.get(key) or 0) + int(delta))
        self.set(key, value, time=time)
        return value
    def decr(self, key, delta=1, time=0):
        return self.incr(key, -int(delta), time)
    def delete(self, key, server_key=None):
        self.kept.pop(key, None)
    def set_multi(self, mapping, server_key, serialize=True, time=0, min_compress_len=0):
        for key, value in mapping.items():
            self.set(key, value, time=time)
    def get_multi(self, keys, server_key):
        return [self.get(key) for key in keys]

def until(seconds):
    return 0 if not seconds else seconds if seconds > 30 * 86400 else time.time() + seconds

def filter_factory(global_conf, **local_conf):
    cache = Cache()
    def wrap(app):
        def call(env, start):
            env["swift.cache"] = cache
            return app(env, start)
        return call
    return wrap
"""
PIPELINE = (
    "catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk s3api tempauth copy slo dlo"
    " versioned_writes symlink proxy-server"
)


def installed(env: Mapping[str, str] = os.environ) -> Path:
    """The folder with Swift's programs; they are installed where they are not there yet."""
    cache = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "bisync-tasks" / f"swift-{VERSION}-python{sys.version_info[0]}.{sys.version_info[1]}"
    programs = home / "bin"
    if not (home / "installed").exists():
        print(f"installing OpenStack Swift {VERSION} into {home} (once; about a minute) ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        # PyECLib's wheel brings liberasurecode; the source of it would want a compiler.
        pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--only-binary", ":all:", f"swift>={VERSION},<{NEXT}"], check=True)
        # Last: an installation that was cut short is done again.
        (home / "installed").touch()
    return programs


@contextmanager
def serve_swift(folder: Path) -> Iterator[Callable[[int], S3]]:
    """A running Swift that keeps everything in `folder`; gives an account, each with buckets of its own."""
    programs = installed()
    ports = {name: free_port() for name in (*RING, "proxy")}
    configure(folder, programs, ports)
    with ExitStack() as stack:
        for name, port in ports.items():
            process = _started(folder, programs, name)
            stack.callback(end, process)
            wait_for(port, process)
        endpoint = f"http://127.0.0.1:{ports['proxy']}"
        _healthy(endpoint)
        yield lambda number: account(endpoint, number)


def account(endpoint: str, number: int) -> S3:
    """One of its accounts, with an empty bucket; nobody else has it."""
    s3 = S3(endpoint, None, "Other", None, key_id=f"account{number}:user", secret=SECRET)
    client = boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id=s3.key_id, aws_secret_access_key=s3.secret,
        region_name="us-east-1",
    )  # fmt: skip
    client.create_bucket(Bucket=BUCKET)
    return s3


def _started(folder: Path, programs: Path, name: str) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [str(programs / f"swift-{name}-server"), str(folder / f"{name}-server.conf"), "-v"],
            env={**os.environ, "PYTHONPATH": str(folder), "PYTHONWARNINGS": "ignore"},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip


def _healthy(endpoint: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(f"{endpoint}/healthcheck", timeout=5).close()
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, "Swift does not become healthy"
            time.sleep(0.1)
        else:
            return


def configure(folder: Path, programs: Path, ports: Mapping[str, int]) -> None:
    """Write its files and its rings: 2^4 partitions, one replica."""
    for name in ("disks/d1", "recon"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "in_process_cache.py").write_text(CACHE)
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = compat\n[storage-policy:0]\nname = only\ndefault = yes\n"
    )
    ring_builder = str(programs / "swift-ring-builder")
    for name in RING:
        for argv in (
            ("create", "4", "1", "0"),
            ("add", f"r1z1-127.0.0.1:{ports[name]}/d1", "1"),
            ("rebalance",),
        ):
            subprocess.run(
                [ring_builder, f"{name}.builder", *argv], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
            )  # fmt: skip
        (folder / f"{name}-server.conf").write_text(
            f"{_common(folder, ports[name])}"
            f"devices = {folder}/disks\nmount_check = false\nfallocate_reserve = 0\ndisable_fallocate = true\n"
            f"[pipeline:main]\npipeline = {name}-server\n"
            f"[app:{name}-server]\nuse = egg:swift#{name}\nallow_versions = true\nrecon_cache_path = {folder}/recon\n"
        )
    users = "".join(f"user_account{number}_user = {SECRET} .admin\n" for number in range(ACCOUNTS))
    plain = (
        "catch_errors",
        "gatekeeper",
        "healthcheck",
        "listing_formats",
        "bulk",
        "copy",
        "slo",
        "dlo",
        "symlink",
    )
    (folder / "proxy-server.conf").write_text(
        f"{_common(folder, ports['proxy'])}"
        f"[pipeline:main]\npipeline = {PIPELINE}\n"
        "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\nallow_account_management = true\n"
        "conn_timeout = 5\nnode_timeout = 60\n"
        f"[filter:tempauth]\nuse = egg:swift#tempauth\n{users}"
        "[filter:s3api]\nuse = egg:swift#s3api\ns3_acl = false\nlocation = us-east-1\nmax_bucket_listing = 1000\n"
        "max_upload_part_num = 10000\ndns_compliant_bucket_names = true\ncors_preflight_allow_origin =\n"
        "[filter:cache]\npaste.filter_factory = in_process_cache:filter_factory\n"
        "[filter:proxy-logging]\nuse = egg:swift#proxy_logging\n"
        "[filter:versioned_writes]\nuse = egg:swift#versioned_writes\nallow_object_versioning = true\n"
        + "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in plain)
    )


def _common(folder: Path, port: int) -> str:
    return (
        f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {port}\nuser = {pwd.getpwuid(os.getuid()).pw_name}\n"
        f"swift_dir = {folder}\nworkers = 0\nlog_level = WARNING\nlog_address = {folder}/none\neventlet_debug = false\n"
    )

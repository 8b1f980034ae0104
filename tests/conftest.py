"""Fixtures are situations."""

from __future__ import annotations

import gc
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from bisync.locks import lease
from bisync.sync import run
from tests.support import copied, staying
from tests.support.copied import SetUp
from tests.support.kinds import KINDS
from tests.support.lasting import Lasting
from tests.support.proxy import Proxy, proxied
from tests.support.world import S3, Device, end_motos, serve_moto, serve_s3, serve_s3_staying

# What else runs on the machine is no failure.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


# The suite starts rclone some ten thousand times, for a moment each: a fifth of that is its garbage collector, which
# finds nothing (Go: GOGC, GOMEMLIMIT). Servers collect once they have grown.
os.environ.update(GOGC="off", GOMEMLIMIT="256MiB")


BELOW = "a-folder"

_OUR_FOLDER = pytest.StashKey[Path]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Also in a job that a script started with `&`, where Ctrl-C is ignored, our children hear theirs.

    Temporary folders lie in one of this session's own: each new pytest closes the shared one to other users,
    as whom some tests run bisync.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput") and config.option.basetemp is None:
        config.option.basetemp = tempfile.mkdtemp(prefix="bisync-tests-")
        config.stash[_OUR_FOLDER] = Path(config.option.basetemp)


# What takes longest comes first: begun at the end it would keep one worker busy while the others have nothing to do.
LONG = (
    "test_200_steps_lose_nothing",
    "test_kill_9_",
    "test_two_devices_that_watch",
    "test_packaging.py",
    "test_a_short_game",
    "test_random_cases",
    "test_devices_that_start_together",
    "test_moving",
    "test_remotes.py",
    "test_sweep.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first. What is loaded by now stays: no collection of garbage need look at it again."""
    gc.collect()
    gc.freeze()
    items.sort(key=lambda item: next((n for n, name in enumerate(LONG) if name in item.nodeid), len(LONG)))


# What these set up is for all of their tests, or for those of one kind of remote: one worker takes them.
# (pytest-xdist's own groups go by a name that it adds to a test's id, which pytest 9 does not take over.)
TOGETHER = ("tests/project/test_packaging.py",)
BY_KIND = ("tests/sync/test_remotes.py",)
_KIND = re.compile(rf"\[.*?\b({'|'.join(sorted(KINDS, key=len, reverse=True))})\b.*\]")


class _Together(LoadScopeScheduling):
    """Every test for itself, but for those files."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        kind = _KIND.search(nodeid) if file in BY_KIND else None
        return file if file in TOGETHER else f"{file}::{kind[1]}" if kind else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """The scheduler of a run with several workers."""
    return _Together(config, log)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """No server outlives the tests; what was left in the temporary folder may go when nothing failed."""
    end_motos()
    staying.end()
    folder = session.config.stash.get(_OUR_FOLDER, None)
    if folder is not None and exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(folder, ignore_errors=True)


# What these are about has an rclone for its lease that ends with the run.
OWN_LEASE = ("test_leases.py", "test_crew.py", "test_sweep.py", "test_kill_sweep.py", "test_interrupt.py")


@pytest.fixture(autouse=True)
def lasting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs of this process share the rclone for leases, for one test, and do without a guard."""
    if request.node.get_closest_marker("pure") or request.path.name in OWN_LEASE:
        yield
        return
    made = Lasting()
    monkeypatch.setattr(run, "Early", made.early)
    monkeypatch.setattr(lease, "guarded", made.guarded)
    yield
    made.end()


@pytest.fixture
def s3(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[S3]:
    """A fresh S3 server (rclone serve s3) with one empty bucket; a process of its own for tests marked so."""
    serve = serve_s3 if request.node.get_closest_marker("own_server") else serve_s3_staying
    with serve(tmp_path / "cloud") as server:
        yield server


@pytest.fixture
def proxy(s3: S3) -> Iterator[Proxy]:
    """What lies between a device and the server, and can hold up or change what passes."""
    with proxied(s3) as made:
        yield made


@pytest.fixture(scope="session")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> tuple[SetUp, SetUp]:
    """Two devices that were set up one after the other, for copies of them."""
    return copied.set_up(tmp_path_factory.mktemp("set-up"))


@pytest.fixture(scope="session")
def set_up_below(tmp_path_factory: pytest.TempPathFactory) -> tuple[SetUp, SetUp]:
    """The same with a folder of the bucket."""
    return copied.set_up(tmp_path_factory.mktemp("set-up"), sync_extra=f"    path: {BELOW}\n")


@pytest.fixture
def far_device(set_up: tuple[SetUp, SetUp], tmp_path: Path, proxy: Proxy) -> Device:
    """A device behind the proxy, set up: both sides empty and known."""
    device = Device(tmp_path / "device", proxy.s3)
    if not set_up[0].copy_to(device):
        device.setup()
    return device


@pytest.fixture
def moto() -> Iterator[S3]:
    """An S3 server (moto) with one empty bucket."""
    with serve_moto(shared=True) as server:
        yield server


@pytest.fixture
def make_device(tmp_path: Path, s3: S3) -> Callable[..., Device]:
    """Make a device by name; it has a manifest and is not set up yet."""
    return lambda name, **options: Device(tmp_path / name, s3, **options)


@pytest.fixture
def laptop(set_up: tuple[SetUp, SetUp], make_device: Callable[..., Device]) -> Device:
    """A device that is set up: both sides empty and known."""
    device = make_device("laptop")
    if not set_up[0].copy_to(device):
        device.run("setup")
    return device


@pytest.fixture
def desktop(set_up: tuple[SetUp, SetUp], laptop: Device, make_device: Callable[..., Device]) -> Device:
    """A second device, set up after the first."""
    device = make_device("desktop")
    if not set_up[1].copy_to(device):
        device.run("setup")
    return device


@pytest.fixture
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """An S3 server (rclone serve s3) with one empty bucket, for devices that sync with a folder of it."""
    with serve_s3_staying(tmp_path_factory.mktemp("cloud")) as server:
        yield server


@pytest.fixture
def below() -> str:
    """The folder in the bucket of `cloud`."""
    return BELOW


@pytest.fixture
def fresh(tmp_path: Path, cloud: S3, below: str) -> Device:
    """A device with a manifest for a folder in the cloud; not set up."""
    return Device(tmp_path / "home", cloud, sync_extra=f"    path: {below}\n")


@pytest.fixture
def ready(set_up_below: tuple[SetUp, SetUp], fresh: Device) -> Device:
    """The same device, set up."""
    if not set_up_below[0].copy_to(fresh):
        fresh.setup()
    return fresh

"""The rclone that stays: small objects written, listed, read and removed, on stores of both kinds."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bisync.core.abilities import OBJECTS
from bisync.errors import KeysRefused, RcloneError
from bisync.rclone.output import Listed, Written
from bisync.rclone.program import Rclone
from bisync.rclone.remote import Remote
from bisync.rclone.resident import Resident, Residents, resident
from tests.support.proxy import Delay, Drop, Gate, Proxy, Status, proxied
from tests.support.race import store
from tests.support.world import BUCKET, S3, rclone_path


@pytest.fixture(params=["moto", "rclone"])
def any_s3(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[S3]:
    with store(request.param, tmp_path) as server:
        yield server


@pytest.fixture
def proxy(any_s3: S3) -> Iterator[Proxy]:
    with proxied(any_s3) as made:
        yield made


def reached(server: S3, folder: Path) -> tuple[Rclone, Remote]:
    values = {"TYPE": "s3", "PROVIDER": server.provider, "ENDPOINT": server.endpoint, "REGION": "us-east-1",
              "ACCESS_KEY_ID": server.key_id, "SECRET_ACCESS_KEY": server.secret}  # fmt: skip
    env = {f"RCLONE_CONFIG_R_{name}": value for name, value in values.items()}
    config = folder / "rclone.conf"
    config.touch()
    rclone = Rclone(binary=rclone_path(), config=config, version="", env=dict(os.environ))
    return rclone, Remote(fs=f"r:{BUCKET}/", can=OBJECTS, label="here", env=env)


@pytest.fixture
def there(proxy: Proxy, tmp_path: Path) -> Iterator[tuple[Resident, str]]:
    rclone, remote = reached(proxy.s3, tmp_path)
    with resident(rclone, remote) as found:
        yield found, f"{remote.fs}.basic-memory/"


def files(found: Resident, fs: str) -> Sequence[Listed]:
    """Those of one folder."""
    (answer,) = found.lists([fs])
    if isinstance(answer, KeysRefused):
        raise answer
    return answer


def test_each_is_one_request(there: tuple[Resident, str], proxy: Proxy) -> None:
    found, fs = there
    assert found.write(fs, "a b", b"first") is Written.DONE
    assert [(one.path, one.size) for one in files(found, fs)] == [("a b", 5)]
    assert found.read(fs, "a b") == b"first"
    assert [one.kind for one in proxy.seen] == ["PUT", "LIST", "HEAD", "GET"]
    found.remove(fs, "a b")
    found.remove(fs, "a b")
    assert files(found, fs) == []
    assert found.read(fs, "a b") is None


def test_folders_are_listed_at_the_same_moment(there: tuple[Resident, str], proxy: Proxy) -> None:
    """Each is a journey to the cloud. What comes first is told first, whatever is answered first."""
    found, fs = there
    places = [fs, f"r:{BUCKET}/below/.basic-memory/", f"r:{BUCKET}/nothing/"]
    for number, place in enumerate(places[:2]):
        found.write(place, f"lease.{number}", b"x")
    gate = proxy.on("LIST", Gate(), times=1)
    proxy.reset()
    arrived: list[int] = []

    def open_later() -> None:
        gate.wait()
        until = time.monotonic() + 20
        while len(proxy.seen) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        arrived.append(len(proxy.seen))
        gate.open()

    opening = threading.Thread(target=open_later)
    opening.start()
    answers = found.lists(places)
    opening.join()
    assert arrived == [3], "the others come while the first one waits"
    assert [[one.path for one in answer] for answer in answers if not isinstance(answer, KeysRefused)] == [
        ["lease.0"],
        ["lease.1"],
        [],
    ]


def test_however_many_folders_are_asked_for_patience_ends_when_it_ends(
    proxy: Proxy, any_s3: S3, tmp_path: Path
) -> None:
    rclone, remote = reached(proxy.s3, tmp_path)
    places = [f"r:{BUCKET}/a/", "r:another-bucket/b/"]
    with resident(rclone, remote, patience=5.0) as found:
        found.lists(places[:1])
        began = time.monotonic()
        proxy.on("LIST", Delay(3.0), path=BUCKET)
        proxy.on("LIST", Gate(), path="another-bucket")
        with pytest.raises(TimeoutError):
            found.lists(places)
        assert time.monotonic() - began < 6
        proxy.clear()


def test_a_folder_that_the_keys_are_not_for_is_told_beside_the_others(
    there: tuple[Resident, str], proxy: Proxy
) -> None:
    found, fs = there
    found.write(fs, "a", b"x")
    proxy.on("LIST", Status(403, "AccessDenied", unless="basic-memory"))
    own, other = found.lists([fs, f"r:{BUCKET}/elsewhere/"])
    assert not isinstance(own, KeysRefused)
    assert [one.path for one in own] == ["a"]
    assert isinstance(other, KeysRefused)


def test_only_a_store_that_can_refuses_the_second(there: tuple[Resident, str], any_s3: S3) -> None:
    found, fs = there
    assert found.write(fs, "a", b"first", only_new=True) is Written.DONE
    second = found.write(fs, "a", b"second", only_new=True)
    assert second is (Written.DONE if any_s3.folder else Written.EXISTS)


def test_the_store_is_told_no_time(there: tuple[Resident, str], any_s3: S3) -> None:
    """It would be this device's, and some stores list it as their own."""
    found, fs = there
    found.write(fs, "a", b"first")
    (listed,) = json.loads(any_s3.rclone("lsjson", "--metadata", f"s3:{BUCKET}/.basic-memory"))
    assert "mtime" not in listed["Metadata"]


def test_many_are_removed_at_once(there: tuple[Resident, str]) -> None:
    found, fs = there
    for name in ("a", "b", "c"):
        found.write(fs, name, b"x")
    found.remove_all(fs, ["a", "c"])
    assert [one.path for one in files(found, fs)] == ["b"]


def test_without_an_answer_nobody_knows(there: tuple[Resident, str], proxy: Proxy) -> None:
    found, fs = there
    proxy.on("PUT", Drop(after=True))
    assert found.write(fs, "a", b"x") is Written.UNKNOWN
    proxy.clear()
    assert found.read(fs, "a") == b"x"


def test_what_the_store_refuses_is_an_error(there: tuple[Resident, str], proxy: Proxy) -> None:
    found, fs = there
    proxy.on("*", Status(403, "AccessDenied"))
    for refused in (
        lambda: found.write(fs, "a", b"x"),
        lambda: files(found, fs),
        lambda: found.remove_all(fs, ["a"]),
    ):
        with pytest.raises(RcloneError, match="denies access"):
            refused()


def test_an_rclone_that_cannot_start_says_why(any_s3: S3, tmp_path: Path) -> None:
    rclone, _ = reached(any_s3, tmp_path)
    rclone.config.write_text("[unclosed\nnonsense")
    wrong = Remote(fs="nowhere:x/", can=OBJECTS, label="nowhere")
    with resident(rclone, wrong) as found, pytest.raises(RcloneError):
        files(found, "nowhere:x/")


def test_it_leaves_nothing_behind(any_s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    rclone, remote = reached(any_s3, tmp_path)
    before = set(tmp_path.iterdir())
    with resident(rclone, remote) as found:
        files(found, remote.fs)
        (folder,) = set(tmp_path.iterdir()) - before
        assert folder.stat().st_mode & 0o777 == 0o700
    assert set(tmp_path.iterdir()) == before


def test_remotes_that_are_reached_alike_share_one(s3: S3, tmp_path: Path) -> None:
    rclone, remote = reached(s3, tmp_path)
    told: list[str] = []
    residents = Residents(lambda: nullcontext(told.append))
    other = replace(remote, fs=f"r:{BUCKET}/below/")
    elsewhere = replace(remote, env={**remote.env, "RCLONE_CONFIG_R_REGION": "elsewhere"})
    with residents.resident(rclone, remote) as one:
        with residents.resident(rclone, other) as two, residents.resident(rclone, elsewhere) as three:
            assert one.pid == two.pid != three.pid
            assert two.write(other.fs, "a", b"text") is Written.DONE
        assert one.read(other.fs, "a") == b"text", "one user is left"
    with residents.resident(rclone, remote) as again:
        assert again.pid not in (one.pid, three.pid)
    started = [words for words in told if words.startswith("watch ")]
    assert started == [f"watch {each.pid}" for each in (one, three, again)]


def test_what_it_says_does_not_pile_up(there: tuple[Resident, str]) -> None:
    found, fs = there
    for _ in range(60):
        with suppress(RcloneError):
            files(found, "nowhere:")
    assert found.read(fs, "a b") is None
    assert 0 < len(found._running.seen) <= 40

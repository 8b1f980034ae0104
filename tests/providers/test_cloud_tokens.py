"""The stored login: shared with the vendor's programs, kept fresh, and sent to nobody it is not for."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bisync.config import SecretRef
from bisync.errors import CloudError, LoginNeeded, SecretError, StateError
from bisync.providers.basic_memory import tokens
from bisync.providers.basic_memory.access import Access, Own
from tests.providers.cloud_user import INFO, TOKEN, User, secret
from tests.support.vendor import Answer, Vendor

ELSEWHERE = "https://elsewhere.example"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a file is not waited for that long."""
    monkeypatch.setattr(tokens, "HALF_SECONDS", 0.2)


def stale(user: User) -> User:
    """Its token runs out within the minute."""
    return user.logged_in(expires_in=59)


# -- the file ---------------------------------------------------------------------------------------


def test_the_vendor_s_file_is_taken_as_it_is(user: User, today: Vendor) -> None:
    before = user.token_file.read_bytes()
    with user.cloud() as cloud:
        assert cloud.store().bucket == today.default.bucket
    assert user.token_file.read_bytes() == before
    assert today.count("POST", TOKEN) == 0


def test_what_we_write_the_vendor_s_program_can_read(user: User) -> None:
    before = user.stored
    with stale(user).cloud() as cloud:
        cloud.store()
    after = user.stored
    assert {"access_token", "refresh_token", "expires_at", "token_type"} == set(after)
    assert after["access_token"] != before["access_token"]
    assert after["token_type"] == "Bearer"
    assert isinstance(after["expires_at"], int)
    assert 3500 < after["expires_at"] - time.time() <= 3600
    assert stat.S_IMODE(user.token_file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"access_token": null, "expires_at": 1}', '{"access_token": "a", "expires_at": "1"}',
     '{"access_token": "a", "expires_at": Infinity}', '{"access_token": "a", "expires_at": NaN}',
     '{"access_token": "a b", "expires_at": 1}', '{"access_token": "a", "expires_at": true}',
     '{"expires_at": 1}', "\udcff", "[" * 100_000],
    ids=range(13),
)  # fmt: skip
def test_a_file_that_is_not_whole_means_log_in(user: User, text: str) -> None:
    user.token_file.write_bytes(text.encode(errors="surrogateescape"))
    with user.cloud() as cloud, pytest.raises(LoginNeeded, match="holds no login that can be read") as caught:
        cloud.store()
    assert caught.value.hint == "type: bisync login"


def test_a_file_that_is_being_written_is_waited_for(user: User) -> None:
    whole = user.token_file.read_text()
    user.token_file.write_text(whole[:40])
    user.token_file.chmod(0o644)

    def rest() -> None:
        user.token_file.write_text(whole)
        user.token_file.chmod(0o600)

    later = threading.Timer(0.1, rest)
    later.start()
    with user.cloud() as cloud:
        assert cloud.store()
    later.join()


def test_nobody_logged_in_is_said(user: User) -> None:
    user.token_file.unlink()
    with user.cloud() as cloud, pytest.raises(LoginNeeded, match="nobody is logged in"):
        cloud.store()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_file_that_others_can_read_is_not_used(user: User, today: Vendor, mode: int) -> None:
    user.token_file.chmod(mode)
    with (
        user.cloud() as cloud,
        pytest.raises(CloudError, match=f"can be read by others .mode {mode:04o}") as caught,
    ):
        cloud.store()
    assert f"chmod 600 {user.token_file}" in str(caught.value.hint)
    assert not today.requests


def test_a_file_of_another_user_is_not_used(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens.os, "geteuid", lambda: 12345)
    with user.cloud() as cloud, pytest.raises(CloudError, match="belongs to another user"):
        cloud.store()


def test_a_folder_in_its_place_is_said(user: User) -> None:
    user.token_file.unlink()
    user.token_file.mkdir()
    with user.cloud() as cloud, pytest.raises(StateError, match="is not a plain file"):
        cloud.store()


# -- refreshing -------------------------------------------------------------------------------------


def test_an_old_token_is_refreshed_once_before_it_is_sent(user: User, today: Vendor) -> None:
    spent = stale(user).stored["refresh_token"]
    with user.cloud() as cloud:
        cloud.store()
        cloud.store()
    assert today.count("POST", TOKEN) == 1
    form = next(one.form for one in today.requests if one.path == TOKEN)
    assert form == {"client_id": today.client_id, "grant_type": "refresh_token", "refresh_token": spent}
    assert user.stored["refresh_token"] not in ("", None, spent)


@pytest.mark.parametrize("brings", [False, "none"])
def test_a_refresh_token_that_goes_on_is_kept_as_it_is(user: User, today: Vendor, brings: Any) -> None:
    today.rotates_refresh_tokens = brings
    before = stale(user).stored["refresh_token"]
    with user.cloud() as cloud:
        cloud.store()
    assert user.stored["refresh_token"] == before


def test_a_token_that_is_refused_early_is_refreshed_once(user: User, today: Vendor) -> None:
    today.expire_tokens()
    with user.cloud() as cloud:
        assert cloud.store()
        assert cloud.store()
    assert today.count("POST", TOKEN) == 1
    assert today.count("GET", INFO) == 3


def test_a_fresh_token_that_is_refused_too_is_the_end(user: User, today: Vendor) -> None:
    today.fault("GET", INFO, Answer.detail(401, "no"), times=None)
    with user.cloud() as cloud, pytest.raises(LoginNeeded, match=r"does not accept this login \(401\): no"):
        cloud.store()
    assert today.count("GET", INFO) == 2
    assert today.count("POST", TOKEN) == 1


def test_another_program_s_refresh_is_used(user: User, today: Vendor) -> None:
    old = secret(stale(user).stored["access_token"])
    user.logged_in()
    found = user.own.login.refreshed(old, today.url, own=True)
    assert found.access.reveal() == user.stored["access_token"]
    assert today.count("POST", TOKEN) == 0


def test_a_refresh_token_that_another_program_spent_is_read_again(user: User, today: Vendor) -> None:
    stale(user)
    today.revoke_refresh_tokens()
    today.fault("POST", TOKEN, Answer(400, {"error": "invalid_grant"}, delay=0.3))
    fresh = today.login()
    other = threading.Timer(0.1, lambda: user.logged_in(fresh))
    other.start()
    with user.cloud() as cloud:
        assert cloud.store()
    other.join()
    assert today.count("POST", TOKEN) == 1


def test_a_login_that_is_over_says_so(user: User, today: Vendor) -> None:
    before = stale(user).token_file.read_bytes()
    today.revoke_refresh_tokens()
    with user.cloud() as cloud, pytest.raises(LoginNeeded, match="cannot be refreshed") as caught:
        cloud.store()
    assert caught.value.hint == "type: bisync login"
    assert user.token_file.read_bytes() == before
    assert today.count("GET", INFO) == 0


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (Answer(500), "trouble of its own"),
        (Answer(200, "<html>"), "something that is no JSON to a login"),
        (Answer(200, {"access_token": None}), "misses something"),
        (Answer(drop=True, after=True), "cannot be reached"),
        (Answer.redirect(ELSEWHERE), "redirects a fresh login"),
        (Answer.rate_limited(), "left alone"),
    ],
)
def test_a_refresh_that_fails_changes_nothing_and_is_tried_once(
    user: User, today: Vendor, bad: Answer, words: str
) -> None:
    before = stale(user).token_file.read_bytes()
    today.fault("POST", TOKEN, bad, times=None)
    with user.cloud() as cloud, pytest.raises(CloudError, match=words):
        cloud.store()
    assert user.token_file.read_bytes() == before
    assert today.count("POST", TOKEN) == 1


SCRIPT = """
import sys
from pathlib import Path
from bisync.providers.basic_memory.access import Own
own = Own(env={"HOME": sys.argv[1], "BASIC_MEMORY_CLOUD_DOMAIN": sys.argv[2]}, home=Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(own.login.token(sys.argv[3], own=True).reveal())
"""


def test_four_programs_at_once_refresh_once(user: User, today: Vendor) -> None:
    stale(user)
    argv = [sys.executable, "-c", SCRIPT, str(user.home), today.auth, today.url]
    ran = [subprocess.Popen(argv, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)]
    for one in ran:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in ran:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    said = {one.communicate(timeout=30)[0].strip() for one in ran}
    assert [one.returncode for one in ran] == [0] * 4
    assert said == {user.stored["access_token"]}
    assert today.count("POST", TOKEN) == 1


def test_a_new_login_waits_for_a_refresh_under_way(user: User) -> None:
    lock = user.token_file.with_name(user.token_file.name + ".lock")
    found = tokens.load(user.token_file)
    assert found is not None
    with tokens.waited(lock, seconds=1, what="x"):
        thread = threading.Thread(target=tokens.keep, args=(user.token_file, found))
        before = user.token_file.stat().st_ino
        thread.start()
        thread.join(0.15)
        assert user.token_file.stat().st_ino == before
    thread.join(5)
    assert user.token_file.stat().st_ino != before


# -- to whom it is sent -----------------------------------------------------------------------------


@pytest.mark.parametrize("host", [None, ELSEWHERE, "http://127.0.0.1:1", "not an address", "https://[x"])
def test_the_login_is_not_sent_where_only_a_manifest_says(
    user: User, today: Vendor, host: str | None
) -> None:
    user.logged_in(host=host)
    with (
        user.cloud(own=False) as cloud,
        pytest.raises(LoginNeeded, match="only the manifest names") as caught,
    ):
        cloud.store()
    assert "bisync login" in str(caught.value.hint)
    assert not today.requests


def test_the_login_is_sent_to_the_host_it_was_got_for(user: User, today: Vendor) -> None:
    user.logged_in(host=f"{today.url}/some/path")
    with user.cloud(own=False) as cloud:
        assert cloud.store()


def test_the_login_is_sent_where_the_user_says(user: User) -> None:
    user.logged_in(host=ELSEWHERE)
    with user.cloud(own=True) as cloud:
        assert cloud.store()


def test_a_refresh_keeps_to_whom_it_may_be_sent(user: User, today: Vendor) -> None:
    user.logged_in(host=today.url, expires_in=1)
    with user.cloud(own=False) as cloud:
        cloud.store()
    assert user.stored["host"] == today.url


def test_a_login_for_another_host_that_came_meanwhile_is_not_sent(user: User, today: Vendor) -> None:
    """A host that only a manifest names refuses the token: it does not get what the file holds by now."""
    user.logged_in(host=today.url)
    with user.cloud(own=False) as cloud:
        cloud.store()
        other = user.logged_in(host=ELSEWHERE).stored["access_token"]
        today.expire_tokens()
        with pytest.raises(LoginNeeded, match="only the manifest names"):
            cloud.store()
    assert all(other not in str(one.headers) for one in today.requests)


def test_an_api_key_of_the_user_s_own_goes_before_the_login(user: User, today: Vendor) -> None:
    key = today.api_key()
    user.env["BASIC_MEMORY_CLOUD_API_KEY"] = key
    with user.cloud() as cloud:
        assert cloud.store()
    assert today.requests[0].headers["Authorization"] == f"Bearer {key}"


def test_an_api_key_of_config_json_goes_before_the_login(user: User, today: Vendor) -> None:
    key = today.api_key()
    (user.state / "config.json").write_text(json.dumps({"cloud_api_key": key}))
    with user.cloud() as cloud:
        assert cloud.store()
    assert today.requests[0].headers["Authorization"] == f"Bearer {key}"


@pytest.mark.parametrize("place", ["environment", "config.json"])
def test_an_api_key_is_not_sent_where_only_a_manifest_says(user: User, today: Vendor, place: str) -> None:
    if place == "environment":
        user.env["BASIC_MEMORY_CLOUD_API_KEY"] = today.api_key()
    else:
        (user.state / "config.json").write_text(json.dumps({"cloud_api_key": today.api_key()}))
    with user.cloud(own=False) as cloud, pytest.raises(LoginNeeded, match="only the manifest names"):
        cloud.store()
    assert not today.requests


def test_a_refused_api_key_is_not_refreshed_and_its_place_is_named(user: User, today: Vendor) -> None:
    user.env["BASIC_MEMORY_CLOUD_API_KEY"] = "bmc_gone-long-ago"
    with user.cloud() as cloud, pytest.raises(LoginNeeded) as caught:
        cloud.store()
    assert "$BASIC_MEMORY_CLOUD_API_KEY" in str(caught.value.hint)
    assert "bmc_gone" not in f"{caught.value.message}{caught.value.hint}"
    assert today.count("POST", TOKEN) == 0


def test_a_key_that_is_none_is_said_without_it(user: User) -> None:
    user.env["BASIC_MEMORY_CLOUD_API_KEY"] = "bmc_x and more"
    with user.cloud() as cloud, pytest.raises(CloudError, match="holds no API key") as caught:
        cloud.store()
    assert "and more" not in caught.value.message


def test_a_reference_of_the_manifest_is_sent_to_its_address_and_nothing_else_is(
    user: User, today: Vendor
) -> None:
    key = today.api_key()
    user.env |= {"MINE": key, "BASIC_MEMORY_CLOUD_API_KEY": "bmc_other"}
    reference = SecretRef(kind="env", value="MINE", where="tenants.team.token")
    tenant = user.tenant(token=reference, own_address=False)
    assert Access.of(tenant, user.own).token().reveal() == key
    del user.env["MINE"]
    with pytest.raises(SecretError, match=r"tenants.team.token: {env: MINE} is not set"):
        Access.of(tenant, user.own).token()
    user.env["MINE"] = "two words"
    with pytest.raises(LoginNeeded, match="gives no token"):
        Access.of(tenant, user.own).token()


def test_the_login_server_is_the_user_s_own_word_and_safe(tmp_path: Path) -> None:
    plain = Own(env={}, home=tmp_path).client
    assert plain.domain == "https://eloquent-lotus-05.authkit.app"
    assert plain.client_id == "client_01K6KWQPW6J1M8VV7R3TZP5A6M"
    (tmp_path / ".basic-memory").mkdir()
    config = {"cloud_domain": "https://login.example/", "cloud_client_id": None, "cloud_api_key": 7}
    (tmp_path / ".basic-memory" / "config.json").write_text(json.dumps(config))
    assert Own(env={}, home=tmp_path).client.domain == "https://login.example"
    assert not Own(env={}, home=tmp_path).has_api_key
    env = {"BASIC_MEMORY_CLOUD_DOMAIN": "http://login.example"}
    with pytest.raises(CloudError, match="neither https nor on this machine"):
        _ = Own(env=env, home=tmp_path).client


def test_a_login_goes_to_today_s_place_and_is_read_from_the_older_one(user: User) -> None:
    user.env["XDG_CONFIG_HOME"] = str(user.home / "xdg")
    own = user.own
    assert own.token_file == user.token_file
    assert own.token_files == (user.home / "xdg" / "basic-memory" / tokens.NAME, user.token_file)

"""Logging in by a code, and out again: the device flow, with a clock of its own, and against the stand-in."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bisync.actions import login as action
from bisync.config import BasicMemoryTenant
from bisync.errors import CloudError, LoginNeeded, UsageError
from bisync.providers.basic_memory.access import Own
from bisync.providers.basic_memory.http import Answer, Host, HostTrouble
from bisync.providers.basic_memory.login import Code, DeviceLogin
from bisync.providers.basic_memory.tokens import Client
from bisync.report.cloud_words import code_lines, logged_in_lines
from bisync.secret import Secret
from tests.providers.cloud_user import DEVICE, INFO, TOKEN, User
from tests.support import vendor as stand_in
from tests.support.vendor import Vendor

PENDING, SLOW = (
    Answer(400, {"error": "authorization_pending"}, True),
    Answer(400, {"error": "slow_down"}, True),
)
GIVEN = Answer(200, {"access_token": "at", "refresh_token": "rt", "expires_in": 60}, True)
TROUBLE = HostTrouble("host cannot be reached")


@dataclass
class World:
    """Answers in their order, and a clock that moves when somebody sleeps."""

    answers: list[Answer | CloudError]
    time: float = 0.0
    slept: list[float] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)

    @property
    def login(self) -> DeviceLogin:
        world = self

        class Scripted(Host):
            def ask(self, method: str, path: str, **values: Any) -> Answer:
                world.forms.append(values["form"])
                answer = world.answers.pop(0) if len(world.answers) > 1 else world.answers[0]
                if isinstance(answer, CloudError):
                    raise answer
                return answer

        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.time += seconds

        client = Client(domain="https://auth", client_id="me")
        host = Scripted(url="https://auth")
        return DeviceLogin(client=client, host=host, sleep=sleep, clock=lambda: self.time, now=lambda: 1000.0)

    def finish(self, *, seconds: float = 300, interval: float = 5) -> tuple[Any, list[float]]:
        code = Code(
            user_code="U", address="https://auth/device", complete=None, seconds=seconds, interval=interval,
            device_code=Secret("dc"), verifier=Secret("v" * 43),
        )  # fmt: skip
        left: list[float] = []
        return self.login.finish(code, left.append), left


@pytest.mark.pure
@pytest.mark.parametrize(
    ("answers", "slept"),
    [
        ([GIVEN], [5]),
        ([PENDING, PENDING, GIVEN], [5, 5, 5]),
        ([SLOW, PENDING, GIVEN], [5, 10, 10]),  # five seconds more, for good
        ([SLOW, SLOW, GIVEN], [5, 10, 15]),
        ([TROUBLE, GIVEN], [5, 10]),
        ([Answer(503, None, False), GIVEN], [5, 10]),
        ([Answer(429, {}, True), GIVEN], [5, 10]),
    ],
)
def test_a_login_waits_as_it_is_told(answers: list[Answer | CloudError], slept: list[float]) -> None:
    world = World(answers)
    found, left = world.finish()
    assert world.slept == slept
    assert left[0] == 300
    assert left == sorted(left, reverse=True)
    assert (found.access.reveal(), found.refresh.reveal(), found.expires_at) == ("at", "rt", 1060)
    assert world.forms[-1] == {
        "client_id": "me",
        "device_code": "dc",
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "code_verifier": "v" * 43,
    }


@pytest.mark.pure
def test_a_server_that_names_no_interval_is_not_pestered() -> None:
    world = World([PENDING, GIVEN])
    world.finish(interval=0)
    assert world.slept == [1, 1]


@pytest.mark.pure
@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Answer(400, {"error": "access_denied"}, True), LoginNeeded, "refused in the browser"),
        (Answer(400, {"error": "expired_token"}, True), LoginNeeded, "not confirmed in time"),
        (Answer(400, {"error": "invalid_grant", "error_description": "x\ny"}, True), LoginNeeded,
         r"ended the login \(invalid_grant\): x y"),
        (Answer(400, {"error": 7}, True), CloudError, "refused a login"),
        (Answer(400, None, False), CloudError, "refused a login"),
        (Answer(404, None, False), CloudError, "does not know a login"),
        (Answer(302, None, False, None, "https://evil"), CloudError, "redirects a login"),
        (Answer(200, None, False), CloudError, "no JSON to a login"),
        (Answer(200, {"access_token": None}, True), CloudError, "misses something to a login"),
    ],
)  # fmt: skip
def test_what_ends_a_login_says_why(answer: Answer, error: type[Exception], words: str) -> None:
    world = World([PENDING, answer])
    with pytest.raises(error, match=words):
        world.finish()
    assert len(world.forms) == 2


@pytest.mark.pure
def test_a_login_ends_when_its_code_does() -> None:
    world = World([PENDING])
    with pytest.raises(LoginNeeded, match="not confirmed in time"):
        world.finish(seconds=60)
    assert 50 <= world.time <= 60


@pytest.mark.pure
def test_a_network_that_stays_away_is_named_in_the_end() -> None:
    world = World([TROUBLE])
    with pytest.raises(HostTrouble, match="cannot be reached"):
        world.finish(seconds=60)
    assert world.slept == [5, 10, 20]


DEVICE_ANSWER = {
    "device_code": "dc",
    "user_code": "BCDF-GHJK",
    "verification_uri": "https://auth/device",
    "expires_in": 300,
    "interval": 5,
}


@pytest.mark.pure
def test_a_code_is_asked_for_with_a_fresh_proof() -> None:
    world = World([Answer(200, DEVICE_ANSWER, True)])
    one, two = world.login.begin(), world.login.begin()
    assert one.verifier != two.verifier
    verifier = one.verifier.reveal()
    assert 43 <= len(verifier) <= 128
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert world.forms[0] == {
        "client_id": "me",
        "scope": "openid profile email offline_access",
        "code_challenge": digest,
        "code_challenge_method": "S256",
    }
    assert verifier not in repr(one)


@pytest.mark.pure
@pytest.mark.parametrize(
    ("changed", "seconds", "interval"),
    [
        ({}, 300, 5),
        ({"interval": None, "expires_in": None}, 300, 5),
        ({"interval": "x", "expires_in": [1]}, 300, 5),
        ({"interval": True, "expires_in": -1}, 300, 5),
        ({"expires_in": 10_000}, 1800, 5),
        ({"interval": float("inf"), "expires_in": 10**400}, 300, 5),
    ],
)
def test_numbers_that_cannot_be_meant_are_the_usual_ones(
    changed: dict[str, Any], seconds: float, interval: float
) -> None:
    code = World([Answer(200, {**DEVICE_ANSWER, **changed}, True)]).login.begin()
    assert (code.seconds, code.interval) == (seconds, interval)


@pytest.mark.pure
@pytest.mark.parametrize("name", ["device_code", "user_code", "verification_uri"])
@pytest.mark.parametrize("value", [None, "", 7, "a\x1b[2Jb", "x" * 5000])
def test_a_code_without_its_parts_is_none(name: str, value: Any) -> None:
    with pytest.raises(CloudError, match="misses something to a code to log in with"):
        World([Answer(200, {**DEVICE_ANSWER, name: value}, True)]).login.begin()


# -- the whole action, against the stand-in ---------------------------------------------------------


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in is fast."""
    monkeypatch.setattr(action, "DeviceLogin", partial(DeviceLogin, sleep=lambda seconds: None))
    monkeypatch.setattr(action, "Host", partial(Host, first_pause=0.01))


def log_in(user: User, *, workspace: str | None = None, heard: Callable[[Code], None] = lambda code: None,
           **values: Any) -> action.LoggedIn:  # fmt: skip
    return action.run(
        user.vendor.url,
        workspace,
        user.own,
        open_browser=values.get("open_browser", False),
        on_code=lambda code, opened: heard(code),
        waiting=user.said.append,
    )


def text(lines: list[Any]) -> str:
    return "\n".join(map(str, lines))


def test_a_login_is_kept_for_its_host_and_named_in_one_line(tmp_path: Path, either: Vendor) -> None:
    user = User(tmp_path / "home", either)
    codes: list[Code] = []

    result = log_in(user, heard=codes.append)

    assert user.stored["host"] == either.url
    assert user.token_file.stat().st_mode & 0o777 == 0o600
    assert user.token_file.parent.stat().st_mode & 0o777 == 0o700
    line = text(logged_in_lines(result)).splitlines()[0]
    workspace = ", workspace personal" if either.generation == "new" else ""
    assert line == f"✓ Logged in at {result.host}: tenant {either.default.tenant_id}{workspace}"
    (code,) = codes
    shown = text(code_lines(code, either.url, opened=False))
    assert code.user_code in shown
    assert code.address in shown
    assert code.device_code.reveal() not in shown
    assert any("waiting for the code to be confirmed" in one for one in user.said)


def test_the_browser_is_opened_only_when_wanted(
    tmp_path: Path, today: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: not opened.append(url))
    user = User(tmp_path / "home", today)
    log_in(user)
    assert not opened
    log_in(user, open_browser=True)
    assert len(opened) == 1
    assert "user_code=" in opened[0]


def test_a_login_that_is_refused_leaves_nothing(tmp_path: Path, today: Vendor) -> None:
    user = User(tmp_path / "home", today)
    today.auto_approve = None
    with pytest.raises(LoginNeeded, match="refused in the browser"):
        log_in(user, heard=lambda code: today.deny(code.user_code))
    assert not user.token_file.exists()


def test_a_login_without_a_subscription_is_kept_and_says_so(tmp_path: Path, today: Vendor) -> None:
    user = User(tmp_path / "home", today)
    today.default.subscribed = False
    result = log_in(user)
    assert user.stored["access_token"]
    assert result.exit_code == 1
    assert result.trouble is not None
    assert "subscription required" in result.trouble.message
    assert "https://basicmemory.com/pricing" in str(result.trouble.hint)


@pytest.mark.parametrize(
    "bad", [stand_in.Answer(500), stand_in.Answer(200, "<html>"), stand_in.Answer.detail(404, "x")]
)
def test_a_code_that_cannot_be_had_is_said(tmp_path: Path, today: Vendor, bad: stand_in.Answer) -> None:
    user = User(tmp_path / "home", today)
    today.fault("POST", DEVICE, bad, times=None)
    with pytest.raises(CloudError, match=r"a code to log in with|trouble of its own"):
        log_in(user)
    assert not user.token_file.exists()


def test_a_workspace_that_is_named_is_asked_for(tmp_path: Path, today: Vendor) -> None:
    team = today.add_tenant(slug="team", name="Team", workspace_type="organization")
    result = log_in(User(tmp_path / "home", today), workspace="Team")
    assert (result.tenant_id, result.workspace) == (team.tenant_id, "team")


def test_a_login_keeps_no_other_login_s_refresh_token(tmp_path: Path, today: Vendor) -> None:
    user = User(tmp_path / "home", today).logged_in()
    before = user.stored["refresh_token"]
    log_in(user)
    assert user.stored["refresh_token"] not in (None, before)


def test_a_lost_answer_to_a_poll_is_no_end(tmp_path: Path, today: Vendor) -> None:
    today.fault("POST", TOKEN, stand_in.Answer(drop=True))
    assert log_in(User(tmp_path / "home", today)).tenant_id == today.default.tenant_id


# -- which address ----------------------------------------------------------------------------------


def manifest(*tenants: BasicMemoryTenant) -> Any:
    @dataclass
    class Few:
        tenants: tuple[BasicMemoryTenant, ...]

    return Few(tenants)


def one(name: str, url: str, **values: Any) -> BasicMemoryTenant:
    return BasicMemoryTenant(name=name, tenant_id=None, api_url=url, **{"token": None, **values})


def test_the_manifest_s_tenant_says_where_to_log_in(tmp_path: Path) -> None:
    own = Own(env={"BASIC_MEMORY_CLOUD_HOST": "https://mine"}, home=tmp_path)
    a, b = one("a", "https://a", workspace="w"), one("b", "https://b")
    assert action.address_of(manifest(a), None, own) == ("https://a", "w")
    assert action.address_of(manifest(a, b), "b", own) == ("https://b", None)
    assert action.address_of(None, None, own) == ("https://mine", None)
    with pytest.raises(UsageError, match="at several addresses"):
        action.address_of(manifest(a, b), None, own)
    with pytest.raises(UsageError, match="no tenant c with provider basic-memory"):
        action.address_of(manifest(a), "c", own)


def test_a_tenant_with_a_token_of_its_own_needs_no_login(tmp_path: Path) -> None:
    a = one("a", "https://a", token=object())
    assert (
        action.address_of(manifest(a, one("b", "https://b")), None, Own(env={}, home=tmp_path))[0]
        == "https://b"
    )


def test_an_address_of_the_user_s_own_that_is_not_safe_is_refused(tmp_path: Path) -> None:
    for url in ("http://cloud.example", "https://me:pass@cloud.example"):
        own = Own(env={"BASIC_MEMORY_CLOUD_HOST": url}, home=tmp_path)
        with pytest.raises(UsageError) as caught:
            action.address_of(None, None, own)
        assert caught.value.message.startswith("$BASIC_MEMORY_CLOUD_HOST: ")
        assert "pass" not in caught.value.message


# -- logging out ------------------------------------------------------------------------------------


def test_a_logout_forgets_every_stored_login_and_says_what_stays(user: User, today: Vendor) -> None:
    user.env["XDG_CONFIG_HOME"] = str(user.home / "xdg")
    log_in(user)
    newer, older = user.own.token_files
    assert newer.exists()
    assert older.exists()
    user.env["BASIC_MEMORY_CLOUD_API_KEY"] = "bmc_x"

    result = action.forget(None, user.own)

    assert not newer.exists()
    assert not older.exists()
    assert result.was_there
    assert "the API key in $BASIC_MEMORY_CLOUD_API_KEY" in result.stays
    assert not action.forget(None, user.own).was_there


def test_a_logout_does_not_stumble_over_an_api_key_that_is_none(user: User) -> None:
    (user.state / "config.json").write_text(json.dumps({"cloud_api_key": "two words"}))
    assert any("the API key in" in one for one in action.forget(None, user.own).stays)


def test_a_logout_in_an_empty_home_leaves_it_empty(tmp_path: Path) -> None:
    assert not action.forget(None, Own(env={}, home=tmp_path)).was_there
    assert not list(tmp_path.iterdir())


def test_who_is_logged_out_asks_nothing(user: User, today: Vendor) -> None:
    action.forget(None, user.own)
    with user.cloud() as cloud, pytest.raises(LoginNeeded):
        cloud.store()
    assert today.count("GET", INFO) == 0

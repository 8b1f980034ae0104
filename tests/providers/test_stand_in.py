"""The stand-in for the vendor's cloud: logins, workspaces, keys, addresses and faults, in both generations."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.vendor import Answer, Generation, Tenant, Vendor, serve_vendor
from tests.support.vendor.caller import Caller
from tests.support.world import rclone_path

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
MOUNT, CREDENTIALS = "/tenant/mount/info", "/tenant/mount/credentials"
OLD, NEW = "/proxy/projects/projects", "/proxy/v2/projects/"


def form(vendor: Vendor, path: str, **fields: str) -> httpx.Response:
    return httpx.post(vendor.auth + path, data={"client_id": vendor.client_id, **fields}, timeout=10)


class Login:
    """A device that asks to be let in."""

    def __init__(self, vendor: Vendor, scope: str = "openid profile email offline_access") -> None:
        self.vendor = vendor
        self.verifier = secrets.token_urlsafe(32)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        self.answer = form(
            vendor,
            "/oauth2/device_authorization",
            scope=scope,
            code_challenge=challenge,
            code_challenge_method="S256",
        ).json()

    def poll(self, **other: str) -> httpx.Response:
        fields = {
            "grant_type": DEVICE_GRANT,
            "device_code": self.answer["device_code"],
            "code_verifier": self.verifier,
        }
        return form(self.vendor, "/oauth2/token", **{**fields, **other})

    def error(self, **other: str) -> str:
        answer = self.poll(**other)
        assert answer.status_code == 400
        return str(answer.json()["error"])


def listed(vendor: Vendor, access: str, secret: str) -> tuple[int, str]:
    """What rclone says when it lists the default bucket with this pair: its exit code and its words."""
    values = {"type": "s3", "provider": "Other", "endpoint": vendor.endpoint, "region": "auto",
              "access_key_id": access, "secret_access_key": secret}  # fmt: skip
    env = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")}
    env |= {f"RCLONE_CONFIG_X_{name.upper()}": value for name, value in values.items()}
    argv = ["lsf", f"x:{vendor.default.bucket}", "--config", os.devnull, "--retries", "1"]
    done = subprocess.run(
        [str(rclone_path()), *argv, "--low-level-retries", "1"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


# -- who may come in ------------------------------------------------------------------------------------


def test_a_login_goes_on_until_the_user_has_said_yes(new: Vendor) -> None:
    new.auto_approve, new.slow_down = None, 1
    login = Login(new)

    assert login.answer["verification_uri_complete"].endswith(f"?user_code={login.answer['user_code']}")
    assert (login.answer["expires_in"], login.answer["interval"]) == (300, 1)
    assert [login.error() for _ in range(3)] == [
        "slow_down",
        "authorization_pending",
        "authorization_pending",
    ]
    new.approve(login.answer["user_code"])
    tokens = login.poll().json()

    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600
    assert Caller(new, tokens["access_token"])("GET", "/proxy/health").status_code == 200
    assert login.error() == "invalid_grant"


def test_a_login_is_approved_at_the_poll_that_was_asked_for(new: Vendor) -> None:
    new.auto_approve = 2
    login = Login(new)

    assert login.error() == "authorization_pending"
    assert login.poll().status_code == 200


def test_a_login_ends_when_it_is_denied_or_late(new: Vendor) -> None:
    denied, late = Login(new), Login(new)
    new.deny(denied.answer["user_code"])
    assert denied.error() == "access_denied"
    new.expire_devices()
    assert late.error() == "expired_token"


def test_the_verifier_has_to_fit_the_challenge(new: Vendor) -> None:
    new.auto_approve = 1
    login = Login(new)

    assert login.error(code_verifier=secrets.token_urlsafe(32)) == "invalid_grant"
    assert login.error(code_verifier="short") == "invalid_grant"
    assert login.error(client_id="somebody") == "invalid_grant"
    assert login.poll().status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"code_challenge": "x" * 43},
        {"code_challenge": "x" * 43, "code_challenge_method": "plain"},
        {"code_challenge": "x" * 42, "code_challenge_method": "S256"},
        {"code_challenge": "x" * 43, "code_challenge_method": "S256", "client_id": ""},
    ],
)
def test_a_login_without_a_challenge_or_a_client_is_none(new: Vendor, fields: dict[str, str]) -> None:
    refused = form(new, "/oauth2/device_authorization", **fields)

    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_request"})


def test_the_authorization_server_reads_forms_alone_and_no_other_grants(new: Vendor) -> None:
    assert httpx.post(f"{new.auth}/oauth2/token", json={}).json() == {"error": "invalid_request"}
    assert form(new, "/oauth2/token").json() == {"error": "invalid_request"}
    assert form(new, "/oauth2/token", grant_type="password").json() == {"error": "unsupported_grant_type"}
    assert httpx.get(f"{new.auth}/oauth2/token").status_code == 405
    assert httpx.get(f"{new.auth}/proxy/health").status_code == 404


def test_no_refresh_token_comes_without_offline_access(new: Vendor) -> None:
    new.auto_approve = 1
    assert "refresh_token" not in Login(new, scope="openid").poll().json()


@pytest.mark.parametrize("rotates", [True, False, "none"])
def test_a_refresh_brings_a_new_token_the_same_or_none(new: Vendor, rotates: Any) -> None:
    new.rotates_refresh_tokens = rotates
    first = new.login().refresh_token

    def refresh(token: str) -> httpx.Response:
        return form(new, "/oauth2/token", grant_type="refresh_token", refresh_token=token)

    tokens = refresh(first).json()
    assert Caller(new, tokens["access_token"])("GET", MOUNT).status_code == 200
    again = refresh(first)
    if rotates is True:
        assert tokens["refresh_token"] != first
        assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})
    else:
        assert tokens.get("refresh_token") == (first if rotates is False else None)
        assert again.status_code == 200
    new.revoke_refresh_tokens()
    assert refresh(first).status_code == 400


def test_access_tokens_end_and_refresh_tokens_and_api_keys_go_on(new: Vendor) -> None:
    tokens, key = new.login(), new.api_key()
    new.expire_tokens()

    assert Caller(new, tokens.access_token)("GET", MOUNT).status_code == 401
    assert Caller(new, key)("GET", MOUNT).status_code == 200
    refreshed = form(new, "/oauth2/token", grant_type="refresh_token", refresh_token=tokens.refresh_token)
    assert Caller(new, refreshed.json()["access_token"])("GET", MOUNT).status_code == 200
    new.token_lifetime = 0
    assert Caller(new, new.login().access_token)("GET", MOUNT).status_code == 401


def test_nobody_comes_in_without_a_good_token(new: Vendor) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}):
        refused = httpx.get(new.url + MOUNT, headers=headers)
        assert refused.status_code == 401
        assert isinstance(refused.json()["detail"], str)


def test_an_api_key_opens_everything_but_cannot_make_another(new: Vendor) -> None:
    made = Caller(new)("POST", "/api/keys", {"name": "laptop"}).json()["key"]

    assert made.startswith("bmc_")
    assert Caller(new, made)("GET", "/workspaces/").status_code == 200
    assert Caller(new, made)("POST", "/api/keys", {"name": "another"}).status_code == 403
    assert Caller(new)("POST", "/api/keys", {}).status_code == 422


# -- tenants and keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", ["old", "new"])
def test_keys_work_when_they_are_answered_and_end_when_they_are_revoked(
    tmp_path: Path, generation: Generation
) -> None:
    with serve_vendor(tmp_path, generation) as vendor:
        ask = Caller(vendor)
        info = ask("GET", MOUNT).json()
        assert info == {"tenant_id": vendor.default.tenant_id, "bucket_name": vendor.default.bucket}
        vendor.put("a.md", "alpha")
        first, second = ask("POST", CREDENTIALS).json(), ask("POST", CREDENTIALS).json()
        for pair in (first, second):
            assert listed(vendor, pair["access_key"], pair["secret_key"]) == (0, "a.md\n")
        wrong_secret = listed(vendor, first["access_key"], second["secret_key"])
        assert wrong_secret[0] != 0 and "403" in wrong_secret[1]

        vendor.revoke_keys()

        for pair in (first, second):
            code, said = listed(vendor, pair["access_key"], pair["secret_key"])
            assert code != 0 and "403" in said
        third = ask("POST", CREDENTIALS).json()
        assert listed(vendor, third["access_key"], third["secret_key"]) == (0, "a.md\n")
        assert vendor.files() == {"a.md": "alpha"}
        assert vendor.count("POST", CREDENTIALS) == 3


def test_a_workspace_is_named_by_its_id_alone(new: Vendor) -> None:
    team = new.add_tenant(slug="team", name="Team", workspace_type="organization", role="editor")
    hidden = new.add_tenant(slug="hidden", member=False)
    ask = Caller(new)

    assert ask("GET", MOUNT).json()["tenant_id"] == new.default.tenant_id
    assert ask("GET", MOUNT, workspace=team.tenant_id).json()["bucket_name"] == team.bucket
    for unknown in ("team", hidden.tenant_id, "nonsense"):
        assert ask("GET", MOUNT, workspace=unknown).status_code == 403
    assert ask("POST", CREDENTIALS, workspace=team.tenant_id).status_code == 403
    team.role = "owner"
    assert ask("POST", CREDENTIALS, workspace=team.tenant_id).status_code == 200
    assert Caller(new, new.login(team).access_token)("GET", MOUNT).json()["tenant_id"] == team.tenant_id


def test_workspaces_are_those_of_the_user(new: Vendor) -> None:
    team = new.add_tenant(slug="team", workspace_type="organization", role="editor", subscribed=False)
    new.add_tenant(slug="hidden", member=False)
    answer = Caller(new)("GET", "/workspaces/").json()

    assert [one["slug"] for one in answer["workspaces"]] == ["personal", "team"]
    assert answer["count"] == 2
    assert answer["default_workspace_id"] == answer["current_workspace_id"] == new.default.tenant_id
    assert answer["workspaces"][1] == {
        "tenant_id": team.tenant_id, "workspace_type": "organization", "slug": "team", "name": "Personal",
        "role": "editor", "is_default": False, "organization_id": "org_team", "has_active_subscription": False,
    }  # fmt: skip


def test_the_old_generation_has_one_workspace_and_reads_no_header(old: Vendor) -> None:
    assert Caller(old)("GET", MOUNT, workspace="nonsense").status_code == 200


@pytest.mark.parametrize("generation", ["old", "new"])
def test_without_a_subscription_every_call_says_so(tmp_path: Path, generation: Generation) -> None:
    with serve_vendor(tmp_path, generation) as vendor:
        vendor.default.subscribed = False
        for method, path in (("GET", "/proxy/health"), ("GET", MOUNT), ("POST", CREDENTIALS)):
            refused = Caller(vendor)(method, path)
            assert refused.status_code == 403
            assert refused.json()["detail"]["error"] == "subscription_required"
            assert refused.json()["detail"]["subscribe_url"].startswith("https://basicmemory.com/")


# -- which addresses there are --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("generation", "method", "path", "status"),
    [
        ("old", "GET", OLD, 200),
        ("old", "GET", f"{OLD}/", 307),
        ("old", "GET", NEW, 404),
        ("old", "GET", "/workspaces/", 404),
        ("old", "POST", "/api/keys", 404),
        ("new", "GET", NEW, 200),
        ("new", "GET", NEW.rstrip("/"), 307),
        ("new", "GET", "/workspaces", 307),
        ("new", "GET", f"{MOUNT}/", 307),
        ("new", "GET", OLD, 404),
        ("new", "POST", OLD, 404),
        ("new", "GET", "/proxy/a/project/item", 404),
        ("new", "POST", "/proxy/a/project/sync", 404),
        ("new", "POST", MOUNT, 405),
        ("new", "GET", "/oauth2/token", 404),
        ("both", "GET", OLD, 200),
        ("both", "GET", NEW, 200),
        ("both", "GET", "/workspaces/", 200),
        ("both", "GET", "/proxy/a/project/item", 404),
        ("both", "POST", "/proxy/a/project/sync", 404),
    ],
)
def test_which_addresses_a_generation_has(
    tmp_path: Path, generation: Generation, method: str, path: str, status: int
) -> None:
    with serve_vendor(tmp_path, generation) as vendor:
        answer = Caller(vendor)(method, path)
        assert answer.status_code == status
        if status == 307:
            slashed = path.rstrip("/") if path.endswith("/") else f"{path}/"
            assert answer.headers["Location"] == vendor.url + slashed


def test_a_service_with_both_has_one_list_behind_them(both: Vendor) -> None:
    ask = Caller(both)

    assert ask.create(OLD, "notes.v2").status_code == 200
    assert ask("GET", OLD).json() == ask("GET", NEW).json()
    assert both.default.projects[0].path == "notes.v2"


# -- what goes wrong ------------------------------------------------------------------------------------


def test_a_fault_comes_as_often_as_it_was_asked_for_and_nowhere_else(new: Vendor) -> None:
    ask = Caller(new)
    new.fault("GET", MOUNT, Answer(503, "<h1>gone</h1>"), times=2)
    new.fault("GET", MOUNT, Answer.rate_limited("7"))

    assert ask("POST", CREDENTIALS).status_code == 200
    answers = [ask("GET", MOUNT) for _ in range(4)]
    assert [one.status_code for one in answers] == [503, 503, 429, 200]
    assert answers[0].headers["Content-Type"] == "text/html; charset=utf-8"
    assert answers[2].headers["Retry-After"] == "7"
    assert answers[2].json()["detail"]["code"] == "rate_limit_exceeded"
    new.fault("GET", "*", Answer.redirect("https://elsewhere.example/"), times=None)
    assert [ask("GET", "/proxy/health").status_code for _ in range(3)] == [307] * 3
    new.clear_faults()
    assert ask("GET", MOUNT).status_code == 200


def test_a_connection_can_be_dropped_before_and_after_the_deed(new: Vendor) -> None:
    ask = Caller(new)
    for after in (False, True):
        new.fault("POST", CREDENTIALS, Answer(drop=True, after=after))
        with pytest.raises(httpx.RemoteProtocolError):
            ask("POST", CREDENTIALS)
        assert len(new.default.keys) == after


def test_an_answer_can_be_late_or_broken_off_or_never_come(new: Vendor) -> None:
    ask = Caller(new)
    new.fault("GET", MOUNT, Answer(200, {}, delay=0.2))
    began = time.monotonic()
    assert ask("GET", MOUNT).status_code == 200
    assert time.monotonic() - began >= 0.2
    new.fault("GET", MOUNT, Answer(200, b'{"tenant', {"Content-Length": "100"}))
    with pytest.raises(httpx.RemoteProtocolError):
        ask("GET", MOUNT)
    new.fault("GET", MOUNT, Answer(hang=True))
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(new.url + MOUNT, timeout=0.2)


def test_faults_reach_the_authorization_server(new: Vendor) -> None:
    new.fault("POST", "/oauth2/token", Answer(500, "sorry"))
    assert Login(new).poll().status_code == 500


def test_every_request_is_written_down(new: Vendor) -> None:
    ask = Caller(new)
    ask("POST", f"{NEW}resolve?x=1", {"identifier": "ä"}, workspace=new.default.tenant_id)

    seen = new.requests[-1]
    assert (seen.method, seen.path, seen.query, seen.server) == ("POST", f"{NEW}resolve", "x=1", "api")
    assert seen.headers["x-workspace-id"] == new.default.tenant_id
    assert seen.json == {"identifier": "ä"}
    new.reset()
    assert new.count("POST", f"{NEW}resolve") == 0


def test_many_may_ask_at_once(new: Vendor) -> None:
    ask = Caller(new)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask("GET", MOUNT).status_code, range(40)))

    assert answers == [200] * 40
    assert new.count("GET", MOUNT) == 40


def test_a_device_finds_it_by_its_environment(new: Vendor) -> None:
    assert new.environment == {
        "BASIC_MEMORY_CLOUD_HOST": new.url,
        "BASIC_MEMORY_CLOUD_DOMAIN": new.auth,
        "BASIC_MEMORY_CLOUD_CLIENT_ID": new.client_id,
    }


def test_a_tenant_can_be_given_whole(new: Vendor) -> None:
    other = new.add_tenant(Tenant(slug="other", is_default=True))
    assert new.tenants[0] is other
    assert Caller(new)("GET", MOUNT).json()["bucket_name"] == other.bucket


def test_it_can_be_served_from_a_shell(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.support.vendor", "--folder", str(tmp_path), "--generation", "old"]
    process = subprocess.Popen(argv, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        assert lines[-1].startswith("# bucket")
        exported = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines[:-1])
        assert httpx.get(exported["BASIC_MEMORY_CLOUD_HOST"] + MOUNT).status_code == 401
        assert httpx.get(exported["BASIC_MEMORY_CLOUD_ENDPOINT"]).is_client_error, "no signature, no listing"
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")

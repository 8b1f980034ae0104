"""One request to the vendor's servers: bounded, repeated where that is safe, and never a word too much."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bisync import __version__
from bisync.errors import CloudError
from bisync.providers.basic_memory.http import Host, HostTrouble
from bisync.secret import Secret
from tests.providers.cloud_user import INFO, KEYS, TOKEN, User, quick
from tests.support.vendor import Answer, Vendor
from tests.support.world import free_port

TOKEN_SENT = Secret("bmc_a-secret-that-nobody-sees")
HTML = Answer(502, "<html><h1>Bad gateway</h1></html>")


@pytest.fixture
def host(today: Vendor) -> Iterator[Host]:
    """The API host, asked without long pauses."""
    said: list[str] = []
    made = quick(today.url, say=said.append, silent=0.3, whole=0.6)
    yield made
    made.close()


def get(host: Host, **values: Any) -> int:
    return host.ask("GET", INFO, token=TOKEN_SENT, **values).status


@pytest.mark.parametrize(
    "bad", [Answer.detail(500, "x"), HTML, Answer(503), Answer(504), Answer.rate_limited("0")]
)
def test_a_busy_server_is_asked_again(today: Vendor, host: Host, bad: Answer) -> None:
    today.fault("GET", INFO, bad, times=2)
    assert get(host) == 401
    assert today.count("GET", INFO) == 3


def test_the_fourth_answer_is_the_last(today: Vendor, host: Host) -> None:
    today.fault("GET", INFO, HTML, times=None)
    assert get(host) == 502
    assert today.count("GET", INFO) == 4


@pytest.mark.parametrize("drop", [Answer(drop=True), Answer(drop=True, after=True)])
def test_a_broken_connection_is_tried_again(today: Vendor, host: Host, drop: Answer) -> None:
    today.fault("GET", INFO, drop)
    assert get(host) == 401
    assert today.count("GET", INFO) == 2


@pytest.mark.parametrize("bad", [Answer(500), Answer(429), Answer(drop=True)])
def test_what_may_not_be_repeated_is_sent_once(today: Vendor, host: Host, bad: Answer) -> None:
    today.fault("POST", KEYS, bad, times=None)
    try:
        host.ask("POST", KEYS, token=TOKEN_SENT, again=False)
    except CloudError as error:
        assert "cannot be reached" in error.message
    assert today.count("POST", KEYS) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_not_argued_with(today: Vendor, host: Host, status: int) -> None:
    today.fault("GET", INFO, Answer.detail(status, "no"), times=None)
    assert get(host) == status
    assert today.count("GET", INFO) == 1


def test_a_pause_that_a_server_asks_for_is_kept(today: Vendor, host: Host) -> None:
    today.fault("GET", INFO, Answer.rate_limited("1"))
    began = time.monotonic()
    assert get(host) == 401
    assert time.monotonic() - began >= 1


def test_a_pause_that_is_too_long_is_an_answer(today: Vendor, host: Host) -> None:
    today.fault("GET", INFO, Answer.rate_limited("3600"))
    answer = host.ask("GET", INFO, token=TOKEN_SENT)
    assert (answer.status, answer.retry_after) == (429, 3600)
    assert today.count("GET", INFO) == 1


@pytest.mark.parametrize("wrong", ["\u00b2", "soon", "-5"])
def test_a_pause_that_makes_no_sense_is_none(today: Vendor, host: Host, wrong: str) -> None:
    today.fault("GET", INFO, Answer(429, {}, {"Retry-After": wrong}))
    assert get(host) == 401


def test_waiting_is_said(today: Vendor) -> None:
    said: list[str] = []
    host = quick(today.url, say=said.append)
    today.fault("GET", INFO, Answer(503))
    get(host)
    host.close()
    assert said == [f"{host.name} is busy (503), trying again"]


def test_what_is_not_tried_again_is_not_said_to_be(today: Vendor) -> None:
    said: list[str] = []
    host = quick(today.url, say=said.append)
    today.fault("GET", INFO, Answer(503), times=4)
    today.fault("GET", INFO, Answer.rate_limited("3600"))
    assert get(host) == 503
    assert get(host) == 429
    host.close()
    assert len(said) == 3


def test_pauses_together_are_no_longer_than_one_may_be(today: Vendor) -> None:
    host = quick(today.url, patience=1.5)
    today.fault("GET", INFO, Answer.rate_limited("1"), times=None)
    began = time.monotonic()
    assert get(host) == 429
    host.close()
    assert time.monotonic() - began < 2
    assert today.count("GET", INFO) == 2


def test_a_silent_server_is_left(today: Vendor, host: Host) -> None:
    today.fault("GET", INFO, Answer(hang=True))
    began = time.monotonic()
    with pytest.raises(HostTrouble, match="did not answer in"):
        get(host)
    assert time.monotonic() - began < 3
    assert today.count("GET", INFO) == 1


def test_an_answer_that_never_ends_is_left(host: Host) -> None:
    class Drip(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b" ")
                    time.sleep(0.05)
            except OSError:
                pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Drip)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    dripping = quick(f"http://127.0.0.1:{server.server_port}", silent=0.5, whole=0.5)
    try:
        with pytest.raises(HostTrouble, match="did not answer in"):
            dripping.ask("GET", "/")
    finally:
        dripping.close()
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_huge_answer_is_cut_short(today: Vendor, host: Host) -> None:
    today.fault("GET", INFO, Answer(200, b"x" * (50 << 20)))
    with pytest.raises(CloudError, match="sent more than 4 MiB in answer to GET /tenant/mount/info"):
        get(host)


def test_nobody_there_is_said(today: Vendor) -> None:
    host = quick(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(HostTrouble, match=r"127.0.0.1:\d+ cannot be reached"):
        host.ask("GET", "/")
    host.close()


@pytest.mark.parametrize("url", ["https://a b", "https://x:99999", "https://" + "a" * 300 + ".example"])
def test_an_address_that_is_none_is_an_error_with_words(url: str) -> None:
    host = quick(url)
    with pytest.raises(CloudError) as caught:
        host.ask("GET", "/")
    host.close()
    assert caught.value.hint


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(today: Vendor, in_2025: Vendor, host: Host, status: int) -> None:
    for where in (f"{in_2025.url}{INFO}", "/proxy/health"):
        today.fault("GET", INFO, Answer.redirect(where, status))
        answer = host.ask("GET", INFO, token=TOKEN_SENT)
        assert (answer.status, answer.location) == (status, where)
    assert not in_2025.requests
    assert today.count("GET", "/proxy/health") == 0


@pytest.mark.parametrize(
    "body",
    ["<html>hello</html>", '{"a": ', "\x00", "[" * 100_000, "", "NaN\n{"],
)
def test_what_is_no_json_is_no_body(today: Vendor, host: Host, body: str) -> None:
    today.fault("GET", INFO, Answer(200, body))
    answer = host.ask("GET", INFO)
    assert (answer.body, answer.is_json) == (None, False)


def test_half_an_answer_is_none(today: Vendor, host: Host) -> None:
    today.fault("GET", INFO, Answer(200, b'{"a": 1', {"Content-Length": "5000"}), times=None)
    with pytest.raises(HostTrouble, match="cannot be reached"):
        host.ask("GET", INFO)


def test_the_server_learns_who_asks(today: Vendor, host: Host) -> None:
    get(host, headers={"X-Workspace-ID": "w"})
    sent = today.requests[0].headers
    assert sent["User-Agent"] == f"bisync-tasks/{__version__}"
    assert sent["Authorization"] == f"Bearer {TOKEN_SENT.reveal()}"
    assert sent["X-Workspace-ID"] == "w"


def test_a_server_that_repeats_the_token_does_not_bring_it_into_words(today: Vendor, host: Host) -> None:
    secret = TOKEN_SENT.reveal()
    escaped = "".join(f"\\u{ord(char):04x}" for char in secret)
    for text in (secret, escaped):
        today.fault("GET", INFO, Answer(401, f'{{"detail": ["bad {text}", {{"{text}": "{text}"}}]}}'))
        answer = host.ask("GET", INFO, token=TOKEN_SENT)
        assert secret not in repr(answer)
        assert answer.body == {"detail": ["bad ***", {"***": "***"}]}
    today.fault("GET", INFO, Answer.redirect(f"/login?was={secret}"))
    assert host.ask("GET", INFO, token=TOKEN_SENT).location == "/login?was=***"


def test_a_form_s_secrets_do_not_come_back_in_a_refusal(today: Vendor, host: Host) -> None:
    today.fault("POST", TOKEN, Answer(400, {"error": "bad", "error_description": "not spent-token-1234"}))
    answer = host.ask("POST", TOKEN, form={"refresh_token": "spent-token-1234"})
    assert answer.field("error_description") == "not ***"


def test_nothing_of_a_request_is_in_its_traceback(today: Vendor, host: Host) -> None:
    import traceback

    today.fault("GET", INFO, Answer(hang=True))
    with pytest.raises(CloudError) as caught:
        get(host)
    assert TOKEN_SENT.reveal() not in "".join(traceback.format_exception(caught.value))
    assert TOKEN_SENT.reveal() not in repr(host)


# -- the environment --------------------------------------------------------------------------------


def test_a_proxy_of_the_environment_never_hears_what_is_meant_for_this_machine(
    today: Vendor, in_2025: Vendor, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, in_2025.url)
    assert get(host) == 401
    assert today.count("GET", INFO) == 1
    assert not in_2025.requests


def test_https_goes_through_the_proxy_of_the_environment(
    in_2025: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", in_2025.url)
    host = quick("https://cloud.example")
    with pytest.raises(CloudError):
        host.ask("GET", "/", token=TOKEN_SENT, again=False)
    host.close()
    (asked,) = in_2025.requests
    assert asked.method == "CONNECT"
    assert TOKEN_SENT.reveal() not in str(asked.headers)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1080"),
        ("HTTPS_PROXY", "gopher://me:pass@x"),
        ("SSL_CERT_FILE", "/nowhere"),
    ],
)
def test_a_proxy_or_certificate_that_cannot_be_used_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    host = quick("https://cloud.example")
    with pytest.raises(
        CloudError, match="the proxy or the certificates that the environment names"
    ) as caught:
        host.ask("GET", "/")
    assert "pass" not in str(caught.value.hint)


def test_a_certificate_is_verified(today: Vendor) -> None:
    host = quick(today.url.replace("http://", "https://"))
    with pytest.raises(CloudError, match="cannot be reached"):
        host.ask("GET", "/", again=False)
    assert host._client._transport._pool._ssl_context.verify_mode.name == "CERT_REQUIRED"  # type: ignore[attr-defined]
    host.close()


def test_a_password_in_an_address_is_not_shown() -> None:
    assert Host(url="https://me:pass@cloud.example/x").name == "cloud.example"


def test_a_request_is_json(today: Vendor, user: User, host: Host) -> None:
    host.ask("POST", "/x", body={"name": "ä"})
    assert json.loads(today.requests[0].body) == {"name": "ä"}

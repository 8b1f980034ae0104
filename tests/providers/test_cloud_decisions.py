"""What is decided about the vendor's cloud: projects and their names, refusals, addresses, browsers, workspaces."""

from __future__ import annotations

import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from text_unidecode import unidecode

from bisync.core.projects import Project, known, permalink
from bisync.errors import CloudError, LoginNeeded
from bisync.manifest import cloud_address
from bisync.manifest.bm_config import SharedConfig
from bisync.manifest.document import Place
from bisync.providers.basic_memory import browser
from bisync.providers.basic_memory.http import Answer, HostTrouble, retry_seconds, shortened
from bisync.providers.basic_memory.known import Generation
from bisync.providers.basic_memory.refusals import no_keys, refusal, strange
from bisync.providers.basic_memory.registry import spelled
from bisync.providers.basic_memory.tokens import Tokens, as_token, granted
from bisync.providers.basic_memory.wire import Workspace, chosen, is_name
from bisync.secret import Secret
from tests.support.vendor.permalink import permalink as of_the_service

pytestmark = pytest.mark.pure

# -- permalinks and matching ------------------------------------------------------------------------

NAMES = [
    # name, 0.15, today
    ("My Notes", "my-notes", "my-notes"),
    ("MyNotes", "my-notes", "my-notes"),
    ("notes.v2", "notes", "notes.v2"),
    ("v1.0", "v1", "v1.0"),
    ("2025.01 log", "2025", "2025.01-log"),
    (".hidden", "hidden", ".hidden"),
    ("..hidden", "hidden", "..hidden"),
    ("Café", "cafe", "cafe"),
    ("Über Straße", "uber-strasse", "uber-strasse"),
    ("a_b", "a-b", "a-b"),
    ("Bob's", "bobs", "bobs"),
    ("C++ & Go", "c-go", "c-go"),
    ("日本語ノート", "日本語-no-to", "日本語-no-to"),
    ("plan日本2", "plan-日本-2", "plan-日本-2"),
    ("\U0001f600", "", ""),
    ("--", "", ""),
    ("", "", ""),
]


@pytest.mark.parametrize(("name", "old", "new"), NAMES)
def test_a_permalink_is_what_each_generation_makes_of_a_name(name: str, old: str, new: str) -> None:
    assert permalink(name, unidecode, dots=False) == old == of_the_service(name, "old")
    assert permalink(name, unidecode, dots=True) == new == of_the_service(name, "new")


def test_today_s_spelling_is_used_where_nobody_knows() -> None:
    assert spelled("v1.0", None) == spelled("v1.0", Generation.NEW) == "v1.0"
    assert spelled("v1.0", Generation.OLD) == "v1"


LISTED = [
    Project("Plain", "/app/data/plain"),
    Project("by-path", "/app/data/My Folder"),
    Project("My Folder", "/app/data/elsewhere"),
    Project("old", "ideas/"),
    Project("Weird", ""),
]


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("My Folder", "My Folder"),  # the name goes before another's path
        ("elsewhere", "My Folder"),
        ("ideas", "old"),
        ("PLAIN", "Plain"),  # by its permalink
        ("plain", "Plain"),
        ("\U0001f600", None),  # an empty permalink is nobody's, also where a path is empty
        ("other", None),
    ],
)
def test_a_folder_is_found_by_name_then_path_then_permalink(folder: str, found: str | None) -> None:
    one = known(folder, LISTED, spelled(folder, Generation.NEW))
    assert (one.name if one else None) == found


def test_a_version_s_folder_is_not_taken_for_its_neighbour_s_project() -> None:
    listed = [Project("notes", "/app/data/notes")]
    assert known("notes.v2", listed, spelled("notes.v2", Generation.NEW)) is None


# -- refusals ---------------------------------------------------------------------------------------

PAID = {"error": "subscription_required", "message": "Pay first", "subscribe_url": "https://pay.example"}
REFUSALS: list[tuple[int, Any, str, str]] = [
    (401, {"detail": "Invalid token"}, "does not accept this login (401): Invalid token", "the cure"),
    (401, None, "does not accept this login (401)", "the cure"),
    (403, {"detail": PAID}, "Pay first", "subscribe at https://pay.example"),
    (403, PAID, "Pay first", "subscribe at https://pay.example"),
    (403, {"detail": {"error": "subscription_required"}}, "Active subscription required", "/pricing"),
    (403, {"detail": {**PAID, "message": None, "subscribe_url": 7}}, "Active subscription", "/pricing"),
    (403, {"detail": "No"}, "does not allow the thing (403): No", "owner of the workspace"),
    (403, {"detail": ["No", {"msg": "why", "loc": ["body", 1]}]}, "(403): body.1: why", "owner"),
    (403, ["No"], "does not allow the thing (403)", "owner"),
    (403, None, "does not allow the thing (403)", "owner"),
    (404, {"detail": "Not Found"}, "does not know the thing (404): Not Found", "api_url"),
    (422, {"detail": [{"type": "missing", "loc": ["body", "name"], "msg": "Field required"}]},
     "refused the thing (422): body.name: Field required", "doctor"),
    (400, {"detail": {"message": "m", "error": "e"}}, "refused the thing (400): m", "doctor"),
    (400, {"detail": 7}, "refused the thing (400)", "doctor"),
    (429, {"detail": {"code": "x", "message": "Too many"}}, "(429): Too many", "wait a while"),
    (500, {"detail": "boom"}, "trouble of its own (500): boom", "run again"),
    (502, None, "trouble of its own (502)", "run again"),
    (204, None, "something that is no JSON", "api_url"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "words", "cure"), REFUSALS)
def test_each_refusal_is_one_line_with_its_cure(status: int, body: Any, words: str, cure: str) -> None:
    error = refusal(Answer(status, body, body is not None), "host", "the thing", cure="the cure")

    assert words in error.message
    assert "\n" not in error.message
    assert error.hint is not None
    assert cure in error.hint
    assert isinstance(error, LoginNeeded) is (status == 401)
    assert isinstance(error, HostTrouble) is (status in (429, 500, 502))


def test_a_redirect_says_where_it_led_and_a_pause_how_long_it_is() -> None:
    led = refusal(Answer(307, None, False, None, "https://evil.example/x"), "host", "the thing")
    assert "redirects the thing to https://evil.example/x" in led.message
    paused = refusal(Answer(429, None, False, 30.0), "host", "the thing")
    assert "asks to be left alone for 30 s" in paused.message


def test_who_is_no_owner_is_told_so_and_who_has_not_paid_that() -> None:
    member = no_keys(Answer(403, {"detail": "Only workspace owners"}, True), "host", "the cure")
    assert "for the owner of a workspace alone (403): Only workspace owners" in member.message
    assert member.hint == "the cure"
    assert no_keys(Answer(403, {"detail": PAID}, True), "host", "the cure").message == "Pay first"


def test_a_success_that_says_nothing_useful_is_named() -> None:
    assert "misses something" in strange(Answer(200, {"a": None}, True), "host", "x").message
    assert "no JSON" in strange(Answer(200, None, False), "host", "x").message


def test_foreign_words_become_one_short_line() -> None:
    assert shortened("a\n  b\tc") == "a b c"
    assert len(shortened("x" * 5000)) == 300


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("7", 7), (" 7 ", 7), ("0", 0), ("-1", None), ("soon", None), ("", None), ("²", None),
     ("9" * 5000, 999_999_999), ("1.5", None), ("Mon, 01 Jan 2001 00:00:00 GMT", 0),
     ("Mon, 01 Jan 0000 00:00:00 +9999", None)],
)  # fmt: skip
def test_a_pause_is_a_number_or_a_moment(text: str | None, seconds: float | None) -> None:
    assert retry_seconds(text) == seconds


def test_a_moment_to_come_is_so_many_seconds_away() -> None:
    found = retry_seconds(formatdate(time.time() + 30, usegmt=True))
    assert found is not None
    assert 27 < found <= 30


# -- addresses --------------------------------------------------------------------------------------

ENV_API, ENV_HOST = "BASIC_MEMORY_API_URL", "BASIC_MEMORY_CLOUD_HOST"
ORDER: list[tuple[dict[str, str], SharedConfig, str]] = [
    ({ENV_API: "https://a", ENV_HOST: "https://c"}, SharedConfig(api_url="https://b"), "https://a"),
    ({ENV_HOST: "https://c"}, SharedConfig(api_url="https://b/", cloud_host="https://d"), "https://b"),
    ({ENV_HOST: "https://c"}, SharedConfig(cloud_host="https://d"), "https://c"),
    ({ENV_API: "", ENV_HOST: ""}, SharedConfig(cloud_host="https://d"), "https://d"),
    ({}, SharedConfig(), "https://cloud.basicmemory.com"),
]


@pytest.mark.parametrize(("env", "own", "url"), ORDER)
def test_the_address_by_name_goes_before_the_host_and_the_environment_before_the_file(
    env: dict[str, str], own: SharedConfig, url: str
) -> None:
    found = cloud_address.address(env, own, Path("/own"), SharedConfig(), Path("/lent"))
    assert (found.url, found.own) == (url, True)


def test_a_file_that_the_manifest_chose_is_not_the_user_s_own_word() -> None:
    lent = SharedConfig(api_url="https://lent", cloud_host="https://other")
    found = cloud_address.address({}, SharedConfig(), Path("/own"), lent, Path("/lent"))
    assert found == ("https://lent", Place("/lent"), False)


@pytest.mark.parametrize(
    ("url", "safe"),
    [("https://a.example", True), ("https://a.example:8443/x", True), ("http://127.0.0.1:1", True),
     ("http://[::1]:1", True), ("http://localhost", True), ("http://a.example", False), ("ftp://a", False),
     ("https://", False), ("", False), ("https://a:99999", False), ("http://127.0.0.1.evil.example", False),
     ("http://localhost@evil.example", False), ("https://me:pass@a.example", False),
     ("https://a.example\\@evil.example", False), ("https://a.example/\n", False), ("https://a b", False),
     ("https://a.example/?next=", False), ("https://a.example#x", False), ("https://[x", False)],
)  # fmt: skip
def test_an_address_is_safe_when_nobody_can_listen_and_nothing_is_hidden_in_it(url: str, safe: bool) -> None:
    assert cloud_address.is_safe(url) is safe


def test_a_page_may_have_a_query() -> None:
    assert cloud_address.is_safe("https://a.example/?code=X", page=True)
    assert not cloud_address.is_safe("https://me@a.example/?code=X", page=True)


@pytest.mark.parametrize(
    ("env", "found"),
    [
        ({}, [".basic-memory"]),
        ({"XDG_CONFIG_HOME": "/x"}, ["/x/basic-memory", ".basic-memory"]),
        ({"XDG_CONFIG_HOME": "/x", "BASIC_MEMORY_CONFIG_DIR": "/y"}, ["/y", ".basic-memory"]),
        ({"BASIC_MEMORY_CONFIG_DIR": "~nobody-of-that-name/y"}, ["~nobody-of-that-name/y", ".basic-memory"]),
    ],
)
def test_the_vendor_s_folder_is_found_as_its_clients_find_it(env: dict[str, str], found: list[str]) -> None:
    home = Path("/home/u")
    assert cloud_address.folders(env, home) == tuple(home / one for one in found)


def test_the_older_place_is_read_where_only_it_has_the_file(tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path / "x")}
    new, old = cloud_address.places("f", env, tmp_path)
    assert cloud_address.find("f", env, tmp_path) == new
    for path in (old, new):
        path.parent.mkdir(parents=True)
        path.write_text("")
        assert cloud_address.find("f", env, tmp_path) == path


# -- browser, workspaces, tokens --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "terminal", "platform", "wanted"),
    [
        ({"DISPLAY": ":0"}, True, "linux", True),
        ({"WAYLAND_DISPLAY": "w"}, True, "linux", True),
        ({}, True, "darwin", True),
        ({}, True, "linux", False),
        ({"DISPLAY": ":0"}, False, "linux", False),
        ({"DISPLAY": ":0", "CI": "true"}, True, "linux", False),
        ({"SSH_CONNECTION": "x"}, True, "darwin", False),
        ({"DISPLAY": ":0", "SSH_TTY": "x"}, True, "linux", False),
    ],
)
def test_a_browser_is_opened_where_somebody_sits_in_front_of_it(
    env: dict[str, str], terminal: bool, platform: str, wanted: bool
) -> None:
    assert browser.is_wanted(env, terminal=terminal, platform=platform) is wanted


def test_nothing_but_a_web_page_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: not opened.append(url))
    for url in ("file:///etc/passwd", "javascript:alert(1)", "http://a.example", "https://a.example/\x1b[2J"):
        assert not browser.show(url)
    assert browser.show("https://a.example/?user_code=X")
    assert opened == ["https://a.example/?user_code=X"]


def workspace(slug: str, name: str = "", *, default: bool = False) -> Workspace:
    return Workspace(f"id-{slug}", slug, name or slug, "personal", "owner", default, True)


MINE, TEAM = workspace("mine", "Me", default=True), workspace("team", "Twins")
TWIN = workspace("twin", "Twins")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(None, MINE), ("mine", MINE), ("Me", MINE), ("id-team", TEAM), ("team", TEAM)],
)
def test_a_workspace_is_chosen_by_slug_name_or_tenant_id(wanted: str | None, found: Workspace) -> None:
    assert chosen((TEAM, MINE, TWIN), wanted, "host") == found


def test_a_workspace_that_is_not_there_or_not_alone_is_named() -> None:
    with pytest.raises(CloudError, match=r"no workspace called other \(it has: team, mine, twin\)"):
        chosen((TEAM, MINE, TWIN), "other", "host")
    with pytest.raises(CloudError, match="several workspaces are called Twins") as caught:
        chosen((TEAM, MINE, TWIN), "Twins", "host")
    assert "team, twin" in str(caught.value.hint)
    with pytest.raises(CloudError, match="knows no workspaces"):
        chosen(None, "team", "host")
    assert chosen(None, None, "host") is None
    assert chosen((TEAM,), None, "host") is None


@pytest.mark.parametrize(
    "value", ["", ".", "-x", "a/b", "a]b", "a\nb", "ä", "x" * 256, None, 7, "a b", "../x"]
)
def test_what_could_leave_its_folder_or_section_is_no_name(value: Any) -> None:
    assert not is_name(value)


@pytest.mark.parametrize("value", ["", "a b", "a\r\nX: y", "ä", "\x7f", None, 7, ["a"]])
def test_what_cannot_be_sent_is_no_token(value: Any) -> None:
    assert as_token(value) is None


@pytest.mark.parametrize(
    ("life", "seconds"),
    [(60, 60), (60.5, 60), (None, 3600), (0, 3600), (-1, 3600), ("60", 3600), (True, 3600), (10**400, 3600),
     (float("inf"), 3600), (float("nan"), 3600)],
)  # fmt: skip
def test_a_login_is_good_for_as_long_as_its_server_says(life: Any, seconds: int) -> None:
    found = granted(Answer(200, {"access_token": "a", "expires_in": life}, True), "host", 1000.0)
    assert found.expires_at == 1000 + seconds


@pytest.mark.parametrize("body", [None, [], {}, {"access_token": None}, {"access_token": "a b"}])
def test_an_answer_without_a_token_is_no_login(body: Any) -> None:
    with pytest.raises(CloudError, match="host gave"):
        granted(Answer(200, body, body is not None), "host", 0)


@pytest.mark.parametrize(("now", "fresh"), [(939, True), (940, False), (1001, False)])
def test_a_token_is_refreshed_a_minute_early(now: float, fresh: bool) -> None:
    assert Tokens(access=Secret("a"), refresh=None, expires_at=1000).is_fresh(now) is fresh


def test_a_sync_without_news_loads_nothing_that_asks() -> None:
    """It would take longer than all the rest of an idle run here."""
    look = (
        "import sys, bisync.providers.basic_memory.registry; print({'httpx', 'stamina'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

"""`plan --html` and `status --html`: the page of real commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from bisync.tasks._page import page_target

from bisync.errors import UsageError
from tests.program.test_plan import mixed_day, snapshot
from tests.support.pages import Element, check_page
from tests.support.world import KEY_ID, S3, SECRET, Device

ODD = "<img src=x onerror=alert(1)> [x] e\u0301\u202egnp.md"


def page_of(device: Device, name: str) -> Element:
    path = device.home / name
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text("utf-8")
    assert SECRET not in text and KEY_ID not in text and "b3BlbnNzaC1r" not in text
    return check_page(text)


def rows(page: Element) -> dict[str, int]:
    found = [one for one in page.all("tr") if "data-action" in one.attributes]
    return {one.attributes["data-action"]: int(one.all("td")[0].text.replace(",", "")) for one in found}


def test_a_plan_and_its_outcome_as_pages(laptop: Device, s3: S3) -> None:
    mixed_day(laptop, s3)
    laptop.write(ODD, "here <b>")
    s3.put("new/looks plain.md", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n")
    laptop.run("plan")  # fills caches
    before = snapshot(laptop.home), s3.tree()

    said = laptop.run("plan", "--html", "plan.html", "--out", "plan.json")
    document = laptop.run("plan", "--json").json
    written = (laptop.home / "plan.html").read_bytes()
    again = laptop.run("plan", "--html", "-")

    page = page_of(laptop, "plan.html")
    assert said.out.splitlines()[-2:] == [
        "Page written: plan.html",
        "Plan written. Carry it out with: bisync sync --plan plan.json",
    ]
    # The same bytes again, but for letters that some terminals lack.
    assert again.out.encode() == written.decode().encode("ascii", "xmlcharrefreplace")
    for name in ("plan.html", "plan.json"):
        (laptop.home / name).unlink()
    assert (snapshot(laptop.home), s3.tree()) == before

    [sync] = document["syncs"]
    counts = [one["action"] for one in sync["actions"]]
    assert rows(page) == {action: counts.count(action) for action in set(counts)}
    assert document["id"] in page.all("footer")[0].text
    for action in sync["actions"]:
        assert action["path"].rpartition("/")[2].replace("\u202e", "\\u202e") in page.text
        assert action["why"] in page.text
    added = [one.text for one in page.all("ins")]
    assert {"+edited here", "+edited in the cloud", "+conflict, cloud", "+here <b>"} <= set(added)
    [guards] = (one for one in page.all("details") if "passed" in one.all("summary")[0].text)
    assert f"{len(sync['guards'])} of {len(sync['guards'])} passed" in guards.text
    assert "2 of at most 25" in guards.text

    laptop.run("sync")
    said = laptop.run("status", "--html", "status.html")
    status = page_of(laptop, "status.html")
    state = laptop.run("status", "--json").json["syncs"][0]
    assert said.out.endswith("Page written: status.html\n")
    facts = {one.text: two.text for one, two in zip(status.all("dt"), status.all("dd"), strict=True)}
    assert facts["Remote"] == state["remote"] and facts["Conflicts"] == str(state["conflicts"])
    runs = laptop.run("history", "--json").json["syncs"][0]["runs"]
    drawn = sum(one.get("uploaded", 0) for one in runs)
    assert f"sent up over time: {drawn}, " in status.all("svg")[0].attributes["aria-label"]


def test_a_refused_plan_and_one_that_nobody_agreed_to(laptop: Device, s3: S3) -> None:
    for number in range(30):
        laptop.write(f"{number}.md", "x")
    both = laptop.run("plan", "--html", "page.html", "--json", expect=2)
    assert both.json["exit_code"] == 2 and not (laptop.home / "page.html").exists()
    laptop.sync()
    for number in range(26):
        (laptop.notes / f"{number}.md").unlink()

    refused = laptop.run("plan", "--html", "-", expect=4)

    page = check_page(refused.out)
    assert "Refused: Deletion exceeds safety limit (26 > 25)" in page.text
    assert "bisync sync --only notes --max-delete 26" in page.text
    assert refused.err.startswith("Error: Deletion exceeds safety limit (26 > 25)\n")
    assert rows(page) == {"delete_cloud": 26}

    with (laptop.home / "bisync.yaml").open("a") as manifest:
        manifest.write("ping: {success: 'https://ping.example/x'}\n")
    asks = laptop.run("plan", "--html", "notes/plan.html", expect=4)

    page = page_of(laptop, "notes/plan.html")
    assert "It asks for more than was agreed to" in page.text and "There is no plan for notes." in page.text
    assert "notes/plan.html lies in the sync dir of notes: the next sync takes it along" in asks.err


@pytest.mark.pure
@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("folder", "folder is a folder, not a file"),
        ("link.html", "link.html is a link: nothing is written through it"),
        ("none/page.html", "the folder none is not there"),
        ("/dev/null", "/dev/null is no plain file"),
        ("", "--html needs a file"),
    ],
)
def test_what_cannot_be_written_is_told_before_the_work(
    html: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.html").symlink_to("other.html")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError) as refused:
        page_target(html, as_json=False)

    assert words in refused.value.message and refused.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "link.html"]


@pytest.mark.pure
def test_where_a_page_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert page_target("~/page.html", as_json=False) == tmp_path / "page.html"
    assert page_target("-", as_json=False) is None and page_target(None, as_json=True) is None
    with pytest.raises(UsageError, match="--html and --json"):
        page_target("page.html", as_json=True)

"""The page of a plan, as a browser reads it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from bisync.actions.plan import PlanResult, Texts
from bisync.core.change import Action, Change, Merging
from bisync.core.grants import Capability, Kind, Standing
from bisync.core.guard import Verdict
from bisync.core.snapshot import LeftOut
from bisync.core.text_diff import ABSENT, Version, shown
from bisync.report import plan_page as page_module
from bisync.report.plan_page import GUARDS, TEXTS, plan_page
from bisync.report.words import size_text
from bisync.sync.differences import FileDifference, Side
from tests.core.test_guard import GUARDS as EVERY_GUARD
from tests.support import results
from tests.support.pages import Element, check_page

pytestmark = pytest.mark.pure

GRANTED = Standing(
    asked=(
        Capability(Kind.PROGRAM, "syncs.notes.hooks.after_sync", "", ("x",), ("say", "it's <done>")),
        Capability(Kind.FOLDER, "syncs.notes.dir", "~/notes is kept in sync", ("y",)),
    ),
    new=(),
    at="2026-11-22T10:00:00+00:00",
)
DOCUMENT = {"id": "sha256:3f2a", "manifest": "sha256:aa55", "rclone": "1.75.2"}
HOSTILE = (
    "<script>alert(1)</script>.md",
    "</pre></details><img src=x onerror=alert(1)>.md",
    "\"' onmouseover=alert(1) x='.md",
    "&lt;b&gt; &amp; {{ 7 * 7 }} {% raw %}.md",
    "safe\u202egnp.exe",
    "a\u200bb\u2066c\x1b[31m\x07.md",
    "no utf-8 \udcff.md",
    "javascript:alert(1)",
    "-->]]><!--",
)


def planned(
    *changes: Change,
    name: str = "notes",
    texts: tuple[FileDifference, ...] = (),
    others: int = 0,
    **facts: Any,
) -> PlanResult:
    document = {
        "local": f"/data/{name}", "remote": "team:bucket/", "tenant": "team", "profile": "balanced", "mode": "sync",
    }  # fmt: skip
    made = results.plan_result(*sorted(changes, key=lambda change: change.path), **facts)
    return replace(made, name=name, document=document, texts=Texts(files=texts, others=others))


def blocked() -> PlanResult:
    document = {
        "local": "/data/notes",
        "remote": None,
        "tenant": "team",
        "profile": "safe",
        "mode": "blocked",
    }
    return replace(results.no_plan(), document=document)


def made(*plans: PlanResult, standing: Standing = GRANTED) -> Element:
    text = plan_page(plans, DOCUMENT, standing)
    assert text == plan_page(plans, DOCUMENT, standing)
    return check_page(text)


def different(change: Change, side: Side, old: Version, new: Version) -> FileDifference:
    return FileDifference(change=change, side=side, before=old.size, after=new.size, shown=shown(old, new))


def held(text: str) -> Version:
    return Version(len(text.encode()), text.encode())


def each(action: Action) -> Change:
    return Change(
        action, f"{action.value}/a b.md", 2048, "for a reason",
        winner="local" if action is Action.CONFLICT else None,
        copies=("a b.md.conflict1",) if action is Action.CONFLICT else (),
        to="new name.md" if action is Action.RENAME else None,
        side="local" if action is Action.RENAME else None,
        merged=Merging(1, 2048, "0") if action is Action.MERGE else None,
    )  # fmt: skip


def numbers(section: Element) -> dict[str, tuple[int, str]]:
    """What the table of a sync says of each action."""
    rows = [one for one in section.all("tr") if "data-action" in one.attributes]
    return {
        row.attributes["data-action"]: (
            int(row.all("td")[0].text.replace(",", "")),
            row.all("td")[1].text,
        )
        for row in rows
    }


def banners(page: Element, kind: str) -> list[str]:
    found = [one for one in page.all("div", "banner") if kind in one.attributes["class"]]
    return [" ".join(part.text for part in one.all("p")) for one in found]


def test_every_action_is_named_and_counted() -> None:
    page = made(planned(*map(each, Action)))

    assert set(TEXTS) == set(Action)
    assert numbers(page) == {
        action.value: (1, "–" if action in (Action.RENAME, Action.REGISTER_PROJECT) else "2.0 KiB")
        for action in Action
    }
    assert [one.text for one in page.all("ul", "chips")[0].all("li")] == [
        f"1 {TEXTS[action]}" for action in Action
    ]
    for text in ("a b.md.conflict1", "new name.md", "the version here takes the name", "Projects to create"):
        assert text in page.text


def test_the_numbers_are_those_of_the_plan() -> None:
    changes = [
        Change(Action.UPLOAD, f"{number % 7}/{number % 3}/{number}.md", number, "new here")
        for number in range(3000)
    ] + [Change(Action.DELETE_CLOUD, f"gone/{number}.md", 1000, "deleted here") for number in range(1234)]

    page = made(planned(*changes))

    assert numbers(page) == {
        "upload": (3000, size_text(sum(range(3000)))),
        "delete_cloud": (1234, size_text(1_234_000)),
    }
    said = [one.all("span", "folder-head")[0] for one in page.all("details", "folder")]
    counted = re.findall(r"([\d,]+) to upload", " ".join(one.text for one in said))
    assert sum(int(one.replace(",", "")) for one in counted) == 3000
    folders = page.all("details", "folder")
    named = sum(len(one.all("li")) for one in folders)
    more = sum(int(re.findall(r"[\d,]+", one.text)[0].replace(",", "")) for one in page.all("p", "more"))
    assert named + more == 4234


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_of_somebody_else_stays_a_name(name: str) -> None:
    changes = [
        Change(Action.UPLOAD, f"{name}/{name}", 1, f"why {name}"),
        Change(Action.CONFLICT, name, 1, "both", "cloud", (f"{name}.conflict1",)),
        Change(Action.DELETE_LOCAL, f"x{name}", 1, "gone"),
        Change(Action.RENAME, f"y{name}", 1, "renamed", to=f"z{name}", side="local"),
        Change(Action.REGISTER_PROJECT, f"p{name}", 0, "new"),
    ]
    text = f"one\n{name}\n".encode("utf-8", "replace").decode()
    one = planned(
        *changes,
        texts=(different(changes[1], "both", held(text), held(text.upper())),),
        notes=(f"{name}: ignore rules",),
        left_out=(LeftOut(name, f"why {name}"),),
        refused=True,
    )
    one.document.update(local=f"/data/{name}", remote=name)
    standing = replace(GRANTED, asked=(Capability(Kind.FOLDER, name, name, ("x",)),), trouble=name)

    page = made(replace(one, name=name), blocked(), standing=standing)

    assert name not in HOSTILE[:4] or name in page.text


def test_guards_and_what_they_say() -> None:
    assert set(GUARDS) == set(EVERY_GUARD)
    passed, refused = made(planned(each(Action.UPLOAD))), made(planned(each(Action.UPLOAD), refused=True))

    assert banners(passed, "good") == ["No guard has anything against this plan. Nothing was changed yet."]
    assert banners(refused, "bad") == [
        "Guards refuse notes: a sync would write nothing.",
        "Refused: Deletion exceeds safety limit (26 > 25) → look at them: bisync plan",
    ]
    for page, word, is_open in ((passed, "passed", False), (refused, "refused", True)):
        [details] = (one for one in page.all("details") if "passed" in one.all("summary")[0].text)
        assert ("open" in details.attributes) is is_open
        [row] = (one for one in details.all("tr") if "Deletions" in one.text)
        assert word in row.text and "26 of at most 25" in row.text


def test_each_guard_is_told_in_words() -> None:
    one = planned(each(Action.UPLOAD))
    assert one.prepared is not None
    verdicts = tuple(Verdict(guard=name, limit=3, planned=2, passed=True) for name in GUARDS)

    page = made(replace(one, prepared=replace(one.prepared, verdicts=verdicts)))

    assert all(title in page.text and about in page.text for title, about in GUARDS.values())


def test_a_sync_that_cannot_be_planned_and_one_with_nothing_to_do() -> None:
    page = made(blocked())
    assert banners(page, "bad") == ["There is no plan for notes.", "nobody answers → check your network"]
    assert not page.all("details", "folder")

    idle = made(planned())
    assert banners(idle, "good") == ["There is nothing to do."]
    assert numbers(idle) == {}


def test_several_syncs_are_found_from_above() -> None:
    page = made(planned(each(Action.UPLOAD)), planned(each(Action.DOWNLOAD), name="work"))

    assert [(one.attributes["href"], one.text) for one in page.all("a")] == [
        ("#sync-1", "notes"), ("#sync-2", "work"),
    ]  # fmt: skip
    assert not made(planned()).all("a")


def test_what_the_manifest_may_do() -> None:
    page = made(planned())
    rows = [[cell.text for cell in row.parts if isinstance(cell, Element)] for row in page.all("tr")[1:]]
    assert ["program", "say 'it'\"'\"'s <done>'", "syncs.notes.hooks.after_sync", "yes"] in rows
    assert "the last time on 2026-11-22" in page.text

    asks = made(planned(), standing=replace(GRANTED, new=GRANTED.asked[:1]))
    assert "It asks for more than was agreed to. → look at it and type: bisync setup" in banners(asks, "bad")
    assert sum(one.text == "not yet" for one in asks.all("span")) == 1
    assert "Nobody has agreed" in made(planned(), standing=Standing(asked=(), new=())).text


def test_texts_line_by_line() -> None:
    edit = Change(Action.DOWNLOAD, "a.md", 9, "edited there", replaces=True)
    merge, gone = each(Action.MERGE), each(Action.DELETE_CLOUD)
    page = made(
        planned(
            edit, merge, gone,
            texts=(
                different(edit, "local", held("same\n\told <b>\n"), held("same\nnew\u202e")),
                different(gone, "cloud", Version(4, b"\0pic"), ABSENT),
                different(merge, "local", held("a\n"), held("b\n")),
                different(merge, "cloud", held("c\n"), held("b\n")),
            ),
            others=7,
        )
    )  # fmt: skip

    first = page.all("pre", "diff")[0]
    assert [one.text for one in first.parts if isinstance(one, Element)] == [
        "@@ -1,2 +1,2 @@", " same", "-    old <b>", "+new\\u202e", "\\ No newline at end of file",
    ]  # fmt: skip
    assert [one.text for one in first.all("del")] == ["-    old <b>"]
    assert [one.text for one in page.all("p", "sides")] == [
        "− here, now+ here, then: from the cloud", "− here, now+ here, then: merged",
        "− cloud, now+ cloud, then: merged",
    ]  # fmt: skip
    assert "Binary file (4 B)" in page.text
    assert "The texts of 3 files are shown; 7 more may differ" in page.text


def test_words_of_a_long_line_are_marked() -> None:
    edit = Change(Action.DOWNLOAD, "a.md", 9, "edited there", replaces=True)
    old = "we meet <on> Friday, as always\nstays\nthis was here before\nthe end is here, near"
    new = "we meet <on> Monday, as always\nstays\nquite another text\nthe end is here, really far\n"

    page = made(planned(edit, texts=(different(edit, "local", held(old), held(new)),)))

    [text] = page.all("pre", "diff")
    assert [one.text for one in text.all("b")] == ["Friday,", "Monday,", "near", "really far"]
    lines = [one.text for one in text.parts if isinstance(one, Element)]
    assert lines[1:] == [
        "-we meet <on> Friday, as always", "+we meet <on> Monday, as always", " stays",
        "-this was here before", "-the end is here, near", "\\ No newline at end of file",
        "+quite another text", "+the end is here, really far",
    ]  # fmt: skip
    grown = different(edit, "local", held("one two\n"), held("one and two\n"))
    [text] = made(planned(edit, texts=(grown,))).all("pre", "diff")
    assert [one.text for one in text.all("b")] == ["and "] and "-one two" in text.text


def test_texts_that_did_not_come_are_told() -> None:
    one = replace(planned(each(Action.UPLOAD)), texts=Texts(others=1, trouble="nobody answers"))

    assert "Texts could not be compared: nobody answers" in made(one).text
    assert not made(replace(one, texts=None)).all("pre")


def test_a_private_key_is_for_no_page() -> None:
    coming = Change(Action.DOWNLOAD, "notes.txt", 9, "new in the cloud")
    key = different(coming, "local", ABSENT, held("-----BEGIN PRIVATE KEY-----\nMIIsecret\n"))

    text = made(planned(coming, texts=(replace(key, is_key=True),))).text

    assert "MIIsecret" not in text and "not shown, for it looks like a private key" in text
    assert "MIIsecret" in made(planned(coming, texts=(key,))).text


def test_long_texts_are_cut_and_told() -> None:
    edits = [Change(Action.UPLOAD, f"{name}.md", 9, "edited here", replaces=True) for name in "abc"]
    long = held("".join(f"line {number}\n" for number in range(1000)))
    texts = tuple(different(one, "cloud", ABSENT, long) for one in edits)
    room = page_module._Room(characters=5000)

    rows = [page_module._row(one.change, "", (one,), room) for one in texts]

    assert rows[0].lines == page_module.LINES and rows[0].texts[0].more == 1001 - page_module.LINES
    assert 0 < rows[1].lines < page_module.LINES and rows[2].lines == 0
    assert [row.is_open for row in rows] == [False, True, False]
    page = made(planned(*edits, texts=texts))
    assert "… and 601 more lines; all of them: bisync diff a.md" in page.text
    wide = different(edits[0], "cloud", held("a"), held("x" * 5000))
    assert "x… (3000 more characters)" in made(planned(edits[0], texts=(wide,))).text


def test_a_page_of_a_hundred_thousand_changes_can_be_opened() -> None:
    changes = [
        Change(Action.UPLOAD, f"folder {number % 97}/file number {number}.md", 1, "new here")
        for number in range(100_000)
    ]
    left = tuple(LeftOut(f"{number}", "no room") for number in range(10_000))

    text = plan_page([planned(*changes, left_out=left)], DOCUMENT, GRANTED)

    assert len(text) < 1_500_000
    page = check_page(text)
    assert numbers(page)["upload"][0] == 100_000
    assert len(page.all("details", "folder")) <= page_module.FOLDERS
    assert not any("open" in one.attributes for one in page.all("details", "folder"))
    assert "… and 9,950 more" in page.text


def test_the_page_names_the_plan_it_is_about() -> None:
    page = made(planned())

    [foot] = page.all("footer")
    assert all(value in foot.text for value in DOCUMENT.values())
    assert json.dumps(DOCUMENT) not in page.text

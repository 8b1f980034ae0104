"""Whatever kind a remote is of, a day on it goes well, and what it can do was found out and not guessed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bisync.config import Compare
from bisync.core.abilities import OBJECTS, Abilities
from bisync.core.result import Outcome
from bisync.core.snapshot import CloudFile, LeftOut
from bisync.rclone.argv import look_argv
from bisync.rclone.output import read_listing
from bisync.rclone.remote import Remote
from bisync.sync import own_copies, room
from tests.support.kinds import KINDS, Kinds, kinds_of_remotes
from tests.support.kinds_game import Lost, kill, play
from tests.support.kinds_table import row
from tests.support.machine import everything
from tests.support.proxy import Status, proxied
from tests.support.world import S3, Device, rclone_path

# The others differ from these in nothing that a day shows.
DAYS = {"webdav", "sftp", "crypt-s3", "crypt-folder", "chunker-s3"}
BUCKETS = {"s3", "crypt-s3", "chunker-s3", "combine"}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "remotes.md"


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kinds]:
    with kinds_of_remotes(tmp_path_factory.mktemp("kinds"), (*KINDS, "webdav-folds")) as found:
        yield found


def synced(device: Device, **options: object) -> str:
    """One sync; how it ended, as far as it counts."""
    result = device.sync(**options)
    assert result.error is None and result.left_out == (), result
    counts = {
        "up": result.uploaded, "down": result.downloaded, "gone here": result.deleted_local,
        "gone there": result.deleted_cloud, "renamed": result.renamed, "conflicts": len(result.conflicts),
    }  # fmt: skip
    return " ".join(f"{name} {count}" for name, count in counts.items() if count) or "nothing"


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - DAYS))
def test_what_it_can_do_is_found_out_once(kind: str, kinds: Kinds, tmp_path: Path) -> None:
    device = kinds.device(tmp_path / "one", kind, "found", knows=False)
    device.write("a.md", "one")

    said = device.run("setup").out

    assert f"changes are told by {KINDS[kind]};" in re.sub(r"\s+", " ", said)
    assert KINDS[kind] in device.run("status", "--json").json["syncs"][0]["abilities"]
    assert "found out" not in device.run("doctor", expect=None).out
    assert synced(device) == "nothing"
    assert row(kind, device) in PAGE.read_text(), "the table is made by: make kinds TABLE=1"


@pytest.mark.parametrize("kind", sorted(DAYS))
def test_a_day(kind: str, kinds: Kinds, tmp_path: Path) -> None:
    one = kinds.device(tmp_path / "one", kind, "day", knows=False)
    two = kinds.device(tmp_path / "two", kind, "day")
    one.write("a.md", "one")
    one.write("d/b ä.md", "bee")
    one.write("d/c.md", "cee")
    said = one.run("setup").out
    assert f"changes are told by {KINDS[kind]};" in re.sub(r"\s+", " ", said)
    assert "changed" not in one.run("setup").out, "what was found out is known"
    two.setup()
    assert two.tree() == one.tree() == kinds.tree(kind, "day")
    assert synced(one) == synced(two) == "nothing"

    # Saved within the second, of the same size, and with the time put back.
    there = (one.notes / "a.md").stat()
    one.write("a.md", "two")
    os.utime(one.notes / "a.md", ns=(there.st_atime_ns, there.st_mtime_ns))
    assert synced(one) == "up 1"
    assert synced(one) == "nothing"
    assert synced(two) == "down 1"
    assert two.tree()["a.md"] == "two"

    one.write("new/n.md", "new")
    (two.notes / "d" / "c.md").unlink()
    (one.notes / "d" / "b ä.md").rename(one.notes / "d" / "e.md")
    one.write("a.md", "AAA")
    two.write("a.md", "BBB")
    synced(one)
    assert "conflicts 1" in synced(two)
    synced(one)
    assert synced(one) == synced(two) == "nothing"
    assert one.tree() == two.tree() == kinds.tree(kind, "day") == {
        "a.md.conflict1": "BBB", "a.md.conflict2": "AAA", "d/e.md": "bee", "new/n.md": "new",
    }  # fmt: skip
    kept = one.run("history", "--versions", "--json").out
    assert "c.md" in kept, "what was deleted is in a trash"
    assert one.run("check").code == 0
    assert row(kind, one) in PAGE.read_text()


def test_an_edit_is_seen_where_a_union_of_folders_keeps_a_file_twice(kinds: Kinds, tmp_path: Path) -> None:
    """What it writes goes to either folder by chance, and may leave there what lay in the other one."""
    folders = [tmp_path / name for name in ("first", "second")]
    union = f"\n[chance]\ntype = union\nupstreams = {folders[0]} {folders[1]}\ncreate_policy = eprand\n"
    there = replace(kinds, conf=kinds.conf + union, devices=[])
    one, two = (there.device(tmp_path / name, "chance", profile="fast") for name in ("one", "two"))
    for folder in folders:
        (folder / "n").mkdir(parents=True)
    for number in range(8):
        one.write(f"{number}.md", "old")
    one.setup()
    two.setup()
    for round_ in ("new", "NEW"):
        for number in range(8):
            file = one.notes / f"{number}.md"
            before = file.stat()
            file.write_text(round_)
            os.utime(file, ns=(before.st_mtime_ns, before.st_mtime_ns))

        assert synced(one) == "up 8"
        assert synced(two) == "down 8"
        assert {*two.tree().values()} == {round_}
        assert synced(one) == synced(two) == "nothing"


def test_what_still_shows_as_it_was_is_named_and_sent_again(
    kinds: Kinds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A remote may say that it has set a time, or taken a file, and go on listing what it had."""
    one, two = (kinds.device(tmp_path / name, "folder", "unseen") for name in ("one", "two"))
    one.write("a.md", "old")
    one.setup()
    two.setup()
    before = one.notes.joinpath("a.md").stat()
    one.write("a.md", "new")
    os.utime(one.notes / "a.md", ns=(before.st_mtime_ns, before.st_mtime_ns))
    with monkeypatch.context() as patched:
        for way in ("_set_later", "_send_anew"):
            patched.setattr(own_copies, way, lambda done, path: True)
        result = one.sync()

    assert [(left.path, left.why) for left in result.left_out] == [("a.md", own_copies.UNSEEN)]
    assert result.exit_code == 1
    assert synced(one) == "up 1"
    assert synced(two) == "down 1"
    assert two.tree() == {"a.md": "new"}


@pytest.mark.parametrize("kind", ["crypt-s3", "chunker-s3", "combine"])
def test_an_idle_run_before_a_store_asks_for_no_single_file(kind: str, kinds: Kinds, tmp_path: Path) -> None:
    """Listings alone, at a thousand files each: as many requests for forty files as for two."""
    with proxied(kinds.s3) as proxy:
        near, far = (f"endpoint = {one.endpoint}" for one in (kinds.s3, proxy.s3))
        assert near in kinds.conf
        device = replace(kinds, conf=kinds.conf.replace(near, far)).device(tmp_path / "one", kind, "idle")
        for number in range(40):
            device.write(f"{number:02}.md", f"note {number}")
        device.setup()
        assert synced(device) == "nothing"
        proxy.seen.clear()

        assert synced(device) == "nothing"

        asked = Counter(one.kind for one in proxy.seen if "/.basic-memory/lease." not in one.path)
        assert asked.keys() == {"LIST"} and asked.total() <= 3, proxy.seen


@pytest.mark.parametrize(
    ("kind", "winner"),
    [("webdav", "none"), ("sftp", "newer"), ("crypt-folder", "local")],
)
def test_every_end_of_a_conflict_is_the_same_on_both_sides(
    kind: str, winner: str, kinds: Kinds, tmp_path: Path
) -> None:
    path = f"conflict-{winner}"
    devices = [kinds.device(tmp_path / name, kind, path) for name in ("one", "two")]
    for device in devices:
        text = (device.home / "bisync.yaml").read_text().replace("profile: safe", "profile: mine")
        device.write_manifest(f"{text}profiles: {{mine: {{conflict_resolve: {winner}, max_delete: 5}}}}\n")
    one, two = devices
    one.write("a.md", "old")
    one.write("file", "a file")
    one.setup()
    two.setup()
    one.write("a.md", "one's")
    two.write("a.md", "two's, and longer")
    (two.notes / "file").unlink()
    two.write("file/inside.md", "a folder")
    one.write("file", "a file, edited")
    synced(one)

    assert "conflicts 2" in synced(two)

    synced(one)
    assert synced(one) == synced(two) == "nothing"
    assert one.tree() == two.tree() == kinds.tree(kind, path)
    assert {"one's", "two's, and longer", "a folder", "a file, edited"} <= {*one.tree().values()}


@pytest.mark.parametrize("kind", ["webdav", "crypt-s3"])
def test_where_no_times_are_kept_a_first_meeting_keeps_both(kind: str, kinds: Kinds, tmp_path: Path) -> None:
    one, two = (kinds.device(tmp_path / name, kind, "meet") for name in ("one", "two"))
    one.write("a.md", "one's")
    one.write("same.md", "same")
    one.setup()
    two.write("a.md", "two's")
    two.write("same.md", "same")
    os.utime(two.notes / "a.md", (1, 1))

    two.setup()

    kept = {"a.md.conflict1": "two's", "a.md.conflict2": "one's"} if kind == "webdav" else {"a.md": "one's"}
    assert two.tree() == {**kept, "same.md": "same"}
    assert synced(two) == "nothing"


@pytest.mark.parametrize("kind", ["webdav", "webdav-seconds", "sftp"])
def test_what_another_program_writes_is_seen_by_the_second(kind: str, kinds: Kinds, tmp_path: Path) -> None:
    """bisync takes times that are less than a second apart for one where a clock tells seconds."""
    device = kinds.device(tmp_path / "one", kind, "foreign")
    device.write("a.md", "mine")
    os.utime(device.notes / "a.md", ns=(1_600_000_000_700_000_000,) * 2)
    device.setup()
    assert synced(device) == "nothing"
    time.sleep(1.1)  # a server that tells nothing but the second cannot tell more
    other = tmp_path / "theirs.md"
    other.write_text("thei")
    os.utime(other, (1_600_000_001, 1_600_000_001))

    kinds.rclone("copyto", str(other), f"{kind}:foreign/a.md", "--ignore-times")

    assert synced(device) == "down 1"
    assert device.tree() == {"a.md": "thei"}


@pytest.mark.parametrize("kind", ["webdav", "sftp"])
def test_what_changes_there_after_the_look_is_not_written_over(
    kind: str, kinds: Kinds, tmp_path: Path
) -> None:
    device = kinds.device(tmp_path / "one", kind, "late")
    for name in ("a.md", "b.md", "c.md"):
        device.write(name, name)
    device.setup()
    device.write("a.md", "edited here")
    (device.notes / "b.md").unlink()
    device.write("c.md", "edited here, too")

    def meanwhile(sync: str, changes: object) -> None:
        kinds.put(kind, "a.md", "edited there, later", "late")
        kinds.put(kind, "b.md", "edited there, later", "late")

    result = device.sync(app=device.app(on_plan=meanwhile))

    assert result.outcome is Outcome.DONE and result.uploaded == 1 and result.deleted_cloud == 0
    assert sum("changed while the run was at work" in note for note in result.notes) == 2
    synced(device)
    assert {"edited here", "edited there, later"} <= {*device.tree().values()}
    assert kinds.tree(kind, "late") == device.tree()


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - BUCKETS))
def test_a_file_that_is_asked_for_by_its_name_is_told_as_in_a_listing(
    kind: str, kinds: Kinds, tmp_path: Path
) -> None:
    """So is what is gone, and what never was. (A folder of that name fails the whole: then listings tell.)"""
    listed = tmp_path / "names"
    there = ["a.md", "d/b ä.md", "d/e/f [1]*?.md", "-x=#.md"]
    for number, name in enumerate(there):
        kinds.put(kind, name, "text" * number, "asked")
    listed.write_text("".join(f"{name}\n" for name in (*there, "gone.md", "d/gone.md", "no/where.md")))
    remote = Remote(fs=f"{kind}:asked/", label=kind, can=Abilities())
    for compare in (Compare.MODTIME, Compare.STORED):
        one, other = (
            kinds.rclone(*look_argv(remote, listed, compare=compare, singly=singly)[1:])
            for singly in (True, False)
        )
        assert {each.path: each for each in read_listing(one)} == {
            each.path: each for each in read_listing(other)
        }
        assert {each.path for each in read_listing(one)} == {*there}
    device = kinds.device(tmp_path / "one", kind, "asked")
    device.setup()
    app = device.app()
    with app.session(app.manifest.syncs[0]) as session:
        seen = own_copies.look(session, session.compare, there)
        found = own_copies.look(session, session.compare, ["a.md", "d", "d/b ä.md"], seen)
    assert found.keys() == {"a.md", "d/b ä.md"}


@pytest.mark.pure
def test_files_are_asked_for_by_name_where_they_are_fewer_than_their_folders() -> None:
    plain, folds, bucket = (
        Remote(fs="r:", label="r", can=can) for can in (Abilities(), Abilities(folds_case=True), OBJECTS)
    )
    listed = {"d/x.md": CloudFile("d/x.md", 1, None, 1)}
    assert own_copies._singly(plain, ["a.md"], listed)
    assert own_copies._singly(plain, ["d/a.md", "d/b.md"], listed)
    assert not own_copies._singly(plain, ["d/a.md", "d/b.md", "c.md"], listed)
    assert not own_copies._singly(plain, ["a.md", "e/a.md"], listed), "a folder that no listing has shown"
    assert not own_copies._singly(folds, ["a.md"], listed)
    assert not own_copies._singly(bucket, ["a.md"], listed)


@pytest.mark.parametrize("kind", ["webdav", "sftp", "union"])
def test_a_folder_takes_no_harm_where_a_file_of_its_name_is_to_go(
    kind: str, kinds: Kinds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it holds is in no plan: it is ignored, or came a moment ago. A WebDAV server would be told to remove it."""
    device = kinds.device(tmp_path / "one", kind, "taken")
    device.write(".bmignore", "*.tmp\n")
    device.setup()
    held = {"build [1]*/d/a.tmp": "ignored", "late.md/other.md": "another device's"}

    def meanwhile(sync: str, changes: object) -> None:
        for name, text in held.items():
            kinds.put(kind, name, text, "taken")

    device.write("build [1]*", "a file here")
    device.write("late.md", "a file here")
    device.write("new.md", "a file here")
    for asked in (room.ASKED, 1):
        monkeypatch.setattr(room, "ASKED", asked)
        result = device.sync(app=device.app(on_plan=meanwhile))
        assert LeftOut("build [1]*", room.OCCUPIED_THERE) in result.left_out
        assert result.exit_code == 1
    assert held.items() <= kinds.tree(kind, "taken").items()
    assert kinds.tree(kind, "taken")["new.md"] == "a file here"
    assert device.tree()["build [1]*"] == "a file here"


def test_nor_does_it_where_bisync_is_run(kinds: Kinds, tmp_path: Path) -> None:
    """By checksum, on a remote of folders: as on a WebDAV server that tells MD5s."""
    device = kinds.device(tmp_path / "one", "folder", "sums", profile="sums")
    manifest = device.home / "bisync.yaml"
    manifest.write_text(f"{manifest.read_text()}profiles: {{sums: {{compare: checksum}}}}\n")
    device.write(".bmignore", "*.tmp\n")
    device.setup()
    kinds.put("folder", "build/a.tmp", "ignored", "sums")
    (kinds.folder / "plain" / "sums" / "empty").mkdir()
    for name in ("build", "empty", "new.md"):
        device.write(name, "a file here")

    result = device.sync()

    assert result.left_out == (LeftOut("build", room.OCCUPIED_THERE),) and result.exit_code == 1
    assert result.error is None and result.uploaded == 2
    there = kinds.tree("folder", "sums")
    assert there["build/a.tmp"] == "ignored" and there["empty"] == there["new.md"] == "a file here"
    assert device.tree()["build"] == "a file here"


@pytest.mark.parametrize("kind", ["webdav", "sftp", "union", "crypt-folder"])
def test_a_folder_that_has_become_a_file_here_does_so_there(kind: str, kinds: Kinds, tmp_path: Path) -> None:
    """Servers keep folders when what they held is gone."""
    one, two = (kinds.device(tmp_path / name, kind, "became") for name in ("one", "two"))
    for name in ("a.md/b.md", "c.md/d/e.md", "f.md"):
        one.write(name, "one")
    one.setup()
    two.setup()
    shutil.rmtree(one.notes / "c.md")
    assert synced(one) == "gone there 1"

    shutil.rmtree(one.notes / "a.md")
    one.write("a.md", "a file")
    one.write("c.md", "a file")
    assert synced(one) == "up 2 gone there 1"
    assert synced(one) == "nothing"
    assert synced(two) == "down 2 gone here 2"
    assert one.tree() == two.tree() == {"a.md": "a file", "c.md": "a file", "f.md": "one"}


@pytest.mark.parametrize("kind", ["folder", "crypt-names"])
def test_a_link_in_a_remote_that_no_listing_shows_hides_no_edit(
    kind: str, kinds: Kinds, tmp_path: Path
) -> None:
    """By its name what a link stands for is found all the same."""
    there = kinds.folder / {"folder": "plain", "crypt-names": "names"}[kind] / "links"
    (elsewhere := tmp_path / "elsewhere").mkdir()
    device = kinds.device(tmp_path / "one", kind, "links")
    device.write("a.md", "one")
    device.write("d/b.md", "one")
    device.setup()
    stored = next(there.glob("a.md*"))
    stored.unlink()
    stored.symlink_to(elsewhere / "a.md")
    shutil.rmtree(there / "d")
    (there / "d").symlink_to(elsewhere)

    device.write("a.md", "edited")
    device.write("d/b.md", "edited")
    for _ in range(2):
        result = device.sync()
        assert [one.path for one in result.left_out] == ["d/b.md"], "it is in no listing"
        assert result.exit_code == 1 and result.deleted_local == 0
    assert device.tree() == {"a.md": "edited", "d/b.md": "edited"}
    assert not stored.is_symlink() and not (elsewhere / "a.md").exists()


def test_what_is_listed_and_cannot_be_fetched_is_named(kinds: Kinds, tmp_path: Path) -> None:
    """As a link of an SFTP server is that leads nowhere. One that is gone by then waits for the next run."""
    near = re.search(r"\[webdav-seconds\]\n[^[]*?url = (http://[^/]+)", kinds.conf)
    assert near is not None
    with proxied(S3(near[1], None, "webdav", None)) as proxy:
        device = replace(kinds, conf=kinds.conf.replace(near[1], proxy.s3.endpoint)).device(
            tmp_path / "one", "webdav-seconds", "ungiven"
        )
        device.write("a.md", "one")
        device.setup()
        kinds.put("webdav-seconds", "a.md", "edited there", "ungiven")
        kinds.put("webdav-seconds", "d/b.md", "new", "ungiven")
        for name in ("a.md", "b.md"):
            proxy.on("PROPFIND", Status(404, "NotFound"), path=name)
        for _ in range(2):
            result = device.sync()
            assert {*result.left_out} == {LeftOut(path, own_copies.UNGIVEN) for path in ("a.md", "d/b.md")}
            assert result.exit_code == 1 and not result.notes
        assert device.tree() == {"a.md": "one"}
        proxy.clear()
        assert synced(device) == "down 2"

        def meanwhile(sync: str, changes: object) -> None:
            kinds.rclone("deletefile", "webdav-seconds:ungiven/a.md")

        kinds.put("webdav-seconds", "a.md", "edited again", "ungiven")
        assert synced(device, app=device.app(on_plan=meanwhile)) == "nothing"
        assert synced(device) == "gone here 1"


@pytest.mark.parametrize("kind", ["crypt-folder", "crypt-names"])
def test_a_wrong_password_makes_no_second_tree(kind: str, kinds: Kinds, tmp_path: Path) -> None:
    one, two = (kinds.device(tmp_path / name, kind, "pass") for name in ("one", "two"))
    one.write("a.md", "one")
    one.setup()
    before = everything(kinds.folder / "secret", kinds.folder / "names")
    two.write("b.md", "two")
    kinds.with_other_password(two)
    kinds.with_other_password(one)
    one.write("a.md", "edited")
    refused = f"the password of [{kind}] in rclone.conf does not open what lies in {kind}:pass"

    for device, typed in (
        (two, "setup"),
        (two, "sync --resync"),
        (one, "plan"),
        (one, "sync"),
        (one, "check"),
        (one, "setup"),
    ):
        ran = device.run(*typed.split(), expect=1)

        said = re.sub(r"\s+", " ", ran.out + ran.err)
        assert refused in said, typed
        assert "rclone config --config" in said and "--resync" not in said
    assert everything(kinds.folder / "secret", kinds.folder / "names") == before
    assert (one.tree(), two.tree()) == ({"a.md": "edited"}, {"b.md": "two"})


def test_plain_files_beside_those_that_are_enciphered_are_no_wrong_password(
    kinds: Kinds, tmp_path: Path
) -> None:
    device = kinds.device(tmp_path / "one", "crypt-folder", "beside")
    device.write("a.md", "one")
    device.setup()
    stray = kinds.folder / "secret" / ".DS_Store"
    stray.write_text("x")

    other = kinds.device(tmp_path / "two", "crypt-folder", "beside")
    other.setup()

    assert other.tree() == {"a.md": "one"}
    stray.unlink()


@pytest.mark.parametrize(
    ("kind", "compare", "why"),
    [
        ("crypt-folder", "checksum", "it has no MD5 of what lies there"),
        ("webdav", "modtime", "it keeps no modification times"),
    ],
)
def test_what_a_remote_cannot_tell_is_refused(
    kind: str, compare: str, why: str, kinds: Kinds, tmp_path: Path
) -> None:
    device = kinds.device(tmp_path / "one", kind, "cannot")
    text = (device.home / "bisync.yaml").read_text().replace("profile: safe", "profile: mine")
    device.write_manifest(f"{text}profiles: {{mine: {{extends: safe, compare: {compare}}}}}\n")

    ran = device.run("setup", expect=1)

    said = re.sub(r"\s+", " ", ran.out + ran.err)
    assert why in said and "compare: auto" in said


def test_a_baseline_that_tells_nothing_there_is_made_anew_on_a_word(kinds: Kinds, tmp_path: Path) -> None:
    """As of a version that went by times where none are kept."""
    device = kinds.device(tmp_path / "one", "webdav", "anew")
    device.write("a.md", "one")
    device.setup()
    saved = device.state / "baseline.json"
    saved.write_text(saved.read_text().replace('"compare":"stored"', '"compare":"modtime"'))

    result = device.sync()

    assert (
        result.exit_code == 5 and result.error is not None and "keeps no modification times" in result.error
    )
    assert result.hint is not None and "--resync" in result.hint
    assert synced(device, resync=True) == "nothing"
    assert synced(device) == "nothing"


def test_names_that_the_cloud_takes_for_one_never_meet(kinds: Kinds, tmp_path: Path) -> None:
    one, two = (kinds.device(tmp_path / name, "webdav-folds", "case") for name in ("one", "two"))
    one.write("d/A.md", "capital")
    one.setup()
    two.setup()
    one.write("d/a.md", "small one")
    one.write("D/b.md", "another folder")
    said = one.run("sync", expect=1)
    assert "d/a.md" in said.out + said.err
    assert "D/b.md" in said.out + said.err
    assert "only in case" in said.out + said.err
    assert kinds.tree("webdav-folds", "case") == {"d/A.md": "capital"}
    assert one.tree() == {"d/A.md": "capital", "d/a.md": "small one", "D/b.md": "another folder"}
    assert synced(two) == "nothing"

    (one.notes / "D" / "b.md").unlink()
    (one.notes / "d" / "A.md").unlink()
    # The old name goes first: the new one is free then.
    one.run("sync", expect=None)
    assert synced(one) in ("up 1", "nothing")
    two.sync()
    assert two.tree() == one.tree() == kinds.tree("webdav-folds", "case") == {"d/a.md": "small one"}
    assert synced(one) == synced(two) == "nothing"


@pytest.mark.parametrize("kind", ["sftp", "webdav"])
def test_a_script_does_what_a_run_would(kind: str, kinds: Kinds, tmp_path: Path) -> None:
    device = kinds.device(tmp_path / "one", kind, "script")
    for name in ("a.md", "b.md"):
        device.write(name, name)
    device.setup()
    device.write("a.md", "A.MD")
    (device.notes / "b.md").unlink()
    device.write("d/new.md", "new")
    device.run("plan", "--script", "x.sh")

    done = subprocess.run(
        ["/bin/sh", "x.sh"], cwd=device.home, capture_output=True, text=True, check=False, timeout=60,
        env={**device.environment, "PATH": f"{rclone_path().parent}:{os.environ['PATH']}"},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert kinds.tree(kind, "script") == device.tree() == {"a.md": "A.MD", "d/new.md": "new"}
    assert synced(device) == "nothing"
    assert synced(device) == "nothing"


@pytest.mark.parametrize(("kind", "seed"), [("webdav", 1)])
def test_a_short_game_loses_nothing(kind: str, seed: int, kinds: Kinds, tmp_path: Path) -> None:
    game = play(kinds, kind, tmp_path, seed, steps=8)

    assert game.at_stake


def test_a_kill_in_the_middle_of_uploads_loses_nothing(kinds: Kinds, tmp_path: Path) -> None:
    kill(kinds, "sftp", tmp_path, 1, 1, files=60)


def test_a_version_that_is_nowhere_is_noticed(kinds: Kinds, tmp_path: Path) -> None:
    game = play(kinds, "crypt-folder", tmp_path, 3, steps=3)
    game.at_stake.add("v999999")

    with pytest.raises(Lost, match="v999999"):
        game.settle()


@pytest.mark.parametrize("kind", ["webdav", "sftp"])
def test_a_script_stops_before_a_folder_that_lies_in_the_way(kind: str, kinds: Kinds, tmp_path: Path) -> None:
    device = kinds.device(tmp_path / "one", kind, "script-way")
    device.write(".bmignore", "*.tmp\n")
    device.setup()
    kinds.put(kind, "build/a.tmp", "ignored", "script-way")
    device.write("build", "a file here")
    device.run("plan", "--script", "x.sh")

    done = subprocess.run(
        ["sh", str(device.home / "x.sh")], env={**device.environment, "RCLONE": str(rclone_path())},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 1 and "build/a.tmp" in done.stderr
    assert kinds.tree(kind, "script-way")["build/a.tmp"] == "ignored"

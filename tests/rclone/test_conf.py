"""Our section of rclone.conf: what rclone reads back is what we meant, and nobody else's byte changes."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bisync.errors import RcloneError
from bisync.rclone import conf
from bisync.rclone.conf import (
    read,
    read_sections,
    s3_values,
    section_name,
    section_text,
    splice,
    write_section,
)
from bisync.secret import Secret

RCLONE = str(Path(sys.executable).with_name("rclone"))
if not Path(RCLONE).exists():
    RCLONE = shutil.which("rclone") or "rclone"

OURS = section_name("acme-7f3a")
VALUES = s3_values(
    provider="Other",
    keys=(Secret("AKIA"), Secret("HUNTER2")),
    region="auto",
    endpoint="https://fly.storage.tigris.dev",
)
BODY = section_text(OURS, VALUES)
RENDERED = """\
[basic-memory-acme-7f3a]
type = s3
provider = Other
env_auth = false
access_key_id = AKIA
secret_access_key = HUNTER2
region = auto
endpoint = https://fly.storage.tigris.dev
no_check_bucket = true
"""

STRANGERS = {
    "empty": "",
    "only a comment": "# mine\n",
    "another remote": "[nas]\ntype = sftp\nhost = nas\n",
    "no final newline": "[nas]\ntype = sftp",
    "a blank line at the end": "[nas]\ntype = sftp\n\n",
    "comments, order and case": "; a\n\n[Nas]\nHost=nas\n  # why\ntype   =   sftp\n\n\n[nas]\ntype = local\n",
    "percent signs": "[nas]\ntype = sftp\npass = a%b%%c%(type)s\n",
    "CRLF": "# mine\r\n[nas]\r\ntype = sftp\r\n",
    "mixed line ends": "[nas]\r\ntype = sftp\n",
    "a byte order mark": "\ufeff[nas]\ntype = sftp\n",
    "not UTF-8": b"[n\xe4s]\ntype = sftp\n# \xff\xfe\n".decode("utf-8", "surrogateescape"),
    "a section twice": "[nas]\ntype = sftp\n[b]\ntype = local\n[nas]\nhost = x\n",
    "odd line breaks": "[nas]\ntype = sftp\n# a\x0bb\x0cc\x85d\u2028e\n",
    "a longer name": f"[{OURS}2]\ntype = local\n[x{OURS}]\ntype = local\n",
}


def dump(path: Path) -> dict[str, dict[str, str]]:
    """What rclone itself makes of the file."""
    done = subprocess.run(
        [RCLONE, "config", "dump", "--config", str(path)],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def put(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


def test_the_section_as_it_is_written() -> None:
    assert BODY == RENDERED


def test_the_aws_chain_and_the_gaps() -> None:
    assert s3_values(provider="AWS", keys=None, region=None, endpoint=None) == {
        "type": "s3",
        "provider": "AWS",
        "env_auth": "true",
        "no_check_bucket": "true",
    }


def test_a_profile_of_it_is_written_and_goes_again() -> None:
    values = s3_values(provider="AWS", keys=None, region=None, endpoint=None, profile="the work's")
    written = section_text(OURS, values)
    assert "env_auth = true\nprofile = the work's\nno_check_bucket = true\n" in written
    assert "profile" not in splice(written, OURS, BODY)


class TestSplice:
    @pytest.mark.parametrize("before", STRANGERS.values(), ids=STRANGERS)
    def test_a_new_section_leaves_every_byte_before_it(self, before: str, tmp_path: Path) -> None:
        path = tmp_path / "rclone.conf"
        put(path, before)
        known = dump(path)

        after = splice(before, OURS, BODY)

        assert after.startswith(before)
        assert splice(after, OURS, BODY) == after
        put(path, after)
        assert dump(path) == known | {OURS: {key: reveal(value) for key, value in VALUES.items()}}

    @pytest.mark.parametrize("rest", STRANGERS.values(), ids=STRANGERS)
    def test_an_old_section_is_brought_up_to_date_in_place(self, rest: str, tmp_path: Path) -> None:
        newline = "\r\n" if "\r\n" in rest and "sftp\n" not in rest else "\n"
        top = "[first]\ntype = local\n\n# ours\n".replace("\n", newline)
        old = BODY.replace("HUNTER2", "old").replace("\n", newline)
        rest = rest.removeprefix("\ufeff")
        path = tmp_path / "rclone.conf"

        after = splice(top + old + newline + rest, OURS, BODY)

        assert after == top + BODY.replace("\n", newline) + newline + rest
        assert splice(after, OURS, BODY) == after
        put(path, after)
        assert dump(path)[OURS]["secret_access_key"] == "HUNTER2"

    def test_what_the_user_added_to_ours_stays(self) -> None:
        before = f"""\
[{OURS}]
# set by hand
upload_cutoff = 100M
type=s3
session_token = stale
secret_access_key = old
access_key_id = AKIA
secret_access_key = older

# the next one
[nas]
type = sftp
"""
        assert (
            splice(before, OURS, BODY)
            == f"""\
[{OURS}]
# set by hand
upload_cutoff = 100M
type=s3
secret_access_key = HUNTER2
access_key_id = AKIA
provider = Other
env_auth = false
region = auto
endpoint = https://fly.storage.tigris.dev
no_check_bucket = true

# the next one
[nas]
type = sftp
"""
        )

    def test_keys_that_no_longer_hold_go(self) -> None:
        chain = section_text(OURS, s3_values(provider="AWS", keys=None, region=None, endpoint=None))
        assert splice(BODY, OURS, chain) == chain

    @pytest.mark.parametrize(
        "text", [f"[{OURS}]", f"[ {OURS} ]\n", f"  [{OURS}]\ntype: s3", f"\ufeff[{OURS}]\n"]
    )
    def test_headers_as_rclone_reads_them(self, text: str, tmp_path: Path) -> None:
        after = splice(text, OURS, BODY)
        put(tmp_path / "rclone.conf", after)

        assert after.startswith(text.rstrip("\n"))
        assert dump(tmp_path / "rclone.conf") == {OURS: {key: reveal(value) for key, value in VALUES.items()}}
        assert splice(after, OURS, BODY) == after

    def test_ours_twice_reads_as_one(self, tmp_path: Path) -> None:
        before = (
            f"[{OURS}]\ntype = s3\n[nas]\ntype = sftp\n[{OURS}]\nsecret_access_key = old\nacl = private\n"
        )
        after = splice(before, OURS, BODY)
        put(tmp_path / "rclone.conf", after)

        found = dump(tmp_path / "rclone.conf")[OURS]
        assert found == {key: reveal(value) for key, value in VALUES.items()} | {"acl": "private"}
        assert splice(after, OURS, BODY) == after

    LINES = st.sampled_from(
        [
            *(
                "",
                "# c",
                "; c",
                "[a]",
                f"[{OURS}]",
                f" [ {OURS} ] ",
                "[b]",
                "type = s3",
                "type: `local`",
                "x=%(y)s",
            ),
            *("acl = `p`", '"region" = here', "endpoint =", "secret_access_key = `a", "k = \udcff", "junk"),
        ]
    )

    @given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n"]), st.booleans())
    def test_strangers_lines_come_back_in_order_whatever_the_file(
        self, lines: list[str], newline: str, final: bool
    ) -> None:
        text = newline.join(lines) + (newline if final and lines else "")
        after = splice(text, OURS, BODY)

        assert splice(after, OURS, BODY) == after
        assert read_sections(after)[OURS].items() >= read_sections(BODY)[OURS].items()
        strangers = {name: keys for name, keys in read_sections(text).items() if name != OURS}
        assert {name: keys for name, keys in read_sections(after).items() if name != OURS} == strangers
        rest = iter(after.split("\n"))
        assert (
            all(
                line in rest
                for line in map(str.rstrip, lines)
                if line.startswith(("#", ";", "[a]", "[b]", "junk"))
            )
            or newline == "\r\n"
        )


def reveal(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


class TestValues:
    @pytest.mark.parametrize(
        "value",
        [
            *("a;b", "#a", "; a", "a #b", "a%b", "%%", "%(x", "a=b==", "a:b", "[a]", "+/=", "ünï"),
            *(
                " lead",
                "trail ",
                "\ttab\t",
                "\u00a0nbsp\u00a0",
                '"quoted"',
                '"',
                "`",
                "`ticks`",
                "a`b",
                '`a"b`',
            ),
            *('"""three"""', "back\\slash\\", "'single'", "${HOME}", "a\x0bb", "a\x85b", "a\u2028b", ""),
        ],
    )
    def test_rclone_reads_it_back(self, value: str, tmp_path: Path) -> None:
        path = tmp_path / "rclone.conf"
        write_section(path, OURS, {"type": "s3", "secret_access_key": Secret(value), "region": "after"})

        assert dump(path)[OURS] == {"type": "s3", "secret_access_key": value, "region": "after"}
        assert read_sections(read(path))[OURS]["secret_access_key"] == value
        shown = subprocess.run(
            [RCLONE, "config", "show", OURS, "--config", str(path)], capture_output=True, check=True
        )
        assert value.encode() in shown.stdout

    @settings(max_examples=25, deadline=None)
    @given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=20))
    def test_rclone_reads_anything_back(self, tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
        path = tmp_path_factory.mktemp("conf") / "rclone.conf"
        try:
            write_section(path, OURS, {"type": "s3", "secret_access_key": value})
        except RcloneError:
            assert "%(" in value
        else:
            assert dump(path)[OURS]["secret_access_key"] == value

    @pytest.mark.parametrize("value", ["HUNTER2\n[evil]", "HUNTER2\r", "HUNTER2\0", "HUNTER2%(type)s"])
    def test_what_it_cannot_hold_is_refused_by_name(self, value: str, tmp_path: Path) -> None:
        path = tmp_path / "rclone.conf"
        with pytest.raises(RcloneError, match=r"\] secret_access_key: a value with") as caught:
            write_section(path, OURS, {"type": "s3", "secret_access_key": Secret(value)})
        assert "HUNTER2" not in str(caught.value)
        assert not path.exists()

    @pytest.mark.parametrize("name", ["a]b", "a\nb", "", "-a", "a b"])
    def test_a_name_that_is_none(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(RcloneError, match="cannot be the name"):
            write_section(tmp_path / "rclone.conf", name, VALUES)


class TestFile:
    def test_a_new_file_and_its_folders_are_private(self, tmp_path: Path) -> None:
        path = tmp_path / "config" / "rclone" / "rclone.conf"
        old = os.umask(0)
        try:
            assert write_section(path, OURS, VALUES)
        finally:
            os.umask(old)

        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [stat.S_IMODE(one.stat().st_mode) for one in path.parents[:2]] == [0o700, 0o700]
        assert path.read_text() == RENDERED

    def test_a_second_time_changes_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "rclone.conf"
        assert write_section(path, OURS, VALUES)
        before = path.stat()
        assert not write_section(path, OURS, VALUES)
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    def test_a_wide_mode_is_narrowed_and_counts_as_a_change(self, tmp_path: Path) -> None:
        path = tmp_path / "rclone.conf"
        path.write_text(RENDERED)
        path.chmod(0o644)
        assert write_section(path, OURS, VALUES)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text() == RENDERED

    def test_a_link_is_followed(self, tmp_path: Path) -> None:
        (tmp_path / "dotfiles").mkdir()
        target = tmp_path / "dotfiles" / "rclone.conf"
        target.write_text("[nas]\ntype = sftp\n")
        link = tmp_path / "rclone.conf"
        link.symlink_to("dotfiles/rclone.conf")

        assert write_section(link, OURS, VALUES)

        assert link.is_symlink()
        assert target.read_text() == f"[nas]\ntype = sftp\n\n{RENDERED}"

    def test_a_link_to_what_is_not_there_yet(self, tmp_path: Path) -> None:
        link = tmp_path / "rclone.conf"
        link.symlink_to("dotfiles/rclone.conf")
        assert write_section(link, OURS, VALUES)
        assert link.is_symlink() and link.read_text() == RENDERED

    def test_no_copy_stays_behind(self, tmp_path: Path) -> None:
        path = tmp_path / "rclone.conf"
        for key in ("one", "two"):
            write_section(path, OURS, {"type": "s3", "secret_access_key": Secret(key)})
        assert [one.name for one in tmp_path.iterdir()] == ["rclone.conf"]

    def test_an_encrypted_file_is_refused_with_the_way_out(self, tmp_path: Path) -> None:
        path = tmp_path / "rclone.conf"
        path.write_text("[nas]\ntype = local\n")
        subprocess.run(
            [RCLONE, "config", "encryption", "set", "--config", str(path)],
            env={key: value for key, value in os.environ.items() if not key.startswith("RCLONE")},
            input="password\npassword\n",
            capture_output=True,
            text=True,
            check=True,
        )
        before = path.read_bytes()

        with pytest.raises(RcloneError, match="is encrypted") as caught:
            write_section(path, OURS, VALUES)

        assert "rclone.config" in (caught.value.hint or "")
        assert path.read_bytes() == before

    def test_what_cannot_be_written_is_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "rclone.conf").mkdir()
        with pytest.raises(RcloneError, match="Is a directory"):
            write_section(tmp_path / "rclone.conf", OURS, VALUES)
        (tmp_path / "file").write_text("")
        with pytest.raises(RcloneError, match="Not a directory"):
            write_section(tmp_path / "file" / "rclone.conf", OURS, VALUES)


def test_the_sections_as_rclone_reads_them(tmp_path: Path) -> None:
    text = (
        '\ufefftype = lost\n[nas]\ntype = `sftp`\nhost: a=b\n`port` = 22\nuser = "me"\n# pass = x\n'
        '[ spaced ]\n type = """local"""\n[nas]\nhost = c ; d\n[empty]\n'
    )
    put(tmp_path / "rclone.conf", text)
    found = dump(tmp_path / "rclone.conf")
    found.pop("DEFAULT")  # goconfig's name for what stands before the first section
    assert read_sections(text) == found


_WRITER = """
import sys
from pathlib import Path
from bisync.rclone import conf
for number in range(8):
    conf.write_section(Path(sys.argv[1]), f"basic-memory-{sys.argv[2]}-{number}", {"type": "s3"})
"""


def test_programs_that_write_at_once_lose_no_section(tmp_path: Path) -> None:
    path = tmp_path / "rclone.conf"
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(path), name]) for name in "abcd"]

    assert [one.wait(60) for one in writers] == [0, 0, 0, 0]

    expected = {f"basic-memory-{name}-{number}" for name in "abcd" for number in range(8)}
    assert set(read_sections(path.read_text())) == expected
    assert [each.name for each in tmp_path.iterdir()] == ["rclone.conf"]


@pytest.mark.parametrize(
    "text",
    [
        "# ~/.bashrc\nexport PATH=$PATH:~/bin\nalias ll='ls -l'\n",
        "Host *\n  IdentityFile ~/.ssh/id_ed25519\n",
        "[Desktop Entry]\nType=Application\nExec=true\n",
        "[user]\n\tname = me\n[alias]\n\tst = status\n",
        "[default]\naws_access_key_id = x\n",
        "[nas]\ntype = webdav\nif true; then\n",
        "ssh-ed25519 AAAA me=here\n",
    ],
)
@pytest.mark.parametrize("write", ["write", "dry run", "remove"])
def test_another_programs_file_is_never_written_into(tmp_path: Path, text: str, write: str) -> None:
    path = tmp_path / "file"
    path.write_text(text + ("\n[basic-memory-x]\nk = v\n" if write == "remove" else ""))
    before = (path.read_bytes(), path.stat().st_mode)

    with pytest.raises(RcloneError, match="nothing was written into it") as caught:
        if write == "remove":
            conf.remove_section(path, "basic-memory-x")
        else:
            conf.write_section(path, "basic-memory-x", {"type": "s3"}, dry_run=write == "dry run")

    assert "rclone.config" in str(caught.value.hint)
    assert (path.read_bytes(), path.stat().st_mode) == before

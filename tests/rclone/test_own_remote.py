# ruff: noqa: E501 - lines of a log are as long as they are
"""What is said when a remote of the user's own rclone.conf does not let us in: one line, its section, a cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisync.core.abilities import Abilities
from bisync.errors import KeysRefused, RcloneError
from bisync.rclone.diagnosis import failure
from bisync.rclone.log import parse
from bisync.rclone.output import Finished
from bisync.rclone.own_remote import asked, bare, section_of
from bisync.rclone.remote import Remote

pytestmark = pytest.mark.pure

CONF = Path("/home/me/my conf/rclone.conf")
TYPE = "rclone config --config '/home/me/my conf/rclone.conf'"
OBSCURED = "zAOx-UFynilYUCBQfDkgeL82pFqxoqUBaKyMBI21Ww"


def said(log: str, fs: str | None, argv: tuple[str, ...] = ("rclone", "lsf"), code: int = 1) -> RcloneError:
    """The error for what rclone wrote to stderr, of a remote or (None) of one that the command names."""
    seen = tuple(event for line in log.splitlines() if (event := parse(line)) is not None)
    remote = Remote(fs=fs, can=Abilities(), label=fs.rstrip("/")) if fs is not None else None
    return failure(argv, Finished(code, "", seen, CONF), remote)


# What rclone 1.75 wrote, asked for a listing (`lsf`) of each; ports and names as they were.
RECORDED = {
    "dav401:x/": (
        """2026/11/29 10:43:54 ERROR : error listing: couldn't list files: 401 Unauthorized: 401 Unauthorized
2026/11/29 10:43:54 NOTICE: Failed to lsf with 2 errors: last error was: error in ListJSON: couldn't list files: 401 Unauthorized: 401 Unauthorized""",
        "[dav401] in rclone.conf: its server refuses the user, the password or the keys",
        f"set it right with: {TYPE}",
    ),
    "sftp401:x/": (
        """2026/11/29 10:43:55 NOTICE: sftp401: No host key validation is being performed. Set known_hosts_file (to "none" to silence this notice) or use --sftp-pin-host-key to enable it. See: https://rclone.org/sftp/#host-key-validation
2026/11/29 10:43:55 CRITICAL: Failed to create file system for "sftp401:x/": NewFs: couldn't connect SSH: ssh: handshake failed: ssh: unable to authenticate, attempted methods [none password], no supported methods remain""",
        "[sftp401] in rclone.conf: its server refuses the user, the password or the keys",
        f"set it right with: {TYPE}",
    ),
    "ftp401:x/": (
        """2026/11/29 10:47:47 CRITICAL: Failed to create file system for "ftp401:x/": NewFs: failed to make FTP connection to "127.0.0.1:56587": 530 "Incorrect password, not logged in\"""",
        "[ftp401] in rclone.conf: its server refuses the user, the password or the keys",
        f"set it right with: {TYPE}",
    ),
    "sftpkey:x/": (
        """2026/11/29 10:43:56 CRITICAL: Failed to create file system for "sftpkey:x/": NewFs: couldn't connect SSH: ssh: handshake failed: knownhosts: key mismatch""",
        "[sftpkey] in rclone.conf: its server shows another host key than the one that is known of it",
        "make sure that it is your server; then put its new key into its known_hosts_file, or into host_keys with: "
        + TYPE,
    ),
    "pinned:x/": (
        """2026/11/29 10:49:11 CRITICAL: Failed to create file system for "pinned:x/": NewFs: couldn't connect SSH: ssh: handshake failed: sftp: host key mismatch for 127.0.0.1:47183: server offered ssh-ed25519 key with fingerprint SHA256:ln3zyWTCBw+1zsAMmn7ZTICihGyF57yrE1xpDk2rhW8; pinned fingerprints for this algorithm: SHA256:y6G5fGAHXnyw4j/yAwEd8SNrY8mc8GTVEfvrNuL5DBY -- if the server key has changed legitimately, clear host_keys and re-run with --sftp-pin-host-key""",
        "[pinned] in rclone.conf: its server shows another host key than the one that is known of it",
        "make sure that it is your server; then put its new key into its known_hosts_file, or into host_keys with: "
        + TYPE,
    ),
    "sftpunk:x/": (
        """2026/11/29 10:49:06 CRITICAL: Failed to create file system for "sftpunk:x/": NewFs: couldn't connect SSH: ssh: handshake failed: knownhosts: key is unknown""",
        "[sftpunk] in rclone.conf: the host key of its server is not in its known_hosts_file",
        f"put it there (ssh-keyscan shows it), or name another file with: {TYPE}",
    ),
    "cryptplain:x/": (
        """2026/11/29 10:44:05 CRITICAL: Failed to create file system for "cryptplain:x/": failed to decrypt password: base64 decode failed when revealing password - is it obscured?: illegal base64 data at input byte 5""",
        "[cryptplain] in rclone.conf: its password is not written there as rclone writes it (obscured)",
        f"set the password anew with: {TYPE}",
    ),
    "davplain:x/": (
        """2026/11/29 10:44:06 CRITICAL: Failed to create file system for "davplain:x/": couldn't decrypt password: input too short when revealing password - is it obscured?""",
        "[davplain] in rclone.conf: its password is not written there as rclone writes it (obscured)",
        f"set the password anew with: {TYPE}",
    ),
    "cryptnone:x/": (
        """2026/11/29 10:44:06 CRITICAL: Failed to create file system for "cryptnone:x/": password not set in config file""",
        "[cryptnone] in rclone.conf: it has no password there",
        f"set one with: {TYPE}",
    ),
    "unknown:x/": (
        """2026/11/29 10:44:07 CRITICAL: Failed to create file system for "unknown:x/": didn't find backend called "nosuchthing\"""",
        "[unknown] in rclone.conf: its type is none that this rclone knows",
        f"set it right with: {TYPE}",
    ),
    "cryptmissing:x/": (
        """2026/11/29 10:44:07 CRITICAL: Failed to create file system for "cryptmissing:x/": failed to make remote "nowhere:x" to wrap: didn't find section in config file ("nowhere")""",
        "[nowhere] in rclone.conf: it is not there, or has no type",
        f"set it right with: {TYPE}",
    ),
    "cryptdav401:x/": (
        """2026/11/29 10:44:08 CRITICAL: Failed to create file system for "cryptdav401:x/": failed to make remote "dav401:x" to wrap: read metadata failed: 401 Unauthorized: 401 Unauthorized""",
        "[dav401] in rclone.conf: its server refuses the user, the password or the keys",
        f"set it right with: {TYPE}",
    ),
    "comb:x/": (
        """2026/11/29 11:13:19 CRITICAL: Failed to create file system for "comb:x/": failed to create upstream "dav401:x": read metadata failed: 401 Unauthorized: 401 Unauthorized""",
        "[dav401] in rclone.conf: its server refuses the user, the password or the keys",
        f"set it right with: {TYPE}",
    ),
    "has:x/": (
        """2026/11/29 11:13:20 CRITICAL: Failed to create file system for "has:x/": failed to derive base remote "sftp401:x": NewFs: couldn't connect SSH: ssh: handshake failed: ssh: unable to authenticate, attempted methods [none password], no supported methods remain""",
        "[sftp401] in rclone.conf: its server refuses the user, the password or the keys",
        f"set it right with: {TYPE}",
    ),
    "comp:x/": (
        """2026/11/29 11:13:20 CRITICAL: Failed to create file system for "comp:x/": failed to make remote sftp401:"x/x" to wrap: NewFs: couldn't connect SSH: ssh: handshake failed: ssh: unable to authenticate, attempted methods [none password], no supported methods remain""",
        "[sftp401] in rclone.conf: its server refuses the user, the password or the keys",
        f"set it right with: {TYPE}",
    ),
    "drv:x/": (
        """2026/11/29 10:49:06 NOTICE: drv: This remote uses rclone's shared Google Drive client_id, which is being retired and will stop working during 2026. Create your own client_id to avoid interruption: https://rclone.org/drive/#making-your-own-client-id
2026/11/29 10:49:06 CRITICAL: Failed to create file system for "drv:x/": drive: failed when making oauth client: failed to create oauth client: empty token found - please run "rclone config reconnect drv:\"""",
        "[drv] in rclone.conf: its login is missing, or has expired",
        "log in again: rclone config reconnect drv: --config '/home/me/my conf/rclone.conf'",
    ),
    "davdead:x/": (
        """2026/11/29 10:43:55 ERROR : error listing: couldn't list files: Propfind "http://127.0.0.1:52405/x/": dial tcp 127.0.0.1:52405: connect: connection refused
2026/11/29 10:43:55 NOTICE: Failed to lsf with 2 errors: last error was: error in ListJSON: couldn't list files: Propfind "http://127.0.0.1:52405/x/": dial tcp 127.0.0.1:52405: connect: connection refused""",
        "[davdead] in rclone.conf: nobody answers at 127.0.0.1:52405, connection refused",
        "see that it is up, and your network; then run again",
    ),
    "sftpdead:x/": (
        """2026/11/29 10:43:56 NOTICE: sftpdead: No host key validation is being performed. Set known_hosts_file (to "none" to silence this notice) or use --sftp-pin-host-key to enable it. See: https://rclone.org/sftp/#host-key-validation
2026/11/29 10:43:56 CRITICAL: Failed to create file system for "sftpdead:x/": NewFs: couldn't connect SSH: dial tcp 127.0.0.1:52405: connect: connection refused""",
        "[sftpdead] in rclone.conf: nobody answers at 127.0.0.1:52405, connection refused",
        "see that it is up, and your network; then run again",
    ),
    "s3dead:b/x/": (
        """2026/11/29 10:44:05 ERROR : error listing: operation error S3: ListObjects, exceeded maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , HostID: , request send failed, Get "http://127.0.0.1:52405/b?delimiter=%2F&max-keys=1000&prefix=x%2F": dial tcp 127.0.0.1:52405: connect: connection refused
2026/11/29 10:44:05 NOTICE: Failed to lsf with 2 errors: last error was: error in ListJSON: operation error S3: ListObjects, exceeded maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , HostID: , request send failed, Get "http://127.0.0.1:52405/b?delimiter=%2F&max-keys=1000&prefix=x%2F": dial tcp 127.0.0.1:52405: connect: connection refused""",
        "[s3dead] in rclone.conf: nobody answers at 127.0.0.1:52405, connection refused",
        "see that it is up, and your network; then run again",
    ),
    "cryptdavdead:x/": (
        """2026/11/29 10:44:09 CRITICAL: Failed to create file system for "cryptdavdead:x/": failed to make remote "davdead:x" to wrap: read metadata failed: Propfind "http://127.0.0.1:52405/x/i7hld9bve2q7ks086hnr3bf9mk": dial tcp 127.0.0.1:52405: connect: connection refused""",
        "[davdead] in rclone.conf: nobody answers at 127.0.0.1:52405, connection refused",
        "see that it is up, and your network; then run again",
    ),
    "davhost:x/": (
        """2026/11/29 10:43:55 ERROR : error listing: couldn't list files: Propfind "http://no-such-host.invalid/x/": dial tcp: lookup no-such-host.invalid on 10.255.255.53:53: no such host
2026/11/29 10:43:55 NOTICE: Failed to lsf with 2 errors: last error was: error in ListJSON: couldn't list files: Propfind "http://no-such-host.invalid/x/": dial tcp: lookup no-such-host.invalid on 10.255.255.53:53: no such host""",
        "[davhost] in rclone.conf: its host name is not known: no-such-host.invalid",
        f"check your network; else set it right with: {TYPE}",
    ),
    "sftphost:x/": (
        """2026/11/29 10:43:57 CRITICAL: Failed to create file system for "sftphost:x/": NewFs: couldn't connect SSH: dial tcp: lookup no-such-host.invalid on 10.255.255.53:53: no such host""",
        "[sftphost] in rclone.conf: its host name is not known: no-such-host.invalid",
        f"check your network; else set it right with: {TYPE}",
    ),
    "inline:x/": (
        f"""2026/11/29 10:47:49 CRITICAL: Failed to create file system for "inline:x/": failed to make remote ":webdav,url=\\"http://127.0.0.1:1\\",pass=\\"{OBSCURED}\\":x" to wrap: read metadata failed: Propfind "http://127.0.0.1:1/x/ovttog6aicmj5nbp6mfl8etleo": dial tcp 127.0.0.1:1: connect: connection refused""",
        "[inline] in rclone.conf: nobody answers at 127.0.0.1:1, connection refused",
        "see that it is up, and your network; then run again",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fs", RECORDED)
def test_one_line_with_the_section_and_the_cure(fs: str) -> None:
    log, meaning, cure = RECORDED[fs]

    error = said(log, fs)

    assert (error.message, error.hint) == (f"{meaning} ({fs.rstrip('/')})", cure)


@pytest.mark.parametrize(
    ("name", "log", "meaning"),
    [
        ("sftp401",
         'NOTICE: Failed to backend: NewFs: couldn\'t connect SSH: ssh: handshake failed: ssh: unable to authenticate, attempted methods [none password], no supported methods remain',
         "its server refuses the user, the password or the keys"),
        ("unknown", 'NOTICE: Failed to backend: didn\'t find backend called "nosuchthing"', "its type is none that this rclone knows"),
        ("cryptbad", "NOTICE: Failed to backend: failed to decrypt password: input too short when revealing password - is it obscured?",
         "its password is not written there as rclone writes it (obscured)"),
        ("odd", "NOTICE: Failed to backend: something that nobody knows", "rclone cannot use it: something that nobody knows"),
    ],
)  # fmt: skip
def test_what_the_first_question_comes_to(name: str, log: str, meaning: str) -> None:
    """It names its remote itself, and its last word is a notice."""
    notice = f"2026/11/29 10:45:36 NOTICE: {name}: No host key validation is being performed.\n"

    error = said(f"{notice}2026/11/29 10:45:36 {log}", None, ("rclone", "backend", "features", f"{name}:"))

    assert error.message == f"[{name}] in rclone.conf: {meaning}"
    assert TYPE in (error.hint or "")


def test_what_is_written_as_json_comes_to_the_same() -> None:
    """As `lsjson` wrote it to a server that wants another password."""
    log = """{"time":"2026-11-29T10:47:43.849535978Z","level":"notice","msg":"No host key validation is being performed. Set known_hosts_file","object":"sftp401","objectType":"string","source":"sftp/sftp.go:1342"}
{"time":"2026-11-29T10:47:43.855310634Z","level":"critical","msg":"Failed to create file system for \\"sftp401:x/\\": NewFs: couldn't connect SSH: ssh: handshake failed: ssh: unable to authenticate, attempted methods [none password], no supported methods remain","source":"cmd/cmd.go:102"}"""

    assert said(log, "sftp401:x/").message == said(RECORDED["sftp401:x/"][0], "sftp401:x/").message


@pytest.mark.parametrize(
    "log",
    [
        RECORDED["inline:x/"][0],
        f'2026/11/29 10:47:50 CRITICAL: Failed to create file system for "inline:x/": failed to make remote ":odd,user=\'me\',pass={OBSCURED}:x" to wrap: not like that',
        f'2026/11/29 10:47:50 NOTICE: Failed to backend: failed to make remote ":odd,pass=""{OBSCURED}"":x" to wrap: not like that',
        f'2026/11/29 10:47:50 ERROR : odd: password="a""{OBSCURED}",pass=\\"b, {OBSCURED}\\",token="{OBSCURED}',
        f'2026/11/29 10:47:50 ERROR : odd: secret_access_key = {OBSCURED} is not right',
        f'2026/11/29 10:47:50 ERROR : Propfind "http://me:{OBSCURED}@nas/x": not like that',
    ],
)  # fmt: skip
@pytest.mark.parametrize("fs", ["inline:x/", "basic-memory-team:x/"])
def test_no_secret_is_repeated(log: str, fs: str) -> None:
    error = said(log, fs)

    assert OBSCURED not in f"{error.message}{error.hint}"


def test_no_secret_of_a_remote_that_is_written_out() -> None:
    """What an alias stands for is the label."""
    error = said("2026/11/29 10:47:50 ERROR : odd", f":webdav,url='http://nas',pass={OBSCURED}:x/")

    assert "(:webdav,url='http://nas',pass=***:x)" in error.message


def test_the_last_word_and_not_the_first_notice() -> None:
    log = """2026/11/29 10:37:24 NOTICE: nas: This is beside the point
2026/11/29 10:37:24 ERROR : error listing: the first thing that went wrong
2026/11/29 10:37:25 NOTICE: Failed to lsf with 2 errors: last error was: error in ListJSON: what it came to"""

    assert (
        said(log, "/folder").message
        == "listing the cloud (rclone lsf) failed with exit code 1: what it came to (/folder)"
    )


def test_what_bisync_says_afterwards_is_not_its_reason() -> None:
    log = """{"level":"error","msg":"Bisync critical error: the reason"}
{"level":"error","msg":"Bisync aborted. Must run --resync to recover."}
{"level":"notice","msg":"Failed to bisync: bisync aborted"}"""

    message = said(log, "basic-memory-team:b/", ("rclone", "bisync"), code=7).message

    assert message == (
        "bringing both sides together (rclone bisync) failed with exit code 7: Bisync critical error: the reason"
        " (basic-memory-team:b)"
    )


def test_a_section_of_ours_is_cured_by_the_manifest() -> None:
    error = said(RECORDED["s3dead:b/x/"][0], "basic-memory-team:b/x/")

    assert error.message == "nobody answers at 127.0.0.1:52405, connection refused (basic-memory-team:b/x)"
    assert error.hint == "check tenants.*.endpoint and your network, then run again"


def test_keys_of_an_own_bucket_that_are_refused_are_not_in_the_manifest() -> None:
    log = "2026/11/29 10:43:54 ERROR : error listing: operation error S3: ListObjects, https response error StatusCode: 403, api error SignatureDoesNotMatch: no"

    error = said(log, "mine:b/")

    assert isinstance(error, KeysRefused)
    assert (
        error.message
        == "[mine] in rclone.conf: its server refuses the user, the password or the keys (mine:b)"
    )
    assert error.hint == f"set it right with: {TYPE}"


@pytest.mark.parametrize(
    "log",
    [
        'Enter configuration password:\npassword:2026/11/29 10:49:19 CRITICAL: Failed to read line: EOF',
        "2026/11/29 10:49:19 ERROR : Couldn't decrypt configuration, most likely wrong password.",
        '2026/11/29 10:49:19 CRITICAL: Failed to load config file "/e.conf": unable to decrypt configuration and not allowed to ask for password - set RCLONE_CONFIG_PASS to your configuration password',
    ],
)  # fmt: skip
def test_an_encrypted_file_without_its_password(log: str) -> None:
    error = said(log, None, ("rclone", "listremotes", "--long"))

    assert error.message == "rclone.conf is encrypted and no password was given"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('Get "https://nas.lan/x": dial tcp 192.168.1.5:443: connect: connection refused', " at nas.lan:443 (192.168.1.5:443)"),
        ('Propfind "http://me:secret@[::1]:5005/x": dial tcp [::1]:5005: connect: connection refused', " at [::1]:5005"),
        ("NewFs: couldn't connect SSH: dial tcp 10.0.0.1:22: i/o timeout", " at 10.0.0.1:22"),
        ('Get "http://nas:notaport/": connection refused', ""),
        ("connection refused", ""),
    ],
)  # fmt: skip
def test_where_it_was_asked(text: str, where: str) -> None:
    assert asked(text) == where


@pytest.mark.parametrize(
    ("fs", "section"),
    [
        ("nas:notes/", "nas"), ("my nas:", "my nas"), ("nas,vendor=other:x", "nas"), ("basic-memory-team:b/", None),
        ("Basic-Memory-x:b", None), ("/srv/a:b", None), (":webdav,url=x:", None), ("", None), ("srcFs=nas:b", None),
    ],
)  # fmt: skip
def test_which_section_a_remote_is(fs: str, section: str | None) -> None:
    assert section_of(fs) == section


def test_bare_text_ends_and_is_one_line() -> None:
    assert bare("Failed to lsf: NewFs: a\nb") == "a b"
    assert bare("NewFs: ") == "NewFs:"
    assert len(bare("x " * 1000)) == 300

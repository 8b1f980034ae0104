"""What is the matter with a remote of the user's own rclone.conf, and the cure, from rclone's words. Pure.

Such a remote can be of any kind, and `setup` writes nothing of it: the cure is in its section of rclone.conf.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from bisync.core.printable import typed
from bisync.rclone.conf import OURS

# A remote's name (rclone docs, "Valid remote names").
_NAME = r"[A-Za-z0-9_.+@][A-Za-z0-9_.+@ -]*"
_MEND = "set it right with: {rclone config}"
_NETWORK = "see that it is up, and your network; then run again"

# Expressions, what they mean, and what to do. First match wins. {at}: where it was asked. As rclone 1.75 says it.
TROUBLES: tuple[tuple[str, str, str], ...] = (
    (r"unable to authenticate|\b401 (Unauthorized|Authorization)|HTTP error 401|FTP connection .*: 530 "
     r"|InvalidAccessKeyId|SignatureDoesNotMatch|STATUS_LOGON_FAILURE",
     "its server refuses the user, the password or the keys", _MEND),
    ("ExpiredToken", "its keys have expired", _MEND),
    ("rclone config reconnect", "its login is missing, or has expired", "log in again: {rclone config reconnect}"),
    (r"\b403 Forbidden|HTTP error 403|StatusCode: 403|AccessDenied", "its server denies access (403)",
     "ask for read and write access to that folder, or " + _MEND),
    ("is it obscured", "its password is not written there as rclone writes it (obscured)",
     "set the password anew with: {rclone config}"),
    ("password not set in config file", "it has no password there", "set one with: {rclone config}"),
    ("knownhosts: key mismatch|host key mismatch", "its server shows another host key than the one that is known of it",
     "make sure that it is your server; then put its new key into its known_hosts_file, or into host_keys with: "
     "{rclone config}"),
    ("knownhosts: key is unknown", "the host key of its server is not in its known_hosts_file",
     "put it there (ssh-keyscan shows it), or name another file with: {rclone config}"),
    ("didn't find backend called", "its type is none that this rclone knows", _MEND),
    ("didn't find section in config file", "it is not there, or has no type", _MEND),
    ("x509:", "the certificate of its server is not trusted",
     "use the name that it is for; for an authority of your own set RCLONE_CA_CERT"),
    ("NoSuchBucket|bucket not found", "the bucket does not exist",
     "make it, or correct tenants.*.remote in the manifest"),
    ("connection refused", "nobody answers{at}, connection refused", _NETWORK),
    ("no such host", "its host name is not known{at}", "check your network; else " + _MEND),
    ("i/o timeout|deadline exceeded", "it did not answer in time{at}", _NETWORK),
    ("no route to host|network is unreachable", "it cannot be reached{at}", _NETWORK),
    ("directory not found", "the remote folder does not exist", "make it, or correct tenants.*.remote in the manifest"),
)  # fmt: skip
LONGEST = 2000
"""So much of a text is looked at, in letters."""
_UNUSABLE = "rclone cannot use it"


def section_of(fs: str) -> str | None:
    """The section of the user's rclone.conf that a remote is; None for a folder, and for a section of ours."""
    found = re.match(rf"({_NAME})[:,]", fs)
    return found[1] if found and not found[1].casefold().startswith(OURS) else None


def trouble(section: str, said: Sequence[str], config: Path | None) -> tuple[str, str] | None:
    """What rclone's errors mean for a remote, naming the section they are about, and the cure; None where no row fits.

    One that stands before others (crypt) fails for what is the matter with them.
    """
    for needle, meaning, cure in TROUBLES:
        for text in said:
            if re.search(needle, text):
                name = _inner(text) or section
                at = _name(text) if needle == "no such host" else asked(text)
                return f"[{name}] in rclone.conf: {meaning.replace('{at}', at)}", _typed(cure, name, config)
    for text in said:
        made = re.match('Failed to create file system for "|Failed to backend', text)
        if made is not None:
            name = _inner(text) or section
            return f"[{name}] in rclone.conf: {_UNUSABLE}: {bare(text)}", _typed(_MEND, name, config)
    return None


def _inner(text: str) -> str | None:
    """The remote that another stands before, where rclone could not make that one."""
    made = "make remote|create upstream|derive base remote"
    behind = re.findall(rf'failed to (?:{made}) "?({_NAME}):', text)
    return behind[-1] if behind else None


def _typed(cure: str, name: str, config: Path | None) -> str:
    conf = f" --config {typed(config)}" if config is not None else ""
    again = f"rclone config reconnect {typed(f'{name}:')}{conf}"
    return cure.replace("{rclone config reconnect}", again).replace("{rclone config}", f"rclone config{conf}")


def asked(text: str) -> str:
    """Where a server was asked that did not answer, as in " at nas.lan:5005 (192.168.1.5:5005)"; "" if not said."""
    dialled = re.search(r"dial (?:tcp|udp)[46]? (\S{1,255}:\d{1,5}):", text)
    url = re.search(r'"(https?://[^"\s/]{1,255})(?:/[^"\s]*)?": ', text)
    places = [_place(url[1])] if url else []
    places += [dialled[1]] if dialled else []
    first, *more = list(dict.fromkeys(filter(None, places))) or [""]
    return f" at {first}{f' ({more[0]})' if more else ''}" if first else ""


def _place(url: str) -> str:
    """Host and port of an address; who logs in there is left out."""
    try:
        found = urlsplit(url)
        port = found.port or (443 if found.scheme == "https" else 80)
    except ValueError:
        return ""
    host = found.hostname or ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _name(text: str) -> str:
    found = re.search(r"lookup (\S{1,255}?)(?: on \S+)?: no such host", text)
    return f": {found[1]}" if found else ""


# In a remote that is written out (rclone docs, "Connection strings"): bare, or quoted; a quote inside is doubled.
_SECRET = re.compile(
    r"""(?P<key>\b\w*(?:pass|secret|token|key|user|auth|cookie|bearer)\w*)\s*=\s*"""
    r"""(?:(?P<quote>[\\"']+)(?:(?!(?P=quote)).|(?P=quote){2})*(?:(?P=quote)|$)|[^,:\s"']+)""",
    re.IGNORECASE | re.DOTALL,
)
_LOGIN = re.compile(r"//[^/@\s\"]*@")


def without_secrets(text: str) -> str:
    """A text of rclone's without what opens anything, obscured or not."""
    return _LOGIN.sub("//***@", _SECRET.sub(r"\g<key>=***", text))


def bare(text: str) -> str:
    """A text of rclone's on one line, without what it says around every error, and without secrets."""
    text = " ".join(text[:LONGEST].split())
    while True:
        less = re.sub(
            r"^(?:Failed to [\w-]+(?: with \d+ errors: last error was)?: |Failed to create file system for \"[^\"]*\": "
            r"|NewFs: |error in ListJSON: |error listing: )(?=.)",
            "",
            text,
        )
        if less == text:
            return without_secrets(text)[:300]
        text = less

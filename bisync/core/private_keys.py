"""Private keys, known by how they begin, whatever their file is called. Pure."""

from __future__ import annotations

import re

HEAD_BYTES = 2048
"""So much of a file's beginning is looked at."""

# RFC 7468 and what OpenSSL, OpenSSH and GnuPG write; RFC 4716's kin of ssh.com; PuTTY; age.
_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"|---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----"
    r"|PuTTY-User-Key-File-[0-9]+:"
    r"|AGE-SECRET-KEY-(?:PQ-)?1"
)
# What programs put before it: age-keygen a comment, openssl pkcs12 the attributes of a bag, their lines set in.
_COMMENT = "#"
_ATTRIBUTES = ("Bag Attributes", "Key Attributes")
_BYTE_ORDER = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# Nearly no file has any of these bytes' words; the others are told in one look.
_WORDS = (b"PRIVATE", b"PuTTY", b"AGE-SECRET", b"P\0R\0I\0V\0A\0T\0E", b"P\0u\0T\0T\0Y")


def is_private_key(head: bytes) -> bool:
    """Whether a file that begins with these bytes (`HEAD_BYTES` are enough) is a private key."""
    if not any(word in head for word in _WORDS):
        return False
    for mark, encoding in _BYTE_ORDER:
        if head.startswith(mark):
            text = head[len(mark) :].decode(encoding, "replace")
            break
    else:
        text = head.decode("latin-1")
    in_bag = False
    for line in text.replace("\r", "\n").split("\n"):
        words = line.strip()
        in_bag = in_bag or words.startswith(_ATTRIBUTES)
        is_attribute = in_bag and (line.startswith((" ", "\t")) or words.startswith(_ATTRIBUTES))
        if words and not words.startswith(_COMMENT) and not is_attribute:
            return _KEY.match(words) is not None
    return False

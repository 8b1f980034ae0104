"""What rclone says when a store or a disk refuses, what it means, and what to do: the one table of it. Pure.

A remote of the user's own rclone.conf can be of any kind, and has words of its own before these: `own_remote`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_KEYS = "check the tenant's credentials in the manifest, then type: bisync setup --rotate"
_BUCKET = "create it with your provider, or correct tenants.*.bucket in the manifest"
_REGION = "correct tenants.*.region and tenants.*.endpoint in the manifest, then type: bisync setup"
_ENDPOINT = "check tenants.*.endpoint and your network, then run again"
_NETWORK = "check your network, then run again"
_FREE = "free some space, then run again; nothing was lost"
_FREE_THERE = "make room there, or have your provider raise it; then run again; nothing was lost"
_PASSWORD = (
    "set RCLONE_CONFIG_PASS or RCLONE_PASSWORD_COMMAND, or point rclone.config in the manifest elsewhere"
)
# What a server calls a place; nothing else of its answer is repeated.
_PLACE = r"[A-Za-z0-9_-]{1,40}"


class Trouble(NamedTuple):
    """An expression that rclone's words fit, what it means, and what to do. `keys`: others might be taken.

    {NAME} in what is said of it is the expression's group NAME; {at}: where it was asked.
    """

    says: str
    means: str
    cure: str
    keys: bool = False


# As rclone 1.75 says it, and the codes of the S3 API and of those who have their own. The first that fits.
TROUBLES: tuple[Trouble, ...] = (
    Trouble("InvalidAccessKeyId", "the cloud does not know this access key", _KEYS, keys=True),
    Trouble("SignatureDoesNotMatch", "the cloud refused the secret access key", _KEYS, keys=True),
    Trouble("ExpiredToken|TokenRefreshRequired|api error InvalidToken", "the credentials have expired",
            "type: bisync setup --rotate", keys=True),
    Trouble("RequestTimeTooSkewed", "this computer's clock is too far off for the cloud",
            "set the clock (timedatectl set-ntp true), then run again"),
    # The chain of the AWS SDK, for `credentials: aws`.
    Trouble("cached SSO token|SSO session|sso_session", "the AWS login is missing, or has expired",
            "type: aws sso login   (with --profile, where AWS_PROFILE is set); then run again"),
    Trouble("failed to get shared config profile", "the AWS SDK has no such profile",
            "see which it has: bisync doctor; then correct it in the manifest, or make it:"
            " aws configure --profile NAME"),
    Trouble("credential_process", "the program that gives the AWS keys failed (credential_process)",
            "run it by hand: it stands in ~/.aws/config"),
    Trouble("partial credentials found", "an AWS profile has one half of its keys", "type: aws configure"),
    Trouble("failed to refresh cached credentials|no EC2 IMDS role found|NoCredentialProviders",
            "no AWS keys were found",
            "type: aws configure, or aws sso login, or export AWS_PROFILE=NAME; then run again"),
    # Room, there and here. A quota comes with the status of a key that may not (403), or of a server that fails (507).
    Trouble("disk quota exceeded", "the disk quota is used up", _FREE),
    Trouble("QuotaExceeded|OverQuota|(?i:(?:storage|transaction) cap exceeded|quota exceeded)",
            "the cloud's quota is used up", _FREE_THERE),
    Trouble("StorageFull|InsufficientStorage|StatusCode: 507", "the cloud's disk is full",
            "make room there, then run again; nothing was lost"),
    Trouble("no space left on device", "the disk is full", _FREE),
    # Another place than it was asked at.
    Trouble(rf"the region '(?P<wrong>{_PLACE})' is wrong; expecting '(?P<region>{_PLACE})'",
            "the bucket lies in the region {region}, not in {wrong}",
            "write region: {region} for tenants.* in the manifest, then type: bisync setup"),
    Trouble(rf'can\'t set region to "(?P<region>{_PLACE})"', "the bucket lies in the region {region}",
            "write region: {region}, and the endpoint of that region, for tenants.* in the manifest;"
            " then type: bisync setup"),
    Trouble("PermanentRedirect|api error MovedPermanently|AuthorizationHeaderMalformed|IllegalLocationConstraint"
            "|InvalidRegion|InvalidLocationConstraint",
            "the bucket lies in another region, or at another address", _REGION),
    Trouble("InvalidBucketName", "the cloud takes no bucket of this name",
            "correct tenants.*.bucket in the manifest (3 to 63 of a-z, 0-9, - and .), then type: bisync setup"),
    Trouble("PaymentRequired|StatusCode: 402|AccountProblem|AllAccessDisabled|AccountSuspended",
            "the cloud has closed the account for now", "see your provider's console, then run again"),
    Trouble("TooManyRequests|StatusCode: 429", "the cloud asks for fewer requests", "run again in a while"),
    # A page where XML belongs: a network that wants a login first, or no store at all. A proxy's page with 502 to 504
    # is a server in trouble.
    Trouble(r"StatusCode: 511|stopped after 10 redirects"
            r"|StatusCode: (?!50)\d+, .*(?:deserialization failed|error while deserializing xml)",
            "a web page answered, not a store",
            "log in to this network with a browser, if it asks for that; else correct tenants.*.endpoint in the"
            " manifest"),
    Trouble("AccessDenied", "the cloud denied access: these keys may not do this",
            "ask for read and write access to the bucket, or type: bisync setup --rotate", keys=True),
    Trouble("StatusCode: 403", "the cloud denied access (403)", _KEYS, keys=True),
    Trouble("NoSuchBucket|bucket not found", "the bucket does not exist", _BUCKET),
    Trouble("connection refused", "nobody answers{at}, connection refused", _ENDPOINT),
    Trouble("no such host", "the endpoint's host name is not known", _ENDPOINT),
    Trouble("does not look like a TLS handshake|server gave HTTP response to HTTPS",
            "the endpoint does not speak https{at}",
            "correct tenants.*.endpoint in the manifest: its port, or http:// for a store on this machine"),
    Trouble("x509:", "the certificate of its server is not trusted",
            "use the name that it is for; for an authority of your own set RCLONE_CA_CERT"),
    Trouble("i/o timeout|context deadline exceeded", "the cloud did not answer in time", _NETWORK),
    Trouble("didn't find section in config file", "rclone.conf has no section for this tenant", "type: bisync setup"),
    Trouble("ecrypt configuration|Failed to read line: EOF", "rclone.conf is encrypted and no password was given",
            _PASSWORD),
    Trouble("check file check failed", "the marker is missing on one side", "see what is wrong: bisync doctor"),
    Trouble("too many deletes", "rclone's own deletion limit stopped the run: files vanished after the plan",
            "look at the plan again: bisync plan"),
    Trouble("request send failed|unexpected EOF|connection reset", "the connection to the cloud broke", _NETWORK),
    Trouble("StatusCode: 5", "the cloud answered with a server error", "run again in a while"),
    Trouble("directory not found", "the bucket (or remote folder) does not exist", _BUCKET),
    Trouble("permission denied", "a file or folder cannot be read or written", "mend its permissions, then run again"),
)  # fmt: skip
# Troubles of a single file: all others are about the cloud, the network or the disk.
OF_ONE_FILE = frozenset({"permission denied", "directory not found"})


class Known(NamedTuple):
    """A trouble that was recognised, with what was found in rclone's words put in."""

    means: str
    cure: str
    trouble: Trouble
    text: str


def recognised(texts: Iterable[str]) -> Known | None:
    """The first trouble that any of rclone's words fit; None where they are not known."""
    said = list(texts)
    for trouble in TROUBLES:
        for text in said:
            found = re.search(trouble.says, text)
            if found is not None:
                return Known(_filled(trouble.means, found), _filled(trouble.cure, found), trouble, text)
    return None


def _filled(words: str, found: re.Match[str]) -> str:
    for name, value in found.groupdict().items():
        words = words.replace(f"{{{name}}}", value or "")
    return words


# What somebody waits for, by rclone's command: who reads of it has typed none.
_STEPS = {
    "lsf": "listing the cloud",
    "lsjson": "listing the cloud",
    "listremotes": "reading rclone.conf",
    "config": "reading rclone.conf",
    "backend": "asking what the remote can do",
    "cat": "reading a file of the cloud",
    "copy": "copying files",
    "copyto": "copying a file",
    "moveto": "moving a file",
    "move": "moving files",
    "rcat": "writing a small file to the cloud",
    "delete": "deleting files in the cloud",
    "deletefile": "deleting a file in the cloud",
    "purge": "emptying a folder in the cloud",
    "rmdirs": "removing empty folders in the cloud",
    "mkdir": "making a folder in the cloud",
    "check": "comparing both sides",
    "bisync": "bringing both sides together",
    "rc": "moving a file",
    "serve": "serving a folder",
}


def step(command: str) -> str:
    """What an rclone command is for, as the beginning of a sentence about its end."""
    return f"{_STEPS[command]} (rclone {command})" if command in _STEPS else f"rclone {command}"

# ruff: noqa: E501 - lines of a log are as long as they are
"""What a store's, a network's or a disk's refusal means, from what rclone 1.75 wrote when it met one."""

from __future__ import annotations

import re

import pytest

from bisync.core.abilities import OBJECTS
from bisync.errors import KeysRefused
from bisync.rclone.diagnosis import failure, is_ambiguous, refuses_keys, troubled_files
from bisync.rclone.log import parse
from bisync.rclone.output import Finished
from bisync.rclone.remote import Remote
from bisync.rclone.troubles import TROUBLES, recognised, step

pytestmark = pytest.mark.pure

LISTING = "2026/11/29 20:18:13 ERROR : error listing: "
ANSWERED = (
    LISTING
    + "operation error S3: ListObjects, https response error StatusCode: {}, RequestID: 4442587FB7D0A2F9, HostID: x, api error "
)
UNREAD = (
    LISTING + "operation error S3: ListObjects, https response error StatusCode: {}, RequestID: , HostID: , "
)
KEYS = (
    LISTING
    + "operation error S3: ListObjects, get identity: get credentials: failed to refresh cached credentials, "
)
SET_UP = "then type: bisync setup"

# What was the matter, what rclone wrote, what is said, the end of the cure.
RECORDED = {
    "wrong region": (
        ANSWERED.format(400) + "AuthorizationHeaderMalformed: The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'",
        "the bucket lies in the region eu-central-1, not in us-east-1",
        "write region: eu-central-1 for tenants.* in the manifest, " + SET_UP,
    ),
    "another region": (
        "2026/11/29 20:18:14 ERROR : S3 bucket notes: Failed to update region for bucket: can't set region to \"eu-central-1\" as endpoint is set\n"
        + ANSWERED.format(301) + "PermanentRedirect: The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
        "the bucket lies in the region eu-central-1",
        "write region: eu-central-1, and the endpoint of that region, for tenants.* in the manifest; " + SET_UP,
    ),
    "another address": (
        "2026/11/29 20:18:16 ERROR : S3 bucket notes: Failed to update region for bucket: reading bucket location failed: operation error S3: HeadBucket, https response error StatusCode: 301, RequestID: , HostID: , api error MovedPermanently: Moved Permanently\n"
        + UNREAD.format(301) + "api error MovedPermanently: Moved Permanently",
        "the bucket lies in another region, or at another address",
        "correct tenants.*.region and tenants.*.endpoint in the manifest, " + SET_UP,
    ),
    "bad bucket name": (
        ANSWERED.format(400) + "InvalidBucketName: The specified bucket is not valid.",
        "the cloud takes no bucket of this name",
        "correct tenants.*.bucket in the manifest (3 to 63 of a-z, 0-9, - and .), " + SET_UP,
    ),
    "quota": (
        ANSWERED.format(403) + "QuotaExceeded: Quota exceeded",
        "the cloud's quota is used up",
        "make room there, or have your provider raise it; then run again; nothing was lost",
    ),
    "cap": (
        ANSWERED.format(403) + "AccessDenied: Cannot upload files, storage cap exceeded. See the Caps & Alerts page to increase your cap.",
        "the cloud's quota is used up",
        "make room there, or have your provider raise it; then run again; nothing was lost",
    ),
    "quota of minio": (
        ANSWERED.format(400) + "XMinioAdminBucketQuotaExceeded: Bucket quota exceeded",
        "the cloud's quota is used up",
        "make room there, or have your provider raise it; then run again; nothing was lost",
    ),
    "full there": (
        "2026/11/29 20:19:20 ERROR : a.md: Failed to copy: operation error S3: PutObject, https response error StatusCode: 507, RequestID: 4442587FB7D0A2F9, HostID: x, api error XMinioStorageFull: Storage backend has reached its minimum free drive threshold. Please delete a few objects to proceed.",
        "the cloud's disk is full",
        "make room there, then run again; nothing was lost",
    ),
    "full here": (
        "2026/11/29 20:19:20 ERROR : a.md: Failed to copy: write /home/me/notes/a.md.1a2b3c4d.partial: no space left on device",
        "the disk is full",
        "free some space, then run again; nothing was lost",
    ),
    "quota here": (
        "2026/11/29 20:19:20 ERROR : a.md: Failed to copy: write /home/me/notes/a.md: disk quota exceeded",
        "the disk quota is used up",
        "free some space, then run again; nothing was lost",
    ),
    "login page": (
        UNREAD.format(200) + "deserialization failed, failed to decode response body, XML syntax error on line 2: unquoted or missing attribute value in element",
        "a web page answered, not a store",
        "log in to this network with a browser, if it asks for that; else correct tenants.*.endpoint in the manifest",
    ),
    "login page, 403": (
        UNREAD.format(403) + "error while deserializing xml error response : XML syntax error on line 2: unquoted or missing attribute value in element",
        "a web page answered, not a store",
        "log in to this network with a browser, if it asks for that; else correct tenants.*.endpoint in the manifest",
    ),
    "login page, 302": (
        LISTING + 'operation error S3: ListObjects, exceeded maximum number of attempts, 2, https response error StatusCode: 302, RequestID: , HostID: , request send failed, Get "/login": stopped after 10 redirects',
        "a web page answered, not a store",
        "log in to this network with a browser, if it asks for that; else correct tenants.*.endpoint in the manifest",
    ),
    "login page, 511": (
        UNREAD.format(511) + "error while deserializing xml error response : XML syntax error on line 2: unquoted or missing attribute value in element",
        "a web page answered, not a store",
        "log in to this network with a browser, if it asks for that; else correct tenants.*.endpoint in the manifest",
    ),
    "proxy's page": (
        LISTING + "operation error S3: ListObjects, exceeded maximum number of attempts, 2, https response error StatusCode: 502, RequestID: , HostID: , error while deserializing xml error response : XML syntax error on line 2: unquoted or missing attribute value in element",
        "the cloud answered with a server error",
        "run again in a while",
    ),
    "no keys": (
        KEYS + "no EC2 IMDS role found, operation error ec2imds: GetMetadata, http response error StatusCode: 403, request to EC2 IMDS failed",
        "no AWS keys were found",
        "type: aws configure, or aws sso login, or export AWS_PROFILE=NAME; then run again",
    ),
    "no session": (
        KEYS + "failed to read cached SSO token file, open /home/me/.aws/sso/cache/3ece1471f44f63177cbc35ba0b904e0c096b6783.json: no such file or directory",
        "the AWS login is missing, or has expired",
        "type: aws sso login   (with --profile, where AWS_PROFILE is set); then run again",
    ),
    "session expired": (
        KEYS + "refresh cached SSO token failed, cached SSO token is expired, or not present, and cannot be refreshed",
        "the AWS login is missing, or has expired",
        "type: aws sso login   (with --profile, where AWS_PROFILE is set); then run again",
    ),
    "no such AWS profile": (
        '2026/11/29 20:19:23 CRITICAL: Failed to create file system for "basic-memory-team:notes/": couldn\'t load configuration with env_auth=true: failed to get shared config profile, nosuch',
        "the AWS SDK has no such profile",
        "see which it has: bisync doctor; then correct it in the manifest, or make it: aws configure --profile NAME",
    ),
    "half an AWS profile": (
        '2026/11/29 20:19:24 CRITICAL: Failed to create file system for "basic-memory-team:notes/": couldn\'t load configuration with env_auth=true: error fetching config from profile, half, Error using profile: \n 1, partial credentials found for profile profile half',
        "an AWS profile has one half of its keys",
        "type: aws configure",
    ),
    "credential_process": (
        KEYS + "process provider error: error in credential_process: exit status 1",
        "the program that gives the AWS keys failed (credential_process)",
        "run it by hand: it stands in ~/.aws/config",
    ),
    "no https": (
        LISTING + 'operation error S3: ListObjects, exceeded maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , HostID: , request send failed, Get "https://127.0.0.1:43221/notes?delimiter=%2F&max-keys=1000&prefix=": tls: first record does not look like a TLS handshake',
        "the endpoint does not speak https at 127.0.0.1:43221",
        "correct tenants.*.endpoint in the manifest: its port, or http:// for a store on this machine",
    ),
    "closed": (
        ANSWERED.format(403) + "AccountProblem: There is a problem with your account.",
        "the cloud has closed the account for now",
        "see your provider's console, then run again",
    ),
    "too many": (
        ANSWERED.format(429) + "TooManyRequests: Please reduce your request rate.",
        "the cloud asks for fewer requests",
        "run again in a while",
    ),
    "never heard of": (
        ANSWERED.format(400) + "Unheard: Something else.",
        "listing the cloud (rclone lsf) failed with exit code 1: HTTP 400: api error Unheard: Something else.",
        "see all of rclone's words with: bisync sync --verbose",
    ),
}  # fmt: skip
NO_KEYS_MATTER = ("quota", "cap", "login page, 403", "closed", "no keys")


def outcome(log: str) -> Finished:
    return Finished(1, "", tuple(event for line in log.splitlines() if (event := parse(line)) is not None))


@pytest.mark.parametrize("name", RECORDED)
def test_what_rclone_wrote_is_understood(name: str) -> None:
    log, message, cure = RECORDED[name]
    remote = Remote(fs="basic-memory-team:notes/", can=OBJECTS, label="s3://notes")

    error = failure(("rclone", "lsf", remote.fs), outcome(log), remote)

    assert error.message == f"{message} (s3://notes)"
    assert error.hint == cure
    assert "\n" not in error.message


@pytest.mark.parametrize("name", NO_KEYS_MATTER)
def test_other_keys_are_not_asked_for_where_they_would_not_help(name: str) -> None:
    assert not refuses_keys(outcome(RECORDED[name][0]))


def test_keys_of_the_aws_chain_are_not_mended_by_setup() -> None:
    remote = Remote(fs="basic-memory-team:notes/", can=OBJECTS, label="s3://notes", keys_cure="aws sso login")

    error = failure(("rclone", "lsf"), outcome(ANSWERED.format(400) + "ExpiredToken: old"), remote)

    assert isinstance(error, KeysRefused)
    assert error.hint == "aws sso login"


def test_a_full_cloud_is_no_trouble_of_one_file() -> None:
    assert troubled_files(outcome(RECORDED["full there"][0]), others_follow=True) == ()
    assert troubled_files(outcome(RECORDED["quota"][0]), others_follow=True) == ()


def test_what_a_full_cloud_was_sent_is_not_there() -> None:
    assert not is_ambiguous(outcome(RECORDED["full there"][0]))
    assert is_ambiguous(outcome(RECORDED["proxy's page"][0]))


def test_nothing_else_of_a_servers_answer_is_repeated() -> None:
    hostile = "the region 'us-east-1' is wrong; expecting 'x; rm -rf ~'"

    found = recognised([f"api error AuthorizationHeaderMalformed: {hostile}"])

    assert found is not None
    assert "rm" not in found.means + found.cure


def test_every_row_has_its_groups_and_is_reached() -> None:
    for trouble in TROUBLES:
        wanted = set(re.findall(r"\{(\w+)\}", trouble.means + trouble.cure)) - {"at"}
        assert wanted <= set(re.compile(trouble.says).groupindex), trouble


def test_a_step_is_called_by_what_it_is_for() -> None:
    assert step("lsjson") == "listing the cloud (rclone lsjson)"
    assert step("nosuch") == "rclone nosuch"

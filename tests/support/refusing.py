"""A store that has one answer for everything: what S3 servers, and what stands before them, say when they refuse.

    with refusing(ANSWERS["quota"]) as store:
        device = Device(home, store)

A server of a few lines on loopback; nothing is kept. `putting`: that answer is for requests that write alone, and what
is listed is an empty bucket.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from tests.support.world import S3


class Answer(NamedTuple):
    """A status, a body and headers. XML, unless they say otherwise."""

    status: int
    body: str = ""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/xml"),)


def error(status: int, code: str, message: str, more: str = "", **headers: str) -> Answer:
    """An error as S3 writes it (Amazon S3 API Reference, Error responses)."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{more}'
        "<RequestId>4442587FB7D0A2F9</RequestId><HostId>x</HostId></Error>"
    )
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status, body, (("Content-Type", "application/xml"), *named))


def page(status: int, **headers: str) -> Answer:
    """A web page, such as that of a network that wants a login."""
    text = "<!DOCTYPE html>\n<html><head><title>Hotel</title></head><body><form><input name=user></form></body></html>"
    return Answer(status, text, (("Content-Type", "text/html"), *headers.items()))


_ELSEWHERE = (
    "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future"
    " requests to this endpoint."
)
EMPTY = Answer(
    200,
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>b</Name><Prefix></Prefix><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
    "</ListBucketResult>",
)
ANSWERS = {
    "wrong region": error(
        400,
        "AuthorizationHeaderMalformed",
        "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'",
        "<Region>eu-central-1</Region>",
    ),
    "another region": error(301, "PermanentRedirect", _ELSEWHERE, x_amz_bucket_region="eu-central-1"),
    "another address": Answer(301),
    "bad bucket name": error(400, "InvalidBucketName", "The specified bucket is not valid."),
    "quota": error(403, "QuotaExceeded", "Quota exceeded"),
    "cap": error(
        403, "AccessDenied", "Cannot upload files, storage cap exceeded. See the Caps &amp; Alerts page."
    ),
    "full": error(507, "XMinioStorageFull", "Storage backend has reached its minimum free drive threshold."),
    "login page": page(200),
    "login page, 403": page(403),
    "login page, 302": page(302, Location="/login"),
    "proxy's page": page(502),
    "expired": error(400, "ExpiredToken", "The provided token has expired."),
    "no such key": error(403, "InvalidAccessKeyId", "The AWS Access Key Id does not exist in our records."),
    "wrong secret": error(
        403, "SignatureDoesNotMatch", "The request signature we calculated does not match."
    ),
    "denied": error(403, "AccessDenied", "Access Denied"),
    "clock": error(
        403, "RequestTimeTooSkewed", "The difference between the request time and now is too large."
    ),
    "no bucket": error(404, "NoSuchBucket", "The specified bucket does not exist"),
    "closed": error(403, "AccountProblem", "There is a problem with your account."),
    "too many": error(429, "TooManyRequests", "Please reduce your request rate."),
    "never heard of": error(400, "Unheard", "Something else."),
}


@contextmanager
def refusing(answer: Answer, *, putting: bool = False) -> Iterator[S3]:
    """A store that answers so, on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            given = EMPTY if putting and self.command in ("GET", "HEAD") else answer
            self.send_response(given.status)
            for name, value in given.headers:
                self.send_header(name, value)
            body = given.body.encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            """Nobody listens."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield S3(f"http://127.0.0.1:{server.server_port}", None, "Other", None)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

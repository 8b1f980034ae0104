"""What an answer that is no success means, in one line, and what to do about it. Pure."""

from __future__ import annotations

from typing import Any

from bisync.errors import CloudError, HostTrouble, LoginNeeded
from bisync.providers.basic_memory.http import Answer, shortened

SUBSCRIBE = "https://basicmemory.com/pricing"
LOGIN = "type: bisync login"


def refusal(answer: Answer, host: str, asked: str, *, cure: str = LOGIN) -> CloudError:
    """The error for an answer. `asked`: what was asked for; `cure`: what helps when the token is refused."""
    status, said = answer.status, _said(answer)
    of = f": {said}" if said else ""
    if status == 401:
        return LoginNeeded(f"{host} does not accept this login (401){of}", hint=cure)
    if status == 403:
        return _forbidden(answer, host, asked, said)
    if 300 <= status < 400:
        to = f" to {shortened(answer.location)}" if answer.location else ""
        return CloudError(
            f"{host} redirects {asked}{to}; that is not followed, because a token would go along",
            hint="correct the address: api_url in the manifest, or $BASIC_MEMORY_CLOUD_HOST",
        )
    if status == 429:
        wait = f" for {answer.retry_after:.0f} s" if answer.retry_after else ""
        return HostTrouble(
            f"{host} asks to be left alone{wait} (429){of}", hint="wait a while, then run again"
        )
    if status >= 500:
        return HostTrouble(
            f"{host} has trouble of its own ({status}){of}",
            hint="run again in a while (right after a first login the cloud may still be getting ready)",
        )
    if status == 404:
        return CloudError(
            f"{host} does not know {asked} (404){of}",
            hint="is this the address of the API? correct api_url in the manifest, or $BASIC_MEMORY_CLOUD_HOST",
        )
    if status < 300:
        return strange(answer, host, asked)
    return CloudError(f"{host} refused {asked} ({status}){of}", hint="see what is wrong: bisync doctor")


def strange(answer: Answer, host: str, asked: str) -> CloudError:
    """The error for a success that does not say what it should."""
    what = "an answer that misses something" if answer.is_json else "something that is no JSON"
    return CloudError(
        f"{host} gave {what} to {asked}",
        hint="is this the address of the API? correct api_url in the manifest, or $BASIC_MEMORY_CLOUD_HOST",
    )


def no_keys(answer: Answer, host: str, cure: str) -> CloudError:
    """The error for a 403 where new keys were asked for, which only owners may have made."""
    if _subscription(answer) is not None:
        return _forbidden(answer, host, "", "")
    said = _said(answer)
    of = f": {said}" if said else ""
    return CloudError(f"{host} makes S3 keys for the owner of a workspace alone (403){of}", hint=cure)


def _subscription(answer: Answer) -> dict[str, Any] | None:
    """What is said about a subscription that is missing, with `detail` around it or not; None for another 403."""
    detail = answer.field("detail")
    wanted = detail if isinstance(detail, dict) else answer.body
    wanting = isinstance(wanted, dict) and wanted.get("error") == "subscription_required"
    return wanted if wanting else None


def _forbidden(answer: Answer, host: str, asked: str, said: str) -> CloudError:
    wanted = _subscription(answer)
    if wanted is not None:
        words = wanted.get("message")
        where = wanted.get("subscribe_url")
        return CloudError(
            shortened(words) if isinstance(words, str) and words else "Active subscription required",
            hint=f"subscribe at {shortened(where) if isinstance(where, str) and where else SUBSCRIBE}, then run again",
        )
    of = f": {said}" if said else ""
    return CloudError(
        f"{host} does not allow {asked} (403){of}",
        hint="ask the owner of the workspace for it, or name another workspace in the manifest",
    )


def _said(answer: Answer) -> str:
    """The server's own words, where it has any: FastAPI's `detail` as text, object or list."""
    detail: Any = answer.field("detail")
    if detail is None:
        detail = answer.body
    if isinstance(detail, str):
        return shortened(detail)
    if isinstance(detail, dict):
        words = detail.get("message") or detail.get("error")
        return shortened(words) if isinstance(words, str) else ""
    if isinstance(detail, list):
        return shortened("; ".join(_of_field(one) for one in detail[:3] if isinstance(one, dict)))
    return ""


def _of_field(one: dict[str, Any]) -> str:
    where = one.get("loc")
    place = ".".join(str(part) for part in where) if isinstance(where, list) else ""
    return ": ".join(filter(None, (place, str(one.get("msg", "")))))

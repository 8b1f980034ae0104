"""The store's keys: taken where they work, made once where they do not, and no more often than that."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bisync.config import BasicMemoryTenant
from bisync.errors import CloudError, KeysRefused, RcloneError
from bisync.providers import basic_memory
from bisync.providers.base import Around
from bisync.providers.basic_memory import PROVIDER
from bisync.rclone import conf
from bisync.rclone.program import Rclone
from bisync.secret import Secret
from tests.providers.cloud_user import INFO, KEYS, User
from tests.support.proxy import Proxy, Status, proxied
from tests.support.vendor import Answer, Vendor
from tests.support.world import rclone_path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """New keys are not waited for that long."""
    monkeypatch.setattr(basic_memory, "NEW_KEYS_PAUSES", (0.01, 0.01))


class Keys:
    """What setup and sync do about keys, on one computer."""

    def __init__(self, user: User, tenant: BasicMemoryTenant) -> None:
        self.user, self.tenant = user, tenant
        self.rclone = Rclone(
            binary=rclone_path(), config=user.home / "rclone.conf", version="1.75", env=user.env
        )
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    @property
    def name(self) -> str:
        return conf.section_name(self.tenant.id)

    def around(self, **values: bool) -> Around:
        return self.user.around(now=lambda: self.now, **values)

    def setup(self, *, rotate: bool = False, dry_run: bool = False) -> str:
        """What setup says of them; the section is written as its next step does."""
        found = PROVIDER.credentials(
            self.tenant, "", self.rclone, self.around(dry_run=dry_run), rotate=rotate
        )
        if not dry_run:
            assert found.section is not None
            conf.write_section(self.rclone.config, self.name, found.section)
        return found.text

    def renew(self) -> str:
        return PROVIDER.renew(self.tenant, "", self.rclone, self.around())

    def write(self, section: str, pair: tuple[str, str]) -> None:
        values = conf.s3_values(
            provider="Other", keys=(Secret(pair[0]), Secret(pair[1])), region="auto",
            endpoint=self.user.vendor.endpoint,
        )  # fmt: skip
        conf.write_section(self.rclone.config, section, values)

    @property
    def pair(self) -> tuple[str, str]:
        """What our section holds."""
        section = conf.read_sections(conf.read(self.rclone.config)).get(self.name, {})
        return section.get("access_key_id", ""), section.get("secret_access_key", "")

    @property
    def minted(self) -> int:
        return self.user.vendor.count("POST", KEYS)


@pytest.fixture
def keys(user: User) -> Keys:
    return Keys(user, user.identified())


@pytest.fixture
def far(user: User, today: Vendor) -> Iterator[tuple[Keys, Proxy]]:
    """The same, with something between the computer and the store."""
    today.mint_keys()  # the store does not start anew between the proxy's look at it and the test
    with proxied(today.s3) as proxy:
        yield Keys(user, user.identified(endpoint=proxy.s3.endpoint)), proxy


def test_two_setups_make_one_key(keys: Keys) -> None:
    assert keys.setup() == "new ones were made"
    pair = keys.pair
    assert keys.setup() == "kept: they still work"
    assert keys.pair == pair
    assert keys.minted == 1


def test_keys_are_there_for_who_waited_while_they_were_made(keys: Keys) -> None:
    """Setup writes rclone.conf in its next step: another setup may ask before that."""
    first = PROVIDER.credentials(keys.tenant, "", keys.rclone, keys.around(), rotate=False)
    second = PROVIDER.credentials(keys.tenant, "", keys.rclone, keys.around(), rotate=False)
    assert first.made
    assert not second.made
    assert keys.minted == 1


def test_two_setups_at_the_same_moment_make_one_key(keys: Keys) -> None:
    gate = threading.Barrier(2)
    said: list[str] = []

    def one() -> None:
        gate.wait(10)
        said.append(keys.setup())

    both = [threading.Thread(target=one) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(60)
    assert sorted(said) == ["kept: they still work", "new ones were made"]
    assert keys.minted == 1


@pytest.mark.parametrize("section", ["basic-memory-cloud", "basic-memory-cloud-personal"])
def test_keys_of_the_vendor_s_program_are_taken(keys: Keys, today: Vendor, section: str) -> None:
    pair = today.mint_keys()
    keys.write("basic-memory-cloud-aaa", ("wrong", "wrong"))
    keys.write(section, pair)
    assert keys.setup() == f"taken from [{section}]: they work"
    assert keys.pair == pair
    assert keys.minted == 0


def test_keys_that_are_refused_give_way_to_new_ones(keys: Keys) -> None:
    keys.write(keys.name, ("gone", "gone"))
    assert keys.setup() == "new ones were made"
    assert keys.pair[0] != "gone"
    assert keys.minted == 1


def test_half_a_pair_is_none(keys: Keys) -> None:
    keys.write(keys.name, ("half", ""))
    assert keys.setup() == "new ones were made"


def test_rotate_makes_new_ones_and_a_dry_run_none(keys: Keys) -> None:
    assert keys.setup(dry_run=True) == "new ones would be made"
    assert (keys.minted, keys.pair) == (0, ("", ""))
    keys.setup()
    pair = keys.pair
    assert keys.setup(rotate=True, dry_run=True) == "new ones would be made"
    assert keys.setup(rotate=True) == "new ones were made in place of the old"
    assert keys.pair != pair
    assert keys.minted == 2


def test_two_tenants_have_two_sections(user: User, today: Vendor) -> None:
    today.add_tenant(slug="team")
    mine, team = Keys(user, user.identified()), Keys(user, user.identified(workspace="team"))
    mine.setup()
    team.setup()
    assert mine.name != team.name
    assert mine.pair != team.pair
    assert "" not in (*mine.pair, *team.pair)


def test_a_store_that_does_not_answer_is_no_reason_for_new_keys(far: tuple[Keys, Proxy]) -> None:
    keys, proxy = far
    keys.setup()
    for bad in (Status(500), Status(404, "NoSuchBucket")):
        proxy.on("*", bad)
        with pytest.raises(RcloneError) as caught:
            keys.setup()
        assert not isinstance(caught.value, KeysRefused)
        proxy.clear()
    assert keys.minted == 1


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"])
def test_new_keys_may_take_a_moment_to_be_known(far: tuple[Keys, Proxy], code: str) -> None:
    keys, proxy = far
    proxy.on("LIST", Status(403, code), times=2)
    assert keys.setup() == "new ones were made"
    assert keys.minted == 1


def test_new_keys_that_are_refused_too_are_not_followed_by_others(far: tuple[Keys, Proxy]) -> None:
    """A sync every minute would fill the cloud with pairs."""
    keys, proxy = far
    keys.setup()
    pair = keys.pair
    proxy.on("LIST", Status(403, "InvalidAccessKeyId"))
    with pytest.raises(KeysRefused):
        keys.renew()
    for _ in range(2):
        with pytest.raises(RcloneError, match=r"made at 2026-01-01T00:00:00.*are refused, too") as caught:
            keys.renew()
        assert "bisync setup --rotate" in str(caught.value.hint)
    assert keys.minted == 2
    assert keys.pair == pair
    keys.now += timedelta(days=1)
    proxy.clear()
    keys.write(keys.name, ("gone", "gone"))
    assert keys.renew()
    assert keys.minted == 3


def test_revoked_keys_are_renewed_once_and_by_one(keys: Keys, today: Vendor) -> None:
    keys.setup()
    today.revoke_keys()
    assert keys.renew() == "new ones were made"
    # The second sync that found them refused.
    assert keys.renew() == "others that work were there already"
    assert keys.minted == 2


def test_another_login_does_not_make_keys_for_its_own_tenant(keys: Keys, today: Vendor) -> None:
    keys.setup()
    today.revoke_keys()
    today.fault("GET", INFO, Answer(200, {"tenant_id": "other", "bucket_name": "b"}))
    with pytest.raises(CloudError, match="another tenant, other"):
        keys.renew()
    assert keys.minted == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer.detail(500, "x"), "trouble of its own"),
        (Answer(502, "<html>"), r"\(502\)"),
        (Answer.rate_limited("1"), "left alone for 1 s"),
        (Answer.detail(404, "x"), "does not know new S3 keys"),
        (Answer(200, "<html>"), "no JSON to new S3 keys"),
        (Answer(200, {"access_key": "a", "secret_key": None}), "misses something to new S3 keys"),
        (Answer(200, {"access_key": "a\nb", "secret_key": "c"}), "misses something"),
        (Answer(drop=True, after=True), "cannot be reached"),
        (Answer.redirect("https://evil.example"), "redirects new S3 keys"),
    ],
)
def test_keys_that_cannot_be_had_are_asked_for_once_and_nothing_is_written(
    keys: Keys, today: Vendor, answer: Answer, words: str
) -> None:
    today.fault("POST", KEYS, answer, times=None)
    with pytest.raises(CloudError, match=words):
        keys.setup()
    assert keys.minted == 1
    assert not keys.rclone.config.exists()


def test_a_member_is_told_what_he_can_do(user: User, today: Vendor) -> None:
    team = today.add_tenant(slug="team", workspace_type="organization", role="editor")
    keys = Keys(user, user.identified(workspace="team"))
    with pytest.raises(
        CloudError, match=r"for the owner of a workspace alone \(403\): Only workspace"
    ) as caught:
        keys.setup()
    assert "ask an owner" in str(caught.value.hint)
    assert f"[basic-memory-{team.tenant_id}] in rclone.conf" in str(caught.value.hint)
    keys.write(keys.name, today.mint_keys(team))
    assert keys.setup() == "kept: they still work"


def test_who_has_not_paid_is_told_that(keys: Keys, today: Vendor) -> None:
    today.default.subscribed = False
    with pytest.raises(CloudError, match="Active subscription required") as caught:
        keys.setup()
    assert "https://basicmemory.com/pricing" in str(caught.value.hint)


def test_keys_do_not_show(keys: Keys, tmp_path: Path) -> None:
    found = PROVIDER.credentials(keys.tenant, "", keys.rclone, keys.around(), rotate=False)
    assert keys.pair[1] not in repr(found)
    assert keys.rclone.config.stat().st_mode & 0o777 == 0o600

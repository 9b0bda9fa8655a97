"""Commands about organisations, keys, wallets and webhook endpoints, on the database, beside a running server."""

import argparse
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, TypeVar

from yarl import URL

from b2bua.billing.errors import BillingError
from b2bua.billing.gstin import registration
from b2bua.clock import SystemClock
from b2bua.commands.audit import typed
from b2bua.commands.databases import check_organisation, looked_up, moment, of_known, written
from b2bua.commands.output import CommandFailed, Output
from b2bua.config import Config
from b2bua.tokens import SystemTokens
from control_api.keys import new_key
from control_api.networks import read_network
from control_api.timestamps import FIRST_MS, LAST_MS
from control_api.webhooks.targets import TargetRefused, check_target
from storage.errors import TransferConflict, UnknownRecord
from storage.records import TEST_SCOPES, USUAL_SCOPES, ApiKey, Organisation, Scope, WebhookEndpoint, WebhookEvent
from storage.units import Reader, UnitOfWork

LARGEST_CREDIT_RUPEES: Final = Decimal(10_000_000)
_RUPEES: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
LONGEST_WORDS: Final = 200
LONGEST_URL: Final = 2048
NO_URL: Final = re.compile(r"[\s\x00-\x20\x7f]")


async def org_create(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`org create NAME`."""
    name = words_of(options.name, "the organisation's name")
    gstin, state = registered(options.gstin, options.state)
    organisation = Organisation(
        SystemTokens().uuid(),
        name,
        SystemClock().wall_ms(),
        gstin=gstin,
        state=state,
        rate_limit_per_minute=_rate_limit(options.rate_limit),
    )

    def work(unit: UnitOfWork) -> None:
        unit.accounts.create_organisation(organisation)
        unit.audit.add(typed("organisation.create", organisation.org_id, organisation.org_id, {"name": name}))

    await written(config, work)
    output.one({"org_id": organisation.org_id, "name": name})
    return 0


def registered(gstin: str | None, state: str | None) -> tuple[str | None, str | None]:
    """An organisation's GSTIN and state as they are kept. CommandFailed says what is wrong with them."""
    try:
        return registration(gstin, state)
    except BillingError as error:
        raise CommandFailed(f"the organisation cannot be billed so: {error}") from None


async def org_list(_options: argparse.Namespace, config: Config, output: Output) -> int:
    """`org list`."""
    organisations = await looked_up(config, lambda reader: reader.organisations())
    output.rows(
        [
            {
                "org_id": org.org_id,
                "name": org.name,
                "gstin": org.gstin,
                "state": org.state,
                "retention_days": org.retention_days,
                "created_at": moment(org.created_at),
            }
            for org in organisations
        ],
        ("org_id", "name", "retention_days", "created_at"),
    )
    return 0


async def key_create(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`key create --org ORG_ID`: the key itself is shown this once and never stored."""
    at = SystemClock().wall_ms()
    fresh = new_key(SystemTokens(), test=options.test)
    key = fresh.like(
        ApiKey(
            key_id="",
            org_id=options.org,
            name=words_of(options.name, "--name") if options.name else "",
            key_sha256="",
            prefix="",
            scopes=_scopes(options.scopes, test=options.test),
            created_at=at,
            expires_at=_expiry(options.expires, at),
            allowed_networks=_networks(options.ips),
            rate_limit_per_minute=_rate_limit(options.rate_limit),
        )
    )

    def work(unit: UnitOfWork) -> None:
        check_organisation(unit, options.org)
        unit.accounts.add_key(key)
        change = {"name": key.name, "prefix": key.prefix, "scopes": sorted(key.scopes)}
        unit.audit.add(typed("key.create", key.key_id, key.org_id, change))

    await written(config, work)
    output.one({"key_id": key.key_id, "key": fresh.text, "prefix": key.prefix, "scopes": sorted(key.scopes)})
    return 0


async def key_list(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`key list --org ORG_ID`."""
    keys = await looked_up(config, lambda reader: of_known(reader, options.org, Reader.keys))
    output.rows(
        [
            {
                "key_id": key.key_id,
                "name": key.name,
                "prefix": key.prefix,
                "scopes": sorted(key.scopes),
                "created_at": moment(key.created_at),
                "expires_at": moment(key.expires_at),
                "revoked_at": moment(key.revoked_at),
                "last_used_at": moment(key.last_used_at),
                "ips": list(key.allowed_networks),
            }
            for key in keys
        ],
        ("key_id", "name", "prefix", "scopes", "expires_at", "revoked_at", "last_used_at"),
    )
    return 0


async def key_revoke(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`key revoke KEY_ID`; done before, the first time stands."""
    at = SystemClock().wall_ms()

    def work(unit: UnitOfWork) -> int:
        key = unit.accounts.key(options.key_id)
        if key.revoked_at is not None:
            return key.revoked_at
        unit.accounts.revoke_key(key.key_id, at)
        unit.audit.add(typed("key.revoke", key.key_id, key.org_id))
        return at

    try:
        revoked_at = await written(config, work)
    except UnknownRecord:
        raise CommandFailed(f"there is no key {options.key_id}") from None
    output.one({"key_id": options.key_id, "revoked_at": moment(revoked_at)}, f"key {options.key_id} is revoked")
    return 0


async def wallet_credit(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`wallet credit --org ORG_ID --rupees N --reference REF`: idempotent by reference."""
    paise = paise_of(options.rupees)
    reference = words_of(options.reference, "--reference")
    at = SystemClock().wall_ms()
    transfer_id = f"credit:{options.org}:{reference}"

    def work(unit: UnitOfWork) -> int:
        check_organisation(unit, options.org)
        try:
            _, is_new = unit.ledger.credit(transfer_id, options.org, paise, reference, at)
        except TransferConflict:
            raise CommandFailed(f"the reference {reference!r} was used for another amount") from None
        if is_new:
            unit.audit.add(typed("wallet.credit", transfer_id, options.org, {"paise": paise, "reference": reference}))
        return unit.ledger.wallet(options.org).balance_paise

    balance = await written(config, work)
    output.one({"org_id": options.org, "transfer_id": transfer_id, "balance": balance / 100})
    return 0


async def webhook_add(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`webhook add --org ORG_ID --url URL`: the secret is shown this once."""
    address = _web_address(options.url)
    tokens = SystemTokens()
    endpoint = WebhookEndpoint(
        webhook_id=tokens.uuid(),
        org_id=options.org,
        url=options.url,
        secrets=(f"whsec_{tokens.hex(64)}",),
        events=_events(options.events),
        created_at=SystemClock().wall_ms(),
    )

    def work(unit: UnitOfWork) -> None:
        check_organisation(unit, options.org)
        unit.accounts.add_endpoint(endpoint)
        change = {"url": endpoint.url, "events": sorted(endpoint.events)}
        unit.audit.add(typed("webhook.add", endpoint.webhook_id, endpoint.org_id, change))

    await written(config, work)
    output.one(
        {
            "webhook_id": endpoint.webhook_id,
            "url": endpoint.url,
            "events": sorted(endpoint.events),
            "secret": endpoint.secrets[0],
        }
    )
    try:
        check_target(address, config.webhooks.allow_private_targets)
    except TargetRefused as refused:
        output.line(
            f"note: nothing will be sent there while webhooks.allow_private_targets is false ({refused.strerror})"
        )
    return 0


async def webhook_list(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`webhook list --org ORG_ID`."""
    endpoints = await looked_up(config, lambda reader: of_known(reader, options.org, Reader.endpoints))
    output.rows(
        [
            {
                "webhook_id": endpoint.webhook_id,
                "url": endpoint.url,
                "events": sorted(endpoint.events),
                "created_at": moment(endpoint.created_at),
                "disabled_at": moment(endpoint.disabled_at),
            }
            for endpoint in endpoints
        ],
        ("webhook_id", "url", "events", "disabled_at"),
    )
    return 0


def words_of(text: str, what: str) -> str:
    """A name as it may stand in a table or a header: one line, not empty."""
    words = text.strip()
    if not words.isprintable() or not 0 < len(words) <= LONGEST_WORDS:
        raise CommandFailed(f"{what} must have 1 to {LONGEST_WORDS} printable characters")
    return words


def _web_address(text: str) -> URL:
    try:
        url = URL(text)
        if (
            url.scheme in ("http", "https")
            and url.host
            and url.port
            and len(text) <= LONGEST_URL
            and not NO_URL.search(text)
        ):
            return url
    except ValueError:  # a broken IPv6 reference, host or port
        pass
    raise CommandFailed(f"not an http or https address: {text}")


def _scopes(text: str | None, *, test: bool) -> frozenset[Scope]:
    if text is None:
        return TEST_SCOPES & USUAL_SCOPES if test else USUAL_SCOPES
    scopes = frozenset(_each(text, Scope, "scope"))
    if test and not scopes <= TEST_SCOPES:
        raise CommandFailed(f"a test key's scopes are among {', '.join(sorted(TEST_SCOPES))}")
    return scopes


def _events(text: str | None) -> frozenset[WebhookEvent]:
    return frozenset(WebhookEvent) if text is None else frozenset(_each(text, WebhookEvent, "event"))


Word = TypeVar("Word", Scope, WebhookEvent)


def _each(text: str, words: type[Word], kind: str) -> list[Word]:
    known = {str(word.value): word for word in words}
    chosen = []
    for part in text.split(","):
        word = known.get(part.strip())
        if word is None:
            raise CommandFailed(f"unknown {kind} {part.strip()!r}; known are {', '.join(known)}")
        chosen.append(word)
    return chosen


def _expiry(text: str | None, at: int) -> int | None:
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise CommandFailed(f"not a time: {text!r}; write it as 2027-01-31T00:00:00Z") from None
    expires_at = int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
    if not FIRST_MS <= expires_at <= LAST_MS:  # an offset may lead out of what can be shown
        raise CommandFailed(f"no time of the years 1 to 9999: {text!r}")
    if expires_at <= at:
        raise CommandFailed("the expiry lies in the past")
    return expires_at


def _networks(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    networks = []
    for part in text.split(","):
        try:
            networks.append(str(read_network(part.strip())))
        except ValueError:
            raise CommandFailed(f"not an address or network: {part.strip()!r}") from None
    return tuple(networks)


def _rate_limit(limit: int | None) -> int | None:
    if limit is not None and not 0 < limit <= 1_000_000:
        raise CommandFailed("--rate-limit takes 1 to 1000000")
    return limit


def paise_of(text: str) -> int:
    """An amount in rupees, as it is typed: digits, and a point before two of them at most. CommandFailed."""
    if _RUPEES.fullmatch(text) is None:
        raise CommandFailed(f"not an amount in rupees: {text!r}; write it as 500 or 499.50")
    rupees = Decimal(text)
    if rupees <= 0 or rupees > LARGEST_CREDIT_RUPEES or rupees != round(rupees, 2):
        raise CommandFailed(f"an amount must be above 0, at most {LARGEST_CREDIT_RUPEES}, with at most two decimals")
    return int(rupees * 100)

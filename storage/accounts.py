"""Organisations, their API keys and their webhook endpoints."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from storage.codec import to_json
from storage.errors import UnknownRecord
from storage.queries import Queries, Row
from storage.records import ApiKey, Organisation, Scope, Tariff, WebhookEndpoint, WebhookEvent

ENDED_KEYS_KEPT: Final = 1_000  # of an organisation; those that ended first are forgotten


def organisation_of(row: Row) -> Organisation:
    """The organisation of an `accounts.organisation` row."""
    return Organisation(row[0], row[1], row[2], Tariff(row[3], row[4], row[5]), *row[6:])


def key_of(row: Row) -> ApiKey:
    """The key of an `accounts.keys` row."""
    return ApiKey(
        key_id=row[0],
        org_id=row[1],
        name=row[2],
        key_sha256=row[3],
        prefix=row[4],
        scopes=frozenset(Scope(word) for word in row[5].split()),
        created_at=row[6],
        expires_at=row[7],
        revoked_at=row[8],
        last_used_at=row[9],
        allowed_networks=tuple(json.loads(row[10])),
        rate_limit_per_minute=row[11],
    )


def endpoint_of(row: Row) -> WebhookEndpoint:
    """The endpoint of an `accounts.endpoint` row."""
    return WebhookEndpoint(
        webhook_id=row[0],
        org_id=row[1],
        url=row[2],
        secrets=tuple(json.loads(row[3])),
        events=frozenset(WebhookEvent(word) for word in (row[4] or "").split()),
        created_at=row[5],
        disabled_at=row[6],
    )


class Accounts:
    """Who the operator's customers are and how they are reached."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def create_organisation(self, organisation: Organisation) -> None:
        """Add a customer with an empty wallet. IllegalState: the id is taken or the tariff impossible."""
        tariff = organisation.tariff
        self._queries.run(
            "accounts.add_organisation",
            (
                organisation.org_id,
                organisation.name,
                organisation.created_at,
                tariff.rate_paise_per_minute,
                tariff.pulse_s,
                tariff.gst_percent,
                organisation.gstin,
                organisation.state,
                organisation.rate_limit_per_minute,
                organisation.retention_days,
                organisation.suspended_at,
                organisation.max_concurrent_calls,
                organisation.low_balance_paise,
                organisation.address,
            ),
        )

    def change_organisation(self, organisation: Organisation) -> None:
        """Give a customer other terms and limits. UnknownRecord; IllegalState: they are impossible."""
        tariff = organisation.tariff
        parameters: dict[str, object] = {
            "org_id": organisation.org_id,
            "name": organisation.name,
            "rate": tariff.rate_paise_per_minute,
            "pulse_s": tariff.pulse_s,
            "gst_percent": tariff.gst_percent,
            "gstin": organisation.gstin,
            "state": organisation.state,
            "rate_limit": organisation.rate_limit_per_minute,
            "retention_days": organisation.retention_days,
            "suspended_at": organisation.suspended_at,
            "max_concurrent_calls": organisation.max_concurrent_calls,
            "low_balance_paise": organisation.low_balance_paise,
            "address": organisation.address,
        }
        self._changed("accounts.change_organisation", parameters, f"no organisation {organisation.org_id}")

    def numbers(self, org_id: str) -> tuple[str, ...]:
        """The only masked numbers a customer may show; none: any."""
        return tuple(row[0] for row in self._queries.all("accounts.numbers", (org_id,)))

    def set_numbers(self, org_id: str, numbers: Sequence[str]) -> None:
        """Let a customer show these masked numbers alone; none: any. UnknownRecord."""
        self.organisation(org_id)
        self._queries.run("accounts.clear_numbers", (org_id,))
        for number in numbers:
            self._queries.run("accounts.add_number", (org_id, number))

    def set_retention(self, org_id: str, retention_days: int | None) -> None:
        """Keep a customer's recordings so many days; 0 for ever, None as configured. UnknownRecord, IllegalState."""
        parameters = {"org_id": org_id, "retention_days": retention_days}
        self._changed("accounts.set_retention", parameters, f"no organisation {org_id}")

    def set_low_balance(self, org_id: str, low_balance_paise: int | None) -> None:
        """Tell a customer when its balance falls below this; None: never. UnknownRecord, IllegalState."""
        parameters = {"org_id": org_id, "low_balance_paise": low_balance_paise}
        self._changed("accounts.set_low_balance", parameters, f"no organisation {org_id}")

    def organisation(self, org_id: str) -> Organisation:
        """One customer. UnknownRecord."""
        row = self._queries.one("accounts.organisation", (org_id,))
        if row is None:
            raise UnknownRecord(f"no organisation {org_id}")
        return organisation_of(row)

    def organisations(self) -> list[Organisation]:
        """All customers, oldest first."""
        return [organisation_of(row) for row in self._queries.all("accounts.organisations")]

    def add_key(self, key: ApiKey) -> None:
        """Add a key. UnknownRecord: no such organisation. IllegalState: the id or the key is there already.

        Of the organisation's keys that had ended when it was made the newest `ENDED_KEYS_KEPT` are kept."""
        self.organisation(key.org_id)
        self._queries.run(
            "accounts.add_key",
            (
                key.key_id,
                key.org_id,
                key.name,
                key.key_sha256,
                key.prefix,
                " ".join(sorted(key.scopes)),
                key.created_at,
                key.expires_at,
                key.revoked_at,
                key.last_used_at,
                to_json(list(key.allowed_networks)),
                key.rate_limit_per_minute,
            ),
        )
        self._queries.run(
            "accounts.forget_ended_keys", {"org_id": key.org_id, "now": key.created_at, "kept": ENDED_KEYS_KEPT}
        )

    def key_by_sha256(self, key_sha256: str) -> ApiKey | None:
        """The key with this hash, revoked and expired ones too: the caller judges."""
        row = self._queries.one("accounts.key_by_sha256", (key_sha256,))
        return None if row is None else key_of(row)

    def keys(self, org_id: str) -> list[ApiKey]:
        """An organisation's keys, oldest first."""
        return [key_of(row) for row in self._queries.all("accounts.keys", (org_id,))]

    def key(self, key_id: str) -> ApiKey:
        """One key, revoked and expired ones too. UnknownRecord."""
        row = self._queries.one("accounts.key", (key_id,))
        if row is None:
            raise UnknownRecord(f"no key {key_id}")
        return key_of(row)

    def revoke_key(self, key_id: str, at: int) -> None:
        """Revoke a key; done before, the first time stands. UnknownRecord."""
        self._changed("accounts.revoke_key", {"key_id": key_id, "at": at}, f"no key {key_id}")

    def expire_key(self, key_id: str, expires_at: int) -> None:
        """Give a key an end: the grace of one that is being replaced. UnknownRecord."""
        self._changed("accounts.expire_key", {"key_id": key_id, "expires_at": expires_at}, f"no key {key_id}")

    def touch_key(self, key_id: str, at: int) -> bool:
        """Note that a key was used; False when that was noted within the last minute, and nothing is written."""
        return self._queries.run("accounts.touch_key", {"key_id": key_id, "at": at}) == 1

    def add_endpoint(self, endpoint: WebhookEndpoint) -> None:
        """Add an endpoint; it gets what happens from now on. UnknownRecord: no such organisation."""
        self.organisation(endpoint.org_id)
        self._queries.run(
            "accounts.add_endpoint",
            (
                endpoint.webhook_id,
                endpoint.org_id,
                endpoint.url,
                to_json(list(endpoint.secrets)),
                endpoint.created_at,
                endpoint.disabled_at,
            ),
        )
        self._add_filters(endpoint)

    def endpoint(self, webhook_id: str) -> WebhookEndpoint:
        """One endpoint. UnknownRecord."""
        row = self._queries.one("accounts.endpoint", (webhook_id,))
        if row is None:
            raise UnknownRecord(f"no endpoint {webhook_id}")
        return endpoint_of(row)

    def endpoints(self, org_id: str) -> list[WebhookEndpoint]:
        """An organisation's endpoints, disabled ones too, oldest first."""
        return [endpoint_of(row) for row in self._queries.all("accounts.endpoints", (org_id,))]

    def change_endpoint(self, endpoint: WebhookEndpoint) -> None:
        """Give an endpoint this address and these events: those that happen from now on. UnknownRecord."""
        parameters = {"webhook_id": endpoint.webhook_id, "url": endpoint.url}
        self._changed("accounts.set_address", parameters, f"no endpoint {endpoint.webhook_id}")
        self._queries.run("accounts.drop_filters", (endpoint.webhook_id,))
        self._add_filters(endpoint)

    def set_endpoint_secrets(self, webhook_id: str, secrets: tuple[str, ...]) -> None:
        """Sign with these, newest first: one, or two while one is rotated. UnknownRecord, IllegalState."""
        parameters = {"webhook_id": webhook_id, "secrets": to_json(list(secrets))}
        self._changed("accounts.set_secrets", parameters, f"no endpoint {webhook_id}")

    def disable_endpoint(self, webhook_id: str, at: int) -> None:
        """Send nothing more there; what is under way is held, not lost. UnknownRecord."""
        self._changed("accounts.disable_endpoint", {"webhook_id": webhook_id, "at": at}, f"no endpoint {webhook_id}")

    def enable_endpoint(self, webhook_id: str) -> None:
        """Send there again, what was held first. UnknownRecord."""
        self._changed("accounts.enable_endpoint", {"webhook_id": webhook_id}, f"no endpoint {webhook_id}")

    def _add_filters(self, endpoint: WebhookEndpoint) -> None:
        for event in sorted(endpoint.events):
            self._queries.run("accounts.add_filter", (endpoint.webhook_id, event))

    def _changed(self, statement: str, parameters: Mapping[str, object], complaint: str) -> None:
        if self._queries.run(statement, parameters) == 0:
            raise UnknownRecord(complaint)

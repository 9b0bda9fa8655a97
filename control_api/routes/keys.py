"""An organisation's API keys."""

from dataclasses import replace
from typing import Final

from control_api.account_bodies import CreateKeyBody, RotateKeyBody
from control_api.account_schemas import key_representation
from control_api.auditing import audit_entry
from control_api.errors import Conflict, Forbidden, InvalidRequest, NotFound
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.keys import MAX_LIVE_KEYS, check_no_wider, end_of_grace, is_live, new_key
from control_api.rights import Right, scopes_within
from control_api.routes.account import EMPTY, body_of, optional_body_of, reply_of, written
from control_api.timestamps import render_timestamp
from storage.records import TEST_SCOPES, USUAL_SCOPES, ApiKey, Scope
from storage.units import UnitOfWork

_NO_KEY: Final = "No such key."


async def list_keys(api: Api, exchange: Exchange) -> Reply:
    """All keys, those that ended too, oldest first."""
    org_id = exchange.org_id
    keys = await api.store.read(lambda reader: reader.keys(org_id))
    return reply_of([key_representation(key) for key in keys])


async def create_key(api: Api, exchange: Exchange) -> Reply:
    """A new key; the only reply that ever shows it."""
    wanted = await body_of(api, exchange, CreateKeyBody)
    now_ms = api.clock.wall_ms()
    if wanted.expires_at is not None and wanted.expires_at <= now_ms:
        raise InvalidRequest("expires_at must lie in the future.", "expires_at")
    scopes = _scopes(exchange, wanted)
    networks = tuple(wanted.allowed_networks)
    check_no_wider(exchange.caller, scopes, networks, wanted.expires_at)
    rate_limit = wanted.rate_limit_per_minute
    fresh = new_key(api.tokens, test=wanted.test)
    key = fresh.like(
        ApiKey(
            key_id="",
            org_id=exchange.org_id,
            name=wanted.name,
            key_sha256="",
            prefix="",
            scopes=scopes,
            created_at=now_ms,
            expires_at=wanted.expires_at,
            allowed_networks=networks,
            rate_limit_per_minute=rate_limit,
        )
    )
    entry = audit_entry(api, exchange, "key.create", key.key_id, _told(key))

    def work(unit: UnitOfWork) -> None:
        _check_room(unit, key.org_id, now_ms, "revoke one first")
        ceiling = unit.accounts.organisation(key.org_id).rate_limit_per_minute or api.settings.rate_limit_per_minute
        if rate_limit is not None and rate_limit > ceiling:
            raise InvalidRequest(f"rate_limit_per_minute must be at most {ceiling}.", "rate_limit_per_minute")
        unit.accounts.add_key(key)
        unit.audit.add(entry)

    await written(api, work, _NO_KEY)
    return reply_of(key_representation(key) | {"key": fresh.text}, 201)


async def rotate_key(api: Api, exchange: Exchange) -> Reply:
    """A new key like an old one, which works on until its grace ends."""
    wanted = await optional_body_of(api, exchange, RotateKeyBody)
    key_id = exchange.request.match_info["key_id"]
    now_ms = api.clock.wall_ms()
    fresh = new_key(api.tokens)

    def work(unit: UnitOfWork) -> tuple[ApiKey, int]:
        old = _own(unit, exchange.org_id, key_id)
        if not is_live(old, now_ms):
            raise Conflict("The key has ended already: create a new one.")
        check_no_wider(exchange.caller, old.scopes, old.allowed_networks, old.expires_at)
        key = replace(fresh, test=old.test).successor(old, now_ms)
        ends_at = end_of_grace(old, wanted.grace_hours, now_ms)
        if ends_at > now_ms:
            _check_room(unit, key.org_id, now_ms, "revoke one first, or rotate without grace")
        unit.accounts.add_key(key)
        unit.accounts.expire_key(old.key_id, ends_at)
        change = _told(key) | {"replaces": old.key_id, "old_key_ends_at": render_timestamp(ends_at)}
        unit.audit.add(audit_entry(api, exchange, "key.rotate", key.key_id, change))
        return key, ends_at

    key, ends_at = await written(api, work, _NO_KEY)
    shown = {
        "key": replace(fresh, test=key.test).text,
        "replaces": key_id,
        "old_key_ends_at": render_timestamp(ends_at),
    }
    return reply_of(key_representation(key) | shown, 201)


async def revoke_key(api: Api, exchange: Exchange) -> Reply:
    """A key that works no more."""
    key_id = exchange.request.match_info["key_id"]
    now_ms = api.clock.wall_ms()
    entry = audit_entry(api, exchange, "key.revoke", key_id)

    def work(unit: UnitOfWork) -> None:
        if _own(unit, exchange.org_id, key_id).revoked_at is None:
            unit.accounts.revoke_key(key_id, now_ms)
            unit.audit.add(entry)

    await written(api, work, _NO_KEY)
    return EMPTY


def _check_room(unit: UnitOfWork, org_id: str, now_ms: int, advice: str) -> None:
    """Raises Conflict where one key more that works would be too many."""
    if sum(is_live(present, now_ms) for present in unit.accounts.keys(org_id)) >= MAX_LIVE_KEYS:
        raise Conflict(f"An organisation has at most {MAX_LIVE_KEYS} keys: {advice}.")


def _own(unit: UnitOfWork, org_id: str, key_id: str) -> ApiKey:
    """A key of this organisation. Raises NotFound, or UnknownRecord, for any other."""
    key = unit.accounts.key(key_id)
    if key.org_id != org_id:
        raise NotFound(_NO_KEY)
    return key


def _scopes(exchange: Exchange, wanted: CreateKeyBody) -> frozenset[Scope]:
    """The scopes that were asked for, or all that concern calls, as far as whoever asks has them."""
    if wanted.scopes is not None:
        scopes = frozenset(wanted.scopes)
        if wanted.test and not scopes <= TEST_SCOPES:
            raise InvalidRequest(f"A test key's scopes are among {', '.join(sorted(TEST_SCOPES))}.", "scopes")
        return scopes
    usual = scopes_within(exchange.caller.rights) & USUAL_SCOPES & (TEST_SCOPES if wanted.test else USUAL_SCOPES)
    if not usual:
        raise Forbidden("You have no scope to give: name those that you have.", "scopes")
    return usual


def _told(key: ApiKey) -> dict[str, object]:
    """What the audit log keeps of a key."""
    shown = key_representation(key)
    return {name: shown[name] for name in ("name", "prefix", "scopes", "expires_at", "allowed_networks")}


ROUTES: Final = (
    Route("GET", "/v1/account/keys", list_keys, right=Right.KEYS_READ),
    Route("POST", "/v1/account/keys", create_key, right=Right.KEYS_WRITE),
    Route("POST", "/v1/account/keys/{key_id}/rotate", rotate_key, right=Right.KEYS_WRITE),
    Route("DELETE", "/v1/account/keys/{key_id}", revoke_key, right=Right.KEYS_WRITE),
)

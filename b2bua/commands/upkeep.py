"""Commands that keep accounts in order: keys and secrets replaced, deliveries looked at and sent again."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from heapq import nlargest
from itertools import chain
from typing import Any, Final

from b2bua.clock import SystemClock
from b2bua.commands.accounts import paise_of, registered
from b2bua.commands.audit import typed
from b2bua.commands.databases import looked_up, moment, of_known, written
from b2bua.commands.output import CommandFailed, Output
from b2bua.config import Config
from b2bua.tokens import SystemTokens
from control_api.keys import end_of_grace, is_live, new_key
from storage.errors import UnknownRecord
from storage.records import ApiKey, DeliveryLog, Organisation
from storage.units import Reader, UnitOfWork

LONGEST_GRACE_H: Final = 24 * 365
SHOWN_DELIVERIES: Final = 50
LONGEST_ADDRESS: Final = 300
LONGEST_RETENTION_DAYS: Final = 36_500


async def org_set(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`org set ORG_ID [--retention-days N] [--gstin GSTIN] [--state STATE] [--address ADDRESS] [--low-balance RUPEES]`:
    the rest stays."""
    given = _given(options)
    if not given:
        raise CommandFailed("nothing to change; give --retention-days, --gstin, --state, --address or --low-balance")

    def work(unit: UnitOfWork) -> Organisation:
        changed = replace(unit.accounts.organisation(options.org_id), **given)
        if given.keys() & {"gstin", "state"}:
            gstin, state = registered(changed.gstin, changed.state)
            changed = replace(changed, gstin=gstin, state=state)
        unit.accounts.change_organisation(changed)
        change = {name: getattr(changed, name) for name in given}
        unit.audit.add(typed("organisation.change", options.org_id, options.org_id, change))
        return changed

    try:
        organisation = await written(config, work)
    except UnknownRecord:
        raise CommandFailed(f"there is no organisation {options.org_id}") from None
    shown = {name: getattr(organisation, name) for name in given}
    if "low_balance_paise" in shown:
        paise = shown.pop("low_balance_paise")
        shown["low_balance"] = None if paise is None else paise / 100
    output.one({"org_id": options.org_id} | shown)
    return 0


def _given(options: argparse.Namespace) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if options.retention_days is not None:
        given["retention_days"] = _retention(options.retention_days)
    for name in ("gstin", "state"):
        if getattr(options, name) is not None:
            given[name] = None if getattr(options, name) == "none" else getattr(options, name)
    if options.address is not None:
        given["address"] = None if options.address == "none" else _address(options.address)
    if options.low_balance is not None:
        given["low_balance_paise"] = None if options.low_balance == "none" else paise_of(options.low_balance)
    return given


def _address(text: str) -> str:
    address = " ".join(text.split())
    if not address.isprintable() or not 0 < len(address) <= LONGEST_ADDRESS:
        raise CommandFailed(f"an address has 1 to {LONGEST_ADDRESS} printable characters")
    return address


def _retention(text: str) -> int | None:
    if text == "default":
        return None
    if not (text.isascii() and text.isdecimal() and int(text[:9]) <= LONGEST_RETENTION_DAYS):
        raise CommandFailed(f"--retention-days takes 0 (for ever) to {LONGEST_RETENTION_DAYS}, or default")
    return int(text)


async def key_rotate(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`key rotate KEY_ID`: a new key like it at once; the old one works until its grace ends."""
    if not 0 <= options.grace_hours <= LONGEST_GRACE_H:
        raise CommandFailed(f"--grace-hours takes 0 to {LONGEST_GRACE_H}")
    at = SystemClock().wall_ms()
    fresh = new_key(SystemTokens())

    def work(unit: UnitOfWork) -> tuple[ApiKey, int]:
        old = unit.accounts.key(options.key_id)
        if not is_live(old, at):
            raise CommandFailed(f"the key {options.key_id} has ended already; create a new one")
        new = replace(fresh, test=old.test).successor(old, at)
        ends_at = end_of_grace(old, options.grace_hours, at)
        unit.accounts.add_key(new)
        unit.accounts.expire_key(old.key_id, ends_at)
        change = {"prefix": new.prefix, "replaces": old.key_id, "old_key_ends_at": moment(ends_at)}
        unit.audit.add(typed("key.rotate", new.key_id, new.org_id, change))
        return new, ends_at

    try:
        key, ends_at = await written(config, work)
    except UnknownRecord:
        raise CommandFailed(f"there is no key {options.key_id}") from None
    output.one(
        {
            "key_id": key.key_id,
            "key": replace(fresh, test=key.test).text,
            "prefix": key.prefix,
            "scopes": sorted(key.scopes),
            "replaces": options.key_id,
            "old_key_ends_at": moment(ends_at),
        }
    )
    return 0


async def webhook_rotate(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`webhook rotate WEBHOOK_ID [--finish]`: both secrets sign until `--finish` drops the old one."""
    secret = f"whsec_{SystemTokens().hex(64)}"

    def work(unit: UnitOfWork) -> tuple[str, ...]:
        present = unit.accounts.endpoint(options.webhook_id).secrets
        if options.finish:
            secrets = present[:1]
        elif len(present) > 1:
            raise CommandFailed("a rotation is under way already; end it with --finish")
        else:
            secrets = (secret, present[0])
        unit.accounts.set_endpoint_secrets(options.webhook_id, secrets)
        action = "webhook.rotate_finish" if options.finish else "webhook.rotate"
        unit.audit.add(typed(action, options.webhook_id, unit.accounts.endpoint(options.webhook_id).org_id))
        return secrets

    secrets = await _of_endpoint(config, work, options.webhook_id)
    shown: dict[str, object] = {"webhook_id": options.webhook_id, "secrets": len(secrets)}
    if not options.finish:
        shown["secret"] = secret
    output.one(shown)
    return 0


async def webhook_enable(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`webhook enable WEBHOOK_ID`: send there again after a 410; what was held goes first."""

    def work(unit: UnitOfWork) -> tuple[str, ...]:
        unit.accounts.enable_endpoint(options.webhook_id)
        unit.audit.add(typed("webhook.enable", options.webhook_id, unit.accounts.endpoint(options.webhook_id).org_id))
        return ()

    await _of_endpoint(config, work, options.webhook_id)
    output.one({"webhook_id": options.webhook_id, "disabled_at": None}, f"webhook {options.webhook_id} is enabled")
    return 0


async def webhook_deliveries(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`webhook deliveries [WEBHOOK_ID] [--org ORG_ID] [--dead]`: the newest deliveries and what came of them, of one
    endpoint, of an organisation's or of all."""

    def work(reader: Reader) -> list[DeliveryLog]:
        if options.org is None:
            asked = [org.org_id for org in reader.organisations()]
        else:
            asked = of_known(reader, options.org, lambda _reader, org_id: [org_id])
        endpoints = [(org_id, each.webhook_id) for org_id in asked for each in reader.endpoints(org_id)]
        wanted = [pair for pair in endpoints if options.webhook_id in (None, pair[1])]
        if options.webhook_id is not None and not wanted:
            raise CommandFailed(f"there is no webhook {options.webhook_id}")
        logs = (
            reader.deliveries(org_id, webhook_id, 1, SHOWN_DELIVERIES, dead_only=options.dead)
            for org_id, webhook_id in wanted
        )
        return nlargest(SHOWN_DELIVERIES, chain.from_iterable(logs), key=lambda log: log.delivery_id)

    shown = ("delivery_id", "webhook_id", "event", "call_sid", "state", "attempts", "http_status", "error")
    output.rows([_delivery(log) for log in await looked_up(config, work)], (*shown, "next_attempt_at"))
    return 0


async def webhook_replay(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`webhook replay DELIVERY_ID`: send an event to its endpoint once more."""
    at = SystemClock().wall_ms()
    try:
        new_id = await written(config, lambda unit: unit.outbox.replay(options.delivery_id, at))
    except UnknownRecord as error:
        raise CommandFailed(str(error)) from None
    output.one({"delivery_id": new_id, "replays": options.delivery_id})
    return 0


async def _of_endpoint(
    config: Config, work: Callable[[UnitOfWork], tuple[str, ...]], webhook_id: str
) -> tuple[str, ...]:
    try:
        return await written(config, work)
    except UnknownRecord:
        raise CommandFailed(f"there is no webhook {webhook_id}") from None


def _delivery(log: DeliveryLog) -> dict[str, object]:
    last = log.attempts[-1] if log.attempts else None
    return {
        "delivery_id": log.delivery_id,
        "webhook_id": log.webhook_id,
        "event_id": log.event_id,
        "event": log.event.value,
        "call_sid": log.call_sid,
        "sequence": log.sequence,
        "state": log.state.value,
        "attempts": len(log.attempts),
        "http_status": None if last is None else last.http_status,
        "error": None if last is None else last.error,
        "next_attempt_at": moment(log.due_at),
        "created_at": moment(log.created_at),
    }

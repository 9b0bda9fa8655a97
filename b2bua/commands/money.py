"""Commands about money, on the database, beside a running server."""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import Final, TypeVar

from b2bua.clock import SystemClock
from b2bua.commands.accounts import paise_of, words_of
from b2bua.commands.audit import typed
from b2bua.commands.databases import checked_apart, looked_up, opened, written
from b2bua.commands.output import CommandFailed, Output
from b2bua.config import Config
from b2bua.tokens import SystemTokens
from control_api.payment_schemas import note_representation, refund_representation, topup_representation
from control_api.payments.desk import PaymentDesk, payment_desk
from control_api.payments.noting import NoteImpossible, NoteWish, issue_note
from control_api.payments.provider import ProviderUnavailable
from control_api.payments.refunding import RefundImpossible, RefundMismatch, RefundWish, pay_back
from storage.billing_records import NoteKind
from storage.errors import UnknownRecord
from storage.units import Reader

Row = TypeVar("Row")

SHOWN: Final = 100


async def ledger_check(_options: argparse.Namespace, config: Config, output: Output) -> int:
    """`ledger check`: status 1 where something does not agree."""
    now_ms = SystemClock().wall_ms()
    found = await checked_apart(config, lambda reader: reader.discrepancies(now_ms))
    if not found:
        output.one({"data": []}, "wallets, ledger, calls, payments and documents agree")
        return 0
    output.rows([asdict(one) for one in found], ("kind", "org_id", "subject", "expected", "found"))
    return 1


async def payment_list(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`payment list --org ORG_ID`: the newest top-ups."""
    topups = await _newest(config, options.org, lambda reader: reader.topups(options.org, 1, SHOWN)[0])
    columns = ("topup_id", "total", "created_at", "paid_at", "payment_id", "invoice_number")
    output.rows([topup_representation(topup) for topup in topups], columns)
    return 0


async def payment_refunds(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`payment refunds --org ORG_ID`: the newest refunds."""
    refunds = await _newest(config, options.org, lambda reader: reader.refunds(options.org, 1, SHOWN)[0])
    columns = ("refund_id", "topup_id", "total", "status", "created_at", "credit_note_number")
    output.rows([refund_representation(refund) for refund in refunds], columns)
    return 0


async def payment_refund(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`payment refund TOPUP_ID --org ORG_ID --reference REF [--rupees N]`: the same reference counts once."""
    paise = None if options.rupees is None else paise_of(options.rupees)
    reference, reason = words_of(options.reference, "--reference"), words_of(options.reason, "--reason")
    wish = RefundWish(SystemTokens().uuid(), options.org, options.topup_id, paise, reference, reason)
    change = {"topup_id": options.topup_id, "paise": paise, "reference": reference}
    entry = typed("refund.ask", wish.refund_id, options.org, change)
    desk = _desk(config)
    store = await opened(config)
    try:
        refund = await pay_back(store, desk, wish, entry)
    except UnknownRecord:
        raise CommandFailed(f"there is no top-up {options.topup_id} of {options.org}") from None
    except (RefundImpossible, RefundMismatch) as error:
        raise CommandFailed(str(error)) from None
    except ProviderUnavailable as error:
        raise CommandFailed(
            f"the payment provider does not answer ({error}); try again with the same reference"
        ) from None
    finally:
        desk.provider.close()
        await store.close()
    output.one(refund_representation(refund))
    return 0


async def note_issue(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`credit-note issue --org ORG_ID --kind KIND --rupees N --reference REF --reason TEXT`: once for a reference."""
    kind = NoteKind(options.kind)
    wish = NoteWish(
        options.org,
        kind,
        paise_of(options.rupees),
        kind is NoteKind.CORRECTION and not options.without_tax,
        options.invoice,
        words_of(options.reference, "--reference"),
        words_of(options.reason, "--reason"),
    )
    change = {"kind": kind, "paise": wish.paise, "invoice_number": wish.invoice_number}
    entry = typed("credit_note.issue", wish.reference, options.org, change)
    desk = _desk(config)
    try:
        note = await written(config, lambda unit: issue_note(unit, desk.terms, wish, entry))
    except UnknownRecord:
        raise CommandFailed(f"there is no organisation {options.org}") from None
    except NoteImpossible as error:
        raise CommandFailed(str(error)) from None
    finally:
        desk.provider.close()
    output.one(note_representation(note))
    return 0


async def note_list(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`credit-note list --org ORG_ID`: the newest that were issued."""
    notes = await _newest(config, options.org, lambda reader: reader.credit_notes(options.org, 1, SHOWN)[0])
    columns = ("number", "kind", "total", "created_at", "reference", "reason")
    output.rows([note_representation(note) for note in notes], columns)
    return 0


async def _newest(config: Config, org_id: str, ask: Callable[[Reader], list[Row]]) -> list[Row]:
    def look(reader: Reader) -> list[Row]:
        try:
            reader.organisation(org_id)
        except UnknownRecord:
            raise CommandFailed(f"there is no organisation {org_id}") from None
        return ask(reader)

    return await looked_up(config, look)


def _desk(config: Config) -> PaymentDesk:
    desk = payment_desk(config.billing)
    if desk is None:
        raise CommandFailed("no payments are configured: [billing] has no razorpay_key_id")
    return desk

"""A call's facts into the store: each step with its webhook event, and the end with its charge, in one unit of work."""

from collections.abc import Callable
from datetime import UTC, datetime

from b2bua.call import rating
from b2bua.clock import Clock
from b2bua.switch.journal import Journal
from b2bua.tokens import Tokens
from storage.errors import BalanceTooLow
from storage.records import CallRecord, OutboxEvent, WebhookEvent, changed
from storage.units import UnitOfWork


class Settlement:
    """Writes live rows, events, extensions and final settlements through the journal."""

    keeps = True

    def __init__(self, journal: Journal, clock: Clock, tokens: Tokens, taken: Callable[[str], bool]) -> None:
        """`taken` tells whether a recording has, or is about to have, a relative path."""
        self._journal = journal
        self._clock = clock
        self._tokens = tokens
        self._taken = taken

    def write(self, record: CallRecord, event: WebhookEvent) -> CallRecord:
        """Store the live row and the webhook event; returns the record with its new sequence number."""
        numbered = changed(record, sequence=record.sequence + 1)
        told = self.outbox_event(numbered, event)

        def work(unit: UnitOfWork) -> None:
            unit.calls.save(numbered)
            unit.outbox.add(told)

        self._journal.add(work)
        return numbered

    def extend(self, record: CallRecord, reserved_pulses: int, pulses: int, done: Callable[[int], None]) -> None:
        """Reserve so many pulses more than there are, or as many as the balance covers, and tell how many: 0 is a true
        answer of the wallet's. A store that cannot be written is asked again until it answers. A test call costs
        nothing."""
        if record.test:
            done(pulses)
            return
        transfer_id = f"extend:{record.call_id}:{self._tokens.hex(8)}"
        at = self._clock.wall_ms()
        tariff = record.tariff

        def work(unit: UnitOfWork) -> int:
            for more in range(pulses, 0, -1):
                paise = rating.pulses_paise(reserved_pulses, more, tariff.rate_paise_per_minute, tariff.pulse_s)
                try:
                    # An id for each amount: asked again, a transfer that was made is one that says the same.
                    unit.ledger.extend(f"{transfer_id}:{more}", record.org_id, record.call_id, paise, at)
                except BalanceTooLow:
                    continue
                return more
            return 0

        self._journal.add(work, lambda result: done(result) if isinstance(result, int) else None)

    def settle(
        self, record: CallRecord, event: WebhookEvent, done: Callable[[CallRecord | None], None] | None = None
    ) -> None:
        """Settle the call: idempotent by its id, so that it can be repeated after a crash.

        `done` gets the CDR, None where the call was settled before.
        """
        event_id = self._tokens.uuid()
        at = self._clock.wall_ms()

        def work(unit: UnitOfWork) -> CallRecord | None:
            return settle_unit(unit, record, event, event_id, at)

        self._journal.add(work, None if done is None else lambda result: done(_as_record(result)))

    def recording_path(self, record: CallRecord) -> str:
        """YYYY/MM/DD/<first 8 hex of the id>.wav, or the whole id where that name is taken."""
        day = datetime.fromtimestamp(self._clock.wall_ms() / 1000, UTC).strftime("%Y/%m/%d")
        short = f"{day}/{record.call_id[:8]}.wav"
        return f"{day}/{record.call_id}.wav" if self._taken(short) else short

    def has_recording_at(self, path: str) -> bool:
        """Whether there is anything of a recording with this relative path, finished or not."""
        return self._taken(path)

    def outbox_event(self, record: CallRecord, event: WebhookEvent) -> OutboxEvent:
        """The event of a call as it is in `record`, numbered by its sequence."""
        return OutboxEvent(
            event_id=self._tokens.uuid(),
            org_id=record.org_id,
            call_id=record.call_id,
            sequence=record.sequence,
            event=event,
            created_at=self._clock.wall_ms(),
            call=record,
        )


def settle_unit(unit: UnitOfWork, record: CallRecord, event: WebhookEvent, event_id: str, at: int) -> CallRecord | None:
    """Capture, void the rest, CDR (which takes the live row away), event. None when the call already has its CDR."""
    if unit.cdrs.get(record.call_id) is not None:
        return None
    charge = record.price_paise or 0
    if record.test:
        charge = 0  # nothing was reserved
    elif charge > 0:
        charge = unit.ledger.capture(f"capture:{record.call_id}", record.call_id, charge, at)
    else:
        unit.ledger.void(f"void:{record.call_id}", record.call_id, at)
    cdr = changed(record, price_paise=charge, sequence=record.sequence + 1)
    unit.cdrs.add(cdr)
    unit.outbox.add(OutboxEvent(event_id, cdr.org_id, cdr.call_id, cdr.sequence, event, at, cdr))
    return cdr


def _as_record(result: object) -> CallRecord | None:
    return result if isinstance(result, CallRecord) else None

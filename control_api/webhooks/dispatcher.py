"""The outbox worker: takes due deliveries from the store, sends them, writes down what came of each.

One loop makes all units of work: each writes the outcomes that have gathered and takes as many deliveries as there is
room for, so the database is crossed once for many of both. The store hands out one delivery of a call to an endpoint
at a time, which keeps the order, and few for each endpoint at once, so that a dead one holds up no other.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from b2bua.alarm import Alarm, Scheduler
from b2bua.clock import Clock
from b2bua.switch.journal import GATHER_S
from b2bua.switch.outage import Outage
from b2bua.tokens import Tokens
from control_api.webhooks.payloads import render_body, render_wallet_body
from control_api.webhooks.retry import judge, parse_retry_after
from control_api.webhooks.sender import Sender
from control_api.webhooks.settings import DispatcherSettings
from storage.billing_records import WalletEvent
from storage.errors import StorageError, UnknownRecord
from storage.records import CallRecord, Delivery, DeliveryOutcome, OutboxEvent, WebhookEvent
from storage.store import Store
from storage.units import UnitOfWork

__all__ = ["Dispatcher", "DispatcherSettings"]

LOG: Final = logging.getLogger(__name__)

SET_BACK_MS: Final = 2_000  # a clock that lags by less is being slewed
PAUSE_S: Final = 1.0  # after the store refused, or promised what it did not give
LEASE_MARGIN_S: Final = 50.0  # beyond the timeout of an attempt
_JITTER_BITS: Final = 16


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one unit of work brought: deliveries to make now, and when there will be more (Unix milliseconds)."""

    deliveries: Sequence[Delivery]
    next_due_at: int | None


class Dispatcher:
    """Delivers every webhook at least once, in order for each call and endpoint."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        tokens: Tokens,
        settings: DispatcherSettings,
        sign_url: Callable[[CallRecord], str],
        *,
        scheduler: Scheduler | None = None,
    ) -> None:
        """`sign_url` gives the signed URL of a call's MP3, for `recording.ready`; it is called at each attempt.

        `scheduler` None: the event loop that `start` runs on.
        """
        self._store = store
        self._clock = clock
        self._tokens = tokens
        self._settings = settings
        self._sign_url = sign_url
        self._scheduler = scheduler
        self._lease_ms = round((settings.timeout_s + LEASE_MARGIN_S) * 1000)
        self._wall_ahead_ms = self._ahead_ms()
        self._to_bring_forward_ms = 0
        self._wanted = asyncio.Event()
        self._outcomes: list[DeliveryOutcome] = []
        self._in_flight: set[asyncio.Task[None]] = set()
        self._closing = False
        self._outage = Outage()
        self._sender: Sender | None = None
        self._alarm: Alarm | None = None
        self._loop_task: asyncio.Task[None] | None = None
        self._taken_over: asyncio.Future[None] | None = None
        self._delivered = self._failed = self._dead = 0

    def take_over(self) -> None:
        """Let what an earlier run left under way be ready: before all that is written from now on. `start` does so too
        where that was not asked for, and tells of what hinders it."""
        now_ms = self._clock.wall_ms()
        self._taken_over = self._store.submit(lambda unit: _take_over(unit, now_ms))

    async def start(self) -> None:
        """Take over what an earlier run left under way, and begin. StorageError when the store is not there."""
        if self._taken_over is None:
            self.take_over()
        taken_over, self._taken_over = self._taken_over, None
        if taken_over is not None:
            await taken_over
        loop = asyncio.get_running_loop()
        self._sender = Sender(self._settings, self._clock)
        self._scheduler = self._scheduler or loop
        self._alarm = Alarm(self._scheduler, self.wake)
        self._wanted.set()
        self._loop_task = loop.create_task(self._run(self._sender), name="webhook dispatcher")

    def wake(self) -> None:
        """There may be something to deliver: call it on the event loop after any commit with an outbox row. Cheap."""
        self._wanted.set()

    async def close(self) -> None:
        """Take nothing more, give what is under way a moment, write down what came of it.

        What is cut off is delivered again after the next start. Before `start`, or a second time, it does nothing.
        """
        sender, self._sender = self._sender, None
        if sender is None or self._loop_task is None or self._alarm is None:
            return
        self._closing = True
        self._alarm.clear()
        self._wanted.set()
        await self._loop_task
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=self._settings.close_grace_s)
        for task in self._in_flight:
            task.cancel()
        if self._in_flight:
            await asyncio.wait(self._in_flight)
        outcomes, self._outcomes = self._outcomes, []
        try:
            if outcomes:
                await self._store.run(lambda unit: _write(unit, outcomes))
        except StorageError as error:
            LOG.error("%d webhook outcomes could not be stored: %s", len(outcomes), error)
        finally:
            await sender.close()

    def counters(self) -> dict[str, int]:
        """Attempts by what came of them since the start, and how many are under way."""
        return {
            "webhooks_delivered_total": self._delivered,
            "webhooks_failed_total": self._failed,
            "webhooks_dead_total": self._dead,
            "webhooks_in_flight": len(self._in_flight),
        }

    async def _run(self, sender: Sender) -> None:
        while True:
            await self._wanted.wait()
            if not self._closing:
                # Commits and outcomes that come so close together share a unit of work, which shares the journal's.
                await asyncio.sleep(GATHER_S - asyncio.get_running_loop().time() % GATHER_S)
            if self._closing:
                return
            self._wanted.clear()
            try:
                await self._turn(sender)
            except Exception:  # a defect of ours: nothing would be delivered any more
                LOG.exception("a turn of webhooks failed")
                self._call_again(PAUSE_S)

    async def _turn(self, sender: Sender) -> None:
        self._follow_the_clock()
        outcomes, self._outcomes = self._outcomes, []
        now_ms, forward_ms = self._now_ms(), self._to_bring_forward_ms
        room = self._settings.max_in_flight - len(self._in_flight)
        try:
            turn = await self._store.run(lambda unit: self._exchange(unit, outcomes, now_ms, room, forward_ms))
        except StorageError as error:
            self._not_reached(error)
            self._outcomes = outcomes + self._outcomes
            self._call_again(PAUSE_S)
            return
        except Exception:  # a defect of ours: all others' webhooks go on
            LOG.exception("the outcomes of %d webhooks cannot be written down together", len(outcomes))
            await self._write_one_by_one(outcomes)
            self._call_again(PAUSE_S)
            return
        if failures := self._outage.over():
            LOG.info("the outbox is reached again, after %d failures", failures)
        self._to_bring_forward_ms -= forward_ms
        self._send_all(turn.deliveries, sender)
        if turn.next_due_at is None or room - len(turn.deliveries) <= 0:
            return  # a commit, or an outcome, wakes
        if turn.next_due_at <= now_ms and not turn.deliveries:
            self._call_again(PAUSE_S)
        else:
            self._call_again((turn.next_due_at - self._now_ms()) / 1000)

    async def _write_one_by_one(self, outcomes: Sequence[DeliveryOutcome]) -> None:
        """Only what is at fault is lost: its delivery is made again once its lease has lapsed."""
        for at, outcome in enumerate(outcomes):
            try:
                await self._store.run(partial(_write, outcomes=(outcome,)))
            except StorageError as error:
                self._not_reached(error)
                self._outcomes = [*outcomes[at:], *self._outcomes]
                return
            except Exception:
                LOG.exception("what came of webhook delivery %d cannot be written down", outcome.delivery_id)

    def _not_reached(self, error: StorageError) -> None:
        if self._outage.failed():
            LOG.error("the outbox cannot be reached, trying again: %s", error)

    def _ahead_ms(self) -> int:
        return self._clock.wall_ms() - round(self._clock.monotonic() * 1000)

    def _now_ms(self) -> int:
        """The wall clock, which does not jump back but when a turn follows it: what is due stays due."""
        return max(self._clock.wall_ms(), round(self._clock.monotonic() * 1000) + self._wall_ahead_ms)

    def _follow_the_clock(self) -> None:
        """Where the wall clock was set back, all that waits for a time is to be brought forward by as much."""
        ahead_ms = self._ahead_ms()
        back_ms = self._wall_ahead_ms - ahead_ms
        if 0 < back_ms <= SET_BACK_MS:
            return
        self._wall_ahead_ms = ahead_ms
        if back_ms <= 0:
            return  # set forward: it comes early
        _tell_of_step(back_ms)
        self._to_bring_forward_ms += back_ms
        self._outcomes = [_brought_forward(outcome, back_ms) for outcome in self._outcomes]

    def _exchange(
        self, unit: UnitOfWork, outcomes: Sequence[DeliveryOutcome], now_ms: int, room: int, forward_ms: int
    ) -> _Turn:
        """Runs on the database thread."""
        if forward_ms:
            unit.outbox.bring_forward(forward_ms)
        _write(unit, outcomes)
        settings, outbox = self._settings, unit.outbox
        each = {
            "per_endpoint": settings.max_in_flight_per_endpoint,
            "per_organisation": settings.max_in_flight_per_organisation,
        }
        claimed = outbox.claim_due(now_ms, room, lease_ms=self._lease_ms, **each) if room > 0 else []
        return _Turn(claimed, outbox.next_due_at(**each))

    def _call_again(self, wait_s: float) -> None:
        if self._alarm is not None and self._scheduler is not None and not self._closing:
            self._alarm.set(self._scheduler.time() + wait_s)

    def _send_all(self, deliveries: Sequence[Delivery], sender: Sender) -> None:
        if self._closing:
            return  # their leases lapse, or are released at the next start
        loop = asyncio.get_running_loop()
        rendered: dict[str, bytes] = {}
        for delivery in deliveries:
            task = loop.create_task(self._attempt(delivery, rendered, sender))
            self._in_flight.add(task)
            task.add_done_callback(self._attempt_ended)

    def _attempt_ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A defect of ours: the delivery's lease lapses and it is tried again; all others go on.
            LOG.error("a webhook could not be attempted", exc_info=error)

    def _body_of(self, event: OutboxEvent | WalletEvent, rendered: dict[str, bytes]) -> bytes:
        """An event that goes to several endpoints at once is rendered once."""
        body = rendered.get(event.event_id)
        if body is None:
            body = rendered[event.event_id] = self._render(event)
        return body

    def _render(self, event: OutboxEvent | WalletEvent) -> bytes:
        if isinstance(event, WalletEvent):
            return render_wallet_body(event)
        download_url = self._sign_url(event.call) if event.event is WebhookEvent.RECORDING_READY else None
        return render_body(event, self._settings.log_number_style, download_url)

    async def _attempt(self, delivery: Delivery, rendered: dict[str, bytes], sender: Sender) -> None:
        body = self._body_of(delivery.event, rendered)
        started_at = self._clock.monotonic()
        reply = await sender.send(delivery, body)
        duration_ms = round((self._clock.monotonic() - started_at) * 1000)
        now_ms = self._now_ms()
        jitter = self._tokens.integer(_JITTER_BITS) / (1 << _JITTER_BITS)
        retry_after_s = parse_retry_after(reply.retry_after, now_ms)
        verdict = judge(delivery.attempt, reply.http_status, now_ms, jitter, retry_after_s)
        outcome = DeliveryOutcome(
            delivery_id=delivery.delivery_id,
            attempt=delivery.attempt,
            attempted_at=now_ms - duration_ms,
            delivered=verdict.delivered,
            next_attempt_at=verdict.next_attempt_at,
            http_status=reply.http_status,
            error=reply.error,
            duration_ms=duration_ms,
            disable_endpoint=verdict.disable_endpoint,
            reply=reply.answer,
        )
        self._count(outcome)
        self._outcomes.append(outcome)
        self._wanted.set()

    def _count(self, outcome: DeliveryOutcome) -> None:
        if outcome.delivered:
            self._delivered += 1
            return
        self._failed += 1
        if outcome.next_attempt_at is None:
            self._dead += 1


def _brought_forward(outcome: DeliveryOutcome, by_ms: int) -> DeliveryOutcome:
    due_at = outcome.next_attempt_at
    next_attempt_at = None if due_at is None else due_at - by_ms
    return replace(outcome, attempted_at=outcome.attempted_at - by_ms, next_attempt_at=next_attempt_at)


def _take_over(unit: UnitOfWork, now_ms: int) -> None:
    """What an earlier run left under way is ready, and by a clock that was set back since not later than by its own:
    when it last lived, the database says."""
    unit.outbox.release_leases()
    lived_at = unit.calls.last_heartbeat()
    if lived_at is not None and lived_at - now_ms > SET_BACK_MS:
        _tell_of_step(lived_at - now_ms)
        unit.outbox.bring_forward(lived_at - now_ms)


def _tell_of_step(back_ms: int) -> None:
    LOG.warning("the clock was set back by %.0f s: webhooks are tried again as if it had not been", back_ms / 1000)


def _write(unit: UnitOfWork, outcomes: Sequence[DeliveryOutcome]) -> None:
    for outcome in outcomes:
        with suppress(UnknownRecord):  # deleted since: nobody asks any more
            unit.outbox.finish(outcome)

"""The outbox: events, their deliveries to endpoints, and the log of every attempt.

Of one call's deliveries to one endpoint, the lowest sequence not yet ended is `ready` or `leased`; the later ones
are `waiting` and cost a claim nothing, however many they are.
"""

import json
from collections import Counter
from typing import Final, NamedTuple

from storage.accounts import Accounts
from storage.billing_records import WalletEvent
from storage.codec import decode_call, encode_call, to_json
from storage.errors import UnknownRecord
from storage.queries import Queries, Row
from storage.records import (
    Delivery,
    DeliveryAttempt,
    DeliveryLog,
    DeliveryOutcome,
    DeliveryState,
    EndpointReply,
    OutboxEvent,
    WebhookEndpoint,
    WebhookEvent,
)

LEASE_MS: Final = 60_000
CLAIMS_PER_ENDPOINT: Final = 8
CLAIMS_PER_ORGANISATION: Final = 512

_ENDED: Final = frozenset({DeliveryState.DELIVERED, DeliveryState.DEAD})


class _OpenEndpoint(NamedTuple):
    """One with something ready: when its first is due, how many more it, and its organisation, may have under way."""

    webhook_id: str
    org_id: str
    due_at: int
    free: int
    left_to_organisation: int


def _told_of(row: Row) -> OutboxEvent | WalletEvent:
    """The event of an `outbox.event` row, of a call or of a wallet."""
    if row[4] != WebhookEvent.WALLET_LOW:
        return _event_of(row)
    facts = json.loads(row[6])
    return WalletEvent(row[0], row[1], row[3], row[5], facts["balance_paise"], facts["threshold_paise"])


def _event_of(row: Row) -> OutboxEvent:
    return OutboxEvent(row[0], row[1], row[2], row[3], WebhookEvent(row[4]), row[5], decode_call(row[6]))


def _attempt_of(row: Row) -> DeliveryAttempt:
    """The attempt of an `outbox.attempts` row, which may have what was answered at its end."""
    attempt, attempted_at, delivered, http_status, error, duration_ms, *rest = row
    reply = _reply_of(rest[0]) if rest and rest[0] is not None else None
    return DeliveryAttempt(attempt, attempted_at, bool(delivered), http_status, error, duration_ms, reply)


def _reply_to_text(reply: EndpointReply) -> str:
    return to_json({"headers": dict(reply.headers), "body": reply.body, "is_cut": reply.is_cut})


def _reply_of(text: str) -> EndpointReply:
    stored = json.loads(text)
    return EndpointReply(stored["headers"], stored["body"], stored["is_cut"])


class Outbox:
    """What is to be told to whom, and what came of it."""

    __slots__ = ("_accounts", "_queries")

    def __init__(self, queries: Queries, accounts: Accounts) -> None:
        self._queries = queries
        self._accounts = accounts

    def add(self, event: OutboxEvent) -> int:
        """Write an event and a delivery for each enabled endpoint that wants it: how many deliveries.

        IllegalState: the event id or (call, sequence) is there already, or the call has its terminal event.
        """
        row = (event.event_id, event.org_id, event.call_id, event.sequence, event.event, event.created_at)
        return self._add((*row, encode_call(event.call)))

    def add_wallet_event(self, event: WalletEvent) -> int:
        """The same of an event about a wallet."""
        facts = to_json({"balance_paise": event.balance_paise, "threshold_paise": event.threshold_paise})
        row = (event.event_id, event.org_id, event.call_id, event.sequence, WebhookEvent.WALLET_LOW, event.created_at)
        return self._add((*row, facts))

    def _add(self, row: Row) -> int:
        event_seq = self._queries.insert("outbox.add_event", row)
        _, org_id, call_id, sequence, event, created_at, _ = row
        return self._queries.run(
            "outbox.fan_out",
            {
                "event_seq": event_seq,
                "call_id": call_id,
                "sequence": sequence,
                "event": event,
                "org_id": org_id,
                "at": created_at,
            },
        )

    def claim_due(
        self,
        now: int,
        limit: int,
        *,
        lease_ms: int = LEASE_MS,
        per_endpoint: int = CLAIMS_PER_ENDPOINT,
        per_organisation: int = CLAIMS_PER_ORGANISATION,
    ) -> list[Delivery]:
        """Take up to `limit` due deliveries for `lease_ms`; nobody else gets them before that is over.

        No endpoint has more than `per_endpoint` under way, no organisation more than `per_organisation`, and the limit
        is shared among those that are due, so a dead one with a long backlog holds up no other. Those with the least
        under way come first: what dozens of dead ones give up goes to the others. Among equals, and within an endpoint,
        the most overdue come first.
        """
        self._queries.run("outbox.lapse_leases", (now,))
        due = [each for each in self._open_endpoints(per_endpoint, per_organisation) if each.due_at <= now]
        due.sort(key=lambda each: each.free, reverse=True)
        left = {each.org_id: each.left_to_organisation for each in due}
        claimed: list[Delivery] = []
        for position, each in enumerate(due):
            share = max(1, (limit - len(claimed)) // (len(due) - position))
            quota = min(each.free, share, limit - len(claimed), left[each.org_id])
            if quota > 0:
                leased = self._lease(each.webhook_id, now, now + lease_ms, quota)
                left[each.org_id] -= len(leased)
                claimed += leased
        return claimed

    def next_due_at(
        self, *, per_endpoint: int = CLAIMS_PER_ENDPOINT, per_organisation: int = CLAIMS_PER_ORGANISATION
    ) -> int | None:
        """When `claim_due` will next have something, as things stand; None: nothing is to be sent."""
        times = [each.due_at for each in self._open_endpoints(per_endpoint, per_organisation)]
        lease_end = self._queries.one("outbox.first_lease_end")
        if lease_end is not None and lease_end[0] is not None:
            times.append(lease_end[0])
        return min(times, default=None)

    def finish(self, outcome: DeliveryOutcome) -> bool:
        """Log an attempt and set what follows; the call's next delivery to the endpoint takes its turn.

        False when the lease had been lost to a later claim or the delivery had ended: then it is only logged.
        UnknownRecord.
        """
        row = self._queries.one("outbox.standing", (outcome.delivery_id,))
        if row is None:
            raise UnknownRecord(f"no delivery {outcome.delivery_id}")
        state, attempt, webhook_id, call_id = row
        self._log_attempt(outcome)
        if outcome.disable_endpoint:
            self._accounts.disable_endpoint(webhook_id, outcome.attempted_at)
        if attempt != outcome.attempt or state in _ENDED:
            return False
        if outcome.delivered:
            new_state = DeliveryState.DELIVERED
        elif outcome.next_attempt_at is None:
            new_state = DeliveryState.DEAD
        else:
            new_state = DeliveryState.READY
        self._settle(outcome.delivery_id, new_state, outcome.next_attempt_at)
        if new_state in _ENDED:
            self._queries.run(
                "outbox.promote", {"webhook_id": webhook_id, "call_id": call_id, "at": outcome.attempted_at}
            )
        return True

    def release_leases(self) -> int:
        """Make every leased delivery ready at once: at start, when no other process delivers. How many it were."""
        return self._queries.run("outbox.lapse_leases", (2**62,))

    def bring_forward(self, by_ms: int) -> None:
        """Make all that waits for a time wait for one so much earlier: the clock was set back."""
        self._queries.run("outbox.bring_forward", {"by_ms": by_ms})

    def replay(self, delivery_id: int, at: int, *, org_id: str | None = None) -> int:
        """Send an event to its endpoint once more, from the first attempt: the new delivery's id.

        One that is still on its way is left alone and its own id returned. It takes its place by sequence among
        the call's others. UnknownRecord: no such delivery (of this organisation), or its endpoint is disabled.
        """
        row = self._queries.one("outbox.delivery", (delivery_id,))
        if row is None or (org_id is not None and row[6] != org_id):
            raise UnknownRecord(f"no delivery {delivery_id}")
        state, _, webhook_id, call_id, sequence, event_seq, _, disabled_at = row
        if disabled_at is not None:
            raise UnknownRecord(f"endpoint {webhook_id} is disabled")
        if state not in _ENDED:
            return delivery_id
        return self._queries.insert(
            "outbox.replay",
            {
                "event_seq": event_seq,
                "webhook_id": webhook_id,
                "call_id": call_id,
                "sequence": sequence,
                "state": self._turn(webhook_id, call_id, sequence),
                "at": at,
            },
        )

    def events(self, call_id: str) -> list[OutboxEvent]:
        """All that was told of a call, in order."""
        return [_event_of(row) for row in self._queries.all("outbox.events_of_call", (call_id,))]

    def last_told(self) -> int:
        """The number of the newest event; they are counted as they are committed. 0: there is none."""
        return self._queries.number("outbox.last_told")

    def number_of(self, org_id: str, event_id: str) -> int | None:
        """The number of an event of this organisation."""
        row = self._queries.one("outbox.number_of", (event_id, org_id))
        return None if row is None else int(row[0])

    def told_after(self, number: int, limit: int) -> list[tuple[int, OutboxEvent]]:
        """The first events after one, of whichever organisation, with their numbers."""
        return [(row[7], _event_of(row)) for row in self._queries.all("outbox.told_after", (number, limit))]

    def told_between(self, org_id: str, after: int, until: int, limit: int) -> list[tuple[int, OutboxEvent]]:
        """An organisation's first events after one and up to another, with their numbers."""
        parameters = {"org_id": org_id, "after": after, "until": until, "limit": limit}
        return [(row[7], _event_of(row)) for row in self._queries.all("outbox.told_between", parameters)]

    def deliveries(
        self, org_id: str, webhook_id: str, page: int, per_page: int, *, dead_only: bool = False
    ) -> list[DeliveryLog]:
        """Page `page` (from 1) of an endpoint's delivery log, newest first; `dead_only`: what was given up."""
        parameters = {
            "org_id": org_id,
            "webhook_id": webhook_id,
            "limit": per_page,
            "offset": (page - 1) * per_page,
        }
        rows = self._queries.all("outbox.dead_letters" if dead_only else "outbox.log", parameters)
        return [self._log_of(row) for row in rows]

    def delivery(self, org_id: str, delivery_id: int) -> tuple[DeliveryLog, OutboxEvent | WalletEvent] | None:
        """One delivery of an organisation with all that was answered, and what it tells."""
        row = self._queries.one("outbox.log_of_one", (delivery_id, org_id))
        event = None if row is None else self._queries.one("outbox.event", (row[9],))
        return None if row is None or event is None else (self._log_of(row[:9], whole=True), _told_of(event))

    def was_told(self, org_id: str, webhook_id: str, events: frozenset[WebhookEvent]) -> bool:
        """Whether an endpoint was told of an event of one of these kinds, or is still to be. Where it was not, this
        looks at all its deliveries, which nothing that is to be written should wait for."""
        return bool(self._queries.number("outbox.was_told", (webhook_id, org_id, to_json(sorted(events)))))

    def backlog(self) -> int:
        """How many deliveries are still to be made, held ones included. Counts them: not for every request."""
        return self._queries.number("outbox.backlog")

    def _open_endpoints(self, per_endpoint: int, per_organisation: int) -> list[_OpenEndpoint]:
        """Those that may have more under way, most overdue first."""
        leased: dict[str, int] = {}
        of_organisation: Counter[str] = Counter()
        for webhook_id, org_id, count in self._queries.all("outbox.leased"):
            leased[webhook_id] = count
            of_organisation[org_id] += count
        found = [
            _OpenEndpoint(
                webhook_id,
                org_id,
                due_at,
                per_endpoint - leased.get(webhook_id, 0),
                per_organisation - of_organisation[org_id],
            )
            for webhook_id, org_id, due_at in self._queries.all("outbox.ready_endpoints")
        ]
        return [each for each in found if each.free > 0 and each.left_to_organisation > 0]

    def _lease(self, webhook_id: str, now: int, lease_until: int, limit: int) -> list[Delivery]:
        parameters = {"webhook_id": webhook_id, "now": now, "lease_until": lease_until, "limit": limit}
        endpoint = self._accounts.endpoint(webhook_id)
        rows = sorted(self._queries.all("outbox.lease", parameters))
        return [self._delivery(row, endpoint) for row in rows]

    def _delivery(self, row: Row, endpoint: WebhookEndpoint) -> Delivery:
        delivery_id, event_seq, attempt = row
        event = self._queries.one("outbox.event", (event_seq,))
        if event is None:
            raise UnknownRecord(f"delivery {delivery_id} has no event")
        return Delivery(delivery_id, endpoint, _told_of(event), attempt)

    def _turn(self, webhook_id: str, call_id: str, sequence: int) -> DeliveryState:
        """The state in which one more delivery of a call joins; one of a later sequence steps back behind it."""
        ahead = self._queries.one("outbox.on_its_way", (webhook_id, call_id))
        if ahead is None:
            return DeliveryState.READY
        ahead_id, ahead_state, ahead_sequence = ahead
        if ahead_state != DeliveryState.READY or ahead_sequence <= sequence:
            return DeliveryState.WAITING
        self._settle(ahead_id, DeliveryState.WAITING, None)
        return DeliveryState.READY

    def _settle(self, delivery_id: int, state: DeliveryState, due_at: int | None) -> None:
        self._queries.run("outbox.settle", {"delivery_id": delivery_id, "state": state, "due_at": due_at})

    def _log_attempt(self, outcome: DeliveryOutcome) -> None:
        row = (
            outcome.delivery_id,
            outcome.attempt,
            outcome.attempted_at,
            outcome.delivered,
            outcome.http_status,
            outcome.error,
            outcome.duration_ms,
            None if outcome.reply is None else _reply_to_text(outcome.reply),
        )
        self._queries.run("outbox.log_attempt", row)

    def _log_of(self, row: Row, *, whole: bool = False) -> DeliveryLog:
        delivery_id, webhook_id, event_id, event, call_id, sequence, created_at, state, due_at = row
        rows = self._queries.all("outbox.attempts_whole" if whole else "outbox.attempts", (delivery_id,))
        attempts = tuple(_attempt_of(row) for row in rows)
        ended = state in _ENDED
        return DeliveryLog(
            delivery_id,
            webhook_id,
            event_id,
            WebhookEvent(event),
            call_id,
            sequence,
            created_at,
            DeliveryState(state),
            None if ended else due_at,
            attempts,
        )

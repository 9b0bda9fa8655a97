"""What a unit of work may do, and what a read may ask."""

from typing import TypeVar

from storage.accounts import Accounts
from storage.agent_records import Agent, AgentToken
from storage.agents import Agents
from storage.audit import ALL, Audit
from storage.billing_records import (
    CreditNote,
    Discrepancy,
    IssuedDocument,
    LowBalance,
    MonthOfWallet,
    Refund,
    TopUp,
    Transfer,
    WalletEvent,
)
from storage.books import Books
from storage.call_logs import CallLogs
from storage.call_series import CallSeries, StepOfCalls
from storage.calls import Calls, Cdrs
from storage.credit_notes import CreditNotes
from storage.ledger import Ledger
from storage.letters import Letters, WaitingLetter
from storage.low_balances import LowBalances
from storage.movements import Movements
from storage.numbers import Numbers
from storage.outbox import Outbox
from storage.payments import Payments
from storage.people import People
from storage.person_records import AuditEntry, AuditWish, Invitation, Membership, Person, Session
from storage.prompts import Prompts
from storage.queries import Queries
from storage.recordings import Idempotency, Recordings
from storage.records import (
    ApiKey,
    CallFilter,
    CallRecord,
    CallStats,
    DeliveryLog,
    IdempotentReply,
    MaskingSession,
    NumberUse,
    Organisation,
    OutboxEvent,
    PromptChoice,
    Recording,
    StoredPrompt,
    TraceStep,
    TrunkSighting,
    Wallet,
    WebhookEndpoint,
    WebhookEvent,
)
from storage.refunds import Refunds
from storage.sessions import Sessions
from storage.streams import StreamEndpoint, StreamEndpoints
from storage.traces import Traces
from storage.trunks import TrunkSightings

T = TypeVar("T")


class UnitOfWork:
    """Everything that is written, by group. Use it inside the work it was given to, nowhere else."""

    __slots__ = (
        "accounts",
        "agents",
        "audit",
        "calls",
        "cdrs",
        "credit_notes",
        "idempotency",
        "ledger",
        "letters",
        "low_balances",
        "numbers",
        "outbox",
        "payments",
        "people",
        "prompts",
        "recordings",
        "refunds",
        "sessions",
        "streams",
        "traces",
        "trunks",
    )

    def __init__(self, queries: Queries) -> None:
        self.accounts = Accounts(queries)
        self.ledger = Ledger(queries)
        self.calls = Calls(queries)
        self.cdrs = Cdrs(queries)
        self.outbox = Outbox(queries, self.accounts)
        self.numbers = Numbers(queries)
        self.recordings = Recordings(queries)
        self.idempotency = Idempotency(queries)
        self.trunks = TrunkSightings(queries)
        self.people = People(queries)
        self.sessions = Sessions(queries)
        self.audit = Audit(queries)
        self.traces = Traces(queries)
        self.prompts = Prompts(queries)
        self.payments = Payments(queries)
        self.refunds = Refunds(queries)
        self.credit_notes = CreditNotes(queries)
        self.letters = Letters(queries)
        self.low_balances = LowBalances(queries)
        self.agents = Agents(queries)

        self.streams = StreamEndpoints(queries)


class Reader:
    """Everything that is asked outside a unit of work. One work sees one state of the database throughout."""

    __slots__ = ("_books", "_call_logs", "_call_series", "_movements", "_unit")

    def __init__(self, queries: Queries) -> None:
        self._unit = UnitOfWork(queries)
        self._call_logs = CallLogs(queries)
        self._call_series = CallSeries(queries)
        self._books = Books(queries)
        self._movements = Movements(queries)

    def call(self, org_id: str, call_id: str) -> CallRecord | None:
        """A call of this organisation, live or finished; another's is None."""
        return self._call_logs.call(org_id, call_id)

    def calls(self, org_id: str, wanted: CallFilter, page: int, per_page: int) -> tuple[list[CallRecord], int]:
        """A page (from 1) of an organisation's calls, newest first, and how many meet the filter in all."""
        return self._call_logs.page(org_id, wanted, page, per_page)

    def calls_before(self, org_id: str, wanted: CallFilter, last: CallRecord | None, limit: int) -> list[CallRecord]:
        """So many of an organisation's calls, newest first, that come after `last` in that order; None: the first."""
        return self._call_logs.before(org_id, wanted, last, limit)

    def stats(self, org_id: str, start: int | None, end: int | None, *, test: bool = False) -> CallStats:
        """An organisation's totals over a period, both ends included; None: open. Of test calls, or of all others."""
        return self._call_logs.stats(org_id, start, end, test=test)

    def steps_of_calls(self, org_id: str, first: int, last: int, step_h: int, *, test: bool) -> list[StepOfCalls]:
        """An organisation's calls by steps of `step_h` hours of India; those without a call are left out."""
        return self._call_series.steps(org_id, first, last, step_h, test=test)

    def live_calls(self, org_id: str | None = None) -> list[CallRecord]:
        """Every live call, or an organisation's, oldest first."""
        return self._unit.calls.live(org_id)

    def any_call(self, call_id: str) -> CallRecord | None:
        """A call of whichever organisation, live or finished: for the operator, never for a client."""
        return self._unit.calls.get(call_id) or self._unit.cdrs.get(call_id)

    def newest_calls(self, limit: int) -> list[CallRecord]:
        """The newest calls of all organisations, live ones first: for the operator."""
        live = list(reversed(self._unit.calls.live()))[:limit]
        return live + self._unit.cdrs.newest(limit - len(live))

    def trunk_sightings(self) -> list[TrunkSighting]:
        """Every trunk as the running server last saw it."""
        return self._unit.trunks.seen()

    def count_live(self, org_id: str | None = None) -> int:
        """How many calls live, in all or of an organisation."""
        return self._unit.calls.count_live(org_id)

    def last_heartbeat(self) -> int | None:
        """When a process last said that it lives."""
        return self._unit.calls.last_heartbeat()

    def prompts(self, org_id: str) -> list[StoredPrompt]:
        """An organisation's prompts, by name."""
        return self._unit.prompts.of(org_id)

    def prompt_choice(self, org_id: str) -> PromptChoice:
        """Which prompts an organisation's calls have when they choose nothing."""
        return self._unit.prompts.choice(org_id)

    def prompt_content_used(self, content_sha256: str) -> bool:
        """Whether any organisation has a prompt of this content."""
        return self._unit.prompts.uses_of(content_sha256) > 0

    def wallet(self, org_id: str) -> Wallet:
        """An organisation's money. UnknownRecord."""
        return self._unit.ledger.wallet(org_id)

    def reserved(self, call_id: str) -> int:
        """As `Ledger.reserved`."""
        return self._unit.ledger.reserved(call_id)

    def verify_ledger(self) -> list[Discrepancy]:
        """Every wallet that is not the sum of its transfers. Reads them all."""
        return self._unit.ledger.verify()

    def discrepancies(self, now: int = 0) -> list[Discrepancy]:
        """What does not agree about money at Unix millisecond `now`. Reads everything: ask it with
        `Store.read_apart`."""
        return self._books.discrepancies(now)

    def recording(self, org_id: str, call_id: str) -> Recording | None:
        """The recording of a call of this organisation, a purged one too."""
        found = self._unit.recordings.get(call_id)
        return found if found is not None and found.org_id == org_id else None

    def recording_peaks(self, org_id: str, call_id: str) -> tuple[Recording, bytes] | None:
        """The recording of a call of this organisation with what a drawing of it is made of; None without either."""
        recording, peaks = self.recording(org_id, call_id), self._unit.recordings.peaks(call_id)
        return None if recording is None or peaks is None else (recording, peaks)

    def recordings_without_mp3(self, limit: int) -> list[Recording]:
        """Recordings whose MP3 is still to be made, oldest first."""
        return self._unit.recordings.without_mp3(limit)

    def any_recording(self, call_id: str) -> Recording | None:
        """The recording of a call of whichever organisation: for the operator, never for a client."""
        return self._unit.recordings.get(call_id)

    def recordings_overdue(self, now: int, default_days: int, limit: int) -> list[Recording]:
        """Recordings kept for longer than their organisation wants; `default_days` where it has no wish."""
        return self._unit.recordings.overdue(now, default_days, limit)

    def recordings_with_files_left(self, after: str, limit: int) -> list[Recording]:
        """Purged recordings whose files may still be there, in the order of the call ids that follow `after`."""
        return self._unit.recordings.with_files_left(after, limit)

    def recordings_kept(self, after: str, limit: int) -> list[Recording]:
        """Recordings that are not purged, in the order of the call ids that follow `after`."""
        return self._unit.recordings.kept(after, limit)

    def organisation(self, org_id: str) -> Organisation:
        """One organisation. UnknownRecord."""
        return self._unit.accounts.organisation(org_id)

    def organisation_numbers(self, org_id: str) -> tuple[str, ...]:
        """The only masked numbers an organisation may show; none: any."""
        return self._unit.accounts.numbers(org_id)

    def organisations(self) -> list[Organisation]:
        """All organisations, oldest first."""
        return self._unit.accounts.organisations()

    def key_by_sha256(self, key_sha256: str) -> ApiKey | None:
        """The key with this hash, revoked and expired ones too."""
        return self._unit.accounts.key_by_sha256(key_sha256)

    def keys(self, org_id: str) -> list[ApiKey]:
        """An organisation's keys, oldest first."""
        return self._unit.accounts.keys(org_id)

    def endpoints(self, org_id: str) -> list[WebhookEndpoint]:
        """An organisation's endpoints, oldest first."""
        return self._unit.accounts.endpoints(org_id)

    def endpoint(self, org_id: str, webhook_id: str) -> WebhookEndpoint | None:
        """An endpoint of this organisation."""
        return next((found for found in self.endpoints(org_id) if found.webhook_id == webhook_id), None)

    def deliveries(
        self, org_id: str, webhook_id: str, page: int, per_page: int, *, dead_only: bool = False
    ) -> list[DeliveryLog]:
        """A page (from 1) of an endpoint's delivery log, newest first."""
        return self._unit.outbox.deliveries(org_id, webhook_id, page, per_page, dead_only=dead_only)

    def delivery(self, org_id: str, delivery_id: int) -> tuple[DeliveryLog, OutboxEvent | WalletEvent] | None:
        """One delivery of an organisation with all that was answered, and what it tells."""
        return self._unit.outbox.delivery(org_id, delivery_id)

    def was_told(self, org_id: str, webhook_id: str, events: frozenset[WebhookEvent]) -> bool:
        """Whether this organisation's endpoint was told of an event of one of these kinds, or is still to be. May look
        at all its deliveries: for `Store.read_apart`."""
        return self._unit.outbox.was_told(org_id, webhook_id, events)

    def events(self, org_id: str, call_id: str) -> list[OutboxEvent]:
        """All that was told of a call of this organisation, in order."""
        return [event for event in self._unit.outbox.events(call_id) if event.org_id == org_id]

    def last_told(self) -> int:
        """The number of the newest event of all."""
        return self._unit.outbox.last_told()

    def number_told(self, org_id: str, event_id: str) -> int | None:
        """The number of an organisation's event."""
        return self._unit.outbox.number_of(org_id, event_id)

    def told_after(self, number: int, limit: int) -> list[tuple[int, OutboxEvent]]:
        """The first events after one, of all organisations, with their numbers."""
        return self._unit.outbox.told_after(number, limit)

    def told_between(self, org_id: str, after: int, until: int, limit: int) -> list[tuple[int, OutboxEvent]]:
        """An organisation's first events after one and up to another, with their numbers."""
        return self._unit.outbox.told_between(org_id, after, until, limit)

    def trace(self, call_id: str, org_id: str | None = None) -> list[TraceStep]:
        """What happened in a call, its webhooks included, oldest first; an organisation's call alone where one is
        given. Whether the call exists is not told."""
        steps = self._unit.traces.of_call(call_id, org_id)
        return sorted(steps + self._unit.traces.webhooks_of_call(call_id), key=lambda step: step.at)

    def next_due_at(self) -> int | None:
        """When the outbox next has something to send."""
        return self._unit.outbox.next_due_at()

    def backlog(self) -> int:
        """How many deliveries are still to be made."""
        return self._unit.outbox.backlog()

    def idempotent_reply(self, org_id: str, idempotency_key: str) -> IdempotentReply | None:
        """The reply given under a key, however old."""
        return self._unit.idempotency.get(org_id, idempotency_key)

    def numbers(self) -> list[NumberUse]:
        """How busy every number is that was ever used."""
        return self._unit.numbers.use()

    def pairing_for(self, number: str, party: str, used_since: int | None = None) -> MaskingSession | None:
        """The masking session most lately used in which this party stands behind this number."""
        return self._unit.numbers.pairing_for(number, party, used_since)

    def person(self, person_id: str) -> Person:
        """One person, disabled ones too. UnknownRecord."""
        return self._unit.people.person(person_id)

    def person_by_email(self, email: str) -> Person | None:
        """One person by the mail address in lower case, disabled ones too."""
        return self._unit.people.by_email(email)

    def everyone(self, page: int, per_page: int) -> tuple[list[Person], int]:
        """A page (from 1) of all people by mail address, and how many there are."""
        return self._unit.people.everyone(page, per_page)

    def members(self, org_id: str) -> list[tuple[Person, Membership]]:
        """Everybody with a role in an organisation, by mail address."""
        return self._unit.people.members(org_id)

    def memberships(self, person_id: str) -> list[Membership]:
        """Where somebody has a role, the oldest first."""
        return self._unit.people.memberships(person_id)

    def membership(self, org_id: str, person_id: str) -> Membership | None:
        """Somebody's role in an organisation."""
        return self._unit.people.membership(org_id, person_id)

    def session(self, session_sha256: str) -> Session | None:
        """The session with this hash, ended ones too."""
        return self._unit.sessions.session(session_sha256)

    def reset_works(self, token_sha256: str, at: int) -> bool:
        """Whether the link to a new password with this hash can be used now."""
        return self._unit.sessions.resets(token_sha256, at) is not None

    def invitation(self, token_sha256: str) -> Invitation | None:
        """The invitation with this hash, used and expired ones too."""
        return self._unit.sessions.invitation(token_sha256)

    def waiting_letters(self) -> list[WaitingLetter]:
        """Letters on their way out, oldest first."""
        return self._unit.letters.waiting()

    def audit(
        self, org_id: str | None, page: int, per_page: int, wish: AuditWish = ALL
    ) -> tuple[list[AuditEntry], int]:
        """A page (from 1) of an organisation's changes, of all with None, newest first; and how many there are."""
        return self._unit.audit.page(org_id, page, per_page, wish)

    def agent(self, org_id: str, name: str) -> Agent:
        """One agent of an organisation. UnknownRecord."""
        return self._unit.agents.agent(org_id, name)

    def agents(self, org_id: str) -> list[Agent]:
        """An organisation's agents, by name."""
        return self._unit.agents.of(org_id)

    def agent_of_person(self, org_id: str, person_id: str) -> Agent | None:
        """The agent that a person is in an organisation."""
        return self._unit.agents.of_person(org_id, person_id)

    def agent_token(self, token_sha256: str) -> AgentToken | None:
        """The token of an agent with this hash, ended ones too."""
        return self._unit.agents.token(token_sha256)

    def topup(self, org_id: str, topup_id: str) -> TopUp | None:
        """A payment of this organisation, asked for or made."""
        return self._unit.payments.get(org_id, topup_id)

    def topups(self, org_id: str, page: int, per_page: int) -> tuple[list[TopUp], int]:
        """A page (from 1) of an organisation's payments, newest first; and how many there are."""
        return self._unit.payments.page(org_id, page, per_page)

    def tax_document(self, org_id: str, number: str) -> IssuedDocument | None:
        """A tax document of this organisation."""
        return self._unit.payments.document(org_id, number)

    def tax_documents(self, org_id: str, page: int, per_page: int) -> tuple[list[IssuedDocument], int]:
        """A page (from 1) of an organisation's tax documents, newest first; and how many there are."""
        return self._unit.payments.documents(org_id, page, per_page)

    def refunds(self, org_id: str, page: int, per_page: int) -> tuple[list[Refund], int]:
        """A page (from 1) of an organisation's refunds, newest first; and how many there are."""
        return self._unit.refunds.page(org_id, page, per_page)

    def month_of_wallet(self, org_id: str, from_ms: int, until_ms: int, offset_ms: int) -> MonthOfWallet:
        """What moved in a wallet in a period of at most 31 days, days counted in a time zone."""
        return self._movements.month(org_id, from_ms, until_ms, offset_ms)

    def transfers(self, org_id: str, period: tuple[int, int], page: int, per_page: int) -> tuple[list[Transfer], int]:
        """A page (from 1) of a period's transfers, its end excluded, newest first; and how many there are."""
        return self._movements.page(org_id, *period, page, per_page)

    def transfers_after(
        self, org_id: str, period: tuple[int, int], after: tuple[int, int], limit: int
    ) -> list[Transfer]:
        """The first transfers of a period behind one, oldest first: behind its time and row, or `BEGINNING`."""
        return self._movements.after(org_id, *period, after, limit)

    def stream_endpoints(self, org_id: str) -> list[StreamEndpoint]:
        """Where an organisation's calls may be streamed to, oldest first."""
        return self._unit.streams.of(org_id)

    def streaming_organisations(self) -> frozenset[str]:
        """Those all of whose calls are streamed."""
        return self._unit.streams.organisations()

    def untold_low_balances(self) -> list[LowBalance]:
        """The first low balances that nobody was told of."""
        return self._unit.low_balances.untold()

    def credit_notes(self, org_id: str, page: int, per_page: int) -> tuple[list[CreditNote], int]:
        """A page (from 1) of an organisation's credit notes by the operator, newest first; and how many there are."""
        return self._unit.credit_notes.page(org_id, page, per_page)

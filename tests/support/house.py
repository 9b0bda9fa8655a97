"""The whole product but its sockets and threads of media, on a manual clock, with two phones behind a carrier.

Real: Switch, Store (in memory), Journal, Settlement, Recordings, MediaEngine over the real stream table, UserAgent and
SipEndpoint. `at_rest` is what must be true after every scenario, the secrecy of both parties above all.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from b2bua.agents.line_trunk import line_trunk
from b2bua.call.hangup import ENDING_REASONS
from b2bua.call.model import PlaceCall
from b2bua.prompts import configured_prompts
from b2bua.sip.message import Request, Response
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import LocalAddress, TransportAddress
from b2bua.sip.settings import UserAgentSettings
from b2bua.sip.user_agent import TableSizes, UserAgent
from b2bua.switch.call_sounds import CallPrompts
from b2bua.switch.call_task import CallTask
from b2bua.switch.journal import Journal
from b2bua.switch.prompt_shelf import PromptShelf
from b2bua.switch.recordings import Recordings
from b2bua.switch.recovery import recover
from b2bua.switch.settlement import Settlement
from b2bua.switch.switch import Rooms, Switch
from b2bua.switch.tracing import Tracing
from b2bua.switch.trunk import Trunk
from b2bua.switch.trunks import Trunks
from b2bua.transport.endpoint import SipEndpoint
from media.engine import MediaEngine, MediaSettings
from media.prompts.files import PromptFiles
from media.recording.mp3 import Mp3Pool
from media.recording.recovery import RecoveredRecording
from media.transcoding.transcoder import Transcoder
from storage.errors import StoreUnavailable
from storage.records import (
    CallRecord,
    Organisation,
    OutboxEvent,
    Tariff,
    TraceStep,
    Wallet,
    WebhookEndpoint,
    WebhookEvent,
)
from storage.store import Store
from tests.support.agents import NOTHING_HELD, answer_to
from tests.support.configurations import config_of
from tests.support.lossy_network import LossyNetwork
from tests.support.manual_clock import ManualClock
from tests.support.memory_media import MEDIA_HOST, MemoryPath, MemoryPool, MemoryPorts, MemoryRecorder
from tests.support.scripted_phone import ALICE, BOB, Persona, Phone, answers
from tests.support.seeded_tokens import SeededTokens

ORG = "org-1"
HOOK = "hook-1"
OURS = TransportAddress("udp", "192.0.2.1", 5060)
CARRIER = TransportAddress("udp", "203.0.113.1", 5060)
MASKED = "917969002802"
NO_FOLDER = Path("/nonexistent/prompts")
SETTLED_S = 45.0  # the longest a dialog's last transaction is remembered, and more
MOST_TURNS = 5_000
TERMINAL = {WebhookEvent.COMPLETED, WebhookEvent.FAILED, WebhookEvent.NO_ANSWER}

ONE_TRUNK = f"""
[[trunks]]
name = "carrier"
uri = "sip:{CARRIER.host}:{CARRIER.port}"
addresses = ["203.0.113.0/24"]
numbers = ["{MASKED}"]
options_interval_s = 0
"""


def direct_trunk(persona: Persona) -> str:
    """A trunk that is the phone itself, for `sip:` parties."""
    return f"""
[[trunks]]
name = "{persona.word}-trunk"
uri = "sip:{persona.sip.host}:{persona.sip.port}"
numbers = ["{MASKED}"]
options_interval_s = 0
"""


class Carrier:
    """A trunk's gateway: hands what is dialled to the phone with that number, and what follows after it.

    With `status` set it refuses each INVITE itself, with `headers` (whole lines); with 0 it is deaf to them.
    """

    def __init__(self, network: LossyNetwork, phones: list[Phone], address: TransportAddress = CARRIER) -> None:
        self.phones = {phone.persona.number: phone for phone in phones}
        self.reachable = set(self.phones)
        self.options_status: int | None = 200
        self.options = 0
        self.registers: list[Request] = []
        self.on_register: Callable[[Request], bytes | None] | None = None
        self.answers: list[Response] = []
        self.status: int | None = None
        self.headers = ""
        self.received: list[Request] = []
        self.address = address
        self._calls: dict[str, Phone] = {}
        self._network = network
        self._wire = network.attach(address, self._arrived)

    @property
    def invites(self) -> list[Request]:
        """The INVITEs of the calls that came, each once."""
        found = {message.call_id: message for message in reversed(self.received) if message.method == "INVITE"}
        return list(reversed(found.values()))

    def send(self, content: bytes) -> None:
        """A request of the carrier's own; what comes back is in `answers`."""
        self._wire.send(content, OURS)

    def answer(self, request: Request, status: int, headers: str = "", tag: str = "gw") -> None:
        """A response of its own to a request that came; `headers` are whole lines."""
        contact = f"<sip:gw@{self.address.host}:{self.address.port}>"
        self._wire.send(answer_to(request, status, to_tag=tag, headers=headers, contact=contact), OURS)

    def go_away(self) -> None:
        """Nobody has its address any more: whoever sends there is told so."""
        self._network.detach(self.address)

    def come_back(self) -> None:
        """Be there again."""
        self._network.attach(self.address, self._arrived)

    def _arrived(self, content: bytes, source: TransportAddress, local: TransportAddress) -> None:
        message = parse_message(content)
        if isinstance(message, Response):
            self.answers.append(message)
            return
        if message.method == "OPTIONS":
            self.options += 1
            if self.options_status is not None:
                self._wire.send(answer_to(message, self.options_status, to_tag="carrier"), source)
            return
        if message.method == "REGISTER":
            self._register(message, source)
            return
        self.received.append(message)
        if self.status is not None:
            if self.status and message.method == "INVITE":
                self.answer(message, self.status, self.headers)
            return
        phone = self._calls.get(message.call_id)
        if phone is None and message.method != "INVITE":
            return  # of a call that it has answered itself: the test's to answer
        if phone is None:
            phone = self._calls[message.call_id] = self.phones[(message.uri.user or "")[-10:]]
        if phone.persona.number in self.reachable:
            phone.arrived(content, source, local)
        else:
            phone.received.append(content)

    def _register(self, message: Request, source: TransportAddress) -> None:
        self.registers.append(message)
        response = None if self.on_register is None else self.on_register(message)
        if response is not None:
            self._wire.send(response, source)


class LogKeeper(logging.Handler):
    """Every line of level INFO and above, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(self.format(record))


class House:
    """See the module. Make one with `open`, end it with `close`."""

    def __init__(self, store: Store, config_text: str, clock: ManualClock, seed: str, prompts: Path) -> None:
        self.clock = clock
        self.config = config_of(config_text)
        self.store = store
        self.tokens = SeededTokens(seed)
        self.network = LossyNetwork(clock, seed=seed)
        self.media_network = LossyNetwork(clock, keep=False)
        self.alice = Phone(ALICE, clock, self.network, self.media_network)
        self.bob = Phone(BOB, clock, self.network, self.media_network)
        self.carrier = Carrier(self.network, [self.alice, self.bob])
        self.carriers = {CARRIER: self.carrier}
        self.commits = 0
        self.log = LogKeeper()
        self.tasks: list[CallTask] = []
        self.crashed = False
        self.recovered = 0
        self.store_is_down = False
        self.may_see: dict[Persona, set[bytes]] = {ALICE: set(), BOB: set()}  # what a route shows of the other
        self.phones_forget = True  # False: a phone was cut off and may still believe in its call
        self.configured_prompts = configured_prompts(self.config)
        self.shelf = PromptShelf(store, PromptFiles(prompts), clock)
        self.media, self.recorder = self._media()
        self.journal = Journal(store, self._committed)
        line = line_trunk(5099, self.config.webrtc.codecs) if self.config.webrtc.enabled else None
        self.trunks = Trunks(self.config.trunks, clock, self.config.routes, line, self.tokens)
        self.tracing = Tracing(self.journal, clock, clock, keep_days=7)
        self.settlement = Settlement(self.journal, clock, self.tokens, self.recorder.taken)
        self.pool = MemoryPool()
        self.recordings = Recordings(
            store,
            self.journal,
            self.settlement,
            cast(Mp3Pool, self.pool),
            Path("/nonexistent/recordings"),
            clock,
            self.recorder.acknowledge,
        )
        self.switch = Switch(
            self.config,
            Rooms(
                store=store,
                journal=self.journal,
                settlement=self.settlement,
                recordings=self.recordings,
                media=self.media,
                trunks=self.trunks,
                clock=clock,
                tokens=self.tokens,
                scheduler=clock,
                prompts=CallPrompts(self.shelf, self.configured_prompts.sounds),
                tracing=self.tracing,
            ),
        )
        locals_ = tuple([LocalAddress(OURS._replace(transport=by), OURS.host, OURS.port) for by in ("udp", "tcp")])
        settings = UserAgentSettings(locals=locals_, ending_reasons=ENDING_REASONS)
        self.user_agent = UserAgent(settings, self.tokens, self.trunks.is_peer, self.trunks.policy_of)
        told = (self.switch.on_sip_event, self.tracing.message_tape, self.switch.on_connection_ended)
        self.endpoint = SipEndpoint(self.user_agent, clock, self.trunks.is_peer, *told)
        self.endpoint.attach(self.network.attach(OURS, self.endpoint.received))
        self.network.unreachable = self._unreachable
        self.switch.attach(self.endpoint)
        self._begin = self.switch.begin
        self.switch.begin = self._begun  # type: ignore[method-assign]

    def _begun(self, record: CallRecord, legs: Any, books: Any, sounds: Any, stream: Any = None) -> None:
        self._begin(record, legs, books, sounds, stream)
        task = self.switch._calls.get(record.call_id)
        if task is not None:
            self.tasks.append(task)

    @classmethod
    async def open(
        cls,
        config: str = "",
        *,
        trunks: str = ONE_TRUNK,
        media: str = "",
        paise: int = 100_000,
        tariff: Tariff | None = None,
        store: Store | None = None,
        clock: ManualClock | None = None,
        seed: str = "house",
        orphans: Sequence[RecoveredRecording] = (),
        prompts: Path = NO_FOLDER,
    ) -> "House":
        """A house that takes calls. One with the `store` of a crashed house recovers first, with these orphans."""
        opened = store or await Store.open("sqlite://")
        house = cls(
            opened,
            f'[media]\naddress = "{MEDIA_HOST}"\n{media}\n{config}\n{trunks}',
            clock or ManualClock(),
            seed,
            prompts,
        )
        if store is None:
            await opened.run(lambda unit: house._found(unit, paise, tariff or Tariff()))
        root = logging.getLogger()
        root.addHandler(house.log)
        for name in ("b2bua", "media", "storage", "control_api"):
            logging.getLogger(name).setLevel(logging.INFO)
        house.journal.start()
        house.recordings.start(workers=1)
        house.media.start()
        if store is not None:
            house.recovered = await recover(store, house.settlement, house.recordings, list(orphans))
        house.switch.start()
        return house

    def _found(self, unit: Any, paise: int, tariff: Tariff) -> None:
        unit.accounts.create_organisation(Organisation(ORG, "House", 1_000, tariff))
        hook = WebhookEndpoint(HOOK, ORG, "https://client.example/hook", ("secret",), frozenset(WebhookEvent), 2_000)
        unit.accounts.add_endpoint(hook)
        if paise:
            unit.ledger.credit("first", ORG, paise, "top-up", 3_000)

    def _media(self) -> tuple[MediaEngine, MemoryRecorder]:
        section = self.config.media
        recorder = MemoryRecorder(self.clock, lambda event: self.media._deliver(event))
        path = MemoryPath(self.clock, self.media_network, lambda event: self.media._deliver(event))
        engine = MediaEngine(
            MediaSettings(
                address=section.address,
                ports=(section.ports.first, section.ports.last),
                port_rest_s=section.port_rest_s,
                timeout_early_s=section.rtp_timeout_early_s,
                timeout_s=section.rtp_timeout_s,
                timeout_hold_s=section.rtp_timeout_hold_s,
            ),
            self.tokens,
            self.clock.monotonic,
            lambda event: self.switch.on_media_event(event),
            recorder,
            lambda work: cast(None, self.clock.call_soon(work)),
            path,
            prompts=self.configured_prompts.announcements,
            transcoder=Transcoder(self.clock.monotonic, path.send_audio, self._convert_soon),
        )
        engine._ports = MemoryPorts(
            section.address, section.ports.first, section.ports.last, section.port_rest_s, self.clock.monotonic
        )
        return engine, recorder

    def _convert_soon(self) -> None:
        self.clock.call_soon(lambda: cast(None, self.media._transcoder.turn(self.clock.monotonic())))

    def _committed(self) -> None:
        self.commits += 1

    def _unreachable(self, content: bytes, source: TransportAddress, destination: TransportAddress) -> None:
        if source == OURS:
            self.endpoint.undelivered(content, destination)

    # Time

    async def flush(self) -> None:
        """Let the store catch up with the present instant."""
        turns = 0
        while not self.store_is_down and (
            self.journal.backlog or self.recordings.queue_length or self.switch._being_admitted()
        ):
            turns += 1
            assert turns < MOST_TURNS, "the journal or the recordings never get done"
            await self.store.run(lambda unit: None)
            for _ in range(3):  # what follows from a fact comes a turn of the loop after it is durable
                await asyncio.sleep(0)
        if self.store_is_down:
            for _ in range(5):  # it is tried, in vain
                await asyncio.sleep(0)

    def take_store_down(self) -> None:
        """Nothing can be written from now on."""
        self.store_is_down = True

        async def refuse(_work: object) -> None:
            raise StoreUnavailable("disk full")

        self.store.run = refuse  # type: ignore[method-assign, assignment]

    def bring_store_back(self) -> None:
        """It can be written again."""
        self.store_is_down = False
        del self.store.run

    async def run(self, seconds: float) -> None:
        """Move the clock on, the store keeping up at every step."""
        end = self.clock.time() + seconds
        await self.flush()
        due = self.clock.next_due()
        while due is not None and due <= end:
            self.clock.advance_to(max(due, self.clock.time()))
            await self.flush()
            due = self.clock.next_due()
        self.clock.advance_to(end)
        await self.flush()

    async def until(self, told: Callable[[], object], limit_s: float = 120.0) -> None:
        """Move the clock until something is true."""
        end = self.clock.time() + limit_s
        await self.flush()
        while not told():
            due = self.clock.next_due()
            assert due is not None, "nothing is left that could bring it about"
            assert due <= end, f"it did not come about within {limit_s:g} s"
            self.clock.advance_to(max(due, self.clock.time()))
            await self.flush()

    # Calls

    async def place(self, **changes: Any) -> CallRecord:
        """Place a call from Alice to Bob."""
        values: dict[str, Any] = {"org_id": ORG, "party_a": ALICE.number, "party_b": BOB.number, **changes}
        return (await self.switch.place_call(PlaceCall(**values))).record

    async def arrive(self, user: str, phone: Phone | None = None, **changes: Any) -> CallRecord:
        """Let a phone, Alice's by default, call in, until the product has begun the call."""
        known = len(self.tasks)
        (phone or self.alice).call(user, OURS, **changes)
        await self.until(lambda: len(self.tasks) > known)
        return self.tasks[-1].machine.record

    async def refused(self, user: str, phone: Phone | None = None, **changes: Any) -> Response:
        """Let a phone, Alice's by default, call in, and be refused without a call: the final response."""
        known = len(self.tasks)
        caller = phone or self.alice
        caller.call(user, OURS, **changes)
        await self.until(lambda: "Rejected" in caller.kinds())
        assert len(self.tasks) == known
        return caller.rejected

    async def bridged(self, **changes: Any) -> CallRecord:
        """A call in which both talk, one second after Bob picked up."""
        self.alice.on_invite = self.alice.on_invite or answers(1.0)
        self.bob.on_invite = self.bob.on_invite or answers(1.0)
        call = await self.place(**changes)
        await self.until(lambda: self.state(call) == "bridged")
        self.alice.speak()
        self.bob.speak()
        await self.run(1.0)
        return call

    def state(self, call: CallRecord) -> str:
        """The state of the call's machine."""
        return next(task.machine.state.value for task in self.tasks if task.call_id == call.call_id)

    async def over(self, call: CallRecord, limit_s: float = 200.0) -> CallRecord:
        """The CDR, once it is there."""
        await self.until(lambda: call.call_id not in self.switch._calls, limit_s)
        return await self.cdr(call)

    async def ended(self, call: CallRecord, limit_s: float = 200.0) -> CallRecord:
        """The CDR, once it is there; then everything comes to rest."""
        await self.over(call, limit_s)
        self.alice.fall_silent()
        self.bob.fall_silent()
        await self.run(SETTLED_S)
        return await self.cdr(call)

    async def relayed(self, call: CallRecord, limit_s: float = 200.0) -> CallRecord:
        """What a call that is nobody's was like in the end; then everything comes to rest."""
        await self.until(lambda: call.call_id not in self.switch._calls, limit_s)
        self.alice.fall_silent()
        self.bob.fall_silent()
        await self.run(SETTLED_S)
        return next(task.machine.record for task in self.tasks if task.call_id == call.call_id)

    async def cdr(self, call: CallRecord) -> CallRecord:
        """The finished call."""
        found = await self.store.run(lambda unit: unit.cdrs.get(call.call_id))
        assert found is not None, "the call has no CDR"
        return found

    async def told(self, call: CallRecord) -> list[OutboxEvent]:
        """The webhook events of the call, in order."""
        return await self.store.read(lambda reader: reader.events(call.org_id, call.call_id))

    async def words(self, call: CallRecord) -> list[str]:
        """Their names without `call.`."""
        return [event.event.value.removeprefix("call.") for event in await self.told(call)]

    async def wallet(self) -> Wallet:
        """The organisation's money."""
        return await self.store.read(lambda reader: reader.wallet(ORG))

    def carrier_at(self, host: str, port: int = 5060) -> Carrier:
        """The gateway at this address, one more where there is none."""
        address = TransportAddress("udp", host, port)
        if address not in self.carriers:
            self.carriers[address] = Carrier(self.network, [self.alice, self.bob], address)
        return self.carriers[address]

    def trunk(self, name: str = "carrier") -> Trunk:
        """A trunk by name."""
        return next(trunk for trunk in self.trunks if trunk.name == name)

    @property
    def user_agent_address(self) -> TransportAddress:
        """Where the product listens."""
        return OURS

    # The end

    async def crash(self) -> Store:
        """Die here and now: nothing more is written or sent. Only the store is left."""
        self.crashed = True
        if self.journal._task is not None:
            self.journal._task.cancel()
            await asyncio.gather(self.journal._task, return_exceptions=True)
        await self.recordings.close()
        if self.store_is_down:
            self.bring_store_back()
        return self.store

    async def close(self) -> None:
        """Stop everything."""
        self.switch.stop()
        self.endpoint.close()
        await self.recordings.close()
        if not self.crashed:
            await self.journal.close()
        self.media.close()
        logging.getLogger().removeHandler(self.log)
        for name in ("b2bua", "media", "storage", "control_api"):
            logging.getLogger(name).setLevel(logging.NOTSET)
        if not self.crashed:
            await self.store.close()

    async def at_rest(self) -> None:
        """What holds after every scenario. Only a house that crashed on purpose is spared."""
        if self.crashed:
            return
        self.alice.fall_silent()
        self.bob.fall_silent()
        await self.run(SETTLED_S)
        assert self.switch.live_calls() == 0, "a call never ended"
        assert self.user_agent.table_sizes() == NOTHING_HELD, "the user agent holds on to something"
        for phone in (self.alice, self.bob):
            if phone.raw is None and self.phones_forget:
                assert phone.user_agent.table_sizes() == TableSizes(0, 0, 0, 0), f"{phone.persona.word} waits"
        assert self.switch._usages == {}
        assert self.switch._awaiting_recorder == {}
        counters = self.media.counters()
        assert (counters["legs"], counters["streams"]) == (0, 0), "a media leg is left open"
        assert [(trunk.live_calls, trunk.promised) for trunk in self.trunks] == [(0, 0)] * len(self.trunks)
        assert [(trunk.rate.waiting, trunk.rate.booked) for trunk in self.trunks] == [(0, 0)] * len(self.trunks)
        assert [task.machine.impossible_inputs for task in self.tasks] == [0] * len(self.tasks)
        assert self.journal.failed == 0
        await self._check_books()
        self.check_secrecy()
        self.check_log()
        assert (self.tracing.held, len(self.tracing._legs)) == (0, 0), "a trace is never closed"
        await self._check_traces()

    async def _check_traces(self) -> None:
        """What is kept of a call's course shows no number of a party."""
        for task in self.tasks:
            steps = await self.trace(task.machine.record)
            assert bool(steps) == bool(task.machine.record.org_id)
            for step in steps:
                assert ALICE.number not in str(step), f"the trace tells Alice's number: {step}"
                assert BOB.number not in str(step), f"the trace tells Bob's number: {step}"

    async def trace(self, call: CallRecord) -> list[TraceStep]:
        """What is kept of a call's course."""
        return await self.store.read(lambda reader: reader.trace(call.call_id))

    async def _check_books(self) -> None:
        """No live row, one CDR and one terminal event for each call, the ledger's sums right, the price charged."""
        assert await self.store.read(lambda reader: reader.live_calls()) == []
        assert await self.store.read(lambda reader: reader.discrepancies()) == []
        wallet = await self.wallet()
        assert wallet.reserved_paise == 0, "money is still set aside"
        for task in self.tasks:
            if not task.machine.record.org_id:
                continue
            cdr = await self.cdr(task.machine.record)
            told = await self.told(cdr)
            assert [event.sequence for event in told] == list(range(1, len(told) + 1))
            assert [event.event for event in told if event.event in TERMINAL] == [
                next(event.event for event in told if event.event in TERMINAL)
            ], "not exactly one terminal event"
            assert told[0].event is WebhookEvent.INITIATED
            assert all(event.event in (*TERMINAL, WebhookEvent.RECORDING_READY) for event in told[-1:])
            terminal = next(event for event in told if event.event in TERMINAL)
            story = replace(terminal.call, sequence=0)
            recording = await self.store.read(lambda reader, of=cdr.call_id: reader.any_recording(of))  # type: ignore[misc]
            if recording is not None and recording.purged_at is not None:
                story = replace(story, recording_path=None)
            assert story == replace(cdr, sequence=0), "the event tells another story"

    def check_secrecy(self) -> None:
        """Nothing that a party was sent holds anything of the other."""
        for phone, other in ((self.alice, self.bob), (self.bob, self.alice)):
            phone.check_bodies()
            sent = b"\n".join(phone.received)
            media = b"\n".join(phone.received_rtp + phone.received_rtcp)
            own = phone.marks()
            for secret in {*other.persona.secrets(), *other.marks()} - own - self.may_see[phone.persona]:
                assert secret.lower() not in sent.lower(), f"{phone.persona.word} was told {secret!r}"
            for secret in other.source_marks():
                assert secret not in media, f"{phone.persona.word} heard {secret!r} by RTP or RTCP"
            for secret in other.persona.secrets():
                assert secret not in b"\n".join(phone.received_rtcp)

    def check_log(self) -> None:
        """No line of a log shows a whole number of a party."""
        for line in self.log.lines:
            assert ALICE.number not in line, f"the log tells Alice's number: {line}"
            assert BOB.number not in line, f"the log tells Bob's number: {line}"

    def masked_on(self, phone: Phone) -> None:
        """Its INVITE showed the masked number and nothing else, in From and P-Asserted-Identity."""
        assert phone.invite is not None
        assert phone.invite.from_.uri.user == f"+{MASKED}"
        assert f"+{MASKED}@" in (phone.invite.headers.get("P-Asserted-Identity") or "")

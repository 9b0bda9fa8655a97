"""Where test calls run: a switch of their own whose one trunk leads, over loopback, to simulated parties.

It has no trunk of the configuration, so that nothing it does can reach one. What it writes goes the way of all calls:
the same journal, the same webhooks. It is built when the first test call comes.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeAlias

from b2bua.call.errors import InvalidParties, RehearsalsOff
from b2bua.call.masking import parse_party
from b2bua.call.model import PlaceCall, PlacedCall
from b2bua.clock import Clock
from b2bua.config import Config
from b2bua.config.kinds import ListenAddress, TrunkUri
from b2bua.config.sections import SipSection, Trunk
from b2bua.listening import SipListeners
from b2bua.packet_path import packet_path_of, watch_on
from b2bua.rehearsal.behaviour import behaviour_of
from b2bua.rehearsal.parties import SimulatedParties
from b2bua.sip.events import UserAgentEvent
from b2bua.sip.routing import TransportAddress
from b2bua.sip.settings import UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from b2bua.switch.switch import Rooms, Switch
from b2bua.switch.tracing import Message
from b2bua.switch.trunks import Trunks
from b2bua.tokens import Tokens
from b2bua.transport.endpoint import SipEndpoint
from media.engine import MediaEngine, MediaSettings
from media.events import MediaEvent
from media.recording.recorder import Recorder
from media.tones import Cadence, Tone, prepare
from storage.records import TEST_NUMBER

Tape: TypeAlias = Callable[[bool, Message, TransportAddress], None]

LOOPBACK: Final = "127.0.0.1"
NAME: Final = "test"
VOICE: Final = Cadence("simulated party", 1000, ((800, 200),), None)
PORT_REST_S: Final = 2.0
LAST_CALLS_S: Final = 5.0  # at the end, so long for test calls to be settled


@dataclass(frozen=True, slots=True)
class Shared:
    """What test calls have in common with all others. `rooms`: those of the live switch; `announcements`: of media."""

    config: Config
    rooms: Rooms
    recorder: Recorder
    announcements: tuple[Tone, ...]
    loop: asyncio.AbstractEventLoop


class Rehearsal:
    """Places test calls. Nothing is open before the first one, and everything until `close`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._stack = contextlib.AsyncExitStack()
        self._starting = asyncio.Lock()
        self._switch: Switch | None = None
        self._parties: SimulatedParties | None = None
        self._closed = False

    async def place_call(self, command: PlaceCall) -> PlacedCall:
        """Place a test call. Raises a `CallError`: `InvalidParties` where one is none of the simulated parties."""
        if not self._shared.config.test_calls.enabled or self._closed:
            raise RehearsalsOff
        for field, text in (("party_a", command.party_a), ("party_b", command.party_b)):
            party = parse_party(text, sip_allowed=False)
            if party is None or behaviour_of(party.text) is None:
                raise InvalidParties("A test call goes between simulated parties: 9000001000 and others.", field)
        return await (await self._started()).place_call(command)

    def switch_of(self, call_id: str) -> Switch | None:
        """The switch of a test call that runs now."""
        switch = self._switch
        return switch if switch is not None and switch.has(call_id) else None

    def on_media_event(self, event: MediaEvent) -> None:
        """Route an event of the media engine, or of the recorder, to its call."""
        if self._switch is not None:
            self._switch.on_media_event(event)

    async def close(self) -> None:
        """End the calls there are, wait a while for them to be settled, and close everything. Twice is fine."""
        self._closed = True
        if self._switch is not None:
            empty = asyncio.Event()
            self._switch.drain(empty.set)
            self._switch.end_all_calls()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_CALLS_S):
                    await empty.wait()
        self._switch = None  # only now: the last calls wait for what the recorder tells
        await self._stack.aclose()

    async def _started(self) -> Switch:
        async with self._starting:
            if self._switch is None:
                self._switch = self._build()
            return self._switch

    def _build(self) -> Switch:
        """Two user agents on loopback, a media engine for both, and a switch."""
        shared, stack = self._shared, self._stack
        near, far = self._listeners(), self._listeners()
        config = _config(shared.config, _port(far))
        media = self._media()
        rooms = replace(shared.rooms, media=media, trunks=Trunks(config.trunks, shared.rooms.clock))
        switch = Switch(config, rooms)
        tape = None if rooms.tracing is None else rooms.tracing.message_tape
        switch.attach(self._endpoint(near, rooms.trunks, switch.on_sip_event, tape))
        answering = Trunks((_trunk(_port(near), ()),), shared.rooms.clock)
        parties = SimulatedParties(
            next(iter(answering)),
            media,
            shared.loop,
            shared.rooms.tokens,
            prepare(VOICE),
            2 * config.calls.max_concurrent,
        )
        parties.attach(self._endpoint(far, answering, parties.on_sip_event))
        stack.callback(parties.close)
        switch.start()
        stack.callback(switch.stop)
        return switch

    def _listeners(self) -> SipListeners:
        bound = SipListeners.bind((ListenAddress("udp", LOOPBACK, 0),), SipSection(), self._clock.wall_ms())
        self._stack.push_async_callback(bound.close)
        return bound

    def _endpoint(
        self,
        listeners: SipListeners,
        trunks: Trunks,
        on_event: Callable[[UserAgentEvent], None],
        tape: Tape | None = None,
    ) -> SipEndpoint:
        settings = UserAgentSettings(locals=listeners.locals, user_agent=self._shared.config.sip.user_agent)
        user_agent = UserAgent(settings, self._tokens, trunks.is_peer, trunks.policy_of)
        endpoint = SipEndpoint(user_agent, self._shared.loop, trunks.is_peer, on_event, tape)
        self._stack.callback(endpoint.close)
        listeners.start(endpoint, self._shared.loop, trunks.identity_of)
        return endpoint

    def _media(self) -> MediaEngine:
        shared = self._shared
        ports = shared.config.test_calls.ports
        media = MediaEngine(
            MediaSettings(
                address=LOOPBACK,
                ports=(ports.first, ports.last),
                port_rest_s=PORT_REST_S,
                own_peers=True,
                packet_path=packet_path_of(shared.config),  # the recorder's taps are made for it
            ),
            self._tokens,
            self._clock.monotonic,
            self.on_media_event,
            shared.recorder,
            partial(_post, shared.loop),
            soon=shared.loop.call_soon,
            prompts=shared.announcements,
            watch=watch_on(shared.loop),
        )
        media.start()
        self._stack.callback(media.close)
        return media

    @property
    def _clock(self) -> Clock:
        return self._shared.rooms.clock

    @property
    def _tokens(self) -> Tokens:
        return self._shared.rooms.tokens


def _post(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
        loop.call_soon_threadsafe(work)


def _port(listeners: SipListeners) -> int:
    return listeners.locals[0].bound.port


def _config(live: Config, port: int) -> Config:
    """The configuration of the test calls' switch: one trunk, no routes, numbers alone, their own limit."""
    calls = replace(live.calls, max_concurrent=live.test_calls.max_concurrent, sip_parties=False)
    return replace(live, trunks=(_trunk(port, (TEST_NUMBER,)),), routes=(), calls=calls)


def _trunk(port: int, numbers: tuple[str, ...]) -> Trunk:
    uri = TrunkUri(LOOPBACK, port, "udp", f"sip:{LOOPBACK}:{port};transport=udp")
    return Trunk(name=NAME, uri=uri, numbers=numbers, options_interval_s=0)

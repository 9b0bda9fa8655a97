"""ICE of one browser: the library's agent on sockets of ours, with limits on what strangers can make it do."""

import asyncio
import struct
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, cast

from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import CandidatePair, StunProtocol, relayed_candidate, server_reflexive_candidate
from aioice.stun import Message, TransactionError, TransactionFailed

from media.webrtc.candidates import CANDIDATES_MAX, IceCandidate
from media.webrtc.flood import TokenBucket
from media.webrtc.ice_parameters import IceCredentials
from media.webrtc.ice_servers import parse_ice_url
from media.webrtc.interface import Address, IceServer
from media.webrtc.server_health import ServerHealth
from media.webrtc.srtp import PacketBuffer
from media.webrtc.udp import HostSocket, UdpPorts
from media.webrtc.unwanted import UnwantedRelays

# How long STUN and TURN servers may take to answer before the browser is answered without them: a request that is sent
# twice more. One that did not is not waited for again until it has answered.
GATHERING_S: Final = 2.0
# How long they are listened for after that.
LATE_S: Final = 30.0
# How long a TURN server may take to say that an allocation is gone; host sockets are closed before.
CLOSING_S: Final = 2.0
# STUN that is taken of addresses that are nobody's yet, and of those that are the browser's or name our ufrag.
STRANGERS_PER_S: Final = 50
STRANGERS_BURST: Final = 50
KNOWN_PER_S: Final = 200
KNOWN_BURST: Final = 200
# How often one ICE session may change its role: two sides that mean it are done after one.
ROLE_SWITCHES_MAX: Final = 4

_NO_ADDRESS: Final = {False: ("0.0.0.0", 9), True: ("::", 9)}
_UDP: Final = "udp"
_BINDING_REQUEST: Final = b"\x00\x01"
# What the library's parser may stumble over in a datagram that looks like STUN.
_MALFORMED: Final = (ValueError, struct.error, IndexError, KeyError, TypeError)
_PRIORITY_STEP: Final = 1

_Found = tuple[Candidate, StunProtocol | None]
"""A candidate, and where it is a relayed one what it is reached by."""


class IceOwner(Protocol):
    """Who gets what comes over ICE."""

    def media_arrived(self, size: int) -> None:
        """SRTP or SRTCP stands in the buffer."""
        ...

    def dtls_arrived(self, datagram: bytes) -> None:
        """DTLS came from an address that has shown to be the browser's."""
        ...

    def path_found(self, ice: "BrowserIce") -> None:
        """The first pair has shown to work: `transmit` may be used, though none is selected yet."""
        ...

    def consent_lost(self, ice: "BrowserIce") -> None:
        """The browser has not consented for too long (RFC 7675)."""
        ...


class HostAddress:
    """An address of this machine that browsers are met on: `told` is what they are told in its place."""

    __slots__ = ("ports", "told")

    def __init__(self, ports: UdpPorts, told: str) -> None:
        self.ports = ports
        self.told = told


@dataclass(frozen=True, slots=True)
class IceSettings:
    """`consent_interval_s` is varied by a fifth each time; `consent_s` without an answer ends the consent. `vary`: a
    number of 0 .. 2**16 - 1 that nobody foretells."""

    addresses: tuple[HostAddress, ...]
    buffer: PacketBuffer
    health: ServerHealth
    unwanted: UnwantedRelays
    clock: Callable[[], float]
    vary: Callable[[], int]
    consent_interval_s: float = 5.0
    consent_s: float = 30.0


class IceCounts:
    """What was turned away, of one browser."""

    __slots__ = ("refused_checks", "stray")

    def __init__(self) -> None:
        self.refused_checks = 0
        self.stray = 0


class _Protocol(StunProtocol):
    """One base: a host socket, or an allocation on a TURN server."""

    receiver: "BrowserIce"

    def arrived(self, size: int, origin: tuple[Any, ...]) -> None:
        """A datagram stands in the buffer."""
        ice = self.receiver
        if 127 < ice.view[0] < 192 and size >= 8:
            ice.owner.media_arrived(size)
        else:
            ice.other_arrived(bytes(ice.view[:size]), (origin[0], origin[1]), self)

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """A datagram came by the library's own transport: a relay."""
        packet = cast(bytes, data)
        size = self.receiver.buffer.put(packet)
        if size:
            self.arrived(size, addr)

    def stun_received(self, data: bytes, origin: Address) -> None:
        """STUN that may cost what it costs."""
        super().datagram_received(data, origin)


class BrowserIce(Connection):
    """One ICE session with a browser. `ours`: our credentials in it. The way it is used: `gather_candidates`,
    `described`, `connect`, then `transmit`; `close` in any case."""

    def __init__(
        self,
        settings: IceSettings,
        owner: IceOwner,
        counts: IceCounts,
        ours: IceCredentials,
        theirs: IceCredentials,
        servers: tuple[IceServer, ...] = (),
    ) -> None:
        super().__init__(ice_controlling=theirs.lite, local_username=ours.ufrag, local_password=ours.password)
        self.remote_username, self.remote_password = theirs.ufrag, theirs.password
        self.remote_is_lite = theirs.lite
        self.owner = owner
        self.ours = ours
        self.buffer, self.view = settings.buffer, settings.buffer.view
        self.round_trip_ms: float | None = None
        self._settings = settings
        self._counts = counts
        self._sockets: list[HostSocket] = []
        self._late: set[asyncio.Task[_Found]] = set()
        self._told: dict[Address, str] = {}
        self._known: set[Address] = set()
        # A check has it in its USERNAME: those of a browser at an address that nobody has told are among strangers'.
        self._ours_in_it = f"{ours.ufrag}:".encode("ascii")
        now = settings.clock()
        self._strangers = TokenBucket(STRANGERS_PER_S, STRANGERS_BURST, now)
        self._acquainted = TokenBucket(KNOWN_PER_S, KNOWN_BURST, now)
        self._role_switches = 0
        self._pair: CandidatePair | None = None
        self._valid: CandidatePair | None = None  # until one is nominated
        self._send: Callable[[Any, Any], None] = _nowhere
        self._target: Address = ("", 0)
        self._urls: dict[str, str] = {}
        self._use(servers)

    def _use(self, servers: tuple[IceServer, ...]) -> None:
        """One STUN server and one TURN server, of those that answer."""
        asked = [(server, parse_ice_url(server.url)) for server in servers]
        for kind in ("stun", "turn"):
            found = [(server, endpoint) for server, endpoint in asked if endpoint.kind == kind]
            if not found:
                continue
            server, endpoint = found[self._settings.health.preferred([server.url for server, _ in found])]
            self._urls[kind] = server.url
            if kind == "stun":
                self.stun_server = (endpoint.host, endpoint.port)
            else:
                self.turn_server = (endpoint.host, endpoint.port)
                self.turn_transport, self.turn_ssl = endpoint.transport, endpoint.tls
                self.turn_username, self.turn_password = server.username, server.credential

    async def gather_candidates(self) -> None:
        """Bind the host addresses and ask the servers. BrowserPortsExhausted: nothing is bound then."""
        self._local_candidates_start = True
        try:
            for number, address in enumerate(self._settings.addresses):
                self._bind(address, number)
            await self._ask_servers()
        except BaseException:
            await self.close()
            raise
        self._local_candidates_end = True

    def _bind(self, address: HostAddress, number: int) -> None:
        opened = address.ports.open()
        port = opened.getsockname()[1]
        protocol = _Protocol(self)
        loop = asyncio.get_running_loop()

        def closed() -> None:
            address.ports.release(port)
            loop.call_soon(protocol.connection_lost, None)

        transport = HostSocket(loop, opened, self.buffer, protocol.arrived, closed)
        protocol.connection_made(transport)
        bound = address.ports.address
        protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", _UDP, bound),
            component=1,
            transport=_UDP,
            # Of several addresses the first is to be preferred (RFC 8445 section 5.1.2.2).
            priority=candidate_priority(1, "host", 65_535 - number * _PRIORITY_STEP),
            host=address.told if ":" not in bound and bound == "0.0.0.0" else bound,
            port=port,
            type="host",
        )
        self._told[(protocol.local_candidate.host, port)] = address.told
        self._protocols.append(protocol)
        self._sockets.append(transport)
        self._local_candidates.append(protocol.local_candidate)

    async def _ask_servers(self) -> None:
        """Wait for servers that answer; one that has been silent is asked beside, and not waited for."""
        health = self._settings.health
        asked: dict[asyncio.Task[_Found], str] = {}
        for server, question in self._questions():
            if not health.is_silent(server):
                asked[asyncio.create_task(question())] = server
            elif health.is_due(server):
                self._ask_beside(server, asyncio.create_task(question()))
        if asked:
            await self._await(asked)

    async def _await(self, asked: dict[asyncio.Task[_Found], str]) -> None:
        try:
            done, pending = await asyncio.wait(asked, timeout=GATHERING_S)
        except asyncio.CancelledError:
            for task in asked:
                if not task.cancel():
                    self._settings.unwanted.give_back(task)
            raise
        well = {asked[task] for task in done if task.exception() is None or _is_refusal(task)}
        for server in set(asked.values()):
            self._settings.health.noted(server, answered=server in well)
        for task in pending:
            self._ask_beside(asked[task], task)
        for task in done:
            if task.exception() is None:
                self._found(*task.result())

    def _found(self, candidate: Candidate, relay: StunProtocol | None) -> None:
        self._local_candidates.append(candidate)
        if relay is not None:
            self._protocols.append(relay)

    def _questions(self) -> list[tuple[str, Callable[[], Coroutine[Any, Any, _Found]]]]:
        """What is to be asked of which server, by its URL."""
        questions: list[tuple[str, Callable[[], Coroutine[Any, Any, _Found]]]] = []
        if self.stun_server is not None:
            questions += [
                (self._urls["stun"], partial(server_reflexive_candidate, protocol, self.stun_server))
                for protocol in self._protocols
                if ":" not in protocol.local_candidate.host
            ]
        if self.turn_server is not None:
            questions.append((self._urls["turn"], partial(self._relayed, self.turn_server)))
        return questions

    def _ask_beside(self, server: str, question: asyncio.Task[_Found]) -> None:
        """An answer comes too late for the browser at hand: the next one is told of it."""
        health, unwanted = self._settings.health, self._settings.unwanted

        def unheard() -> None:
            health.noted(server, answered=False)
            question.cancel()

        timer = asyncio.get_running_loop().call_later(LATE_S, unheard)

        def heard(_: asyncio.Task[_Found]) -> None:
            timer.cancel()
            self._late.discard(question)
            if not question.cancelled():
                health.noted(server, answered=question.exception() is None or _is_refusal(question))
                unwanted.give_back(question)

        self._late.add(question)
        question.add_done_callback(heard)

    async def _relayed(self, server: Address) -> _Found:
        asking = asyncio.get_running_loop().create_task(
            relayed_candidate(
                component=1,
                hide_related_address=True,
                protocol_factory=lambda: _Protocol(self),
                turn_server=server,
                turn_username=self.turn_username,
                turn_password=self.turn_password,
                turn_ssl=self.turn_ssl,
                turn_transport=self.turn_transport,
            )
        )
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            # The server may have granted it by now, or grants it in a moment.
            self._settings.unwanted.take(asking)
            raise

    async def close(self) -> None:
        """Close it; harmless when it is closed. A relay whose server is silent goes by itself, half a minute later."""
        self.let_go()
        for question in self._late:
            question.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_S):
                await super().close()

    def let_go(self) -> None:
        """Give the host sockets back at once: whoever waits for the rest of `close` may be cancelled meanwhile."""
        self._valid = None
        for opened in self._sockets:
            opened.close()

    def described(self) -> tuple[IceCandidate, ...]:
        """Our candidates as the browser is told them, each address once."""
        found: dict[Address, IceCandidate] = {}
        for candidate in self._local_candidates:
            address = self._told.get((candidate.host, candidate.port), candidate.host)
            related = None if candidate.type == "host" else _NO_ADDRESS[":" in address]
            told = IceCandidate(
                candidate.foundation, candidate.priority, address, candidate.port, candidate.type, related
            )
            found.setdefault((address, candidate.port), told)
        return tuple(found.values())

    async def take(self, candidates: tuple[IceCandidate, ...]) -> None:
        """Further candidates of the browser; above the limit they are passed over."""
        for each in candidates:
            if len(self._remote_candidates) >= CANDIDATES_MAX:
                return
            candidate = Candidate(each.foundation, 1, _UDP, each.priority, each.address, each.port, each.kind)
            await self.add_remote_candidate(candidate)

    def transmit(self, data: Any) -> bool:
        """Send over the selected pair, before that over any valid one (RFC 8445 section 12.1); False where there is
        none."""
        pair = self._nominated.get(1) or self._valid
        if pair is not self._pair:
            self._select(pair)
        if pair is None:
            return False
        self._send(data, self._target)
        return True

    def forget_path(self) -> None:
        """Send nothing any more."""
        self._nominated.clear()
        self._valid = None

    def _select(self, pair: CandidatePair | None) -> None:
        self._pair = pair
        if pair is not None:
            self._target = pair.remote_addr
            transport = pair.protocol.transport
            self._send = transport.sendto if isinstance(transport, HostSocket) else _copying(transport)

    def unsent(self) -> int:
        """Datagrams that the kernel had no room for."""
        return sum(each.unsent for each in self._sockets)

    def other_arrived(self, data: bytes, origin: Address, protocol: _Protocol) -> None:
        """What is no media: STUN, DTLS of the browser's addresses, or nothing of ours."""
        first, now = data[0], self._settings.clock()
        known = (
            origin in self._known
            or (data.startswith(_BINDING_REQUEST) and self._ours_in_it in data)
            or any(each._network_host == origin[0] and each.port == origin[1] for each in self._remote_candidates)
        )
        if not (self._acquainted if known else self._strangers).take(now):
            self._counts.refused_checks += 1
        elif first < 4:
            with suppress(*_MALFORMED):
                protocol.stun_received(data, origin)
        elif 19 < first < 64 and origin in self._known:
            self.owner.dtls_arrived(data)
        else:
            self._counts.stray += 1

    def check_incoming(self, message: Message, addr: Address, protocol: StunProtocol) -> None:
        """A check that was made with our password."""
        if addr not in self._known:
            if len(self._known) >= CANDIDATES_MAX:
                self._counts.refused_checks += 1
                return
            self._known.add(addr)
        super().check_incoming(message, addr, protocol)

    def switch_role(self, ice_controlling: bool) -> None:
        """Our tie-breaker has lost (RFC 8445 section 7.3.1.1)."""
        self._role_switches += 1
        super().switch_role(ice_controlling)

    async def check_start(self, pair: CandidatePair) -> None:
        """Check a pair, which the library does again at once after each conflict of roles."""
        if self._role_switches <= ROLE_SWITCHES_MAX:
            await super().check_start(pair)
        else:
            self.check_state(pair, CandidatePair.State.FAILED)
            self.check_complete(pair)

    def check_complete(self, pair: CandidatePair) -> None:
        """A check of ours has its answer, or none: an answer shows that the address is the browser's."""
        super().check_complete(pair)
        if pair.state is not CandidatePair.State.SUCCEEDED or self._closing:
            return
        if len(self._known) < CANDIDATES_MAX:
            self._known.add(pair.remote_addr)
        if self._nominated:
            self._valid = None
        elif self._valid is None:
            self._valid = pair
        self.owner.path_found(self)

    def data_received(self, data: bytes, component: int) -> None:
        """What looked like STUN and is none."""
        self._counts.stray += 1

    async def query_consent(self) -> None:
        """Ask for consent for as long as it is given (RFC 7675 section 5.1)."""
        settings = self._settings
        given = settings.clock()
        while True:
            varied = 0.8 + 0.4 * settings.vary() / 65_536
            left_s = max(given + settings.consent_s - settings.clock(), 0.0)
            await asyncio.sleep(min(settings.consent_interval_s * varied, left_s))
            pair = self._nominated.get(1)
            if pair is None:
                return
            asked = settings.clock()
            try:
                await self._ask_consent(pair)
            except TransactionError:
                if settings.clock() - given >= settings.consent_s:
                    self.forget_path()
                    self.owner.consent_lost(self)
                    return
                continue
            given = settings.clock()
            self.round_trip_ms = (given - asked) * 1000

    async def _ask_consent(self, pair: CandidatePair) -> None:
        assert self.remote_password is not None
        await pair.protocol.request(
            self.build_request(pair, nominate=False),
            pair.remote_addr,
            integrity_key=self.remote_password.encode("ascii"),
            retransmissions=1,
        )


def _is_refusal(question: asyncio.Task[_Found]) -> bool:
    """Whether a server answered, if only with an error."""
    return question.done() and not question.cancelled() and isinstance(question.exception(), TransactionFailed)


def _nowhere(data: Any, address: Any) -> None:
    """Where nothing is selected."""


def _copying(transport: asyncio.DatagramTransport) -> Callable[[Any, Any], None]:
    """A relay keeps what it is given for a while: it gets a copy."""
    return lambda data, address: transport.sendto(bytes(data), address)

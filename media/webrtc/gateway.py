"""The gateway for browsers: their sessions in a thread with a loop of its own, commanded from any other loop."""

import asyncio
import datetime
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from media.errors import GatewayClosed, TooManyBrowsers, UnknownBrowser
from media.packet_path.protection import available_suites
from media.webrtc.certificate import make_certificate
from media.webrtc.dtls import DtlsIdentity
from media.webrtc.ice import HostAddress, IceSettings
from media.webrtc.ice_parameters import IceCredentials
from media.webrtc.interface import (
    Address,
    BrowserAnswer,
    BrowserClosed,
    BrowserConnected,
    BrowserDisconnected,
    BrowserEvent,
    BrowserFailed,
    BrowserFigures,
    BrowserReconnected,
    BrowserWish,
    PayloadTypes,
)
from media.webrtc.peer import PeerSettings
from media.webrtc.server_health import ServerHealth
from media.webrtc.session import BrowserSession
from media.webrtc.srtp import PacketBuffer
from media.webrtc.udp import UdpPorts
from media.webrtc.unwanted import UnwantedRelays

T = TypeVar("T")

_UFRAG_DIGITS: Final = 8
_PASSWORD_DIGITS: Final = 32
_CLOSING_S: Final = 5.0
_COUNTED: Final = {
    BrowserConnected: "connected",
    BrowserDisconnected: "disconnected",
    BrowserReconnected: "reconnected",
    BrowserFailed: "failed",
    BrowserClosed: "closed_by_browser",
}


class TokenSource(Protocol):
    """Unpredictable values. The gateway's own: it is asked on its thread alone."""

    def hex(self, digits: int) -> str:
        """A string of `digits` lowercase hexadecimal digits."""
        ...

    def integer(self, bits: int) -> int:
        """An integer of 0 .. 2**bits - 1."""
        ...


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """`addresses`: where browsers are met, each with what they are told in its place ("": itself). `ports`: first and
    last, on each of them. `plain_address`: of the plain side. Seconds as in [webrtc]; consent as RFC 7675 has it."""

    addresses: tuple[tuple[str, str], ...] = (("127.0.0.1", ""),)
    ports: tuple[int, int] = (30_000, 30_999)
    plain_address: str = "127.0.0.1"
    max_browsers: int = 200
    connect_timeout_s: float = 15.0
    consent_interval_s: float = 5.0
    consent_s: float = 30.0


class WebrtcGateway:
    """`BrowserGateway` as it is. `start` first; `stop` ends its thread."""

    def __init__(
        self,
        settings: GatewaySettings,
        tokens: TokenSource,
        clock: Callable[[], float],
        now: datetime.datetime,
        on_event: Callable[[BrowserEvent], None],
        poster: Callable[[Callable[[], None]], object],
        new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    ) -> None:
        """`clock`: monotonic seconds. `now`: with a time zone, for the certificate. `poster`: runs a callable on the
        loop that `on_event` is called on, from any thread (`loop.call_soon_threadsafe`)."""
        # What it logs at its level is addresses of browsers.
        logging.getLogger("aioice").setLevel(logging.WARNING)
        self._settings = settings
        self._tokens = tokens
        self._on_event, self._poster = on_event, poster
        start = tokens.integer(16)
        self._ports = [UdpPorts(address, *settings.ports, start=start) for address, _ in settings.addresses]
        addresses = tuple(
            HostAddress(ports, told or address)
            for ports, (address, told) in zip(self._ports, settings.addresses, strict=True)
        )
        self._peers = PeerSettings(
            IceSettings(
                addresses,
                PacketBuffer(),
                ServerHealth(clock),
                UnwantedRelays(),
                clock,
                lambda: tokens.integer(16),
                settings.consent_interval_s,
                settings.consent_s,
            ),
            DtlsIdentity(make_certificate(now, tokens.integer(64)), available_suites()),
            lambda: IceCredentials(tokens.hex(_UFRAG_DIGITS), tokens.hex(_PASSWORD_DIGITS)),
            settings.connect_timeout_s,
        )
        self._loop = new_loop()
        self._thread = threading.Thread(target=self._run, name="webrtc", daemon=True)
        self._running = False
        self._sessions: dict[str, BrowserSession] = {}
        self._waiting: dict[str, _Line] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._totals = dict.fromkeys(("opened", *_COUNTED.values()), 0)

    def start(self) -> None:
        """Start the thread."""
        self._running = True
        self._thread.start()

    async def stop(self) -> None:
        """Close all sessions, each told by BrowserClosed, and end the thread. Harmless when it is not running."""
        if not self._running:
            return
        await self._command(self._close_all())
        self._running = False
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join, _CLOSING_S)
        if not self._thread.is_alive():
            self._loop.close()

    async def answer(self, session: str, offer: str, wish: BrowserWish) -> BrowserAnswer:
        """See `BrowserGateway.answer`."""
        return await self._command(self._answer(session, offer, wish))

    async def aim(self, session: str, remote: Address, payload_types: PayloadTypes) -> None:
        """See `BrowserGateway.aim`."""

        async def aimed() -> None:
            self._find(session).aim(remote, payload_types)

        await self._command(aimed())

    async def trickle(self, session: str, fragment: str) -> None:
        """See `BrowserGateway.trickle`."""

        async def trickled() -> None:
            await self._find(session).trickle(fragment)

        await self._command(trickled())

    async def restart(self, session: str, fragment_or_offer: str) -> str:
        """See `BrowserGateway.restart`."""

        async def restarted() -> str:
            async with self._turn(session):
                return await self._find(session).restart(fragment_or_offer)

        return await self._command(restarted())

    async def close(self, session: str) -> None:
        """See `BrowserGateway.close`."""
        await self._command(self._close(session))

    def figures(self, session: str) -> BrowserFigures | None:
        """See `BrowserGateway.figures`."""
        found = self._sessions.get(session)
        return None if found is None else found.figures()

    def counters(self) -> Mapping[str, float]:
        """See `BrowserGateway.counters`."""
        left = min((ports.left() for ports in self._ports), default=0)
        return {"browsers": len(self._sessions), "ports_left": left, **self._totals}

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _command(self, work: Coroutine[Any, Any, T]) -> T:
        if not self._running:
            work.close()
            raise GatewayClosed("the gateway for browsers is not running")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _answer(self, name: str, offer: str, wish: BrowserWish) -> BrowserAnswer:
        async with self._turn(name):
            found = self._sessions.get(name)
            if found is not None:
                return await found.answer(offer, wish)
            if len(self._sessions) >= self._settings.max_browsers:
                raise TooManyBrowsers(f"there are {self._settings.max_browsers} browsers already")
            session_id = self._tokens.integer(62)
            made = BrowserSession(name, self._peers, self._settings.plain_address, session_id, self._tell, self._ended)
            # In the table at once, so that those which gather candidates meanwhile count.
            self._sessions[name] = made
            answered = False
            try:
                answer = await made.answer(offer, wish)
                answered = True
            finally:
                if not answered:
                    self._sessions.pop(name, None)
                    await made.close()
            self._totals["opened"] += 1
            return answer

    async def _close(self, name: str) -> None:
        async with self._turn(name):
            found = self._sessions.pop(name, None)
            if found is not None:
                await found.close()

    def _ended(self, session: BrowserSession) -> None:
        """The browser ended it: it is closed like any other, but from below."""
        task = self._loop.create_task(self._end(session))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _end(self, session: BrowserSession) -> None:
        name = session.name
        async with self._turn(name):
            # The page may have been loaded anew, and have offered before it was known that the one before had gone.
            if session.is_over and self._sessions.get(name) is session:
                del self._sessions[name]
                self._tell(BrowserClosed(name))
                await session.close()

    async def _close_all(self) -> None:
        """All at once: one whose TURN server is silent takes a while to go."""
        names = tuple(self._sessions)
        closing = [*self._closing, *(self._loop.create_task(self._close(name)) for name in names)]
        for name in names:
            self._tell(BrowserClosed(name))
        if closing:
            await asyncio.wait(closing, timeout=_CLOSING_S)
        await self._peers.ice.unwanted.end()
        left = asyncio.all_tasks() - {asyncio.current_task()}  # what late messages have begun, and who does not close
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_CLOSING_S)

    def _tell(self, event: BrowserEvent) -> None:
        self._totals[_COUNTED[type(event)]] += 1
        self._poster(lambda: self._on_event(event))

    def _find(self, name: str) -> BrowserSession:
        found = self._sessions.get(name)
        if found is None:
            raise UnknownBrowser("no browser of this session is there")
        return found

    def _turn(self, name: str) -> "_Turn":
        return _Turn(self._waiting, name)


class _Turn:
    """One name's turn: commands of one session come one after the other. Its lock is kept while somebody has it or
    waits for it."""

    def __init__(self, waiting: dict[str, "_Line"], name: str) -> None:
        self._waiting = waiting
        self._name = name

    async def __aenter__(self) -> None:
        line = self._waiting.setdefault(self._name, _Line())
        line.users += 1
        try:
            await line.lock.acquire()
        except asyncio.CancelledError:
            self._left(line)
            raise

    async def __aexit__(self, *_: object) -> None:
        line = self._waiting[self._name]
        line.lock.release()
        self._left(line)

    def _left(self, line: "_Line") -> None:
        line.users -= 1
        if not line.users:
            del self._waiting[self._name]


class _Line:
    """Who stands in line for one session."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0

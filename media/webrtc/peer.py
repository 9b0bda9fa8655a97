"""The browser's side of a session: ICE, DTLS over it, SRTP keyed by that (RFC 5764). A page that was loaded anew is
another peer of the same session; an ICE restart is not."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from media.errors import UnusableFragment
from media.webrtc.candidates import IceCandidate
from media.webrtc.dtls import DtlsAssociation, DtlsIdentity
from media.webrtc.ice import BrowserIce, IceCounts, IceSettings
from media.webrtc.ice_parameters import IceCredentials
from media.webrtc.interface import FailureReason, IceServer
from media.webrtc.offer import BrowserOffer
from media.webrtc.srtp import BrowserSrtp

# Datagrams of the handshake that wait for a path; the oldest goes first, as it is sent again by itself.
_HELD_MAX: Final = 16

PeerState = Literal["new", "connected", "disconnected", "failed", "closed"]


class PeerOwner(Protocol):
    """Who is told what becomes of a peer, and gets what it says."""

    def peer_connected(self, peer: "BrowserPeer") -> None:
        """It is connected, again or over another path."""
        ...

    def peer_disconnected(self, peer: "BrowserPeer") -> None:
        """Its consent ran out."""
        ...

    def peer_failed(self, peer: "BrowserPeer", reason: FailureReason) -> None:
        """It did not come to be connected."""
        ...

    def peer_closed(self, peer: "BrowserPeer") -> None:
        """It said that it ends."""
        ...

    def rtp_opened(self, size: int) -> None:
        """Plain RTP of the browser stands in the buffer."""
        ...

    def rtcp_opened(self, size: int) -> None:
        """Plain RTCP of the browser stands in the buffer."""
        ...


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """`new_credentials`: fresh ones, at each call."""

    ice: IceSettings
    identity: DtlsIdentity
    new_credentials: Callable[[], IceCredentials]
    connect_timeout_s: float


class BrowserPeer:
    """One browser, from its offer on. `open` first, then `begin`; `close` in any case."""

    def __init__(
        self, settings: PeerSettings, owner: PeerOwner, offer: BrowserOffer, servers: tuple[IceServer, ...]
    ) -> None:
        """ValueError: a server's URL is none."""
        self.offer = offer
        self.state: PeerState = "new"
        self.srtp: BrowserSrtp | None = None
        self.counts = IceCounts()
        self._settings = settings
        self._owner = owner
        self._view = settings.ice.buffer.view
        self._ice = self._new_ice(offer.ice, servers)
        self._next: BrowserIce | None = None
        self._dtls = DtlsAssociation(settings.identity, offer.fingerprints, offer.dtls_client)
        self._held: deque[bytes] = deque(maxlen=_HELD_MAX)
        self._shaken = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connecting: asyncio.Task[None] | None = None

    @property
    def ice(self) -> BrowserIce:
        """The ICE session that media go over."""
        return self._ice

    @property
    def has_left(self) -> bool:
        """Whether the browser has said that it ends."""
        return self._dtls.state == "closed"

    async def open(self) -> None:
        """Find our candidates. BrowserPortsExhausted."""
        await self._ice.gather_candidates()
        await self._ice.take(self.offer.candidates)

    def begin(self) -> None:
        """Connect, in the background."""
        if not self.offer.dtls_client and self._dtls.state == "new":
            self._transmit(self._dtls.start())
        self._connecting = self._spawn(self._connect(self._ice))

    async def _connect(self, ice: BrowserIce) -> None:
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                await ice.connect()
                if self._dtls.state == "new":
                    self._transmit(self._dtls.start())
                self._arm()
                await self._shaken.wait()
        except (TimeoutError, ConnectionError):
            self._fail("connect_timeout")
            # The handshake may have been done over a pair that was never nominated.
            ice.forget_path()
            self.consent_lost(ice)

    async def trickle(self, ufrag: str | None, candidates: tuple[IceCandidate, ...]) -> None:
        """Take further candidates; UnusableFragment where they are of an ICE session that is none of this peer's."""
        for ice in (self._next, self._ice):
            if ice is not None and ufrag in (None, ice.remote_username):
                await ice.take(candidates)
                return
        raise UnusableFragment("the fragment is of an ICE session that is over")

    async def restart(
        self, theirs: IceCredentials, candidates: tuple[IceCandidate, ...], servers: tuple[IceServer, ...]
    ) -> BrowserIce:
        """Begin another ICE session beside the one that is; media take it once it stands. BrowserPortsExhausted and
        UnusableFragment, of a browser whose DTLS has failed or ended, leave what was before."""
        following = self._new_ice(theirs, servers)
        await following.gather_candidates()
        await following.take(candidates)
        if self._dtls.state in ("failed", "closed"):
            await following.close()
            raise UnusableFragment("there is no DTLS any more that could go on: only a new offer helps")
        if self._dtls.state in ("new", "handshake"):
            if self.state == "failed":  # it was given up, and is waited for again
                self.state = "new"
                self._shaken.clear()
            replaced, self._ice = self._ice, following
            if self._connecting is not None:
                self._connecting.cancel()
            self._connecting = self._spawn(self._connect(following))
        else:
            replaced, self._next = self._next or following, following
            self._spawn(self._move(following))
        if replaced is not following:
            await replaced.close()
        return following

    async def _move(self, following: BrowserIce) -> None:
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                await following.connect()
        except (TimeoutError, ConnectionError):
            await following.close()
            if self._next is following:
                self._next = None
            return
        if self._next is not following or self.has_left:
            return  # who took its place, or ends the peer, closes it
        before, self._ice, self._next = self._ice, following, None
        self.state = "connected"
        self._owner.peer_connected(self)
        await before.close()

    def send_rtp(self, size: int) -> bool:
        """Seal the RTP in the buffer and send it; False where it cannot be."""
        if self.srtp is None or self.state != "connected":
            return False
        sealed = self.srtp.seal_rtp(size)
        return sealed > 0 and self._ice.transmit(self._view[:sealed])

    def send_rtcp(self, size: int) -> None:
        """Seal the RTCP in the buffer and send it, where it can be."""
        if self.srtp is not None and self.state == "connected":
            sealed = self.srtp.seal_rtcp(size)
            if sealed:
                self._ice.transmit(self._view[:sealed])

    def media_arrived(self, size: int) -> None:
        """SRTP or SRTCP stands in the buffer."""
        srtp = self.srtp
        if srtp is None:
            self.counts.stray += 1
        elif 192 <= self._view[1] <= 223:  # RFC 5761 section 4
            opened = srtp.open_rtcp(size)
            if opened:
                self._owner.rtcp_opened(opened)
        elif size >= 12:
            opened = srtp.open_rtp(size)
            if opened:
                self._owner.rtp_opened(opened)

    def dtls_arrived(self, datagram: bytes) -> None:
        """DTLS of the browser."""
        before = self._dtls.state
        self._transmit(self._dtls.receive(datagram))
        if before == "handshake":
            self._arm()
            self._settle()
        elif before == "established" and self._dtls.state == "closed":
            self.state = "closed"
            self._owner.peer_closed(self)

    def path_found(self, ice: BrowserIce) -> None:
        """A flight that there was no path for yet goes."""
        if ice is self._ice and self._held:
            held = list(self._held)
            self._held.clear()
            self._transmit(held)

    def consent_lost(self, ice: BrowserIce) -> None:
        """The browser has not consented for too long."""
        if ice is self._ice and self.state == "connected":
            self.state = "disconnected"
            self._owner.peer_disconnected(self)

    async def close(self) -> None:
        """Say so to the browser, and give all sockets back."""
        self._transmit(self._dtls.close())
        self.state = "closed"
        if self._timer is not None:
            self._timer.cancel()
        own = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not own]
        for task in tasks:
            task.cancel()
        sessions = [ice for ice in (self._ice, self._next) if ice is not None]
        for ice in sessions:
            ice.let_go()
        await asyncio.gather(*tasks, return_exceptions=True)
        for ice in sessions:
            await ice.close()

    def _settle(self) -> None:
        """What has come of the handshake."""
        if self._dtls.state == "failed":
            self._fail(self._dtls.failure or "dtls")
        elif self._dtls.state == "established" and self._dtls.keys is not None:
            self.srtp = BrowserSrtp(self._dtls.keys, self._settings.ice.buffer)
            self.state = "connected"
            self._shaken.set()
            self._owner.peer_connected(self)

    def _fail(self, reason: FailureReason) -> None:
        if self.state == "new":
            self.state = "failed"
            self._shaken.set()
            self._owner.peer_failed(self, reason)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait_s = self._dtls.timeout_s()
        if wait_s is not None and self.state == "new":
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._retransmit)

    def _retransmit(self) -> None:
        self._transmit(self._dtls.retransmit())
        self._settle()
        self._arm()

    def _transmit(self, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            if not self._ice.transmit(datagram) and self.state == "new":
                self._held.append(datagram)

    def _new_ice(self, theirs: IceCredentials, servers: tuple[IceServer, ...]) -> BrowserIce:
        settings = self._settings
        return BrowserIce(settings.ice, self, self.counts, settings.new_credentials(), theirs, servers)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

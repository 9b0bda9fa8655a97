"""One session: a browser on one side, plain RTP on the other, and what is known of both directions."""

import asyncio
import struct
from collections.abc import Callable
from typing import Final

from media.codecs.table import BY_NAME
from media.errors import UnusableBrowserOffer, UnusableFragment
from media.rtp.rtcp import Report, parse_compound
from media.rtp.stats import Reception
from media.sdp.description import SENDONLY, SENDRECV
from media.webrtc.answer import Ours, render_answer
from media.webrtc.fragment import parse_fragment, render_fragment
from media.webrtc.ice import BrowserIce
from media.webrtc.interface import (
    Address,
    BrowserAnswer,
    BrowserConnected,
    BrowserDisconnected,
    BrowserEvent,
    BrowserFailed,
    BrowserFigures,
    BrowserReconnected,
    BrowserWish,
    FailureReason,
    PayloadTypes,
)
from media.webrtc.offer import BrowserOffer, read_browser_offer
from media.webrtc.peer import BrowserPeer, PeerSettings
from media.webrtc.plain import PayloadMap, PlainSide

_RTP: Final = struct.Struct("!xxHII")
_REPORTED: Final = 0


class BrowserSession:
    """`tell` gets its events but for the end: `ended` is called when the browser ended it. `session_id`: of our
    descriptions."""

    def __init__(
        self,
        name: str,
        settings: PeerSettings,
        plain_address: str,
        session_id: int,
        tell: Callable[[BrowserEvent], None],
        ended: Callable[["BrowserSession"], None],
    ) -> None:
        """BrowserPortsExhausted."""
        self.name = name
        self._settings = settings
        self._session_id = session_id
        self._version = 0
        self._tell = tell
        self._ended = ended
        self._view = settings.ice.buffer.view
        self._clock = settings.ice.clock
        self._peer: BrowserPeer | None = None
        self._wish = BrowserWish()
        self._was_connected = False
        self._aimed: PayloadTypes | None = None
        self._to_plain: PayloadMap | None = None
        self._to_browser: PayloadMap | None = None
        self._reception = Reception()
        self._received_octets = 0
        self._sent_packets = 0
        self._sent_octets = 0
        self._reported = (0, 0.0)
        self._unmapped = 0
        self._plain = PlainSide(
            asyncio.get_running_loop(), plain_address, settings.ice.buffer, self._rtp_arrived, self._rtcp_arrived
        )

    async def answer(self, offer_text: str, wish: BrowserWish) -> BrowserAnswer:
        """See `BrowserGateway.answer`."""
        offer = read_browser_offer(offer_text, wish.codecs)
        peer = BrowserPeer(self._settings, self, offer, wish.ice_servers)
        await peer.open()
        before, self._peer, self._wish = self._peer, peer, wish
        if before is not None:
            await before.close()
        self._reception.clock_rate_hz = BY_NAME[offer.codec].clock_rate_hz
        self._map()
        sdp = self._answer_with(offer, peer.ice)
        peer.begin()
        return BrowserAnswer(sdp, offer.codec, offer.payload_types, self._plain.address)

    def aim(self, remote: Address, payload_types: PayloadTypes) -> None:
        """See `BrowserGateway.aim`."""
        self._plain.aim(remote)
        self._aimed = payload_types
        self._map()

    async def trickle(self, text: str) -> None:
        """See `BrowserGateway.trickle`."""
        peer = self._of_browser()
        fragment = parse_fragment(text, peer.offer.mid, peer.offer.carrier_mid)
        await peer.trickle(fragment.ufrag, fragment.candidates)

    async def restart(self, text: str) -> str:
        """See `BrowserGateway.restart`."""
        peer = self._of_browser()
        if text.lstrip().startswith("v="):
            return await self._restart_by_offer(peer, text)
        fragment = parse_fragment(text, peer.offer.mid, peer.offer.carrier_mid)
        if fragment.credentials is None:
            raise UnusableFragment("the fragment has no new ice-ufrag and ice-pwd")
        ice = await peer.restart(fragment.credentials, fragment.candidates, self._wish.ice_servers)
        return render_fragment(ice.ours, peer.offer.carrier_mid, ice.described())

    async def _restart_by_offer(self, peer: BrowserPeer, text: str) -> str:
        offer = read_browser_offer(text, (peer.offer.codec,))
        if offer.fingerprints != peer.offer.fingerprints:
            raise UnusableBrowserOffer("the offer is of another certificate: it is a new browser's")
        offer = offer.in_role(peer.offer)
        ice = await peer.restart(offer.ice, offer.candidates, self._wish.ice_servers)
        peer.offer = offer
        self._map()
        return self._answer_with(offer, ice)

    async def close(self) -> None:
        """End it: nothing is told of it any more."""
        self._tell = _untold
        self._plain.close()
        if self._peer is not None:
            await self._peer.close()

    @property
    def is_over(self) -> bool:
        """Whether its browser has ended it, and no other one has taken that one's place."""
        return self._peer is not None and self._peer.has_left

    def figures(self) -> BrowserFigures:
        """As they are now."""
        peer = self._peer
        heard = self._reception.figures()
        counts = None if peer is None else peer.counts
        return BrowserFigures(
            connected=peer is not None and peer.state == "connected",
            received_packets=heard.received,
            received_octets=self._received_octets,
            received_lost=heard.lost,
            received_jitter_ms=heard.jitter_ms,
            sent_packets=self._sent_packets,
            sent_octets=self._sent_octets,
            sent_lost=self._reported[0],
            sent_jitter_ms=self._reported[1],
            round_trip_ms=None if peer is None else peer.ice.round_trip_ms,
            unauthentic=0 if peer is None or peer.srtp is None else peer.srtp.unauthentic,
            stray=self._plain.stray + (0 if counts is None else counts.stray),
            refused_checks=0 if counts is None else counts.refused_checks,
            unmapped=self._unmapped,
        )

    # What the peer tells.

    def peer_connected(self, peer: BrowserPeer) -> None:
        """It is connected, again or over another path."""
        if peer is self._peer:
            self._tell(BrowserReconnected(self.name) if self._was_connected else BrowserConnected(self.name))
            self._was_connected = True

    def peer_disconnected(self, peer: BrowserPeer) -> None:
        """Its consent ran out."""
        if peer is self._peer:
            self._tell(BrowserDisconnected(self.name))

    def peer_failed(self, peer: BrowserPeer, reason: FailureReason) -> None:
        """It did not come to be connected."""
        if peer is self._peer:
            self._tell(BrowserFailed(self.name, reason))

    def peer_closed(self, peer: BrowserPeer) -> None:
        """It said that it ends."""
        if peer is self._peer:
            self._ended(self)

    # Each packet.

    def rtp_opened(self, size: int) -> None:
        """The browser's RTP stands in the buffer: to the plain side."""
        view = self._view
        self._heard(view, size)
        rewritten = self._to_plain
        if rewritten is None:
            return
        if rewritten.rewrite(view):
            self._plain.send_rtp(view[:size])
        else:
            self._unmapped += 1

    def _heard(self, view: memoryview, size: int) -> None:
        reception = self._reception
        sequence, timestamp, ssrc = _RTP.unpack_from(view)
        self._received_octets += size
        now = self._clock()
        if ssrc != reception.ssrc or not reception.started or reception.arrived(sequence, now) is None:
            reception.restart(ssrc, sequence)
            return
        transit = now * reception.clock_rate_hz - timestamp
        if reception.transit:
            moved = abs(transit - reception.transit)
            # A timestamp that went round, or one of an event that stands still, says nothing of the network.
            if moved < reception.clock_rate_hz:
                reception.jitter += (moved - reception.jitter) / 16
        reception.transit = transit

    def rtcp_opened(self, size: int) -> None:
        """The browser's RTCP stands in the buffer: to the plain side, as it is."""
        packet = self._view[:size]
        for item in parse_compound(packet) or ():
            if isinstance(item, Report) and item.blocks:
                block = item.blocks[_REPORTED]
                self._reported = (max(block.lost, 0), block.jitter * 1000 / self._reception.clock_rate_hz)
        self._plain.send_rtcp(packet)

    def _rtp_arrived(self, size: int) -> None:
        rewritten, peer = self._to_browser, self._peer
        if rewritten is None or peer is None:
            return
        if not rewritten.rewrite(self._view):
            self._unmapped += 1
        elif peer.send_rtp(size):
            self._sent_packets += 1
            self._sent_octets += size

    def _rtcp_arrived(self, size: int) -> None:
        if self._peer is not None:
            self._peer.send_rtcp(size)

    def _map(self) -> None:
        if self._peer is not None and self._aimed is not None:
            offer = self._peer.offer
            self._to_plain = PayloadMap(offer.payload_types, self._aimed)
            # As we have answered, so it is: nothing for a browser that wants nothing (RFC 3264 section 6.1).
            wanted = offer.direction in (SENDRECV, SENDONLY)
            self._to_browser = PayloadMap(self._aimed, offer.payload_types) if wanted else None

    def _answer_with(self, offer: BrowserOffer, ice: BrowserIce) -> str:
        self._version += 1
        fingerprint = self._settings.identity.fingerprint
        return render_answer(offer, Ours(self._session_id, self._version, ice.ours, fingerprint, ice.described()))

    def _of_browser(self) -> BrowserPeer:
        if self._peer is None:
            raise UnusableFragment("no offer of this browser has been answered")
        return self._peer


def _untold(event: BrowserEvent) -> None:
    """Who closed a session is not told that it is closed."""

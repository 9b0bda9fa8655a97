"""The one gateway for browsers of a running process, and who is told of them."""

import asyncio
import contextlib
import datetime
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import uvloop

from b2bua.clock import Clock
from b2bua.config.sections import WebrtcSection
from b2bua.tokens import SystemTokens
from media.webrtc.interface import BrowserEvent, BrowserGateway, IceServer

if TYPE_CHECKING:
    from media.webrtc.gateway import GatewaySettings

LOOPBACK: Final = "127.0.0.1"


class Browsers:
    """Agents and supervisors share its ports and its limit; each names its sessions so that they are told apart."""

    def __init__(self, webrtc: WebrtcSection, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        # What ICE and DTLS take is loaded by who answers browsers alone.
        from media.webrtc.gateway import WebrtcGateway

        self._webrtc = webrtc
        self._clock = clock
        self._receivers: list[Callable[[BrowserEvent], None]] = []
        self._gateway = WebrtcGateway(
            gateway_settings(webrtc),
            SystemTokens(),  # of its own: it is asked on the gateway's thread
            clock.monotonic,
            datetime.datetime.fromtimestamp(clock.wall_ms() / 1000, datetime.UTC),
            self._tell,
            partial(_post, loop),
            uvloop.new_event_loop,
        )
        self._gateway.start()

    @property
    def gateway(self) -> BrowserGateway:
        """The gateway, running."""
        return self._gateway

    def told_to(self, receiver: Callable[[BrowserEvent], None]) -> None:
        """Tell one more of every browser; it passes over those that are not its own."""
        self._receivers.append(receiver)

    def ice_servers(self, name: str) -> tuple[IceServer, ...]:
        """Every server of the configuration, with credentials for `name` (no colon) where they are asked for."""
        from media.webrtc.ice_servers import turn_server

        webrtc = self._webrtc
        expires_at_s = self._clock.wall_ms() // 1000 + webrtc.turn_credential_s
        stun = tuple(IceServer(url) for url in webrtc.stun)
        return stun + tuple(turn_server(url, webrtc.turn_secret, name, expires_at_s) for url in webrtc.turn)

    async def close(self) -> None:
        """End every session, and the gateway's thread."""
        await self._gateway.stop()

    def _tell(self, event: BrowserEvent) -> None:
        for receiver in self._receivers:
            receiver(event)


def gateway_settings(webrtc: WebrtcSection) -> "GatewaySettings":
    """[webrtc] as the gateway takes it."""
    from media.webrtc.gateway import GatewaySettings

    addresses = [(webrtc.address, webrtc.advertise)]
    if webrtc.address_ipv6:
        addresses.append((webrtc.address_ipv6, webrtc.advertise_ipv6))
    return GatewaySettings(
        addresses=tuple(addresses),
        ports=(webrtc.ports.first, webrtc.ports.last),
        plain_address=LOOPBACK,
        max_browsers=webrtc.max_browsers,
        connect_timeout_s=webrtc.connect_timeout_s,
    )


def _post(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
        loop.call_soon_threadsafe(work)

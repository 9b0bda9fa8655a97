"""What agents take in a running process: the line with a user agent of its own on loopback, and the gateway."""

import asyncio
import contextlib
import datetime
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from b2bua.agents.line import AgentsLine, Calls, LineMeans
from b2bua.agents.line_trunk import LOOPBACK, line_trunk
from b2bua.clock import Clock
from b2bua.config import Config, ListenAddress, Trunk
from b2bua.config.sections import SipSection, WebrtcSection
from b2bua.listening import SipListeners
from b2bua.sip.routing import LocalAddress, TransportAddress
from b2bua.sip.settings import UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from b2bua.tokens import SystemTokens, Tokens
from b2bua.transport.endpoint import SipEndpoint
from media.webrtc.interface import BrowserEvent, IceServer

if TYPE_CHECKING:
    from media.webrtc.gateway import GatewaySettings

LINE_LISTENER: Final = ListenAddress("udp", LOOPBACK, 0)
_EVERYWHERE: Final = "0.0.0.0"


class AgentsStage:
    """The line is bound from the start, so that the switch can be told of it; it takes calls after `open`."""

    def __init__(self, config: Config, clock: Clock, tokens: Tokens, loop: asyncio.AbstractEventLoop) -> None:
        self._config = config
        self._clock = clock
        self._tokens = tokens
        self._loop = loop
        self._stack = contextlib.AsyncExitStack()
        self._listeners = SipListeners.bind((LINE_LISTENER,), SipSection(), clock.wall_ms())
        self._stack.push_async_callback(self._listeners.close)
        self._line: AgentsLine | None = None
        self.trunk: Trunk = line_trunk(self._listeners.locals[0].bound.port)

    def open(self, calls: Calls, switch_at: tuple[LocalAddress, ...]) -> AgentsLine:
        """The line, which takes INVITEs of the switch, by its listeners, and of nobody else."""
        # What ICE and DTLS take is loaded by who answers browsers alone.
        from media.webrtc.gateway import WebrtcGateway

        gateway = WebrtcGateway(
            gateway_settings(self._config.webrtc),
            SystemTokens(),  # of its own: it is asked on the gateway's thread
            self._clock.monotonic,
            datetime.datetime.fromtimestamp(self._clock.wall_ms() / 1000, datetime.UTC),
            self._on_browser_event,
            partial(_post, self._loop),
        )
        means = LineMeans(calls, gateway, self._loop, self._tokens, self._media_host, self._ice_servers)
        line = self._line = AgentsLine(means)
        sources = frozenset(_sources(switch_at))
        settings = UserAgentSettings(locals=self._listeners.locals, user_agent=self._config.sip.user_agent)
        user_agent = UserAgent(settings, self._tokens, sources.__contains__)
        line.endpoint = SipEndpoint(user_agent, self._loop, sources.__contains__, line.on_sip_event)
        self._stack.callback(line.endpoint.close)
        self._listeners.start(line.endpoint, self._loop, _nobody)
        gateway.start()
        self._stack.push_async_callback(gateway.stop)
        self._stack.push_async_callback(line.close)
        return line

    async def close(self) -> None:
        """Hang up what there is, end the gateway and the line."""
        await self._stack.aclose()

    def _on_browser_event(self, event: BrowserEvent) -> None:
        if self._line is not None:
            self._line.on_browser_event(event)

    @property
    def _media_host(self) -> str:
        """Where the switch's media sockets are reached from this machine."""
        address = self._config.media.address
        return LOOPBACK if address == _EVERYWHERE else address

    def _ice_servers(self, name: str) -> tuple[IceServer, ...]:
        """Every server of the configuration, with credentials for `name` where they are asked for."""
        from media.webrtc.ice_servers import turn_server

        webrtc = self._config.webrtc
        expires_at_s = self._clock.wall_ms() // 1000 + webrtc.turn_credential_s
        stun = tuple(IceServer(url) for url in webrtc.stun)
        return stun + tuple(turn_server(url, webrtc.turn_secret, name, expires_at_s) for url in webrtc.turn)


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


def _sources(switch_at: tuple[LocalAddress, ...]) -> list[TransportAddress]:
    """Where the switch's messages to the loopback come from."""
    bound = [each.bound for each in switch_at if each.bound.transport == "udp" and ":" not in each.bound.host]
    return [TransportAddress("udp", LOOPBACK if at.host == _EVERYWHERE else at.host, at.port) for at in bound]


def _post(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
        loop.call_soon_threadsafe(work)


def _nobody(_destination: TransportAddress) -> None:
    """Whose certificate is expected there: the line has no TLS."""

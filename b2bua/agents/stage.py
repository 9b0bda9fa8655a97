"""The agents' line in a running process, with a user agent of its own on loopback."""

import asyncio
import contextlib
from typing import Final

from b2bua.agents.line import AgentsLine, Calls, LineMeans
from b2bua.agents.line_trunk import LOOPBACK, line_trunk
from b2bua.browsers import Browsers
from b2bua.clock import Clock
from b2bua.config import Config, ListenAddress, Trunk
from b2bua.config.sections import SipSection
from b2bua.listening import SipListeners
from b2bua.sip.routing import LocalAddress, TransportAddress
from b2bua.sip.settings import UserAgentSettings
from b2bua.sip.user_agent import UserAgent
from b2bua.tokens import Tokens
from b2bua.transport.endpoint import SipEndpoint

LINE_LISTENER: Final = ListenAddress("udp", LOOPBACK, 0)
_EVERYWHERE: Final = "0.0.0.0"


class AgentsStage:
    """The line is bound from the start, so that the switch can be told of it; it takes calls after `open`."""

    def __init__(
        self, config: Config, clock: Clock, tokens: Tokens, loop: asyncio.AbstractEventLoop, browsers: Browsers
    ) -> None:
        self._config = config
        self._tokens = tokens
        self._loop = loop
        self._browsers = browsers
        self._stack = contextlib.AsyncExitStack()
        self._listeners = SipListeners.bind((LINE_LISTENER,), SipSection(), clock.wall_ms())
        self._stack.push_async_callback(self._listeners.close)
        self.trunk: Trunk = line_trunk(self._listeners.locals[0].bound.port, config.webrtc.codecs)

    def open(self, calls: Calls, switch_at: tuple[LocalAddress, ...]) -> AgentsLine:
        """The line, which takes INVITEs of the switch, by its listeners, and of nobody else."""
        browsers = self._browsers
        means = LineMeans(
            calls,
            browsers.gateway,
            self._loop,
            self._tokens,
            self._media_host,
            ice_servers=browsers.ice_servers,
            connect_timeout_s=self._config.webrtc.connect_timeout_s,
        )
        line = AgentsLine(means)
        browsers.told_to(line.on_browser_event)
        sources = frozenset(_sources(switch_at))
        settings = UserAgentSettings(locals=self._listeners.locals, user_agent=self._config.sip.user_agent)
        user_agent = UserAgent(settings, self._tokens, sources.__contains__)
        line.endpoint = SipEndpoint(user_agent, self._loop, sources.__contains__, line.on_sip_event)
        self._stack.callback(line.endpoint.close)
        self._listeners.start(line.endpoint, self._loop, _nobody)
        self._stack.push_async_callback(line.close)
        return line

    async def close(self) -> None:
        """Hang up what there is, and end the line."""
        await self._stack.aclose()

    @property
    def _media_host(self) -> str:
        """Where the switch's media sockets are reached from this machine."""
        address = self._config.media.address
        return LOOPBACK if address == _EVERYWHERE else address


def _sources(switch_at: tuple[LocalAddress, ...]) -> list[TransportAddress]:
    """Where the switch's messages to the loopback come from."""
    bound = [each.bound for each in switch_at if each.bound.transport == "udp" and ":" not in each.bound.host]
    return [TransportAddress("udp", LOOPBACK if at.host == _EVERYWHERE else at.host, at.port) for at in bound]


def _nobody(_destination: TransportAddress) -> None:
    """Whose certificate is expected there: the line has no TLS."""

"""The API's listener: takes connections up to a limit, TLS handshakes among them, and makes room for new ones."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Final

from control_api.http_protocol import HEAD_TIMEOUT_S, HttpProtocol

MAX_CONNECTIONS: Final = 2_000
"""Also those in their TLS handshake. Beyond it the oldest that asks for nothing makes room, or the new one is reset."""
LISTEN_BACKLOG: Final = 512
LOOKED_AT_MAX: Final = 64  # connections at once, in search of one that may go
SHUT_DOWN_TLS_S: Final = 5.0
UNACKNOWLEDGED_MS: Final = 60_000  # for a client that is gone, or reads nothing of its reply
PAUSE_S: Final = 1.0  # after the system had no descriptor or no memory for a connection
LOG_INTERVAL_S: Final = 60.0
_RESET: Final = b"\x01\x00\x00\x00\x00\x00\x00\x00"

ProtocolFactory = Callable[[Callable[[HttpProtocol], None]], HttpProtocol]
"""Makes the protocol of a connection; what it is given is to be called once that connection is gone."""


async def bind_http(host: str, port: int) -> list[socket.socket]:
    """Listening sockets of all addresses of a host. OSError; nothing is left bound then."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    with contextlib.ExitStack() as undo:
        bound = []
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            listening = socket.create_server(address, family=family, backlog=LISTEN_BACKLOG)
            undo.callback(listening.close)
            listening.setblocking(False)
            bound.append(listening)
        undo.pop_all()
    return bound


class HttpListener:
    """Connections that come to some sockets, from their acceptance to their end."""

    def __init__(
        self,
        sockets: Iterable[socket.socket],
        protocol: ProtocolFactory,
        context: ssl.SSLContext | None,
        log: logging.Logger,
    ) -> None:
        """On the running event loop; it listens at once."""
        self.sockets: Final = tuple(sockets)
        self._protocol = protocol
        self._context = context
        self._log = log
        self._loop = asyncio.get_running_loop()
        # Each with its handshake, oldest first; a finished one stands for a connection that was made.
        self._taken: dict[HttpProtocol, asyncio.Task[None]] = {}
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._told_at = -LOG_INTERVAL_S
        for listening in self.sockets:
            self._listen(listening)

    def renew(self, context: ssl.SSLContext) -> None:
        """Use another context for connections from now on; only where there is one."""
        self._context = context

    def close(self) -> None:
        """Take nothing more; handshakes under way are broken off. Harmless when closed."""
        for pause in self._pauses.values():
            pause.cancel()
        for listening in self.sockets:
            if listening.fileno() >= 0:
                self._loop.remove_reader(listening)
                listening.close()
        for greeting in tuple(self._taken.values()):
            greeting.cancel()

    def _listen(self, listening: socket.socket) -> None:
        self._pauses.pop(listening, None)
        self._loop.add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(LISTEN_BACKLOG):
            try:
                accepted, _ = listening.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                # Asking again at once would spin.
                self._tell(f"no connection can be taken: {error.strerror}")
                self._loop.remove_reader(listening)
                self._pauses[listening] = self._loop.call_later(PAUSE_S, self._listen, listening)
                return
            self._take(accepted)

    def _take(self, accepted: socket.socket) -> None:
        if len(self._taken) >= MAX_CONNECTIONS and not self._make_room():
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            accepted.close()
            return
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
        protocol = self._protocol(self._gone)
        self._taken[protocol] = self._loop.create_task(self._greet(protocol, accepted))

    async def _greet(self, protocol: HttpProtocol, accepted: socket.socket) -> None:
        """Hand the socket to the loop; with TLS, shake hands within the time that a head may take."""
        made = False
        secure = self._context is not None
        try:
            await self._loop.connect_accepted_socket(
                lambda: protocol,
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=HEAD_TIMEOUT_S if secure else None,
                ssl_shutdown_timeout=SHUT_DOWN_TLS_S if secure else None,
            )
            made = True
        except OSError as error:
            self._log.debug("no handshake: %s", error)
        finally:
            if not made:
                self._gone(protocol)
                accepted.close()

    def _make_room(self) -> bool:
        """End the oldest connection that asks for nothing; the busy ones that were looked at go to the end."""
        self._tell(f"there are {MAX_CONNECTIONS} connections: those that ask for nothing make room")
        for _ in range(min(LOOKED_AT_MAX, len(self._taken))):
            protocol, greeting = next(iter(self._taken.items()))
            del self._taken[protocol]
            if not protocol.busy:
                greeting.cancel()  # nothing where the handshake is over
                protocol.abort()
                return True
            self._taken[protocol] = greeting
        return False

    def _gone(self, protocol: HttpProtocol) -> None:
        self._taken.pop(protocol, None)

    def _tell(self, what: str) -> None:
        now = self._loop.time()
        if now - self._told_at >= LOG_INTERVAL_S:
            self._told_at = now
            self._log.warning("%s", what)

"""SIP over TCP and TLS on an event loop: one listener, the connections that it takes and those that it opens."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Coroutine, Mapping
from ipaddress import ip_address
from typing import Final

from b2bua.alarm import Alarm, Scheduler
from b2bua.sip.routing import TransportAddress
from b2bua.transport.connection import Connection, Message, StreamLimits, StreamReceiver, Surroundings
from b2bua.transport.connection_log import ConnectionLog
from b2bua.transport.expected import Expected
from b2bua.transport.marking import mark, marked_with
from b2bua.transport.stream_socket import reset, set_up
from b2bua.transport.tls import Identify, TlsContexts, why_closed, why_no_handshake

BACKLOG: Final = 128
ACCEPT_BATCH: Final = 32
"""Connections taken in one wake-up."""
CHECK_INTERVAL_S: Final = 1.0
UNREACHABLE_S: Final = 30.0
"""So long after a failed attempt, what has another way takes it at once."""
FAILURES_KEPT: Final = 256
"""Destinations whose last failure is remembered; all are forgotten when one more fails."""
_IP_BIND_ADDRESS_NO_PORT: Final = 24

_LOGGER: Final = logging.getLogger(__name__)


def bind_stream(host: str, port: int) -> socket.socket:
    """A non-blocking socket bound to an IP literal (no brackets) and port, 0 for any. Raises OSError."""
    bound = socket.socket(_family(host), socket.SOCK_STREAM)
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class StreamTransport:
    """One tcp or tls listener. All of it runs on the loop's thread, and nothing blocks.

    A message goes over an open connection to or from its destination, or over one that is opened for it; in order,
    but for those that wait for different connections. A response whose connection is gone goes to its fallback; a
    request goes there when its destination cannot be reached. What cannot be sent at all, and what waits for an
    answer over a connection that breaks, is told to the receiver by destination; afterwards, that a connection which
    carried requests there has ended. A request that has waited for its connection goes out only if the receiver still
    wants it to. A source that is not admitted is closed at once, before any handshake. Where the certificate of a
    server is to be verified, only answers go over a connection from its address, which whoever is on the way there can
    make, and only those to what came over it; over one from another port of its host what belongs to calls that it has
    brought as well. `StreamLimits` says what is limited.
    """

    def __init__(
        self,
        bound: socket.socket,
        receiver: StreamReceiver,
        loop: asyncio.AbstractEventLoop,
        *,
        tls: TlsContexts | None = None,
        identify: Identify = lambda _address: None,
        host: str | None = None,
        limits: StreamLimits | None = None,
        scheduler: Scheduler | None = None,
    ) -> None:
        """Take over a socket of `bind_stream` and begin to listen. Raises OSError.

        With `tls` it is a tls listener; without a certificate of ours in it, it takes no connection and only opens
        some. `host` is the address as `local` shall spell it. `scheduler`: whose time it is, the loop's unless given.
        """
        self._socket = bound
        self._receiver = receiver
        self._loop = loop
        self._tls = tls
        self._expected = Expected(identify, by_tls=tls is not None)
        self._limits = limits = limits or StreamLimits()
        self._scheduler: Scheduler = scheduler or loop
        bound_host, port = bound.getsockname()[:2]
        self._local = TransportAddress("tcp" if tls is None else "tls", host or bound_host, port)
        self._counters: Counter[str] = Counter()
        self._log = ConnectionLog(self._local, identify)
        self._around = Surroundings(
            self._local, receiver, limits, loop, self._scheduler.time, self._counters, self._made, self._lost
        )
        self._all: set[Connection] = set()
        self._of_host: Counter[str] = Counter()
        # By place: hardly ever more than one to one, but for those that names share. What was made last is the last,
        # before all is what is being made.
        self._by_remote: dict[TransportAddress, list[Connection]] = {}
        self._failures: dict[TransportAddress, tuple[float, str]] = {}
        self._tasks: dict[asyncio.Task[None], Connection] = {}
        self._alarm = Alarm(self._scheduler, self._check)
        self._listening = False
        self._closed = False
        self._emptied = asyncio.Event()
        if tls is None or tls.server is not None:
            bound.listen(BACKLOG)
            self._listen()

    def renew(self, tls: TlsContexts) -> None:
        """Use other contexts for connections from now on, on a tls listener; it takes some or none as before."""
        if self._tls is not None:
            self._tls = tls

    @property
    def local(self) -> TransportAddress:
        """The address the listener is bound to."""
        return self._local

    def counters(self) -> Mapping[str, int]:
        """What was opened, taken, refused, closed and dropped, by name; all of them only grow."""
        return self._counters

    @property
    def connections(self) -> int:
        """How many are held now, those that are being made included."""
        return len(self._all)

    def last_failure(self, destination: TransportAddress) -> str | None:
        """Why the last attempt to reach it failed, None where it has not."""
        failure = self._failures.get(destination)
        return None if failure is None else failure[1]

    # Sending.

    def send(self, content: bytes, destination: TransportAddress, fallback: TransportAddress | None = None) -> None:
        """Send over a connection that is there, or queue until one is; see the class."""
        if self._closed:
            self._counters["sent after closing"] += 1
            return
        there = destination
        if fallback is not None and fallback.place == destination.place:
            # One way and not two, or who is not reached by either would be tried for ever: where its peer listens, as
            # of one that calls from there, it is known who has to be.
            there, fallback = fallback if fallback.expected else destination, None
        message = Message(content, destination, fallback)
        if self._hand_over(message, there):
            return
        if message.fallback is None:
            self._open(message, there)
        elif message.is_response or self._is_taken(destination):
            if not self._hand_over(message, message.fallback):
                self._open(message, message.fallback)
        elif not (self._is_unreachable(destination) and self._hand_over(message, message.fallback)):
            self._open(message, destination)

    def _hand_over(self, message: Message, remote: TransportAddress) -> bool:
        """Whether a connection to or from `remote` has taken it."""
        there = self._by_remote.get(remote.place, ())
        for connection in reversed(there):
            if self._goes_over(connection, message, remote):
                break
        else:
            return False
        if len(there) > 1 and message.is_response:  # there may be several peers behind one address
            connection = next((each for each in there if each.usable and each.has_asked(message)), connection)
        if not connection.connecting:
            connection.send(message)
        elif len(connection.waiting) >= self._limits.waiting_messages:
            self._counters["messages dropped: too many wait"] += 1
        else:
            connection.waiting.append(message)
        return True

    def _goes_over(self, connection: Connection, message: Message, remote: TransportAddress) -> bool:
        """Whether it can be sent over this one, now or later, and may be."""
        return connection.lasts and self._expected.may_take(connection, message, remote)

    def _is_taken(self, remote: TransportAddress) -> bool:
        """Whether the address is that of a connection which came, and no server is called there."""
        came = any(not each.opened for each in self._by_remote.get(remote.place, ()))
        identity = self._expected.to_prove(remote) if came else None
        return identity is not None and not identity.listens

    def _is_unreachable(self, destination: TransportAddress) -> bool:
        failure = self._failures.get(destination)
        return failure is not None and self._scheduler.time() - failure[0] < UNREACHABLE_S

    def _open(self, message: Message, remote: TransportAddress) -> None:
        connection = Connection(self._around, remote, opened=True)
        connection.waiting.append(message)
        if not self._has_room(remote):
            self._failed(connection, "too many connections")
            return
        self._enter(connection)
        # Those that are there keep what they may take, at least until this one is there.
        self._by_remote.setdefault(remote.place, []).insert(0, connection)
        self._start(connection, self._connect(connection))

    async def _connect(self, connection: Connection) -> None:
        """Open it within its time, or fail what waits for it, whatever hinders it."""
        why = "defect"
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await self._reach(connection)
            why = ""
        except TimeoutError:
            why = "timeout"
        except ssl.SSLCertVerificationError as error:
            why = f"certificate: {error.verify_message}"
        except ssl.SSLError as error:
            why = f"tls: {error.reason or error}"
        except ConnectionRefusedError:
            why = "refused"
        except ConnectionError as error:
            why = f"network: {error.strerror or 'closed in the handshake'}"
        except OSError as error:
            why = f"network: {error.strerror or error}"
        except asyncio.CancelledError:
            why = ""  # `close` sees to what is left
            raise
        finally:
            if why:
                self._leave(connection)
                self._failed(connection, why)

    async def _reach(self, connection: Connection) -> None:
        remote = connection.remote
        context, identity = None, self._expected.when_opening(remote)
        if self._tls is not None and identity is not None:
            connection.identity = identity
            context = self._tls.client if identity.verify else self._tls.unverified
        opened = socket.socket(_family(remote.host), socket.SOCK_STREAM)
        try:
            opened.setblocking(False)
            set_up(opened)
            mark(opened, marked_with(self._socket))
            self._bind_source(opened)
            await self._loop.sock_connect(opened, (remote.host, remote.port))
            await self._loop.create_connection(
                lambda: connection,
                sock=opened,
                ssl=context,
                server_hostname=None if context is None or identity is None else identity.server_name,
                ssl_handshake_timeout=None if context is None else self._limits.connect_s,
                ssl_shutdown_timeout=None if context is None else self._limits.closing_s,
            )
        finally:
            if connection.settle().connecting:
                opened.close()

    def _bind_source(self, opened: socket.socket) -> None:
        """Peers know us by the listener's address; a wildcard leaves it to the route."""
        if not ip_address(self._local.host).is_unspecified:
            opened.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            opened.bind((self._local.host, 0))

    def _failed(self, connection: Connection, why: str) -> None:
        """Nobody is reached there: what waits goes its other way, or its requests have failed."""
        reason = why.partition(":")[0]
        self._counters[f"connections failed: {reason}"] += 1
        self._note_failure(connection.remote, why)
        unsent: dict[TransportAddress, set[bytes]] = {}
        for message in connection.waiting:
            if not self._is_wanted(message):
                continue
            if message.fallback is not None and connection.remote.place == message.destination.place:
                if not self._hand_over(message, message.fallback):
                    self._open(message, message.fallback)
            elif message.is_response:
                self._drop_response(message)
            else:
                unsent.setdefault(message.destination, set()).add(message.content)
        connection.waiting.clear()
        for origin, requests in unsent.items():
            # By another way, or over a connection that the peer has opened, something may have arrived there.
            there = any(each.lasts for each in self._by_remote.get(origin.place, ()))
            unopened = origin.place == connection.remote.place and not there
            self._loop.call_soon(self._tell_failure, origin, unopened, frozenset(requests))

    def _drop_response(self, response: Message) -> None:
        self._counters["responses dropped: unreachable"] += 1
        self._loop.call_soon(self._tell_unanswerable, response.content, response.destination)

    def _note_failure(self, remote: TransportAddress, why: str) -> None:
        now = self._scheduler.time()
        self._log.failed(remote, why, now)
        earlier = self._failures.get(remote)
        if earlier is not None and earlier[1] == why and self._is_unreachable(remote):
            now = earlier[0]  # so that what has another way tries this one again
        if earlier is None and len(self._failures) >= FAILURES_KEPT:
            self._failures.clear()
        self._failures[remote] = now, why

    def _tell_failure(self, destination: TransportAddress, unopened: bool, requests: frozenset[bytes]) -> None:
        if not self._closed:
            self._receiver.transport_failed(destination, unopened=unopened, requests=requests)

    def _tell_unanswerable(self, content: bytes, destination: TransportAddress) -> None:
        if not self._closed:
            self._receiver.unanswerable(content, destination)

    def _tell_end(self, destination: TransportAddress) -> None:
        if not self._closed:
            self._receiver.connection_ended(destination)

    # Connections that come.

    def _listen(self) -> None:
        self._listening = True
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPT_BATCH):
            try:
                accepted, address = self._socket.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                # No descriptor or no memory is left: asking again at once would spin.
                self._counters["connections refused: system"] += 1
                self._log.shortage(error, self._scheduler.time())
                self._loop.remove_reader(self._socket.fileno())
                self._listening = False
                self._alarm.set(self._scheduler.time() + CHECK_INTERVAL_S)
                return
            self._take(accepted, TransportAddress(self._local.transport, address[0], address[1]))

    def _take(self, accepted: socket.socket, remote: TransportAddress) -> None:
        if not self._receiver.admits(remote):
            self._counters["connections refused: stranger"] += 1
            reset(accepted)
        elif not self._has_room(remote):
            self._counters["connections refused: too many"] += 1
            reset(accepted)
        else:
            accepted.setblocking(False)
            set_up(accepted)
            connection = Connection(self._around, remote, opened=False)
            self._enter(connection)
            self._start(connection, self._greet(connection, accepted))

    async def _greet(self, connection: Connection, accepted: socket.socket) -> None:
        """Hand the socket to the loop; with TLS, shake hands within the time for it."""
        context = None if self._tls is None else self._tls.server
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=context,
                ssl_handshake_timeout=None if context is None else self._limits.handshake_s,
                ssl_shutdown_timeout=None if context is None else self._limits.closing_s,
            )
        except OSError as error:
            self._counters["connections refused: handshake"] += 1
            self._log.handshake_failed(connection.remote, why_no_handshake(error), self._scheduler.time())
        finally:
            if connection.settle().connecting:
                self._leave(connection)
                accepted.close()

    # The table.

    def _has_room(self, remote: TransportAddress) -> bool:
        limits = self._limits
        return len(self._all) < limits.connections and self._of_host[remote.host] < limits.connections_of_peer

    def _enter(self, connection: Connection) -> None:
        self._all.add(connection)
        self._of_host[connection.remote.host] += 1
        if self._alarm.when is None:
            self._alarm.set(self._scheduler.time() + CHECK_INTERVAL_S)

    def _leave(self, connection: Connection) -> None:
        if connection not in self._all:
            return
        self._all.discard(connection)
        host = connection.remote.host
        self._of_host[host] -= 1
        if not self._of_host[host]:
            del self._of_host[host]
        self._forget(connection)
        if not self._all:
            self._emptied.set()

    def _forget(self, connection: Connection) -> None:
        place = connection.remote.place
        there = self._by_remote.get(place, [])
        if connection in there:
            there.remove(connection)
        if not there:
            self._by_remote.pop(place, None)

    def _made(self, connection: Connection) -> None:
        """It is there: what waits goes out, and what follows to its peer goes over it from now on."""
        if connection not in self._all or (self._closed and not connection.waiting):
            connection.abort()
            return
        self._counters["connections opened" if connection.opened else "connections accepted"] += 1
        self._failures.pop(connection.remote, None)
        self._forget(connection)
        self._by_remote.setdefault(connection.remote.place, []).append(connection)
        # Who has to be verified there may be known later: a name leads there.
        connection.apart = self._tls is not None
        while connection.waiting and connection.usable:
            message = connection.waiting.popleft()
            if self._is_wanted(message):
                connection.send(message)

    def _is_wanted(self, message: Message) -> bool:
        """Whether what has waited still goes out: of a request that does not, its sender is told."""
        if message.is_response or self._receiver.is_wanted(message.content):
            return True
        self._counters["requests withdrawn"] += 1
        self._loop.call_soon(self._tell_withdrawn, message.content)
        return False

    def _tell_withdrawn(self, content: bytes) -> None:
        if not self._closed:
            self._receiver.withdrawn(content)

    def _lost(self, connection: Connection, error: Exception | None) -> None:
        self._leave(connection)
        if self._closed:
            return
        outstanding = connection.outstanding()
        for response in (each for each in connection.waiting if each.is_response):
            self._drop_response(response)
        if outstanding and connection.opened and not connection.heard:
            self._note_failure(connection.remote, connection.cut_for or why_closed(error))
        for destination, requests in outstanding.items():
            self._loop.call_soon(self._tell_failure, destination, False, requests)
        for destination in connection.carried:
            self._loop.call_soon(self._tell_end, destination)

    def _check(self) -> None:
        """Once a second while there is something to look after."""
        if self._closed:
            return
        if not self._listening and (self._tls is None or self._tls.server is not None):
            self._listen()
        now = self._scheduler.time()
        for connection in tuple(self._all):
            if not connection.connecting:
                connection.check(now)
        if self._all:
            self._alarm.set(now + CHECK_INTERVAL_S)

    def _start(self, connection: Connection, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks[task] = connection
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOGGER.error("%s: a connection could not be made: a defect", self._local, exc_info=error)

    # The end.

    async def close(self) -> None:
        """Take no more; what waits for its connection has `closing_s` to go out, and then what is written has as long.
        Harmless when closed already."""
        if self._closed:
            return
        self._closed = True
        if self._listening:
            self._loop.remove_reader(self._socket.fileno())
        await self._let_open()
        self._alarm.clear()
        self._socket.close()
        self._counters["messages dropped: closing"] += sum(len(connection.waiting) for connection in self._all)
        for connection in tuple(self._all):
            if connection.connecting:
                self._leave(connection)
            connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.closing_s):
                while self._all:
                    self._emptied.clear()
                    await self._emptied.wait()
        for connection in tuple(self._all):
            connection.abort()

    def _goes_otherwise(self, message: Message, connection: Connection) -> bool:
        """Whether another connection takes what waits for this one: there may be no time to see this one fail."""
        fallback = message.fallback
        if fallback is None or fallback.place == connection.remote.place:
            return False
        return self._hand_over(message, fallback)

    async def _let_open(self) -> None:
        """Wait for the connections that something waits for: the BYEs of calls that a process ends with, say."""
        for task, connection in self._tasks.items():
            waits = tuple(connection.waiting)
            connection.waiting.clear()
            connection.waiting.extend(each for each in waits if not self._goes_otherwise(each, connection))
            if connection.connecting and not connection.waiting:
                task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.closing_s):
                while self._tasks:  # what cannot be connected may go its other way by another
                    await asyncio.wait(tuple(self._tasks))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET

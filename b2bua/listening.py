"""The SIP listeners of a configuration: bound, told to peers by an address of ours, and opened."""

import asyncio
import contextlib
import os
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from b2bua.certificates import CertificateUnusable
from b2bua.config import ListenAddress, SipSection
from b2bua.sip.routing import LocalAddress, TransportAddress, bracketed, is_ip_literal
from b2bua.transport.endpoint import SipEndpoint
from b2bua.transport.marking import mark
from b2bua.transport.stream import StreamTransport, bind_stream
from b2bua.transport.tls import Identify, TlsContexts, tls_contexts
from b2bua.transport.udp import UdpTransport, bind_udp

_NOT_A_WORD: Final = re.compile(r"[^a-z0-9]+")
_TOLD_FROM_THE_START: Final = (
    "connections opened",
    "connections accepted",
    "connections refused: stranger",
    "connections failed: refused",
    "connections failed: timeout",
    "connections failed: network",
    "connections failed: certificate",
    "connections failed: tls",
)
"""Counters that are there before they count, so that their first step is seen."""


class CannotListen(Exception):
    """An address of the configuration cannot be bound, or a certificate of it cannot be used."""


@contextlib.contextmanager
def opening(key: str, where: str) -> Iterator[None]:
    """What fails within is CannotListen: the key, the address and the system's own words."""
    try:
        yield
    except OSError as error:
        # asyncio wraps them in some that repeat the address.
        why = os.strerror(error.errno) if error.errno else str(error)
        raise CannotListen(f"{key}: {where} cannot be opened: {why}") from error


@dataclass(frozen=True, slots=True)
class _Bound:
    """A listener that is not opened yet."""

    local: LocalAddress
    socket: socket.socket


class SipListeners:
    """All listeners of one UserAgent: bound first, so that it can name their ports, then started."""

    def __init__(self, bound: Iterable[_Bound], tls: TlsContexts | None) -> None:
        self._bound = list(bound)
        self._tls = tls
        self._udp: list[UdpTransport] = []
        self._streams: list[StreamTransport] = []

    @classmethod
    def bind(cls, addresses: Iterable[ListenAddress], sip: SipSection, now_ms: int) -> "SipListeners":
        """Bind each of them, port 0 to a free one. Raises CannotListen; nothing is left bound then."""
        wanted = list(addresses)
        tls = sip_contexts(sip, now_ms) if any(at.transport == "tls" for at in wanted) else None
        listeners = cls((), tls)
        try:
            for at in wanted:
                with opening("sip.listen", _named(at.transport, at.host, at.port)):
                    bound = bind_udp(at.host, at.port) if at.transport == "udp" else bind_stream(at.host, at.port)
                mark(bound, sip.dscp)
                port = int(bound.getsockname()[1])
                local = LocalAddress(TransportAddress(at.transport, at.host, port), told_host(sip, at.host), port)
                listeners._bound.append(_Bound(local, bound))
        except CannotListen:
            for each in listeners._bound:
                each.socket.close()
            raise
        return listeners

    @property
    def locals(self) -> tuple[LocalAddress, ...]:
        """Every listener as the UserAgent's settings name it."""
        return tuple(each.local for each in self._bound)

    @property
    def names(self) -> list[str]:
        """Every listener as it stands in `sip.listen`, with its real port."""
        bounds = [each.local.bound for each in self._bound]
        return [_named(bound.transport, bound.host, bound.port) for bound in bounds]

    def start(self, endpoint: SipEndpoint, loop: asyncio.AbstractEventLoop, identify: Identify) -> None:
        """Open them all for the endpoint. Raises CannotListen; what is open then is `close`'s to close."""
        for each in self._bound:
            at = each.local.bound
            with opening("sip.listen", _named(at.transport, at.host, at.port)):
                if at.transport == "udp":
                    self._udp.append(UdpTransport(each.socket, endpoint, loop, at.host))
                    endpoint.attach(self._udp[-1])
                else:
                    tls = self._tls if at.transport == "tls" else None
                    self._streams.append(
                        StreamTransport(each.socket, endpoint, loop, tls=tls, identify=identify, host=at.host)
                    )
                    endpoint.attach(self._streams[-1])

    @property
    def has_tls(self) -> bool:
        """Whether one of them is for TLS."""
        return self._tls is not None

    def renewal(self, sip: SipSection, now_ms: int) -> Callable[[], None]:
        """Read the certificates anew; what is given puts them to use for connections from then on.

        Raises CertificateUnusable.
        """
        tls = _read_contexts(sip, now_ms)

        def use() -> None:
            for stream in self._streams:
                stream.renew(tls)

        return use

    def last_failure(self, destination: TransportAddress) -> str | None:
        """Why no connection to it came about, None where none failed."""
        failures = (stream.last_failure(destination) for stream in self._streams)
        return next((failure for failure in failures if failure is not None), None)

    def figures(self) -> Mapping[str, float]:
        """What /metrics shows of them, all listeners together: the connections now, the rest counters."""
        counted: Counter[str] = Counter(dict.fromkeys(_TOLD_FROM_THE_START, 0))
        transports: list[UdpTransport | StreamTransport] = [*self._udp, *self._streams]
        for transport in transports:
            counted.update(transport.counters())
        figures: dict[str, float] = {
            f"sip_{_NOT_A_WORD.sub('_', name.lower())}_total": count for name, count in counted.items()
        }
        figures["sip_connections"] = sum(stream.connections for stream in self._streams)
        return figures

    async def close(self) -> None:
        """Close them all; on streams what is written goes out first."""
        for datagrams in self._udp:
            datagrams.close()
        for stream in self._streams:
            await stream.close()
        for each in self._bound:
            each.socket.close()


def told_host(sip: SipSection, host: str) -> str:
    """What peers are told of a listener on that host: `sip.advertise`, unless that is of the other IP version."""
    if sip.advertise and not (is_ip_literal(sip.advertise) and (":" in sip.advertise) != (":" in host)):
        return sip.advertise
    return _reachable(host)


def _reachable(host: str) -> str:
    """What peers are told when all addresses are listened on: the one this machine uses towards others."""
    if host not in ("0.0.0.0", "::"):
        return host
    family, far = (socket.AF_INET, "192.0.2.1") if host == "0.0.0.0" else (socket.AF_INET6, "2001:db8::1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((far, 9))  # sends nothing: it only asks for the route
        except OSError:
            return "127.0.0.1" if family == socket.AF_INET else "::1"
        return str(probe.getsockname()[0])


def sip_contexts(sip: SipSection, now_ms: int) -> TlsContexts:
    """What connections over TLS are made with. Raises CannotListen, with the key; reads files."""
    try:
        return _read_contexts(sip, now_ms)
    except CertificateUnusable as error:
        key = "sip.tls_ca" if str(error).startswith(f"{sip.tls_ca}:") else "sip.tls_certificate"
        raise CannotListen(f"{key}: {error}") from error


def _read_contexts(sip: SipSection, now_ms: int) -> TlsContexts:
    return tls_contexts(
        sip.tls_certificate,
        sip.tls_key,
        sip.tls_ca,
        require_client_certificate=sip.tls_require_client_certificate,
        now_ms=now_ms,
    )


def _named(transport: str, host: str, port: int) -> str:
    return f"{transport}://{bracketed(host)}:{port}"

"""SIP over TLS: who a peer has to be, and the contexts of both sides (RFC 3261 26.3, RFC 5922)."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from b2bua.certificates import load_authorities, load_own_certificate
from b2bua.sip.routing import TransportAddress


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """Who is expected at an address: `label` for the log, `server_name` as the certificate has to say (a host name, or
    an IP literal without brackets); with `verify` False whoever answers is believed. `listens`: a server is called
    there; False where it is only known whose address it is, as of a connection that comes from there."""

    label: str
    server_name: str
    verify: bool = True
    listens: bool = field(default=True, compare=False)  # it is the same peer


Identify = Callable[[TransportAddress], PeerIdentity | None]
"""Who is expected at an address; None where nobody is known there: its certificate must name the address itself."""


@dataclass(frozen=True, slots=True)
class TlsContexts:
    """`server` for connections that come, None where we have no certificate: none is taken then. `client` for those
    that we open; `unverified` for peers whose certificate is not looked at."""

    server: ssl.SSLContext | None
    client: ssl.SSLContext
    unverified: ssl.SSLContext


def tls_contexts(
    certificate: Path | None,
    key: Path | None,
    authorities: Path | None,
    *,
    require_client_certificate: bool = False,
    now_ms: int | None = None,
) -> TlsContexts:
    """The contexts of one certificate, TLS 1.2 or later, which is also shown to servers that ask for one.

    `authorities`: a PEM file with those that are trusted, None for the system's. Raises CertificateUnusable. Reads
    files: for start-up.
    """
    own = None if certificate is None or key is None else (certificate, key)
    client, unverified = _client_context(own, now_ms), _client_context(own, now_ms)
    load_authorities(client, authorities)
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    if own is None:
        return TlsContexts(None, client, unverified)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.minimum_version = ssl.TLSVersion.TLSv1_2
    server.options |= ssl.OP_NO_RENEGOTIATION
    load_own_certificate(server, *own, now_ms)
    if require_client_certificate:
        server.verify_mode = ssl.CERT_REQUIRED
        load_authorities(server, authorities)
    return TlsContexts(server, client, unverified)


def why_no_handshake(error: OSError) -> str:
    """Why the handshake of a connection that came failed; of a certificate that was shown, what is wrong with it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    # An event loop says nothing at all of a peer that just closes.
    said = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return said or str(error) or "closed in the handshake"


def why_closed(error: Exception | None) -> str:
    """Why a connection ended that was opened and that nothing came over. With TLS 1.3 a server that refuses our
    certificate says so after the handshake, if at all."""
    if isinstance(error, ssl.SSLError):
        return f"tls: {error.reason or error}"
    if isinstance(error, OSError) and not isinstance(error, ConnectionError) and error.strerror:
        return f"network: {error.strerror}"
    return "closed before any answer"


def _client_context(own: tuple[Path, Path] | None, now_ms: int | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if own is not None:
        load_own_certificate(context, *own, now_ms)
    return context

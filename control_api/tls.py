"""HTTPS without a proxy in front: certificate and key are checked before anything listens."""

import ssl
from pathlib import Path

from b2bua.certificates import load_own_certificate


def server_context(certificate: Path, key: Path, now_ms: int | None = None) -> ssl.SSLContext:
    """A server context of TLS 1.2 or later from PEM files, the dates checked where the time is given (Unix ms).

    Raises CertificateUnusable. Reads files: for start-up.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    load_own_certificate(context, certificate, key, now_ms)
    return context

"""HTTPS without a proxy in front: certificate and key are checked before anything listens."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key


class CertificateUnusable(Exception):
    """The certificate or its key cannot be used; the text says why and names the file."""


def server_context(certificate: Path, key: Path, now_ms: int | None = None) -> ssl.SSLContext:
    """A server context of TLS 1.2 or later from PEM files, the dates checked where the time is given (Unix ms).

    Raises CertificateUnusable. Reads files: for start-up.
    """
    chain = _certificates(certificate)
    _check_key(chain[0], certificate, key)
    if now_ms is not None:
        _check_dates(chain[0], certificate, datetime.fromtimestamp(now_ms / 1000, UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        raise CertificateUnusable(f"{certificate}: cannot be used for TLS: {error}") from error
    return context


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise CertificateUnusable(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CertificateUnusable(f"{path}: holds no PEM certificate") from error


def _check_key(certificate: x509.Certificate, certificate_path: Path, path: Path) -> None:
    try:
        private_key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise CertificateUnusable(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise CertificateUnusable(f"{path}: holds no PEM private key without a password") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private_key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise CertificateUnusable(f"{path}: is not the key of {certificate_path}")


def _check_dates(certificate: x509.Certificate, path: Path, now: datetime) -> None:
    if now >= certificate.not_valid_after_utc:
        raise CertificateUnusable(f"{path}: expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    if now < certificate.not_valid_before_utc:
        raise CertificateUnusable(f"{path}: is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}")

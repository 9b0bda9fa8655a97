"""Certificates and their keys: checked before anything listens, so that what is wrong is told at the start."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key


class CertificateUnusable(Exception):
    """A certificate or its key cannot be used; the text says why and names the file."""


def load_own_certificate(context: ssl.SSLContext, certificate: Path, key: Path, now_ms: int | None = None) -> None:
    """Let the context show this certificate, from PEM files; its dates are checked where the time is given (Unix ms).

    Raises CertificateUnusable. Reads files: for start-up.
    """
    chain = _certificates(certificate)
    _check_key(chain[0], certificate, key)
    if now_ms is not None:
        _check_dates(chain[0], certificate, datetime.fromtimestamp(now_ms / 1000, UTC))
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # an ssl.SSLError is one
        raise CertificateUnusable(f"{certificate}: cannot be used for TLS: {error}") from error


def expires_at_ms(certificate: Path) -> int:
    """When a certificate in a PEM file runs out, in Unix milliseconds. Raises CertificateUnusable. Reads the file."""
    return int(_certificates(certificate)[0].not_valid_after_utc.timestamp() * 1000)


def load_authorities(context: ssl.SSLContext, file: Path | None) -> None:
    """Let the context trust the authorities of a PEM file, or those of the system where there is none.

    Raises CertificateUnusable. Reads files: for start-up.
    """
    if file is None:
        context.load_default_certs()
        return
    _certificates(file)
    try:
        context.load_verify_locations(file)
    except OSError as error:  # an ssl.SSLError is one
        raise CertificateUnusable(f"{file}: holds no authority to trust: {error}") from error


def load_itself(context: ssl.SSLContext, certificate: Path) -> None:
    """Let the context trust the certificate of a PEM file, whoever issued it, and none of those that its issuers sign.

    Raises CertificateUnusable. Reads the file.
    """
    # Python's own defaults differ: from 3.13 on a chain may end so, and RFC 5280 is asked for strictly.
    context.verify_flags = ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST
    context.load_verify_locations(cadata=_certificates(certificate)[0].public_bytes(Encoding.DER))


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
    except UnsupportedAlgorithm as error:
        raise CertificateUnusable(f"{path}: is a key of a kind that cannot be used: {error}") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        certified = certificate.public_key().public_bytes(*form)
    except (ValueError, UnsupportedAlgorithm) as error:  # read only now, unlike the rest of the certificate
        raise CertificateUnusable(f"{certificate_path}: is of a key that cannot be used: {error}") from error
    if private_key.public_key().public_bytes(*form) != certified:
        raise CertificateUnusable(f"{path}: is not the key of {certificate_path}")


def _check_dates(certificate: x509.Certificate, path: Path, now: datetime) -> None:
    if now >= certificate.not_valid_after_utc:
        raise CertificateUnusable(f"{path}: expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    if now < certificate.not_valid_before_utc:
        raise CertificateUnusable(f"{path}: is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}")

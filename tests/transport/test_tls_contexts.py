"""The contexts of SIP over TLS, what is wrong with their files, and the words for what TLS says."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from b2bua.certificates import CertificateUnusable
from b2bua.clock import SystemClock
from b2bua.transport.tls import tls_contexts, why_closed, why_no_handshake
from tests.support.certificates import Authority, CertificateFiles

NAME = "sip.carrier.example"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


# Files.


def test_an_unusable_certificate_is_told_at_the_start(authority: Authority, tmp_path: Path) -> None:
    good, expired = authority.issue(NAME), authority.issue(NAME, days=-1)
    now_ms = SystemClock().wall_ms()
    with pytest.raises(CertificateUnusable, match="expired on"):
        tls_contexts(expired.certificate, expired.key, None, now_ms=now_ms)
    with pytest.raises(CertificateUnusable, match="is not the key of"):
        tls_contexts(good.certificate, expired.key, None, now_ms=now_ms)
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    with pytest.raises(CertificateUnusable, match=r"empty\.pem: holds no PEM certificate"):
        tls_contexts(good.certificate, good.key, empty, now_ms=now_ms)
    with pytest.raises(CertificateUnusable, match="cannot be read"):
        tls_contexts(good.certificate, good.key, tmp_path / "nowhere.pem", now_ms=now_ms)


def test_a_key_that_is_too_weak_for_tls_is_told_at_the_start(tmp_path: Path) -> None:
    """It is that of its certificate, and OpenSSL alone knows better."""
    weak = rsa.generate_private_key(65_537, 1_024)
    own = CertificateFiles(tmp_path / "weak.crt", tmp_path / "weak.key")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, weak.public_key(), 1, now, now + timedelta(days=1))
    own.certificate.write_bytes(builder.sign(weak, hashes.SHA256()).public_bytes(Encoding.PEM))
    own.key.write_bytes(weak.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(CertificateUnusable, match=r"weak\.crt: cannot be used for TLS: .*too small"):
        tls_contexts(own.certificate, own.key, None)


def test_without_authorities_of_our_own_those_of_the_system_are_trusted(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    trusted = ssl.PEM_cert_to_DER_cert(authority.file.read_text())
    own = authority.issue(NAME)
    made = tls_contexts(own.certificate, own.key, None, require_client_certificate=True)
    assert made.server is not None
    for context in (made.server, made.client):
        assert trusted in context.get_ca_certs(binary_form=True)


def test_no_peer_renegotiates(authority: Authority) -> None:
    """A client could have us calculate for it without end."""
    own = authority.issue(NAME)
    server = tls_contexts(own.certificate, own.key, authority.file).server
    assert server is not None
    assert server.options & ssl.OP_NO_RENEGOTIATION


def test_both_sides_begin_at_tls_1_2(authority: Authority) -> None:
    own = authority.issue(NAME)
    made = tls_contexts(own.certificate, own.key, None)
    assert made.server is not None
    for context in (made.server, made.client, made.unverified):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert made.client.verify_mode == ssl.CERT_REQUIRED
    assert made.client.check_hostname
    assert made.server.verify_mode == ssl.CERT_NONE


# Words.


def tls_error(reason: str | None) -> ssl.SSLError:
    """One of OpenSSL, which gives a reason or none."""
    error = ssl.SSLError(1, "EOF occurred in violation of protocol")
    error.reason = reason  # type: ignore[assignment]  # typeshed knows no error without one
    return error


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (tls_error("NO_SHARED_CIPHER"), "NO_SHARED_CIPHER"),
        (tls_error(None), "EOF occurred in violation of protocol"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (ConnectionAbortedError("SSL handshake is taking longer"), "SSL handshake is taking longer"),
    ],
)
def test_what_is_known_of_a_handshake_in_vain_is_told(error: OSError, why: str) -> None:
    assert why_no_handshake(error) == why


@pytest.mark.parametrize("reason", ["TLSV1_ALERT_UNKNOWN_CA", None])
def test_an_end_by_tls_is_told_with_a_reason_or_what_else_it_says(reason: str | None) -> None:
    told = why_closed(tls_error(reason))
    assert told.startswith("tls: ")
    assert (reason or "EOF occurred in violation of protocol") in told

"""The certificate that browsers know this side by: made at the start, signed by nobody, known by its fingerprint."""

import datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from media.webrtc.fingerprints import Fingerprint

# It lives as long as the process; a browser looks at its fingerprint, not at its dates.
_BEFORE: Final = datetime.timedelta(days=1)
_AFTER: Final = datetime.timedelta(days=3650)
_SERIAL_BITS: Final = 64


class OwnCertificate(NamedTuple):
    """An ECDSA P-256 key (RFC 8827 section 6.5), its certificate, and the SHA-256 fingerprint of it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    fingerprint: Fingerprint


def make_certificate(now: datetime.datetime, serial: int) -> OwnCertificate:
    """`now`: with a time zone. `serial`: unpredictable, 1 to 2**64 - 1; the name tells nothing."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "WebRTC")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial & (1 << _SERIAL_BITS) - 1 or 1)
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + _AFTER)
    )
    certificate = builder.sign(key, hashes.SHA256())
    return OwnCertificate(key, certificate, fingerprint_of(certificate, "sha-256"))


def fingerprint_of(certificate: x509.Certificate, algorithm: str) -> Fingerprint:
    """A certificate's fingerprint by an algorithm of `fingerprints.OCTETS`."""
    digests: dict[str, hashes.HashAlgorithm] = {
        "sha-256": hashes.SHA256(),
        "sha-384": hashes.SHA384(),
        "sha-512": hashes.SHA512(),
    }
    return Fingerprint(algorithm, certificate.fingerprint(digests[algorithm]))

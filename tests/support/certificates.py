"""Certificate authorities and certificates made for a test, in PEM files."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from b2bua.clock import SystemClock


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority; `file` has its certificate."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = _key(name)
        self._serial = 0
        self.file = folder / f"{name}.pem"
        constraint = x509.BasicConstraints(ca=True, path_length=0)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = self._builder(self._name, self._key, 30).add_extension(constraint, critical=True)
        certificate = builder.add_extension(usage, critical=True)
        self.file.write_bytes(certificate.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def issue(self, *names: str, days: int = 30) -> CertificateFiles:
        """A certificate for host names and IP literals, valid for so many days; negative: it has expired by then."""
        self._serial += 1
        key = _key(f"{self._name.rfc4514_string()} {self._serial}")
        alternatives = [
            x509.IPAddress(ip_address(name)) if ":" in name or name[-1].isdigit() else x509.DNSName(name)
            for name in names
        ]
        certificate = (
            self._builder(x509.Name([]), key, days)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        stem = self._folder / f"{self.file.stem}-{self._serial}"
        made = CertificateFiles(stem.with_suffix(".crt"), stem.with_suffix(".key"))
        made.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return made

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
        now = datetime.fromtimestamp(SystemClock().wall_ms() / 1000, UTC)
        end = now + timedelta(days=days)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(now, end) - timedelta(days=1))
            .not_valid_after(end)
            # Both are asked for by Python 3.13 and later (RFC 5280 4.2.1.1, 4.2.1.2).
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


@cache
def _key(_name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())

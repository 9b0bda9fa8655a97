"""A DTLS 1.2 association that yields SRTP keys (RFC 5764): datagrams in, datagrams out; no sockets, no clock but
OpenSSL's own for retransmissions."""

import ctypes
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL import SSL

from media.errors import MediaError
from media.rtp.srtp import AEAD_AES_128_GCM, AEAD_AES_256_GCM, AES_CM_128_HMAC_SHA1_80, Suite
from media.webrtc.certificate import OwnCertificate, fingerprint_of
from media.webrtc.fingerprints import Fingerprint
from media.webrtc.interface import FailureReason

# What fits every path that WebRTC is used over (RFC 8831 section 5 takes 1200 too).
DATAGRAM_BYTES_MAX: Final = 1200

State = Literal["new", "handshake", "established", "failed", "closed"]

# The version number on the wire, in the place of OpenSSL's constant that its binding does not name.
_DTLS_1_2: Final = 0xFEFD
_RECORD_HEADER_BYTES: Final = 13
_FLIGHT_BYTES_MAX: Final = 65_536
_CIPHERS: Final = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:"
    b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA"
)
_EXPORTER: Final = b"EXTRACTOR-dtls_srtp"
# In the order of our preference: what needs least work for each packet first.
_SUITES: Final = {
    b"SRTP_AEAD_AES_128_GCM": AEAD_AES_128_GCM,
    b"SRTP_AES128_CM_SHA1_80": AES_CM_128_HMAC_SHA1_80,
    b"SRTP_AEAD_AES_256_GCM": AEAD_AES_256_GCM,
}
_WITH_A_CERTIFICATE: Final = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
# As OpenSSL's SSL_verify_cb has it. Nobody signs these certificates; who made one is told by the fingerprint, once the
# handshake is done.
_TAKE_ANY: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)(lambda *_: 1)


class SrtpKeys:
    """The suite, and master key with salt of each direction."""

    __slots__ = ("receive", "send", "suite")

    def __init__(self, suite: Suite, send: bytes, receive: bytes) -> None:
        self.suite = suite
        self.send = send
        self.receive = receive


class DtlsIdentity:
    """Our certificate and what we agree to: one for all associations."""

    def __init__(self, own: OwnCertificate, suites: tuple[Suite, ...]) -> None:
        """`suites`: those that can be used; others are not offered. MediaError: none of them."""
        profiles = [name for name, suite in _SUITES.items() if suite in suites]
        if not profiles:
            raise MediaError("this build of libsrtp has no suite of DTLS-SRTP")
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(_DTLS_1_2)
        context.set_max_proto_version(_DTLS_1_2)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_QUERY_MTU)
        _take_any_certificate(context)
        context.use_certificate(own.certificate)
        context.use_privatekey(own.key)
        context.set_cipher_list(_CIPHERS)
        context.set_tlsext_use_srtp(b":".join(profiles))
        self.context = context
        self.fingerprint = own.fingerprint


def _take_any_certificate(context: SSL.Context) -> None:
    """Ask for a certificate, and take whichever comes."""
    try:
        context.set_verify(_WITH_A_CERTIFICATE, lambda *_: True)
    except MemoryError:
        # pyOpenSSL wants memory to write a call into and to run it, which services are denied that are shut in as ours
        # is (MemoryDenyWriteExecute). A call of ctypes needs none.
        address = ctypes.cast(_TAKE_ANY, ctypes.c_void_p).value
        call = Binding.ffi.cast("int (*)(int, X509_STORE_CTX *)", address)
        Binding.lib.SSL_CTX_set_verify(context._context, _WITH_A_CERTIFICATE, call)


class DtlsAssociation:
    """One browser's association. Each method returns datagrams to be sent, in their order; `state`, `failure` and
    `keys` say what came of it."""

    def __init__(self, identity: DtlsIdentity, fingerprints: tuple[Fingerprint, ...], client: bool) -> None:
        """`fingerprints`: what the browser's offer says of its certificates; of each hash function that it names, one
        must be of the certificate that it uses (RFC 8122 section 5.1)."""
        self._fingerprints = fingerprints
        self._client = client
        self._ssl = SSL.Connection(identity.context, None)
        self._ssl.set_ciphertext_mtu(DATAGRAM_BYTES_MAX)
        self.state: State = "new"
        self.failure: FailureReason | None = None
        self.keys: SrtpKeys | None = None

    def start(self) -> list[bytes]:
        """Begin, or await, the handshake."""
        if self._client:
            self._ssl.set_connect_state()
        else:
            self._ssl.set_accept_state()
        self.state = "handshake"
        return self._step()

    def receive(self, datagram: bytes) -> list[bytes]:
        """Take a datagram; one that is nothing to this association changes nothing."""
        if self.state not in ("handshake", "established") or not datagram:
            return []
        self._ssl.bio_write(datagram)
        if self.state == "handshake":
            return self._step()
        try:
            # Nothing is said over it but that it ends; and a last flight that was lost is sent again. All that came is
            # read: a record left behind would wait in OpenSSL's memory.
            while True:
                self._ssl.recv(DATAGRAM_BYTES_MAX)
        except SSL.ZeroReturnError:
            self.state = "closed"
        except SSL.WantReadError:
            pass
        except SSL.Error:
            self.state = "closed"
        return self._outgoing()

    def timeout_s(self) -> float | None:
        """Seconds until `retransmit` is due; None while nothing awaits an answer."""
        return self._ssl.DTLSv1_get_timeout() if self.state == "handshake" else None

    def retransmit(self) -> list[bytes]:
        """Send the last flight again where its time has come (RFC 6347 section 4.2.4)."""
        if self.state != "handshake":
            return []
        try:
            self._ssl.DTLSv1_handle_timeout()
        except SSL.Error:
            self._fail("dtls")
        return self._outgoing()

    def close(self) -> list[bytes]:
        """Say that it ends (close_notify)."""
        if self.state == "established":
            try:
                self._ssl.shutdown()
            except SSL.Error:
                self.state = "closed"
                return []
        outgoing = self._outgoing() if self.state in ("handshake", "established") else []
        self.state = "closed"
        return outgoing

    def _step(self) -> list[bytes]:
        try:
            self._ssl.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.Error:
            self._fail("dtls")
        else:
            self._done()
        return self._outgoing()

    def _done(self) -> None:
        certificate = self._ssl.get_peer_certificate(as_cryptography=True)
        if certificate is None or not self._is_the_offers(certificate):
            self._fail("fingerprint")
            return
        suite = _SUITES.get(self._ssl.get_selected_srtp_profile())
        if suite is None:
            self._fail("srtp")
            return
        self.keys = self._keys(suite)
        self.state = "established"

    def _is_the_offers(self, certificate: x509.Certificate) -> bool:
        named = {each.algorithm for each in self._fingerprints}
        return all(fingerprint_of(certificate, algorithm) in self._fingerprints for algorithm in named)

    def _keys(self, suite: Suite) -> SrtpKeys:
        """RFC 5764 section 4.2: client key, server key, client salt, server salt."""
        key, salt = suite.key_bytes, suite.master_bytes - suite.key_bytes
        material = self._ssl.export_keying_material(_EXPORTER, 2 * (key + salt))
        client = material[:key] + material[2 * key : 2 * key + salt]
        server = material[key : 2 * key] + material[2 * key + salt :]
        return SrtpKeys(suite, client, server) if self._client else SrtpKeys(suite, server, client)

    def _fail(self, reason: FailureReason) -> None:
        self.state, self.failure = "failed", reason

    def _outgoing(self) -> list[bytes]:
        try:
            flight = self._ssl.bio_read(_FLIGHT_BYTES_MAX)
        except SSL.WantReadError:
            return []
        except SSL.Error:
            return []
        return split_flight(flight)


def split_flight(flight: bytes) -> list[bytes]:
    """A flight's records as datagrams: as many whole records in each as fit (RFC 6347 section 4.1.1)."""
    datagrams: list[bytes] = []
    begin = at = 0
    while at + _RECORD_HEADER_BYTES <= len(flight):
        end = at + _RECORD_HEADER_BYTES + int.from_bytes(flight[at + 11 : at + 13])
        if end - begin > DATAGRAM_BYTES_MAX and at > begin:
            datagrams.append(flight[begin:at])
            begin = at
        at = end
    if at > begin:
        datagrams.append(flight[begin:at])
    return datagrams

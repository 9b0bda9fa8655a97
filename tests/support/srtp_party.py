"""A leg's far end that speaks SRTP with a libsrtp session of its own, under keys of its own."""

from dataclasses import dataclass, field
from typing import Any

from pylibsrtp import Policy, Session

from media.packet_path.interface import Address, Keying
from media.rtp.packet import RtpPacket, parse_packet
from media.rtp.srtp import (
    AEAD_AES_128_GCM,
    AEAD_AES_256_GCM,
    AES_CM_128_HMAC_SHA1_32,
    AES_CM_128_HMAC_SHA1_80,
    Suite,
)
from tests.support.relay_bed import Party, RelayBed, remote_plan

PROFILES = {
    AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    AES_CM_128_HMAC_SHA1_32: Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    AEAD_AES_128_GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    AEAD_AES_256_GCM: Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


def master(suite: Suite, number: int) -> bytes:
    """A key that is told from others by a number."""
    return bytes((number * 31 + at) & 0xFF for at in range(suite.master_bytes))


def sealer(suite: Suite, key: bytes) -> Session:
    """A session that sends."""
    return Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[suite]))


def opener(suite: Suite, key: bytes) -> Session:
    """A session that receives."""
    return Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=PROFILES[suite]))


@dataclass
class SecureParty(Party):
    """`given` keeps what it sent as it was on the wire."""

    suite: Suite = AES_CM_128_HMAC_SHA1_80
    own_key: int = 1
    our_key: int = 2
    given: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sealer = sealer(self.suite, master(self.suite, self.own_key))
        self.opener = opener(self.suite, master(self.suite, self.our_key))

    def keying(self) -> Keying:
        """Its keys as the leg sees them."""
        return Keying(self.suite, master(self.suite, self.our_key), master(self.suite, self.own_key))

    def connect(self, **changes: Any) -> None:
        """What an SDP exchange settles."""
        plan = remote_plan(self.address, **changes)._replace(keying=self.keying())
        self.bed.table.set_remote(self.stream, plan, self.bed.now)

    def rekey(self, own_key: int, *, keep_rollover: bool = False) -> None:
        """Take another key, from a rollover counter of 0 on or keeping it (RFC 3711 section 3.3.1)."""
        self.own_key = own_key
        self.sealer = sealer(self.suite, master(self.suite, own_key))
        if keep_rollover:
            for sequence in (0, 0x4000, 0x8000, 0xC000, 0):
                self.sealer.protect(RtpPacket(8, sequence, 0, self.ssrc, b"").render())

    def give(self, packet: RtpPacket, source: Address | None = None) -> None:
        """Seal it and send it."""
        self.given.append(self.sealer.protect(packet.render()))
        self.give_bytes(self.given[-1], source)

    def heard(self) -> list[RtpPacket]:
        """What was sent to it since the last time it was asked, opened."""
        packets = [parse_packet(self.opener.unprotect(packet)) for packet in self.wire.sent]
        self.wire.sent.clear()
        assert None not in packets
        return [packet for packet in packets if packet is not None]


def secure_party(bed: RelayBed, leg: str, suite: Suite = AES_CM_128_HMAC_SHA1_80, **of_party: Any) -> SecureParty:
    """A connected party with SRTP."""
    plain = bed.party(leg, connect=False, **of_party)
    party = SecureParty(
        bed, plain.stream, plain.wire, plain.address, plain.ssrc, plain.sequence, plain.timestamp, suite
    )
    party.connect()
    return party

"""The published vectors of SRTP, and our interface held against them.

The vectors begin with session keys or stop at them, while SDES and libsrtp take master keys. So a reference is held
against the vectors, and what the packet path does against the reference.
"""

import pytest

from media.packet_path.interface import Keying
from media.packet_path.protection import Protection, available_suites
from media.rtp.packet import RtpPacket
from media.rtp.rtcp import Report, SenderInformation, build_cname, build_report
from media.rtp.srtp import AEAD_AES_128_GCM, AES_CM_128_HMAC_SHA1_80, SUITES, Suite
from media.rtp.stats import Reception
from tests.support.srtp_reference import (
    RTP_AUTHENTICATION,
    RTP_KEY,
    RTP_SALT,
    derive,
    gcm_rtp,
    keystream,
    seal_rtcp,
    seal_rtp,
)

B3_KEY = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139")
B3_SALT = bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")

QUID_PRO_QUO = bytes.fromhex("517569642070726f2071756f")
GALLIA = bytes.fromhex(
    "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573"
)


def protection(suite: Suite, master: bytes) -> Protection:
    made = Protection()
    made.rekey(Keying(suite, master, master), Reception())
    return made


def sealed_by_us(suite: Suite, master: bytes, packet: bytes) -> bytes:
    sent: list[bytes] = []
    protection(suite, master).sealing(sent.append)(memoryview(packet))
    return sent[0]


def opened_by_us(suite: Suite, master: bytes, packet: bytes) -> bytes:
    buffer = bytearray(packet.ljust(2048, b"\xaa"))
    return bytes(buffer[: protection(suite, master).open_rtp(buffer, len(packet))])


def test_rfc3711_b_2_keystream_of_counter_mode() -> None:
    key = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
    start = bytes.fromhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000")
    assert keystream(key, start, 48).hex().upper() == (
        "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0"
    )


def test_rfc3711_b_3_key_derivation() -> None:
    assert derive(B3_KEY, B3_SALT, RTP_KEY, 16).hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
    assert derive(B3_KEY, B3_SALT, RTP_SALT, 14).hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"
    assert derive(B3_KEY, B3_SALT, RTP_AUTHENTICATION, 20).hex().upper() == "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"


@pytest.mark.parametrize(
    ("key", "sealed"),
    [
        (
            bytes(range(16)),
            "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            bytes(range(32)),
            "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ],
    ids=["16.1.1", "16.2.1"],
)
def test_rfc7714_s16_authenticated_encryption(key: bytes, sealed: str) -> None:
    assert gcm_rtp(key, QUID_PRO_QUO, 0, GALLIA).hex() == GALLIA[:12].hex() + sealed


def test_every_suite_is_in_the_bundled_library() -> None:
    assert available_suites() == SUITES


def test_rfc3711_b_3_master_key_through_the_packet_path() -> None:
    """The packet of the session keys that B.3 publishes for its master key."""
    packet = RtpPacket(15, 0x1234, 0xDECAFBAD, 0xCAFEBABE, b"\xab" * 16).render()
    sealed = seal_rtp(AES_CM_128_HMAC_SHA1_80, B3_KEY + B3_SALT, 0, packet)
    assert sealed[12:].hex() == "4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"
    assert sealed_by_us(AES_CM_128_HMAC_SHA1_80, B3_KEY + B3_SALT, packet) == sealed
    assert opened_by_us(AES_CM_128_HMAC_SHA1_80, B3_KEY + B3_SALT, sealed) == packet


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
class TestEverySuite:
    def test_rtp_both_ways(self, suite: Suite) -> None:
        master = bytes(range(7, 7 + suite.master_bytes))
        packet = RtpPacket(8, 4711, 99, 0x5501A0B2, b"\xd5" * 160, marker=True).render()
        sealed = seal_rtp(suite, master, 0, packet)
        assert sealed_by_us(suite, master, packet) == sealed
        assert opened_by_us(suite, master, sealed) == packet

    def test_rtcp_both_ways(self, suite: Suite) -> None:
        master = bytes(range(9, 9 + suite.master_bytes))
        report = build_report(Report(0x5501A0B2, SenderInformation(1 << 40, 160, 3, 480), ())) + build_cname(7, "c")
        ours = protection(suite, master).seal_rtcp(report)
        # The first index is 1 with libsrtp; the RFC asks for 0, and takes any that only grows (section 3.4).
        assert ours == seal_rtcp(suite, master, 1, report)
        buffer = bytearray(2048)
        theirs = seal_rtcp(suite, master, 0, report)
        buffer[: len(theirs)] = theirs
        assert protection(suite, master).open_rtcp(buffer, len(theirs)) == len(report)
        assert buffer[: len(report)] == report


def test_a_32_bit_tag_is_of_rtp_alone() -> None:
    suite = SUITES[-1]
    packet = RtpPacket(8, 1, 2, 3, b"\xd5" * 160).render()
    assert len(sealed_by_us(suite, bytes(30), packet)) == len(packet) + 4
    report = build_report(Report(3, None, ()))
    assert len(protection(suite, bytes(30)).seal_rtcp(report)) == len(report) + 4 + 10


def test_gcm_has_a_tag_of_16_bytes() -> None:
    packet = RtpPacket(8, 1, 2, 3, b"\xd5" * 160).render()
    assert len(sealed_by_us(AEAD_AES_128_GCM, bytes(28), packet)) == len(packet) + 16

"""SRTP written out from RFC 3711 and RFC 7714 over plain AES and HMAC: what libsrtp's work is held against."""

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from media.rtp.srtp import AES_CM_128_HMAC_SHA1_32, Suite

RTP_KEY, RTP_AUTHENTICATION, RTP_SALT, RTCP_KEY, RTCP_AUTHENTICATION, RTCP_SALT = range(6)
ENCRYPTED = 0x80000000


def keystream(key: bytes, start: bytes, length: int) -> bytes:
    """AES in counter mode from a 16-byte counter on (RFC 3711 section 4.1.1)."""
    return Cipher(algorithms.AES(key), modes.CTR(start)).encryptor().update(bytes(length))


def derive(master_key: bytes, master_salt: bytes, label: int, length: int) -> bytes:
    """A session key (RFC 3711 section 4.3.1, with a key derivation rate of 0)."""
    counter = int.from_bytes(master_salt.ljust(14, b"\0")) ^ (label << 48)
    return keystream(master_key, (counter << 16).to_bytes(16), length)


def counter_mode(key: bytes, salt: bytes, ssrc: int, index: int, text: bytes) -> bytes:
    """RFC 3711 section 4.1.1: the text with the keystream of a packet."""
    start = (int.from_bytes(salt) << 16) ^ (ssrc << 64) ^ (index << 16)
    stream = keystream(key, start.to_bytes(16), len(text))
    return bytes(a ^ b for a, b in zip(text, stream, strict=True))


def gcm_rtp(key: bytes, salt: bytes, rollovers: int, packet: bytes) -> bytes:
    """RFC 7714 section 8.1 and 9.1, with session key and salt."""
    nonce = bytes(2) + packet[8:12] + struct.pack("!I", rollovers) + packet[2:4]
    return packet[:12] + AESGCM(key).encrypt(_xor(nonce, salt), packet[12:], packet[:12])


def gcm_rtcp(key: bytes, salt: bytes, index: int, packet: bytes) -> bytes:
    """RFC 7714 section 9.1 to 9.3, with session key and salt."""
    nonce = bytes(2) + packet[4:8] + bytes(2) + struct.pack("!I", index)
    trailer = struct.pack("!I", ENCRYPTED | index)
    return packet[:8] + AESGCM(key).encrypt(_xor(nonce, salt), packet[8:], packet[:8] + trailer) + trailer


def seal_rtp(suite: Suite, master: bytes, rollovers: int, packet: bytes) -> bytes:
    """An RTP packet of a plain 12-byte header as SRTP."""
    key, salt = master[: suite.key_bytes], master[suite.key_bytes :]
    session_key = derive(key, salt, RTP_KEY, suite.key_bytes)
    session_salt = derive(key, salt, RTP_SALT, suite.salt_bytes)
    if "GCM" in suite.name:
        return gcm_rtp(session_key, session_salt, rollovers, packet)
    sequence, ssrc = struct.unpack_from("!2xH4xI", packet)
    sealed = packet[:12] + counter_mode(session_key, session_salt, ssrc, rollovers << 16 | sequence, packet[12:])
    authentication = derive(key, salt, RTP_AUTHENTICATION, 20)
    tag = hmac.digest(authentication, sealed + struct.pack("!I", rollovers), hashlib.sha1)
    return sealed + tag[: 4 if suite == AES_CM_128_HMAC_SHA1_32 else 10]


def seal_rtcp(suite: Suite, master: bytes, index: int, packet: bytes) -> bytes:
    """A compound RTCP packet as SRTCP. Its tag has 80 bits with either of the HMAC suites (RFC 4568 section 6.2.2)."""
    key, salt = master[: suite.key_bytes], master[suite.key_bytes :]
    session_key = derive(key, salt, RTCP_KEY, suite.key_bytes)
    session_salt = derive(key, salt, RTCP_SALT, suite.salt_bytes)
    if "GCM" in suite.name:
        return gcm_rtcp(session_key, session_salt, index, packet)
    (ssrc,) = struct.unpack_from("!4xI", packet)
    sealed = packet[:8] + counter_mode(session_key, session_salt, ssrc, index, packet[8:])
    sealed += struct.pack("!I", ENCRYPTED | index)
    return sealed + hmac.digest(derive(key, salt, RTCP_AUTHENTICATION, 20), sealed, hashlib.sha1)[:10]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))

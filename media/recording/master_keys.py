"""Master keys: each recording has a key of its own, which is kept sealed under one of them. No files in here."""

import base64
import binascii
import os
from collections.abc import Callable, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from media.recording.sealing import KEY_BYTES, Seal, SealError

_VERSION: Final = "v1"
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_ID_PURPOSE: Final = b"maskbridge master key id"
_WRAP_PURPOSE: Final = b"maskbridge recording key v1\0"


class KeyUnavailable(SealError):
    """The key of a recording cannot be had: its master key is not among those given, or it was altered."""


class MasterKeys:
    """Seals new recording keys with the newest master key, opens those sealed with any.

    A sealed key is the text `v1.<master key's id>.<base64>`: AES-256-GCM under a key that HKDF (RFC 5869) derives from
    the master key for this recording alone, so that it opens as no other recording's.
    """

    __slots__ = ("_entropy", "_keys", "newest_id")

    def __init__(self, newest: str, former: Sequence[str] = (), entropy: Callable[[int], bytes] = os.urandom) -> None:
        """The texts as configured; `entropy` gives random bytes and is asked from several threads."""
        texts = (newest, *former)
        self._keys = {_id_of(text.encode()): text.encode() for text in texts}
        self._entropy = entropy
        self.newest_id = _id_of(newest.encode())

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all of them, as they stand in the keys that they have sealed."""
        return frozenset(self._keys)

    def new_seal(self, recording_id: str) -> tuple[Seal, str]:
        """A fresh key for a recording, and the same one sealed."""
        seal = Seal(recording_id, self._entropy(KEY_BYTES))
        return seal, self._sealed(seal)

    def seal_of(self, recording_id: str, sealed_key: str) -> Seal:
        """The key of a recording. KeyUnavailable."""
        match sealed_key.split("."):
            case [version, key_id, content] if version == _VERSION:
                pass
            case _:
                raise KeyUnavailable("its key is sealed in a way that this release does not know")
        master = self._keys.get(key_id)
        if master is None:
            raise KeyUnavailable(f"its key is sealed with the master key {key_id}, which is not among those given")
        try:
            sealed = base64.b64decode(content, altchars=b"-_", validate=True)
            key = _wrapping(master, recording_id).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except (InvalidTag, binascii.Error, ValueError):
            raise KeyUnavailable("its sealed key was altered, or is another recording's") from None
        return Seal(recording_id, key)

    def renewed(self, recording_id: str, sealed_key: str) -> str:
        """The same key sealed with the newest master key; as it is where it is so already. KeyUnavailable."""
        seal = self.seal_of(recording_id, sealed_key)
        return sealed_key if self.is_newest(sealed_key) else self._sealed(seal)

    def is_newest(self, sealed_key: str) -> bool:
        """Whether it says that it is sealed with the newest master key."""
        return sealed_key.split(".")[1:2] == [self.newest_id]

    def _sealed(self, seal: Seal) -> str:
        nonce = self._entropy(_NONCE_BYTES)
        master = self._keys[self.newest_id]
        sealed = nonce + _wrapping(master, seal.recording_id).encrypt(nonce, seal.key, None)
        return f"{_VERSION}.{self.newest_id}.{base64.urlsafe_b64encode(sealed).decode('ascii')}"


def _id_of(master: bytes) -> str:
    return _derived(master, _ID_PURPOSE, _ID_BYTES).hex()


def _wrapping(master: bytes, recording_id: str) -> AESGCM:
    return AESGCM(_derived(master, _WRAP_PURPOSE + recording_id.encode(), KEY_BYTES))


def _derived(master: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=purpose).derive(master)

"""Small secrets that are kept sealed under the master keys, as the keys of recordings are."""

from media.recording.master_keys import KeyUnavailable, MasterKeys


class SealedSecrets:
    """Makes secrets of 32 random bytes and opens them again. Each opens for its own owner alone."""

    __slots__ = ("_keys",)

    def __init__(self, keys: MasterKeys) -> None:
        self._keys = keys

    def new(self, owner: str) -> tuple[bytes, str]:
        """A fresh secret for an owner, and the same one sealed."""
        seal, sealed = self._keys.new_seal(owner)
        return seal.key, sealed

    def opened(self, owner: str, sealed: str) -> bytes:
        """The secret behind a sealed text of this owner. Raises ValueError when it cannot be had."""
        try:
            return self._keys.seal_of(owner, sealed).key
        except KeyUnavailable as error:
            raise ValueError(str(error)) from error

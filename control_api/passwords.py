"""Passwords: argon2id (RFC 9106) hashes, made and checked beside the event loop, a few at a time."""

import asyncio
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from control_api.errors import NotReady

AT_ONCE: Final = 2
MAX_WAITING: Final = 32


class Passwords:
    """Hashes and checks. Each costs some 64 MiB for a moment: `AT_ONCE` run, `MAX_WAITING` wait, more are refused."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = PasswordHasher() if hasher is None else hasher
        self._nobodys: str | None = None
        self._places = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def hashed(self, password: str) -> str:
        """The hash to be stored. Raises NotReady."""
        return await self._run(password, None)

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password behind a hash. Without a hash it takes as long, and is not. Raises NotReady."""
        return await self._run(password, password_hash or "") == "matches"

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other costs than new ones are."""
        return self._hasher.check_needs_rehash(password_hash)

    async def _run(self, password: str, password_hash: str | None) -> str:
        if self._waiting >= MAX_WAITING:
            raise NotReady("Too many people are signing in. Please try again.", retry_after_s=2)
        self._waiting += 1
        try:
            async with self._places:
                return await asyncio.to_thread(self._work, _as_typed(password), password_hash)
        finally:
            self._waiting -= 1

    def _work(self, password: str, password_hash: str | None) -> str:
        """Hash without a hash given; else `matches`, or an empty text."""
        if password_hash is None:
            return self._hasher.hash(password)
        if self._nobodys is None:
            self._nobodys = self._hasher.hash("nobody's password")
        try:
            self._hasher.verify(password_hash or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return ""
        return "matches" if password_hash else ""


def _as_typed(password: str) -> str:
    """One form for what can be typed in several ways (NIST SP 800-63B section 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)

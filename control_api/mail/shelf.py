"""Where letters lie until they are sent, so that a restart loses none.

A link's token is nowhere in the database but by its hash. So it is not in the text that is kept here either: it is a
secret that lies beside it, sealed under the master keys.
"""

from collections.abc import Collection
from typing import Final

from control_api.mail.letters import Letter, LetterKind
from control_api.totp import SecretBox
from storage.letters import WaitingLetter
from storage.store import Store
from storage.units import UnitOfWork

_PLACE: Final = "\x1f"  # where the token stands: names and addresses have no such character
LIFE_MS: Final = 86_400_000  # a letter that is older is sent no more


class LetterShelf:
    """Letters in the database. Without a box those with a token in them are not kept."""

    def __init__(self, store: Store, box: SecretBox | None) -> None:
        self._store = store
        self._box = box

    def token(self, letter_id: str) -> tuple[str, str] | None:
        """A fresh token of 64 hex digits for a letter, and the same one sealed; None without a box."""
        if self._box is None:
            return None
        secret, sealed = self._box.new(letter_owner(letter_id))
        return secret.hex(), sealed

    async def drop(self, letter_id: str) -> None:
        """It has arrived, or was given up. StorageError."""
        await self._store.run(lambda unit: unit.letters.drop(letter_id))

    async def waiting(self, now_ms: int, but: Collection[str] = ()) -> tuple[list[Letter], int]:
        """What an earlier run left, and how many of it are dropped: too old, or of a master key that has gone. `but`:
        letters of this run, which are on their way; it may grow meanwhile. When a letter was written says nothing of
        that: the clock may have been set back since.

        StorageError.
        """
        kept = await self._store.read(lambda reader: reader.waiting_letters())
        rows = [row for row in kept if row.letter_id not in but]
        letters: list[Letter] = []
        for row in rows:
            letter = self._opened(row) if row.at > now_ms - LIFE_MS else None
            if letter is None:
                await self.drop(row.letter_id)
            else:
                letters.append(letter)
        return letters, len(rows) - len(letters)

    def _opened(self, row: WaitingLetter) -> Letter | None:
        text = row.text
        if row.sealed is not None:
            try:
                token = "" if self._box is None else self._box.opened(letter_owner(row.letter_id), row.sealed).hex()
            except ValueError:
                token = ""
            if not token:
                return None
            text = text.replace(_PLACE, token)
        return Letter(row.letter_id, row.at, LetterKind(row.kind), row.recipient, row.subject, text)


def keep(unit: UnitOfWork, letter: Letter, token: str | None = None, sealed: str | None = None) -> bool:
    """Write a letter down, in the unit of work that makes it; False: there is no room, or no seal for its token."""
    if token is not None and sealed is None:
        return False
    text = letter.text if token is None else letter.text.replace(token, _PLACE)
    row = WaitingLetter(letter.letter_id, letter.at_ms, letter.kind, letter.to, letter.subject, text, sealed)
    return unit.letters.add(row)


def letter_owner(letter_id: str) -> str:
    """Whose the sealed token of a letter is."""
    return f"letter:{letter_id}"

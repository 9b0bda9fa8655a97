"""Letters on their way out."""

from dataclasses import dataclass, field
from typing import Final

from storage.queries import Queries

KEPT_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class WaitingLetter:
    """A letter, written at a Unix millisecond. `sealed`: what is secret in it, which has a place in its text."""

    letter_id: str
    at: int
    kind: str
    recipient: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    sealed: str | None = field(default=None, repr=False)


class Letters:
    """Those that are not sent yet; no more than `KEPT_MAX`."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def add(self, letter: WaitingLetter) -> bool:
        """Write one down; False where there is no room. IllegalState: its id is there already."""
        row = {
            "letter_id": letter.letter_id,
            "at": letter.at,
            "kind": letter.kind,
            "recipient": letter.recipient,
            "subject": letter.subject,
            "text": letter.text,
            "sealed": letter.sealed,
            "room": KEPT_MAX,
        }
        return self._queries.run("letters.add", row) == 1

    def drop(self, letter_id: str) -> bool:
        """It is on its way no more; False when it was not there."""
        return self._queries.run("letters.drop", (letter_id,)) == 1

    def waiting(self) -> list[WaitingLetter]:
        """All of them, oldest first."""
        return [WaitingLetter(*row) for row in self._queries.all("letters.waiting")]

    def sealed(self, after: str, limit: int) -> list[tuple[str, str]]:
        """What is secret in letters, as it is sealed, in the order of the letter ids that follow `after`."""
        return [(row[0], row[1]) for row in self._queries.all("letters.sealed", (after, limit))]

    def replace_sealed(self, letter_id: str, replaced: str, sealed: str) -> bool:
        """Put a secret sealed anew in place of the same one; False where that is not what there is."""
        parameters = {"letter_id": letter_id, "replaced": replaced, "sealed": sealed}
        return self._queries.run("letters.replace_sealed", parameters) == 1

"""What is written to people, in plain text."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from b2bua.billing.documents import rupees
from storage.billing_records import LowBalance

INVITATION_PATH: Final = "/portal/invitations/"
RESET_PATH: Final = "/portal/password-resets/"


class LetterKind(StrEnum):
    """What a letter is about."""

    INVITATION = "invitation"
    PASSWORD_RESET = "password reset"
    BALANCE_LOW = "low balance"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to one person, written at a Unix millisecond; only its kind may be logged. `letter_id` stays the same at
    every attempt."""

    letter_id: str
    at_ms: int
    kind: LetterKind
    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Heading:
    """What every letter begins with: its id and when it is written."""

    letter_id: str
    at_ms: int


def link(public_url: str, path: str, token: str) -> str:
    """Where a token is used up."""
    return f"{public_url.rstrip('/')}{path}{token}"


def invitation_letter(heading: Heading, to: str, place: str | None, url: str, expires_at_ms: int) -> Letter:
    """To somebody who is invited: to an organisation by its name, or None, to the operator's own."""
    where = "the operator's side" if place is None else place
    text = (
        f"You are invited to {where}.\n\nOpen this link to choose a password, or to join with the one you have:\n\n"
        f"{url}\n\nIt works once, until {_moment(expires_at_ms)}.\n"
    )
    return Letter(heading.letter_id, heading.at_ms, LetterKind.INVITATION, to, f"Invitation to {where}", text)


def reset_letter(heading: Heading, to: str, url: str, expires_at_ms: int) -> Letter:
    """To somebody who has forgotten the password."""
    text = (
        f"Open this link to choose a new password:\n\n{url}\n\nIt works once, until {_moment(expires_at_ms)}. Whoever "
        "asked for it knows your mail address and no more: if it was not you, leave it, and nothing changes.\n"
    )
    return Letter(heading.letter_id, heading.at_ms, LetterKind.PASSWORD_RESET, to, "A new password", text)


def low_balance_letter(heading: Heading, to: str, low: LowBalance, public_url: str) -> Letter:
    """To those of an organisation who look after its money."""
    text = (
        f"The balance of {low.name} is Rs {rupees(low.balance_paise)}, below the Rs {rupees(low.threshold_paise)} that "
        "you want to be told of. When it is used up, no calls can be made.\n\n"
        f"Top it up at {public_url.rstrip('/')}/portal/.\n"
    )
    return Letter(
        heading.letter_id, heading.at_ms, LetterKind.BALANCE_LOW, to, f"The balance of {low.name} is low", text
    )


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%d %B %Y, %H:%M UTC")

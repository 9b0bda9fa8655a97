"""Which pages there are to go to, by what somebody may do."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from control_api.rights import Right


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation; `right` is what it takes to see it."""

    title: str
    path: str
    right: Right


@dataclass(frozen=True, slots=True)
class Section:
    """Entries under one heading."""

    title: str
    entries: tuple[Entry, ...]


SECTIONS: Final = (
    Section(
        "Calls",
        (
            Entry("Overview", "/portal", Right.CALLS_READ),
            Entry("Call log", "/portal/calls", Right.CALLS_READ),
            Entry("Place a call", "/portal/place-call", Right.CALLS_WRITE),
            Entry("Softphone", "/portal/softphone", Right.TAKE_CALLS),
        ),
    ),
    Section(
        "Developers",
        (
            Entry("API keys", "/portal/keys", Right.KEYS_READ),
            Entry("Webhooks", "/portal/webhooks", Right.WEBHOOKS_READ),
        ),
    ),
    Section(
        "Money",
        (
            Entry("Wallet", "/portal/wallet", Right.BILLING_READ),
            Entry("Invoices", "/portal/invoices", Right.BILLING_READ),
            Entry("Statements", "/portal/statements", Right.BILLING_READ),
            Entry("Ledger", "/portal/ledger", Right.BILLING_READ),
        ),
    ),
    Section(
        "Organisation",
        (
            Entry("Announcements", "/portal/prompts", Right.PROMPTS_READ),
            Entry("Agents", "/portal/agents", Right.AGENTS_READ),
            Entry("People", "/portal/people", Right.PEOPLE_READ),
            Entry("Settings", "/portal/settings", Right.ORGANISATION_READ),
            Entry("Audit log", "/portal/audit", Right.AUDIT_READ),
        ),
    ),
    Section(
        "Operators",
        (
            Entry("Organisations", "/portal/operator/organisations", Right.OPERATE),
            Entry("Numbers", "/portal/operator/numbers", Right.OPERATE),
            Entry("Trunks", "/portal/operator/trunks", Right.OPERATE),
            Entry("Refunds and credits", "/portal/operator/refunds", Right.OPERATE),
            Entry("All changes", "/portal/operator/audit", Right.OPERATE),
        ),
    ),
)


def navigation_for(rights: Collection[str]) -> tuple[Section, ...]:
    """The sections with what these rights show; none is empty."""
    seen = (
        Section(section.title, tuple(entry for entry in section.entries if entry.right.value in rights))
        for section in SECTIONS
    )
    return tuple(section for section in seen if section.entries)


def is_current(entry: Entry, path: str) -> bool:
    """Whether a path is an entry's own page or one below it."""
    if entry.path == "/portal":
        return path in ("/portal", "/portal/")
    return path == entry.path or path.startswith(f"{entry.path}/")

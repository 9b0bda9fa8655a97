"""Which changes of the audit log are wanted."""

from typing import Annotated, Final

from pydantic import Field

from control_api.account_bodies import PageQuery
from control_api.schemas import PrintableText
from control_api.statement_schemas import LedgerPeriodQuery
from storage.person_records import AuditWish

LONGEST_ACTION: Final = 64
LONGEST_ACTOR: Final = 254
AUDIT_REQUIREMENTS: Final = {
    "action": f"a string of at most {LONGEST_ACTION} printable characters",
    "actor": f"a string of at most {LONGEST_ACTOR} printable characters",
    **dict.fromkeys(("start_date", "end_date"), "an RFC 3339 date-time"),
}


class AuditQuery(LedgerPeriodQuery, PageQuery):
    """Which changes, and which page of them."""

    action: Annotated[PrintableText, Field(max_length=LONGEST_ACTION)] = Field(
        default="", description="What was done: whole, as `key.create`, or what it was done to, as `key`"
    )
    actor: Annotated[PrintableText, Field(max_length=LONGEST_ACTOR)] = Field(
        default="", description="Who: the id, or some of the name"
    )

    def wish(self) -> AuditWish:
        """The same as the log is asked."""
        since, until = self.period()
        return AuditWish(self.action, self.actor, since, until)

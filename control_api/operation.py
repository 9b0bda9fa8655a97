"""An endpoint as the OpenAPI document shows it."""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from control_api.rights import Right, right_for
from storage.records import Scope


@dataclass(frozen=True, slots=True)
class Operation:
    """An endpoint as documented. `errors` are those beyond what its scope or right brings. `body_type`: of a
    body that is not JSON. `may_be_empty`: 204 is a success too."""

    method: str
    path: str
    name: str
    tag: str
    summary: str
    text: str
    reply: type[BaseModel] | None
    status: int = 200
    scope: Scope | None = None
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    errors: tuple[tuple[int, str], ...] = ()
    example: str | None = None
    media_type: str = "application/json"
    right: Right | None = None
    body_needed: bool = True
    body_type: str | None = None
    may_be_empty: bool = False

    @property
    def needs(self) -> Right | None:
        """The right that it takes."""
        return right_for(self.scope, self.right)


INVALID: Final = (400, "invalid_request")
NOT_FOUND: Final = (404, "not_found")
NOT_NOW: Final = (503, "no_capacity")
CONFLICT: Final = (409, "conflict")
BODY: Final = (INVALID, (413, "payload_too_large"), (415, "unsupported_media_type"), NOT_NOW)

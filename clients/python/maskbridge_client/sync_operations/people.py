"""Endpoints: People.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from maskbridge_client.shapes import Member
from maskbridge_client.sync_operations.sending import Sending
from maskbridge_client.wire import Request, many_of


class PeopleOperations(Sending):
    """People."""

    def list_people(self) -> list[Member]:
        """List people.

        Everybody with a role in the organisation. Scope: `account:read`. Roles: owner, developer, finance.
        """
        return self._send(Request("GET", "/v1/account/people"), many_of(Member))

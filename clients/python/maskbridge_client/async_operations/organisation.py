"""Endpoints: Organisation.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from datetime import datetime

from maskbridge_client.async_operations.sending import Sending
from maskbridge_client.shapes import AuditEntry, Organisation
from maskbridge_client.wire import UNSET, Page, Request, Unset, one_of, page_of


class OrganisationOperations(Sending):
    """Organisation."""

    async def show_organisation(self) -> Organisation:
        """Your organisation.

        Its terms and limits. Scope: `account:read`. Roles: owner, developer, finance, viewer.
        """
        return await self._send(Request("GET", "/v1/account/organisation"), one_of(Organisation))

    async def change_organisation(
        self,
        *,
        gstin: str | Unset | None = UNSET,
        state: str | Unset | None = UNSET,
        address: str | Unset | None = UNSET,
        retention_days: int | Unset | None = UNSET,
        low_balance: float | Unset | None = UNSET,
    ) -> Organisation:
        """Change your organisation.

        GSTIN, state and address, how long recordings are kept, when you are told of your balance. The rest
        stays. Scope: `account:write`. Roles: owner.

        :param gstin: 15 characters: a state's number, a PAN, an entity, a letter, a check digit
        :param state: The name or the GST number of a state; that of the GSTIN where there is one
        :param address: As invoices say it, in one line
        :param retention_days: Days for which recordings are kept; 0: for ever; null: as the operator has it
        :param low_balance: Rupees: below it `wallet.low` is told, once each time; null: never
        """
        return await self._send(
            Request(
                "PATCH",
                "/v1/account/organisation",
                body={
                    "gstin": gstin,
                    "state": state,
                    "address": address,
                    "retention_days": retention_days,
                    "low_balance": low_balance,
                },
            ),
            one_of(Organisation),
        )

    async def list_changes(
        self,
        *,
        page: int | Unset = UNSET,
        per_page: int | Unset = UNSET,
        start_date: datetime | Unset = UNSET,
        end_date: datetime | Unset = UNSET,
        action: str | Unset = UNSET,
        actor: str | Unset = UNSET,
    ) -> Page[AuditEntry]:
        """The audit log.

        Every change, by whom and when, newest first. Scope: `account:read`. Roles: owner, developer.

        :param page: Which page, from 1
        :param per_page: Above 100 it is 100
        :param start_date: Default: the beginning
        :param end_date: Default: now
        :param action: What was done: whole, as `key.create`, or what it was done to, as `key`
        :param actor: Who: the id, or some of the name
        """
        return await self._send(
            Request(
                "GET",
                "/v1/account/audit",
                query={
                    "page": page,
                    "per_page": per_page,
                    "start_date": start_date,
                    "end_date": end_date,
                    "action": action,
                    "actor": actor,
                },
            ),
            page_of(AuditEntry),
        )

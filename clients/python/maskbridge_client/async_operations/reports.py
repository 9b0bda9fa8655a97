"""Endpoints: Reports.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from datetime import datetime

from maskbridge_client.async_operations.sending import Sending
from maskbridge_client.shapes import Billing, Series, Stats, Step
from maskbridge_client.wire import UNSET, Request, Unset, one_of, raw


class ReportsOperations(Sending):
    """Reports."""

    async def show_stats(
        self, *, start_date: datetime | Unset = UNSET, end_date: datetime | Unset = UNSET, test: bool | Unset = UNSET
    ) -> Stats:
        """Totals of a period.

        Both dates are inclusive; without them it is the last 30 days. Live calls count in `total_calls` only.
        Scope: `calls:read`. Roles: owner, developer, finance, viewer.

        :param start_date: Default: 30 days before the end
        :param end_date: Default: now
        :param test: Of test calls instead of all others
        """
        return await self._send(
            Request("GET", "/v1/masking/stats", query={"start_date": start_date, "end_date": end_date, "test": test}),
            one_of(Stats),
        )

    async def show_stats_series(
        self,
        *,
        by: Step | Unset = UNSET,
        start_date: datetime | Unset = UNSET,
        end_date: datetime | Unset = UNSET,
        test: bool | Unset = UNSET,
    ) -> Series:
        """Totals hour by hour or day by day.

        Each hour or day of India from that of `start_date` to that of `end_date`, those without a call too;
        without dates it is the last 24 hours or 30 days. Scope: `calls:read`. Roles: owner, developer, finance,
        viewer.

        :param by: At most 744 hours or 366 days at once
        :param start_date: Default: 24 hours or 30 days in all
        :param end_date: Default: now
        :param test: Of test calls instead of all others
        """
        return await self._send(
            Request(
                "GET",
                "/v1/masking/stats/series",
                query={"by": by, "start_date": start_date, "end_date": end_date, "test": test},
            ),
            one_of(Series),
        )

    async def export_stats_series(
        self,
        *,
        by: Step | Unset = UNSET,
        start_date: datetime | Unset = UNSET,
        end_date: datetime | Unset = UNSET,
        test: bool | Unset = UNSET,
    ) -> bytes:
        """Export totals hour by hour or day by day.

        The same as a table (CSV, RFC 4180), oldest first. Scope: `calls:read`. Roles: owner, developer,
        finance, viewer.

        :param by: At most 744 hours or 366 days at once
        :param start_date: Default: 24 hours or 30 days in all
        :param end_date: Default: now
        :param test: Of test calls instead of all others
        """
        return await self._send(
            Request(
                "GET",
                "/v1/masking/stats/series/csv",
                query={"by": by, "start_date": start_date, "end_date": end_date, "test": test},
            ),
            raw,
        )

    async def show_billing(self) -> Billing:
        """The wallet.

        Balance, what of it is reserved for live calls, and what is available for new ones; rupees. Scope:
        `billing:read`. Roles: owner, finance.
        """
        return await self._send(Request("GET", "/v1/masking/billing"), one_of(Billing))

"""Endpoints: Payments.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from datetime import datetime

from maskbridge_client.shapes import Invoice, Refund, ShownTopUp, Statement, StatementMonth, TopUp, Transfer
from maskbridge_client.sync_operations.sending import Sending
from maskbridge_client.wire import UNSET, Page, Request, Unset, one_of, page_of, path_part, raw


class PaymentsOperations(Sending):
    """Payments."""

    def list_topups(self, *, page: int | Unset = UNSET, per_page: int | Unset = UNSET) -> Page[TopUp]:
        """List payments.

        Newest first, those never made too. Scope: `billing:read`. Roles: owner, finance.

        :param page: Which page, from 1
        :param per_page: Above 100 it is 100
        """
        return self._send(
            Request("GET", "/v1/account/topups", query={"page": page, "per_page": per_page}), page_of(TopUp)
        )

    def show_topup(self, topup_id: str) -> ShownTopUp:
        """Look at a payment.

        Its `invoice_number` is there once it has been made, `checkout` until then. Scope: `billing:read`.
        Roles: owner, finance.

        :param topup_id: The topup's id
        """
        return self._send(Request("GET", f"/v1/account/topups/{path_part(topup_id)}"), one_of(ShownTopUp))

    def list_invoices(self, *, page: int | Unset = UNSET, per_page: int | Unset = UNSET) -> Page[Invoice]:
        """List invoices.

        Tax invoices, newest first. Scope: `billing:read`. Roles: owner, finance.

        :param page: Which page, from 1
        :param per_page: Above 100 it is 100
        """
        return self._send(
            Request("GET", "/v1/account/invoices", query={"page": page, "per_page": per_page}), page_of(Invoice)
        )

    def show_invoice(self, number: str) -> Invoice:
        """Get an invoice.

        By its number, such as INV-26-27-000001 for INV/26-27/000001. It never changes. Scope: `billing:read`.
        Roles: owner, finance.

        :param number: The document's number, with `-` in place of `/` or percent-encoded
        """
        return self._send(Request("GET", f"/v1/account/invoices/{path_part(number)}"), one_of(Invoice))

    def download_invoice(self, number: str) -> bytes:
        """Download an invoice.

        As PDF, the same each time. Scope: `billing:read`. Roles: owner, finance.

        :param number: The document's number, with `-` in place of `/` or percent-encoded
        """
        return self._send(Request("GET", f"/v1/account/invoices/{path_part(number)}/pdf"), raw)

    def export_invoice(self, number: str) -> bytes:
        """Export an invoice.

        As a table (CSV, RFC 4180) of one row under its heads. Scope: `billing:read`. Roles: owner, finance.

        :param number: The document's number, with `-` in place of `/` or percent-encoded
        """
        return self._send(Request("GET", f"/v1/account/invoices/{path_part(number)}/csv"), raw)

    def list_refunds(self, *, page: int | Unset = UNSET, per_page: int | Unset = UNSET) -> Page[Refund]:
        """List refunds.

        Newest first, those under way and those that failed too. Scope: `billing:read`. Roles: owner, finance.

        :param page: Which page, from 1
        :param per_page: Above 100 it is 100
        """
        return self._send(
            Request("GET", "/v1/account/refunds", query={"page": page, "per_page": per_page}), page_of(Refund)
        )

    def list_statements(self, *, page: int | Unset = UNSET, per_page: int | Unset = UNSET) -> Page[StatementMonth]:
        """List statements.

        The months that there are statements of, by Indian time, the last one first. Scope: `billing:read`.
        Roles: owner, finance.

        :param page: Which page, from 1
        :param per_page: Above 100 it is 100
        """
        return self._send(
            Request("GET", "/v1/account/statements", query={"page": page, "per_page": per_page}),
            page_of(StatementMonth),
        )

    def show_statement(self, month: str) -> Statement:
        """Get a statement.

        Of a month such as 2026-11: the balance before and after it, each top-up, credit and refund, and the
        charged calls of each day. It stays as it is once the month is over. Scope: `billing:read`. Roles:
        owner, finance.

        :param month: A month by Indian time, such as 2025-01
        """
        return self._send(Request("GET", f"/v1/account/statements/{path_part(month)}"), one_of(Statement))

    def download_statement(self, month: str) -> bytes:
        """Download a statement.

        As PDF. Scope: `billing:read`. Roles: owner, finance.

        :param month: A month by Indian time, such as 2025-01
        """
        return self._send(Request("GET", f"/v1/account/statements/{path_part(month)}/pdf"), raw)

    def export_statement(self, month: str) -> bytes:
        """Export a statement.

        As a table (CSV, RFC 4180), from the opening balance to the closing one. Scope: `billing:read`. Roles:
        owner, finance.

        :param month: A month by Indian time, such as 2025-01
        """
        return self._send(Request("GET", f"/v1/account/statements/{path_part(month)}/csv"), raw)

    def show_ledger(
        self,
        *,
        page: int | Unset = UNSET,
        per_page: int | Unset = UNSET,
        start_date: datetime | Unset = UNSET,
        end_date: datetime | Unset = UNSET,
    ) -> Page[Transfer]:
        """Look at the ledger.

        Every movement of money, newest first. Scope: `billing:read`. Roles: owner, finance.

        :param page: Which page, from 1
        :param per_page: Above 100 it is 100
        :param start_date: Default: the beginning
        :param end_date: Default: now
        """
        return self._send(
            Request(
                "GET",
                "/v1/account/ledger",
                query={"page": page, "per_page": per_page, "start_date": start_date, "end_date": end_date},
            ),
            page_of(Transfer),
        )

    def export_ledger(self, *, start_date: datetime | Unset = UNSET, end_date: datetime | Unset = UNSET) -> bytes:
        """Export the ledger.

        As a table (CSV, RFC 4180), oldest first, whole. Scope: `billing:read`. Roles: owner, finance.

        :param start_date: Default: the beginning
        :param end_date: Default: now
        """
        return self._send(
            Request("GET", "/v1/account/ledger/csv", query={"start_date": start_date, "end_date": end_date}), raw
        )

"""The ledger: append-only transfers, wallets that are their sums, reservations that cannot overdraw.

Every verb takes the transfer's id from the caller. Repeated with the same content it does nothing and answers as
before; with other content it is a TransferConflict. Amounts are integer paise.
"""

from typing import NamedTuple

from storage.billing_records import Discrepancy
from storage.books import OF_WALLETS, Books
from storage.errors import BalanceTooLow, TransferConflict, UnknownRecord
from storage.queries import Queries
from storage.records import Wallet


class _Reservation(NamedTuple):
    org_id: str
    reserved_paise: int
    released: bool


class _Asked(NamedTuple):
    """The content by which a repeated transfer is recognised."""

    kind: str
    org_id: str
    call_id: str | None
    reference: str | None
    asked_paise: int


class Ledger:
    """Money movements of all organisations."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def wallet(self, org_id: str) -> Wallet:
        """An organisation's money. UnknownRecord."""
        row = self._queries.one("ledger.wallet", (org_id,))
        if row is None:
            raise UnknownRecord(f"no organisation {org_id}")
        return Wallet(row[0], row[1], row[2])

    def credit(self, transfer_id: str, org_id: str, paise: int, reference: str | None, at: int) -> tuple[Wallet, bool]:
        """Add money (`paise` > 0): the wallet after it, and whether it is new. UnknownRecord, TransferConflict."""
        asked = _Asked("credit", org_id, None, reference, paise)
        if self._done_before(transfer_id, asked) is not None:
            return self.wallet(org_id), False
        self.wallet(org_id)
        self._add(transfer_id, asked, paise, 0, at)
        return self.wallet(org_id), True

    def debit(self, transfer_id: str, org_id: str, paise: int, reference: str | None, at: int) -> bool:
        """Take money (`paise` > 0) that is not set aside; False when it was done before.

        BalanceTooLow, UnknownRecord, TransferConflict.
        """
        asked = _Asked("debit", org_id, None, reference, paise)
        if self._done_before(transfer_id, asked) is not None:
            return False
        available = self.wallet(org_id).available_paise
        if available < paise:
            raise BalanceTooLow(available, paise)
        self._add(transfer_id, asked, -paise, 0, at)
        return True

    def reserve(self, transfer_id: str, org_id: str, call_id: str, paise: int, at: int) -> bool:
        """Set money aside for a call; False when it was done before.

        BalanceTooLow, UnknownRecord (no such organisation), TransferConflict (the id says otherwise, or the call
        has a reservation already).
        """
        asked = _Asked("reserve", org_id, call_id, None, paise)
        if self._done_before(transfer_id, asked) is not None:
            return False
        if self._reservation(call_id) is not None:
            raise TransferConflict(f"call {call_id} has a reservation already")
        self._set_aside(transfer_id, asked, at)
        return True

    def extend(self, transfer_id: str, org_id: str, call_id: str, paise: int, at: int) -> bool:
        """Set more money aside for a call; False when it was done before.

        BalanceTooLow, UnknownRecord (the organisation has no reservation for this call), TransferConflict (the id
        says otherwise, or the reservation was released).
        """
        asked = _Asked("extend", org_id, call_id, None, paise)
        if self._done_before(transfer_id, asked) is not None:
            return False
        if self._open_reservation(call_id).org_id != org_id:
            raise UnknownRecord(f"no reservation of {org_id} for call {call_id}")
        self._set_aside(transfer_id, asked, at)
        return True

    def capture(self, transfer_id: str, call_id: str, paise: int, at: int) -> int:
        """Take the charge and give the rest of the reservation back: the paise taken.

        A charge above the reservation takes what the available balance covers beside it, never more. UnknownRecord
        (nothing was reserved), TransferConflict (the id says otherwise, or the reservation was released under
        another id).
        """
        reservation = self._reservation(call_id)
        if reservation is None:
            raise UnknownRecord(f"no reservation for call {call_id}")
        asked = _Asked("capture", reservation.org_id, call_id, None, paise)
        taken_before = self._done_before(transfer_id, asked)
        if taken_before is not None:
            return taken_before
        self._open_reservation(call_id)
        wallet = self.wallet(reservation.org_id)
        taken = min(paise, reservation.reserved_paise + wallet.available_paise)
        self._add(transfer_id, asked, -taken, -reservation.reserved_paise, at)
        return taken

    def void(self, transfer_id: str, call_id: str, at: int) -> bool:
        """Give a whole reservation back; False when it was done before. Refusals as `capture`."""
        reservation = self._reservation(call_id)
        if reservation is None:
            raise UnknownRecord(f"no reservation for call {call_id}")
        asked = _Asked("void", reservation.org_id, call_id, None, 0)
        if self._done_before(transfer_id, asked) is not None:
            return False
        self._open_reservation(call_id)
        self._add(transfer_id, asked, 0, -reservation.reserved_paise, at)
        return True

    def reserved(self, call_id: str) -> int:
        """What is set aside for a call now: 0 for one that never had a reservation or whose was released."""
        reservation = self._reservation(call_id)
        return 0 if reservation is None else reservation.reserved_paise

    def is_open(self, call_id: str) -> bool:
        """Whether a reservation was made and not released yet."""
        reservation = self._reservation(call_id)
        return reservation is not None and not reservation.released

    def verify(self) -> list[Discrepancy]:
        """Every wallet that is not the sum of its transfers: none, or something is badly wrong. Reads it all."""
        return Books(self._queries).discrepancies(0, OF_WALLETS)

    def _reservation(self, call_id: str) -> _Reservation | None:
        row = self._queries.one("ledger.reservation", (call_id,))
        return None if row is None or row[0] is None else _Reservation(row[0], row[1], bool(row[2]))

    def _open_reservation(self, call_id: str) -> _Reservation:
        reservation = self._reservation(call_id)
        if reservation is None:
            raise UnknownRecord(f"no reservation for call {call_id}")
        if reservation.released:
            raise TransferConflict(f"the reservation of call {call_id} was released")
        return reservation

    def _set_aside(self, transfer_id: str, asked: _Asked, at: int) -> None:
        available = self.wallet(asked.org_id).available_paise
        if available < asked.asked_paise:
            raise BalanceTooLow(available, asked.asked_paise)
        self._add(transfer_id, asked, 0, asked.asked_paise, at)

    def _done_before(self, transfer_id: str, asked: _Asked) -> int | None:
        """The paise this transfer took from the balance when it was made; None when it was not yet."""
        row = self._queries.one("ledger.transfer", (transfer_id,))
        if row is None:
            return None
        if tuple(row[:5]) != asked:
            raise TransferConflict(f"transfer {transfer_id} exists and says something else")
        return -int(row[5])

    def _add(self, transfer_id: str, asked: _Asked, balance_change: int, reserved_change: int, at: int) -> None:
        self._queries.run(
            "ledger.add_transfer",
            (
                transfer_id,
                asked.org_id,
                asked.kind,
                asked.call_id,
                asked.reference,
                asked.asked_paise,
                balance_change,
                reserved_change,
                at,
            ),
        )

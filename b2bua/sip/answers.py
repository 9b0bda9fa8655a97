"""What the responses to our requests do, by what each was sent for; and what it means that none came."""

from collections.abc import Callable
from typing import Final

from b2bua.sip.events import RequestAnswered, RequestFailed
from b2bua.sip.message import Response
from b2bua.sip.offer_answer import SENT
from b2bua.sip.station import Station
from b2bua.sip.transaction_layer import ToUser
from b2bua.sip.transactions import ClientTransaction, Failed, FailureCause, PassUp
from b2bua.sip.usage import BYE, CANCEL, IN_DIALOG, PRACK, REINVITE, SETUP, STANDALONE, Errand
from b2bua.sip.usage_table import (
    BYE_DONE,
    CALLING,
    CANCEL_ANSWERED,
    CHALLENGED,
    DIALOG_GONE,
    DIALOG_SILENT,
    GOT_ANSWER,
    GOT_FAILURE,
    GOT_PROVISIONAL,
    PROGRESSING,
    SETUP_FAILED,
    take,
)

_UNANSWERED_SETUP: Final = (CALLING, PROGRESSING)


def dispatch(station: Station, transaction: ClientTransaction, to_user: ToUser, now: float) -> None:
    """Let what a step of a client transaction left for its user take effect, then let the transaction end if it has."""
    if isinstance(to_user, PassUp):
        if isinstance(to_user.message, Response):
            _ANSWERED[transaction.errand.kind](station, transaction, to_user.message, now)
    elif isinstance(to_user, Failed):
        _FAILED[transaction.errand.kind](station, transaction, to_user.cause, now)
    station.layer.sweep(transaction, now)


def _setup_answered(station: Station, transaction: ClientTransaction, response: Response, now: float) -> None:
    usage = transaction.errand.usage
    if usage is None:
        return
    if response.status < 200:
        take(station, usage, GOT_PROVISIONAL, response, now)
    elif response.status < 300:
        if usage.digest is not None:
            usage.digest.accepted(response)
        take(station, usage, GOT_ANSWER, response, now)
    else:
        again = None
        if usage.state in _UNANSWERED_SETUP:
            again = station.with_credentials(transaction.request, transaction.errand, response)
        if again is None:
            take(station, usage, GOT_FAILURE, response, now)
        else:
            take(station, usage, CHALLENGED, again, now)


def _setup_failed(station: Station, transaction: ClientTransaction, cause: FailureCause, now: float) -> None:
    if transaction.errand.usage is not None:
        take(station, transaction.errand.usage, SETUP_FAILED, cause, now)


def _cancel_answered(station: Station, transaction: ClientTransaction, response: Response, now: float) -> None:
    """Neither 200 nor 481 to a CANCEL is the end: the INVITE's own final response is."""
    if response.status >= 200 and transaction.errand.usage is not None:
        take(station, transaction.errand.usage, CANCEL_ANSWERED, response, now)


def _bye_answered(station: Station, transaction: ClientTransaction, response: Response, now: float) -> None:
    errand = transaction.errand
    if response.status < 200 or _tried_again(station, transaction, response, now) or errand.usage is None:
        return
    take(station, errand.usage, BYE_DONE, response, now)


def _bye_failed(station: Station, transaction: ClientTransaction, cause: FailureCause, now: float) -> None:
    if transaction.errand.usage is not None:
        station.counters["BYEs unanswered"] += 1
        take(station, transaction.errand.usage, BYE_DONE, cause, now)


def _reinvite_answered(station: Station, transaction: ClientTransaction, response: Response, now: float) -> None:
    """A 2xx is acknowledged each time it comes (14.1), and told once."""
    errand = transaction.errand
    usage, dialog = errand.usage, errand.dialog
    if usage is None or dialog is None or response.status < 200:
        return
    if response.status < 300:
        key = (transaction.request.cseq, response.to_tag or "")
        if key not in usage.acks:
            dialog.refresh_target(response)
            usage.acks[key] = station.ack_of_2xx(dialog, transaction.request)
        station.outgoing.append(usage.acks[key])
    if errand.answered:
        return
    _dialog_answered(station, transaction, response, now)


def _dialog_answered(station: Station, transaction: ClientTransaction, response: Response, now: float) -> None:
    errand = transaction.errand
    if response.status < 200 or errand.dialog is None or errand.usage is None:
        return
    if _tried_again(station, transaction, response, now):
        return
    _told(errand, transaction.request.cseq)
    errand.usage.learn(response)
    if transaction.request.method == "UPDATE" and response.status < 300:
        errand.dialog.refresh_target(response)
    station.tell(RequestAnswered(errand.number, response))
    if errand.dialog is not errand.usage.dialog:
        return  # an early dialog: what becomes of the INVITE decides
    if response.status == 481:
        take(station, errand.usage, DIALOG_GONE, "gone", now)
    elif response.status == 408:
        take(station, errand.usage, DIALOG_SILENT, "timeout", now)


def _dialog_failed(station: Station, transaction: ClientTransaction, cause: FailureCause, now: float) -> None:
    errand = transaction.errand
    if errand.answered:
        return
    _told(errand, transaction.request.cseq)
    station.tell(RequestFailed(errand.number, cause))
    if errand.usage is not None and errand.dialog is errand.usage.dialog:
        take(station, errand.usage, DIALOG_SILENT, cause, now)


def _told(errand: Errand, cseq: int) -> None:
    """The outcome of a request in a dialog is being told; another offer may follow."""
    errand.answered = True
    if errand.dialog is not None:
        errand.dialog.offers.close(SENT, cseq)
    if errand.kind == REINVITE and errand.usage is not None:
        errand.usage.reinvite = None


def _prack_answered(station: Station, transaction: ClientTransaction, response: Response, now: float) -> None:
    """A challenge is answered; no other failure is anybody's concern (see `reliable_receipt`)."""
    if response.status < 200 or _tried_again(station, transaction, response, now):
        return
    if response.status >= 300:
        station.counters["PRACKs refused"] += 1


def _prack_failed(station: Station, _transaction: ClientTransaction, _cause: FailureCause, _now: float) -> None:
    station.counters["PRACKs unanswered"] += 1


def _standalone_answered(station: Station, transaction: ClientTransaction, response: Response, now: float) -> None:
    if response.status >= 200 and not _tried_again(station, transaction, response, now):
        station.tell(RequestAnswered(transaction.errand.number, response))


def _standalone_failed(station: Station, transaction: ClientTransaction, cause: FailureCause, _now: float) -> None:
    station.tell(RequestFailed(transaction.errand.number, cause))


def _tried_again(station: Station, transaction: ClientTransaction, response: Response, now: float) -> bool:
    """Whether a challenge was answered with another request."""
    if response.status < 300:
        if transaction.errand.digest is not None:
            transaction.errand.digest.accepted(response)
        return False
    again = station.with_credentials(transaction.request, transaction.errand, response)
    if again is None:
        return False
    errand = transaction.errand
    following = station.send_request(again, errand, now)
    if errand.dialog is not None:
        errand.dialog.offers.sent_again(transaction.request.cseq, again.cseq)
        if errand.kind == PRACK:
            errand.dialog.prack_branch = again.branch
    if errand.kind == REINVITE and errand.usage is not None:
        errand.usage.reinvite = following
    return True


def _ignored(_station: Station, _transaction: ClientTransaction, _cause: FailureCause, _now: float) -> None:
    """A CANCEL without an answer: the wait for the INVITE's final response goes on."""


_ANSWERED: Final[dict[str, Callable[[Station, ClientTransaction, Response, float], None]]] = {
    SETUP: _setup_answered,
    CANCEL: _cancel_answered,
    PRACK: _prack_answered,
    BYE: _bye_answered,
    REINVITE: _reinvite_answered,
    IN_DIALOG: _dialog_answered,
    STANDALONE: _standalone_answered,
}
_FAILED: Final[dict[str, Callable[[Station, ClientTransaction, FailureCause, float], None]]] = {
    SETUP: _setup_failed,
    CANCEL: _ignored,
    PRACK: _prack_failed,
    BYE: _bye_failed,
    REINVITE: _dialog_failed,
    IN_DIALOG: _dialog_failed,
    STANDALONE: _standalone_failed,
}

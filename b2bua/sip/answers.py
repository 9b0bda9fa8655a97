"""What the responses to our requests do, by what each was sent for; and what it means that none came."""

from collections.abc import Callable
from typing import Final

from b2bua.sip.dialog_requests import (
    REFRESHING,
    close_request,
    follow,
    limit_reinvite,
    put_off,
    unlimit_reinvite,
)
from b2bua.sip.events import RequestAnswered, RequestFailed
from b2bua.sip.in_dialog import send_bye
from b2bua.sip.message import Response
from b2bua.sip.outgoing_calls import say_cancel
from b2bua.sip.sent_request import SentRequest
from b2bua.sip.session_agreement import may_ask_for_longer, session_answered, session_lines
from b2bua.sip.session_refresh import refresh_answered, refresh_failed
from b2bua.sip.station import Station
from b2bua.sip.transaction_layer import ToUser
from b2bua.sip.transactions import ClientTransaction, Failed, FailureCause, PassUp
from b2bua.sip.usage import BYE, CANCEL, IN_DIALOG, PRACK, REINVITE, SETUP, STANDALONE, Errand, Usage
from b2bua.sip.usage_table import (
    BYE_DONE,
    CALLING,
    CANCEL_ANSWERED,
    CANCELLING,
    CHALLENGED,
    CONFIRMED,
    DIALOG_GONE,
    DIALOG_SILENT,
    ENDED_STATES,
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
            again = _another(station, transaction, response)
        if again is None:
            take(station, usage, GOT_FAILURE, response, now)
        else:
            take(station, usage, CHALLENGED, again, now)


def _setup_failed(station: Station, transaction: ClientTransaction, cause: FailureCause, now: float) -> None:
    usage = transaction.errand.usage
    if usage is None or usage.setup is None or usage.setup.transaction is not transaction:
        return  # of an INVITE that another has followed, with credentials
    take(station, usage, SETUP_FAILED, cause, now)


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
    errand = transaction.errand
    if errand.usage is None:
        return
    if errand.dialog is not None and _goes_over_another(transaction, cause):
        failed = transaction.request
        send_bye(station, errand.usage, errand.dialog, failed.own_lines, now, failed=failed)
        return
    station.counters["BYEs unanswered"] += 1
    take(station, errand.usage, BYE_DONE, cause, now)


def _goes_over_another(transaction: ClientTransaction, cause: FailureCause) -> bool:
    """Whether what ends or refreshes a call is sent once more, over a new connection: the one it went over may have
    been dead for long without anybody having seen it, and the peer, which is well, believes in the call."""
    return cause == "transport" and transaction.request.destination.reliable and not transaction.errand.tries


def _reinvite_answered(station: Station, transaction: ClientTransaction, response: Response, now: float) -> None:
    """A 2xx is acknowledged each time it comes (14.1), and told once."""
    errand = transaction.errand
    usage, dialog = errand.usage, errand.dialog
    if usage is None or dialog is None:
        return
    if response.status < 200:
        limit_reinvite(station, transaction, now)
        return
    if response.status < 300:
        key = (transaction.request.cseq, response.to_tag or "")
        if key not in usage.acks:
            if sum(cseq == key[0] for cseq, _ in usage.acks) >= station.settings.limits.forks:
                station.counters["forks refused"] += 1
                return
            dialog.refresh_target(response)
            usage.acks[key] = station.ack_of_2xx(dialog, transaction.request)
            station.outgoing.append(usage.acks[key])
        else:
            station.outgoing.append(station.sent_again(usage.acks[key], dialog))
    if errand.answered:
        return
    unlimit_reinvite(station, usage)
    _dialog_answered(station, transaction, response, now)


def _dialog_answered(station: Station, transaction: ClientTransaction, response: Response, now: float) -> None:
    errand = transaction.errand
    if response.status < 200 or errand.dialog is None or errand.usage is None:
        return
    if not (errand.cancelled or errand.usage.state in ENDED_STATES) and (
        _tried_again(station, transaction, response, now)
        or (_is_confirmed(errand) and put_off(station, transaction, response, now))
    ):
        return
    _told(errand, transaction.request.cseq)
    errand.usage.learn(response)
    if response.status < 300 and transaction.request.method in REFRESHING:
        _session_changed(station, errand.usage, transaction, response, now)
    if errand.number:
        station.tell(RequestAnswered(errand.number, response))
    if errand.dialog is errand.usage.dialog:  # of an early one, what becomes of the INVITE decides
        _decide(station, errand.usage, transaction, response, now)


def _is_confirmed(errand: Errand) -> bool:
    """Whether what it was sent for is a dialog that stands."""
    usage = errand.usage
    return usage is not None and usage.state == CONFIRMED and errand.dialog is usage.dialog


def _session_changed(
    station: Station, usage: Usage, transaction: ClientTransaction, response: Response, now: float
) -> None:
    """A 2xx to our re-INVITE or UPDATE: its Contact, its session timer, and what we described holds."""
    request, errand = transaction.request, transaction.errand
    if errand.dialog is not None:
        if request.method == "UPDATE":
            station.move(errand.dialog, response)
        errand.dialog.describe(request.body, request.content_type)
    if _is_confirmed(errand):
        session_answered(station, errand, response, now)
        if not errand.number:
            refresh_answered(station, usage, transaction, response)


def _decide(station: Station, usage: Usage, transaction: ClientTransaction, response: Response, now: float) -> None:
    """What a final response says of the dialog (12.2.1.2)."""
    if response.status == 481:
        take(station, usage, DIALOG_GONE, "gone", now)
    elif response.status == 408 or (response.status >= 300 and _was_cancelled_refresh(transaction.errand)):
        take(station, usage, DIALOG_SILENT, "timeout", now)
    elif response.status >= 300 and not transaction.errand.number and usage.state == CONFIRMED:
        refresh_failed(station, usage, transaction, response, now)


def _was_cancelled_refresh(errand: Errand) -> bool:
    """Whether it was a refresh that had no final response in time, and was cancelled: it counts as unanswered."""
    return errand.cancelled and not errand.number


def _dialog_failed(station: Station, transaction: ClientTransaction, cause: FailureCause, now: float) -> None:
    errand = transaction.errand
    if errand.answered:
        return
    if transaction.request.method in REFRESHING and _is_confirmed(errand) and _goes_over_another(transaction, cause):
        # The same request: a peer that has had it takes it for a repetition, and has not two offers.
        errand.tries += 1
        station.layer.sweep(transaction, now)
        follow(errand, station.send_request(_to_where_it_is_now(station, transaction), errand, now))
        return
    _told(errand, transaction.request.cseq)
    if errand.number:
        station.tell(RequestFailed(errand.number, cause))
    if errand.usage is not None and errand.dialog is errand.usage.dialog:
        take(station, errand.usage, DIALOG_SILENT, cause, now)


def _to_where_it_is_now(station: Station, transaction: ClientTransaction) -> SentRequest:
    """The same octets, but over the connection that the peer has come back by meanwhile, or to the next address."""
    request, dialog = transaction.request, transaction.errand.dialog
    if dialog is None:
        return request
    tried = (request.destination, request.fallback)
    destination, fallback = station.hop(dialog.route().next_hop, dialog, tried)
    return request._replace(destination=destination, fallback=fallback)


def _told(errand: Errand, cseq: int) -> None:
    """The outcome of a request in a dialog is being told; another offer may follow."""
    errand.answered = True
    close_request(errand, cseq)


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
    """Whether a challenge, or the wish for a longer session, was answered with another request."""
    if response.status < 300:
        if transaction.errand.digest is not None:
            transaction.errand.digest.accepted(response)
        return False
    again = _another(station, transaction, response)
    if again is None:
        return False
    errand = transaction.errand
    following = station.send_request(again, errand, now)
    if errand.dialog is not None:
        errand.dialog.offers.sent_again(transaction.request.cseq, again.cseq)
        if errand.kind == PRACK:
            errand.dialog.prack_branch = again.branch
    follow(errand, following)
    return True


def _another(station: Station, transaction: ClientTransaction, response: Response) -> SentRequest | None:
    """The request that a 401, 407 or 422 asks for in place of this one; None where the failure is final."""
    request, errand = transaction.request, transaction.errand
    usage = errand.usage
    begins_or_refreshes = errand.kind == SETUP or (request.method in REFRESHING and _is_confirmed(errand))
    if usage is not None and begins_or_refreshes and may_ask_for_longer(errand, response):
        return station.with_longer_session(request, errand, session_lines(usage, errand))
    return station.with_credentials(request, errand, response)


def _cancel_failed(station: Station, transaction: ClientTransaction, cause: FailureCause, now: float) -> None:
    """A CANCEL without an answer: the wait for the INVITE's final response goes on."""
    usage = transaction.errand.usage
    if usage is not None and usage.state == CANCELLING and _goes_over_another(transaction, cause):
        station.layer.sweep(transaction, now)  # the next has the same branch, and takes its place
        say_cancel(station, usage, now, tries=transaction.errand.tries + 1)


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
    CANCEL: _cancel_failed,
    PRACK: _prack_failed,
    BYE: _bye_failed,
    REINVITE: _dialog_failed,
    IN_DIALOG: _dialog_failed,
    STANDALONE: _standalone_failed,
}

"""Our user's responses to the peer's requests, and the PRACKs that some of them wait for (RFC 3261 13.3, RFC 3262)."""

from b2bua.sip.bodies import describes
from b2bua.sip.dialog import Dialog
from b2bua.sip.dialog_requests import REFRESHING
from b2bua.sip.errors import SipError
from b2bua.sip.events import AckReceived, HeldAnswerSent, IncomingRequestEnded
from b2bua.sip.in_dialog import forget_pending
from b2bua.sip.incoming_calls import progressed, start_answering
from b2bua.sip.message import Request, Response
from b2bua.sip.offer_answer import RECEIVED
from b2bua.sip.reliable_provisionals import (
    GOT_OFFER,
    GOT_PRACK,
    NO_PRACK,
    PRACK_ANSWERED,
    PROVISIONAL,
    SENT_FINAL,
    Announcing,
    goes_reliably,
    hold,
    released,
    take,
)
from b2bua.sip.session_agreement import agree_with, hold_session
from b2bua.sip.station import Station
from b2bua.sip.transactions import ServerTransaction
from b2bua.sip.usage import Usage
from b2bua.sip.usage_table import ANSWERED, CONFIRMED, NEVER_PRACKED, OFFERED, SENT_ANSWER, SENT_REFUSAL
from b2bua.sip.usage_table import take as take_usage


def respond(
    station: Station, transaction: ServerTransaction, response: Response, now: float, *, reliable: bool | None
) -> None:
    """Answer a request that was surfaced; a response that comes after a final one is counted and goes nowhere."""
    usage = transaction.usage
    if usage is None or not _is_awaited(usage, transaction):
        station.counters["responses too late"] += usage is not None
        return
    if transaction is usage.arrival and 100 < response.status < 300:
        _make_dialog(station, transaction, usage)
    announcing = _announcing_of(usage, transaction)
    if announcing is not None and announcing.described and response.status < 300 and describes(response):
        _strip(response)
    if response.status < 300:
        _describe(usage, transaction.request, response)
    if transaction.request.method == "INVITE" and _is_sent_otherwise(
        station, transaction, usage, response, now, reliable
    ):
        return
    _send(station, transaction, usage, response, now)


def _describe(usage: Usage, request: Request, response: Response) -> None:
    dialog = usage.dialog_with(request) if response.body else None
    if dialog is not None:
        dialog.describe(response.body, response.headers.get("Content-Type"))


def _strip(response: Response) -> None:
    """Take out the session description, which a reliable provisional response has given already (RFC 6337 3.1.1): an
    UPDATE may have changed the session since."""
    response.body = b""
    response.headers.remove("Content-Type")


def _is_awaited(usage: Usage, transaction: ServerTransaction) -> bool:
    announcing = _announcing_of(usage, transaction)
    if announcing is not None and announcing.held is not None:
        return False
    return usage.state == OFFERED if transaction is usage.arrival else transaction.number in usage.pending


def _announcing_of(usage: Usage, transaction: ServerTransaction) -> Announcing | None:
    announcing = usage.announcing
    return announcing if announcing is not None and announcing.transaction is transaction else None


def answer_waits(usage: Usage) -> bool:
    """Whether a 2xx to the call of a peer would have to wait for a PRACK now (RFC 3262 section 3)."""
    announcing = usage.announcing
    if usage.state != OFFERED or announcing is None or announcing.transaction is not usage.arrival:
        return False
    return announcing.must_precede_2xx


def _is_sent_otherwise(
    station: Station,
    transaction: ServerTransaction,
    usage: Usage,
    response: Response,
    now: float,
    reliable: bool | None,
) -> bool:
    """Whether a response to an INVITE goes out reliably, now or in its turn, or is a 2xx that has to wait."""
    announcing = _announcing_of(usage, transaction)
    if 200 <= response.status < 300 and announcing is not None and announcing.must_precede_2xx:
        response.render()
        hold(announcing, response)
        return True
    invite = transaction.request
    if not 100 < response.status < 200 or not goes_reliably(
        usage.policy, invite, has_body=bool(response.body), wished=reliable
    ):
        return False
    response.render()
    if not (describes(invite) or describes(response) or (announcing is not None and announcing.described)):
        station.counters["provisionals without the offer they would have to make"] += 1
        return True
    if announcing is None:
        announcing = usage.announcing = Announcing(usage, transaction)
    if describes(response):
        announcing.described = True
        _described(usage, transaction)
    take(station, announcing, PROVISIONAL, now, response)
    _note_progress(station, transaction, usage, response, now, reliably=True)
    return True


def _note_progress(
    station: Station, transaction: ServerTransaction, usage: Usage, response: Response, now: float, *, reliably: bool
) -> None:
    if transaction is usage.arrival and 100 < response.status < 200:
        progressed(station, usage, response.status, now, reliably=reliably)


def _send(station: Station, transaction: ServerTransaction, usage: Usage, response: Response, now: float) -> None:
    """Send it, and let follow what follows from a final response."""
    refreshes, timer = _refreshes(usage, transaction, response), usage.session
    if refreshes:
        timer, fields = agree_with(usage, transaction.request)
        for name, value in fields:
            response.headers.add(name, value)
    station.send_response(transaction, response, now)
    if response.status < 200:
        _note_progress(station, transaction, usage, response, now, reliably=False)
        return
    if refreshes:
        hold_session(station, usage, timer, now)
    announcing = _announcing_of(usage, transaction)
    if announcing is not None:
        take(station, announcing, SENT_FINAL, now)
    if response.status < 300:
        _answered(station, transaction, usage, response, now)
    forget_pending(usage, transaction)
    if response.status >= 300 and transaction is usage.arrival:
        take_usage(station, usage, SENT_REFUSAL, None, now)
    end_prack(station, usage, transaction, now)


def _refreshes(usage: Usage, transaction: ServerTransaction, response: Response) -> bool:
    """Whether it is a 2xx that begins or refreshes a session (RFC 4028 section 9); an early UPDATE's is not."""
    if not 200 <= response.status < 300 or transaction.request.method not in REFRESHING:
        return False
    return transaction is usage.arrival or usage.state in (CONFIRMED, ANSWERED)


def _make_dialog(station: Station, transaction: ServerTransaction, usage: Usage) -> None:
    if usage.dialog is None:
        local = station.local_at(transaction.local)
        expected = usage.policy.expected
        usage.dialog = Dialog.of_request(transaction.request, usage.local_tag, 0, transaction.source, local, expected)
        station.add_dialog(usage, usage.dialog)


def _described(usage: Usage, transaction: ServerTransaction) -> None:
    """Our response to an INVITE has a session description: the answer, or the offer where the INVITE had none."""
    dialog = usage.dialog_with(transaction.request)
    if dialog is None:
        return
    cseq = transaction.request.cseq.number
    if describes(transaction.request):
        dialog.offers.close(RECEIVED, cseq)
    else:
        dialog.offers.turn(cseq)


def _answered(station: Station, transaction: ServerTransaction, usage: Usage, response: Response, now: float) -> None:
    request = transaction.request
    dialog = usage.dialog_with(request)
    if request.method in ("INVITE", "UPDATE") and dialog is not None and transaction is not usage.arrival:
        station.move(dialog, request)
    if request.method != "INVITE":
        return
    if response.body:
        _described(usage, transaction)
    elif dialog is not None and dialog.offers.theirs is not None:
        dialog.offers.close(RECEIVED, request.cseq.number)
    start_answering(station, usage, transaction, now)
    if transaction is usage.arrival and usage.dialog is not None:
        usage.dialog.confirmed = True
        take_usage(station, usage, SENT_ANSWER, None, now)


# PRACK.


def acknowledged_by(usage: Usage, prack: Request) -> Announcing | None:
    """The reliable provisionals of which a PRACK acknowledges the one that waits; None when it matches nothing.

    Raises SipError where its RAck is missing or cannot be read.
    """
    rack = prack.rack
    if rack is None:
        raise SipError("Missing RAck")
    announcing = usage.announcing
    return announcing if announcing is not None and announcing.is_acknowledged_by(rack) else None


def take_prack(station: Station, usage: Usage, announcing: Announcing, prack: Request, now: float) -> None:
    """A matching PRACK without an offer: what has waited for it goes out. An answer in it is told as one in an ACK."""
    dialog = usage.dialog_with(prack)
    if dialog is not None and describes(prack):
        dialog.offers.close(RECEIVED, announcing.transaction.request.cseq.number)
        station.tell(AckReceived(usage.number, prack.body, prack.headers.get("Content-Type")))
    take(station, announcing, GOT_PRACK, now)
    _release(station, announcing, now)


def take_offer(station: Station, announcing: Announcing, now: float) -> None:
    """A matching PRACK with an offer: its response, which our user gives, lets the rest go on."""
    take(station, announcing, GOT_OFFER, now)


def end_prack(station: Station, usage: Usage, transaction: ServerTransaction, now: float) -> None:
    """If this request is a PRACK whose offer our user has answered now, or will not answer, the rest goes on."""
    if transaction.request.method == "PRACK" and usage.announcing is not None:
        take(station, usage.announcing, PRACK_ANSWERED, now)
        _release(station, usage.announcing, now)


def _release(station: Station, announcing: Announcing, now: float) -> None:
    """Send the 2xx that waits no more."""
    answer, usage = released(announcing), announcing.usage
    if answer is not None:
        _send(station, announcing.transaction, usage, answer, now)
        if announcing.transaction is usage.arrival:
            station.tell(HeldAnswerSent(usage.number))


def fire(station: Station, announcing: Announcing, timer: str, now: float) -> None:
    """A timer of the reliable provisionals is due: once more, or the INVITE is rejected (RFC 3262 section 3)."""
    take(station, announcing, timer, now)
    if timer != NO_PRACK:
        return
    usage, transaction = announcing.usage, announcing.transaction
    station.counters["reliable provisionals never acknowledged"] += 1
    if transaction is usage.arrival:
        take_usage(station, usage, NEVER_PRACKED, None, now)
    elif forget_pending(usage, transaction):
        station.tell(IncomingRequestEnded(usage.number, transaction.number))
        station.reply(transaction, 504, now)

"""Our re-INVITEs, UPDATEs and other requests in a dialog: sent, and sent again where they crossed the peer's
(RFC 3261 sections 12.2.1 and 14.1, RFC 3311)."""

from typing import Final

from b2bua.sip.dialog import Dialog
from b2bua.sip.events import RequestAnswered, RequestFailed
from b2bua.sip.in_dialog import lose_silent
from b2bua.sip.message import Response
from b2bua.sip.offer_answer import SENT
from b2bua.sip.session_agreement import refresh_refused, session_lines
from b2bua.sip.station import Station
from b2bua.sip.timers import T1_S
from b2bua.sip.transactions import ClientTransaction
from b2bua.sip.usage import (
    CANCEL,
    IN_DIALOG,
    NEXT_TRY,
    REINVITE,
    REINVITE_LIMIT,
    REINVITE_WAIT,
    Errand,
    PutOff,
    Usage,
)

REFRESHING: Final = frozenset({"INVITE", "UPDATE"})
"""The methods that may change a session, its target and its timer."""
MOST_TRIES: Final = 4
"""How often a request that was refused for now is sent again; the refusal after that is its final response."""
LONGEST_WAIT_S: Final = 64 * T1_S
"""A Retry-After beyond this is no reason to wait: the refusal is final."""


def errand_in(dialog: Dialog, usage: Usage, method: str, number: int) -> Errand:
    """What a request in a dialog is sent for; `number` is its caller's handle, 0 for one of the UserAgent's own."""
    return Errand(REINVITE if method == "INVITE" else IN_DIALOG, usage, usage.digest, dialog, number)


def has_room(station: Station) -> bool:
    """Whether the table of transactions takes one more of ours."""
    return len(station.layer) < station.settings.limits.transactions


def may_send(usage: Usage, dialog: Dialog, method: str, *, has_offer: bool) -> bool:
    """In the confirmed dialog: one INVITE at a time; no offer while another is open; no UPDATE while ours is."""
    if method not in REFRESHING:
        return True
    inviting = usage.reinvite is not None or usage.answering is not None or _has_pending_invite(usage)
    if method == "INVITE":
        return not inviting and not dialog.offers.is_open and dialog.offers.update is None
    return dialog.offers.update is None and not (has_offer and (inviting or dialog.offers.is_open))


def gives_way(station: Station, usage: Usage, method: str) -> bool:
    """Whether what waits to be sent again lets this one pass: a refresh of our own does, since this one refreshes as
    well, and is dropped; another caller's does not."""
    if usage.put_off is None or method not in REFRESHING:
        return True
    if usage.put_off.errand.number:
        return False
    usage.put_off = None
    station.timers.disarm(usage, NEXT_TRY)
    return True


def _has_pending_invite(usage: Usage) -> bool:
    return any(transaction.request.method == "INVITE" for transaction in usage.pending.values())


def send_in_dialog(
    station: Station,
    errand: Errand,
    method: str,
    now: float,
    *,
    own_lines: str = "",
    body: bytes = b"",
    content_type: str | None = None,
) -> None:
    """Send a request in the errand's dialog; in a confirmed one an INVITE or UPDATE asks for the session timer that
    holds."""
    usage, dialog = errand.usage, errand.dialog
    if usage is None or dialog is None:
        return
    refreshes = method in REFRESHING and dialog.confirmed
    request = station.in_dialog(
        dialog,
        method,
        errand,
        own_lines=own_lines,
        session_lines=session_lines(usage, errand) if refreshes else "",
        body=body,
        content_type=content_type,
    )
    if method in REFRESHING:
        dialog.offers.sent(method, request.cseq, has_offer=bool(body))
    follow(errand, station.send_request(request, errand, now))


def follow(errand: Errand, transaction: ClientTransaction) -> None:
    """Remember which re-INVITE of ours is open."""
    if errand.kind == REINVITE and errand.usage is not None:
        errand.usage.reinvite = transaction


def close_request(errand: Errand, cseq: int) -> None:
    """The request of this CSeq has its outcome: another offer may follow."""
    if errand.dialog is not None:
        errand.dialog.offers.close(SENT, cseq)
    if errand.kind == REINVITE and errand.usage is not None:
        errand.usage.reinvite = None


# Re-INVITEs that get provisional responses alone, for which the transaction has no timer.


def limit_reinvite(station: Station, transaction: ClientTransaction, now: float) -> None:
    """A provisional response to a re-INVITE of ours: from the first on, the final one has 64*T1. A refresh asks nobody
    anything, and while it is open no offer of the peer is taken."""
    usage = transaction.errand.usage
    if usage is None or usage.reinvite is not transaction or transaction.errand.cancelled:
        return
    if REINVITE_LIMIT not in usage.running:
        station.timers.arm(usage, REINVITE_LIMIT, now + 64 * T1_S)


def unlimit_reinvite(station: Station, usage: Usage) -> None:
    """It has its final response."""
    for timer in (REINVITE_LIMIT, REINVITE_WAIT):
        station.timers.disarm(usage, timer)


def cancel_reinvite(station: Station, usage: Usage, _item: object, now: float) -> None:
    """The final response to a re-INVITE of ours does not come: CANCEL (9.1). A 2xx that crosses it counts all the
    same."""
    reinvite = usage.reinvite
    if reinvite is None:
        return
    station.counters["re-INVITEs cancelled"] += 1
    reinvite.errand.cancelled = True
    station.timers.arm(usage, REINVITE_WAIT, now + 64 * T1_S)
    station.send_request(reinvite.request.cancel(station.agent_line, ""), Errand(CANCEL, usage, None), now)


def give_up_reinvite(station: Station, usage: Usage, _item: object, now: float) -> None:
    """Nothing has come after the CANCEL either: the dialog is as good as lost (12.2.1.2)."""
    reinvite = usage.reinvite
    if reinvite is not None and reinvite.errand.number:
        station.tell(RequestFailed(reinvite.errand.number, "timeout"))
        reinvite.errand.number = 0
    lose_silent(station, usage, "timeout", now)


# Refused for now.


def put_off(station: Station, transaction: ClientTransaction, response: Response, now: float) -> bool:
    """Whether a refused re-INVITE or UPDATE is to be sent again by itself, which is arranged then.

    491: ours crossed one of the peer's (14.1). 500 with Retry-After: it came while an earlier one was open (14.2). In
    an early dialog it is for the caller to say whether it is still wanted once the call is answered.
    """
    errand = transaction.errand
    usage = errand.usage
    if usage is None or errand.dialog is None or not errand.dialog.confirmed:
        return False
    if transaction.request.method not in REFRESHING or errand.tries >= MOST_TRIES:
        return False
    wait_s = _wait_s(station, usage, response)
    if wait_s is None or usage.put_off is not None:
        return False
    close_request(errand, transaction.request.cseq)
    _wait(station, usage, PutOff(errand, transaction.request, response), wait_s, now)
    return True


def try_again(station: Station, usage: Usage, _item: object, now: float) -> None:
    """The wait of a request that was put off is over: it goes out, or waits on while one of the peer's is open."""
    waiting = usage.put_off
    if waiting is None or usage.dialog is None:
        return
    errand, request = waiting.errand, waiting.request
    usage.put_off = None
    if has_room(station) and may_send(usage, usage.dialog, request.method, has_offer=bool(request.body)):
        send_in_dialog(
            station,
            errand,
            request.method,
            now,
            own_lines=request.own_lines,
            body=request.body,
            content_type=request.content_type,
        )
    elif errand.tries < MOST_TRIES:
        _wait(station, usage, waiting, _glare_wait_s(station, usage), now)
    elif errand.number:
        errand.answered = True
        station.tell(RequestAnswered(errand.number, waiting.response))
    else:
        refresh_refused(station, usage, now)


def _wait(station: Station, usage: Usage, waiting: PutOff, wait_s: float, now: float) -> None:
    waiting.errand.tries += 1
    usage.put_off = waiting
    station.timers.arm(usage, NEXT_TRY, now + wait_s)


def _wait_s(station: Station, usage: Usage, response: Response) -> float | None:
    if response.status == 491:
        return _glare_wait_s(station, usage)
    if response.status != 500:
        return None
    asked_s = response.retry_after_s
    return None if asked_s is None or asked_s > LONGEST_WAIT_S else float(asked_s)


def _glare_wait_s(station: Station, usage: Usage) -> float:
    """14.1: in steps of 10 ms, 2.1-4 s for the side that owns the Call-ID and 0-2 s for the other."""
    drawn = station.tokens.integer(16)
    return (210 + drawn % 191) / 100 if usage.made_by_us else drawn % 201 / 100

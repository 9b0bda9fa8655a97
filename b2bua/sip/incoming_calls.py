"""What happens to a call that we get, until it is confirmed (RFC 3261 9.2, 13.3): actions of the usage table."""

from typing import Final

from b2bua.sip.errors import SipError
from b2bua.sip.events import IncomingCancelled
from b2bua.sip.in_dialog import close, surface_bye
from b2bua.sip.message import Request
from b2bua.sip.reliable_provisionals import PROVISIONAL, goes_reliably, stop_announcing, take
from b2bua.sip.station import Station
from b2bua.sip.timers import T1_S
from b2bua.sip.transactions import ServerTransaction
from b2bua.sip.usage import EXPIRY, NO_ACK, RESEND_2XX, SAY_AGAIN, Answering, Usage

SAY_AGAIN_S: Final = 60.0
SAY_AGAIN_RELIABLY_S: Final = 150.0  # RFC 3262 section 3: what cannot be lost is said less often


def refuse(station: Station, usage: Usage, item: object, now: float) -> None:
    """Our user hangs up on a call that is not answered: `item` is the final status."""
    close(station, usage, now)
    stop_announcing(station, usage, now)
    if usage.arrival is not None:
        reason = (("Reason", usage.bye_reason),) if usage.bye_reason else ()
        station.reply(usage.arrival, item if isinstance(item, int) else 480, now, headers=reason)


def cancelled(station: Station, usage: Usage, item: object, now: float) -> None:
    """The caller has cancelled: 487. `item`: the CANCEL."""
    assert isinstance(item, Request)
    station.tell(IncomingCancelled(usage.number, elsewhere=_has_been_answered(item)))
    refuse(station, usage, 487, now)


def _has_been_answered(cancel: Request) -> bool:
    """Whether it is cancelled since another place has answered (RFC 3326 section 2)."""
    try:
        return any(each.value.upper() == "SIP" and each.param("cause") == "200" for each in cancel.reasons)
    except SipError:
        return False


def unattended(station: Station, usage: Usage, _item: object, now: float) -> None:
    """Nobody here answered."""
    station.tell(IncomingCancelled(usage.number, "unattended"))
    refuse(station, usage, 480, now)


def unanswerable(station: Station, usage: Usage, _item: object, now: float) -> None:
    """Nothing that we say reaches the caller any more (17.2.4)."""
    station.tell(IncomingCancelled(usage.number, "unanswerable"))
    refuse(station, usage, 480, now)


def expired(station: Station, usage: Usage, _item: object, now: float) -> None:
    """The caller wants no answer any more (13.3.1): what its INVITE's Expires said has passed."""
    station.tell(IncomingCancelled(usage.number, "expired"))
    refuse(station, usage, 487, now)


def let_expire(station: Station, usage: Usage, now: float) -> None:
    """Let the time run that the INVITE says it is good for, if it says so."""
    expires_s = None if usage.arrival is None else usage.arrival.request.expires
    if expires_s is not None:
        station.timers.arm(usage, EXPIRY, now + expires_s)


def progressed(station: Station, usage: Usage, status: int, now: float, *, reliably: bool) -> None:
    """A 101-199 has gone out to the INVITE of the call: it is said again after a while, unless another one is."""
    usage.progress = status
    station.timers.arm(usage, SAY_AGAIN, now + (SAY_AGAIN_RELIABLY_S if reliably else SAY_AGAIN_S))


def say_again(station: Station, usage: Usage, _item: object, now: float) -> None:
    """13.3.1.1: proxies give up a call that nothing has been heard of for three minutes, and any response may be lost.

    Where one went reliably, the same RSeq again would be nothing new to the peer: another one follows, without a body.
    """
    arrival, announcing = usage.arrival, usage.announcing
    if arrival is None:
        return
    reliably = False
    if announcing is None:
        station.layer.send_provisional_again(arrival)
    else:
        response = station.compose(arrival, usage.progress)
        reliably = goes_reliably(usage.policy, arrival.request, has_body=False, wished=None)
        if reliably:
            take(station, announcing, PROVISIONAL, now, response)
        else:
            station.send_response(arrival, response, now)
    progressed(station, usage, usage.progress, now, reliably=reliably)


def unacknowledged(station: Station, usage: Usage, _item: object, now: float) -> None:
    """The PRACK of a reliable provisional response never came (RFC 3262 section 3)."""
    station.tell(IncomingCancelled(usage.number, "no_prack"))
    refuse(station, usage, 504, now)


def bye_before_answer(station: Station, usage: Usage, item: object, now: float) -> None:
    """BYE in an early dialog ends the INVITE too (15.1.2)."""
    surface_bye(station, usage, item, now)
    refuse(station, usage, 487, now)


def start_answering(station: Station, usage: Usage, transaction: ServerTransaction, now: float) -> None:
    """The 2xx of this INVITE has been sent: send it again until its ACK comes (13.3.1.4)."""
    answering = Answering(usage, transaction)
    usage.answering = answering
    station.timers.arm(answering, RESEND_2XX, now + answering.next_interval_s())
    station.timers.arm(answering, NO_ACK, now + 64 * T1_S)


def send_2xx_again(station: Station, answering: Answering, now: float) -> None:
    """Its timer has fired."""
    station.layer.send_again(answering.transaction)
    station.timers.arm(answering, RESEND_2XX, now + answering.next_interval_s())

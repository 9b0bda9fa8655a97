"""What happens to a call that we get, until it is confirmed (RFC 3261 9.2, 13.3): actions of the usage table."""

from b2bua.sip.events import IncomingCancelled
from b2bua.sip.in_dialog import close, surface_bye
from b2bua.sip.reliable_provisionals import stop_announcing
from b2bua.sip.station import Station
from b2bua.sip.timers import T1_S
from b2bua.sip.transactions import ServerTransaction
from b2bua.sip.usage import NO_ACK, RESEND_2XX, Answering, Usage


def refuse(station: Station, usage: Usage, item: object, now: float) -> None:
    """Our user hangs up on a call that is not answered: `item` is the final status."""
    close(station, usage, now)
    stop_announcing(station, usage, now)
    if usage.arrival is not None:
        reason = (("Reason", usage.bye_reason),) if usage.bye_reason else ()
        station.reply(usage.arrival, item if isinstance(item, int) else 480, now, headers=reason)


def cancelled(station: Station, usage: Usage, _item: object, now: float) -> None:
    """The caller has cancelled: 487."""
    station.tell(IncomingCancelled(usage.number))
    refuse(station, usage, 487, now)


def unattended(station: Station, usage: Usage, _item: object, now: float) -> None:
    """Nobody here answered."""
    station.tell(IncomingCancelled(usage.number, "unattended"))
    refuse(station, usage, 480, now)


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

"""What happens in a confirmed dialog and at its end (RFC 3261 sections 12.2, 15): actions of the usage table."""

from b2bua.sip.dialog import Dialog
from b2bua.sip.events import ByeReceived, DialogLost, IncomingRequestEnded, RequestFailed
from b2bua.sip.message import Request
from b2bua.sip.offer_answer import SENT
from b2bua.sip.sent_request import SentRequest
from b2bua.sip.station import Station
from b2bua.sip.transactions import ServerTransaction
from b2bua.sip.usage import BYE, Errand, Usage


def nothing(_station: Station, _usage: Usage, _item: object, _now: float) -> None:
    """Only the state changes."""


def say_bye(station: Station, usage: Usage, _item: object, now: float) -> None:
    """Hang up a confirmed dialog: what the peer still waits for ends, then BYE (15.1.1)."""
    close(station, usage, now)
    if usage.dialog is not None:
        say_bye_in(station, usage, usage.dialog, now)


def say_bye_in(station: Station, usage: Usage, dialog: Dialog, now: float, *, reason: str | None = None) -> None:
    """Send BYE in one dialog of the usage. `reason`: why that one ends, where the hang-up is not why."""
    reason = usage.bye_reason or reason
    send_bye(station, usage, dialog, f"Reason: {reason}\r\n" if reason else "", now)


def send_bye(
    station: Station, usage: Usage, dialog: Dialog, own_lines: str, now: float, *, failed: SentRequest | None = None
) -> None:
    """Send BYE with these lines; `failed`: the one that did not arrive."""
    errand = Errand(BYE, usage, usage.digest, dialog)
    errand.tries = 0 if failed is None else 1
    tried = () if failed is None else (failed.destination, failed.fallback)
    station.send_request(station.in_dialog(dialog, "BYE", errand, own_lines=own_lines, tried=tried), errand, now)


def surface_bye(station: Station, usage: Usage, item: object, now: float) -> None:
    """The peer has hung up."""
    usage.open_transactions += 1  # over a stream what the peer still waits for may be all that the usage is kept for
    close(station, usage, now)
    usage.open_transactions -= 1
    reason = item.headers.get("Reason") if isinstance(item, Request) else None
    station.tell(ByeReceived(usage.number, reason))


def lose_gone(station: Station, usage: Usage, item: object, now: float) -> None:
    """The peer knows no such dialog: nothing more to say to it."""
    tell_lost(station, usage, item, now)


def lose_silent(station: Station, usage: Usage, item: object, now: float) -> None:
    """The peer does not answer, or never acknowledged: told, and BYE in case it hears."""
    station.explain_end(usage, item)
    tell_lost(station, usage, item, now)
    if usage.dialog is not None:
        say_bye_in(station, usage, usage.dialog, now)


def tell_lost(station: Station, usage: Usage, item: object, now: float) -> None:
    """DialogLost with the cause that `item` names."""
    close(station, usage, now)
    station.counters["dialogs lost"] += 1
    if item == "no_ack":
        station.tell(DialogLost(usage.number, "no_ack"))
    elif item == "gone":
        station.tell(DialogLost(usage.number, "gone"))
    elif item == "expired":
        station.tell(DialogLost(usage.number, "expired"))
    else:
        station.tell(DialogLost(usage.number, "transport" if item == "transport" else "timeout"))


def forget_pending(usage: Usage, transaction: ServerTransaction) -> bool:
    """The peer waits for it no longer, nor for an answer to its offer; whether it did."""
    if usage.pending.pop(transaction.number, None) is None:
        return False
    dialog = usage.dialog_with(transaction.request)
    if dialog is not None:
        dialog.offers.end_theirs(transaction.request.cseq.number)
    return True


def end_pending(station: Station, usage: Usage, now: float) -> None:
    """Answer 487 to what the peer still waits for (15.1.2); `respond` comes too late for it."""
    for transaction in tuple(usage.pending.values()):
        forget_pending(usage, transaction)
        station.tell(IncomingRequestEnded(usage.number, transaction.number))
        station.reply(transaction, 487, now)


def close(station: Station, usage: Usage, now: float) -> None:
    """Nothing of the dialog is open any more: the peer's requests, our re-INVITE, our 2xx without its ACK."""
    end_pending(station, usage, now)
    stop_answering(station, usage)
    reinvite, waiting = usage.reinvite, usage.put_off
    if waiting is not None:
        usage.put_off = None
        _tell_ended(station, waiting.errand)
    if reinvite is not None:
        usage.reinvite = None
        if reinvite.errand.dialog is not None:
            reinvite.errand.dialog.offers.close(SENT, reinvite.request.cseq)
        _tell_ended(station, reinvite.errand)
        station.layer.let_go(reinvite, now)


def _tell_ended(station: Station, errand: Errand) -> None:
    errand.answered = True
    if errand.number:
        station.tell(RequestFailed(errand.number, "ended"))


def stop_answering(station: Station, usage: Usage) -> None:
    """A 2xx of ours to an INVITE is not sent again."""
    if usage.answering is not None:
        station.timers.disarm_all(usage.answering)
        usage.answering = None


def close_early(station: Station, usage: Usage, _item: object, now: float) -> None:
    """Our user has refused the call: nothing of its early dialog is open any more."""
    close(station, usage, now)


def end_quietly(station: Station, usage: Usage, _item: object, now: float) -> None:
    """The peer hangs up what our user had hung up already."""
    close(station, usage, now)

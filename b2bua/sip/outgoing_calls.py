"""What happens to a call that we make (RFC 3261 sections 9.1, 13.2): the actions of the usage table for its setup.

Each has the signature of `usage_table.Action`; `item` is what the input brought.
"""

from b2bua.sip.dialog import Dialog
from b2bua.sip.events import Answered, InviteMoved, NoResponse, Provisional, Rejected
from b2bua.sip.in_dialog import close, say_bye_in, surface_bye
from b2bua.sip.message import Response
from b2bua.sip.offer_answer import SENT
from b2bua.sip.oversized import send_setup
from b2bua.sip.reliable_receipt import rseq_of, take_reliable
from b2bua.sip.sent_request import SentRequest
from b2bua.sip.session_agreement import session_answered
from b2bua.sip.station import Station
from b2bua.sip.timers import TIMER_C
from b2bua.sip.usage import CANCEL, CANCEL_WAIT, NO_ANSWER, Errand, Usage


def surface_provisional(station: Station, usage: Usage, item: object, now: float) -> None:
    """Tell of a 101-199, and keep its early dialog; each one starts timer C anew. A reliable one is acknowledged, and
    told once; with no room for its dialog it is neither."""
    if not isinstance(item, Response) or item.status == 100:
        return
    station.timers.disarm(usage, TIMER_C)
    dialog = _early_dialog(station, usage, item)
    rseq = rseq_of(usage, item)
    if rseq is not None and (dialog is None or not take_reliable(station, usage, dialog, item, rseq, now)):
        return
    usage.learn(item)
    content_type = item.headers.get("Content-Type") if item.body else None
    tag = item.to_tag or ""
    station.tell(
        Provisional(usage.number, item.status, item.reason, tag, item.body, content_type, reliable=rseq is not None)
    )


def acknowledge_unwanted(station: Station, usage: Usage, item: object, now: float) -> None:
    """A provisional after the hang-up: a reliable one is acknowledged all the same, since the peer may let its final
    response wait for that; nobody is told."""
    if not isinstance(item, Response):
        return
    rseq = rseq_of(usage, item)
    dialog = None if rseq is None else _early_dialog(station, usage, item)
    if rseq is not None and dialog is not None:
        take_reliable(station, usage, dialog, item, rseq, now)


def _early_dialog(station: Station, usage: Usage, response: Response) -> Dialog | None:
    """The dialog of a provisional, a new one if need be; None when there is no room for it."""
    tag = response.to_tag or ""
    dialog = usage.dialogs.get(tag)
    if dialog is None and usage.setup is not None:
        if len(usage.dialogs) >= station.settings.limits.early_dialogs:
            station.counters["early dialogs refused"] += 1
            return None
        dialog = Dialog.of_response(usage.setup.sent, usage.local_tag, response)
        station.add_dialog(usage, dialog)
    return dialog


def answer(station: Station, usage: Usage, item: object, now: float) -> None:
    """The first 2xx: its dialog is the call's, ACK goes out, its session timer runs, and it is told."""
    if not isinstance(item, Response) or usage.setup is None:
        return
    usage.dialog = acknowledge(station, usage, item)
    usage.learn(item)
    session_answered(station, usage.setup.transaction.errand, item, now)
    usage.outcome_told = True
    station.tell(Answered(usage.number, item.status, item, item.body))


def acknowledge(station: Station, usage: Usage, response: Response) -> Dialog | None:
    """ACK a 2xx that was not seen before, and confirm its dialog; None when there is no room for another fork."""
    setup = usage.setup
    if setup is None:
        return None
    tag = response.to_tag or ""
    dialog = usage.dialogs.get(tag)
    if dialog is None:
        if len(usage.acks) >= station.settings.limits.forks:
            station.counters["forks refused"] += 1
            return None
        dialog = Dialog.of_response(setup.sent, usage.local_tag, response)
        station.add_dialog(usage, dialog)
    dialog.confirm(response)
    dialog.local_cseq = max(dialog.local_cseq, setup.sent.cseq)
    dialog.offers.close(SENT, setup.sent.cseq)
    ack = station.ack_of_2xx(dialog, setup.sent)
    usage.acks[(setup.sent.cseq, tag)] = ack
    station.outgoing.append(ack)
    return dialog


def acknowledge_again(station: Station, usage: Usage, item: object, now: float) -> None:
    """A 2xx after the first: the same gets the same ACK, another fork's gets ACK and BYE (13.2.2.4)."""
    if not isinstance(item, Response) or usage.setup is None:
        return
    ack = usage.acks.get((usage.setup.sent.cseq, item.to_tag or ""))
    if ack is not None:
        station.outgoing.append(ack)
    else:
        end_unwanted(station, usage, item, now)


def end_unwanted(station: Station, usage: Usage, item: object, now: float) -> None:
    """A 2xx that nobody wants any more: ACK, then BYE."""
    if not isinstance(item, Response):
        return
    dialog = acknowledge(station, usage, item)
    if dialog is not None:
        station.counters["late answers ended"] += 1
        say_bye_in(station, usage, dialog, now, reason=station.settings.ending_reasons.get("elsewhere"))


def call_again(station: Station, usage: Usage, item: object, now: float) -> None:
    """Another INVITE, with credentials or for a longer session: same Call-ID and From tag, CSeq one up.

    The refusal has ended the early dialogs.
    """
    if not isinstance(item, SentRequest) or usage.setup is None:
        return
    for dialog in usage.dialogs.values():
        station.dialogs.pop(dialog.key, None)
    usage.dialogs.clear()
    station.timers.disarm(usage, NO_ANSWER)
    send_setup(station, usage, usage.setup.plan, item, usage.setup.transaction.errand, now)


def call_by_udp(station: Station, usage: Usage, item: object, now: float) -> None:
    """The INVITE by UDP, now that no connection can be opened to where its size took it (18.1.1). It has as long as the
    first to be answered, and what follows in this setup stays on UDP."""
    if not isinstance(item, SentRequest) or usage.setup is None:
        return
    unsent = usage.setup.transaction
    plan = usage.setup.plan._replace(large_destination=None)
    station.timers.disarm(usage, NO_ANSWER)
    send_setup(station, usage, plan, item, unsent.errand, now)
    station.tell(InviteMoved(usage.number, item.destination, unsent.destination))
    station.layer.fail(unsent, now)  # the usage has another by now: nobody is told
    station.layer.sweep(unsent, now)


def reject(station: Station, usage: Usage, item: object, now: float) -> None:
    """The final failure, told unless the outcome has been told before. What the peer asked in the early dialog ends."""
    close(station, usage, now)
    if isinstance(item, Response) and not usage.outcome_told:
        usage.outcome_told = True
        station.tell(Rejected(usage.number, item.status, item.reason, item))


def report_no_response(station: Station, usage: Usage, item: object, now: float) -> None:
    """The INVITE's transaction has failed; `item` says of what."""
    close(station, usage, now)
    tell_no_response(station, usage, NoResponse(usage.number, "transport" if item == "transport" else "timeout"))


def tell_no_response(station: Station, usage: Usage, event: NoResponse) -> None:
    """Tell it unless the outcome has been told before."""
    if not usage.outcome_told:
        usage.outcome_told = True
        station.tell(event)


def abandon(station: Station, usage: Usage, _item: object, _now: float) -> None:
    """Nothing at all came back in time, which is told. The INVITE is sent on for a while (17.1.1.2): a peer that has
    got one, and whose responses were lost, answers the next, and only then may it be cancelled (9.1); no phone rings on
    for a call that has failed. What still comes is cancelled or ended."""
    station.explain_end(usage, "no_answer")
    tell_no_response(station, usage, NoResponse(usage.number, "no_answer"))


def abandon_undelivered(station: Station, usage: Usage, _item: object, now: float) -> None:
    """The network did not deliver it, or a connection broke: that is told, and the INVITE is not sent again. An earlier
    copy of it may have arrived all the same, so what still comes is cancelled or ended (17.1.1.2 would forget it)."""
    station.explain_end(usage, "transport")
    tell_no_response(station, usage, NoResponse(usage.number, "transport"))
    stop_retransmitting(station, usage, None, now)


def abandon_trying(station: Station, usage: Usage, _item: object, now: float) -> None:
    """The connection broke, and nothing more than a 100 has come: that is told, so that its user goes on to another
    peer. What this one may have begun is cancelled over a new connection."""
    station.explain_end(usage, "transport")
    tell_no_response(station, usage, NoResponse(usage.number, "transport"))
    say_cancel(station, usage, now)


def stop_retransmitting(station: Station, usage: Usage, _item: object, now: float) -> None:
    """Let an INVITE that nothing came back to be silent. Its user has gone on to another peer, and this one, should it
    be there again, is not to ring a phone that rings already; or it is so late that a phone which rings for the first
    time could not be cancelled any more before timer B. What still comes is cancelled or ended as before."""
    if usage.setup is not None:
        station.layer.give_up(usage.setup.transaction, now)


def cancel(station: Station, usage: Usage, _item: object, now: float) -> None:
    """CANCEL, now that a provisional response has come (9.1)."""
    say_cancel(station, usage, now)


def say_cancel(station: Station, usage: Usage, now: float, *, tries: int = 0) -> None:
    """Send CANCEL for the INVITE that counts; `tries` were made before."""
    if usage.setup is None:
        return
    errand = Errand(CANCEL, usage, None)
    errand.tries = tries
    reason = f"Reason: {usage.bye_reason}\r\n" if usage.bye_reason else ""
    request = usage.setup.sent.cancel(station.agent_line, reason)
    station.send_request(request, errand, now)


def cancel_as_heard(station: Station, usage: Usage, item: object, now: float) -> None:
    """CANCEL at the first provisional, which a hang-up has waited for."""
    cancel(station, usage, item, now)
    acknowledge_unwanted(station, usage, item, now)


def cancel_unanswered(station: Station, usage: Usage, item: object, now: float) -> None:
    """Provisional responses alone for more than three minutes (16.8)."""
    station.explain_end(usage, "timeout")
    tell_no_response(station, usage, NoResponse(usage.number, "timeout"))
    cancel(station, usage, item, now)


def restart_cancel_wait(station: Station, usage: Usage, _item: object, _now: float) -> None:
    """The CANCEL was answered: the INVITE's final response has 64*T1 from here."""
    station.timers.disarm(usage, CANCEL_WAIT)


def destroy_setup(station: Station, usage: Usage, _item: object, now: float) -> None:
    """The 487 never came: the transaction is destroyed (9.1)."""
    close(station, usage, now)
    tell_no_response(station, usage, NoResponse(usage.number, "timeout"))
    if usage.setup is not None:
        station.layer.give_up(usage.setup.transaction, now)
        station.layer.sweep(usage.setup.transaction, now)


def bye_while_ringing(station: Station, usage: Usage, item: object, now: float) -> None:
    """BYE in an early dialog of a call that we make: told as a hang-up, and the INVITE is cancelled."""
    usage.outcome_told = True
    station.explain_end(usage, "left")
    surface_bye(station, usage, item, now)
    cancel(station, usage, item, now)

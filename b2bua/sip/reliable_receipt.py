"""Reliable provisional responses to an INVITE of ours, and their PRACK (RFC 3262 section 4).

Nothing that becomes of a PRACK ends the call. A 481 to it says no more than that the peer waits for none, as after a
PRACK that was repeated; any other failure, or none at all, leaves the peer without an acknowledgement, and it is then
the peer that rejects the INVITE (section 3). The final response to the INVITE, or the limits on it, decide.
"""

from b2bua.sip.bodies import session_description
from b2bua.sip.dialog import Dialog
from b2bua.sip.errors import SipError
from b2bua.sip.headers import RAck
from b2bua.sip.message import Response
from b2bua.sip.offer_answer import SENT
from b2bua.sip.settings import RELIABLE_PROVISIONALS, OutgoingInvite
from b2bua.sip.station import Station
from b2bua.sip.usage import PRACK, Errand, Usage


def announced(plan: OutgoingInvite) -> tuple[tuple[str, ...], str]:
    """The option tags for Supported and the header lines that an INVITE announces its policy by.

    None for one without an offer: the first reliable response would bring the offer, and its answer would have to
    stand in a PRACK, which is sent without our user.
    """
    policy = plan.policy.reliable_provisional
    if policy == "off" or not plan.body:
        return (), ""
    return (RELIABLE_PROVISIONALS,), f"Require: {RELIABLE_PROVISIONALS}\r\n" if policy == "required" else ""


def rseq_of(usage: Usage, response: Response) -> int | None:
    """The RSeq of a provisional response that is to be acknowledged, None for any other.

    One that needs no PRACK: a 100, one without a To-tag and so without a dialog, one whose Require or RSeq cannot be
    read or is missing, and any to an INVITE that did not announce 100rel.
    """
    setup = usage.setup
    if setup is None or response.status == 100 or not response.to_tag or not announced(setup.plan)[0]:
        return None
    try:
        reliable = RELIABLE_PROVISIONALS in map(str.lower, response.require)
        return response.rseq or None if reliable else None
    except SipError:
        return None


def take_reliable(station: Station, usage: Usage, dialog: Dialog, response: Response, rseq: int, now: float) -> bool:
    """Acknowledge a reliable provisional response; whether it is new and in order, and so to be heeded.

    A repeated one is acknowledged again only if nothing is left of its PRACK. One that is not the next in its dialog
    is ignored, and so is one whose PRACK would be over the limits of transactions: it will be repeated.
    """
    last = dialog.last_rseq
    if last == rseq:
        station.counters["reliable provisionals repeated"] += 1
        if not station.layer.has_client(dialog.prack_branch, "PRACK") and _has_room(station, usage):
            _acknowledge(station, usage, dialog, response, rseq, now)
        return False
    if last is not None and rseq != last + 1:
        station.counters["reliable provisionals out of order"] += 1
        return False
    if not _has_room(station, usage):
        station.counters["reliable provisionals refused for want of room"] += 1
        return False
    dialog.last_rseq = rseq
    dialog.follow(response)
    _acknowledge(station, usage, dialog, response, rseq, now)
    if session_description(response.headers.get("Content-Type"), response.body):
        dialog.offers.close(SENT, response.cseq.number)
    return True


def _has_room(station: Station, usage: Usage) -> bool:
    limits = station.settings.limits
    return len(station.layer) < limits.transactions and usage.open_transactions < limits.transactions_of_usage


def _acknowledge(station: Station, usage: Usage, dialog: Dialog, response: Response, rseq: int, now: float) -> None:
    """PRACK, in the dialog of the response."""
    errand = Errand(PRACK, usage, usage.digest, dialog)
    rack = RAck(rseq, response.cseq.number, "INVITE")
    request = station.in_dialog(dialog, "PRACK", errand, own_lines=f"RAck: {rack}\r\n")
    dialog.prack_branch = request.branch
    station.send_request(request, errand, now)

"""What the peer's requests do (RFC 3261 sections 8.2, 9.2, 12.2.2, 13.3, 15.1.2)."""

from collections.abc import Callable
from typing import Final

from b2bua.sip.bodies import describes
from b2bua.sip.dialog import Dialog
from b2bua.sip.errors import SipError
from b2bua.sip.events import AckReceived, IncomingInvite, IncomingRequest, IncomingRequestEnded
from b2bua.sip.in_dialog import forget_pending, stop_answering
from b2bua.sip.incoming_calls import let_expire
from b2bua.sip.message import Request
from b2bua.sip.offer_answer import RECEIVED
from b2bua.sip.parser import validate_request
from b2bua.sip.reliable_provisionals import is_offered
from b2bua.sip.responding import acknowledged_by, end_prack, take_offer, take_prack
from b2bua.sip.routing import TransportAddress, response_fallback, stamp_via
from b2bua.sip.screening import Rejection, screen_request
from b2bua.sip.session_agreement import min_se, session_too_short
from b2bua.sip.settings import RELIABLE_PROVISIONALS, PeerPolicy
from b2bua.sip.station import Station
from b2bua.sip.transaction_layer import ToUser, large_octets, server_key
from b2bua.sip.transactions import Failed, ServerTransaction
from b2bua.sip.usage import Usage
from b2bua.sip.usage_table import (
    ANSWERED,
    CONFIRMED,
    ENDED_STATES,
    GOT_ACK,
    GOT_BYE,
    GOT_CANCEL,
    OFFERED,
    PROGRESSING,
    UNATTENDED,
    UNWANTED,
    enter,
    take,
)

_WITH_OFFERS: Final = frozenset({"INVITE", "UPDATE", "PRACK"})
_WITH_USER: Final = frozenset({CONFIRMED, ANSWERED, PROGRESSING, OFFERED})
_NEEDS_DIALOG: Final = frozenset({"BYE", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY"})


def receive_request(
    station: Station,
    request: Request,
    source: TransportAddress,
    local: TransportAddress,
    now: float,
    octets: int | None = None,
) -> None:
    """Deal with a request; `octets`: its size, where that is known. Raises SipError for one that cannot be read;
    nothing has happened then."""
    stamp_via(request, source)
    if request.method == "ACK":
        _receive_ack(station, request, source, local, now)
        return
    key = server_key(request, request.method)
    known = station.layer.server_at(key)
    if known is not None:
        _follow_to(station, known, request, source, local)
        station.layer.receive_again(known, request, now)
        return
    validate_request(request)
    to_tag = request.to_tag
    entry = None
    if to_tag is not None:
        entry = station.dialogs.get((request.call_id, to_tag, request.from_tag or ""))
    large = large_octets(request, octets)
    if _has_no_room(station, request, entry, large):
        station.counters["requests refused for want of room"] += 1
        station.reply_without_transaction(request, 503, source, local, station.retry_after)
        return
    if to_tag is None and request.method != "CANCEL" and station.layer.is_merged(request):
        station.counters["merged requests"] += 1
        station.reply_without_transaction(request, 482, source, local)
        return
    address = station.reply_address(request, source)
    transaction = station.layer.accept_request(key, request, source, local, address, large)
    if request.method == "CANCEL":
        _receive_cancel(station, transaction, now)
    elif to_tag is None:
        _receive_outside(station, transaction, now)
    else:
        _receive_in_dialog(station, transaction, entry, now)


def _follow_to(
    station: Station, known: ServerTransaction, request: Request, source: TransportAddress, local: TransportAddress
) -> None:
    """A request has come again, or its CANCEL has come. Where that is over another connection, the one that it came by
    is gone, or as good as that: what is said to it, and in its dialog, goes over this one. So it is over UDP with who
    asks for `rport`: its NAT has given it another port. Not where it is another peer's: a branch may be guessed, and
    nothing else is asked of a repetition."""
    if source == known.source or local != known.local:
        return
    if not source.reliable and station.reply_address(request, source) != source:
        return
    if source.host != known.source.host and not _is_of_one_peer(station, known, source):
        return
    known.come_by(source, response_fallback(request, source))
    usage = known.usage
    dialog = None if usage is None else usage.dialog_with(known.request)
    if usage is None or dialog is None:
        return
    if source.reliable or request.cseq.number == dialog.remote_cseq:
        dialog.asked_from(request, source, known.local, nat=usage.policy.nat)


def is_told_elsewhere(station: Station, transaction: ServerTransaction) -> bool:
    """A response can be sent by no way that its request names. Whether it goes over another connection instead, which
    the peer has come back by within the dialog since."""
    dialog = None if transaction.usage is None else transaction.usage.dialog_with(transaction.request)
    if dialog is None or dialog.peer_fallback is None or dialog.peer == transaction.source:
        return False
    station.layer.send_over(transaction, dialog.peer, dialog.peer_fallback)
    return True


def _is_of_one_peer(station: Station, known: ServerTransaction, source: TransportAddress) -> bool:
    """Whether an address belongs to the peer whose request this is."""
    policy = station.policy_of(known.request, known.source)
    return station.policy_of(known.request, source) is policy


def _has_no_room(station: Station, request: Request, entry: tuple[Usage, Dialog] | None, large: int) -> bool:
    """Whether a request gets no transaction. What ends a call is let in beyond the common limit, and a few of it beyond
    the call's own; nothing beyond that of large requests."""
    ends_call = entry is not None and request.method == "BYE"
    limits = station.settings.limits
    of_usage = limits.transactions_of_usage + (limits.byes_of_usage if ends_call else 0)
    if entry is not None and entry[0].open_transactions >= of_usage:
        return True
    if large and station.layer.large_octets + large > limits.large_octets:
        return True
    if not station.is_full:
        return False
    return not ends_call and (request.method != "CANCEL" or station.layer.cancelled_by(request) is None)


def dispatch_server(station: Station, transaction: ServerTransaction, to_user: ToUser, now: float) -> None:
    """Let what a timer left for the user take effect: it never answered. An ACK that never comes needs nothing."""
    usage = transaction.usage
    if isinstance(to_user, Failed) and to_user.cause == "timeout" and usage is not None:
        if transaction is usage.arrival:
            take(station, usage, UNATTENDED, None, now)
        elif forget_pending(usage, transaction):
            station.tell(IncomingRequestEnded(usage.number, transaction.number))
            if transaction.request.method == "INVITE":
                station.reply(transaction, 500, now)
            end_prack(station, usage, transaction, now)
    station.layer.sweep(transaction, now)


def _screen(station: Station, request: Request, policy: PeerPolicy) -> Rejection | None:
    settings = station.settings
    return screen_request(
        request,
        served_methods=settings.allow,
        supported_options=station.options_with(policy),
        accepted_types=settings.info_types if request.method == "INFO" else settings.accept,
        unregistered_method_status=405,
    )


# Outside dialogs.


def _receive_outside(station: Station, transaction: ServerTransaction, now: float) -> None:
    request = transaction.request
    policy = station.policy_of(request, transaction.source)
    rejection = _screen(station, request, policy)
    if rejection is not None:
        station.reply(transaction, rejection.status, now, reason=rejection.reason, headers=rejection.headers)
    elif request.method == "OPTIONS" and not station.accepting:
        station.reply(transaction, 503, now, headers=station.retry_after)
    elif request.method == "OPTIONS":
        _answer_options(station, transaction, policy, now)
    elif request.method == "INVITE":
        _receive_invite(station, transaction, policy, now)
    elif request.method in _NEEDS_DIALOG:
        station.reply(transaction, 481, now)
    else:
        station.reply(transaction, 405, now, headers=(("Allow", ", ".join(station.settings.allow)),))


def _answer_options(station: Station, transaction: ServerTransaction, policy: PeerPolicy, now: float) -> None:
    """11.2: what we can do."""
    settings = station.settings
    headers = (
        ("Allow", ", ".join(settings.allow)),
        ("Accept", ", ".join(settings.accept)),
        ("Accept-Encoding", "identity"),
        ("Accept-Language", "en"),
        ("Supported", ", ".join(station.options_with(policy))),
    )
    station.reply(transaction, 200, now, headers=headers)


def _receive_invite(station: Station, transaction: ServerTransaction, policy: PeerPolicy, now: float) -> None:
    if policy.reliable_provisional == "required" and not is_offered(transaction.request):
        station.reply(transaction, 421, now, headers=(("Require", RELIABLE_PROVISIONALS),))
        return
    if not station.accepting or len(station.usages) >= station.settings.limits.usages:
        station.reply(transaction, 503, now, headers=station.retry_after)
        return
    if not _has_proved_itself(station, transaction, policy, now):
        return
    if session_too_short(policy.session_timer_min_s, transaction.request):
        station.reply(transaction, 422, now, headers=min_se(policy.session_timer_min_s))
        return
    digest = station.digest_for(policy.credentials)
    usage = Usage(station.new_handle(), OFFERED, transaction.request.call_id, station.tokens.hex(16), digest, policy)
    usage.learn(transaction.request)
    usage.arrival = transaction
    station.own(transaction, usage)
    enter(station, usage, now)
    let_expire(station, usage, now)
    station.reply(transaction, 100, now)
    station.tell(IncomingInvite(usage.number, transaction.number, transaction.request, transaction.source, policy))


def _has_proved_itself(station: Station, transaction: ServerTransaction, policy: PeerPolicy, now: float) -> bool:
    """22.1: whether the request may pass; otherwise it has been answered. Only what would make a call is judged: ACK
    and CANCEL cannot be repeated with credentials, and what is within a dialog was let in with it."""
    realm = station.local_at(transaction.local).advertised_host
    rejection = station.guard.judge(transaction.request, policy, realm, now)
    if rejection is None:
        return True
    station.counters["calls challenged" if rejection.status == 401 else "calls with wrong credentials"] += 1
    station.reply(transaction, rejection.status, now, reason=rejection.reason, headers=rejection.headers)
    return False


# ACK and CANCEL.


def _receive_ack(station: Station, ack: Request, source: TransportAddress, local: TransportAddress, now: float) -> None:
    """Of a failure: its transaction's. Of a 2xx: it ends the retransmissions. Of anything else: dropped."""
    invite = station.layer.acknowledged_by(ack)
    if invite is not None and station.layer.receive_ack(invite, ack, now) is None:
        station.layer.sweep(invite, now)
        return
    entry = station.dialogs.get((ack.call_id, ack.to_tag or "", ack.from_tag or ""))
    if entry is None:
        station.counters["ACKs of nothing"] += 1
        return
    usage, dialog = entry
    dialog.heard_over(ack, source, local)
    if usage.answering is None or usage.answering.cseq != ack.cseq.number:
        return
    if usage.answering.asked_cseq == dialog.remote_cseq:  # else it may have been overtaken
        dialog.asked_from(ack, source, local, nat=usage.policy.nat)
    stop_answering(station, usage)
    owes_answer = dialog.offers.ours == (RECEIVED, ack.cseq.number)
    dialog.offers.close(RECEIVED, ack.cseq.number)
    unwanted = usage.state == UNWANTED
    take(station, usage, GOT_ACK, ack, now)
    if (ack.body or owes_answer) and not unwanted:
        station.tell(AckReceived(usage.number, ack.body, ack.headers.get("Content-Type")))


def _receive_cancel(station: Station, transaction: ServerTransaction, now: float) -> None:
    """9.2: 200 when there is an INVITE to cancel, and 487 to that unless it has its final response already."""
    invite = station.layer.cancelled_by(transaction.request)
    usage = None if invite is None else invite.usage
    if invite is not None:
        _follow_to(station, invite, transaction.request, transaction.source, transaction.local)
    if invite is None or usage is None:
        station.reply(transaction, 481 if invite is None else 200, now)
        return
    station.own(transaction, usage)
    station.reply(transaction, 200, now)
    if invite is usage.arrival:
        take(station, usage, GOT_CANCEL, transaction.request, now)
    elif forget_pending(usage, invite):
        station.tell(IncomingRequestEnded(usage.number, invite.number))
        station.reply(invite, 487, now)


# In dialogs.


def _receive_in_dialog(
    station: Station, transaction: ServerTransaction, entry: tuple[Usage, Dialog] | None, now: float
) -> None:
    request = transaction.request
    if entry is None:
        station.counters["requests in unknown dialogs"] += 1
        station.reply(transaction, 481, now)
        return
    usage, dialog = entry
    station.own(transaction, usage)
    if not dialog.take_cseq(request.cseq.number):
        station.reply(transaction, 500, now)
        return
    dialog.asked_from(request, transaction.source, transaction.local, nat=usage.policy.nat)
    rejection = _screen(station, request, usage.policy)
    if rejection is not None:
        station.reply(transaction, rejection.status, now, reason=rejection.reason, headers=rejection.headers)
        if request.method == "BYE":  # its sender is out of the call whatever the answer (15.1.1)
            _end_by(station, transaction, usage, dialog, now)
    else:
        usage.learn(request)
        _IN_DIALOG.get(request.method, _hand_on)(station, transaction, usage, dialog, now)


def _bye(station: Station, transaction: ServerTransaction, usage: Usage, dialog: Dialog, now: float) -> None:
    """200 in any state."""
    station.reply(transaction, 200, now)
    _end_by(station, transaction, usage, dialog, now)


def _end_by(station: Station, transaction: ServerTransaction, usage: Usage, dialog: Dialog, now: float) -> None:
    """A BYE ends the usage unless it is of a fork that is not the call's."""
    if usage.dialog is None or dialog is usage.dialog:
        take(station, usage, GOT_BYE, transaction.request, now)
    transaction.request.headers.forget_meaning()  # it stays half a minute, to be compared with what comes again


def _is_over(usage: Usage, dialog: Dialog) -> bool:
    """Whether nothing can come of a dialog any more: its call is over, or another fork has become the call."""
    return usage.state in ENDED_STATES or (usage.dialog is not None and dialog is not usage.dialog)


def _options(station: Station, transaction: ServerTransaction, usage: Usage, dialog: Dialog, now: float) -> None:
    """11.2; peers ask whether the dialog is still there, and one that is over is not (12.2.2). That we take no new
    calls is nothing to it."""
    if _is_over(usage, dialog):
        station.reply(transaction, 481, now)
        return
    _answer_options(station, transaction, usage.policy, now)


def _reinvite(station: Station, transaction: ServerTransaction, usage: Usage, dialog: Dialog, now: float) -> None:
    """14.2: 500 while the peer's last offer has no answer, 491 while one of ours has none; in a dialog that is over
    neither will ever have one (12.2.2)."""
    if _is_over(usage, dialog):
        station.reply(transaction, 481, now)
    elif usage.state == OFFERED or dialog.offers.theirs is not None:
        station.reply(transaction, 500, now, headers=_soon(station))
    elif usage.state == PROGRESSING or usage.reinvite is not None or dialog.offers.ours is not None:
        station.reply(transaction, 491, now)
    else:
        if usage.answering is not None:  # the ACK of our 2xx is lost or late: the peer has the 2xx (RFC 5407 3.1.4)
            stop_answering(station, usage)
            take(station, usage, GOT_ACK, None, now)
        _change_session(station, transaction, usage, dialog, now)


def _change_session(station: Station, transaction: ServerTransaction, usage: Usage, dialog: Dialog, now: float) -> None:
    """Hand a re-INVITE on, unless it asks for too short a session or its dialog is over."""
    if usage.state != CONFIRMED:
        station.reply(transaction, 481, now)
    elif session_too_short(usage.policy.session_timer_min_s, transaction.request):
        station.reply(transaction, 422, now, headers=min_se(usage.policy.session_timer_min_s))
    else:
        _surface(station, transaction, usage, dialog, now)


def _update(station: Station, transaction: ServerTransaction, usage: Usage, dialog: Dialog, now: float) -> None:
    """RFC 3311 5.2: one at a time, and with an offer not while another waits for its answer."""
    request = transaction.request
    has_offer = describes(request)
    if _is_over(usage, dialog):
        station.reply(transaction, 481, now)
    elif _has_pending_update(usage, dialog) or (has_offer and dialog.offers.theirs is not None):
        station.reply(transaction, 500, now, headers=_soon(station))
    elif has_offer and dialog.offers.ours is not None:
        station.reply(transaction, 491, now)
    elif session_too_short(usage.policy.session_timer_min_s, request):
        station.reply(transaction, 422, now, headers=min_se(usage.policy.session_timer_min_s))
    else:
        _hand_on(station, transaction, usage, dialog, now)


def _prack(station: Station, transaction: ServerTransaction, usage: Usage, dialog: Dialog, now: float) -> None:
    """RFC 3262 section 3: 481 unless it matches what waits for it. One with an offer goes to our user."""
    request = transaction.request
    try:
        announcing = acknowledged_by(usage, request)
    except SipError as error:
        station.reply(transaction, error.status, now, reason=error.reason)
        return
    if announcing is None:
        station.reply(transaction, 481, now)
    elif not describes(request) or usage.state not in _WITH_USER or dialog.offers.ours is not None:
        station.reply(transaction, 200, now)
        take_prack(station, usage, announcing, request, now)
    elif dialog.offers.theirs is not None or _has_no_more_pending(station, usage):
        station.reply(transaction, 500, now, headers=_soon(station))
    else:
        take_offer(station, announcing, now)
        _surface(station, transaction, usage, dialog, now)


def _hand_on(station: Station, transaction: ServerTransaction, usage: Usage, dialog: Dialog, now: float) -> None:
    if _is_over(usage, dialog) or usage.state not in _WITH_USER:
        station.reply(transaction, 481, now)
    else:
        _surface(station, transaction, usage, dialog, now)


def _surface(station: Station, transaction: ServerTransaction, usage: Usage, dialog: Dialog, now: float) -> None:
    if _has_no_more_pending(station, usage):
        station.reply(transaction, 503, now, headers=station.retry_after)
        return
    usage.pending[transaction.number] = transaction
    request = transaction.request
    if request.method in _WITH_OFFERS:
        dialog.offers.received(request.method, request.cseq.number, has_offer=describes(request))
    if transaction.request.method == "INVITE":
        station.reply(transaction, 100, now)
    else:
        station.layer.await_user(transaction, now)
    station.tell(IncomingRequest(usage.number, transaction.number, transaction.request, transaction.source))


def _has_no_more_pending(station: Station, usage: Usage) -> bool:
    return len(usage.pending) >= station.settings.limits.pending_requests


def _has_pending_update(usage: Usage, dialog: Dialog) -> bool:
    pending = (transaction.request for transaction in usage.pending.values())
    return any(request.method == "UPDATE" and usage.dialog_with(request) is dialog for request in pending)


def _soon(station: Station) -> tuple[tuple[str, str], ...]:
    """A Retry-After of 0-10 s, chosen at random (14.2)."""
    return (("Retry-After", str(station.tokens.integer(16) % 11)),)


_IN_DIALOG: Final[dict[str, Callable[[Station, ServerTransaction, Usage, Dialog, float], None]]] = {
    "BYE": _bye,
    "OPTIONS": _options,
    "INVITE": _reinvite,
    "UPDATE": _update,
    "PRACK": _prack,
}

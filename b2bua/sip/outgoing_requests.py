"""Requests of our user within a dialog, early or confirmed (RFC 3261 section 12.2.1, RFC 3311 section 5.1)."""

from b2bua.sip.dialog import Dialog
from b2bua.sip.events import RequestFailed
from b2bua.sip.reliable_provisionals import is_settled
from b2bua.sip.station import Station
from b2bua.sip.usage import IN_DIALOG, REINVITE, Errand, Usage
from b2bua.sip.usage_table import CONFIRMED, OFFERED, PROGRESSING


def request_in_dialog(
    station: Station,
    usage: Usage | None,
    method: str,
    now: float,
    *,
    own_lines: str,
    body: bytes,
    content_type: str | None,
    to_tag: str | None,
) -> int:
    """Send it, and return the handle that its answer has; `UserAgent.request_in_dialog` says when it is refused."""
    handle = station.new_handle()
    dialog = None if usage is None else _dialog_of(usage, to_tag)
    if usage is None or dialog is None or not _may_request(station, usage, dialog, method, has_offer=bool(body)):
        station.tell(RequestFailed(handle, "refused"))
        return handle
    kind = REINVITE if method == "INVITE" else IN_DIALOG
    errand = Errand(kind, usage, usage.digest, dialog, handle)
    request = station.in_dialog(dialog, method, errand, own_lines=own_lines, body=body, content_type=content_type)
    if method in ("INVITE", "UPDATE"):
        dialog.offers.sent(method, request.cseq, has_offer=bool(body))
    transaction = station.send_request(request, errand, now)
    if kind == REINVITE:
        usage.reinvite = transaction
    return handle


def _dialog_of(usage: Usage, to_tag: str | None) -> Dialog | None:
    """The call's dialog; before there is one, the early dialog of that tag, or the newest."""
    if usage.dialog is not None or not usage.dialogs:
        return usage.dialog
    return next(reversed(usage.dialogs.values())) if to_tag is None else usage.dialogs.get(to_tag)


def _may_request(station: Station, usage: Usage, dialog: Dialog, method: str, *, has_offer: bool) -> bool:
    if len(station.layer) >= station.settings.limits.transactions:
        return False
    if usage.state == CONFIRMED:
        return _may_request_confirmed(usage, dialog, method, has_offer=has_offer)
    return _may_request_early(usage, dialog, method, has_offer=has_offer)


def _may_request_confirmed(usage: Usage, dialog: Dialog, method: str, *, has_offer: bool) -> bool:
    """One INVITE at a time; no offer while another is open; no UPDATE while ours is."""
    if method not in ("INVITE", "UPDATE"):
        return True
    inviting = usage.reinvite is not None or usage.answering is not None or _has_pending_invite(usage)
    if method == "INVITE":
        return not inviting and not dialog.offers.is_open and dialog.offers.update is None
    return dialog.offers.update is None and not (has_offer and (inviting or dialog.offers.is_open))


def _may_request_early(usage: Usage, dialog: Dialog, method: str, *, has_offer: bool) -> bool:
    """Only what the peer has said to allow, and only when it is sure to know the dialog: of a call that we get, once it
    has acknowledged all that was sent reliably."""
    if method == "INVITE" or method not in usage.peer_allows:
        return False
    if usage.state != PROGRESSING and not (usage.state == OFFERED and is_settled(usage.announcing)):
        return False
    return method != "UPDATE" or (dialog.offers.update is None and not (has_offer and dialog.offers.is_open))


def _has_pending_invite(usage: Usage) -> bool:
    return any(transaction.request.method == "INVITE" for transaction in usage.pending.values())

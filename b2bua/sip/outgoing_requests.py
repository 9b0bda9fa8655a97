"""Requests of our user within a dialog, early or confirmed (RFC 3261 section 12.2.1, RFC 3311 section 5.1)."""

from b2bua.sip.dialog import Dialog
from b2bua.sip.dialog_requests import errand_in, gives_way, has_room, may_send, send_in_dialog
from b2bua.sip.events import RequestFailed
from b2bua.sip.reliable_provisionals import is_settled
from b2bua.sip.station import Station
from b2bua.sip.usage import Usage
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
    errand = errand_in(dialog, usage, method, handle)
    send_in_dialog(station, errand, method, now, own_lines=own_lines, body=body, content_type=content_type)
    return handle


def _dialog_of(usage: Usage, to_tag: str | None) -> Dialog | None:
    """The call's dialog; before there is one, the early dialog of that tag, or the newest."""
    if usage.dialog is not None or not usage.dialogs:
        return usage.dialog
    return next(reversed(usage.dialogs.values())) if to_tag is None else usage.dialogs.get(to_tag)


def _may_request(station: Station, usage: Usage, dialog: Dialog, method: str, *, has_offer: bool) -> bool:
    if not has_room(station):
        return False
    if usage.state == CONFIRMED:
        return may_send(usage, dialog, method, has_offer=has_offer) and gives_way(station, usage, method)
    return _may_request_early(usage, dialog, method, has_offer=has_offer)


def _may_request_early(usage: Usage, dialog: Dialog, method: str, *, has_offer: bool) -> bool:
    """Only what the peer has said to allow, and only when it is sure to know the dialog: of a call that we get, once it
    has acknowledged all that was sent reliably."""
    if method == "INVITE" or method not in usage.peer_allows:
        return False
    if usage.state != PROGRESSING and not (usage.state == OFFERED and is_settled(usage.announcing)):
        return False
    return method != "UPDATE" or (dialog.offers.update is None and not (has_offer and dialog.offers.is_open))

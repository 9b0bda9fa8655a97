"""Keeping a session alive (RFC 4028 section 10): the refresh that is due, what comes of it, and the end without one."""

from typing import Final

from b2bua.sip.bodies import SDP
from b2bua.sip.dialog_requests import errand_in, has_room, may_send, send_in_dialog
from b2bua.sip.events import SessionRefreshed
from b2bua.sip.in_dialog import lose_silent
from b2bua.sip.message import Response
from b2bua.sip.session_agreement import refresh_refused
from b2bua.sip.station import Station
from b2bua.sip.transactions import ClientTransaction
from b2bua.sip.usage import REFRESH, Usage

POSTPONED_S: Final = 4.0
"""How long a refresh waits that cannot go out: an offer is open, whose 2xx refreshes as well, or there is no room."""

# What those say who do not let UPDATE pass, whatever the peer's Allow has. They say it of the same request each time
# (RFC 3261 section 21.4).
_NOT_BY_UPDATE: Final = frozenset({400, 403, 404, 405, 420, 501})


def refresh(station: Station, usage: Usage, _item: object, now: float) -> None:
    """Half the interval has passed: UPDATE where peer and profile want it, else a re-INVITE with our last
    description."""
    dialog = usage.dialog
    if dialog is None:
        return
    described = dialog.described
    method = "UPDATE" if described is None or _goes_by_update(usage) else "INVITE"
    if usage.put_off is not None or not has_room(station) or not may_send(usage, dialog, method, has_offer=True):
        station.timers.arm(usage, REFRESH, now + POSTPONED_S)
        return
    station.counters["session refreshes"] += 1
    errand = errand_in(dialog, usage, method, 0)
    body, content_type = (b"", SDP) if described is None or method == "UPDATE" else described
    send_in_dialog(station, errand, method, now, body=body, content_type=content_type)


def _goes_by_update(usage: Usage) -> bool:
    wanted = usage.policy.session_refresh_method
    if wanted == "invite" or usage.refuses_update:
        return False
    return "UPDATE" in usage.peer_allows or (wanted == "update" and not usage.peer_allows)


def refresh_answered(station: Station, usage: Usage, transaction: ClientTransaction, response: Response) -> None:
    """A refresh of ours got its 2xx: the description in it stands in place of the peer's last."""
    if transaction.request.method == "INVITE" and response.body:
        content_type = response.headers.get("Content-Type")
        station.tell(SessionRefreshed(usage.number, response.body, content_type))


def refresh_failed(
    station: Station, usage: Usage, transaction: ClientTransaction, response: Response, now: float
) -> None:
    """A refresh of ours was refused. One by UPDATE that is not let pass goes out again as a re-INVITE."""
    station.counters["session refreshes refused"] += 1
    described = usage.dialog is not None and usage.dialog.described is not None
    if transaction.request.method == "UPDATE" and response.status in _NOT_BY_UPDATE and described:
        usage.refuses_update = True
        station.timers.arm(usage, REFRESH, now)
    else:
        refresh_refused(station, usage, now)


def expire(station: Station, usage: Usage, _item: object, now: float) -> None:
    """No refresh came, or none of ours got through: BYE, and told as a lost dialog."""
    lose_silent(station, usage, "expired", now)

"""The session timer of a usage (RFC 4028): what its requests and answers say of it, and when it is due."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from b2bua.sip.message import Request, Response
from b2bua.sip.message_parts import Field
from b2bua.sip.session_timer import (
    UAC,
    UAS,
    SessionTimer,
    agree,
    agreed_by,
    answering,
    asking,
    read_timer_fields,
    too_short,
)
from b2bua.sip.station import Station, lines_of
from b2bua.sip.timers import T1_S
from b2bua.sip.usage import NEXT_TRY, REFRESH, SESSION_END, Errand, Usage

MOST_RAISES: Final = 3
"""How often one request asks again for a longer session; a further 422 is its final response."""
SHORTEST_WAIT_S: Final = 10 * T1_S
"""A refresh that was refused is not tried again sooner."""

_ASKED_OF_A_PEER: Final[Mapping[str, str | None]] = MappingProxyType({"auto": None, "us": UAC, "peer": UAS})

# What our requests ask for.


def session_lines(usage: Usage, errand: Errand) -> str:
    """The header lines by which a request of ours that begins or refreshes a session asks for a timer.

    In a dialog it asks for what holds there, so that the roles stay as they are (section 7.4).
    """
    session, wish_s = usage.session, usage.policy.session_timer_s
    refresher = _ASKED_OF_A_PEER[usage.policy.session_refresher]
    if session is not None:
        refresher = UAC if session.we_refresh else UAS
    interval_s = wish_s if session is None else session.interval_s
    errand.asked_s = max(interval_s, usage.min_session_s, errand.asked_s or 0) if interval_s else errand.asked_s
    return lines_of(asking(errand.asked_s, usage.min_session_s, refresher))


def may_ask_for_longer(errand: Errand, response: Response) -> bool:
    """Whether a 422 asks for a longer session than our request did (section 7.3); if so, the next request asks for it.

    A Min-SE that we asked for already, or one more than `MOST_RAISES`, leaves the 422 a plain failure.
    """
    usage = errand.usage
    if usage is None or response.status != 422 or errand.raises >= MOST_RAISES:
        return False
    least_s = read_timer_fields(response).min_s
    if "Min-SE" not in response.headers or least_s <= (errand.asked_s or 0):
        return False
    errand.raises += 1
    errand.asked_s = usage.min_session_s = max(usage.min_session_s, least_s)
    return True


# What our answers say.


def session_too_short(min_s: int, request: Request) -> bool:
    """Whether a request of the peer is refused with 422 for asking for a shorter session than `min_s`, the shortest
    that is taken."""
    return too_short(read_timer_fields(request), min_s)


def min_se(min_s: int) -> tuple[Field, ...]:
    """What a 422 says (section 6)."""
    return (("Min-SE", str(min_s)),)


def agree_with(usage: Usage, request: Request) -> tuple[SessionTimer | None, tuple[Field, ...]]:
    """The timer that our 2xx to a request which begins or refreshes a session brings, and the fields that say so."""
    fields = read_timer_fields(request)
    usage.min_session_s = max(usage.min_session_s, fields.min_s)
    leave_to_peer = usage.policy.session_refresher == "peer"
    timer = agree(fields, usage.policy.session_timer_s, usage.session, leave_to_peer=leave_to_peer)
    return timer, answering(fields, timer)


# What comes of it.


def session_answered(station: Station, errand: Errand, response: Response, now: float) -> None:
    """A 2xx to a request of ours that began or refreshed the session."""
    usage = errand.usage
    if usage is not None:
        wish_s = (errand.asked_s or 0) if usage.policy.session_timer_s else 0
        hold_session(station, usage, agreed_by(read_timer_fields(response), wish_s), now)


def hold_session(station: Station, usage: Usage, timer: SessionTimer | None, now: float) -> None:
    """The session has been refreshed: let this timer hold from now on. A refresh of ours that waits is not needed."""
    usage.session = timer
    usage.refusals = 0
    if usage.put_off is not None and not usage.put_off.errand.number:
        usage.put_off = None
        station.timers.disarm(usage, NEXT_TRY)
    _arm(station, usage, REFRESH, None if timer is None else timer.refresh_after_s, now)
    _arm(station, usage, SESSION_END, None if timer is None else timer.ends_after_s, now)


def refresh_refused(station: Station, usage: Usage, now: float) -> None:
    """A refresh of ours was refused though the dialog stands: another one goes out when half of the time that was left
    has passed, again and again until the session ends. For our own sake alone, any answer is as good as a refresh."""
    timer = usage.session
    if timer is None:
        return
    if not timer.agreed:
        hold_session(station, usage, timer, now)
        return
    usage.refusals += 1
    wait_s = timer.interval_s / 2 ** min(usage.refusals + 1, 32)
    station.timers.arm(usage, REFRESH, now + max(wait_s, SHORTEST_WAIT_S))


def _arm(station: Station, usage: Usage, timer: str, after_s: float | None, now: float) -> None:
    if after_s is None:
        station.timers.disarm(usage, timer)
    else:
        station.timers.arm(usage, timer, now + after_s)

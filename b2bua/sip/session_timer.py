"""Session timers (RFC 4028) as values: what a message says of them, what is agreed, who refreshes and when."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from b2bua.sip.errors import SipError
from b2bua.sip.headers import ValueWithParams, parse_seconds
from b2bua.sip.message import Message
from b2bua.sip.message_parts import Field

OPTION_TAG: Final = "timer"
DEFAULT_MIN_S: Final = 90
"""What Min-SE means where it does not stand (section 5); nobody may ask for less."""
LONGEST_WAIT_FOR_BYE_S: Final = 32.0
"""Section 10: the side that waits for a refresh hangs up this long before the end, or a third of the interval."""
SHORTEST_REFRESH_S: Final = 15.0
"""However short an interval a peer dictates, a dialog is not refreshed more often, and never expires sooner."""

UAC: Final = "uac"
UAS: Final = "uas"

REFRESHER: Final = MappingProxyType(
    {
        # Table 2: (the UAC supports session timers, the refresher it names): the refresher that our 2xx names. Where it
        # is left to us we refresh: a dead peer is then found at half the interval instead of at its end.
        (False, None): UAS,
        (False, UAC): UAS,
        (False, UAS): UAS,
        (True, None): UAS,
        (True, UAC): UAC,
        (True, UAS): UAS,
    }
)


class TimerFields(NamedTuple):
    """What a message says of session timers; what is malformed counts as absent.

    `expires_s`: Session-Expires, with its `refresher`, "uac", "uas" or None. `min_s`: Min-SE, at least 90. `supported`:
    whether its sender knows session timers.
    """

    expires_s: int | None
    refresher: str | None
    min_s: int
    supported: bool


_SILENT: Final = TimerFields(None, None, DEFAULT_MIN_S, supported=False)


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """What holds in a dialog until the next refresh.

    `agreed` False: the peer knows no session timers and we refresh for our own sake, to learn whether it is there.
    """

    interval_s: int
    we_refresh: bool
    agreed: bool = True

    @property
    def refresh_after_s(self) -> float | None:
        """When we refresh (section 10: at half the interval); None where the peer does."""
        return max(self.interval_s / 2, SHORTEST_REFRESH_S) if self.we_refresh else None

    @property
    def ends_after_s(self) -> float | None:
        """When the session has expired without a refresh; None where nobody but us knows of an end.

        Who waits for the peer's refresh gives up before the end, who could not get its own through at the end.
        """
        if not self.agreed:
            return None
        if self.we_refresh:
            return max(float(self.interval_s), 2 * SHORTEST_REFRESH_S)
        return max(self.interval_s - min(LONGEST_WAIT_FOR_BYE_S, self.interval_s / 3), SHORTEST_REFRESH_S)


def read_timer_fields(message: Message) -> TimerFields:
    """What a message says of session timers."""
    headers, supported = message.headers, _names_timer(message)
    if not supported and headers.get("Session-Expires") is None and headers.get("Min-SE") is None:
        return _SILENT
    expires_s, refresher = _session_expires(message)
    min_s = _seconds(headers.get("Min-SE"))
    return TimerFields(expires_s, refresher, max(min_s or 0, DEFAULT_MIN_S), supported)


def asking(interval_s: int | None, min_s: int, refresher: str | None = None) -> tuple[Field, ...]:
    """The fields of a request of ours that asks for a session of that length; none where no length is asked for."""
    if interval_s is None:
        return ()
    named = f";refresher={refresher}" if refresher else ""
    fields: tuple[Field, ...] = (("Session-Expires", f"{interval_s}{named}"),)
    return (*fields, ("Min-SE", str(min_s))) if min_s > DEFAULT_MIN_S else fields


def too_short(fields: TimerFields, min_s: int) -> bool:
    """Whether a request is refused with 422 (section 9): only a UAC that knows what to do about it is."""
    return fields.supported and fields.expires_s is not None and fields.expires_s < min_s


def agree(
    fields: TimerFields, wish_s: int, current: SessionTimer | None, *, leave_to_peer: bool = False
) -> SessionTimer | None:
    """What our 2xx to a request with these fields makes hold (section 9); None: no timer.

    `wish_s` is our own, 0 for none: it may shorten what the peer asks for, not below its Min-SE. A request in a dialog
    that does not speak of the timer leaves it as it is. `leave_to_peer`: it is to refresh where it knows how to and
    leaves that to us.
    """
    interval_s = _agreed_interval_s(fields, wish_s, current)
    if interval_s is None:
        return None
    refresher = REFRESHER[(fields.supported, fields.refresher)]
    if fields.supported and fields.refresher is None:
        refresher = UAC if _is_peers(current, leave_to_peer) else UAS
    return SessionTimer(interval_s, refresher == UAS, fields.supported or fields.expires_s is not None)


def _is_peers(current: SessionTimer | None, leave_to_peer: bool) -> bool:
    return leave_to_peer if current is None else not current.we_refresh


def _agreed_interval_s(fields: TimerFields, wish_s: int, current: SessionTimer | None) -> int | None:
    if fields.expires_s is not None:
        shorter = 0 < wish_s < fields.expires_s
        return min(max(wish_s, fields.min_s), fields.expires_s) if shorter else fields.expires_s
    standing_s = wish_s if current is None else current.interval_s
    return max(standing_s, fields.min_s) if standing_s else None


def answering(fields: TimerFields, timer: SessionTimer | None) -> tuple[Field, ...]:
    """The fields of our 2xx that say so; a UAC that supports the timer has to heed it (section 9)."""
    if timer is None:
        return ()
    expires = ("Session-Expires", f"{timer.interval_s};refresher={UAS if timer.we_refresh else UAC}")
    return (expires, ("Require", OPTION_TAG)) if fields.supported else (expires,)


def agreed_by(fields: TimerFields, wish_s: int) -> SessionTimer | None:
    """What a 2xx to a request of ours makes hold (section 7.2); None: no timer, or no longer.

    One that names no refresher leaves it to us. Where the peer knows of none, a `wish_s` of ours (0: none) is kept up
    by us alone, as a proxy between us would have it.
    """
    if fields.expires_s is not None:
        return SessionTimer(fields.expires_s, fields.refresher != UAS)
    return SessionTimer(wish_s, we_refresh=True, agreed=False) if wish_s else None


def _session_expires(message: Message) -> tuple[int | None, str | None]:
    text = message.headers.get("Session-Expires")
    if text is None:
        return None, None
    try:
        value = ValueWithParams.parse(text)
        refresher = (value.param("refresher") or "").lower()
        return parse_seconds(value.value), refresher if refresher in (UAC, UAS) else None
    except SipError:
        return None, None


def _seconds(text: str | None) -> int | None:
    try:
        return None if text is None else parse_seconds(text)
    except SipError:
        return None


def _names_timer(message: Message) -> bool:
    try:
        return OPTION_TAG in map(str.lower, (*message.supported, *message.require))
    except SipError:
        return False

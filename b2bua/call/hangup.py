"""Why a leg ended, in the three languages it is said in: SIP status, Q.850 cause, published hangup cause."""

from dataclasses import dataclass
from typing import Final

from b2bua.call.effects import FinalResponse, Tone
from b2bua.call.events import FailureKind
from b2bua.call.model import HangupCause, HangupParty, Leg


@dataclass(frozen=True, slots=True)
class Clearing:
    """How a cause is told to a peer. `q850` goes into Reason (RFC 3326); `sip_status` is the final response that says
    the same; `party` is who ended the call, None when it depends on who hung up."""

    q850: int
    sip_status: int
    party: HangupParty | None = HangupParty.SYSTEM


CLEARINGS: Final = {
    HangupCause.NORMAL: Clearing(16, 487, None),
    HangupCause.BUSY: Clearing(17, 486, HangupParty.A),
    HangupCause.NO_ANSWER: Clearing(19, 480),
    HangupCause.REJECTED: Clearing(21, 603, HangupParty.A),
    HangupCause.UNREACHABLE: Clearing(20, 480),
    HangupCause.INVALID_NUMBER: Clearing(1, 404),
    HangupCause.B_BUSY: Clearing(17, 486, HangupParty.B),
    HangupCause.B_NO_ANSWER: Clearing(19, 480),
    HangupCause.B_REJECTED: Clearing(21, 603, HangupParty.B),
    HangupCause.B_UNREACHABLE: Clearing(20, 480),
    HangupCause.A_HANGUP_BEFORE_BRIDGE: Clearing(16, 487, HangupParty.A),
    HangupCause.MAX_DURATION: Clearing(16, 480),
    HangupCause.BALANCE_EXHAUSTED: Clearing(16, 480),
    HangupCause.MEDIA_TIMEOUT: Clearing(41, 480),
    HangupCause.API_HANGUP: Clearing(16, 480),
    HangupCause.NETWORK_ERROR: Clearing(38, 503),
    HangupCause.SYSTEM_RESTART: Clearing(41, 503),
}

# What ITU-T Q.850 calls its causes, where a telephone network still uses them.
Q850_TEXTS: Final = {
    1: "Unallocated number",
    2: "No route to specified transit network",
    3: "No route to destination",
    16: "Normal call clearing",
    17: "User busy",
    18: "No user responding",
    19: "No answer from user",
    20: "Subscriber absent",
    21: "Call rejected",
    22: "Number changed",
    23: "Redirection to new destination",
    25: "Exchange routing error",
    26: "Non-selected user clearing",
    27: "Destination out of order",
    28: "Invalid number format",
    29: "Facility rejected",
    31: "Normal, unspecified",
    34: "No circuit/channel available",
    38: "Network out of order",
    41: "Temporary failure",
    42: "Switching equipment congestion",
    44: "Requested circuit/channel not available",
    47: "Resource unavailable, unspecified",
    50: "Requested facility not subscribed",
    55: "Incoming calls barred within CUG",
    57: "Bearer capability not authorized",
    58: "Bearer capability not presently available",
    63: "Service or option not available",
    65: "Bearer capability not implemented",
    79: "Service or option not implemented",
    87: "User not member of CUG",
    88: "Incompatible destination",
    95: "Invalid message, unspecified",
    102: "Recovery on timer expiry",
    111: "Protocol error, unspecified",
    127: "Interworking, unspecified",
}

# SIP status: (Q.850 cause by RFC 3398 section 8.2.6.1, what it means when A gave it). 408 is told apart by ringing.
STATUSES: Final = {
    400: (41, HangupCause.NETWORK_ERROR),
    401: (21, HangupCause.NETWORK_ERROR),
    402: (21, HangupCause.NETWORK_ERROR),
    403: (21, HangupCause.REJECTED),
    404: (1, HangupCause.INVALID_NUMBER),
    405: (63, HangupCause.NETWORK_ERROR),
    406: (79, HangupCause.NETWORK_ERROR),
    407: (21, HangupCause.NETWORK_ERROR),
    408: (102, HangupCause.UNREACHABLE),
    410: (22, HangupCause.UNREACHABLE),
    413: (127, HangupCause.NETWORK_ERROR),
    414: (127, HangupCause.NETWORK_ERROR),
    415: (79, HangupCause.NETWORK_ERROR),
    416: (127, HangupCause.INVALID_NUMBER),
    420: (127, HangupCause.NETWORK_ERROR),
    421: (127, HangupCause.NETWORK_ERROR),
    423: (127, HangupCause.NETWORK_ERROR),
    480: (18, HangupCause.UNREACHABLE),
    481: (41, HangupCause.NETWORK_ERROR),
    482: (25, HangupCause.NETWORK_ERROR),
    483: (25, HangupCause.NETWORK_ERROR),
    484: (28, HangupCause.INVALID_NUMBER),
    485: (1, HangupCause.NETWORK_ERROR),
    486: (17, HangupCause.BUSY),
    487: (16, HangupCause.NETWORK_ERROR),
    488: (31, HangupCause.NETWORK_ERROR),
    500: (41, HangupCause.NETWORK_ERROR),
    501: (79, HangupCause.NETWORK_ERROR),
    502: (38, HangupCause.NETWORK_ERROR),
    503: (41, HangupCause.NETWORK_ERROR),
    504: (102, HangupCause.NETWORK_ERROR),
    505: (127, HangupCause.NETWORK_ERROR),
    513: (127, HangupCause.NETWORK_ERROR),
    600: (17, HangupCause.BUSY),
    603: (21, HangupCause.REJECTED),
    604: (1, HangupCause.INVALID_NUMBER),
    606: (31, HangupCause.NETWORK_ERROR),
    607: (21, HangupCause.REJECTED),
    608: (21, HangupCause.REJECTED),
}
UNLISTED_STATUS: Final = (31, HangupCause.NETWORK_ERROR)

# What A's cause is called when it is B that failed.
CAUSES_OF_B: Final = {
    HangupCause.BUSY: HangupCause.B_BUSY,
    HangupCause.REJECTED: HangupCause.B_REJECTED,
    HangupCause.NO_ANSWER: HangupCause.B_NO_ANSWER,
    HangupCause.UNREACHABLE: HangupCause.B_UNREACHABLE,
    HangupCause.INVALID_NUMBER: HangupCause.B_UNREACHABLE,
    HangupCause.NETWORK_ERROR: HangupCause.B_UNREACHABLE,
}

# Failures without a response of the peer, as A's.
KINDS: Final = {
    FailureKind.NO_RESPONSE: HangupCause.UNREACHABLE,
    FailureKind.TRANSPORT: HangupCause.UNREACHABLE,
    FailureKind.MEDIA: HangupCause.NETWORK_ERROR,
    FailureKind.CAPACITY: HangupCause.NETWORK_ERROR,
}

# The Q.850 cause of each of them.
Q850_OF_KINDS: Final = {
    FailureKind.NO_RESPONSE: 102,
    FailureKind.TRANSPORT: 38,
    FailureKind.MEDIA: 65,
    FailureKind.CAPACITY: 34,
}
Q850_OF_LOST_DIALOG: Final = 41


def q850_reason(cause: int) -> str:
    """The value of Reason (RFC 3326) for a Q.850 cause, with the text of its registry where it has one."""
    text = Q850_TEXTS.get(cause)
    return f"Q.850;cause={cause}" if text is None else f'Q.850;cause={cause};text="{text}"'


_REASONS: Final = {cause: q850_reason(clearing.q850) for cause, clearing in CLEARINGS.items()}


# What A, where it has called us, gets in place of a final response of B's that says nothing A could act on.
UNTOLD_STATUSES: Final = {
    401: 503,  # it is our credentials that were refused
    407: 503,
    420: 502,  # about extensions, which each leg has of its own
    421: 502,
    422: 502,
    423: 502,  # these are worth nothing without headers that are about B's leg
    494: 502,
}
REDIRECTED: Final = 480  # a 3xx that is not followed: where it points is not A's to know

# What A then gets where B gave no final response, or one that cannot be used: RFC 3261 8.1.3.1 takes a timeout for
# 408 and a broken transport for 503; a 200 with an SDP that cannot be used is a bad gateway's.
FINALS_OF_KINDS: Final = {
    FailureKind.NO_RESPONSE: FinalResponse(408, q850_reason(Q850_OF_KINDS[FailureKind.NO_RESPONSE])),
    FailureKind.TRANSPORT: FinalResponse(503, q850_reason(Q850_OF_KINDS[FailureKind.TRANSPORT])),
    FailureKind.MEDIA: FinalResponse(502, q850_reason(Q850_OF_KINDS[FailureKind.MEDIA])),
    FailureKind.CAPACITY: FinalResponse(503, q850_reason(Q850_OF_KINDS[FailureKind.CAPACITY])),
}

COMPLETED_ELSEWHERE: Final = 'SIP;cause=200;text="Call completed elsewhere"'
"""The Reason of a CANCEL to a phone that has missed no call: another place has answered (RFC 3326)."""

# The Reason of the CANCEL or BYE that the user agent sends by itself, by what made it: nothing came in time, the
# network did not deliver, who rang hung up, or another place had answered before.
ENDING_REASONS: Final = {
    "no_answer": q850_reason(102),
    "timeout": q850_reason(102),
    "no_ack": q850_reason(102),
    "expired": q850_reason(102),
    "transport": q850_reason(38),
    "left": q850_reason(16),
    "elsewhere": q850_reason(26),
}

# What A hears of B's failure.
TONES: Final = {
    HangupCause.B_BUSY: Tone.BUSY,
    HangupCause.B_REJECTED: Tone.BUSY,
    HangupCause.B_NO_ANSWER: Tone.CONGESTION,
    HangupCause.B_UNREACHABLE: Tone.UNREACHABLE,
}


def _of_leg(leg: Leg, cause_of_a: HangupCause) -> HangupCause:
    return cause_of_a if leg is Leg.A else CAUSES_OF_B[cause_of_a]


def cause_of_status(leg: Leg, sip_status: int, rang: bool) -> HangupCause:
    """The cause of a final response of 300-699 from a leg. `rang`: a 18x came before it."""
    if sip_status == 408 and rang:
        return _of_leg(leg, HangupCause.NO_ANSWER)
    return _of_leg(leg, STATUSES.get(sip_status, UNLISTED_STATUS)[1])


def cause_of_failure(leg: Leg, kind: FailureKind, sip_status: int | None, rang: bool) -> HangupCause:
    """The cause of a leg that could not be connected, whatever the kind of its failure."""
    if kind is FailureKind.RESPONSE:
        return cause_of_status(leg, sip_status or 0, rang)
    return _of_leg(leg, KINDS[kind])


def final_for_caller(kind: FailureKind, sip_status: int | None, reason: str | None) -> FinalResponse:
    """What A gets where it has called us and B cannot be reached: B's own status and Reason, where they concern A."""
    if kind is not FailureKind.RESPONSE or sip_status is None:
        return FINALS_OF_KINDS.get(kind, FINALS_OF_KINDS[FailureKind.TRANSPORT])
    if sip_status in UNTOLD_STATUSES:
        return FinalResponse(UNTOLD_STATUSES[sip_status], None)
    return FinalResponse(REDIRECTED if sip_status < 400 else sip_status, reason)


def q850_of_status(sip_status: int) -> int:
    """The Q.850 cause that says what a final response of 300-699 says."""
    return STATUSES.get(sip_status, UNLISTED_STATUS)[0]


def q850_of_failure(cause: HangupCause, kind: FailureKind, sip_status: int | None) -> int | None:
    """What A, which has answered, is told of B's failure where its cause says less than is known: B was not found, was
    away, could not be asked. None: what the cause says."""
    if cause is not HangupCause.B_UNREACHABLE:
        return None
    if kind is FailureKind.RESPONSE:
        return q850_of_status(sip_status or 0)
    return Q850_OF_KINDS[kind]


def reason_header(cause: HangupCause) -> str:
    """The value of Reason (RFC 3326) for our BYE or CANCEL; it says nothing that only the other party could know."""
    return _REASONS[cause]

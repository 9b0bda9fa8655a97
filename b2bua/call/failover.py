"""What a leg's failure says: of the callee, and then nobody else need be asked, or of the way there alone."""

from enum import StrEnum
from typing import Final

from b2bua.call.events import FailureKind


class Onward(StrEnum):
    """Where a leg goes on after a failure."""

    NOWHERE = "nowhere"  # the callee, or we ourselves, have answered
    NEXT = "next"  # the trunk's next destination (RFC 3263 4.3), then the next trunk
    NEXT_TRUNK = "next_trunk"  # what failed is ours with this trunk, at every destination of it


# Final responses that speak of the way and not of the callee, beside all of 500-599.
ONWARD_STATUSES: Final = {
    401: Onward.NEXT_TRUNK,  # our credentials are refused: those for another trunk are others
    402: Onward.NEXT_TRUNK,  # our account with this carrier is used up
    407: Onward.NEXT_TRUNK,
    408: Onward.NEXT,  # something behind the trunk did not answer (a callee's own 408 comes after its 18x)
    430: Onward.NEXT,  # the flow to the next element is broken (RFC 5626)
}

ONWARD_KINDS: Final = {
    FailureKind.NO_RESPONSE: Onward.NEXT,
    FailureKind.TRANSPORT: Onward.NEXT,
    FailureKind.MEDIA: Onward.NOWHERE,  # it has answered
    FailureKind.CAPACITY: Onward.NOWHERE,  # ours: another trunk gives us no more ports
}


def onward(kind: FailureKind, sip_status: int | None, rang: bool) -> Onward:
    """Where to go on after a failure. `rang`: a 18x came before, so that the callee has been found and nobody else is
    asked."""
    if rang:
        return Onward.NOWHERE
    if kind is not FailureKind.RESPONSE or sip_status is None:
        return ONWARD_KINDS.get(kind, Onward.NOWHERE)
    if 500 <= sip_status <= 599:
        return Onward.NEXT
    return ONWARD_STATUSES.get(sip_status, Onward.NOWHERE)

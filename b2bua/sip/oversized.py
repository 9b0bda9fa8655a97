"""The INVITEs of a call that we make, each sent the way that its size asks for (RFC 3261 section 18.1.1)."""

from typing import Final

from b2bua.sip.events import InviteMoved
from b2bua.sip.reliable_receipt import announced
from b2bua.sip.routing import LocalAddress, TransportAddress
from b2bua.sip.sent_request import SentRequest
from b2bua.sip.settings import OutgoingInvite
from b2bua.sip.station import Station
from b2bua.sip.usage import Errand, OutgoingSetup, Usage

OVERSIZED_OCTETS: Final = 1300
"""The most that goes over UDP where TCP can be had."""


def setup_lines(station: Station, plan: OutgoingInvite, local: LocalAddress) -> str:
    """The common lines of an INVITE that leaves from `local`: its Contact is there."""
    options, require_line = announced(plan)
    return station.common_lines(local, *options) + require_line


def send_setup(
    station: Station, usage: Usage, plan: OutgoingInvite, request: SentRequest, errand: Errand, now: float
) -> None:
    """Send an INVITE: by TCP where it is over 1300 octets, the peer has TCP and we have a listener of that kind. The
    first makes the usage's setup, any other takes the place of the one before."""
    sent = _sized(station, plan, request)
    usage.setup = OutgoingSetup(plan, sent, station.send_request(sent, errand, now))
    if sent is not request:
        station.tell(InviteMoved(usage.number, sent.destination))
    elif not sent.destination.reliable and len(usage.setup.transaction.last_sent) > OVERSIZED_OCTETS:
        station.counters["oversized INVITEs"] += 1


def _sized(station: Station, plan: OutgoingInvite, request: SentRequest) -> SentRequest:
    large = plan.large_destination
    local = None if large is None else station.local_for(large)
    if large is None or local is None or request.destination.reliable:
        return request
    if len(request.render()) <= OVERSIZED_OCTETS:
        return request
    return _moved(station, plan, request, large, local)


def by_udp_after_all(station: Station, setup: OutgoingSetup) -> SentRequest | None:
    """The INVITE that went by TCP for its size alone, as it goes by UDP; None for any other. It has reached nobody yet,
    so that all but its branch, and where it comes from, is as it was."""
    plan = setup.plan
    local = station.local_for(plan.destination)
    if local is None or setup.sent.destination == plan.destination:
        return None
    moved = _moved(station, plan, setup.sent, plan.destination, local)
    return moved._replace(branch=station.new_branch())


def _moved(
    station: Station, plan: OutgoingInvite, request: SentRequest, destination: TransportAddress, local: LocalAddress
) -> SentRequest:
    return request._replace(destination=destination, local=local, common_lines=setup_lines(station, plan, local))

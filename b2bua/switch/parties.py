"""Who is to be called, and by which trunks, showing which numbers."""

from collections.abc import Collection
from typing import Final

from b2bua.call.errors import CapacityExhausted, InvalidParties
from b2bua.call.masking import COUNTRY_CODE, Party, parse_party, same_party
from b2bua.call.model import PlaceCall
from b2bua.config.sections import WebrtcSection
from b2bua.switch.trunk import Trunk
from b2bua.switch.trunks import Trunks

RETRY_AFTER_S: Final = 5
RETRY_AFTER_RATE_S: Final = 1  # by then the calls that wait for their turn have had it


def parties_of(command: PlaceCall, trunks: Trunks, *, sip_allowed: bool) -> tuple[Party, Party]:
    """The two parties of a command. Raises `InvalidParties`."""
    agents = trunks.agents is not None
    parsed: list[Party] = []
    for name, text in (("party_a", command.party_a), ("party_b", command.party_b)):
        party = parse_party(text, sip_allowed=sip_allowed, agents_allowed=agents)
        if party is None:
            raise InvalidParties("Not a valid Indian mobile number.", name)
        if party.is_number and _is_declared(party, trunks):
            # It would come back to us, and from number to number for ever where such calls are chained.
            raise InvalidParties("A masked number cannot be a party.", name)
        if party.host is not None and trunks.at(party.host, party.port) is None:
            raise InvalidParties("No trunk has this host and port.", name)
        parsed.append(party)
    if same_party(parsed[0], parsed[1]) or _same_user_of_a_trunk(parsed[0], parsed[1], trunks):
        raise InvalidParties("The two parties must be different.", "party_b")
    return parsed[0], parsed[1]


def _is_declared(party: Party, trunks: Trunks) -> bool:
    number = COUNTRY_CODE + party.user
    return any(number in trunk.config.numbers for trunk in trunks)


def _same_user_of_a_trunk(one: Party, other: Party, trunks: Trunks) -> bool:
    """Whether two `sip:` parties are one, the port that the trunk's URI leaves out being written in one alone."""
    if one.host is None or other.host is None or one.user != other.user:
        return False
    return trunks.at(one.host, one.port) is trunks.at(other.host, other.port)


def free_legs(webrtc: WebrtcSection, *parties: Party) -> int:
    """How many of these parties' legs cost nothing."""
    return sum(party.agent for party in parties) if webrtc.free_agent_legs else 0


def route(
    party_a: Party, party_b: Party, trunks: Trunks, now: float, own: Collection[str] = ()
) -> tuple[Trunk, Trunk, list[tuple[str, str]]]:
    """A trunk for each leg and the numbers that may be shown on both, in declared order, each with its trunk.

    A trunk that declares none shows those of the other; two agents are shown any. `own`: numbers of which a trunk has
    to have one, where it is to be chosen. Raises `CapacityExhausted`.
    """
    trunk_a = _trunk_of(party_a, trunks, now, legs=2 if party_b.is_number and not party_a.agent else 1, own=own)
    trunk_b = trunk_a if party_a.is_number and party_b.is_number else _trunk_of(party_b, trunks, now, legs=1, own=own)
    if party_a.agent and party_b.agent:
        candidates = [(trunk.name, number) for trunk in trunks for number in trunk.config.numbers]
    else:
        shown_by_a, shown_by_b = trunk_a.config.numbers, trunk_b.config.numbers
        showing = trunk_a if shown_by_a else trunk_b
        both = [each for each in showing.config.numbers if each in shown_by_b or not shown_by_b]
        candidates = [(trunk_b.name if party_a.agent else trunk_a.name, number) for number in both]
    if not candidates:
        raise CapacityExhausted("No masked number is free.", RETRY_AFTER_S)
    return trunk_a, trunk_b, candidates


def _trunk_of(party: Party, trunks: Trunks, now: float, legs: int, own: Collection[str]) -> Trunk:
    if party.agent and trunks.agents is not None:
        return trunks.agents
    if party.host is None:
        trunk = trunks.choose(legs, own=own)
        if trunk is None and trunks.too_fast(legs):
            raise CapacityExhausted("Calls come faster than the trunks may take them.", RETRY_AFTER_RATE_S)
        if trunk is None:
            raise CapacityExhausted("No trunk is up and has room.", RETRY_AFTER_S)
        return trunk
    named = trunks.at(party.host, party.port)
    if named is not None and named.usable(now) and not named.is_full(legs) and not named.rate.has_room(now):
        raise CapacityExhausted("Calls come faster than the trunk of a party may take them.", RETRY_AFTER_RATE_S)
    if named is None or not named.usable(now) or named.is_full(legs):
        raise CapacityExhausted("The trunk of a party is down or full.", RETRY_AFTER_S)
    return named

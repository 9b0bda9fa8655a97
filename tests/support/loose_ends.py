"""What of the calls on a network has no end, read from nothing but its messages."""

from contextlib import suppress

from b2bua.sip.errors import MalformedMessage
from b2bua.sip.message import Request, Response
from b2bua.sip.parser import parse_message
from tests.support.lossy_network import LossyNetwork


def loose_ends(network: LossyNetwork) -> list[str]:
    """Each INVITE that was responded to and has no final response, each final response without its ACK, each dialog
    that a 2xx began and no BYE of either side ended."""
    messages = _messages(network)
    requests = [each for each in messages if isinstance(each, Request)]
    acknowledged = {(each.call_id, each.cseq.number, each.to_tag) for each in requests if each.method == "ACK"}
    ended = {(each.call_id, _tags(each)) for each in requests if each.method == "BYE"}
    responded: dict[tuple[str, int], list[Response]] = {}
    for message in messages:
        if isinstance(message, Response) and message.cseq.method == "INVITE":
            responded.setdefault((message.call_id, message.cseq.number), []).append(message)
    found: list[str] = []
    for (call_id, number), responses in responded.items():
        finals = [each for each in responses if each.status >= 200]
        found += [] if finals else [f"{call_id} {number}: no final response"]
        for final in finals:
            if (call_id, number, final.to_tag) not in acknowledged:
                found.append(f"{call_id} {number}: no ACK of the {final.status} of {final.to_tag}")
            if final.status < 300 and (call_id, _tags(final)) not in ended:
                found.append(f"{call_id} {number}: no BYE with {final.to_tag}")
    return found


def _messages(network: LossyNetwork) -> list[Request | Response]:
    found: list[Request | Response] = []
    for carried in network.carried:
        with suppress(MalformedMessage):
            found.append(parse_message(carried.content))
    return found


def _tags(message: Request | Response) -> frozenset[str | None]:
    return frozenset((message.from_tag, message.to_tag))

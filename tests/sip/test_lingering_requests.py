"""A request that only waits to be compared with what comes again keeps its text alone."""

from b2bua.sip.message import Headers, Request
from b2bua.sip.parser import parse_message

BYE = (
    b"BYE sip:192.0.2.1 SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\nX-Own: a\r\nx-own: b\r\n"
    b"FROM: <sip:a@h>;tag=1\r\nto: <sip:b@h>;tag=2\r\nCall-ID: c\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n"
)


def test_what_is_forgotten_of_a_message_can_be_read_again() -> None:
    message = parse_message(BYE)
    assert isinstance(message, Request)
    before = message.via, message.from_, message.cseq
    message.headers.forget_meaning()
    assert message.headers._typed == {}
    assert message.headers._index is None
    assert (message.via, message.from_, message.cseq) == before
    assert message.headers.get_fields("X-OWN") == ["a", "b"]


def test_the_index_a_parser_makes_is_the_one_that_is_made_of_the_fields() -> None:
    headers = parse_message(BYE).headers
    given = headers._index
    assert given is not None
    again = Headers.trusted(list(headers))
    assert again.get("Via") == headers.get("Via")
    assert again._index == given

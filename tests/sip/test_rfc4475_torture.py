"""RFC 4475: every torture message, with the outcome its section gives. Test names carry the section."""

from __future__ import annotations

import pytest

from b2bua.sip.errors import MalformedMessage
from b2bua.sip.framing import StreamFramer
from b2bua.sip.headers import AuthValue, NameAddr, RetryAfter
from b2bua.sip.message import Request, Response, build_response
from b2bua.sip.parser import parse_message, validate_request, validate_response
from b2bua.sip.screening import Rejection, screen_request
from tests.support.sip_corpus import torture_message, torture_names, touch_everything

SERVED = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK")

VALID_REQUESTS = (
    *(
        "wsinv",
        "intmeth",
        "esc01",
        "escnull",
        "esc02",
        "lwsdisp",
        "longreq",
        "dblreq",
        "semiuri",
        "transports",
        "mpart01",
    ),
    *("badbranch", "unkscm", "novelsc", "unksm2", "bext01", "invut", "regaut01", "zeromf", "cparam01", "cparam02"),
    *("regescrt", "sdp01", "inv2543", "baddate"),
)
REFUSED_REQUESTS = {
    "badinv01": 400,
    "clerr": 400,
    "ncl": 400,
    "scalar02": 400,
    "quotbal": 400,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "trws": 400,
    "escruri": 400,
    "regbadct": 400,
    "badaspec": 400,
    "baddn": 400,
    "badvers": 505,
    "mismatch01": 400,
    "mismatch02": 501,
    "insuf": 400,
    "multi01": 400,
    "mcl01": 400,
}
VALID_RESPONSES = ("unreason", "noreason")
DROPPED_RESPONSES = ("scalarlg", "bigcode", "bcast")


def request(name: str) -> Request:
    """A message of the corpus that is a well-formed request."""
    message = parse_message(torture_message("rfc4475", name))
    assert isinstance(message, Request)
    validate_request(message)
    return message


def response(name: str) -> Response:
    """A message of the corpus that is a well-formed response."""
    message = parse_message(torture_message("rfc4475", name))
    assert isinstance(message, Response)
    validate_response(message)
    return message


def refusal(name: str) -> MalformedMessage:
    """What the parser or the check of mandatory headers says of a broken one."""
    with pytest.raises(MalformedMessage) as caught:
        request(name)
    return caught.value


def screened(name: str) -> Rejection | None:
    """The judgement of a user agent server on a well-formed request."""
    return screen_request(request(name), served_methods=SERVED)


def test_every_message_of_the_archive_is_classified() -> None:
    classified = {*VALID_REQUESTS, *REFUSED_REQUESTS, *VALID_RESPONSES, *DROPPED_RESPONSES}
    assert sorted(classified) == torture_names("rfc4475")
    assert len(classified) == 49


@pytest.mark.parametrize("name", VALID_REQUESTS)
def test_valid_request_is_accepted_and_round_trips(name: str) -> None:
    message = request(name)
    assert touch_everything(message) == 0
    again = parse_message(message.render())
    assert isinstance(again, Request)
    assert again.body == message.body
    assert [field for field in again.headers if field[0] != "Content-Length"] == [
        field for field in message.headers if field[0] != "Content-Length"
    ]


@pytest.mark.parametrize("name", VALID_RESPONSES)
def test_valid_response_is_accepted_and_round_trips(name: str) -> None:
    message = response(name)
    assert touch_everything(message) == 0
    assert parse_message(message.render()).body == message.body


@pytest.mark.parametrize(("name", "status"), REFUSED_REQUESTS.items())
def test_invalid_request_is_answered_with_its_status(name: str, status: int) -> None:
    error = refusal(name)
    assert error.status == status
    assert error.answerable
    assert error.request is not None
    answer = build_response(error.request, error.status, error.reason, to_tag="t1")
    rendered = answer.render()
    assert rendered.startswith(f"SIP/2.0 {status} ".encode())
    for header in ("Via", "From", "Call-ID", "CSeq"):
        assert answer.headers.get_fields(header) == error.request.headers.get_fields(header)


@pytest.mark.parametrize("name", DROPPED_RESPONSES)
def test_invalid_response_is_dropped(name: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        response(name)
    assert not caught.value.answerable


def test_s3_1_1_1_short_tortuous_invite() -> None:
    message = request("wsinv")
    assert message.uri.user == "vivekg"
    assert message.uri.has_param("unknownparam")
    assert message.uri.param("unknownparam") == ""
    assert str(message.to.uri) == "sip:vivekg@chair-dnrc.example.com"
    assert message.to_tag == "1918181833n"
    assert message.from_.display == 'J Rosenberg \\"'
    assert message.from_tag == "98asjd8"
    assert message.max_forwards == 68
    assert message.call_id == "wsinv.ndaksdj@192.0.2.1"
    assert (message.cseq.number, message.cseq.method) == (9, "INVITE")
    assert [(via.transport, via.host, via.branch) for via in message.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert not message.via.has_transaction_id
    assert message.headers.get("Subject") == ""
    assert message.headers.get("newfangledheader") == "newfangled value continued newfangled value"
    assert message.headers.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert message.content_type is not None
    assert message.content_type.essence == "application/sdp"
    assert [str(route.uri) for route in message.routes] == [
        "sip:services.example.com;lr;unknownwith=value;unknown-no-value"
    ]
    assert message.routes[0].uri.is_loose_router
    contact = message.contact
    assert contact is not None
    assert contact.display == 'Quoted string ""'
    assert [contact.param(name) for name in ("newparam", "secondparam", "q")] == ["newvalue", "", "0.33"]
    assert len(message.body) == 150


def test_s3_1_1_2_wide_range_of_valid_characters() -> None:
    message = request("intmeth")
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.uri.host == "example.com"
    assert message.via.branch == "z9hG4bK-.!%66*_+`'~"
    # A NUL never leaves the parser; the field itself keeps its octets.
    assert message.to.display == "BEL:\x07 NUL:\ufffd DEL:\x7f"
    assert "\\\x00" in (message.headers.get("To") or "")
    assert message.to.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.from_.display == "token1~` token2'+_ token3*%!.-"
    assert message.from_.param("fromparam''~+*_!.-%") == "\u0440\u0430\u0431\u043e\u0442\u0430\u044e\u0449\u0438\u0439"
    assert message.from_tag == "_token~1'+`*%!-."
    assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert message.cseq.method == message.method
    assert message.headers.get("extensionHeader-!.%*+_`'~") == "\ufeff\u5927\u505c\u96fb"
    rejection = screened("intmeth")
    assert rejection is not None
    assert rejection.status == 501
    assert rejection.headers == (("Allow", ", ".join(SERVED)),)


def test_s3_1_1_3_escapes() -> None:
    message = request("esc01")
    assert message.uri.decoded_user == "sips:user@example.com"
    assert message.uri.host == "example.net"
    assert message.to.uri.decoded_user == "user"
    assert message.to.uri.equivalent(NameAddr.parse("sip:user@example.com").uri)
    assert message.from_.uri.decoded_user == "I have spaces"
    assert message.contact is not None
    contact = message.contact.uri
    assert contact.decoded_user == "caller"
    assert contact.is_loose_router
    assert contact.param("name") == "value%41"
    assert not contact.equivalent(NameAddr.parse("<sip:caller@host5.example.net;lr;name=valueA>").uri)
    assert contact.equivalent(NameAddr.parse("<sip:caller@host5.example.net;lr;name=value%25%34%31>").uri)


def test_s3_1_1_4_escaped_nulls() -> None:
    message = request("escnull")
    assert message.to.uri.decoded_user == "null-\x00-null"
    first, second = (contact.uri for contact in message.contacts)
    assert (first.decoded_user, second.decoded_user) == ("\x00", "\x00\x00")
    assert not first.equivalent(second)
    assert str(first) == "sip:%00@host5.example.com"


def test_s3_1_1_5_percent_that_is_no_escape() -> None:
    message = request("esc02")
    assert message.method == "RE%47IST%45R"
    assert message.to.display == message.from_.display == "%Z%45"
    assert [contact.uri.user for contact in message.contacts] == ["alias1", "alias3"]
    assert message.headers.get("C%6Fntact") == "<sip:alias2@host2.example.com>"
    rejection = screened("esc02")
    assert rejection is not None
    assert rejection.status == 501


def test_s3_1_1_6_no_space_before_the_bracket() -> None:
    assert request("lwsdisp").from_.display == "caller"
    assert screened("lwsdisp") is None


def test_s3_1_1_7_long_values() -> None:
    message = request("longreq")
    assert message.to.display == f"I have a user name of {'extreme' * 10} proportion"
    assert message.to.uri.port == 6000
    assert message.to.uri.param("longparam" + "name" * 25) == "shortvalue"
    assert message.to.uri.param("very" + "long" * 25 + "parameternamewithnovalue") == ""
    assert message.from_.uri.user == "amazinglylongcallername" * 5
    assert message.from_tag == "12" + "982" * 50 + "424"
    assert message.call_id == "longreq.one" + "really" * 20 + "longcallid"
    assert len(message.vias) == 34
    assert message.via.host == "sip33.example.com"
    assert message.vias[-1].branch == "very" + "long" * 50 + "branchvalue"
    assert message.vias[-1].received == "192.0.2.5"


def test_s3_1_1_8_octets_behind_a_datagram() -> None:
    message = request("dblreq")
    assert message.method == "REGISTER"
    assert message.body == b""
    assert b"INVITE" not in message.render()


def test_s3_1_1_8_on_a_stream_they_are_the_next_message() -> None:
    first, second, *_ = StreamFramer().feed(torture_message("rfc4475", "dblreq"))
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    assert (first.method, second.method) == ("REGISTER", "INVITE")
    assert len(second.body) == 150


def test_s3_1_1_9_semicolons_in_the_user_part() -> None:
    message = request("semiuri")
    assert message.uri.decoded_user == "user;par=u@example.net"
    assert message.uri.params == ()
    assert [str(value) for value in message.headers.get_all("Accept")] == [
        *("application/sdp", "application/pkcs7-mime", "multipart/mixed", "multipart/signed"),
        *("message/sip", "message/sipfrag"),
    ]


def test_s3_1_1_10_unknown_transports() -> None:
    message = request("transports")
    assert [via.transport for via in message.vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def test_s3_1_1_11_binary_multipart() -> None:
    message = request("mpart01")
    assert len(message.body) == 553
    assert message.body.startswith(b"--7a9cbec02ceef655\r\n")
    assert b"\x00" in message.body
    assert message.content_type is not None
    assert message.content_type.param("boundary") == "7a9cbec02ceef655"
    assert message.via.wants_rport
    assert message.via.rport is None


def test_s3_1_1_12_unusual_reason_phrase() -> None:
    message = parse_message(torture_message("rfc4475", "unreason"))
    assert isinstance(message, Response)
    assert message.status == 200
    assert message.reason == (
        "= 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e \u0434\u0435\u0432\u044f\u043d\u043e\u0441\u0442\u043e "
        "\u0434\u0435\u0432\u044f\u0442\u044c - \u043f\u0440\u043e\u0441\u0442\u043e\u0435"
    )


def test_s3_1_1_13_empty_reason_phrase() -> None:
    message = parse_message(torture_message("rfc4475", "noreason"))
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (100, "")
    assert message.render().startswith(b"SIP/2.0 100 \r\n")


def test_s3_1_1_13_without_the_space_too() -> None:
    octets = torture_message("rfc4475", "noreason").replace(b"100 \r\n", b"100\r\n", 1)
    message = parse_message(octets)
    assert isinstance(message, Response)
    assert message.reason == ""


@pytest.mark.parametrize("name", ["clerr", "ncl", "mcl01"])
def test_s3_1_2_2_framing_errors_on_a_stream(name: str) -> None:
    framer = StreamFramer()
    messages = framer.feed(torture_message("rfc4475", name))
    if name == "clerr":
        assert messages == []
        assert not framer.broken
        assert not framer.idle
    else:
        assert framer.broken
        assert [type(message) for message in messages] == [MalformedMessage]


def test_s3_1_2_3_content_length_that_is_no_number() -> None:
    octets = torture_message("rfc4475", "ncl").replace(b"-999", b"five")
    with pytest.raises(MalformedMessage, match="Content-Length"):
        parse_message(octets)


def test_s3_1_2_4_overlarge_scalars_are_judged_one_by_one() -> None:
    octets = torture_message("rfc4475", "scalar02").replace(b"36893488147419103232", b"4294967295")
    message = parse_message(octets)
    assert isinstance(message, Request)
    validate_request(message)
    assert message.max_forwards is None
    assert message.expires is None


def test_s3_1_2_5_overlarge_scalars_of_a_response() -> None:
    octets = torture_message("rfc4475", "scalarlg").replace(b"9292394834772304023312", b"9")
    message = parse_message(octets)
    assert isinstance(message, Response)
    validate_response(message)
    assert RetryAfter.parse(message.headers.get("Retry-After") or "").seconds == 2**32 - 1


@pytest.mark.parametrize("cut", [b"\r\n", b""])
def test_s3_1_2_15_commas_in_a_bare_display_name(cut: bytes) -> None:
    # The archive's message lacks the empty line; with it the display name alone is at fault.
    message = parse_message(torture_message("rfc4475", "baddn") + b"\r\n")
    assert isinstance(message, Request)
    with pytest.raises(MalformedMessage) as caught:
        validate_request(message)
    assert caught.value.status == 400
    with pytest.raises(MalformedMessage, match="No end"):
        parse_message(torture_message("rfc4475", "baddn").removesuffix(b"\r\n") + cut)


def test_s3_2_1_branch_without_an_identifier() -> None:
    message = request("badbranch")
    assert message.via.branch == "z9hG4bK"
    assert not message.via.has_transaction_id


@pytest.mark.parametrize("name", ["unkscm", "novelsc"])
def test_s3_3_2_unknown_scheme_of_the_request_uri(name: str) -> None:
    rejection = screened(name)
    assert rejection is not None
    assert rejection.status == 416
    assert not request(name).uri.is_sip


def test_s3_3_4_unknown_schemes_in_headers() -> None:
    message = request("unksm2")
    assert str(message.to.uri) == "isbn:2983792873"
    assert str(message.from_.uri) == "http://www.example.com"
    assert message.contact is not None
    assert (message.contact.uri.scheme, message.contact.uri.opaque) == ("name", "John_Smith")


def test_s3_3_5_require() -> None:
    rejection = screened("bext01")
    assert rejection is not None
    assert rejection.status == 420
    assert rejection.headers == (("Unsupported", "nothingSupportsThis, nothingSupportsThisEither"),)
    assert request("bext01").proxy_require == ("noProxiesSupportThis", "norDoAnyProxiesSupportThis")


def test_s3_3_6_unknown_content_type() -> None:
    rejection = screened("invut")
    assert rejection is not None
    assert rejection.status == 415
    assert rejection.headers == (("Accept", "application/sdp"),)


def test_s3_3_7_unknown_authorization_scheme() -> None:
    value = AuthValue.parse(request("regaut01").headers.get("Authorization") or "")
    assert (value.scheme, value.param("opaque-data"), value.is_digest) == ("NoOneKnowsThisScheme", "here", False)
    rejection = screened("regaut01")
    assert rejection is not None
    assert rejection.status == 405


def test_s3_3_11_max_forwards_zero_is_served() -> None:
    assert request("zeromf").max_forwards == 0
    assert screened("zeromf") is None


def test_s3_3_12_parameter_without_brackets_is_the_header_s() -> None:
    contact = request("cparam01").contact
    assert contact is not None
    assert contact.param("unknownparam") == ""
    assert contact.uri.params == ()


def test_s3_3_13_parameter_within_brackets_is_the_uri_s() -> None:
    contact = request("cparam02").contact
    assert contact is not None
    assert contact.params == ()
    assert contact.uri.param("unknownparam") == ""


def test_s3_3_14_escaped_header_in_a_contact() -> None:
    contact = request("regescrt").contact
    assert contact is not None
    assert contact.uri.headers == (("Route", "%3Csip:sip.example.com%3E"),)
    assert str(contact.uri) == "sip:user@example.com?Route=%3Csip:sip.example.com%3E"


def test_s3_3_15_unacceptable_accept() -> None:
    rejection = screened("sdp01")
    assert rejection is not None
    assert rejection.status == 406
    assert rejection.headers[0][0] == "Warning"
    assert rejection.headers[0][1].startswith("399 ")


def test_s3_4_1_rfc_2543_syntax() -> None:
    message = request("inv2543")
    assert message.via.branch is None
    assert message.from_tag is None
    assert message.max_forwards is None
    assert message.to.param("user") == "phone"
    assert message.from_.uri.param("user") == "phone"
    assert message.body.startswith(b"v=0\r\n")
    assert message.body.endswith(b"RTP/AVP 0\r\n")
    assert screened("inv2543") is None

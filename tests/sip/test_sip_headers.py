"""Typed header values: what peers write, what it means, and what can never be written by us."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.errors import MalformedHeader, MalformedUri, SipError
from b2bua.sip.grammar import (
    MAX_PARAMETERS,
    quote,
    split_commas,
    unquote,
    without_empty_parameters,
)
from b2bua.sip.headers import (
    AuthValue,
    CSeq,
    MediaType,
    NameAddr,
    RAck,
    RetryAfter,
    ValueWithParams,
    Via,
    parse_call_id,
    parse_seconds,
    parse_tokens,
)
from b2bua.sip.uri import Uri


@pytest.mark.parametrize(
    ("text", "display", "uri", "params"),
    [
        ("<sip:a@h>", None, "sip:a@h", ()),
        ("sip:a@h", None, "sip:a@h", ()),
        ("sip:a@h;tag=1;x", None, "sip:a@h", (("tag", "1"), ("x", None))),
        ("<sip:a@h;lr;x=1>;tag=2", None, "sip:a@h;lr;x=1", (("tag", "2"),)),
        ('"A. \\"B\\", <c>;" <sip:a@h>', 'A. "B", <c>;', "sip:a@h", ()),
        ("A B\t C<sip:a@h>", "A B\t C", "sip:a@h", ()),
        ('""<sip:a@h>', "", "sip:a@h", ()),
        ("\u0905\u0928 <sip:a@h> \t; tag = x ", "\u0905\u0928", "sip:a@h", (("tag", "x"),)),
        ("J (Bob) @ Home <sip:a@h>", "J (Bob) @ Home", "sip:a@h", ()),
        ("tel:+91;tag=1", None, "tel:+91", (("tag", "1"),)),
        ("<tel:+91;phone-context=x>;tag=1", None, "tel:+91;phone-context=x", (("tag", "1"),)),
        ("sip:a@h ; q = 0.5", None, "sip:a@h", (("q", "0.5"),)),
        ('sip:a@h;x="<y>;,\\""', None, "sip:a@h", (("x", '"<y>;,\\""'),)),
        ('<sip:a@h>;+sip.instance="<urn:uuid:1>"', None, "sip:a@h", (("+sip.instance", '"<urn:uuid:1>"'),)),
        ("<sip:a@h>;received=2001:db8::1;a=[::1]", None, "sip:a@h", (("received", "2001:db8::1"), ("a", "[::1]"))),
    ],
)
def test_name_addr(text: str, display: str | None, uri: str, params: tuple[tuple[str, str | None], ...]) -> None:
    value = NameAddr.parse(text)
    assert (value.display, str(value.uri), value.params) == (display, uri, params)
    again = NameAddr.parse(str(value))
    assert (again.uri, again.params) == (value.uri, value.params)
    assert again.display == (value.display or None)


@pytest.mark.parametrize(
    "text",
    [
        *("", "<>", "<sip:a@h", "sip:a@h>", '"A <sip:a@h>', '"A" sip:a@h', '"A"', "A, B <sip:a@h>", "A;b <sip:a@h>"),
        *("<sip:a@h>x", "<sip:a@h>;", "<sip:a@h>;;x", "<sip:a@h>;x=", "<sip:a@h>;=1", "<sip:a@h>;x y", "sip:a@h?x=1"),
        *("< sip:a@h>", "<sip:a@h >", "sip:a@h,b", '"\\" <sip:a@h>', "<sip:a@h>;x=<y>", "sip:a@h <sip:b@h>"),
    ],
)
def test_malformed_name_addr(text: str) -> None:
    with pytest.raises((MalformedHeader, MalformedUri)):
        NameAddr.parse(text)


@pytest.mark.parametrize(
    ("text", "tidy"),
    [
        ("<sip:a@h>;", "<sip:a@h>"),
        ("<sip:a@h>;;x=1; ;\t;y ; ", "<sip:a@h>;x=1 \t;y"),
        ("<sip:a@h>;, <sip:b@h>;;q=1", "<sip:a@h>, <sip:b@h>;q=1"),
        ("<sip:a@h;;lr;>;x", "<sip:a@h;;lr;>;x"),
        ('"A;; B;" <sip:a@h>;x=";;\\";,";', '"A;; B;" <sip:a@h>;x=";;\\";,"'),
        ('<sip:a@h>;x=";;', '<sip:a@h>;x=";;'),
        ("<sip:a@h;;", "<sip:a@h;;"),
        (";", ""),
        ("", ""),
    ],
)
def test_semicolons_that_no_parameter_follows(text: str, tidy: str) -> None:
    assert without_empty_parameters(text) == tidy


@given(st.text('a;, \t"<>\\=', max_size=40))
def test_a_value_that_can_be_read_means_the_same_without_empty_parameters(text: str) -> None:
    tidy = without_empty_parameters(text)
    assert without_empty_parameters(tidy) == tidy
    try:
        value = NameAddr.parse(f"<sip:a@h>;x={text}")
    except SipError:
        return
    assert NameAddr.parse(without_empty_parameters(f"<sip:a@h>;x={text}")) == value


def test_tags() -> None:
    value = NameAddr.parse("<sip:a@h>;Tag=1;x=2")
    assert value.tag == "1"
    assert NameAddr.parse("<sip:a@h>").tag is None
    assert NameAddr.parse("<sip:a@h>;tag").tag is None


@pytest.mark.parametrize(
    "value",
    [
        NameAddr(Uri("sip", "a", host="h"), 'x\r\nVia: "'),
        NameAddr(Uri("sip", "a", host="h"), "x\x00"),
        NameAddr(Uri("sip", "a", host="h"), None, (("tag", "1\n"),)),
        NameAddr(Uri("sip", "a\r", host="h")),
        Via("UDP", "h\r\nX: y"),
        Via("UDP", "h", None, (("branch", "\n"),)),
        MediaType("a", "b\r\n"),
        ValueWithParams("SIP", (("text", '"\n"'),)),
    ],
)
def test_nothing_can_be_smuggled_into_a_built_value(value: object) -> None:
    with pytest.raises(SipError):
        str(value)


def test_undecodable_and_nul_octets_do_not_leave_a_display_name() -> None:
    value = NameAddr.parse('"a\udcffb\\\x00" <sip:a@h>')
    assert value.display == "a\ufffdb\ufffd"
    str(value).encode()


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("SIP/2.0/UDP h:5062;branch=z9hG4bKx;rport", "SIP/2.0/UDP h:5062;branch=z9hG4bKx;rport"),
        (" sip / 2.0 / udp \t h : 5062 ; branch = z", "SIP/2.0/UDP h:5062;branch=z"),
        ("SIP/2.0/TLS-SCTP [2001:db8::1]:1", "SIP/2.0/TLS-SCTP [2001:db8::1]:1"),
        ("SIP/3.0/WSS a_b.c-d", "SIP/3.0/WSS a_b.c-d"),
    ],
)
def test_via(text: str, rendered: str) -> None:
    assert str(Via.parse(text)) == rendered


@pytest.mark.parametrize(
    "text",
    [
        *("", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0 UDP h", "SIP/2.0/UDPh", "SIP/2.0/UDP h:70000", "SIP/2.0/UDP h:"),
        *("SIP/2.0/UDP [::1", "SIP/2.0/UDP [x]", "SIP/2.0/UDP h x", "SIP/2.0/UDP h;", "SIP/2.0/UDP 2001:db8::1"),
        *("SIP/2.0/UDP h;a,b", "SIP/2.0/UDP h/i"),
    ],
)
def test_malformed_via(text: str) -> None:
    with pytest.raises(MalformedHeader):
        Via.parse(text)


def test_via_parameters() -> None:
    via = Via.parse("SIP/2.0/UDP h;rport;branch=z9hG4bKa;received=192.0.2.1;maddr=m;ttl=1")
    assert (via.branch, via.received, via.maddr, via.wants_rport, via.rport) == (
        "z9hG4bKa",
        "192.0.2.1",
        "m",
        True,
        None,
    )
    filled = via.with_params(rport="5062", received="192.0.2.9", alias=None)
    assert str(filled) == ("SIP/2.0/UDP h;rport=5062;branch=z9hG4bKa;received=192.0.2.9;maddr=m;ttl=1;alias")
    assert filled.rport == 5062
    assert Via.parse("SIP/2.0/UDP h;rport=99999").rport is None
    assert Via.parse("SIP/2.0/UDP h;rport=-1").rport is None
    assert Via.parse("SIP/2.0/UDP h;branch").branch is None
    assert Via.parse("SIP/2.0/UDP h;branch=Z9HG4BKa").has_transaction_id
    assert not Via.parse("SIP/2.0/UDP h;branch=1").has_transaction_id


def test_too_many_parameters() -> None:
    text = "<sip:a@h>" + ";p" * MAX_PARAMETERS
    assert len(NameAddr.parse(text).params) == MAX_PARAMETERS
    with pytest.raises(MalformedHeader, match="Too many"):
        NameAddr.parse(text + ";p")


@pytest.mark.parametrize(
    ("text", "number", "method"),
    [("1 INVITE", 1, "INVITE"), (" 0009 \t ACK ", 9, "ACK"), ("4294967295 a.b", 2**32 - 1, "a.b"), ("0 x", 0, "x")],
)
def test_cseq(text: str, number: int, method: str) -> None:
    assert CSeq.parse(text) == CSeq(number, method)


@pytest.mark.parametrize(
    "text", ["", "1", "INVITE", "-1 INVITE", "1INVITE", "4294967296 A", "\u0661 INVITE", "1 IN VITE", "9" * 5000 + " A"]
)
def test_malformed_cseq(text: str) -> None:
    with pytest.raises(MalformedHeader):
        CSeq.parse(text)


def test_rack() -> None:
    assert RAck.parse("776656 1 INVITE") == RAck(776656, 1, "INVITE")
    assert str(RAck(1, 2, "INVITE")) == "1 2 INVITE"
    for text in ("", "1 INVITE", "1 2", "4294967296 1 INVITE", "1 x INVITE"):
        with pytest.raises(MalformedHeader):
            RAck.parse(text)


def test_media_type() -> None:
    value = MediaType.parse('Application / SDP ; charset="a b"')
    assert (value.essence, value.param("charset")) == ("application/sdp", "a b")
    assert str(value) == 'application/sdp;charset="a b"'
    for text in ("", "application", "a/b/c", "a/b;", "/b"):
        with pytest.raises(MalformedHeader):
            MediaType.parse(text)


def test_reason() -> None:
    value = ValueWithParams.parse('Q.850 ;cause=16 ;text="Terminated, or so"')
    assert (value.value, value.param("cause"), value.param("text")) == ("Q.850", "16", "Terminated, or so")
    with pytest.raises(MalformedHeader):
        ValueWithParams.parse("a b;c")


@pytest.mark.parametrize(
    ("text", "seconds", "duration"),
    [
        ("18000;duration=3600", 18000, 3600),
        ("120 (I'm in a meeting)", 120, None),
        ("5 (a;duration=9) ;duration=7", 5, 7),
        ("9" * 30, 2**32 - 1, None),
        ("0", 0, None),
    ],
)
def test_retry_after(text: str, seconds: int, duration: int | None) -> None:
    assert RetryAfter.parse(text) == RetryAfter(seconds, duration)


@pytest.mark.parametrize("text", ["", "soon", "-1", "5x"])
def test_malformed_retry_after(text: str) -> None:
    with pytest.raises(MalformedHeader):
        RetryAfter.parse(text)


def test_authentication_values() -> None:
    value = AuthValue.parse('Digest realm="a, \\"b\\"" , nonce=x,\tqop="auth,auth-int",stale=FALSE')
    assert value.params == (("realm", 'a, "b"'), ("nonce", "x"), ("qop", "auth,auth-int"), ("stale", "FALSE"))
    assert AuthValue.parse("Bearer abc.def").params == ()
    both = AuthValue.parse_all(
        'Digest realm="a", nonce="1", Digest realm="a", algorithm=MD5, nonce="2", Basic realm="b"'
    )
    assert [(one.scheme, one.param("realm"), one.param("nonce")) for one in both] == [
        ("Digest", "a", "1"),
        ("Digest", "a", "2"),
        ("Basic", "b", None),
    ]


@pytest.mark.parametrize(
    "text", ["", "Digest realm", 'Digest realm="a', "Digest realm=a nonce=b", "Di,gest a=b", '"a" b=c']
)
def test_malformed_authentication_values(text: str) -> None:
    with pytest.raises(MalformedHeader):
        AuthValue.parse(text)


def test_token_lists_numbers_and_call_ids() -> None:
    assert parse_tokens("100rel,, timer ,") == ("100rel", "timer")
    assert parse_tokens("") == ()
    with pytest.raises(MalformedHeader):
        parse_tokens("a b")
    assert parse_seconds(" 3600 ;refresher=uac") == 3600
    for text in ("", "-1", "1.5", "\u0663", "4294967296"):
        with pytest.raises(MalformedHeader):
            parse_seconds(text)
    assert parse_call_id("a@b") == "a@b"
    for text in ("", "a b", "\udcff", "a\x00"):
        with pytest.raises(MalformedHeader):
            parse_call_id(text)


def test_commas_in_quotes_and_brackets_do_not_separate() -> None:
    assert split_commas('"a,b" <sip:x,y@h>, c ,"\\",", <z') == ['"a,b" <sip:x,y@h>', "c", '"\\","', "<z"]
    assert split_commas('a, "b, c') == ["a", '"b, c']


@given(st.text())
def test_quoting_is_undone(text: str) -> None:
    assert unquote(quote(text)) == text


@given(st.text(alphabet='ab",;<>\\@:=sip ./0129\t[]%\x00\udcff', max_size=60))
def test_any_text_is_a_value_or_malformed(text: str) -> None:
    for parse in (NameAddr, Via, CSeq, RAck, MediaType, ValueWithParams, RetryAfter, AuthValue):
        try:
            value = parse.parse(text)
        except SipError:
            continue
        if isinstance(value, NameAddr | Via | CSeq | RAck | MediaType | ValueWithParams | RetryAfter):
            try:
                rendered = str(value)
            except SipError:
                # An octet that may be received but not sent, such as NUL in a quoted parameter.
                continue
            assert str(type(value).parse(rendered)) == rendered

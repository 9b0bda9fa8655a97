"""RFC 3261 section 19.1: SIP and SIPS URIs, their parts, escaping and comparison; other schemes kept whole."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.sip.errors import MalformedUri
from b2bua.sip.grammar import MAX_PARAMETERS, MAX_URI_LENGTH
from b2bua.sip.uri import Uri, escape_user, unescape

# Section 19.1.3
EXAMPLES = (
    "sip:alice@atlanta.com",
    "sip:alice:secretword@atlanta.com;transport=tcp",
    "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
    "sip:+1-212-555-1212:1234@gateway.com;user=phone",
    "sips:1212@gateway.com",
    "sip:alice@192.0.2.4",
    "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
    "sip:alice;day=tuesday@atlanta.com",
)
# Section 19.1.4
EQUIVALENT = (
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
    ("SIP:a@h", "sip:a@h"),
    ("sip:a@[2001:DB8::1]", "sip:a@[2001:db8:0:0::1]"),
    ("tel:+911234", "tel:+911234"),
    ("sip:a@h;lr", "sip:a@h"),
)
DIFFERENT = (
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:a@h;user=phone", "sip:a@h"),
    ("sip:a@h;ttl=1", "sip:a@h"),
    ("sip:a@h;method=INVITE", "sip:a@h"),
    ("sip:a@h;maddr=h2", "sip:a@h"),
    ("sip:a:p@h", "sip:a@h"),
    ("sip:a@h", "sips:a@h"),
    ("sip:%2B1@h", "sip:+1@h"),
    ("tel:+911234", "sip:+911234@h"),
    ("sip:h", "sip:a@h"),
)


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_come_back_as_they_were(text: str) -> None:
    assert str(Uri.parse(text)) == text


def test_parts() -> None:
    uri = Uri.parse("sips:+91-98:pw@[2001:db8::1]:5061;user=phone;lr?Subject=a%20b&Priority=urgent")
    assert uri == Uri(
        scheme="sips",
        user="+91-98",
        password="pw",
        host="2001:db8::1",
        port=5061,
        params=(("user", "phone"), ("lr", None)),
        headers=(("Subject", "a%20b"), ("Priority", "urgent")),
    )
    assert uri.host_port == "[2001:db8::1]:5061"
    assert (uri.param("user"), uri.param("lr"), uri.param("transport")) == ("phone", "", None)
    assert uri.is_loose_router


def test_parameters_of_the_user_part_stay_with_the_user() -> None:
    uri = Uri.parse("sip:+1234;phone-context=x.example@host;user=phone")
    assert uri.user == "+1234;phone-context=x.example"
    assert uri.telephone == "+1234"
    assert uri.params == (("user", "phone"),)


def test_tel_is_kept_whole() -> None:
    uri = Uri.parse("tel:+91-98765-43210;phone-context=example.com")
    assert (uri.scheme, uri.opaque) == ("tel", "+91-98765-43210;phone-context=example.com")
    assert uri.telephone == "+91-98765-43210"
    assert not uri.is_sip
    assert str(uri) == "tel:+91-98765-43210;phone-context=example.com"


@pytest.mark.parametrize("text", ["http://www.example.com/a?b#c", "urn:service:sos", "x-unknown.1:#!", "mailto:a@b"])
def test_other_schemes_are_kept_whole(text: str) -> None:
    uri = Uri.parse(text)
    assert str(uri) == text
    assert (uri.host, uri.user, uri.port, uri.telephone) == ("", None, None, None)


def test_hash_sign_of_a_feature_code_is_let_pass() -> None:
    assert Uri.parse("sip:*21#@host").user == "*21#"


@pytest.mark.parametrize(
    "text",
    [
        *("", "sip", "sip:", "sip:@host", "sip:a@", "sip:a b@host", "sip:a@host:", "sip:a@host:x", "sip:a@host:70000"),
        *("sip:a@host:123456", "sip:a@ho st", "sip:a@host;", "sip:a@host;;x", "sip:a@host;x=", "sip:a@host;=1"),
        *("sip:a%4@host", "sip:a%zz@host", "sip:a@host?", "sip:a@host?x", "sip:a@host?=x", "sip:a@host?x=1&"),
        *(
            "<sip:a@host>",
            'sip:"a"@host',
            "sip:a@b@host",
            "sip:a\r\n@host",
            "sip:a\x00@host",
            "1sip:a",
            ":a",
            "sip:a@-host",
        ),
        *("sip:a@host;x=%4", "sip:\udcff@host", "tel:", "tel:1 2", "sip:a@" + "h" * 256),
    ],
)
def test_malformed_uris_are_refused(text: str) -> None:
    with pytest.raises(MalformedUri) as caught:
        Uri.parse(text)
    assert caught.value.status == 400


def test_limits() -> None:
    with pytest.raises(MalformedUri) as caught:
        Uri.parse("sip:" + "a" * MAX_URI_LENGTH + "@h")
    assert caught.value.status == 414
    assert len(Uri.parse("sip:h" + ";p" * MAX_PARAMETERS).params) == MAX_PARAMETERS
    with pytest.raises(MalformedUri, match="Too many"):
        Uri.parse("sip:h" + ";p" * (MAX_PARAMETERS + 1))
    with pytest.raises(MalformedUri, match="Too many"):
        Uri.parse("sip:h?" + "&".join(["p=1"] * (MAX_PARAMETERS + 1)))


@pytest.mark.parametrize(("one", "other"), EQUIVALENT)
def test_s19_1_4_equivalent(one: str, other: str) -> None:
    assert Uri.parse(one).equivalent(Uri.parse(other))
    assert Uri.parse(other).equivalent(Uri.parse(one))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_s19_1_4_different(one: str, other: str) -> None:
    assert not Uri.parse(one).equivalent(Uri.parse(other))
    assert not Uri.parse(other).equivalent(Uri.parse(one))


def test_s19_1_4_equivalence_is_not_transitive() -> None:
    plain = Uri.parse("sip:carol@chicago.com")
    on, off = Uri.parse("sip:carol@chicago.com;security=on"), Uri.parse("sip:carol@chicago.com;security=off")
    assert plain.equivalent(on)
    assert plain.equivalent(off)
    assert not on.equivalent(off)


@pytest.mark.parametrize(
    "uri",
    [
        Uri("sip", "a\r\nVia: x", host="h"),
        Uri("sip", "a", host="h\n"),
        Uri("sip", "a\x00", host="h"),
        Uri("sip", "a", host="h", params=(("x", "\r"),)),
        Uri("sip", "a", host="h", headers=(("x", "a b"),)),
        Uri("tel", opaque="12>34"),
        Uri("sip", "a b", host="h"),
        Uri("sip", 'a"', host="h"),
    ],
)
def test_nothing_can_be_smuggled_into_a_built_uri(uri: Uri) -> None:
    with pytest.raises(MalformedUri):
        str(uri)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_escaped_text_makes_a_user_part_and_comes_back(text: str) -> None:
    uri = Uri.parse(f"sip:{escape_user(text)}@h;x={quote(text, safe='')}")
    assert uri.decoded_user == text
    assert uri.param("x") == text


def test_unescape_resolves_once_and_whole_characters() -> None:
    assert unescape("%2541 %e0%A4%95 %ff 100%") == "%41 \u0915 \ufffd 100%"


@given(st.text(max_size=60))
def test_any_text_is_a_uri_or_malformed(text: str) -> None:
    for candidate in (text, f"sip:{text}", f"sip:{text}@h", f"sip:u@{text}", f"sip:h{text}"):
        try:
            uri = Uri.parse(candidate)
        except MalformedUri:
            continue
        assert Uri.parse(str(uri)) == uri
        assert uri.equivalent(uri)

"""Parties: what is one, when two are the same, what may be shown of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.call.masking import Party, format_number, normalise_mobile, parse_party, redact, same_party


@pytest.mark.parametrize(
    "text",
    ["9876543210", "+919876543210", "919876543210", "09876543210", "+91 98765-43210", "0 98765 43210", "98765 - 43210"],
)
def test_every_way_to_write_a_mobile_number_is_ten_digits(text: str) -> None:
    assert normalise_mobile(text) == "9876543210"


def test_ten_digits_that_begin_with_91_are_a_whole_number() -> None:
    assert normalise_mobile("9198765432") == "9198765432"
    assert normalise_mobile("919198765432") == "9198765432"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5876543210",
        "987654321",
        "98765432101",
        "+9109876543210",
        "00919876543210",
        "+09876543210",
        "+9876543210",
        "+1 9876543210",
        "-9876543210",
        "9876543210-",
        " 9876543210",
        "9876543210\n",
        "98765.43210",
        "98765\t43210",
        "9876543210;ext=1",
        "९८७६५४३२१०",
        "\uff19876543210",
        "tel:9876543210",
        "9" + " " * 400 + "876543210",
    ],
)
def test_anything_else_is_no_mobile_number(text: str) -> None:
    assert normalise_mobile(text) is None
    assert parse_party(text, sip_allowed=True) is None


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=40), st.text("+0123456789 -", max_size=20), st.from_regex(r"sip:.*", fullmatch=True)))
def test_no_text_breaks_the_reading_of_a_party(text: str) -> None:
    party = parse_party(text, sip_allowed=True)
    if party is not None:
        assert parse_party(party.text, sip_allowed=True) == party
        assert party.user in text.replace(" ", "").replace("-", "") or party.host is not None
    mobile = normalise_mobile(text)
    assert mobile is None or (len(mobile) == 10 and mobile.isascii() and mobile.isdigit() and mobile[0] in "6789")


@pytest.mark.parametrize(
    ("text", "party"),
    [
        ("sip:1001@127.0.0.1:5071", Party("sip:1001@127.0.0.1:5071", "1001", "127.0.0.1", 5071)),
        ("SIP:Desk_1@PBX.Example", Party("sip:Desk_1@pbx.example", "Desk_1", "pbx.example", None)),
        ("sip:+919876543210@h", Party("sip:+919876543210@h", "+919876543210", "h", None)),
        ("sip:a@[2001:DB8:0::0001]", Party("sip:a@[2001:db8::1]", "a", "2001:db8::1", None)),
        ("sip:a@[::ffff:192.0.2.1]:5071", Party("sip:a@192.0.2.1:5071", "a", "192.0.2.1", 5071)),
        ("sip:a@[2001:DB8::1]:5060", Party("sip:a@[2001:db8::1]:5060", "a", "2001:db8::1", 5060)),
    ],
)
def test_a_sip_party_is_a_user_at_a_host(text: str, party: Party) -> None:
    assert parse_party(text, sip_allowed=True) == party
    assert parse_party(text, sip_allowed=False) is None


@pytest.mark.parametrize(
    "text",
    [
        "sip:1001",
        "sip:@host",
        "sip:a b@host",
        "sip:a:secret@host",
        "sip:a@host:0",
        "sip:a@host:70000",
        "sip:a@host:",
        "sip:a@host;transport=tcp",
        "sip:a@host?Replaces=x",
        "sip:a%40b@host",
        "sip:a@host\r\nX: y",
        "sip:a@ho st",
        "sip:a@-host",
        "<sip:a@host>",
        "sips:a@host",
        "tel:+919876543210",
        "sip:" + "a" * 65 + "@host",
    ],
)
def test_anything_more_is_no_sip_party(text: str) -> None:
    assert parse_party(text, sip_allowed=True) is None


@pytest.mark.parametrize(("port", "taken"), [(1, True), (65535, True), (0, False), (65536, False)])
def test_the_ports_that_there_are(port: int, taken: bool) -> None:
    assert (parse_party(f"sip:a@host:{port}", sip_allowed=True) is not None) is taken


@pytest.mark.parametrize(("length", "taken"), [(320, True), (321, False)])
def test_how_long_a_party_may_be(length: int, taken: bool) -> None:
    spaced = "98765" + " " * (length - 10) + "43210"
    assert (normalise_mobile(spaced) == "9876543210") is taken


def test_a_number_an_agent_and_a_sip_user_of_one_name_are_three_parties() -> None:
    agent = parse_party("agent:1001", sip_allowed=True, agents_allowed=True)
    assert agent == Party("agent:1001", "1001", agent=True)
    assert parse_party("agent:1001", sip_allowed=True) is None, "where agents are not allowed"
    sip = parse_party("sip:1001@host", sip_allowed=True)
    number = parse_party("9876543210", sip_allowed=True)
    assert sip is not None
    assert number is not None
    assert [party.is_number for party in (agent, sip, number)] == [False, False, True]
    digits = Party("agent:9876543210", "9876543210", agent=True)
    assert not same_party(digits, number)
    assert not same_party(agent, sip)
    assert same_party(agent, Party("agent:1001", "1001", agent=True))


def same(one: str, other: str) -> bool:
    first, second = parse_party(one, sip_allowed=True), parse_party(other, sip_allowed=True)
    assert first is not None
    assert second is not None
    return same_party(first, second)


def test_parties_are_compared_in_their_one_form() -> None:
    assert same("+91 98765 43210", "09876543210")
    assert same("sip:a@host", "SIP:a@HOST:5060")
    assert not same("9876543210", "9876543211")
    assert not same("sip:a@host", "sip:A@host")
    assert not same("sip:a@host", "sip:a@host:5061")
    assert not same("9876543210", "sip:9876543210@host")


@pytest.mark.parametrize(
    ("template", "written"),
    [
        ("{e164}", "+919876543210"),
        ("{plain}", "919876543210"),
        ("{national}", "9876543210"),
        ("0{national}", "09876543210"),
    ],
)
def test_a_number_is_written_as_the_trunk_wants_it(template: str, written: str) -> None:
    assert format_number("9876543210", template) == written
    assert format_number("919876543210", template) == written


def test_a_national_number_that_begins_with_91_keeps_its_digits() -> None:
    assert format_number("9198765432", "{plain}") == "919198765432"


@pytest.mark.parametrize(
    ("party", "shown"),
    [
        ("9876543210", "98******10"),
        ("917969002802", "91********02"),
        ("sip:9876543210@host.example:5060", "sip:98******10"),
        ("sip:1001@host.example", "sip:****"),
        ("123456", "******"),
        ("1234567", "12***67"),
        ("sip:secret-desk-7@host.example", "sip:se*********-7"),
        ("agent:anna", "agent:****"),
        ("agent:maria.rossi", "agent:ma*******si"),
        ("", ""),
    ],
)
def test_what_logs_show_of_a_party(party: str, shown: str) -> None:
    assert redact(party) == shown

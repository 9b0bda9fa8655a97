"""A leg's headers: the masked number everywhere, in the trunk's own formats."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.call.arrival import Target
from b2bua.call.identity import LegHeaders, Shown, compose, compose_routed
from b2bua.call.masking import Party
from b2bua.config import Trunk
from tests.support.configurations import config_of

CALLEE = Party("9876543210", "9876543210")
MASKED = "917969002802"


def trunk(lines: str = "", uri: str = "sip:203.0.113.1") -> Trunk:
    return config_of(f'[[trunks]]\nname = "t"\nuri = "{uri}"\n{lines}').trunks[0]


def test_the_usual_leg() -> None:
    assert compose(CALLEE, MASKED, trunk()) == LegHeaders(
        request_uri="sip:+919876543210@203.0.113.1",
        from_uri="sip:+917969002802@203.0.113.1",
        to_uri="sip:+919876543210@203.0.113.1",
        from_display=None,
        headers=(("P-Asserted-Identity", "<sip:+917969002802@203.0.113.1>"),),
    )


def test_the_trunks_port_stands_in_the_request_uri_alone() -> None:
    headers = compose(CALLEE, MASKED, trunk(uri="sip:[2001:db8::1]:5070"))
    assert headers.request_uri == "sip:+919876543210@[2001:db8::1]:5070"
    assert headers.to_uri == "sip:+919876543210@[2001:db8::1]"
    assert headers.from_uri == "sip:+917969002802@[2001:db8::1]"


@pytest.mark.parametrize(
    ("uri", "where"),
    [
        ("sip:203.0.113.1", "203.0.113.1"),
        ("sip:203.0.113.1:5060", "203.0.113.1:5060"),
        ("sip:carrier.example;transport=tls", "carrier.example"),
        ("sips:carrier.example", "carrier.example"),
        ("sip:carrier.example:5061;transport=tls", "carrier.example:5061"),
    ],
)
def test_the_request_uri_has_the_port_that_is_configured_and_no_other(uri: str, where: str) -> None:
    assert compose(CALLEE, MASKED, trunk(uri=uri)).request_uri == f"sip:+919876543210@{where}"


def test_an_airtel_type_trunk() -> None:
    headers = compose(CALLEE, MASKED, trunk('domain = "ims.example"\nuser_phone = true', "sip:203.0.113.1:5080"))
    assert headers.request_uri == "sip:+919876543210@ims.example;user=phone"
    assert headers.from_uri == "sip:+917969002802@ims.example;user=phone"
    assert headers.to_uri == "sip:+919876543210@ims.example;user=phone"
    assert headers.headers == (("P-Asserted-Identity", "<sip:+917969002802@ims.example;user=phone>"),)


def test_each_header_has_a_format_of_its_own() -> None:
    profile = trunk(
        'number_format = "{plain}"\nrequest_uri_format = "0{national}"\nfrom_format = "{national}"\n'
        'to_format = "{e164}"\nidentity = ["p-preferred-identity", "diversion"]'
    )
    headers = compose(CALLEE, MASKED, profile)
    assert headers.request_uri == "sip:09876543210@203.0.113.1"
    assert headers.from_uri == "sip:7969002802@203.0.113.1"
    assert headers.to_uri == "sip:+919876543210@203.0.113.1"
    assert headers.headers == (
        ("P-Preferred-Identity", "<sip:917969002802@203.0.113.1>"),
        ("Diversion", "<sip:917969002802@203.0.113.1>;reason=unconditional;counter=1"),
    )


@pytest.mark.parametrize(("privacy", "level"), [("", "off"), ("none", "off"), ("id", "full"), ("header;id", "full")])
def test_privacy_is_said_in_its_own_header_and_in_remote_party_id(privacy: str, level: str) -> None:
    profile = trunk(f'identity = ["remote-party-id"]\nprivacy = "{privacy}"')
    headers = dict(compose(CALLEE, MASKED, profile).headers)
    assert headers["Remote-Party-ID"].endswith(f";party=calling;screen=yes;privacy={level}")
    assert headers.get("Privacy", "") == privacy


def test_the_host_of_what_we_say_of_ourselves_may_be_another() -> None:
    profile = trunk('domain = "ims.example"\nfrom_domain = "customer.example"')
    headers = compose(CALLEE, MASKED, profile)
    assert headers.request_uri == "sip:+919876543210@ims.example"
    assert headers.to_uri == "sip:+919876543210@ims.example"
    assert headers.from_uri == "sip:+917969002802@customer.example"
    assert headers.headers == (("P-Asserted-Identity", "<sip:+917969002802@customer.example>"),)


def test_rfc7044_history_info_says_what_diversion_says() -> None:
    headers = compose(CALLEE, MASKED, trunk('identity = ["history-info"]\nuser_phone = true'))
    masked, callee = "sip:+917969002802@203.0.113.1;user=phone", "sip:+919876543210@203.0.113.1;user=phone"
    assert headers.headers == (("History-Info", f"<{masked}>;index=1, <{callee};cause=302>;index=1.1;mp=1"),)


def test_rfc3966_tel_uris() -> None:
    headers = compose(CALLEE, MASKED, trunk('uri_scheme = "tel"\nidentity = ["p-asserted-identity", "history-info"]'))
    assert headers == LegHeaders(
        request_uri="tel:+919876543210",
        from_uri="tel:+917969002802",
        to_uri="tel:+919876543210",
        from_display=None,
        headers=(
            ("P-Asserted-Identity", "<tel:+917969002802>"),
            ("History-Info", "<tel:+917969002802>;index=1, <tel:+919876543210>;index=1.1;mp=1"),
        ),
    )


def test_a_sip_party_that_is_no_global_number_stays_a_sip_uri() -> None:
    desk = Party("sip:1001@203.0.113.1", "1001", "203.0.113.1", None)
    assert compose(desk, MASKED, trunk('uri_scheme = "tel"')).request_uri == "sip:1001@203.0.113.1"


def test_no_identity_header_when_none_is_wanted() -> None:
    assert compose(CALLEE, MASKED, trunk("identity = []")).headers == ()


def test_a_sip_partys_user_part_is_dialled_as_given() -> None:
    desk = Party("sip:1001.desk@127.0.0.1:5071", "1001.desk", "127.0.0.1", 5071)
    headers = compose(desk, MASKED, trunk("user_phone = true", "sip:127.0.0.1:5071"))
    assert headers.request_uri == "sip:1001.desk@127.0.0.1:5071"
    assert headers.to_uri == "sip:1001.desk@127.0.0.1"
    assert headers.from_uri == "sip:+917969002802@127.0.0.1;user=phone"


def test_the_other_party_is_not_even_an_argument() -> None:
    assert list(inspect.signature(compose).parameters) == ["callee", "masked_number", "trunk"]


ROUTED = Target("sip:9876543210@203.0.113.10:5060", "9876543210", "203.0.113.10", 5060)
EVERY_IDENTITY = (
    'identity = ["p-asserted-identity", "p-preferred-identity", "remote-party-id", "diversion", "history-info"]'
)


def test_a_routed_leg_shows_the_masked_number_as_its_trunk_writes_numbers() -> None:
    profile = trunk('number_format = "{plain}"\nfrom_format = "0{national}"\nidentity_format = "{e164}"')
    assert compose_routed(ROUTED, Shown(MASKED), profile) == LegHeaders(
        request_uri="sip:9876543210@203.0.113.10:5060",
        from_uri="sip:07969002802@203.0.113.1",
        to_uri="sip:9876543210@203.0.113.10",
        from_display=None,
        headers=(("P-Asserted-Identity", "<sip:+917969002802@203.0.113.1>"),),
    )


def test_a_routed_leg_shows_a_caller_that_may_pass_as_it_is_written() -> None:
    profile = trunk('number_format = "0{national}"\nuser_phone = true')
    shown = Shown("reception.desk", "Reception", as_given=True)
    assert compose_routed(ROUTED, shown, profile) == LegHeaders(
        request_uri="sip:9876543210@203.0.113.10:5060;user=phone",
        from_uri="sip:reception.desk@203.0.113.1",
        to_uri="sip:9876543210@203.0.113.10;user=phone",
        from_display="Reception",
        headers=(("P-Asserted-Identity", "<sip:reception.desk@203.0.113.1>"),),
    )
    as_number = compose_routed(ROUTED, Shown("9123456789", as_given=True), profile)
    assert as_number.from_uri == "sip:9123456789@203.0.113.1;user=phone"  # no format is put on it


def test_only_a_number_is_called_a_phone() -> None:
    desk = Target("sip:desk@203.0.113.10", "desk", "203.0.113.10", None)
    headers = compose_routed(desk, Shown(MASKED), trunk("user_phone = true"))
    assert (headers.request_uri, headers.to_uri) == ("sip:desk@203.0.113.10", "sip:desk@203.0.113.10")
    plain = compose_routed(ROUTED, Shown(MASKED), trunk())
    assert (plain.request_uri, plain.to_uri) == (ROUTED.uri, "sip:9876543210@203.0.113.10")


def test_the_domain_of_a_trunk_stands_in_the_to_of_a_routed_leg_and_its_own_in_from() -> None:
    profile = trunk('domain = "ims.example"\nfrom_domain = "customer.example"\nprivacy = "id"')
    headers = compose_routed(ROUTED, Shown(MASKED), profile)
    assert headers.request_uri == ROUTED.uri
    assert headers.to_uri == "sip:9876543210@ims.example"
    assert headers.from_uri == "sip:+917969002802@customer.example"
    assert headers.headers == (
        ("P-Asserted-Identity", "<sip:+917969002802@customer.example>"),
        ("Privacy", "id"),
    )


def test_a_routed_leg_to_an_address_of_ipv6() -> None:
    target = Target("sip:9876543210@[2001:db8::9]:5070", "9876543210", "2001:db8::9", 5070)
    assert compose_routed(target, Shown(MASKED), trunk()).to_uri == "sip:9876543210@[2001:db8::9]"


@pytest.mark.parametrize(("privacy", "said"), [("", "id"), ("none", "none"), ("header;id", "header;id")])
def test_rfc3323_a_caller_that_withholds_itself_is_nobody(privacy: str, said: str) -> None:
    """Nothing of it stands in any header, and no identity header is made up, however many the trunk wants."""
    profile = trunk(f'{EVERY_IDENTITY}\nprivacy = "{privacy}"\nfrom_domain = "customer.example"')
    assert compose_routed(ROUTED, Shown(None, "9123456789"), profile) == LegHeaders(
        request_uri=ROUTED.uri,
        from_uri="sip:anonymous@anonymous.invalid",
        to_uri="sip:9876543210@203.0.113.10",
        from_display="Anonymous",
        headers=(("Privacy", said),),
    )


@given(
    lines=st.sampled_from(
        [
            *(f'number_format = "{written}"' for written in ("{e164}", "{plain}", "{national}", "0{national}")),
            "user_phone = true",
            'uri_scheme = "tel"',
        ]
    ),
    masked=st.from_regex(r"91[1-9][0-9]{9}", fullmatch=True),
)
def test_every_identity_of_a_masked_leg_is_the_masked_number(lines: str, masked: str) -> None:
    profile = trunk(f"{EVERY_IDENTITY}\n{lines}")
    for leg in (compose(CALLEE, masked, profile), compose_routed(ROUTED, Shown(masked), profile)):
        assert masked[2:] in leg.from_uri
        assert len(leg.headers) == 5
        assert all(value.startswith(f"<{leg.from_uri}>") for _, value in leg.headers)

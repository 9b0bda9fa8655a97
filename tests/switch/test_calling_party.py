"""The caller and the dialled user part of an INVITE, from the headers that trunks use for them."""

import pytest

from b2bua.call.arrival import Caller, parties_of
from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from b2bua.switch.calling_party import caller_of, dialled_user
from b2bua.switch.trunks import Trunks
from tests.support.agents import request_from_peer
from tests.support.configurations import A_TRUNK, config_of
from tests.support.manual_clock import ManualClock


def invite(headers: str = "", uri: str = "sip:+917969002802@192.0.2.1", from_: str | None = None) -> Request:
    """A peer's INVITE."""
    content = request_from_peer("INVITE", headers=headers, uri=uri)
    if from_ is not None:
        lines = content.decode().split("\r\n")
        content = "\r\n".join(
            f"From: {from_};tag=peer" if line.startswith("From:") else line for line in lines
        ).encode()
    message = parse_message(content)
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("headers", "from_", "caller"),
    [
        ("", '"A B" <sip:+919876543210@203.0.113.10>', Caller("+919876543210", "A B")),
        ("", "<sip:+919876543210;cpc=ordinary@203.0.113.10;user=phone>", Caller("+919876543210")),
        (
            "P-Asserted-Identity: <sip:+919123456789@x>",
            "<sip:+919876543210@203.0.113.10>",
            Caller("+919123456789"),
        ),
        ("P-Asserted-Identity: <tel:+919123456789>", "<sip:anonymous@anonymous.invalid>", Caller("+919123456789")),
        (
            'P-Asserted-Identity: "N" <sip:anonymous@x>, <tel:+919123456789>',
            "<sip:anonymous@anonymous.invalid>",
            Caller("+919123456789"),
        ),
        (
            'P-Asserted-Identity: "N" <sip:a.name@x>, <tel:+919123456789>',
            "<sip:anonymous@anonymous.invalid>",
            Caller("+919123456789"),
        ),
        ("P-Asserted-Identity: <sip:a.name@x>", "<sip:+919876543210@203.0.113.10>", Caller("a.name")),
        ("P-Asserted-Identity: rubbish", "<sip:+919876543210@203.0.113.10>", Caller("+919876543210")),
        ("Privacy: id", "<sip:+919876543210@203.0.113.10>", Caller("+919876543210", withheld=True)),
        ("Privacy: none", "<sip:+919876543210@203.0.113.10>", Caller("+919876543210")),
        ("Privacy: header;user", "<sip:+919876543210@203.0.113.10>", Caller("+919876543210", withheld=True)),
        ("Privacy: critical,id", "<sip:+919876543210@203.0.113.10>", Caller("+919876543210", withheld=True)),
        ("Privacy: user critical", "<sip:+919876543210@203.0.113.10>", Caller("+919876543210", withheld=True)),
        ('Privacy: "id"', "<sip:+919876543210@203.0.113.10>", Caller("+919876543210", withheld=True)),
        ("Privacy: header, session", "<sip:+919876543210@203.0.113.10>", Caller("+919876543210")),
        ("", "<sip:anonymous@anonymous.invalid>", Caller(None, withheld=True)),
        (
            'Remote-Party-ID: "N" <sip:+919123456789@x>;party=calling;screen=yes;privacy=off',
            "<sip:anonymous@anonymous.invalid>",
            Caller("+919123456789", "N"),
        ),
        ("Remote-Party-ID: <sip:+919123456789@x>", "<sip:+919876543210@203.0.113.10>", Caller("+919123456789")),
        (
            "Remote-Party-ID: <sip:+919123456789@x>;PRIVACY=Full-Network",
            "<sip:+919876543210@203.0.113.10>",
            Caller("+919123456789", withheld=True),
        ),
        (
            'Remote-Party-ID: <sip:+919123456789@x>;privacy="name,uri"',
            "<sip:+919876543210@203.0.113.10>",
            Caller("+919123456789", withheld=True),
        ),
        (
            'Remote-Party-ID: "N" <sip:+919123456789@x>;privacy=name',
            "<sip:+919876543210@203.0.113.10>",
            Caller("+919123456789"),
        ),
        (
            "Remote-Party-ID: <sip:+917969002802@x>;party=called;privacy=full, <sip:+919123456789@x>;party=Calling",
            "<sip:+919876543210@203.0.113.10>",
            Caller("+919123456789"),
        ),
        (
            "Remote-Party-ID: <sip:+917969002802@x>\nP-Asserted-Identity: <sip:+919123456789@x>",
            "<sip:+919876543210@203.0.113.10>",
            Caller("+919123456789"),
        ),
        (
            "Remote-Party-ID: <sip:+919123456789@x>;privacy=uri\nP-Asserted-Identity: <sip:+919123456789@x>",
            "<sip:+919876543210@203.0.113.10>",
            Caller("+919123456789", withheld=True),
        ),
        ("Remote-Party-ID: rubbish", "<sip:+919876543210@203.0.113.10>", Caller("+919876543210")),
        ("Remote-Party-ID: <sip:x@y>;privacy=unfull", "<sip:+919876543210@203.0.113.10>", Caller("x")),
        ("Remote-Party-ID: <sip:x@y>;privacy", "<sip:+919876543210@203.0.113.10>", Caller("x")),
        ("", "<sip:203.0.113.10>", Caller(None, withheld=True)),
        ("", f"<sip:{'1' * 129}@203.0.113.10>", Caller(None, withheld=True)),
    ],
)
def test_the_caller(headers: str, from_: str, caller: Caller) -> None:
    assert caller_of(invite(headers, from_=from_)) == caller


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:+917969002802@192.0.2.1;user=phone", "+917969002802"),
        ("sip:+917969002802;npdi;rn=5@192.0.2.1", "+917969002802"),
        ("sip:%2B917969002802@192.0.2.1", "+917969002802"),
        ("sip:192.0.2.1", "+918000000001"),
        ("tel:07969002802;phone-context=+91", "07969002802"),
    ],
)
def test_the_dialled_user(uri: str, user: str) -> None:
    (trunk,) = Trunks(config_of(A_TRUNK).trunks, ManualClock())
    assert dialled_user(invite(uri=uri), trunk, ()) == user


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("tel:9876543210;phone-context=+91", "9876543210"),
        ("sip:9876543210;phone-context=+91-22@x;user=phone", "9876543210"),
        ("tel:9876543210;phone-context=ims.example", "9876543210"),
        ("tel:9876543210;isub=1;Phone-Context=+1-914-555", "9876543210;phone-context=+1914555"),
        ("sip:9876543210;phone-context=%2B44@x", "9876543210;phone-context=+44"),
        ("tel:+919876543210;phone-context=+44", "+919876543210"),
        ("tel:9876543210;phone-context", "9876543210"),
    ],
)
def test_a_local_number_of_another_country_passes_for_none_of_ours(uri: str, user: str) -> None:
    """RFC 3966 5.1.5: without its context it is another number."""
    caller = caller_of(invite(f"P-Asserted-Identity: <{uri}>"))
    assert caller == Caller(user)
    parties = parties_of(caller, config_of(A_TRUNK).trunks[0].uri, sip_allowed=True)
    assert ("9876543210" in parties) == ("phone-context" not in user)

"""Whose a request is, of accounts with one carrier that share its addresses."""

import json

import pytest

from b2bua.sip.message import Request
from b2bua.sip.routing import TransportAddress
from b2bua.switch.trunks import Trunks
from tests.support.configurations import config_of
from tests.support.manual_clock import ManualClock

SOURCE = TransportAddress("tcp", "192.0.2.1", 40_000)
NUMBER, OTHER = "917969002802", "917969002803"


def account(name: str, **keys: object) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return f'[[trunks]]\nname = "{name}"\nuri = "sip:192.0.2.1;transport=tcp"\n' + "\n".join(lines) + "\n"


def invite(
    user: str = "1", *headers: tuple[str, str], sender: str = "192.0.2.1", to: str = "", at: str = "198.51.100.1"
) -> Request:
    to = to or f"<sip:{user}@198.51.100.1>"
    parts = [("From", f"<sip:9876543210@{sender}>;tag=f"), ("To", to), *headers]
    return Request("INVITE", f"sip:{user}@{at}", parts)


def credentials(username: str, realm: str) -> tuple[str, str]:
    fields = f'realm="{realm}", nonce="n", uri="sip:1@198.51.100.1", response="0"'
    return ("Authorization", f'Digest username="{username}", {fields}')


def guarded(name: str, username: str, domain: str = "") -> str:
    return account(name, challenge_username=username, challenge_password="p", **({"domain": domain} if domain else {}))


def registered(name: str, username: str) -> str:
    return account(name, auth_username=username, auth_password="p", register=True, numbers=[NUMBER])


def owner(request: Request, text: str) -> str:
    config = config_of(text)
    found = Trunks(config.trunks, ManualClock(), config.routes).owner_of(request, SOURCE)
    assert found is not None
    return found.name


def test_a_call_is_held_to_the_policy_of_one_account_though_another_s_is_equal() -> None:
    config = config_of(account("one", numbers=[NUMBER]) + account("two", numbers=[OTHER]))
    trunks = Trunks(config.trunks, ManualClock())
    first, second = (trunks.policy_of(invite(number), SOURCE) for number in (NUMBER, OTHER))
    assert first == second
    assert [trunk and trunk.name for trunk in map(trunks.held_to, (first, second))] == ["one", "two"]
    assert trunks.held_to(trunks.policy_of(invite(), TransportAddress("udp", "192.0.2.9", 5060))) is None


ROUTES = """
[[routes]]
match = "2"
to = "sip:2@192.0.2.1"
via = "one"
trunk = "two"
"""
NUMBERED = account("one", numbers=[NUMBER]) + account("two", numbers=[OTHER]) + ROUTES


@pytest.mark.parametrize(("user", "name"), [(NUMBER, "one"), (f"+{OTHER}", "two"), ("2", "two"), ("3", "one")])
def test_by_what_was_dialled(user: str, name: str) -> None:
    assert owner(invite(user), NUMBERED) == name


@pytest.mark.parametrize(("user", "name"), [("box1", "one"), ("box2", "two"), ("box3", "one")])
def test_by_the_contact_that_was_registered_whatever_every_account_reaches(user: str, name: str) -> None:
    text = registered("one", "box1") + registered("two", "box2@ims")
    text += '[[routes]]\nmatch = ".*"\nto = "sip:2@192.0.2.1"\nvia = "one"\n'
    assert owner(invite(user, to=f"<sip:+{NUMBER}@ims.carrier.example>"), text) == name


@pytest.mark.parametrize(
    ("username", "realm", "name"),
    [("u2", "elsewhere", "two"), ("u1", "two.example", "one"), ("who", "two.example", "two"), ("who", "x", "one")],
)
def test_by_the_user_name_and_else_by_the_realm_of_the_credentials(username: str, realm: str, name: str) -> None:
    text = guarded("one", "u1", "one.example") + guarded("two", "u2", "two.example")
    assert owner(invite("1", credentials(username, realm)), text) == name


def test_by_the_realm_where_the_user_name_is_the_same() -> None:
    text = guarded("one", "u", "one.example") + guarded("two", "u", "two.example")
    assert owner(invite("1", credentials("u", "two.example")), text) == "two"


def test_credentials_that_cannot_be_read_say_nothing() -> None:
    text = guarded("one", "u1") + guarded("two", "u2")
    assert owner(invite("1", ("Authorization", 'Digest username="u2')), text) == "one"


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (invite(sender="Two.Example"), "two"),
        (invite(at="us.two.example"), "two"),
        (invite(to="<sip:1@two.example>"), "two"),
        (invite(sender="one.example"), "one"),
        (invite(sender="three.example"), "one"),
    ],
    ids=["From", "request URI", "To", "the first's", "nobody's"],
)
def test_by_the_domains_that_the_request_names(request_: Request, name: str) -> None:
    text = account("one", domain="one.example") + account("two", domain="two.example", from_domain="us.two.example")
    assert owner(request_, text) == name


def test_an_address_in_place_of_a_domain_is_known_whichever_way_it_is_written() -> None:
    text = account("one", domain="one.example") + account("two", domain="2001:DB8:0::2")
    assert owner(invite(sender="[2001:db8:0:0::2]"), text) == "two"


def test_a_domain_with_the_dot_of_the_root_is_the_same() -> None:
    text = account("one", domain="one.example") + account("two", domain="two.example")
    assert owner(invite(sender="Two.example."), text) == "two"


def test_the_host_of_its_uri_names_an_account_too() -> None:
    text = "".join(
        f'[[trunks]]\nname = "{name}"\nuri = "sip:{name}.example"\naddresses = ["192.0.2.1"]\n'
        for name in ("one", "two")
    )
    assert owner(invite(sender="two.example"), text) == "two"


def test_what_a_request_does_not_say_names_nobody() -> None:
    """Neither a URI without a host, nor one without a user, nor an empty realm, nor one of no challenge."""
    named = account("one", domain="one.example", from_domain="one.example")
    sent = invite()
    sent.headers.set("From", "<tel:+919876543210>;tag=f")
    assert owner(sent, named + account("two")) == "one"
    sent = Request("INVITE", "sip:198.51.100.1", [("From", "<sip:a@b.example>;tag=f"), ("To", "<sip:c@d.example>")])
    assert owner(sent, registered("one", "box1") + account("two")) == "one"
    assert (
        owner(invite("1", credentials("who", "")), guarded("one", "u1", "one.example") + guarded("two", "u2")) == "one"
    )
    text = guarded("one", "u1", "one.example") + account("two", domain="two.example")
    assert owner(invite("1", credentials("who", "two.example")), text) == "one"


def test_what_is_reached_tells_more_than_a_domain_and_credentials() -> None:
    text = guarded("one", "u1", "one.example") + f'numbers = ["{NUMBER}"]\n' + guarded("two", "u2")
    request = invite(NUMBER, credentials("u2", "two.example"), sender="two.example")
    assert owner(request, text) == "one"

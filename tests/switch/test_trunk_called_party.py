"""What was dialled, where the registrar calls us by the Contact that it was given."""

import pytest

from b2bua.sip.message import Request
from b2bua.switch.calling_party import dialled_user
from b2bua.switch.trunks import Trunks
from tests.support.configurations import config_of
from tests.support.manual_clock import ManualClock

CALLED = "<sip:+917969002802@ims.carrier.example>"


def dialled(uri: str, *headers: tuple[str, str], register: bool = True, to: str = "<sip:other@h>") -> str:
    text = '[[trunks]]\nname = "t"\nuri = "sip:192.0.2.1"\nauth_username = "box 7@ims"\nauth_password = "p"\n'
    text += f"register = {str(register).lower()}\n"
    (trunk,) = Trunks(config_of(text).trunks, ManualClock())
    return dialled_user(Request("INVITE", uri, [("To", to), *headers]), trunk, ())


@pytest.mark.parametrize("uri", ["sip:box%207@192.0.2.1:5060", "sip:192.0.2.1:5060"])
def test_a_call_to_the_registered_contact_is_for_whom_it_names(uri: str) -> None:
    assert dialled(uri, to=CALLED) == "+917969002802"
    assert dialled(uri, ("P-Called-Party-ID", CALLED)) == "+917969002802"
    assert dialled(uri, ("P-Called-Party-ID", "<broken"), to=CALLED) == "+917969002802"


def test_any_other_request_uri_says_itself_what_was_dialled() -> None:
    assert dialled("sip:+917969002802@192.0.2.1", ("P-Called-Party-ID", "<sip:x@h>")) == "+917969002802"
    assert dialled("sip:box%207@192.0.2.1", register=False) == "box 7"


# RFC 3261 8.2.2.1: the request URI names the target. Where it is our registered Contact it may name an account alone.

DID, SECOND, ELSEWHERE = "917969002802", "917969002803", "911140001234"


def route(match: str, to: str) -> str:
    return f'[[routes]]\nmatch = "{match}"\nto = "sip:{to}@192.0.2.1"\nvia = "t"\n'


EVERYTHING = route(".*", "{user}")
IVR = route(f"[+]?{DID}", "ivr")
DESK = route(f"[+]?{ELSEWHERE}", "desk")


def taken_as(user: str, to: str, *routes: str, numbers: tuple[str, ...] = (), called: str = "") -> str:
    """What was dialled, of a call to the registered Contact of an account with this user name."""
    text = f'[[trunks]]\nname = "t"\nuri = "sip:192.0.2.1"\nauth_username = "{user}"\nauth_password = "p"\n'
    text += f"register = true\nnumbers = {list(numbers)}\n" + "".join(routes)
    config = config_of(text)
    (trunk,) = Trunks(config.trunks, ManualClock(), config.routes)
    headers = [("To", f"<sip:+{to}@c>"), *([("P-Called-Party-ID", f"<sip:+{called}@c>")] if called else [])]
    return dialled_user(Request("INVITE", f"sip:{user}@192.0.2.1", headers), trunk, config.routes)


@pytest.mark.parametrize("routes", [(), (EVERYTHING,), (EVERYTHING, DESK)])
def test_a_call_to_a_masked_number_that_we_registered_as_is_for_it_whatever_was_called_first(
    routes: tuple[str, ...],
) -> None:
    assert taken_as(DID, ELSEWHERE, *routes, numbers=(DID,)) == DID


def test_a_call_to_a_route_s_number_that_we_registered_as_is_for_it() -> None:
    assert taken_as(DID, ELSEWHERE, IVR) == DID
    assert taken_as(DID, ELSEWHERE, IVR, EVERYTHING) == DID


def test_to_says_what_was_dialled_where_the_registered_user_reaches_nothing() -> None:
    assert taken_as("100200", DID, numbers=(DID,)) == f"+{DID}"
    assert taken_as("100200", ELSEWHERE, DESK) == f"+{ELSEWHERE}"
    assert taken_as("100200", ELSEWHERE) == f"+{ELSEWHERE}"


def test_to_says_what_was_dialled_where_the_registered_user_is_reached_by_no_more_than_that_is() -> None:
    """An account's name, with a route for whatever comes; one number of several, by whose name all are registered."""
    assert taken_as("account", DID, EVERYTHING) == f"+{DID}"
    assert taken_as("account", DID, EVERYTHING, numbers=(DID,)) == f"+{DID}"
    assert taken_as("account", ELSEWHERE, DESK, EVERYTHING) == f"+{ELSEWHERE}"
    assert taken_as(DID, SECOND, numbers=(DID, SECOND)) == f"+{SECOND}"


def test_the_called_party_that_a_carrier_names_is_what_was_dialled() -> None:
    """RFC 7315 4.2: it is the request URI of before it became our Contact; a diversion has changed it already."""
    assert taken_as(DID, ELSEWHERE, numbers=(DID, SECOND), called=SECOND) == f"+{SECOND}"

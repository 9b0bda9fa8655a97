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
    return dialled_user(Request("INVITE", uri, [("To", to), *headers]), trunk)


@pytest.mark.parametrize("uri", ["sip:box%207@192.0.2.1:5060", "sip:192.0.2.1:5060"])
def test_a_call_to_the_registered_contact_is_for_whom_it_names(uri: str) -> None:
    assert dialled(uri, to=CALLED) == "+917969002802"
    assert dialled(uri, ("P-Called-Party-ID", CALLED)) == "+917969002802"
    assert dialled(uri, ("P-Called-Party-ID", "<broken"), to=CALLED) == "+917969002802"


def test_any_other_request_uri_says_itself_what_was_dialled() -> None:
    assert dialled("sip:+917969002802@192.0.2.1", ("P-Called-Party-ID", "<sip:x@h>")) == "+917969002802"
    assert dialled("sip:box%207@192.0.2.1", register=False) == "box 7"

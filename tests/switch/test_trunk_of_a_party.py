"""Which trunk a `sip:` party is of, by its host and port."""

import pytest

from b2bua.call.errors import InvalidParties
from b2bua.call.model import PlaceCall
from b2bua.switch.parties import parties_of
from b2bua.switch.trunks import Trunks
from tests.support.configurations import config_of
from tests.support.manual_clock import ManualClock

TLS = "sip:192.0.2.9;transport=tls"
UDP = "sip:192.0.2.9"


def trunks_at(*uris: str) -> Trunks:
    """A trunk at each of them, named for where it stands."""
    text = "".join(f'[[trunks]]\nname = "{at}"\nuri = "{uri}"\n' for at, uri in enumerate(uris))
    return Trunks(config_of(text).trunks, ManualClock())


@pytest.mark.parametrize(
    ("uris", "port", "name"),
    [
        ((UDP,), None, "0"),
        ((UDP,), 5060, "0"),
        ((UDP,), 5061, None),
        ((TLS,), None, "0"),
        ((TLS,), 5061, "0"),
        ((TLS,), 5060, None),
        (("sip:192.0.2.9:5061;transport=tls",), None, None),
        (("sip:192.0.2.9:5061;transport=tls",), 5061, "0"),
        (("sip:192.0.2.9:5080",), None, None),
        ((TLS, UDP), None, "1"),
        ((TLS, "sip:192.0.2.9:5060"), None, "1"),
        ((TLS, UDP), 5061, "0"),
    ],
)
def test_without_a_port_it_is_of_a_trunk_without_one_too(uris: tuple[str, ...], port: int | None, name: str) -> None:
    found = trunks_at(*uris).at("192.0.2.9", port)
    assert (found.name if found is not None else None) == name


def parties(one: str, other: str, *uris: str) -> list[str]:
    """The two, as they are read for a call."""
    found = parties_of(PlaceCall("org-1", one, other), trunks_at(*uris), sip_allowed=True)
    return [party.text for party in found]


def test_a_party_of_a_trunk_whose_uri_says_no_port() -> None:
    one, other = "sip:1001@192.0.2.9", "sip:1002@192.0.2.9:5061"
    assert parties(one, other, TLS) == [one, other]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:1001@192.0.2.9", "sip:1001@192.0.2.9:5061"),
        ("sip:1001@192.0.2.9:5061", "sip:1001@192.0.2.9"),
        ("sip:1001@192.0.2.9", "sip:1001@192.0.2.9"),
    ],
)
def test_the_same_user_of_the_same_trunk_is_the_same_party(one: str, other: str) -> None:
    with pytest.raises(InvalidParties, match="must be different"):
        parties(one, other, TLS)


def test_another_trunks_port_is_another_party() -> None:
    assert parties("sip:1001@192.0.2.9", "sip:1001@192.0.2.9:5061", TLS, UDP)


def test_an_address_is_the_same_party_whichever_way_it_is_written() -> None:
    with pytest.raises(InvalidParties, match="must be different"):
        parties("sip:1001@[::1]", "sip:1001@[0:0:0:0:0:0:0:1]:5060", "sip:[0::1]")


@pytest.mark.parametrize(
    ("one", "other", "field"),
    [("7969002802", "9876543210", "party_a"), ("9876543210", "+91 79690-02802", "party_b")],
)
def test_a_masked_number_is_no_party(one: str, other: str, field: str) -> None:
    text = f'[[trunks]]\nname = "x"\nuri = "{UDP}"\nnumbers = ["917969002802"]\n'
    trunks = Trunks(config_of(text).trunks, ManualClock())
    with pytest.raises(InvalidParties, match="masked number") as refused:
        parties_of(PlaceCall("org-1", one, other), trunks, sip_allowed=False)
    assert refused.value.field == field

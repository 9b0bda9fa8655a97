"""[webrtc]: where browsers are met, and what must fit that."""

import pytest

from tests.support.configurations import config_of, mistakes_in

BROWSERS = '[webrtc]\nenabled = true\nmax_browsers = 10\nports = "30000-30009"\n'


def test_browsers_are_off_until_they_are_asked_for() -> None:
    webrtc = config_of("").webrtc
    assert not webrtc.enabled
    assert (webrtc.address, webrtc.ports.first, webrtc.max_browsers) == ("127.0.0.1", 30_000, 200)


def test_servers_for_ice_are_read() -> None:
    webrtc = config_of(
        BROWSERS + 'stun = ["stun:stun.example:3478"]\nturn = ["turn:turn.example?transport=tcp", "turns:[::1]:443", '
        '"turn:turn.example?transport=udp"]\n'
        'turn_secret = "shared"\n'
    ).webrtc
    assert webrtc.stun == ("stun:stun.example:3478",)
    assert webrtc.turn == (
        "turn:turn.example?transport=tcp",
        "turns:[::1]:443",
        "turn:turn.example?transport=udp",
    )
    assert "shared" not in repr(webrtc)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[webrtc]\nstun = ["turn:turn.example"]', "webrtc.stun"),
        ('[webrtc]\nstun = ["stun:stun.example?transport=udp"]', "webrtc.stun"),
        ('[webrtc]\nturn = ["turn:turn.example?transport=sctp"]', "webrtc.turn"),
        ('[webrtc]\nturn = ["turns:turn.example?transport=udp"]', "webrtc.turn"),
        ('[webrtc]\nturn = ["turn:turn.example:0"]', "webrtc.turn"),
        ('[webrtc]\nturn = ["turn:turn.example"]', "webrtc.turn_secret"),
        ('[webrtc]\naddress = "0.0.0.0"', "webrtc.advertise"),
        ('[webrtc]\nadvertise_ipv6 = "2001:db8::1"', "webrtc.address_ipv6"),
        ("[webrtc]\nmax_browsers = 0", "webrtc.max_browsers"),
        ("[webrtc]\nconnect_timeout_s = 0", "webrtc.connect_timeout_s"),
        ('[webrtc]\nenabled = true\nports = "29999-30100"', "webrtc.ports"),
        ('[webrtc]\nenabled = true\nports = "19100-19300"', "webrtc.ports"),
        (BROWSERS + '[media]\naddress = "::1"', "media.address"),
        (BROWSERS + '[sip]\nlisten = ["udp://127.0.0.1:30005"]', "webrtc.ports"),
    ],
)
def test_what_cannot_be_is_a_mistake_of_its_key(text: str, key: str) -> None:
    (mistake,) = mistakes_in(text)
    assert mistake.startswith(f"{key}: ")


def test_ports_for_fewer_browsers_than_are_taken_are_told() -> None:
    config = config_of('[webrtc]\nenabled = true\nports = "30000-30009"')
    assert any(told.startswith("webrtc.ports: 30000 to 30009 are fewer") for told in config.warnings)
    assert not any(told.startswith("webrtc") for told in config_of(BROWSERS).warnings)

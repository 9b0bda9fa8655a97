"""URLs of STUN and TURN servers, and credentials for TURN."""

import base64
import hashlib
import hmac

import pytest

from media.webrtc.ice_servers import IceEndpoint, parse_ice_url, turn_server


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("stun:stun.example", IceEndpoint("stun", "stun.example", 3478, "udp", False)),
        ("turn:turn.example:443?transport=tcp", IceEndpoint("turn", "turn.example", 443, "tcp", False)),
        ("turns:[2001:db8::1]", IceEndpoint("turn", "2001:db8::1", 5349, "tcp", True)),
    ],
)
def test_a_url_is_an_endpoint(url: str, endpoint: IceEndpoint) -> None:
    assert parse_ice_url(url) == endpoint


@pytest.mark.parametrize("url", ["http://x", "stun:", "stun:x?transport=udp", "turns:x?transport=udp", "turn:x:70000"])
def test_anything_else_is_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"no URL|transport|port"):
        parse_ice_url(url)


def test_credentials_are_those_that_a_turn_server_computes() -> None:
    server = turn_server("turn:turn.example", "shared", "agent-7", 1_764_158_400)
    assert server.username == "1764158400:agent-7"
    expected = hmac.new(b"shared", b"1764158400:agent-7", hashlib.sha1).digest()
    assert base64.b64decode(server.credential) == expected


def test_a_name_with_a_colon_could_be_taken_for_a_time() -> None:
    with pytest.raises(ValueError, match="colon"):
        turn_server("turn:turn.example", "shared", "a:b", 1)

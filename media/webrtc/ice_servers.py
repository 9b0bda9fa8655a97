"""STUN and TURN servers: what their URLs say (RFC 7064, RFC 7065), and credentials for TURN with an end."""

import base64
import hashlib
import hmac
import re
from typing import Final, NamedTuple

from media.webrtc.interface import IceServer

# After its name in a URL; one whose name is longer than DNS allows is none.
_URL: Final = re.compile(
    r"(?P<scheme>stun|turns?):(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(?P<port>[0-9]{1,5}))?"
    r"(?:\?transport=(?P<transport>udp|tcp))?"
)


class IceEndpoint(NamedTuple):
    """A server's address. `transport`: udp or tcp; `tls`: TLS over it."""

    kind: str
    host: str
    port: int
    transport: str
    tls: bool


def parse_ice_url(url: str) -> IceEndpoint:
    """ValueError for what is no URL of a STUN or TURN server, or of one that cannot be talked to."""
    matched = _URL.fullmatch(url)
    if matched is None:
        raise ValueError("no URL of a STUN or TURN server")
    secure = matched["scheme"] == "turns"
    transport = matched["transport"] or ("tcp" if secure else "udp")
    port = int(matched["port"] or (5349 if secure else 3478))
    if (matched["scheme"] == "stun" and matched["transport"]) or (secure and transport == "udp"):
        raise ValueError("a transport that this kind of server has not")
    if not 0 < port < 65_536:
        raise ValueError("no port")
    return IceEndpoint(matched["scheme"][:4], matched["host"].strip("[]"), port, transport, secure)


def turn_server(url: str, secret: str, name: str, expires_at_s: int) -> IceServer:
    """A TURN server with credentials for `name` that it takes until `expires_at_s` (Unix seconds): an HMAC-SHA1 of the
    user name with the secret that is shared with it (draft-uberti-behave-turn-rest section 2.2). ValueError: a name
    with a colon, a URL that is none."""
    if ":" in name:
        raise ValueError("a name with a colon")
    parse_ice_url(url)
    username = f"{expires_at_s}:{name}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return IceServer(url, username, base64.b64encode(digest).decode("ascii"))

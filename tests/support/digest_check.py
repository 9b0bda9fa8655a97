"""A digest response recomputed as RFC 7616 3.4.1 has it, for MD5 and SHA-256 with qop=auth."""

import hashlib
import re

_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


def digest_mistakes(
    credentials: str, *, method: str, uri: str, username: str, password: str, nonce: str, algorithm: str
) -> list[str]:
    """What is wrong with the value of an Authorization or Proxy-Authorization header; nothing when it is right."""
    scheme, _, rest = credentials.strip().partition(" ")
    given = {match[1]: match[2] or match[3] for match in _PARAMETER.finditer(rest)}
    expected = {"username": username, "nonce": nonce, "uri": uri, "qop": "auth", "realm": "leg.example"}
    mistakes = [
        f"{name} is {given.get(name)!r}, not {value!r}" for name, value in expected.items() if given.get(name) != value
    ]
    if scheme != "Digest" or given.get("algorithm", "MD5") != algorithm:
        mistakes.append(f"scheme {scheme}, algorithm {given.get('algorithm')}")
    if not re.fullmatch("[0-9a-f]{8}", given.get("nc", "")) or not given.get("cnonce"):
        mistakes.append(f"nc {given.get('nc')!r}, cnonce {given.get('cnonce')!r}")

    def hashed(text: str) -> str:
        return hashlib.new("sha256" if algorithm == "SHA-256" else "md5", text.encode()).hexdigest()

    ha1, ha2 = hashed(f"{username}:leg.example:{password}"), hashed(f"{method}:{uri}")
    if given.get("response") != hashed(f"{ha1}:{nonce}:{given.get('nc')}:{given.get('cnonce')}:auth:{ha2}"):
        mistakes.append("the response is wrong")
    return mistakes

"""What a phone sends with its name and number in every field where a peer could put them, known to us or not."""

import base64
from collections.abc import Callable
from functools import partial

from b2bua.sip.routing import TransportAddress
from tests.support.house import House
from tests.support.scripted_phone import Persona

HEADERS = """\
Subject: {word} {number}
Reason: Q.850;cause=1;text="{number}"
Warning: 399 {word}.example "{word} {spaced}"
Alert-Info: <http://{word}.example/{escaped}>;info={word}
Error-Info: <sip:{escaped}@{word}.example>
History-Info: <sip:{number}@{word}.example?Reason=SIP%3bcause%3d302>;index=1, <tel:+91{number}>;index=1.1
Diversion: "{word}" <sip:{number}@{word}.example>;reason=unconditional
P-Charging-Vector: icid-value={word}{number};orig-ioi={word}.example
P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp={word}
P-Associated-URI: <tel:+91{number}>
P-Preferred-Identity: <tel:{spaced}>
User-to-User: {hexed};encoding=hex;purpose={word}
Geolocation: <cid:{word}@example>
Identity: {in_base64}{word};info=<https://{word}.example/c>
Session-ID: {hexed}000000000000;remote={word}
In-Reply-To: {word}{number}@{word}
Referred-By: "{word}" <tel:+91{number}>;cid="{word}"
Content-ID: <{word}@{word}>
Accept-Language: {word}
Priority: {word}
Feature-Caps: *;{word}
X-{word}: {number};{escaped}"""
SESSION = (
    "b=X-{word}:64",
    "t=0 0",
    "r={word}",
    "z={word}",
    "k=clear:{number}",
    "a=tool:{word} {escaped}",
    "a=x-{word}:1",
)
SECTION = (
    *("i={word} {number}", "b=X-{word}:3", "k=uri:{word}", "a=rtpmap:118 {word}/8000", "a=fmtp:118 {word}={hexed}"),
    *("a=fmtp:8 {word}={number}", "a=mid:{word}", "a=msid:{word} {word}{number}", "a=label:{word}", "a=x:{spaced}"),
    *(
        "a=ice-ufrag:{word}",
        "a=extmap:1 urn:{word}",
        "a=rtcp-fb:8 {word}",
        "a=rid:{word} send",
        "a=ssrc:9 label:{word}",
    ),
)


def spellings(persona: Persona) -> dict[str, str]:
    """Its number as it may be written, by what that is called above, and its word."""
    number = persona.number
    return {
        "number": number,
        "spaced": f"{number[:5]}-{number[5:]}",
        "escaped": "".join(f"%{ord(digit):02x}" for digit in number),
        "hexed": number.encode().hex(),
        "in_base64": base64.b64encode(number.encode()).decode().rstrip("="),
        "word": persona.word,
    }


def taint(house: House, *personas: Persona) -> None:
    """From now on what these send has more to tell."""
    for persona in personas:
        house.network.carry = partial(_carry, house.network.carry, persona)  # type: ignore[method-assign]


def _carry(
    carry: Callable[..., None], persona: Persona, content: bytes, source: TransportAddress, target: TransportAddress
) -> None:
    carry(_tainted(content, spellings(persona)) if source == persona.sip else content, source, target)


def _tainted(content: bytes, words: dict[str, str]) -> bytes:
    head, _, body = content.decode().partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    if first.startswith("SIP/2.0 "):
        first = f"{first[:11]} {words['word']} {words['number']} {words['spaced']}"
        mine: tuple[str, ...] = ("To:", "Contact:")
    else:
        mine = ("From:", "Via:", "Contact:")
    kept = [f"{field};x-{words['word']}={words['number']}" if field.startswith(mine) else field for field in fields]
    kept = [field for field in kept if not field.lower().startswith("content-length:")]
    lines: list[str] = []
    for line in body.split("\r\n") if body else ():
        if line.startswith("t="):
            lines += [each.format(**words) for each in SESSION]
        elif line.startswith("m=audio"):
            lines += [f"{line} 118", *(each.format(**words) for each in SECTION)]
        else:
            lines.append(line)
    said = "\r\n".join(lines)
    added = HEADERS.format(**words).split("\n")
    return "\r\n".join([first, *kept, *added, f"Content-Length: {len(said)}", "", said]).encode()

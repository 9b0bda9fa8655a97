"""Hostile SIP over UDP: each attack plays its part and asserts what it was answered; `scale` multiplies its amount."""

import asyncio
import hashlib
import random  # noqa: TID251 - seeded
import re
from collections.abc import Awaitable, Callable
from typing import Final

from b2bua.sip.message import Request, Response
from tests.support.agents import answer_to
from tests.support.hostile_bed import (
    CALLED,
    PASSWORD,
    SDP_TYPE,
    USERNAME,
    HostileBed,
    TalkingCall,
    request,
    sdp,
)
from tests.support.sip_corpus import torture_message, torture_names

Attack = Callable[[HostileBed, int], Awaitable[None]]
DIALLED: Final = f"8{CALLED}"
_PAUSE_S: Final = 0.01


async def torture(bed: HostileBed, _scale: int) -> None:
    """The messages of RFC 4475 and RFC 5118, from a trunk's address and from a stranger's."""
    for corpus in ("rfc4475", "rfc5118"):
        for name in torture_names(corpus):
            bed.send(torture_message(corpus, name))
            bed.stranger.send(torture_message(corpus, name), bed.sip_port)
            await asyncio.sleep(0)
    await _answered_optionally(bed)
    assert not bed.stranger.octets, "a stranger was answered"


async def mutilation(bed: HostileBed, scale: int) -> None:
    """An INVITE with octets changed, lost, put in and repeated by chance, and octets that are nothing."""
    dice, earlier = random.Random(1), bed.used_call_ids()
    for number in range(150 * scale):
        call_id = bed.new_call_id()
        bed.send(mutilated(bed.build("INVITE", DIALLED, call_id, body=sdp()), dice))
        bed.send(dice.randbytes(dice.choice((0, 1, 4, 100, 1500, 65_000))))
        if number % 25 == 0:
            await asyncio.sleep(_PAUSE_S)
    await _answered_optionally(bed)
    assert 500 not in bed.near.statuses(leaving_out=earlier)


def mutilated(content: bytes, dice: random.Random) -> bytes:
    """A message with a few mistakes."""
    octets = bytearray(content)
    for _ in range(dice.randint(1, 6)):
        at, way = dice.randrange(len(octets)), dice.randrange(4)
        if way == 0:
            octets[at] = dice.randrange(256)
        elif way == 1:
            del octets[at : at + dice.randrange(30)]
        elif way == 2:
            octets[at:at] = dice.randbytes(dice.randrange(10))
        else:
            octets[at:at] = octets[dice.randrange(len(octets)) :][:50]
    return bytes(octets)


async def sizes(bed: HostileBed, _scale: int) -> None:
    """Messages of 60 kB and more, in every part of them."""
    many, call_ids = 700, set()
    for user, headers, body in (
        (DIALLED, ["X-A: " + "a" * 60_000], sdp()),
        (DIALLED, ["X-A: b"] * 6_000, sdp()),
        (DIALLED, [], "v=0\r\n" + "a=x\r\n" * 12_000),
        ("8" * 60_000, [], sdp()),
        (DIALLED, ["Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx"] * many, sdp()),
        (DIALLED, ["Record-Route: <sip:127.0.0.1:1;lr>"] * many, sdp()),
        (DIALLED, ["Supported: " + ",".join(f"x{number}" for number in range(3_000))], sdp()),
    ):
        call_ids.add(call_id := bed.new_call_id())
        bed.send(bed.build("INVITE", user, call_id, headers=headers, body=body))
        await asyncio.sleep(_PAUSE_S)
    await _answered_optionally(bed)
    answered = [each for each in bed.near.got if isinstance(each, Response) and each.headers.get("Call-ID") in call_ids]
    assert answered
    assert not [each.status for each in answered if each.status >= 500]


URIS: Final = {
    "tel:+919123456789": {404},
    "sips:8@127.0.0.1": {200, 403, 404, 416, 480},
    "urn:service:sos": {416},
    "http://x": {400, 416},
    "sip:": {400},
    "sip:8@[::1": {400},
    f"sip:8@{'a' * 5_000}": {414},
    "sip:8@127.0.0.1:999999": {400},
    "sip:8@127.0.0.1?Subject=x&body=y": {400},
    "*": {400},
    "sip:%00@127.0.0.1": {404},
    f"sip:8{'9' * 200}@127.0.0.1": {404},
    "sip:9%ff%fe@127.0.0.1": {400, 404},
    "sip:9%0d%0aX:1@127.0.0.1": {400, 404},
    "sip:9\u00e9\u0a05@127.0.0.1": {400, 404},
}


async def strange_uris(bed: HostileBed, _scale: int) -> None:
    """Request URIs of other schemes, of great length, with octets that are no text."""
    for uri, statuses in URIS.items():
        call_id = bed.new_call_id()
        bed.send(bed.build("INVITE", "8", call_id, uri=uri, body=sdp()))
        found = await bed.near.status_of(call_id)
        assert found in statuses, (uri[:60], found)


HEADERS: Final = {
    "Require: nonsense": {420},
    "Require: replaces": {420},
    "Max-Forwards: 0": {400, 483},
    "Session-Expires: 1": {200, 422},
    "Session-Expires: x": {200, 400},
    "P-Asserted-Identity: garbage <<<": {200},
    "Content-Encoding: gzip": {415},
    "Accept: text/plain": {406},
    "Contact: *": {400},
    "Expires: 99999999999999": {200, 400},
    "Replaces: a;to-tag=b;from-tag=c": {200},
    "Route: <sip:192.0.2.1;lr>": {200},
    "Reason: Q.850;cause=x": {200},
    "Content-Length: 5": {400},
    "User-Agent: \u00ff\u00fe": {200},
}


async def strange_headers(bed: HostileBed, _scale: int) -> None:
    """What a header may hold that it should not, and extensions that we do not know."""
    for line, statuses in HEADERS.items():
        call_id = bed.new_call_id()
        bed.send(bed.build("INVITE", DIALLED, call_id, headers=[line], body=sdp()))
        found = await bed.near.status_of(call_id)
        assert found in statuses, (line, found)
    call_id = bed.new_call_id()
    spent = bed.build("INVITE", DIALLED, call_id, body=sdp()).replace(b"Max-Forwards: 70", b"Max-Forwards: 0")
    bed.send(spent)
    assert await bed.near.status_of(call_id) == 483


METHODS: Final = {
    "REFER": {405, 481},
    "SUBSCRIBE": {405},
    "NOTIFY": {405, 481},
    "MESSAGE": {405},
    "PUBLISH": {405},
    "REGISTER": {405},
    "INFO": {481},
    "UPDATE": {481},
    "PRACK": {481},
    "BYE": {481},
    "CANCEL": {481},
    "OPTIONS": {200},
    "FOO": {405},
}


async def strange_methods(bed: HostileBed, _scale: int) -> None:
    """Requests that make no call, outside any dialog and in dialogs that never were."""
    headers = ["Refer-To: <sip:1@192.0.2.1>", "Event: x", "RAck: 1 1 INVITE"]
    for method, statuses in METHODS.items():
        outside, inside = bed.new_call_id(), bed.new_call_id()
        bed.send(bed.build(method, DIALLED, outside, headers=headers))
        assert await bed.near.status_of(outside, method) in statuses, method
        bed.send(bed.build(method, DIALLED, inside, to_tag="never", headers=headers))
        assert await bed.near.status_of(inside, method) in (481, 405), method


def _offers(bed: HostileBed) -> dict[str, tuple[str, set[int]]]:
    plain = sdp()
    refused = {400, 488}
    return {
        "a thousand m= lines": (plain + "m=audio 4000 RTP/AVP 8\r\n" * 1_000, refused),
        "a giant line": (plain + f"a={'x' * 50_000}\r\n", {200}),
        "port 0": (sdp(0), refused),
        "port 99999": (sdp(99_999), refused),
        "port -1": (sdp(-1), refused),
        "multicast": (sdp(host="224.0.0.1"), refused),
        "broadcast": (sdp(host="255.255.255.255"), refused),
        "reserved": (sdp(host="240.0.0.1"), refused),
        "a name": (sdp(host="x.invalid"), refused),
        "no address": (sdp(host=""), refused),
        "our own SIP port": (sdp(bed.sip_port), {200, 488}),
        "the other party's address": (sdp(30_002), {200, 488}),
        "one line": ("v=0", refused),
        "NUL": ("\0" * 100, refused),
        "five thousand formats": (plain.replace("8 101", " ".join(str(each % 128) for each in range(5_000))), refused),
        "ptime 0": (plain + "a=ptime:0\r\n", {200}),
        "ptime of 14 digits": (plain + f"a=ptime:{'9' * 14}\r\n", {200}),
        "ptime nan": (plain + "a=ptime:nan\r\n", {200}),
        "events without end": (plain + "a=fmtp:101 0-99999999999\r\n", {200}),
        "a thousand keys": (plain + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\n" * 1_000, refused),
        "a clock of 0": (plain + "a=rtpmap:8 PCMA/0\r\n", {200, 488}),
        "DTLS": (plain.replace("RTP/AVP", "UDP/TLS/RTP/SAVPF"), refused),
    }


async def offers(bed: HostileBed, _scale: int) -> None:
    """Session descriptions made to break what reads them."""
    for name, (body, statuses) in _offers(bed).items():
        call_id = bed.new_call_id()
        bed.send(bed.build("INVITE", DIALLED, call_id, body=body))
        found = await bed.near.status_of(call_id)
        assert found in statuses, (name, found)
        if found == 200:
            await _end(bed, call_id)


async def answers(bed: HostileBed, _scale: int) -> None:
    """B answers with them: that is B's failure, and A is not told that its own offer was bad."""
    for name, (body, _) in _offers(bed).items():
        bed.answer_everything(body=body)
        call_id = bed.new_call_id()
        bed.send(bed.build("INVITE", DIALLED, call_id, body=sdp()))
        found = await bed.near.status_of(call_id)
        assert found in (200, 502), (name, found)
        if found == 200:
            await _end(bed, call_id)


async def disorder(bed: HostileBed, scale: int) -> None:
    """In a live call, requests of every kind with wrong tags and CSeqs; it can be hung up all the same."""
    talking = await bed.call()
    dice = random.Random(2)
    methods = ("ACK", "CANCEL", "PRACK", "UPDATE", "INVITE", "INFO", "OPTIONS", "REFER", "NOTIFY")
    for number in range(100 * scale):
        bed.send(
            talking.build(
                dice.choice(methods),
                dice.choice((0, 1, 2, 3, 2**31, 2**32, number)),
                to_tag=dice.choice((talking.to_tag, talking.to_tag, "wrong", None)),
                from_tag=dice.choice(("hostile", "hostile", "wrong")),
                branch=f"disorder{number}",
                body=dice.choice(("", sdp(), "x")),
                headers=dice.choice(([], ["RAck: 1 1 INVITE"], ["Require: zz"])),
            )
        )
        if number % 20 == 0:
            await asyncio.sleep(_PAUSE_S)
    await talking.hang_up(2**32 - 1)


async def after_the_end(bed: HostileBed, _scale: int) -> None:
    """Everything in a dialog that is over."""
    talking = await bed.call()
    await talking.hang_up()
    for number, method in enumerate(("PRACK", "UPDATE", "INVITE", "BYE", "INFO", "OPTIONS"), 2_000):
        body = sdp() if method in ("INVITE", "UPDATE") else ""
        bed.send(talking.build(method, number, headers=["RAck: 1 1 INVITE"], body=body))
        found = await bed.near.status_of(talking.call_id, method, cseq=number)
        assert found == 481 or (method, found) == ("BYE", 200), (method, found)
    bed.send(talking.build("ACK", 1))
    bed.send(bed.build("CANCEL", DIALLED, talking.call_id, branch=f"{talking.call_id}INVITE1"))
    assert await bed.near.status_of(talking.call_id, "CANCEL") in (200, 481)


async def circle(bed: HostileBed, _scale: int) -> None:
    """A route that leads to ourselves: our own media are no peer's, or the hops that are left run out, or the room."""
    before = (await bed.held()).figures["maskbridge_calls_placed_total"]
    call_id = bed.new_call_id()
    bed.send(bed.build("INVITE", f"7{CALLED}", call_id, body=sdp()))
    assert await bed.near.status_of(call_id) in (483, 488, 503)
    assert (await bed.held()).figures["maskbridge_calls_placed_total"] - before <= 70


async def forks(bed: HostileBed, scale: int) -> None:
    """2xx under many To-tags: one is the call, each of the others gets ACK and BYE, or nothing."""

    def answer(message: Request | Response) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            for number in range(50 * scale):
                bed.far.send(_from_far(bed, message, 200, f"fork{number}"), bed.sip_port)
        elif isinstance(message, Request) and message.method == "BYE":
            bed.far.send(answer_to(message, 200), bed.sip_port)

    bed.far.on_message = answer
    talking = await bed.call()
    await talking.hang_up()
    await bed.far.until(
        lambda message: isinstance(message, Request) and message.method == "BYE" and message.to_tag != "fork0"
    )


async def endless_progress(bed: HostileBed, scale: int) -> None:
    """Provisional responses without end, reliable ones and under new To-tags; the call can be given up."""
    dice = random.Random(3)

    def ring(message: Request | Response) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            for number in range(300 * scale):
                status, more = dice.choice((100, 180, 183, 199)), f"Require: 100rel\nRSeq: {number}"
                tag = dice.choice(("same", f"tag{number}"))
                bed.far.send(_from_far(bed, message, status, tag, more, port=30_002 + 2 * number), bed.sip_port)
        elif isinstance(message, Request) and message.method == "CANCEL":
            bed.far.send(answer_to(message, 200), bed.sip_port)
            invite = next(each for each in bed.far.got if isinstance(each, Request) and each.method == "INVITE")
            bed.far.send(answer_to(invite, 487, to_tag="same"), bed.sip_port)

    bed.far.on_message = ring
    call_id = bed.new_call_id()
    bed.send(bed.build("INVITE", DIALLED, call_id, body=sdp()))
    await bed.near.until(lambda message: isinstance(message, Response) and message.status == 183)
    bed.send(bed.build("CANCEL", DIALLED, call_id, branch=f"{call_id}INVITE1"))
    assert await bed.near.status_of(call_id) == 487


async def strange_finals(bed: HostileBed, _scale: int) -> None:
    """Final responses that lead in circles, or say what cannot be."""
    for status, header in (
        (302, f"Contact: <sip:{CALLED}@127.0.0.1:{bed.far.port}>"),
        (401, ""),
        (401, 'WWW-Authenticate: Digest realm="x", nonce="y"'),
        (407, "Proxy-Authenticate: Digest garbage"),
        (422, "Min-SE: 999999999"),
        (500, "Retry-After: 99999999999"),
        (699, ""),
        (299, ""),
        (420, "Unsupported: 100rel"),
    ):

        def refuse(message: Request | Response, status: int = status, header: str = header) -> None:
            if isinstance(message, Request) and message.method == "INVITE":
                bed.far.send(answer_to(message, status, to_tag="far", headers=header), bed.sip_port)

        bed.far.on_message = refuse
        call_id = bed.new_call_id()
        bed.send(bed.build("INVITE", DIALLED, call_id, body=sdp()))
        found = await bed.near.status_of(call_id)
        assert found not in (200, 401, 407), (status, header, found)


async def mutilated_answers(bed: HostileBed, scale: int) -> None:
    """A 200 with mistakes in it, again and again."""
    dice = random.Random(5)

    def answer(message: Request | Response) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            for _ in range(100 * scale):
                bed.far.send(mutilated(_from_far(bed, message, 200, "far"), dice), bed.sip_port)

    bed.far.on_message = answer
    for _ in range(3):
        call_id = bed.new_call_id()
        bed.send(bed.build("INVITE", DIALLED, call_id, body=sdp()))
        found = await bed.near.status_of(call_id)
        assert found >= 200
        if found == 200:
            await _end(bed, call_id)


async def flood(bed: HostileBed, scale: int) -> None:
    """More calls at once than there are ports, and OPTIONS from a trunk and from a stranger: 503, then all is over.

    The phone they reach rings, so that its trunk does not go down however long the flood takes here."""

    def ring(message: Request | Response) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            invites[message.call_id] = message
            bed.far.send(answer_to(message, 180, to_tag="far"), bed.sip_port)
        elif isinstance(message, Request) and message.method == "CANCEL":
            bed.far.send(answer_to(message, 200), bed.sip_port)
            bed.far.send(answer_to(invites[message.call_id], 487, to_tag="far"), bed.sip_port)

    invites: dict[str, Request] = {}
    bed.far.on_message = ring
    call_ids = [bed.new_call_id() for _ in range(150 * scale)]
    for number, call_id in enumerate(call_ids):
        bed.send(bed.build("INVITE", DIALLED, call_id, body=sdp()))
        bed.send(bed.build("OPTIONS", "x", f"{call_id}-options"))
        bed.stranger.send(request("OPTIONS", "x", call_id, bed.stranger, bed.sip_port), bed.sip_port)
        if number % 25 == 0:
            await asyncio.sleep(_PAUSE_S)
    await bed.near.until(lambda message: isinstance(message, Response) and message.status == 503)
    await asyncio.sleep(0.2)
    for number, call_id in enumerate(call_ids):
        bed.send(bed.build("CANCEL", DIALLED, call_id, branch=f"{call_id}INVITE1"))
        if number % 25 == 0:
            await asyncio.sleep(_PAUSE_S)
    assert not bed.stranger.octets, "a stranger was answered"


async def replayed_credentials(bed: HostileBed, _scale: int) -> None:
    """Credentials that were seen once open no second call, and neither do another's."""
    bed.answer_everything()
    call_id, uri = bed.new_call_id(), f"sip:{DIALLED}@127.0.0.1:{bed.sip_port}"

    async def ask(call_id: str, cseq: int, headers: list[str]) -> int:
        content = request(
            "INVITE", DIALLED, call_id, bed.guarded, bed.sip_port, cseq=cseq, uri=uri, headers=headers, body=sdp()
        )
        bed.guarded.send(content, bed.sip_port)
        return await bed.guarded.status_of(call_id, cseq=cseq)

    assert await ask(call_id, 1, []) == 401
    challenged = next(each for each in bed.guarded.got if isinstance(each, Response) and each.status == 401)
    challenge = next(text for text in challenged.headers.get_fields("WWW-Authenticate") if "MD5" in text)
    proof = _authorization(challenge, "INVITE", uri)
    assert await ask(call_id, 2, [proof]) == 200
    assert await ask(bed.new_call_id(), 1, [proof]) in (401, 403)
    assert await ask(bed.new_call_id(), 1, [proof.replace(USERNAME, "another")]) in (401, 403)
    assert await ask(bed.new_call_id(), 1, ["Authorization: Digest " + 'a="b", ' * 500 + 'c="d"']) in (400, 401, 403)


def _authorization(challenge: str, method: str, uri: str) -> str:
    given = dict(re.findall(r'(\w+)="([^"]*)"', challenge))

    def hashed(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    ha1, ha2 = hashed(f"{USERNAME}:{given['realm']}:{PASSWORD}"), hashed(f"{method}:{uri}")
    response = hashed(f"{ha1}:{given['nonce']}:00000001:0a4f113b:auth:{ha2}")
    return (
        f'Authorization: Digest username="{USERNAME}", realm="{given["realm"]}", nonce="{given["nonce"]}", '
        f'uri="{uri}", algorithm=MD5, qop=auth, nc=00000001, cnonce="0a4f113b", response="{response}"'
    )


def _from_far(bed: HostileBed, invite: Request, status: int, tag: str, more: str = "", *, port: int = 30_002) -> bytes:
    contact = f"<sip:{CALLED}@{bed.far.host}:{bed.far.port}>"
    headers = f"Content-Type: {SDP_TYPE}\n{more}"
    return answer_to(invite, status, to_tag=tag, contact=contact, headers=headers, body=sdp(port % 65_536))


async def _end(bed: HostileBed, call_id: str) -> None:
    """ACK and BYE of a call that was answered."""
    answered = next(
        each
        for each in bed.near.got
        if isinstance(each, Response) and each.status == 200 and each.headers.get("Call-ID") == call_id
    )
    talking = TalkingCall(bed, call_id, answered.to_tag or "")
    bed.send(talking.build("ACK", 1))
    await talking.hang_up()


async def _answered_optionally(bed: HostileBed) -> None:
    """Until all that was sent before has been dealt with: an OPTIONS behind it has its answer."""
    call_id = bed.new_call_id()
    bed.send(bed.build("OPTIONS", "x", call_id))
    assert await bed.near.status_of(call_id, "OPTIONS") == 200


SIGNALLING: Final[tuple[Attack, ...]] = (
    torture,
    mutilation,
    sizes,
    strange_uris,
    strange_headers,
    strange_methods,
    offers,
    answers,
    disorder,
    after_the_end,
    circle,
    forks,
    endless_progress,
    strange_finals,
    mutilated_answers,
    flood,
    replayed_credentials,
)

"""Calls on roundabout ways to their talk: what each step of theirs looks like to who ends them there."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from b2bua.call.errors import CallError
from b2bua.sip.errors import SipError
from b2bua.sip.events import IncomingInvite
from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from b2bua.sip.settings import PeerPolicy
from tests.support.agents import answer_to
from tests.support.house import CARRIER, MASKED, ORG, OURS, House
from tests.support.routes import BILLED, DIALLED
from tests.support.scripted_phone import ALICE, BOB, Phone, answers

OpenHouse = Callable[..., Awaitable[House]]
Begin = Callable[[], Awaitable[object]]
Way = Callable[[OpenHouse], Awaitable[tuple[House, Begin]]]

SECOND: Final = "203.0.113.2"
RING: Final = "[calls]\nring_timeout_s = 8\n"
PROMPTED: Final = '[prompts]\nwhisper_b = "bundled:hold_tone"\nconsent = "both"\n'
CHALLENGE: Final = ("Proxy-Authenticate", 'Digest realm="r", nonce="n1", qop="auth", algorithm=SHA-256')
REFRESH_S: Final = 45.0  # half of the session interval of 90 s


def _trunk(name: str, host: str, more: str = "", addresses: str = "203.0.113.0/24") -> str:
    return f"""
[[trunks]]
name = "{name}"
uri = "sip:{host}:5060"
addresses = ["{addresses}"]
numbers = ["{MASKED}"]
options_interval_s = 0
priority = {1 if name == "first" else 2}
{more}
"""


def _profiled(more: str) -> str:
    return BILLED.replace("options_interval_s = 0", f"options_interval_s = 0\n{more}")


async def _two_carriers(open_house: OpenHouse, more: str = "", config: str = RING) -> House:
    """The first says 503 to whatever is dialled, the second has the phones."""
    house = await open_house(config, trunks=_trunk("first", CARRIER.host, more) + _trunk("second", SECOND, more))
    house.carrier_at(SECOND)
    house.carrier.status = 503
    house.alice.on_invite, house.bob.on_invite = answers(1.0), answers(2.0)
    return house


async def _arrives(house: House, user: str = DIALLED, **changes: Any) -> None:
    house.alice.call(user, OURS, **changes)


async def over_another_trunk(open_house: OpenHouse) -> tuple[House, Begin]:
    """Each leg is refused by one trunk and goes on by the other."""
    house = await _two_carriers(open_house)
    return house, house.place


async def in_the_line(open_house: OpenHouse) -> tuple[House, Begin]:
    """The same, each INVITE waiting for its turn, with a second call in the line."""
    house = await _two_carriers(open_house, "cps = 1\n")

    async def both() -> None:
        await house.place()
        await house.place()

    return house, both


async def called_back(open_house: OpenHouse) -> tuple[House, Begin]:
    """A calls the masked number, and the store takes its time to say who is to be called, and to write it down."""
    house = await _two_carriers(open_house)
    at = house.clock.wall_ms()
    await house.store.run(lambda unit: unit.numbers.choose(ORG, ALICE.number, BOB.number, [("first", MASKED)], at))
    _slow_down(house)
    return house, partial(_arrives, house, MASKED)


async def placed_slowly(open_house: OpenHouse) -> tuple[House, Begin]:
    """A call is asked for over the API, and the store takes its time."""
    house = await _two_carriers(open_house)
    _slow_down(house)

    async def begin() -> None:
        async def place() -> None:
            with suppress(CallError):
                await house.place()

        house.placing = asyncio.ensure_future(place())  # type: ignore[attr-defined]

    return house, begin


def _slow_down(house: House) -> None:
    """An admission waits for the store before and after its unit of work; all else is as quick as ever."""
    store, run, read, clock = house.store, house.store.run, house.store.read, house.clock

    async def slowly(ask: Callable[[Any], Awaitable[Any]], work: Any) -> Any:
        if not house.switch._being_admitted():
            return await ask(work)
        await _passed(0.12)
        result = await ask(work)
        await _passed(0.12)
        return result

    def _passed(seconds: float) -> asyncio.Future[None]:
        waited = asyncio.get_running_loop().create_future()
        clock.call_later(seconds, lambda: None if waited.done() else waited.set_result(None))
        return waited

    async def flush() -> None:
        for _ in range(3):  # not until nothing is being admitted: that is for the clock to bring about
            await run(lambda unit: None)
            for _ in range(3):
                await asyncio.sleep(0)

    store.run, store.read = partial(slowly, run), partial(slowly, read)  # type: ignore[method-assign]
    house.flush = flush  # type: ignore[method-assign]


async def redirected(open_house: OpenHouse) -> tuple[House, Begin]:
    """Each leg is sent on by a 302."""
    trunk = _trunk("first", CARRIER.host, 'redirects = "follow"\n', f"{SECOND}/32")
    house = await open_house(RING, trunks=trunk)
    house.carrier_at(SECOND)
    house.trunks._targets = frozenset({ALICE.sip.host, BOB.sip.host})  # the phones answer from addresses of their own
    house.alice.on_invite, house.bob.on_invite = answers(1.0), answers(1.0)
    arrived = house.carrier._arrived

    def sends_on(content: bytes, source: TransportAddress, local: TransportAddress) -> None:
        user = content.split(b"@", 1)[0].rpartition(b":")[2].decode()
        house.carrier.status, house.carrier.headers = 302, f"Contact: <sip:{user}@{SECOND}>"
        arrived(content, source, local)

    house.network.attach(CARRIER, sends_on)
    return house, house.place


async def challenged(open_house: OpenHouse) -> tuple[House, Begin]:
    """Each INVITE is challenged."""
    house = await _two_carriers(open_house, 'auth_username = "us"\nauth_password = "secret"\n')
    house.carrier.status = None

    def challenges(phone: Phone, event: IncomingInvite) -> None:
        if "Proxy-Authorization" in event.request.headers:
            answers(1.0)(phone, event)
        else:
            phone.endpoint.respond(event.transaction, 407, headers=(CHALLENGE,))

    house.alice.on_invite = house.bob.on_invite = challenges
    return house, house.place


async def with_prack(open_house: OpenHouse) -> tuple[House, Begin]:
    """B answers at once, and A's 200 waits for the PRACK of its 183."""
    house = await open_house(RING, trunks=_profiled('reliable_provisional = "required"'))
    house.bob.on_invite = answers(0.0, ringing=183, early=True)
    return house, partial(_arrives, house, policy=PeerPolicy(reliable_provisional="required"))


async def prompted(open_house: OpenHouse) -> tuple[House, Begin]:
    """Both hear their prompts before they talk."""
    house = await open_house(RING + PROMPTED, trunks=BILLED)
    house.bob.on_invite = answers(1.0)
    return house, partial(_arrives, house)


async def forked(open_house: OpenHouse) -> tuple[House, Begin]:
    """Two phones ring for B. Both answer, or cross the CANCEL with their answers, and a third does late."""
    house = await open_house(RING, trunks=BILLED)
    answered: list[str] = []

    def say(request: Request, status: int, tag: str) -> None:
        contact = f"<sip:{BOB.word}@{BOB.sip.host}:{BOB.sip.port}>"
        described = request.method == "INVITE" and status in (183, 200)
        headers, body = ("Content-Type: application/sdp", BOB.sdp().decode()) if described else ("", "")
        house.bob.send(answer_to(request, status, to_tag=tag, contact=contact, headers=headers, body=body), OURS)

    def answer(invite: Request, *tags: str) -> None:
        if tags == ("third",) or not answered:
            answered.extend(tags)
            for tag in tags:
                say(invite, 200, tag)

    def take(message: Request | Response, _source: TransportAddress) -> None:
        if not isinstance(message, Request) or message.method == "ACK":
            return
        invite = house.bob.invite
        assert invite is not None
        if message.method == "INVITE" and not house.bob.requests("INVITE")[1:]:
            say(invite, 183, "first")
            house.clock.call_later(0.2, lambda: say(invite, 183, "second"))
            house.clock.call_later(1.0, lambda: answer(invite, "first", "second"))
            house.clock.call_later(1.5, lambda: answer(invite, "third"))
        elif message.method == "CANCEL":
            answer(invite, "second", "first")
            say(message, 481, "first")
        elif message.method != "INVITE":
            say(message, 200, message.to_tag or "")

    house.bob.raw = take
    return house, partial(_arrives, house)


async def in_glare(open_house: OpenHouse) -> tuple[House, Begin]:
    """Our refreshing re-INVITEs cross those of both phones (RFC 3261 14.1)."""
    more = 'session_timer_s = 90\nsession_refresher = "us"\nsession_refresh_method = "invite"'
    house = await open_house(RING, trunks=_profiled(more))
    house.bob.on_invite = answers(1.0)
    crossed: set[str] = set()

    def crosses(content: bytes, source: TransportAddress, destination: TransportAddress) -> bool:
        for phone in (house.alice, house.bob):
            word, refresh = phone.persona.word, content.startswith(b"INVITE") and house.clock.time() > 1000 + REFRESH_S
            if refresh and source == OURS and destination == phone.persona.sip and word not in crossed:
                crossed.add(word)
                house.clock.call_later(0.02, partial(reinvite, phone))
        return True

    def reinvite(phone: Phone) -> None:
        states = {usage.number: usage.state for usage in phone.user_agent._station.usages.values()}
        if states.get(phone.usage or 0) == "confirmed":
            with suppress(SipError):
                phone.reinvite(phone.persona.sdp(version=2))

    async def begin() -> None:
        await _arrives(house)
        await house.run(3.0)
        house.alice.speak(5.0)
        house.bob.speak(5.0)
        await house.run(REFRESH_S)

    house.network.gate = crosses
    return house, begin


WAYS: Final[Mapping[str, Way]] = {
    way.__name__.replace("_", " "): way
    for way in (
        over_another_trunk,
        in_the_line,
        called_back,
        placed_slowly,
        redirected,
        challenged,
        with_prack,
        prompted,
        forked,
        in_glare,
    )
}

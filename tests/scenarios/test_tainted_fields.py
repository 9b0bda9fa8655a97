"""Whatever stands in a field of one party's, known to us or not, nothing of it reaches the other."""

from collections.abc import Awaitable, Callable

import pytest

from tests.support.house import House
from tests.support.routes import DIALLED, RELAYED
from tests.support.scripted_phone import ALICE, BOB, Answering, answers, rejects, rings
from tests.support.tainted import spellings, taint

OpenHouse = Callable[..., Awaitable[House]]


def check(house: House) -> None:
    """Neither was told the other's number, however it was written. Whatever else is secret `at_rest` looks for."""
    sent = b"\n".join([each.content for each in house.network.carried])
    for phone, other in ((house.alice, BOB), (house.bob, ALICE)):
        assert f"\r\nX-{other.word}: {other.number};".encode() in sent
        told = b"\n".join([*phone.received, *phone.received_rtp, *phone.received_rtcp]).lower()
        assert [each for each in spellings(other).values() if each.lower().encode() in told] == []
    log = "\n".join(house.log.lines)
    assert [each for persona in (ALICE, BOB) for each in spellings(persona).values() if each in log] == []


async def talk(house: House) -> None:
    """Both speak, press keys, hold and ask for what is not known."""
    for phone in (house.alice, house.bob):
        phone.speak()
        phone.press("5")
        phone.tell_digit("Signal=7\r\nDuration=160")
        await house.run(1.0)
        phone.reinvite(phone.persona.sdp(version=2, direction="sendonly"))
        await house.run(1.0)
        phone.reinvite(phone.persona.sdp(version=3))
        await house.run(6.0)


@pytest.mark.parametrize("who", ["alice", "bob"])
async def test_a_masked_call(house: House, who: str) -> None:
    taint(house, ALICE, BOB)
    call = await house.bridged()
    await talk(house)
    getattr(house, who).hang_up()
    await house.ended(call)
    check(house)


@pytest.mark.parametrize(
    "behaviour",
    [answers(1.0), answers(1.0, ringing=183, early=True), *map(rejects, (302, 404, 486, 488, 503, 603)), rings()],
)
async def test_a_routed_call(open_house: OpenHouse, behaviour: Answering) -> None:
    house = await open_house("[calls]\nring_timeout_s = 10", trunks=RELAYED)
    taint(house, ALICE, BOB)
    house.bob.on_invite = behaviour
    call = await house.arrive(DIALLED)
    await house.run(3.0)
    if house.alice.is_connected:
        await talk(house)
        house.alice.hang_up()
    await house.run(12.0)
    await house.relayed(call)
    check(house)

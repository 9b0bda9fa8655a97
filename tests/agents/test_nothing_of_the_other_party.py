"""Everything that an agent's browser is sent, in whole calls of every kind, shows nothing of the other party."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from b2bua.agents.pages import Page
from b2bua.call.agent_calls import MediaAnswer
from b2bua.call.identity import AGENT_LEG_HEADER
from b2bua.sip.routing import TransportAddress
from tests.support.agents_desk import AGENTS_LINE, ASHA, RAVI, Desk, told
from tests.support.house import MASKED
from tests.support.scripted_phone import ALICE, answers, rejects

TO_ASHA = {"party_a": ALICE.number, "party_b": "agent:asha"}
FROM_ASHA = {"party_a": "agent:asha", "party_b": ALICE.number}


class Heard:
    """What Asha's browser and its page are sent."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.page: Page = desk.page()
        self.answers: list[MediaAnswer] = []
        self.media: list[bytes] = []

    async def talking(self, parties: dict[str, str] = TO_ASHA) -> tuple[str, str]:
        """A call that is bridged: its id, and the browser's session."""
        house = self.desk.house
        house.alice.on_invite = answers(1.0)
        call = await self.desk.ringing(**parties)
        self.answers.append(await self.desk.line.answer(ASHA, call.call_id, "an offer", self.page.page_id))
        name = next(iter(self.desk.gateway.sessions))
        host, port = self.desk.gateway.sessions[name]
        for each in (port, port + 1):
            house.media_network.attach(TransportAddress("udp", host, each), self._took)
        self.desk.gateway.connect(name)
        await house.until(lambda: house.state(call) == "bridged")
        house.alice.speak()
        await house.run(3.0)
        assert self.media, "media are among what is looked at"
        return call.call_id, name

    def _took(self, content: bytes, _source: TransportAddress, _local: TransportAddress) -> None:
        self.media.append(content)

    def everything(self) -> bytes:
        """As bytes: events, answers, what the gateway is told, SIP to the line, media to the gateway's plain side."""
        gateway, network = self.desk.gateway, self.desk.house.network
        texts = [*told(self.page), *self.answers, gateway.wishes, gateway.aims, gateway.sessions]
        sent = [each.content for each in network.carried if each.destination.host == AGENTS_LINE.host]
        return b"\n".join([*(str(text).encode() for text in texts), *sent, *self.media])


async def to_the_agent(heard: Heard) -> None:
    call_id, _ = await heard.talking()
    heard.desk.house.alice.press("5")
    heard.desk.house.alice.reinvite(ALICE.sdp(8, version=2, direction="sendonly"))
    await heard.desk.house.run(2.0)
    heard.desk.line.press(ASHA, call_id, "42#")
    await heard.desk.house.run(2.0)
    heard.desk.house.alice.hang_up()


async def from_the_agent(heard: Heard) -> None:
    call_id, _ = await heard.talking(FROM_ASHA)
    heard.desk.line.hold(ASHA, call_id, held=True)
    await heard.desk.house.run(1.0)
    heard.desk.line.hold(ASHA, call_id, held=False)
    await heard.desk.house.run(1.0)
    heard.desk.line.hang_up(ASHA, call_id)


async def back_to_the_agent(heard: Heard) -> None:
    await heard.talking()
    heard.desk.house.alice.hang_up()
    await heard.desk.house.run(5.0)
    call = await heard.desk.house.arrive(MASKED)
    await heard.desk.house.until(lambda: len(heard.desk.line) == 1)
    heard.desk.line.decline(ASHA, call.call_id)


async def given_up_by_the_caller(heard: Heard) -> None:
    heard.desk.house.alice.on_invite = answers(1.0)
    await heard.desk.ringing(**TO_ASHA)
    heard.desk.house.alice.hang_up()


async def refused_by_the_other_party(heard: Heard) -> None:
    heard.desk.house.alice.on_invite = rejects(486)
    call = await heard.desk.ringing(**FROM_ASHA)
    heard.answers.append(await heard.desk.line.answer(ASHA, call.call_id, "an offer"))
    heard.desk.gateway.connect(next(iter(heard.desk.gateway.sessions)))


async def lost_and_found(heard: Heard) -> None:
    call_id, name = await heard.talking()
    heard.desk.gateway.disconnect(name)
    await heard.desk.house.run(2.0)
    heard.answers.append(await heard.desk.line.restart(ASHA, call_id, "a fragment"))
    heard.desk.gateway.reconnect(name)
    await heard.desk.house.run(2.0)
    heard.desk.gateway.vanish(name)
    heard.answers.append(await heard.desk.line.answer(ASHA, call_id, "a new page's offer"))
    heard.desk.gateway.connect(name)
    await heard.desk.house.run(2.0)
    heard.desk.gateway.disconnect(name)
    await heard.desk.house.run(31.0)


@pytest.fixture
async def heard() -> AsyncIterator[Heard]:
    desk = await Desk.open()
    yield Heard(desk)
    await desk.close()


@pytest.mark.parametrize(
    "kind",
    [
        to_the_agent,
        from_the_agent,
        back_to_the_agent,
        given_up_by_the_caller,
        refused_by_the_other_party,
        lost_and_found,
    ],
)
async def test_no_call_shows_the_phone_to_the_browser(heard: Heard, kind: Callable[[Heard], Awaitable[None]]) -> None:
    await kind(heard)
    await heard.desk.house.run(10.0)
    alice = heard.desk.house.alice
    alice.fall_silent()
    everything = heard.everything()
    assert b"INVITE" in everything
    assert MASKED.encode() in everything
    secrets = (*ALICE.secrets(), *alice.source_marks(), *alice.marks())
    assert [secret for secret in secrets if secret in everything] == []


async def test_a_call_between_agents_shows_neither_to_the_other(heard: Heard) -> None:
    desk = heard.desk
    ravi = desk.page(RAVI)
    call = await desk.ringing(party_a="agent:asha", party_b="agent:ravi")
    name = await desk.connected(call)
    await desk.house.until(lambda: len(desk.line) == 2)
    await desk.line.answer(RAVI, call.call_id, "an offer")
    session = next(each for each in desk.gateway.sessions if each != name)
    desk.gateway.connect(session)
    await desk.house.until(lambda: desk.house.state(call) == "bridged")
    asha, of_ravi = str(told(heard.page)), str(told(ravi))
    (_, port_a), (_, port_b) = desk.gateway.sessions[name], desk.gateway.sessions[session]
    invites = [each.content for each in desk.house.network.carried if each.destination == AGENTS_LINE]
    to_a, to_b = (
        b"".join(content for content in invites if f"{AGENT_LEG_HEADER}: {call.call_id}/{leg}\r\n".encode() in content)
        for leg in "ab"
    )
    assert to_a
    assert to_b
    assert [word for word in ("ravi", str(port_b)) if word in asha or word.encode() in to_a] == []
    assert [word for word in ("asha", str(port_a)) if word in of_ravi or word.encode() in to_b] == []
    desk.line.hang_up(RAVI, call.call_id)
    await desk.house.ended(call)

"""The packet path does not keep up with its commands: what a dialog then gets is an answer or an end, at once."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from b2bua.sip.events import IncomingInvite, SessionRefreshed
from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from media.errors import MediaOverloaded
from tests.scenarios.conftest import OpenHouse
from tests.support.agents import answer_to
from tests.support.house import MASKED, OURS, House
from tests.support.memory_media import MemoryPath
from tests.support.routes import DIALLED, RELAYED
from tests.support.scripted_phone import Phone, answers

TEMPORARY_FAILURE = 'Q.850;cause=41;text="Temporary failure"'


@contextmanager
def overloaded(monkeypatch: pytest.MonkeyPatch, verb: str = "set_remote") -> Iterator[None]:
    """Commands of one kind are refused meanwhile."""

    def refuse(self: MemoryPath, *arguments: object) -> None:
        raise MediaOverloaded("too much")

    with monkeypatch.context() as patched:
        patched.setattr(MemoryPath, verb, refuse)
        yield


def reason_of(phone: Phone, method: str = "BYE") -> str | None:
    """The Reason of the first request of that kind that came to a phone."""
    return phone.requests(method)[0].headers.get("Reason")


async def test_a_called_party_that_answers_into_it_is_hung_up_and_a_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    call = await house.place()
    await house.until(lambda: house.state(call) == "dialling_b")
    with overloaded(monkeypatch):
        await house.until(lambda: house.bob.was_hung_up)
    assert house.state(call) == "telling_a"
    assert reason_of(house.bob) == TEMPORARY_FAILURE
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("failed", "b_unreachable", 0)


async def test_the_first_party_that_answers_into_it_is_hung_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.alice.on_invite = answers(1.0)
    with overloaded(monkeypatch):
        cdr = await house.ended(await house.place())
    assert (cdr.status, cdr.hangup_cause) == ("failed", "network_error")
    assert reason_of(house.alice) == TEMPORARY_FAILURE
    assert house.bob.received == []


async def test_early_media_are_done_without(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def behave(phone: Phone, event: IncomingInvite) -> None:
        phone.clock.call_later(1.0, lambda: phone.respond(183, phone.persona.sdp()))
        phone.clock.call_later(5.0, lambda: phone.answer(to=event))

    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = behave
    call = await house.place()
    await house.until(lambda: house.bob.invites)
    with overloaded(monkeypatch):
        await house.run(2.0)
    await house.until(lambda: house.state(call) == "bridged")
    house.bob.hang_up()
    assert (await house.ended(call)).status == "completed"


async def test_a_changed_offer_gets_500_and_the_session_stays(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    call = await house.bridged()
    held = house.alice.persona.sdp(direction="sendonly", version=2)
    with overloaded(monkeypatch):
        house.alice.reinvite(held)
        await house.until(lambda: house.alice.answers())
    (refusal,) = house.alice.answers()
    assert refusal.status == 500
    assert 0 <= int(refusal.headers.get("Retry-After") or "-1") <= 10
    assert house.state(call) == "bridged"
    before = len(house.bob.received_rtp)
    await house.run(2.0)
    assert len(house.bob.received_rtp) > before, "they go on talking"

    house.alice.reinvite(held)
    await house.until(lambda: len(house.alice.answers()) == 2)
    answer = house.alice.answers()[1]
    assert answer.status == 200
    assert b"a=recvonly" in answer.body
    assert version_of(answer.body) == version_of(house.alice.invites[0].body) + 1, "what was not sent is not counted"
    house.bob.hang_up()
    assert (await house.ended(call)).status == "completed"


def version_of(sdp: bytes) -> int:
    """The version in o=."""
    return int(next(line for line in sdp.decode().splitlines() if line.startswith("o=")).split()[2])


async def test_an_answer_in_the_first_ack_that_cannot_be_taken_ends_the_call(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await open_house(trunks=RELAYED)
    house.bob.on_invite = answers(1.0)
    phone = house.alice
    answered: list[Response] = []

    def behave(message: Request | Response, _source: TransportAddress) -> None:
        if isinstance(message, Response) and message.status == 200 and message.cseq.method == "INVITE":
            answered.append(message)
        elif isinstance(message, Request) and message.method == "BYE":
            phone.send(answer_to(message, 200), OURS)

    phone.raw = behave
    call = await house.arrive(DIALLED, body=b"")
    await house.until(lambda: answered)
    with overloaded(monkeypatch):
        phone.send(ack_of(answered[0], phone), OURS)
        record = await house.relayed(call)
    assert record.hangup_cause == "network_error"
    assert reason_of(phone) == TEMPORARY_FAILURE
    assert house.bob.was_hung_up


def ack_of(answer: Response, phone: Phone) -> bytes:
    """An ACK with the answer to the offer of a 200."""
    headers, body = answer.headers, phone.persona.sdp()
    lines = [
        f"ACK sip:{OURS.host}:{OURS.port} SIP/2.0",
        f"Via: SIP/2.0/UDP {phone.persona.sip.host}:{phone.persona.sip.port};branch=z9hG4bKack",
        *(f"{name}: {headers.get(name)}" for name in ("From", "To", "Call-ID")),
        f"CSeq: {answer.cseq.number} ACK",
        "Max-Forwards: 70",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def test_an_answer_to_a_refresh_that_cannot_be_taken_leaves_the_media(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = await house.bridged()
    moved = house.alice.persona.sdp(version=2)
    with overloaded(monkeypatch):
        for usage in tuple(house.switch._usages):
            house.switch.on_sip_event(SessionRefreshed(usage, moved, "application/sdp"))
    await house.run(1.0)
    assert house.state(call) == "bridged"
    house.bob.hang_up()
    assert (await house.ended(call)).status == "completed"


async def test_a_caller_that_cannot_hear_the_announcement_is_refused_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with overloaded(monkeypatch, "play"):
        began = house.clock.time()
        refusal = await house.refused(MASKED)
    assert refusal.status == 403
    assert house.clock.time() - began < 1.0


async def test_a_recording_that_cannot_be_begun_leaves_no_file(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    with overloaded(monkeypatch, "set_tap"):
        call = await house.place()
        cdr = await house.ended(call)
    assert cdr.hangup_cause == "network_error"
    assert house.recorder.abandoned == [call.call_id]
    assert house.recorder.lengths_s == {}


@pytest.mark.parametrize("verb", ["set_tap", "after"])
async def test_a_recording_ends_with_its_call_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    call = await house.bridged()
    await house.run(9.0)
    with overloaded(monkeypatch, verb):
        house.bob.hang_up()
        cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")
    assert house.recorder.lengths_s[call.call_id] == pytest.approx(10.0)
    assert (await house.words(call))[-1] == "recording.ready"

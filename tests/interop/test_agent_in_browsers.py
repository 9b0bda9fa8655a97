"""The JavaScript client in Chromium and in Firefox, whose microphones hear a tone, and baresip at the trunks, which
says others."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.interop.agent_desk import Desk, Seen, agent_desk, both_hear, keys_cross, recorded_apart
from tests.interop.chromium import chromium, hears
from tests.interop.firefox import firefox
from tests.interop.masked_call import TONE_A_HZ, TONE_B_HZ, MaskedCall
from tests.interop.phones_desk import BROWSER_HZ
from tests.interop.tones import heard_in
from tests.support.service_under_test import MASKED_NUMBER

pytestmark = [
    pytest.mark.interop,
    pytest.mark.sockets,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with agent_desk(tmp_path_factory.mktemp("desk")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", params=["chromium", "firefox"])
async def seen(desk: Desk, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Seen]:
    started = chromium(desk.microphone) if request.param == "chromium" else firefox(tmp_path / "home", BROWSER_HZ)
    async with started as browser:
        page = Seen(await (await browser.new_context()).new_page())
        await desk.open(page.page)
        yield page
        # A network that is gone is no mistake of the page's.
        assert [each for each in page.complaints if "ERR_INTERNET_DISCONNECTED" not in each] == []


async def test_an_agent_is_called_by_a_phone(desk: Desk, seen: Seen) -> None:
    phone, since = desk.a, len(desk.a.events.entries)
    call = await desk.phones.place("agent:asha")
    await seen.becomes("window.call?.state === 'ringing'")
    assert await seen.script("[call.maskedNumber, call.direction]") == [MASKED_NUMBER, "incoming"]
    await seen.script("call.answer()")
    assert await seen.script("[call.state, agent.presence]") == ["connected", "busy"]
    await both_hear(seen, phone)
    await keys_cross(seen, phone, since)

    await seen.script("call.mute()")
    await phone.hears_no_more(BROWSER_HZ)
    await seen.script("call.mute(false)")
    await phone.hears_now(BROWSER_HZ)
    await seen.script("call.hold()")
    await phone.hears_no_more(BROWSER_HZ)
    await hears(seen.page, (), (TONE_A_HZ,))
    await seen.script("call.resume()")
    await both_hear(seen, phone)
    await phone.command("hold")
    await hears(seen.page, (), (BROWSER_HZ,))
    await phone.hears_no_more(BROWSER_HZ)
    await phone.command("resume")  # it goes on receiving then, and decodes nothing any more
    await phone.receives()
    await hears(seen.page, (TONE_A_HZ,), (BROWSER_HZ,))

    await seen.script("call.hangUp()")
    await phone.told("CALL_CLOSED", since=since)
    assert await seen.script("[call.endReason, agent.presence]") == ["hung_up", "available"]
    await desk.phones.ended(call, "b")
    await recorded_apart(call, TONE_A_HZ, BROWSER_HZ)


async def test_an_agent_calls_a_phone_and_its_network_and_page_come_and_go(desk: Desk, seen: Seen) -> None:
    phone, since = desk.b, len(desk.b.events.entries)
    await seen.script(f"agent.call('{desk.phones.number(phone)}', {{ reference: 'order 7' }})")
    await seen.becomes("window.call?.state === 'connected'")
    assert await seen.script("[call.direction, call.reference]") == ["outgoing", "order 7"]
    call = MaskedCall(desk.service, str(await seen.script("call.id")))
    await phone.told("CALL_ESTABLISHED", since=since)
    await both_hear(seen, phone)

    page_id = await seen.script("agent.pageId")
    await seen.page.context.set_offline(True)
    await seen.page.context.set_offline(False)
    await seen.becomes(f"agent.connected && agent.pageId !== '{page_id}' && call.state === 'connected'")
    await both_hear(seen, phone)
    await seen.script("call.reconnect()")
    await both_hear(seen, phone)
    assert "reconnecting" in await seen.script("states")
    await seen.page.reload()
    await seen.becomes("window.call?.state === 'connected'")
    await both_hear(seen, phone)
    await keys_cross(seen, phone, since)

    await phone.command("hangup")
    await seen.becomes("call.state === 'ended'")
    assert await seen.script("call.endReason") == "other_party"
    await desk.phones.ended(call, "b")
    await recorded_apart(call, BROWSER_HZ, TONE_B_HZ)


async def test_two_agents_talk_in_opus(desk: Desk, seen: Seen) -> None:
    async with chromium(desk.microphone) as browser:
        ravi = Seen(await browser.new_page())
        await desk.open(ravi.page, "ravi")
        await agents_talk(desk, seen, ravi)
        assert ravi.complaints == []


async def agents_talk(desk: Desk, seen: Seen, ravi: Seen) -> None:
    await seen.script("void agent.call('agent:ravi')")
    await ravi.becomes("window.call?.state === 'ringing'")
    await ravi.script("call.answer()")
    for page in (seen, ravi):
        await page.becomes("call.state === 'connected'")
        await hears(page.page, (BROWSER_HZ,), (TONE_A_HZ, TONE_B_HZ))
    await seen.script("call.mute()")
    await hears(ravi.page, (), (BROWSER_HZ,))
    await seen.script("call.mute(false)")
    call = MaskedCall(desk.service, str(await seen.script("call.id")))
    await ravi.script("call.hangUp()")
    await seen.becomes("call.state === 'ended'")
    status = await desk.phones.ended(call, "b")
    assert [leg["codec"] for leg in status["legs"]] == ["opus", "opus"]
    wav = await call.recording()
    assert heard_in(wav, 0).present_s(BROWSER_HZ) > 1 < heard_in(wav, 1).present_s(BROWSER_HZ)


async def test_a_supervisor_listens_whispers_barges_and_leaves(desk: Desk, seen: Seen) -> None:
    call = await desk.phones.place(desk.phones.number(desk.b))
    await desk.phones.bridged(call)
    await seen.script(f"supervise('{call.call_sid}')")
    await seen.script("seat.join()")
    await seen.becomes("seat.state === 'connected'")
    await hears(seen.page, (TONE_A_HZ, TONE_B_HZ), (BROWSER_HZ,))
    await desk.phones.supervisor_heard_by()
    for mode, phone in (("whisper_a", desk.a), ("whisper_b", desk.b)):
        await seen.script(f"seat.change('{mode}')")
        await desk.phones.supervisor_heard_by(phone)
    await seen.script("seat.change('barge')")
    await desk.phones.supervisor_heard_by(desk.a, desk.b)
    await seen.script("states.length = 0")
    await seen.page.context.set_offline(True)
    await seen.page.context.set_offline(False)
    await seen.becomes("states.includes('reconnecting') && seat.state === 'connected'")
    await desk.phones.supervisor_heard_by(desk.a, desk.b)
    await hears(seen.page, (TONE_A_HZ, TONE_B_HZ))
    await seen.script("seat.change('listen')")
    await desk.phones.supervisor_heard_by()
    await seen.script("seat.leave()")
    assert await seen.script("seat.state") == "out"

    await desk.a.command("hangup")
    await desk.phones.ended(call, "a")
    await recorded_apart(call, TONE_A_HZ, TONE_B_HZ)
    wav = await call.recording()
    assert heard_in(wav, 0).present_s(BROWSER_HZ) < 0.1 > heard_in(wav, 1).present_s(BROWSER_HZ)
    audited = json.dumps(await desk.service.command("audit", "--org", desk.service.org_id))
    assert [f"supervisor.{step}" in audited for step in ("join", "mode", "leave")] == [True, True, True]

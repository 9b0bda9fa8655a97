"""The JavaScript client in Chromium alone: several pages, refusals, and a browser that is cut off or is gone."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.interop.agent_desk import Desk, Seen, agent_desk, both_hear
from tests.interop.chromium import chromium, homed_chromium

pytestmark = [
    pytest.mark.interop,
    pytest.mark.sockets,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

RUPEES_A_MINUTE = 1.5


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with agent_desk(tmp_path_factory.mktemp("desk")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def seen(desk: Desk) -> AsyncIterator[Seen]:
    async with chromium(desk.microphone) as browser:
        page = Seen(await (await browser.new_context()).new_page())
        await desk.open(page.page)
        yield page
        assert page.complaints == []


async def test_of_two_pages_of_an_agent_the_first_to_answer_has_the_call(desk: Desk, seen: Seen) -> None:
    other = Seen(await seen.page.context.new_page())
    await desk.open(other.page)
    call = await desk.phones.place("agent:asha")
    for page in (seen, other):
        await page.becomes("window.call?.state === 'ringing'")
    await other.script("call.answer()")
    await seen.becomes("call.state === 'ended'")
    assert await seen.script("call.endReason") == "answered_elsewhere"
    await both_hear(other, desk.a)
    await other.script("call.hangUp()")
    await desk.phones.ended(call, "b")
    assert other.complaints == []


async def test_what_goes_wrong_is_told(seen: Seen) -> None:
    refused = "error => [error.name, error.code, error.status]"
    assert await seen.script(f"agent.call('123').catch({refused})") == ["MaskbridgeError", "invalid_numbers", 400]
    await seen.script("supervise('94684176-5dcb-421c-9c45-3c1104744404')")
    assert await seen.script(f"seat.join().catch({refused})") == ["MaskbridgeError", "not_found", 404]
    assert await seen.script("seat.state") == "out"
    wrong = "new agent.constructor({ url: agentUrl, token: 'at_wrong' }).connect()"
    assert await seen.script(f"{wrong}.catch({refused})") == ["MaskbridgeError", "unauthorized", 401]
    seen.complaints.clear()  # the console names every reply that is a refusal


async def test_a_call_waits_for_a_browser_whose_network_is_gone_for_longer_than_its_consent(
    desk: Desk, tmp_path: Path
) -> None:
    async with homed_chromium(desk.microphone, tmp_path / "home") as homed:
        page = Seen(await homed.context.new_page())
        await desk.open(page.page)
        call = await desk.phones.place("agent:asha")
        await page.becomes("window.call?.state === 'ringing'")
        await page.script("call.answer()")
        await both_hear(page, desk.a)
        homed.cut_network()
        await page.becomes("call.state === 'reconnecting'")
        for _ in range(60):
            happened = json.dumps(await desk.read(f"/v1/masking/calls/{call.call_sid}/events"))
            if "agent.disconnected" in happened:
                break
            await asyncio.sleep(1)
        assert "agent.disconnected" in happened
        await asyncio.sleep(5)
        homed.mend_network()
        await page.becomes("call.state === 'connected'")
        await both_hear(page, desk.a)
        await page.script("call.hangUp()")
        await desk.phones.ended(call, "b")
        assert page.complaints == []


async def test_a_browser_that_vanishes_ends_its_call_after_consent_and_grace(desk: Desk, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with homed_chromium(desk.microphone, tmp_path / "home") as homed:
        page = Seen(await homed.context.new_page())
        await desk.open(page.page)
        since = len(desk.a.events.entries)
        call = await desk.phones.place("agent:asha")
        await page.becomes("window.call?.state === 'ringing'")
        await page.script("call.answer()")
        answered_at = loop.time()
        await both_hear(page, desk.a)
        homed.vanish()
        gone_at = loop.time()
        await desk.a.told("CALL_CLOSED", 90, since=since)
        ended_at = loop.time()
    # Consent of 30 s since the browser last gave it, which it does every 4 to 6 s, and as long for it to come back.
    assert 53 < ended_at - gone_at < 64
    status = await desk.phones.ended(call, "b")
    assert status["duration_sec"] == pytest.approx(ended_at - answered_at, abs=1.5)
    minutes = -(-status["duration_sec"] // 60)
    assert (status["bill_duration_sec"], status["price"]) == (minutes * 60, minutes * RUPEES_A_MINUTE)
    logged = await desk.read("/v1/masking/call-logs")
    assert [each["call_sid"] for each in logged].count(call.call_sid) == 1
    happened = json.dumps(await desk.read(f"/v1/masking/calls/{call.call_sid}/events"))
    assert [step in happened for step in ("agent.connected", "agent.disconnected")] == [True, True]

"""An agent in a running service: a browser over ICE, DTLS and SRTP on one side, a phone behind the trunk opposite.

Bad offers, wrong fingerprints, floods and tokens that are none are refused clearly, and a call hears nothing of it.
"""

import asyncio
import json
import re
import socket
import sqlite3
from array import array
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import pytest_asyncio
from aioice import stun

from media.codecs.g711 import alaw_to_linear
from media.codecs.opus import NO_WISHES
from media.codecs.speech import new_decoder, new_encoder
from media.codecs.table import OPUS
from tests.media.webrtc.offers import CHROME, FINGERPRINT, without
from tests.support.agent_bench import FROM_BROWSER, NUMBER, AgentBench, AgentPage, agent_bench, meanwhile
from tests.support.plain_browser import PlainBrowser
from tests.support.rtp_probe import amplitude, to_a_law_tone
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.service_under_test import MASKED_NUMBER
from tests.support.spectrum import sine
from tests.support.until import until

pytestmark = [pytest.mark.sockets, pytest.mark.asyncio(loop_scope="module")]


SDP = {"Content-Type": "application/sdp"}
FLOOD, STRANGERS = 2000, 20
OFFERS = (
    ("garbage", "not of the form type=value"),
    ("", "no m= line"),
    (CHROME * 20, "more than 32 m= lines"),
    (without(CHROME, "a=fingerprint"), "no a=fingerprint"),
    (CHROME.replace("sha-256", "sha-1"), "no a=fingerprint of SHA-256"),
    (without(CHROME, "a=ice-ufrag"), "no a=ice-ufrag"),
    (without(CHROME, "a=setup"), "no a=setup"),
    (without(CHROME, "a=rtcp-mux"), "no a=rtcp-mux"),
    (CHROME.replace("m=audio 9", "m=audio 0"), "no audio"),
    (CHROME.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "not UDP/TLS/RTP/SAVPF"),
    (re.sub("(?m)^m=audio .*$", "m=audio 9 UDP/TLS/RTP/SAVPF 9", CHROME), "none of the codecs"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AgentBench]:
    async with agent_bench(tmp_path_factory.mktemp("service")) as opened:
        yield opened


@pytest.fixture
def bench(running: AgentBench) -> AgentBench:
    """As if nobody had called yet."""
    running.page.events.clear()
    running.phone.hung_up.clear()
    running.media.heard.clear()
    return running


async def test_a_phone_and_a_browser_talk_and_the_page_is_loaded_anew_meanwhile(bench: AgentBench) -> None:
    page = bench.page
    call = await bench.call("asha")
    await until(lambda: page.told("ringing"))
    [ringing] = page.told("ringing")
    assert (ringing["call_sid"], ringing["masked_number"], ringing["direction"]) == (call, MASKED_NUMBER, "incoming")
    browser = await page.answer(call)
    await until(lambda: page.told("connected"))
    await bench.both_hear(browser)

    await browser.close()
    await until(lambda: page.told("disconnected"))
    again = await page.answer(call)
    await until(lambda: len(page.told("connected")) == 2)
    await bench.both_hear(again)

    status, _, _ = await page.send("DELETE", f"/v1/agent/calls/{call}/media")
    assert status == 204
    await until(bench.phone.hung_up.is_set)
    ending = await bench.service.ending(call, 20)
    assert ending is not None
    assert (ending.event, ending.data["hangup_cause"], ending.data["hangup_party"]) == (
        "call.completed",
        "normal",
        "b",
    )
    assert NUMBER not in json.dumps(page.events)
    listed = json.dumps(await bench.service.command("trunks"))
    assert "real" in listed
    assert "agents" not in listed
    await again.close()
    await _call_with_opus_alone(bench)


OPUS_TYPE, TONE_HZ, PHONE_HZ = 111, 1000, 400


async def _call_with_opus_alone(bench: AgentBench) -> None:
    """A browser that has nothing but Opus, and a phone that has it not: tones tell that it is converted both ways."""
    page, media = bench.page, bench.media
    page.events.clear()
    media.heard.clear()
    call = await bench.call("asha")
    await until(lambda: page.told("ringing"))
    browser = PlainBrowser("actpass", lite=True)
    offer = browser.offer(f"{OPUS_TYPE} 110")
    headers = {"Content-Type": "application/sdp"}
    status, answer, _ = await page.send("POST", f"/v1/agent/calls/{call}/media", data=offer, headers=headers)
    assert status == 201, answer
    assert f"a=rtpmap:{OPUS_TYPE} opus/48000/2" in answer
    browser.take(answer)
    await until(lambda: page.told("connected"))
    speaks, hears = new_encoder(OPUS, 16_000, NO_WISHES), new_decoder(OPUS, 16_000)
    audio = array("h", sine(TONE_HZ, 16_000, 16_000)).tobytes()
    frames = [speaks.encode(audio[at : at + 640]) for at in range(0, len(audio), 640)]

    async def talk() -> None:
        number = 0
        while True:
            number += 1
            browser.say(frames[number % 50], OPUS_TYPE, 960)
            media.say(bench.phone.media_port, to_a_law_tone(PHONE_HZ))
            await asyncio.sleep(0.02)

    def both_heard() -> bool:
        to_phone = [sample for packet in media.heard[-10:] for sample in alaw_to_linear(packet.payload)]
        return len(browser.heard) > 25 and len(to_phone) >= 1600 and amplitude(to_phone, TONE_HZ) > 0.2

    await meanwhile(talk, both_heard)
    assert {packet.payload_type for packet in browser.heard} == {OPUS_TYPE}
    heard = array("h", b"".join(hears.decode(packet.payload) for packet in browser.heard))
    assert amplitude(heard[-8000::2], PHONE_HZ) > 0.2
    await page.send("DELETE", f"/v1/agent/calls/{call}/media")
    browser.close()


async def test_a_call_goes_on_when_the_token_of_its_agents_page_ends(bench: AgentBench) -> None:
    page = await bench.open("noor")
    call = await bench.call("noor")
    await until(lambda: page.told("ringing"))
    browser = await page.answer(call)
    await until(lambda: page.told("connected"))
    end_tokens_of(bench, "noor")
    for method, path in (("GET", "me"), ("GET", "events"), ("POST", f"calls/{call}/hold")):
        status, text, _ = await page.send(method, f"/v1/agent/{path}")
        assert (status, json.loads(text)["error"]["code"]) == (401, "unauthorized")
        assert "has ended" in text
    await bench.both_hear(browser)

    again = await bench.open_again("noor")
    await until(lambda: again.told("connected"))
    assert [told["call_sid"] for told in again.told("connected")] == [call]
    assert again.told("connected")[0]["media_id"] == page.told("connected")[0]["media_id"]
    await bench.both_hear(browser)
    assert (await again.send("DELETE", f"/v1/agent/calls/{call}/media"))[0] == 204
    await until(bench.phone.hung_up.is_set)
    assert not page.told("disconnected")
    await browser.close()


async def test_an_agent_who_is_away_may_call_and_is_not_called(bench: AgentBench) -> None:
    page = await bench.open("mira")
    assert (await page.send("PUT", "/v1/agent/state", json={"state": "away"}))[0] == 200
    status, placed, _ = await page.send("POST", "/v1/agent/calls", json={"party_b": NUMBER})
    assert status == 201, placed
    await until(lambda: page.told("ringing"))
    call = page.told("ringing")[0]["call_sid"]
    assert call == json.loads(placed)["data"]["call_sid"]
    assert (await page.send("POST", f"/v1/agent/calls/{call}/decline"))[0] == 204
    ending = await bench.service.ending(call, 20)
    assert ending is not None
    assert ending.data["hangup_cause"] == "rejected"
    ending = await bench.service.ending(await bench.call("mira"), 20)
    assert ending is not None
    assert ending.data["hangup_cause"] == "b_unreachable"


def end_tokens_of(bench: AgentBench, agent: str) -> None:
    """As if their hour were over."""
    [database] = bench.service.folder.rglob("*.db")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE agent_tokens SET expires_at = created_at + 1 WHERE agent = ?", (agent,))


async def test_who_attacks_is_refused_and_the_call_goes_on(bench: AgentBench) -> None:
    call = await bench.call("asha")
    await until(lambda: bench.page.told("ringing"))
    browser = await bench.page.answer(call)
    await until(lambda: bench.page.told("connected"))
    await bench.both_hear(browser)
    talk = Talk(bench, browser)
    ravi = await bench.open("ravi")
    status, placed, _ = await ravi.send("POST", "/v1/agent/calls", json={"party_b": NUMBER})
    assert status == 201, placed
    await until(lambda: ravi.told("ringing"))
    await bad_offers_are_refused(ravi, json.loads(placed)["data"]["call_sid"], call)
    await a_wrong_fingerprint_connects_nobody(ravi, json.loads(placed)["data"]["call_sid"])
    await flood(browser, talk)
    await bad_tokens_open_nothing(bench)
    await until(lambda: talk.said > 100)
    await talk.end()
    await until(lambda: talk.heard() == talk.said)
    assert not bench.page.told("disconnected")
    await bench.both_hear(browser)
    bench.phone.hang_up()
    ending = await bench.service.ending(call, 20)
    assert ending is not None
    assert (ending.event, ending.data["hangup_party"]) == ("call.completed", "a")
    legs = ending.data["legs"]
    assert isinstance(legs, list)
    assert [leg["packets_lost"] for leg in legs] == [0, 0]
    await browser.close()


class Talk:
    """Asha's browser speaks, and each of its packets is to be heard."""

    def __init__(self, bench: AgentBench, browser: ScriptedBrowser) -> None:
        self.said = 0
        self._media = bench.media
        self._browser = browser
        self._before = self._count()
        self._task = asyncio.ensure_future(self._talk())

    async def _talk(self) -> None:
        while True:
            await self._browser.say(FROM_BROWSER)
            self.said += 1
            await asyncio.sleep(0.02)

    def _count(self) -> int:
        return sum(packet.payload == FROM_BROWSER for packet in self._media.heard)

    def heard(self) -> int:
        return self._count() - self._before

    async def is_heard(self) -> None:
        """Wait until all that was said so far has been, and with it what came to the same socket."""
        said = self.said
        await until(lambda: self.heard() > said)

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def bad_offers_are_refused(page: AgentPage, ringing: str, of_another: str) -> None:
    path = f"/v1/agent/calls/{ringing}/media"
    for offer, said in OFFERS:
        status, text, _ = await page.send("POST", path, data=offer, headers=SDP)
        assert (status, json.loads(text)["error"]["code"]) == (400, "invalid_request")
        assert said in text
    status, text, _ = await page.send("POST", path, data=CHROME, headers={"Content-Type": "text/plain"})
    assert (status, json.loads(text)["error"]["code"]) == (415, "unsupported_media_type")
    status, text, _ = await page.send("POST", f"/v1/agent/calls/{of_another}/media", data=CHROME, headers=SDP)
    assert (status, json.loads(text)["error"]["code"]) == (404, "not_found")
    assert page.told("stopped") == []  # it rings on


async def a_wrong_fingerprint_connects_nobody(page: AgentPage, call: str) -> None:
    browser = ScriptedBrowser()
    offer = re.sub(r"a=fingerprint:sha-256 .*", f"a=fingerprint:{FINGERPRINT}", await browser.offer())
    status, answer, _ = await page.send("POST", f"/v1/agent/calls/{call}/media", data=offer, headers=SDP)
    assert status == 201
    await browser.take(answer)
    await until(lambda: any(stopped["reason"] == "failed" for stopped in page.told("stopped")))
    assert page.told("connected") == []
    await browser.close()


async def flood(browser: ScriptedBrowser, talk: Talk) -> None:
    """STUN, DTLS, RTP and nothing at all of strangers, at the port that the call's browser is met on.

    Never more at once than its socket has room for, however long its reader waits for a processor: the kernel drops
    the rest, and packets of the call with it.
    """
    at = browser.ice._nominated[1].remote_addr
    request = bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST))
    datagrams = (request, b"\x16\xfe\xfd" + bytes(60), b"\x80\x08" + bytes(170), b"\xff" * 40, b"\x00" * 3)
    for _ in range(STRANGERS):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for number in range(FLOOD // STRANGERS):
                stranger.sendto(datagrams[number % len(datagrams)], at)
        await talk.is_heard()


async def bad_tokens_open_nothing(bench: AgentBench) -> None:
    for token, said in (("at_" + "0" * 64, "token of an agent"), ("at_wrong", "API key"), ("", "API key")):
        headers = {"Authorization": f"Bearer {token}"}
        for path in ("me", "events"):
            async with bench.http.get(f"{bench.service.url}/v1/agent/{path}", headers=headers) as reply:
                assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
                assert said in await reply.text()

"""The product as it runs, with `storage.encrypt`: a call that is paused for a while, its files, its URL and its end."""

import asyncio
import hashlib
import io
import os
import signal
import wave
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from b2bua.demo.children import Child, product
from b2bua.demo.workplace import choose_ports
from b2bua.tokens import SystemTokens
from tests.support.loopback_phone import LoopbackPhone
from tests.support.rtp_probe import RtpProbe, amplitude
from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk

TONES_HZ = (700.0, 1100.0)


class Talk:
    """A masked call between two phones on loopback, both of which send a tone."""

    def __init__(self, service: ServiceUnderTest, phones: list[LoopbackPhone], probes: list[RtpProbe]) -> None:
        self._service = service
        self.phones = phones
        self._probes = probes
        self.call_sid = ""

    async def begin(self) -> None:
        """Returns once both are connected."""
        parties = [f"sip:{n}@127.0.0.1:{phone.port}" for n, phone in zip(("one", "two"), self.phones, strict=True)]
        placed, _ = await self._service.client.place(*parties)
        self.call_sid = str(placed["call_sid"])
        await self.told("call.bridged")

    async def told(self, event: str, timeout_s: float = 40) -> dict[str, object]:
        """The data of an event of this call."""
        told = await self._service.webhooks.wait_for(
            lambda webhook: webhook.call_sid == self.call_sid and webhook.event == event, timeout_s
        )
        assert told is not None, self._service.service.last_words()
        return dict(told.data)

    async def pause(self, verb: str) -> None:
        """Pause the recording, or go on with it."""
        reply = await self._service.client.post(f"/v1/masking/calls/{self.call_sid}/recording/{verb}")
        assert reply.status == 200, reply.body

    async def speak(self, seconds: float) -> None:
        """Both send their tone for so long."""
        await asyncio.gather(
            *(
                probe.speak(phone.media_port, tone_hz, seconds)
                for probe, phone, tone_hz in zip(self._probes, self.phones, TONES_HZ, strict=True)
            )
        )


async def open_talk(stack: AsyncExitStack, folder: Path) -> tuple[ServiceUnderTest, Talk]:
    ports = choose_ports(SystemTokens())
    probes = [await RtpProbe.open() for _ in range(2)]
    phones = []
    for port, probe in zip((ports.phone_a_sip, ports.phone_b_sip), probes, strict=True):
        stack.callback(probe.close)
        phone = LoopbackPhone(port, probe.port)
        await phone.open()
        stack.callback(phone.close)
        phones.append(phone)
    trunks = [trunk(name, phone.port) for name, phone in zip(("one", "two"), phones, strict=True)]
    sealed = {"storage": {"encrypt": True}}
    service = await stack.enter_async_context(service_under_test(folder, trunks, sections=sealed))
    return service, Talk(service, phones, probes)


def heard(wav: bytes, channel: int, second: float) -> float:
    """How loud the tone of a channel is in the half second from there on."""
    with wave.open(io.BytesIO(wav)) as reader:
        reader.setpos(round(second * 8000))
        samples = memoryview(reader.readframes(4000)).cast("h")
    return amplitude(samples[channel::2], TONES_HZ[channel])


async def exported(service: ServiceUnderTest, call_sid: str, place: Path) -> bytes:
    await service.command("recording", "export", call_sid, str(place))
    return await asyncio.to_thread(place.read_bytes)


@pytest.mark.sockets
@pytest.mark.timeout(120)
async def test_a_sealed_call_that_is_paused_downloaded_and_erased(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        service, talk = await open_talk(stack, tmp_path)
        await talk.begin()
        speaking = asyncio.create_task(talk.speak(7.0))
        await asyncio.wait({speaking}, timeout=2.5)
        await talk.pause("pause")
        await asyncio.wait({speaking}, timeout=2.0)
        await talk.pause("resume")
        await speaking
        talk.phones[0].hang_up()
        ready = await talk.told("recording.ready")

        folder = tmp_path / "var" / str(ready["recording_url"])
        for place in (folder, folder.with_suffix(".mp3")):
            assert (await asyncio.to_thread(place.read_bytes)).startswith(b"MBSEAL")
        shown = await service.client.get(f"/v1/masking/calls/{talk.call_sid}/recording")
        assert shown["encrypted"] is True
        pauses = shown["pauses"]
        assert isinstance(pauses, list)
        [pause] = pauses
        assert 1_500 < pause["to_ms"] - pause["from_ms"] < 3_500
        mp3 = (await service.client.fetch(str(shown["url"]))).body
        assert (len(mp3), hashlib.sha256(mp3).hexdigest()) == (shown["size_bytes"], shown["sha256"])
        part = await service.client.fetch(str(shown["url"]), Range="bytes=1000-1999")
        assert (part.status, part.body) == (206, mp3[1000:2000])

        wav = await exported(service, talk.call_sid, tmp_path / "out.wav")
        assert hashlib.sha256(wav).hexdigest() == shown["wav_sha256"]
        middle = (pause["from_ms"] + pause["to_ms"]) / 2000 - 0.25
        for channel in (0, 1):
            assert heard(wav, channel, 1.0) > 0.3
            assert heard(wav, channel, middle) == 0.0
            assert heard(wav, channel, pause["to_ms"] / 1000 + 0.5) > 0.3
        assert await service.command("recording", "verify") == {"checked": 1, "faults": []}
        metrics = (await service.client.fetch(f"{service.url}/metrics")).body.decode()
        assert "mp3_made_total 1" in metrics

        await service.command("recording", "erase", talk.call_sid)
        assert (await service.client.fetch(str(shown["url"]))).status == 404
        call = await service.client.get(f"/v1/masking/calls/{talk.call_sid}")
        assert (call["status"], call["recording_url"]) == ("completed", None)


@pytest.mark.sockets
@pytest.mark.timeout(120)
async def test_a_sealed_call_that_is_paused_survives_kill_minus_nine(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        service, talk = await open_talk(stack, tmp_path)
        await talk.begin()
        speaking = asyncio.create_task(talk.speak(5.5))
        await asyncio.wait({speaking}, timeout=2.5)
        await talk.pause("pause")
        await speaking
        os.kill(service.service.pid, signal.SIGKILL)
        assert await service.service._process.wait() == -signal.SIGKILL
        again = await Child.start(*product("serve", "-c", str(service.config)), log=tmp_path / "again.log")
        stack.push_async_callback(again.stop)
        await talk.told("recording.ready")
        shown = await service.client.get(f"/v1/masking/calls/{talk.call_sid}/recording")
        pauses = shown["pauses"]
        assert isinstance(pauses, list)
        [pause] = pauses
        assert pause["to_ms"] == shown["duration_ms"]
        wav = await exported(service, talk.call_sid, tmp_path / "out.wav")
        for channel in (0, 1):
            assert heard(wav, channel, 1.0) > 0.3
            assert heard(wav, channel, pause["from_ms"] / 1000 + 0.5) == 0.0
        assert list((tmp_path / "var").rglob("*.part")) == []
        assert await service.command("recording", "verify") == {"checked": 1, "faults": []}

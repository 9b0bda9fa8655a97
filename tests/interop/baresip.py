"""baresip as a party: a process that says a tone from a file and keeps what it hears, steered over its control port."""

import asyncio
import contextlib
import json
import re
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from b2bua.demo.children import Child
from b2bua.demo.journal import Journal
from b2bua.demo.sound import SILENCE_DB
from tests.interop.tones import LOUD_DB, QUIET_DB, RATE_HZ, Heard, heard_in, newest_in, write_tone
from tests.support.free_ports import PortLease

MODULES = Path("/usr/lib/baresip/modules")
_PORTS = 40
_LOOK_S = 0.1
_WINDOW_S = 0.4  # longer than a beep's pause
_QUIET_S = 1.0

_CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{sip}
{tls}net_interface 127.0.0.1
call_local_timeout 120
call_max_calls 4
audio_player aubridge,nowhere
audio_source aufile,{says}
audio_alert aubridge,alert
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_buffer 20-160
rtp_ports {rtp}-{rtp_last}
rtcp_mux no
jitter_buffer_delay 1-5
module_path {modules}
module g711.so
module g722.so
module opus.so
module aufile.so
module aubridge.so
module sndfile.so
module srtp.so
module_tmp uuid.so
module_tmp account.so
module_app ctrl_tcp.so
module_app menu.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {folder}
"""


@dataclass(frozen=True, slots=True)
class PhoneEvent:
    """What baresip told of itself."""

    kind: str
    fields: Mapping[str, object]


class Baresip:
    """One running phone. Calls to it are answered at once where `answers` is true."""

    def __init__(self, child: Child, folder: Path, lease: PortLease, events: Journal[PhoneEvent]) -> None:
        self.folder = folder
        self.sip_port = lease.first
        self._lease = lease
        self.events = events
        self._child = child
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._answered: dict[str, asyncio.Future[bool]] = {}
        self._commands = 0

    @classmethod
    async def start(
        cls,
        folder: Path,
        number: str,
        tone_hz: float,
        *,
        codecs: str = "PCMA/8000/1,PCMU/8000/1",
        account: str = "",
        answers: bool = True,
        seconds: float = 40.0,
        ptime_ms: int = 20,
    ) -> "Baresip":
        """Start it on free ports; `account` are further parameters of its account, such as `;mediaenc=srtp`."""
        _make(folder)
        lease = PortLease(_PORTS)
        first = lease.first
        sip, control, rtp = first, first + 3, first + 4
        says = write_tone(folder / "says.wav", tone_hz, seconds)
        (folder / "config").write_text(
            _CONFIG.format(
                sip=sip,
                tls="",
                says=says,
                rtp=rtp,
                rtp_last=first + _PORTS - 1,
                modules=MODULES,
                control=control,
                folder=folder,
            )
        )
        mode = "auto" if answers else "manual"
        (folder / "accounts").write_text(
            f"<sip:{number}@127.0.0.1:{sip}>;regint=0;answermode={mode};audio_codecs={codecs};ptime={ptime_ms}{account}\n"
        )
        child = await Child.start("baresip", "-s", "-f", str(folder), log=folder / "baresip.log")
        phone = cls(child, folder, lease, Journal())
        await phone._connect(control)
        return phone

    async def _connect(self, port: int) -> None:
        async with asyncio.timeout(10):
            while True:
                assert self._child.running, self._child.last_words()
                with contextlib.suppress(OSError):
                    reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                await asyncio.sleep(0.05)
        self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = int((await reader.readuntil(b":"))[:-1])
                told = json.loads(await reader.readexactly(length))
                await reader.readexactly(1)
                if "event" in told:
                    self.events.add(PhoneEvent(str(told["type"]), told))
                elif (waiting := self._answered.pop(str(told.get("token")), None)) is not None:
                    waiting.set_result(bool(told["ok"]))

    async def command(self, name: str, parameters: str = "") -> bool:
        """Let it do something; whether it says that it could."""
        assert self._writer is not None
        self._commands += 1
        token = str(self._commands)
        waiting = self._answered[token] = asyncio.get_running_loop().create_future()
        asked = json.dumps({"command": name, "params": parameters, "token": token}).encode()
        self._writer.write(b"%d:%s," % (len(asked), asked))
        await self._writer.drain()
        return await asyncio.wait_for(waiting, 10)

    async def told(self, kind: str, timeout_s: float = 15.0, since: int = 0) -> PhoneEvent:
        """The first event of a kind; an assertion fails when it does not come."""
        found = await self.events.wait_for(lambda event: event.kind == kind, timeout_s, since)
        kinds = [event.kind for event in self.events.entries]
        assert found is not None, f"no {kind} in {timeout_s:g} s, only {kinds}\n{self._child.last_words()}"
        return found

    async def stop(self) -> None:
        """Hang up and end it."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
        await self._child.stop()
        self._lease.close()

    def _written(self) -> tuple[Path | None, int]:
        """The file of its newest call, and how long that is by now."""
        files = sorted(self.folder.glob("dump-*-dec.wav"), key=lambda file: file.stat().st_mtime)
        return (files[-1], files[-1].stat().st_size) if files else (None, 0)

    async def hears_now(self, tone_hz: float, timeout_s: float = 15.0) -> None:
        """Wait until a tone comes that it has not heard yet; an assertion fails when none does."""
        before = self._written()
        level = SILENCE_DB
        for _ in range(round(timeout_s / _LOOK_S)):
            await asyncio.sleep(_LOOK_S)
            newest = self._newest(before)
            level = newest.tone_db(tone_hz)
            if level > LOUD_DB and newest.seconds > _WINDOW_S / 2:
                return
        raise AssertionError(f"{tone_hz:g} Hz are at {level:.0f} dB\n{self._child.last_words()}")

    async def hears_no_more(self, tone_hz: float, timeout_s: float = 15.0) -> None:
        """Wait until a tone has been away for as long as a look takes; it may hear nothing at all."""
        level = 0.0
        for _ in range(round(timeout_s / _QUIET_S)):
            before = self._written()
            await asyncio.sleep(_QUIET_S)
            level = self._newest(before, _QUIET_S).tone_db(tone_hz)
            if level < QUIET_DB:
                return
        raise AssertionError(f"{tone_hz:g} Hz are still at {level:.0f} dB")

    async def receives(self, timeout_s: float = 15.0) -> None:
        """Wait until it says that it gets as much audio as G.711 is; an assertion fails when it does not."""
        said = ""
        for _ in range(round(timeout_s / _LOOK_S)):
            await asyncio.sleep(_LOOK_S)
            said = self._child.last_words()
            rates = re.findall(r"audio=[0-9]+/([0-9]+) ", said)
            if rates and int(rates[-1]) > 50_000:
                return
        raise AssertionError(said)

    def _newest(self, before: tuple[Path | None, int], seconds: float = _WINDOW_S) -> Heard:
        """The newest of what it heard since then."""
        file, _ = self._written()
        if file is None:
            return Heard(array("h"), RATE_HZ)
        return newest_in(file, seconds, before[1] if file == before[0] else 0)

    def heard(self, call: int = 0) -> Heard:
        """What it heard in a call of its own, the first being 0."""
        files = sorted(self.folder.glob("dump-*-dec.wav"))
        assert len(files) > call, f"it kept {len(files)} calls\n{self._child.last_words()}"
        return heard_in(files[call])


def _make(folder: Path) -> None:
    folder.mkdir(parents=True)

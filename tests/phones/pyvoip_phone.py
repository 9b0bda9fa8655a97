"""An independent softphone (pyVoIP, GPL-3.0) as a process of its own: plain arguments in, JSON lines out.

It registers, answers every call after a short ring, speaks speech-like audio around a marker tone, and records what it
hears. It shares no code with the product. Commands on stdin, one a line: `hangup`, `quit`; end of input is `quit`, so
the phone never outlives whoever started it. `at` in every report is CLOCK_MONOTONIC in seconds.
"""

import argparse
import contextlib
import json
import math
import os
import re
import sys
import threading
import time
import warnings
import wave
from array import array
from collections.abc import Callable
from pathlib import Path
from socket import socket
from typing import Any, Final

from pyVoIP.RTP import RTPClient
from pyVoIP.VoIP import CallState, InvalidStateError, VoIPCall, VoIPPhone

RATE_HZ: Final = 8000
PHRASE_S: Final = 4
SPEECH_S: Final = 120
RINGBACK_HZ: Final = 400.0
#: An amplitude of full scale 1.0: a marker tone of a speaking phone is far above it in any 20 ms, noise is far below.
AUDIBLE: Final = 0.03
#: pyVoIP itself waits this long between its 180 and telling the application.
LIBRARY_RING_S: Final = 1.0
#: What is kept of the audio and of the SIP bytes of one run: 20 minutes, 4 MiB.
MOST_SAMPLES: Final = 20 * 60 * RATE_HZ
MOST_SIP_BYTES: Final = 4 * 1024 * 1024


def mu_law_table() -> tuple[int, ...]:
    """The 256 linear 16-bit values of G.711 mu-law."""
    table = []
    for code in range(256):
        inverted = ~code & 0xFF
        magnitude = (((inverted & 0x0F) << 3) + 0x84) << ((inverted & 0x70) >> 4)
        table.append(0x84 - magnitude if inverted & 0x80 else magnitude - 0x84)
    return tuple(table)


def a_law_table() -> tuple[int, ...]:
    """The 256 linear 16-bit values of G.711 A-law."""
    table = []
    for code in range(256):
        toggled = code ^ 0x55
        exponent, mantissa = (toggled & 0x70) >> 4, (toggled & 0x0F) << 4
        magnitude = mantissa + 8 if exponent == 0 else (mantissa + 0x108) << (exponent - 1)
        table.append(magnitude if toggled & 0x80 else -magnitude)
    return tuple(table)


DECODERS: Final = {0: mu_law_table(), 8: a_law_table()}


def tone_amplitude(samples: "array[int]", tone_hz: float) -> float:
    """The amplitude of one tone in 16-bit samples by Goertzel's algorithm, full scale 1.0."""
    if not samples:
        return 0.0
    coefficient = 2.0 * math.cos(2.0 * math.pi * tone_hz / RATE_HZ)
    older = newer = 0.0
    for sample in samples:
        older, newer = newer, sample + coefficient * newer - older
    power = older * older + newer * newer - coefficient * older * newer
    return 2.0 * math.sqrt(max(power, 0.0)) / (len(samples) * 32768.0)


def decibels(amplitude: float) -> float:
    """An amplitude of full scale 1.0 in dB, -120 at silence."""
    return round(max(20.0 * math.log10(amplitude), -120.0), 1) if amplitude > 0 else -120.0


def phrase(tone_hz: float) -> bytes:
    """Four seconds of something like speech as 8-bit unsigned samples that can be repeated without a seam.

    A marker tone carries it; a formant glides above; syllables come five in two seconds and never fall silent, so
    that each 20 ms frame shows whose voice it is.
    """
    formant_hz = 2.6 * tone_hz if tone_hz < 900 else 1.9 * tone_hz
    glide = 0.12 * formant_hz / (2.0 * math.pi * 1.5)
    samples = bytearray()
    for n in range(PHRASE_S * RATE_HZ):
        t = n / RATE_HZ
        syllable = 0.62 + 0.38 * math.cos(2.0 * math.pi * 2.5 * t)
        voice = 0.55 * math.sin(2.0 * math.pi * tone_hz * t)
        formant = 0.2 * math.sin(2.0 * math.pi * round(formant_hz) * t + glide * math.sin(2.0 * math.pi * 1.5 * t))
        samples.append(128 + round(110.0 * syllable * (voice + formant)))
    return bytes(samples)


def header(message: str, name: str) -> str:
    """A header's value in a SIP message, empty when it is not there."""
    found = re.search(rf"^{name}:[ \t]*([^\r\n]*)", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


class Reporter:
    """Writes one JSON object a line to stdout, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def say(self, event: str, at: float, **facts: object) -> None:
        line = json.dumps({"event": event, "at": at, **facts})
        with self._lock, contextlib.suppress(BrokenPipeError):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


class ListeningSocket:
    """pyVoIP's SIP socket with an ear on it: every byte that comes in is kept, the INVITE's 200 and BYE are timed."""

    def __init__(self, inner: socket, log: Path, on_invite: Callable[[bytes, float], None]) -> None:
        self._inner = inner
        self._on_invite = on_invite
        self._log = log.open("wb")
        self._kept = 0
        self.ok_sent_at = 0.0
        self.bye_sent_at = 0.0
        self.bye_received_at = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def recv(self, size: int) -> bytes:
        content = self._inner.recv(size)
        if content.startswith(b"BYE "):
            self.bye_received_at = time.monotonic()
        elif content.startswith(b"INVITE "):
            self._on_invite(content, time.monotonic())
        if self._kept < MOST_SIP_BYTES:
            self._log.write(content + b"\r\n")
            self._log.flush()
            self._kept += len(content)
        return content

    def sendto(self, content: bytes, address: tuple[str, int]) -> int:
        sent = self._inner.sendto(content, address)
        if content.startswith(b"SIP/2.0 200") and b" INVITE\r\n" in content:
            self.ok_sent_at = time.monotonic()
        elif content.startswith(b"BYE "):
            self.bye_sent_at = time.monotonic()
        return sent


class Ear:
    """What one call's phone hears: the samples, when the other voice and the ringback first came, whose SSRC."""

    def __init__(self, listen_hz: float, reporter: Reporter, call_id: str) -> None:
        self._listen_hz = listen_hz
        self._reporter = reporter
        self._call_id = call_id
        self.samples = array("h")
        self.voice_begins: int | None = None
        self.ringback_heard = False
        self.packets = 0
        self.ssrcs: set[int] = set()

    def attach(self, client: RTPClient) -> None:
        """Listen to each packet before the library does."""
        inner: Callable[[bytes], None] = client.parse_packet

        def heard(packet: bytes) -> None:
            self._hear(packet)
            inner(packet)

        replaceable: Any = client
        replaceable.parse_packet = heard

    def _hear(self, packet: bytes) -> None:
        at = time.monotonic()
        table = DECODERS.get(packet[1] & 0x7F) if len(packet) > 12 else None
        if table is None or len(self.samples) >= MOST_SAMPLES:
            return
        self.packets += 1
        self.ssrcs.add(int.from_bytes(packet[8:12], "big"))
        frame = array("h", [table[code] for code in packet[12:]])
        if self.voice_begins is None:
            self._look_for_voice(frame, at)
        self.samples.extend(frame)

    def _look_for_voice(self, frame: "array[int]", at: float) -> None:
        voice, ringback = tone_amplitude(frame, self._listen_hz), tone_amplitude(frame, RINGBACK_HZ)
        if voice > AUDIBLE and voice > 3.0 * ringback:
            self.voice_begins = len(self.samples)
            self._reporter.say("first_audio", at, call_id=self._call_id)
        elif not self.ringback_heard and ringback > AUDIBLE and ringback > 3.0 * voice:
            self.ringback_heard = True
            self._reporter.say("ringback", at, call_id=self._call_id)

    def levels(self, tones_hz: tuple[float, ...]) -> dict[str, float]:
        """Each tone's level in dB of full scale from the other voice's beginning on (or in all that was heard)."""
        talk = self.samples[self.voice_begins or 0 :]
        seconds = [talk[start : start + RATE_HZ] for start in range(0, len(talk), RATE_HZ)]
        seconds = [part for part in seconds if len(part) == RATE_HZ] or [talk]
        return {
            f"{tone:g}": decibels(sum(tone_amplitude(part, tone) for part in seconds) / len(seconds))
            for tone in tones_hz
        }

    def save(self, path: Path) -> None:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(self.samples.tobytes())


class Phone:
    """One pyVoIP phone: answers, speaks, listens, reports."""

    def __init__(self, options: argparse.Namespace, reporter: Reporter) -> None:
        self._options = options
        self._reporter = reporter
        self._speech = phrase(options.tone) * (SPEECH_S // PHRASE_S)
        self._hang_up = threading.Event()
        self._quitting = threading.Event()
        self._calls = 0
        self._rung: set[str] = set()
        self._phone = VoIPPhone(
            options.server,
            options.server_port,
            options.number,
            "not-asked-for",
            myIP=options.address,
            callCallback=self._on_call,
            sipPort=options.sip_port,
            rtpPortLow=options.rtp_low,
            rtpPortHigh=options.rtp_high,
        )
        self._socket: ListeningSocket | None = None

    def start(self) -> None:
        self._phone.start()
        sip: Any = self._phone.sip
        self._socket = ListeningSocket(
            sip.s, self._options.folder / f"phone-{self._options.name}.sip", self._report_ringing
        )
        sip.s = sip.out = self._socket
        # The library listens for calls only from a second after it registered.
        self._quitting.wait(LIBRARY_RING_S + 0.1)
        self._reporter.say("registered", time.monotonic(), number=self._options.number)

    def hang_up(self) -> None:
        self._hang_up.set()

    def stop(self) -> None:
        self._quitting.set()
        self._phone.stop()

    def _on_call(self, call: VoIPCall) -> None:
        """Runs in a thread of pyVoIP's for the whole call: the library forgets a call whose thread has ended."""
        assert self._socket is not None
        self._hang_up.clear()
        self._calls += 1
        number = self._calls
        call_id = call.request.headers["Call-ID"]
        ear = Ear(self._options.listen, self._reporter, call_id)
        for client in call.RTPClients:
            ear.attach(client)
        call.write_audio(self._speech)
        self._quitting.wait(max(self._options.ring - LIBRARY_RING_S, 0.0))
        if call.state != CallState.RINGING:
            return
        self._socket.bye_sent_at = self._socket.bye_received_at = 0.0
        call.answer()
        client = call.RTPClients[0]
        self._reporter.say(
            "answered",
            self._socket.ok_sent_at,
            call_id=call_id,
            codec=str(client.preference),
            rtp_port=client.inPort,
            ssrc=client.outSSRC,
        )
        self._talk(call)
        self._report_end(call_id, number, ear)

    def _talk(self, call: VoIPCall) -> None:
        while call.state == CallState.ANSWERED and not self._quitting.is_set():
            if self._hang_up.wait(0.02):
                with contextlib.suppress(InvalidStateError):
                    call.hangup()

    def _report_ringing(self, invite: bytes, at: float) -> None:
        """Tell of a call as its INVITE comes: the library tells of it a second later."""
        text = invite.decode("utf-8", "replace")
        call_id, sender = header(text, "Call-ID"), header(text, "From")
        if call_id in self._rung:
            return
        self._rung.add(call_id)
        caller = re.search(r"sips?:([^@;>]*)", sender)
        self._reporter.say(
            "ringing",
            at,
            call_id=call_id,
            caller=caller[1] if caller else "",
            display=sender.partition("<")[0].strip(' "'),
            identity=header(text, "P-Asserted-Identity"),
        )

    def _report_end(self, call_id: str, number: int, ear: Ear) -> None:
        assert self._socket is not None
        by_us = bool(self._socket.bye_sent_at)
        at = self._socket.bye_sent_at if by_us else self._socket.bye_received_at or time.monotonic()
        recording = self._options.folder / f"phone-{self._options.name}-heard-{number}.wav"
        ear.save(recording)
        self._reporter.say(
            "ended",
            at,
            call_id=call_id,
            by="us" if by_us else "them",
            packets=ear.packets,
            ssrcs=sorted(ear.ssrcs),
            ringback=ear.ringback_heard,
            levels=ear.levels((self._options.tone, self._options.listen, RINGBACK_HZ)),
            wav=str(recording),
        )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="in file names: phone-NAME.sip, phone-NAME-heard-1.wav")
    parser.add_argument("--number", required=True, help="the user it registers as")
    parser.add_argument("--address", default="127.0.0.1", help="its own address")
    parser.add_argument("--sip-port", type=int, required=True)
    parser.add_argument("--server", default="127.0.0.1", help="the registrar, through which everything goes")
    parser.add_argument("--server-port", type=int, required=True)
    parser.add_argument("--rtp-low", type=int, required=True)
    parser.add_argument("--rtp-high", type=int, required=True)
    parser.add_argument("--tone", type=float, required=True, help="the marker of its own voice, Hz")
    parser.add_argument("--listen", type=float, required=True, help="the marker of the voice it waits for, Hz")
    parser.add_argument("--ring", type=float, default=1.5, help="seconds from the call to the answer, at least 1")
    parser.add_argument("--folder", type=Path, required=True, help="where it writes what it heard and received")
    return parser.parse_args()


def main() -> None:
    """Run until told to quit."""
    warnings.simplefilter("ignore")
    reporter = Reporter()
    phone = Phone(parse_arguments(), reporter)
    phone.start()
    try:
        for line in sys.stdin:
            if line.strip() == "hangup":
                phone.hang_up()
            elif line.strip() == "quit":
                break
    except KeyboardInterrupt:
        pass
    # Deregistering waits for the registrar, up to half a minute when that is gone already.
    stopping = threading.Thread(target=phone.stop, daemon=True)
    stopping.start()
    stopping.join(2.0)
    reporter.say("stopped", time.monotonic())
    # The library's threads are not daemons, and some of them may sit in a blocking receive.
    os._exit(0)


if __name__ == "__main__":
    main()

"""One call of the demo: placed, watched, hung up, and all it left gathered."""

import asyncio
import shutil
from pathlib import Path
from typing import Final

from b2bua.clock import Clock
from b2bua.demo.client import Refused, RestClient
from b2bua.demo.evidence import CallEvidence, PhoneEvidence, RecordingEvidence
from b2bua.demo.phone import Party, Report, SoftPhone
from b2bua.demo.receiver import Received
from b2bua.demo.recording import fetch_recording
from b2bua.demo.screen import Colour, Screen
from b2bua.demo.stage import Stage

TALK_S: Final = 8.0
_BRIDGED_S: Final = 20.0
_ENDED_S: Final = 15.0
_RECORDED_S: Final = 45.0
_POLL_S: Final = 1.0
_TERMINAL: Final = ("completed", "failed", "no-answer")
_COLOURS: Final = {"a": Colour.CYAN, "b": Colour.MAGENTA}


class CallDirector:
    """Runs calls one at a time and shows what happens while it happens."""

    def __init__(self, screen: Screen, clock: Clock) -> None:
        self._screen = screen
        self._clock = clock
        self._began = clock.monotonic()

    def on_webhook(self, webhook: Received) -> None:
        """Show a webhook."""
        signatures = "both signatures right" if webhook.signed and webhook.signed_v2 else "A SIGNATURE IS WRONG"
        text = f"{webhook.event:<16} sequence {webhook.sequence}, status {webhook.data.get('status')}, {signatures}"
        self._show(webhook.at, "webhook", text, Colour.YELLOW)

    def on_report(self, party: Party, report: Report) -> None:
        """Show what a phone reports."""
        text = _told(report)
        if text:
            self._show(report.at, f"phone {party.letter.upper()}", text, _COLOURS[party.letter])

    async def direct(self, stage: Stage, client: RestClient, number: int) -> CallEvidence:
        """Place call `number`, let both talk, hang up (B the odd ones, A the even), gather. Raises `Refused`."""
        before = await client.get("/v1/masking/billing")
        marks = (len(stage.phone_a.journal.entries), len(stage.phone_b.journal.entries))
        read = (_size(stage.phone_a.sip_log), _size(stage.phone_b.sip_log))
        self._began = self._clock.monotonic()
        data, reply = await client.place(
            stage.phone_a.party.number, stage.phone_b.party.number, reference=f"demo {number}"
        )
        call_sid = str(data["call_sid"])
        text = f"POST /v1/masking/calls -> {reply.status} in {reply.elapsed_ms:.1f} ms, call_sid {call_sid}"
        self._show(self._clock.monotonic(), "REST", text, Colour.BLUE)
        hung_up_by = "b" if number % 2 else "a"
        polling = asyncio.create_task(self._poll(client, call_sid))
        try:
            await self._talk(stage, call_sid, stage.phone_b if hung_up_by == "b" else stage.phone_a)
        finally:
            polling.cancel()
            await asyncio.wait([polling])
        recording = await self._fetch(stage, client, call_sid, number)
        a = await _phone_evidence(stage.phone_a, stage.ports.phone_a_sip, marks[0], read[0])
        b = await _phone_evidence(stage.phone_b, stage.ports.phone_b_sip, marks[1], read[1])
        return CallEvidence(
            call_sid=call_sid,
            masked_number=str(data["masked_number"]),
            hung_up_by=hung_up_by,
            a=a,
            b=b,
            status=await client.get(f"/v1/masking/calls/{call_sid}"),
            balance_before=before,
            balance_after=await client.get("/v1/masking/billing"),
            recording=recording,
            webhooks=tuple(webhook for webhook in stage.receiver.journal.entries if webhook.call_sid == call_sid),
        )

    async def _talk(self, stage: Stage, call_sid: str, hanging_up: SoftPhone) -> None:
        """Wait for the bridge, the talk and the end; each has its time, and what did not come is for the judge."""
        journal = stage.receiver.journal

        def is_event(*events: str) -> "_IsEvent":
            return _IsEvent(call_sid, events)

        reached = await journal.wait_for(is_event("call.bridged", "call.failed", "call.no-answer"), _BRIDGED_S)
        if reached is not None and reached.event == "call.bridged":
            await asyncio.sleep(TALK_S)
            await hanging_up.hang_up()
            await journal.wait_for(is_event("call.completed"), _ENDED_S)

    async def _poll(self, client: RestClient, call_sid: str) -> None:
        """Ask for the status every second and show it as it changes."""
        shown = ""
        while shown not in _TERMINAL:
            status = str((await client.get(f"/v1/masking/calls/{call_sid}")).get("status"))
            if status != shown:
                self._show(self._clock.monotonic(), "REST", f"GET status: {status}", Colour.BLUE)
                shown = status
            await asyncio.sleep(_POLL_S)

    async def _fetch(self, stage: Stage, client: RestClient, call_sid: str, number: int) -> RecordingEvidence | None:
        ready = await stage.receiver.journal.wait_for(_IsEvent(call_sid, ("recording.ready",)), _RECORDED_S)
        if ready is None:
            return None
        target = stage.folder / f"call-{number}"
        try:
            evidence = await fetch_recording(
                client, call_sid, stage.recordings, str(ready.data.get("recording_url")), target
            )
        except Refused as refused:
            self._show(self._clock.monotonic(), "REST", f"GET recording: {refused}", Colour.RED)
            return None
        if evidence.wav is not None:
            shutil.copyfile(evidence.wav_path, target.with_suffix(".wav"))
        return evidence

    def _show(self, at: float, who: str, text: str, colour: Colour) -> None:
        self._screen.event(max(at - self._began, 0.0), who, text, colour)


class _IsEvent:
    """Matches a webhook of one call by its event's name."""

    def __init__(self, call_sid: str, events: tuple[str, ...]) -> None:
        self._call_sid = call_sid
        self._events = events

    def __call__(self, webhook: Received) -> bool:
        return webhook.call_sid == self._call_sid and webhook.event in self._events


async def _phone_evidence(phone: SoftPhone, sip_port: int, since: int, read: int) -> PhoneEvidence:
    ended = await phone.journal.wait_for(lambda report: report.event == "ended", _ENDED_S, since)

    def first(event: str) -> Report | None:
        return phone.journal.find(lambda report: report.event == event, since)

    received = phone.sip_log.read_bytes()[read:]
    return PhoneEvidence(
        phone.party,
        sip_port,
        first("ringing"),
        first("answered"),
        ended,
        first("first_audio"),
        first("ringback"),
        received,
    )


def recording_of(recording: RecordingEvidence) -> tuple[Path, Path]:
    """Where the WAV and the MP3 lie for whoever ran the demo."""
    return recording.mp3_path.with_suffix(".wav"), recording.mp3_path


def _told(report: Report) -> str:
    """A report in words; empty for those that are not shown."""
    if report.event == "ringing":
        identity = report.text("identity") or "none"
        return f"rings, sees {report.text('caller')} (P-Asserted-Identity {identity})"
    if report.event == "answered":
        return f"answers, speaks {report.text('codec')}"
    if report.event == "ringback":
        return "hears ringback"
    if report.event == "first_audio":
        return "hears the other's voice"
    if report.event == "ended":
        who = "hangs up" if report.text("by") == "us" else "is hung up"
        levels = ", ".join(f"{tone:g} Hz {level:.1f} dB" for tone, level in report.levels_db().items())
        return f"{who} after {report.text('packets')} packets; heard {levels}"
    return ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

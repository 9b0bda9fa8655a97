"""The judge keeps what was kept and finds each promise that was broken."""

import math
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from b2bua.demo.client import Reply
from b2bua.demo.evidence import CallEvidence, PhoneEvidence, RecordingEvidence
from b2bua.demo.phone import Report
from b2bua.demo.promises import EVENTS, judge
from b2bua.demo.receiver import Received
from b2bua.demo.sound import Sound
from b2bua.demo.stage import ALICE, BOB

MASKED = "917969002802"


def _tone(tone_hz: float, seconds: float = 8.0) -> "array[int]":
    return array("h", [round(9000 * math.sin(2 * math.pi * tone_hz * n / 8000)) for n in range(int(seconds * 8000))])


LEFT, RIGHT = _tone(ALICE.tone_hz), _tone(BOB.tone_hz)


def _phone(letter: str) -> PhoneEvidence:
    here, there = (ALICE, BOB) if letter == "a" else (BOB, ALICE)
    levels = {f"{here.tone_hz:g}": -70.0, f"{there.tone_hz:g}": -11.0}
    return PhoneEvidence(
        party=here,
        sip_port=40001 if letter == "a" else 40002,
        ringing=Report(1.0, "ringing", {"caller": f"+{MASKED}", "identity": f"<sip:+{MASKED}@127.0.0.1>"}),
        answered=Report(2.0, "answered", {"call_id": f"call-of-{letter}", "rtp_port": 30000, "ssrc": ord(letter)}),
        ended=Report(10.0, "ended", {"levels": levels, "ssrcs": [7]}),
        first_audio=Report(2.02, "first_audio", {}),
        ringback=Report(1.5, "ringback", {}) if letter == "a" else None,
        received=f"INVITE sip:+91{here.number}@127.0.0.1 SIP/2.0".encode(),
    )


def _webhook(sequence: int, event: str) -> Received:
    return Received(1.0, event, "sid", sequence, "1", "id", {"data": {}}, signed=True, signed_v2=True)


def _kept() -> CallEvidence:
    sound = Sound(8000, (LEFT, RIGHT))
    whole = Reply(200, {"content-type": "audio/mpeg"}, bytes(1000), 1.0)
    part = Reply(206, {"content-range": "bytes 100-299/1000"}, bytes(200), 1.0)
    return CallEvidence(
        call_sid="sid",
        masked_number=MASKED,
        hung_up_by="b",
        a=_phone("a"),
        b=_phone("b"),
        status={
            "status": "completed",
            "hangup_cause": "normal",
            "hangup_party": "b",
            "duration_sec": 8,
            "bill_duration_sec": 60,
            "price": 1.5,
        },
        balance_before={"balance": 100.0, "reserved": 0},
        balance_after={"balance": 98.5, "reserved": 0},
        recording=RecordingEvidence(
            Path("x.wav"), sound, Path("x.mp3"), sound, "", whole, part, Reply(403, {}, b"", 1.0)
        ),
        webhooks=tuple(_webhook(number, event) for number, event in enumerate(EVENTS, 1)),
    )


def _recording(call: CallEvidence, **changes: Any) -> CallEvidence:
    assert call.recording is not None
    return replace(call, recording=replace(call.recording, **changes))


def _status(call: CallEvidence, **changes: object) -> CallEvidence:
    return replace(call, status={**call.status, **changes})


def _seen(caller: str, identity: str) -> Report:
    return Report(1.0, "ringing", {"caller": caller, "identity": identity})


def test_all_is_kept_when_all_is_well() -> None:
    assert [promise for promise in judge(_kept()) if not promise.kept] == []


BREAKS: dict[str, tuple[Callable[[CallEvidence], CallEvidence], str]] = {
    "B saw A's number": (
        lambda call: replace(call, b=replace(call.b, ringing=_seen(ALICE.number, f"<sip:+{MASKED}@x>"))),
        "Phone B saw the masked number",
    ),
    "A saw B in the asserted identity": (
        lambda call: replace(call, a=replace(call.a, ringing=_seen(MASKED, f"<sip:{BOB.number}@x>"))),
        "Phone A saw the masked number",
    ),
    "B's number in A's bytes": (
        lambda call: replace(call, a=replace(call.a, received=b"X-From: " + BOB.number.encode())),
        "Nothing phone A received",
    ),
    "A's port in B's bytes": (
        lambda call: replace(call, b=replace(call.b, received=b"Via: SIP/2.0/UDP 127.0.0.1:40001;branch=1")),
        "Nothing phone B received",
    ),
    "A's Call-ID in B's bytes": (
        lambda call: replace(call, b=replace(call.b, received=b"Call-ID: call-of-a")),
        "Nothing phone B received",
    ),
    "B's SSRC at A": (
        lambda call: replace(call, a=replace(call.a, ended=Report(10.0, "ended", {"levels": {}, "ssrcs": [ord("b")]}))),
        "Nothing phone A received",
    ),
    "nothing logged": (lambda call: replace(call, a=replace(call.a, received=b"")), "Nothing phone A received"),
    "A heard itself": (
        lambda call: replace(
            call, a=replace(call.a, ended=Report(10.0, "ended", {"levels": {"620": -11.0, "1130": -11.0}, "ssrcs": []}))
        ),
        "Phone A heard the other",
    ),
    "B heard nothing": (
        lambda call: replace(call, b=replace(call.b, ended=Report(10.0, "ended", {"levels": {}, "ssrcs": []}))),
        "Phone B heard the other",
    ),
    "no ringback": (lambda call: replace(call, a=replace(call.a, ringback=None)), "A heard ringback"),
    "late audio": (
        lambda call: replace(call, a=replace(call.a, first_audio=Report(3.0, "first_audio", {}))),
        "B's voice reached A",
    ),
    "an event missing": (lambda call: replace(call, webhooks=call.webhooks[:-1]), "All six events"),
    "out of order": (lambda call: replace(call, webhooks=call.webhooks[::-1]), "numbered 1 to 6"),
    "badly signed": (
        lambda call: replace(call, webhooks=(*call.webhooks[:-1], replace(call.webhooks[-1], signed_v2=False))),
        "Both signatures",
    ),
    "another cause": (lambda call: _status(call, hangup_cause="media_timeout"), "reported as it ended"),
    "another duration": (lambda call: _status(call, duration_sec=10), "Its duration"),
    "too dear": (lambda call: _status(call, price=3.0), "The price"),
    "balance untouched": (lambda call: replace(call, balance_after=call.balance_before), "The balance fell"),
    "still reserved": (
        lambda call: replace(call, balance_after={"balance": 98.5, "reserved": 1.5}),
        "Nothing stays reserved",
    ),
    "no recording": (lambda call: replace(call, recording=None), "There is a recording"),
    "channels swapped": (lambda call: _recording(call, wav=Sound(8000, (RIGHT, LEFT))), "The WAV has A on the left"),
    "mono": (lambda call: _recording(call, wav=Sound(8000, (LEFT,))), "The WAV has two channels"),
    "too short": (
        lambda call: _recording(call, wav=Sound(8000, (LEFT[:-4000], RIGHT[:-4000]))),
        "The WAV is as long as the talk",
    ),
    "MP3 not decodable": (lambda call: _recording(call, mp3=None, ffmpeg_said="no"), "The MP3 has two channels"),
    "no range": (lambda call: _recording(call, part=Reply(200, {}, bytes(1000), 1.0)), "A range of it"),
    "tampering not noticed": (lambda call: _recording(call, tampered=Reply(200, {}, b"", 1.0)), "A tampered URL"),
    "download refused": (lambda call: _recording(call, whole=Reply(403, {}, b"", 1.0)), "The MP3 comes"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_is_found(name: str) -> None:
    break_it, text = BREAKS[name]
    assert any(text in promise.text for promise in judge(break_it(_kept())) if not promise.kept)

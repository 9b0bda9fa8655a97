"""What the demo promises, judged from the evidence alone."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from b2bua.demo.evidence import CallEvidence, PhoneEvidence, RecordingEvidence
from b2bua.demo.sound import Sound, tone_db

EVENTS: Final = (
    "call.initiated",
    "call.ringing",
    "call.answered",
    "call.bridged",
    "call.completed",
    "recording.ready",
)
#: A voice that is there is at about -11 dB; one that is not is at the noise of 8-bit mu-law, below -50.
_HEARD_DB: Final = -20.0
_NOT_HEARD_DB: Final = -35.0
#: The phones look at their sockets every 10 ms and share two cores with everything else.
_WAV_TOLERANCE_S: Final = 0.15
#: MP3 comes in frames of 72 ms with the coder's delay before and a filled-up frame behind.
_MP3_TOLERANCE_S: Final = 0.35
_FIRST_AUDIO_MS: Final = 500.0
_PAISE_PER_MINUTE: Final = 150


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise: kept or broken, and what was found."""

    kept: bool
    text: str
    detail: str = ""


def judge(call: CallEvidence) -> list[Promise]:
    """Every promise of one call."""
    return [
        *_what_phones_saw(call),
        *_what_phones_heard(call),
        *_what_webhooks_told(call),
        *_what_it_cost(call),
        *_what_was_recorded(call),
    ]


def _what_phones_saw(call: CallEvidence) -> Iterator[Promise]:
    for phone in (call.a, call.b):
        letter = phone.party.letter.upper()
        caller = _digits(phone.ringing.text("caller")) if phone.ringing else ""
        asserted = _user_digits(phone.ringing.text("identity")) if phone.ringing else ""
        kept = caller == call.masked_number == asserted
        detail = f"From {caller or 'nothing'}, P-Asserted-Identity {asserted or 'nothing'}"
        yield Promise(kept, f"Phone {letter} saw the masked number and no other", detail)
    for phone, other in ((call.a, call.b), (call.b, call.a)):
        found = sorted(set(_traces(phone, other)))
        text = f"Nothing phone {phone.party.letter.upper()} received tells of the other party"
        detail = f"found {', '.join(found)}" if found else f"{len(phone.received)} bytes of SIP searched"
        yield Promise(not found and bool(phone.received), text, detail)


def _traces(phone: PhoneEvidence, other: PhoneEvidence) -> Iterator[str]:
    """Whatever of the other party is to be found in what this phone received."""
    answered = other.answered
    call_id = answered.text("call_id") if answered else ""
    needles = {
        "its number": re.escape(other.party.number),
        "its SIP port": rf":{other.sip_port}\b",
        "its RTP port": rf"m=audio {answered.text('rtp_port')} " if answered else "",
        "its Call-ID": re.escape(call_id),
    }
    text = phone.received.decode("utf-8", "replace")
    yield from (name for name, pattern in needles.items() if pattern and re.search(pattern, text))
    ssrcs = phone.ended.facts.get("ssrcs") if phone.ended else None
    if answered and isinstance(ssrcs, list) and answered.facts.get("ssrc") in ssrcs:
        yield "its SSRC"


def _what_phones_heard(call: CallEvidence) -> Iterator[Promise]:
    for phone, other in ((call.a, call.b), (call.b, call.a)):
        levels = phone.ended.levels_db() if phone.ended else {}
        wanted, own = levels.get(other.party.tone_hz, -120.0), levels.get(phone.party.tone_hz, -120.0)
        text = f"Phone {phone.party.letter.upper()} heard the other and not itself"
        detail = f"{other.party.tone_hz:g} Hz {wanted:.1f} dB, own {phone.party.tone_hz:g} Hz {own:.1f} dB"
        yield Promise(wanted > _HEARD_DB and own < _NOT_HEARD_DB, text, detail)
    ringback = call.a.ringback is not None
    yield Promise(ringback, "A heard ringback while B rang", "400 Hz" if ringback else "no 400 Hz at A")
    latency_ms = call.first_audio_ms
    text = f"B's voice reached A within {_FIRST_AUDIO_MS:g} ms of B's 200"
    detail = "never" if latency_ms is None else f"{latency_ms:.1f} ms"
    yield Promise(latency_ms is not None and latency_ms < _FIRST_AUDIO_MS, text, detail)


def _what_webhooks_told(call: CallEvidence) -> Iterator[Promise]:
    names = tuple(webhook.event for webhook in call.webhooks)
    yield Promise(names == EVENTS, "All six events came, each once and in order", ", ".join(names))
    numbers = [webhook.sequence for webhook in call.webhooks]
    yield Promise(numbers == list(range(1, len(EVENTS) + 1)), "They are numbered 1 to 6", str(numbers))
    unsigned = [webhook.event for webhook in call.webhooks if not (webhook.signed and webhook.signed_v2)]
    detail = f"wrong on {', '.join(unsigned)}" if unsigned else f"{2 * len(names)} signatures checked"
    yield Promise(not unsigned and bool(names), "Both signatures of every event are right", detail)
    ending = (call.status.get("status"), call.status.get("hangup_cause"), call.status.get("hangup_party"))
    expected = ("completed", "normal", call.hung_up_by)
    yield Promise(ending == expected, "The call is reported as it ended", "{}, {}, by {}".format(*ending))
    talk_s, told_s = call.talk_s, call.status.get("duration_sec")
    kept = talk_s is not None and isinstance(told_s, int) and abs(told_s - talk_s) <= 0.5 + _WAV_TOLERANCE_S
    yield Promise(kept, "Its duration is the time the phones talked", f"{told_s} s told, {_seconds(talk_s)} talked")


def _what_it_cost(call: CallEvidence) -> Iterator[Promise]:
    duration = call.status.get("duration_sec")
    minutes = math.ceil(duration / 60) if isinstance(duration, int | float) else 0
    price = _paise(call.status.get("price"))
    expected = minutes * _PAISE_PER_MINUTE
    kept = price == expected and call.status.get("bill_duration_sec") == 60 * minutes and minutes > 0
    yield Promise(kept, "The price is Rs 1.50 for each begun minute", f"{_rupees(price)}, expected {_rupees(expected)}")
    before, after = _paise(call.balance_before.get("balance")), _paise(call.balance_after.get("balance"))
    kept = before is not None and after is not None and before - after == expected
    yield Promise(kept, "The balance fell by exactly that", f"{_rupees(before)} to {_rupees(after)}")
    reserved = _paise(call.balance_after.get("reserved"))
    yield Promise(reserved == 0, "Nothing stays reserved", _rupees(reserved))


def _what_was_recorded(call: CallEvidence) -> Iterator[Promise]:
    recording = call.recording
    if recording is None:
        yield Promise(False, "There is a recording", "no recording.ready, or nothing to fetch")
        return
    yield from _sound_promises("WAV", recording.wav, call, _WAV_TOLERANCE_S, "unreadable")
    yield from _download_promises(recording)
    yield from _sound_promises("MP3", recording.mp3, call, _MP3_TOLERANCE_S, recording.ffmpeg_said)


def _sound_promises(
    kind: str, sound: Sound | None, call: CallEvidence, tolerance_s: float, otherwise: str
) -> Iterator[Promise]:
    if sound is None or len(sound.channels) != 2:
        yield Promise(False, f"The {kind} has two channels", otherwise or "one channel")
        return
    left, right = sound.channels
    for side, samples, here, there in (("left", left, call.a, call.b), ("right", right, call.b, call.a)):
        wanted = tone_db(samples, sound.rate_hz, here.party.tone_hz)
        foreign = tone_db(samples, sound.rate_hz, there.party.tone_hz)
        text = f"The {kind} has {here.party.letter.upper()} on the {side} and no one else"
        detail = f"{here.party.tone_hz:g} Hz {wanted:.1f} dB, {there.party.tone_hz:g} Hz {foreign:.1f} dB"
        yield Promise(wanted > _HEARD_DB and foreign < _NOT_HEARD_DB, text, detail)
    talk_s = call.talk_s
    kept = talk_s is not None and abs(sound.duration_s - talk_s) <= tolerance_s
    yield Promise(kept, f"The {kind} is as long as the talk", f"{sound.duration_s:.3f} s, talked {_seconds(talk_s)}")


def _download_promises(recording: RecordingEvidence) -> Iterator[Promise]:
    whole, part, tampered = recording.whole, recording.part, recording.tampered
    kept = whole.status == 200 and whole.headers.get("content-type") == "audio/mpeg" and len(whole.body) > 0
    yield Promise(kept, "The MP3 comes by its signed URL without a key", f"{whole.status}, {len(whole.body)} bytes")
    kept = part.status == 206 and part.body == whole.body[100:300]
    found = f"{part.status}, {part.headers.get('content-range', 'no Content-Range')}"
    yield Promise(kept, "A range of it comes alone", found)
    yield Promise(tampered.status == 403, "A tampered URL is refused", f"{tampered.status}")


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _user_digits(address: str) -> str:
    found = re.search(r"(?:sips?|tel):([^@;>]*)", address)
    return _digits(found[1]) if found else ""


def _paise(rupees: object) -> int | None:
    return round(float(rupees) * 100) if isinstance(rupees, int | float | str) and rupees != "" else None


def _rupees(paise: int | None) -> str:
    return "unknown" if paise is None else f"Rs {paise / 100:.2f}"


def _seconds(value: float | None) -> str:
    return "not" if value is None else f"{value:.3f} s"

"""Examples for the OpenAPI document, made by the functions that make the replies."""

import json
from dataclasses import dataclass
from typing import Final

from b2bua.call.model import LiveRecording
from control_api import prompt_schemas, schemas
from control_api.account_examples import account_examples, listed_account_examples
from control_api.agent_schemas import agent_examples
from control_api.recording_schemas import (
    live_recording_representation,
    peaks_representation,
    recording_pause_representation,
    recording_representation,
)
from control_api.series_schemas import Step, series_representation
from control_api.signed_urls import signed_recording_url
from control_api.stream_examples import stream_examples
from control_api.supervisor_schemas import supervisor_examples
from control_api.trace_schemas import events_representation
from storage.call_series import StepOfCalls
from storage.records import (
    CallRecord,
    CallStats,
    CallStatus,
    Consent,
    LegRecord,
    PromptChoice,
    RecordedParty,
    Recording,
    RecordingFacts,
    RecordingFiles,
    StoredPrompt,
    TraceStep,
    Wallet,
)

_AT_MS = 1_735_732_800_000
_CALL_ID = "3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d"
_REQUEST_ID = "5d1f0c9a7b3e4d2f8a6c5b4e3d2f1a0b"
EXAMPLE_CALL = CallRecord(
    call_id=_CALL_ID,
    org_id="",
    party_a="9876543210",
    party_b="9123456789",
    masked_number="917969002802",
    direction="click_to_call",
    status=CallStatus.COMPLETED,
    created_at=_AT_MS,
    reference="order-1042",
    started_at=_AT_MS,
    a_answered_at=_AT_MS + 6_000,
    answered_at=_AT_MS + 14_000,
    ended_at=_AT_MS + 108_000,
    duration_s=94,
    bill_duration_s=120,
    price_paise=300,
    hangup_cause="normal",
    hangup_party="a",
    recording_path="2025/01/01/3f2b1c0d.wav",
    legs=(
        LegRecord(
            "a",
            "ended",
            ringing_at=_AT_MS + 1_000,
            answered_at=_AT_MS + 6_000,
            ended_at=_AT_MS + 108_000,
            sip_status=200,
            hangup_cause="normal",
            codec="PCMA",
            packets_lost=2,
            jitter_ms=1.4,
            mos=4.4,
        ),
        LegRecord(
            "b",
            "ended",
            ringing_at=_AT_MS + 8_000,
            answered_at=_AT_MS + 14_000,
            ended_at=_AT_MS + 108_000,
            sip_status=200,
            hangup_cause="normal",
            codec="PCMA",
            packets_lost=0,
            jitter_ms=0.9,
            mos=4.4,
        ),
    ),
)

_RECORDING: Final = Recording(
    _CALL_ID,
    "",
    "2025/01/01/3f2b1c0d.wav",
    "2025/01/01/3f2b1c0d.mp3",
    94_000,
    0,
    _AT_MS,
    facts=RecordingFacts(
        (RecordedParty(2_140, 3, 0, 0, 12.5), RecordedParty(1_960, 1, 0, 0, -4.0)), ((31_000, 52_500),)
    ),
    files=RecordingFiles(3_008_044, "4f" * 32, 564_525, "7c" * 32),
)


@dataclass(frozen=True, slots=True)
class _ExamplePeaks:
    interval_ms: int
    left: bytes
    right: bytes


_PEAKS: Final = _ExamplePeaks(31_334, bytes((0, 148, 201)), bytes((97, 180, 12)))
_PROMPT = StoredPrompt("", "your_order", "0" * 64, 3_200, _AT_MS)


_DAYS: Final = (StepOfCalls(20_088, 40, 31, 39, 4_320, 10_800), StepOfCalls(20_089, 12, 9, 11, 1_260, 3_150))
_STEPS = (
    TraceStep(
        _AT_MS,
        "sip",
        "a",
        "INVITE",
        {
            "direction": "sent",
            "cseq": "1 INVITE",
            "call_id": "5f0c1a2b3d4e5f60718293a4b5c6d7e8",
            "body": "application/sdp",
        },
    ),
    TraceStep(
        _AT_MS + 840,
        "sip",
        "a",
        "180 Ringing",
        {"direction": "received", "cseq": "1 INVITE", "call_id": "5f0c1a2b3d4e5f60718293a4b5c6d7e8"},
    ),
    TraceStep(_AT_MS + 840, "state", None, "call.ringing", {}),
    TraceStep(_AT_MS + 4_210, "media", "a", "negotiated", {"codec": "PCMA"}),
)


def reply_examples(public_url: str) -> dict[str, object]:
    """An example reply by name."""
    expires_at_s = _AT_MS // 1000 + schemas.RECORDING_URL_LIFE_S
    url = signed_recording_url(b"an example", public_url, _CALL_ID, expires_at_s)
    stats = CallStats(
        total_sessions=12,
        active_sessions=1,
        total_mappings=9,
        total_calls=40,
        billed_s=4_320,
        cost_paise=10_800,
        answered_calls=31,
        failed_calls=8,
    )
    call = schemas.call_representation(EXAMPLE_CALL, "documented")
    meta = schemas.meta_representation(_AT_MS, _REQUEST_ID)
    envelopes: dict[str, object] = {
        "placed_call": schemas.placed_call_representation(EXAMPLE_CALL),
        "call": call,
        "call_events": events_representation(_CALL_ID, _STEPS),
        "ending_call": schemas.ending_call_representation(_CALL_ID),
        "recording": recording_representation(
            _RECORDING, EXAMPLE_CALL, url, expires_at_s, schemas.RECORDING_URL_LIFE_S
        ),
        "recording_peaks": peaks_representation(_CALL_ID, 94_000, _PEAKS),
        "live_recording": live_recording_representation(_CALL_ID, LiveRecording.ON),
        "paused_recording": recording_pause_representation(_CALL_ID, paused=True),
        "resumed_recording": recording_pause_representation(_CALL_ID, paused=False),
        "stats": schemas.stats_representation(stats),
        "stats_series": series_representation(Step.DAY, range(20_088, 20_090), _DAYS),
        "billing": json.loads(schemas.billing_text(Wallet("", 50_000, 150))),
        "prompt": prompt_schemas.prompt_representation(_PROMPT),
        "prompts": prompt_schemas.prompts_representation([_PROMPT]),
        "prompt_choice": prompt_schemas.choice_representation(
            PromptChoice(whisper_b="your_order", consent=Consent.BOTH)
        ),
        "health": schemas.health_representation("ok"),
        "ready": schemas.health_representation("ready"),
    }
    envelopes |= account_examples(public_url) | agent_examples(_AT_MS)
    envelopes |= stream_examples(_AT_MS) | supervisor_examples(_AT_MS)
    replies: dict[str, object] = {name: {"data": data, "meta": meta} for name, data in envelopes.items()}
    replies["call_list"] = {"data": [call], "meta": schemas.page_representation(1, 1, 20) | meta}
    for name, rows in listed_account_examples().items():
        replies[name] = {"data": rows, "meta": schemas.page_representation(1, 1, 20) | meta}
    return replies

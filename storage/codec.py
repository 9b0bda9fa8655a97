"""Calls as rows and as JSON snapshots."""

import json
from dataclasses import fields
from typing import Any, Final

from storage.queries import Row
from storage.records import CallRecord, CallStatus, LegRecord, Tariff

_LEG_FIELDS: Final = tuple(field.name for field in fields(LegRecord))
_CALL_FIELDS: Final = tuple(field.name for field in fields(CallRecord) if field.name not in {"tariff", "legs"})
_KNOWN_CALL_FIELDS: Final = frozenset(_CALL_FIELDS)
_KNOWN_LEG_FIELDS: Final = frozenset(_LEG_FIELDS)

to_json: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode


def _legs_value(legs: tuple[LegRecord, LegRecord]) -> list[dict[str, object]]:
    return [{name: value for name in _LEG_FIELDS if (value := getattr(leg, name)) is not None} for leg in legs]


def _legs_of(value: list[dict[str, Any]]) -> tuple[LegRecord, LegRecord]:
    a, b = (LegRecord(**{name: content for name, content in leg.items() if name in _KNOWN_LEG_FIELDS}) for leg in value)
    return a, b


def encode_call(record: CallRecord) -> str:
    """A call as compact JSON: what is None is left out."""
    value: dict[str, object] = {
        name: content for name in _CALL_FIELDS if (content := getattr(record, name)) is not None
    }
    tariff = record.tariff
    value["tariff"] = [tariff.rate_paise_per_minute, tariff.pulse_s, tariff.gst_percent]
    value["legs"] = _legs_value(record.legs)
    return to_json(value)


def decode_call(text: str) -> CallRecord:
    """The call `encode_call` wrote, also by an older or a newer version: unknown fields are passed over."""
    value: dict[str, Any] = json.loads(text)
    known = {name: content for name, content in value.items() if name in _KNOWN_CALL_FIELDS}
    known["status"] = CallStatus(value["status"])
    return CallRecord(**known, tariff=Tariff(*value["tariff"]), legs=_legs_of(value["legs"]))


def call_row(record: CallRecord) -> Row:
    """A call as the parameters of `calls.save` and `calls.add_cdr`."""
    tariff = record.tariff
    return (
        record.call_id,
        record.org_id,
        record.party_a,
        record.party_b,
        record.masked_number,
        record.direction,
        record.status,
        record.created_at,
        tariff.rate_paise_per_minute,
        tariff.pulse_s,
        tariff.gst_percent,
        record.reference,
        record.record,
        record.ring_timeout_s,
        record.max_duration_s,
        record.started_at,
        record.a_answered_at,
        record.answered_at,
        record.ended_at,
        record.duration_s,
        record.bill_duration_s,
        record.price_paise,
        record.hangup_cause,
        record.hangup_party,
        record.recording_path,
        record.sequence,
        to_json(_legs_value(record.legs)),
        record.created_at if record.started_at is None else record.started_at,
    )


def call_of(row: Row) -> CallRecord:
    """The call of a row whose columns stand in the order of `call_row`, the last of which it does not need."""
    return CallRecord(
        call_id=row[0],
        org_id=row[1],
        party_a=row[2],
        party_b=row[3],
        masked_number=row[4],
        direction=row[5],
        status=CallStatus(row[6]),
        created_at=row[7],
        tariff=Tariff(row[8], row[9], row[10]),
        reference=row[11],
        record=bool(row[12]),
        ring_timeout_s=row[13],
        max_duration_s=row[14],
        started_at=row[15],
        a_answered_at=row[16],
        answered_at=row[17],
        ended_at=row[18],
        duration_s=row[19],
        bill_duration_s=row[20],
        price_paise=row[21],
        hangup_cause=row[22],
        hangup_party=row[23],
        recording_path=row[24],
        sequence=row[25],
        legs=_legs_of(json.loads(row[26])),
    )

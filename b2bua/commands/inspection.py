"""Commands that look: numbers, trunks, calls."""

import argparse

from b2bua.call.masking import redact
from b2bua.commands.databases import looked_up, moment
from b2bua.commands.output import Output
from b2bua.config import Config
from storage.records import CallRecord

SHOWN_CALLS = 50


async def number_list(_options: argparse.Namespace, config: Config, output: Output) -> int:
    """`number list`: the declared numbers and how busy each is."""
    loads = await looked_up(config, lambda reader: reader.numbers())
    by_number = {load.number: load for load in loads}
    rows: dict[str, dict[str, object]] = {}
    for trunk in config.trunks:
        for number in trunk.numbers:
            load = by_number.get(number)
            row = rows.setdefault(
                number,
                {
                    "number": number,
                    "trunks": [],
                    "live_calls": load.live_calls if load else 0,
                    "pairs": load.pairs if load else 0,
                },
            )
            trunks = row["trunks"]
            assert isinstance(trunks, list)
            trunks.append(trunk.name)
    output.rows(list(rows.values()), ("number", "trunks", "live_calls", "pairs"))
    return 0


async def trunks(_options: argparse.Namespace, config: Config, output: Output) -> int:
    """`trunks`: each trunk as the running server last saw it."""
    states = {state.name: state for state in await looked_up(config, lambda reader: reader.trunk_sightings())}
    rows: list[dict[str, object]] = []
    for trunk in config.trunks:
        state = states.get(trunk.name)
        rows.append(
            {
                "name": trunk.name,
                "uri": trunk.uri.text,
                "state": "unknown" if state is None else "up" if state.up else "down",
                "reason": "no server has reported it" if state is None else state.reason,
                "live_calls": 0 if state is None else state.live_calls,
                "waiting": 0 if state is None else state.waiting,
                "destinations": 0 if state is None else state.destinations,
                "open_destinations": 0 if state is None else state.open_destinations,
                "placed": 0 if state is None else state.placed,
                "failed": 0 if state is None else state.failed,
                "round_trip_ms": None if state is None else state.round_trip_ms,
                "last_options_at": None if state is None else moment(state.last_options_at),
                "last_options_status": None if state is None else state.last_options_status,
                "seen_at": None if state is None else moment(state.seen_at),
                "max_calls": trunk.max_calls,
                "cps": trunk.cps,
            }
        )
    output.rows(
        rows,
        (
            *("name", "uri", "state", "reason", "destinations", "live_calls", "max_calls", "cps", "waiting", "placed"),
            *("failed", "round_trip_ms", "last_options_at", "seen_at"),
        ),
    )
    return 0


async def calls(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`calls [--live]`: the newest calls of all organisations, numbers shortened for people and for scripts alike."""
    records = await looked_up(
        config, lambda reader: reader.live_calls() if options.live else reader.newest_calls(SHOWN_CALLS)
    )
    output.rows(
        [call_row(record) for record in records],
        ("call_sid", "status", "party_a", "party_b", "masked_number", "started_at", "duration_sec", "hangup_cause"),
    )
    return 0


def call_row(record: CallRecord) -> dict[str, object]:
    """A call as operators see it: numbers shortened, for people and for scripts alike."""
    return {
        "call_sid": record.call_id,
        "org_id": record.org_id,
        "status": record.status.value,
        "party_a": redact(record.party_a),
        "party_b": redact(record.party_b),
        "masked_number": record.masked_number,
        "started_at": moment(record.started_at),
        "answered_at": moment(record.answered_at),
        "ended_at": moment(record.ended_at),
        "duration_sec": record.duration_s,
        "price": None if record.price_paise is None else record.price_paise / 100,
        "hangup_cause": record.hangup_cause,
    }

"""Commands that look: numbers, trunks, calls."""

import argparse
from typing import Final

from b2bua.call.masking import redact
from b2bua.clock import SystemClock
from b2bua.commands.databases import looked_up, moment
from b2bua.commands.output import Output
from b2bua.config import Config, Trunk
from storage.records import CallRecord, TrunkSighting

SHOWN_CALLS: Final = 50
SIGHTING_LIFE_MS: Final = 90_000  # a server writes its trunks down every 30 s, and sooner when they change


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
    """`trunks`: each trunk as the running server last saw it; "unknown" once no server has told for a while."""
    states = {state.name: state for state in await looked_up(config, lambda reader: reader.trunk_sightings())}
    now = SystemClock().wall_ms()
    output.rows(
        [_trunk_row(trunk, states.get(trunk.name), now) for trunk in config.trunks],
        (
            *("name", "uri", "state", "reason", "destinations", "live_calls", "max_calls", "cps", "waiting", "placed"),
            *("failed", "round_trip_ms", "last_options_at", "seen_at"),
        ),
    )
    return 0


def _trunk_row(trunk: Trunk, seen: TrunkSighting | None, now_ms: int) -> dict[str, object]:
    state, reason = _state_of(seen, now_ms)
    return {
        "name": trunk.name,
        "uri": trunk.uri.text,
        "state": state,
        "reason": reason,
        "live_calls": 0 if seen is None else seen.live_calls,
        "waiting": 0 if seen is None else seen.waiting,
        "destinations": 0 if seen is None else seen.destinations,
        "open_destinations": 0 if seen is None else seen.open_destinations,
        "placed": 0 if seen is None else seen.placed,
        "failed": 0 if seen is None else seen.failed,
        "round_trip_ms": None if seen is None else seen.round_trip_ms,
        "last_options_at": None if seen is None else moment(seen.last_options_at),
        "last_options_status": None if seen is None else seen.last_options_status,
        "seen_at": None if seen is None else moment(seen.seen_at),
        "max_calls": trunk.max_calls,
        "cps": trunk.cps,
    }


def _state_of(seen: TrunkSighting | None, now_ms: int) -> tuple[str, str]:
    """A trunk's state and why; what a server said that is gone since says nothing of now."""
    if seen is None:
        return "unknown", "no server that runs has reported it"
    state = "up" if seen.up else "down"
    if abs(now_ms - seen.seen_at) > SIGHTING_LIFE_MS:  # in the future too: the clock was set back since
        return "unknown", f"no server runs; it was {state}: {seen.reason}"
    return state, seen.reason


async def calls(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`calls [--live]`: the newest calls of all organisations, numbers shortened for people and for scripts alike."""
    records = await looked_up(
        config, lambda reader: reader.live_calls() if options.live else reader.newest_calls(SHOWN_CALLS)
    )
    declared = declared_numbers(config)
    output.rows(
        [call_row(record, declared) for record in records],
        ("call_sid", "status", "party_a", "party_b", "masked_number", "started_at", "duration_sec", "hangup_cause"),
    )
    return 0


def declared_numbers(config: Config) -> frozenset[str]:
    """The numbers that are the operator's own."""
    return frozenset([number for trunk in config.trunks for number in trunk.numbers])


def call_row(record: CallRecord, declared: frozenset[str]) -> dict[str, object]:
    """A call as operators see it: numbers shortened, for people and for scripts alike, but for those `declared`. The
    number that was shown is the caller's own where a route passes that."""
    shown = record.masked_number
    is_callers = record.direction == "inbound" and shown not in declared
    return {
        "call_sid": record.call_id,
        "org_id": record.org_id,
        "status": record.status.value,
        "party_a": redact(record.party_a),
        "party_b": redact(record.party_b),
        "masked_number": redact(shown) if is_callers else shown,
        "started_at": moment(record.started_at),
        "answered_at": moment(record.answered_at),
        "ended_at": moment(record.ended_at),
        "duration_sec": record.duration_s,
        "price": None if record.price_paise is None else record.price_paise / 100,
        "hangup_cause": record.hangup_cause,
    }

"""`trace`: what happened in one call."""

import argparse
import re
from typing import Final

from b2bua.commands.databases import looked_up, moment
from b2bua.commands.ladder import ladder
from b2bua.commands.output import CommandFailed, Output
from b2bua.config import Config
from storage.records import CallRecord, TraceStep
from storage.units import Reader

CALL_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def trace(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`trace CALL`: the SIP ladder of both legs, and what happened besides. A live call's is about a second old."""
    call_id = options.call.strip().lower()
    if not CALL_ID.fullmatch(call_id):
        raise CommandFailed(f"not a call's id: {options.call!r}; maskbridge calls lists them")

    def look(reader: Reader) -> tuple[CallRecord | None, list[TraceStep]]:
        return reader.any_call(call_id), reader.trace(call_id)

    call, steps = await looked_up(config, look)
    if call is None and not steps:
        raise CommandFailed(f"there is no call {call_id}, or what happened in it is not kept any more")
    if output.as_json:
        output.one({"call_sid": call_id, "status": None if call is None else call.status.value, "events": _rows(steps)})
        return 0
    output.line(_title(call_id, call))
    if not steps:
        output.line("nothing of what happened in it is kept (trace.keep_days)")
        return 0
    output.line(f"first step at {moment(steps[0].at)}")
    output.drawn(ladder(steps))
    return 0


def _rows(steps: list[TraceStep]) -> list[dict[str, object]]:
    return [
        {
            "at": moment(step.at),
            "at_ms": step.at,
            "kind": step.kind,
            "leg": step.leg,
            "name": step.name,
            "details": dict(step.details),
        }
        for step in steps
    ]


def _title(call_id: str, call: CallRecord | None) -> str:
    if call is None:
        return f"call {call_id}"
    cause = "" if call.hangup_cause is None else f", {call.hangup_cause}"
    length = "" if call.duration_s is None else f", {call.duration_s} s"
    return f"call {call_id}: {call.status.value}{cause}{length}"

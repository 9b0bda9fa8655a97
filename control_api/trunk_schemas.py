"""What goes out about trunks, to operators alone."""

from typing import Final

from pydantic import Field

from b2bua.call.model import TrunkState
from control_api.schemas import Timestamp, Wire, enveloped
from control_api.timestamps import optional_timestamp


class TrunkFailuresView(Wire):
    """How many INVITEs failed of one cause."""

    cause: str = Field(
        description="The class of the response such as `4xx`, `503`, `credentials` (401, 407), or a kind of failure"
    )
    count: int


class TrunkView(Wire):
    """A trunk as it is now; what is counted is counted since the server started."""

    name: str
    uri: str
    up: bool
    reason: str = Field(description="Why it is up or down")
    live_calls: int
    max_calls: int | None = Field(description="Calls at a time; null: no cap")
    cps: int | None = Field(description="New calls a second; null: no cap")
    waiting: int = Field(description="INVITEs that wait for their turn in the call rate")
    destinations: int
    open_destinations: int = Field(description="Those that take calls now")
    last_options_at: Timestamp | None
    last_options_status: int | None
    round_trip_ms: float | None = Field(description="Of the last OPTIONS that was answered")
    placed: int = Field(description="INVITEs that were sent")
    failed: int
    failovers: int = Field(description="Failures that another attempt followed")
    failures: list[TrunkFailuresView]


TrunksReply: Final = enveloped("TrunksReply", list[TrunkView])


def trunk_representation(trunk: TrunkState) -> dict[str, object]:
    """A trunk."""
    return {
        "name": trunk.name,
        "uri": trunk.uri,
        "up": trunk.up,
        "reason": trunk.reason,
        "live_calls": trunk.live_calls,
        "max_calls": trunk.max_calls or None,
        "cps": trunk.cps or None,
        "waiting": trunk.waiting,
        "destinations": trunk.destinations,
        "open_destinations": trunk.open_destinations,
        "last_options_at": optional_timestamp(trunk.last_options_at),
        "last_options_status": trunk.last_options_status,
        "round_trip_ms": None if trunk.round_trip_ms is None else round(trunk.round_trip_ms, 2),
        "placed": trunk.placed,
        "failed": sum(count for _, count in trunk.failures),
        "failovers": trunk.failovers,
        "failures": [{"cause": cause, "count": count} for cause, count in trunk.failures],
    }


def trunk_example(at_ms: int) -> dict[str, object]:
    """One for the documentation."""
    return trunk_representation(
        TrunkState(
            name="carrier",
            uri="sip:sip.carrier.example:5060",
            up=True,
            reason="OPTIONS answered 200",
            live_calls=12,
            max_calls=200,
            cps=20,
            last_options_at=at_ms,
            last_options_status=200,
            round_trip_ms=12.5,
            destinations=2,
            open_destinations=2,
            placed=480,
            failovers=2,
            failures=(("4xx", 31), ("503", 2)),
        )
    )

"""What `top` shows, made of two looks at the metrics and the live calls. P."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from control_api.metrics_reading import Sample

CALLS_SHOWN: Final = 20
# Rates a second: the name they are shown under, and the counter.
_RATES: Final[Mapping[str, str]] = {
    "placed": "calls_placed_total",
    "settled": "calls_settled_total",
    "refused": "calls_refused_total",
    "inbound_refused": "inbound_refused_total",
    "sip_received": "sip_received_total",
    "sip_sent": "sip_sent_total",
    "packets_relayed": "media_packets_relayed_total",
    "webhooks_delivered": "webhooks_delivered_total",
    "webhooks_failed": "webhooks_failed_total",
}
_NOW: Final = (
    *("live_calls", "media_legs", "media_ports_left", "recordings_live", "recordings_queue_length"),
    *("journal_backlog", "webhooks_in_flight", "event_streams"),
)


def overview(before: Sample, now: Sample, calls: Sequence[Mapping[str, object]]) -> dict[str, Any]:
    """All that is shown, as `--json` tells it. Rates are those between the two looks."""
    span_s = max(now.at_s - before.at_s, 1e-3)
    cpu = _rate(before.values, now.values, "process_cpu_seconds_total", span_s)
    return {
        "ready": now.value("ready") == 1.0,
        **{name: round(now.value(name)) for name in _NOW},
        "loop_delay_ms": round(now.value("loop_delay_seconds") * 1000, 1),
        "cpu_percent": round(100 * cpu, 1),
        "memory_mb": round(now.values.get("process_resident_memory_bytes", 0.0) / 1_000_000, 1),
        "per_second": {
            shown: round(_rate(before.values, now.values, f"maskbridge_{counter}", span_s), 1)
            for shown, counter in _RATES.items()
        },
        "trunks": [_trunk(name, before, now, span_s) for name in sorted(now.trunks)],
        "calls": list(calls)[:CALLS_SHOWN],
    }


def figures_text(view: Mapping[str, Any]) -> list[str]:
    """The numbers of the whole server in a few lines."""
    rates = view["per_second"]
    return [
        f"{'taking calls' if view['ready'] else 'NOT taking calls'}   live calls {view['live_calls']}   "
        f"placed {rates['placed']}/s   settled {rates['settled']}/s   "
        f"refused {rates['refused'] + rates['inbound_refused']:g}/s",
        f"loop delay {view['loop_delay_ms']} ms   CPU {view['cpu_percent']} %   memory {view['memory_mb']} MB   "
        f"SIP {rates['sip_received']}/s in, {rates['sip_sent']}/s out   RTP {rates['packets_relayed']:.0f}/s",
        f"legs {view['media_legs']}   ports left {view['media_ports_left']}   recordings {view['recordings_live']}, "
        f"{view['recordings_queue_length']} to export   journal {view['journal_backlog']}   "
        f"webhooks {view['webhooks_in_flight']} under way, {rates['webhooks_failed']}/s failing   "
        f"streams {view['event_streams']}",
    ]


TRUNK_COLUMNS: Final = (
    *("name", "state", "live_calls", "placed_per_s", "failed_per_s", "waiting", "destinations", "options_ms"),
)
# Over them on a screen, of which the smallest has 80 columns.
TRUNK_HEADS: Final = ("name", "state", "live", "placed/s", "failed/s", "wait", "open", "OPTIONS ms")
SCREEN_CALL_COLUMNS: Final = ("call_sid", "status", "party_a", "party_b", "answered_at")
CALL_COLUMNS: Final = ("call_sid", "status", "party_a", "party_b", "masked_number", "started_at", "answered_at")

WIDE: Final = 100  # columns that a screen has with room for all of a call


def cells(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[list[str]]:
    """Rows as text."""
    return [["-" if row.get(column) is None else str(row[column]) for column in columns] for row in rows]


def _trunk(name: str, before: Sample, now: Sample, span_s: float) -> dict[str, Any]:
    figures, earlier = now.trunks[name], before.trunks.get(name, {})
    options_s = figures.get("options_seconds")
    return {
        "name": name,
        "state": "up" if figures.get("up") == 1.0 else "down",
        "live_calls": round(figures.get("live_calls", 0)),
        "placed_per_s": round(_rate(earlier, figures, "calls_placed_total", span_s), 1),
        "failed_per_s": round(_rate(earlier, figures, "calls_failed_total", span_s), 1),
        "waiting": round(figures.get("cps_waiting", 0)),
        "destinations": f"{figures.get('destinations_open', 0):.0f}/{figures.get('destinations', 0):.0f}",
        "options_ms": None if options_s is None else round(options_s * 1000, 1),
    }


def _rate(before: Mapping[str, float], now: Mapping[str, float], name: str, span_s: float) -> float:
    """How fast a counter grows; one that begins anew, since the server does, has grown from 0."""
    later, earlier = now.get(name, 0.0), before.get(name, 0.0)
    return (later - earlier if later >= earlier else later) / span_s

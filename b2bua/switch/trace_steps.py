"""What of a call's events and effects is told in its trace, in the trace's words."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from b2bua.call import effects as do
from b2bua.call import events as happened
from b2bua.call.model import Leg
from b2bua.redaction import redact_text
from media.statistics import LegStatistics


class Told(NamedTuple):
    """A step: its kind, leg, name and details, as `Tracing.note` takes them."""

    kind: str
    leg: str | None
    name: str
    details: Mapping[str, object]


BRIDGED: Final = "bridged"
CLOSED: Final = "closed"
DIGIT: Final = "digit"
HOLD: Final = "hold"
UNHOLD: Final = "unhold"
RECORDING_STOPPED: Final = Told("media", None, "recording.stopped", {})
RECORDING_PAUSED: Final = Told("media", None, "recording.paused", {})
RECORDING_RESUMED: Final = Told("media", None, "recording.resumed", {})


def of_event(event: happened.CallEvent) -> Told | None:
    """What is told of an event, None where nothing is; never which key was pressed."""
    teller = _EVENTS.get(type(event))
    return None if teller is None else teller(event)


def of_effect(effect: do.Effect) -> Told | None:
    """What is told of an effect, None where nothing is."""
    teller = _EFFECTS.get(type(effect))
    return None if teller is None else teller(effect)


def of_statistics(leg: Leg, codec: str | None, statistics: LegStatistics) -> Told:
    """What a leg's media were like, once they are over."""
    told = {
        "codec": codec,
        "packets_lost": statistics.packets_lost,
        "jitter_ms": statistics.jitter_ms,
        "mos": statistics.mos,
    }
    return Told("media", leg.value, CLOSED, told)


def media_started(leg: Leg) -> Told:
    """A leg's first packet was taken: from now on its media go to where that came from."""
    return Told("media", leg.value, "latched", {})


def hold_changed(leg: Leg, on_hold: bool) -> Told:
    """A leg's far end has put it on hold, or has come back."""
    return Told("media", leg.value, HOLD if on_hold else UNHOLD, {})


def trunk_tried(leg: Leg, trunk: str) -> Told:
    """An INVITE goes to a trunk."""
    return Told("trunk", leg.value, trunk, {})


def _failed(event: happened.LegFailed) -> Told:
    told: dict[str, object] = {"kind": event.kind.value, "sip_status": event.sip_status}
    if event.why is not None:
        told["why"] = redact_text(event.why)
    return Told("state", event.leg.value, "leg.failed", told)


def _state(effect: do.Notify | do.Settle) -> Told:
    return Told("state", None, effect.event.value, {})


_EVENTS: Final[Mapping[type, Callable[[Any], Told]]] = {
    happened.LegRinging: lambda e: Told("state", e.leg.value, "leg.ringing", {"sip_status": e.sip_status}),
    happened.LegEarlyMedia: lambda e: Told("media", e.leg.value, "early_media", {"sip_status": e.sip_status}),
    happened.LegAnswered: lambda e: Told("media", e.leg.value, "negotiated", {"codec": e.codec}),
    happened.LegAnsweredAhead: lambda e: Told("media", e.leg.value, "negotiated", {"codec": e.codec}),
    happened.LegFailed: _failed,
    happened.LegHungUp: lambda e: Told("state", e.leg.value, "leg.hung_up", {}),
    happened.LegLost: lambda e: Told("state", e.leg.value, "leg.lost", {}),
    happened.MediaSilent: lambda e: Told("media", e.leg.value, "silent", {}),
    happened.DigitPressed: lambda e: Told(
        "media", e.leg.value, DIGIT, {"way": e.way.value, "duration_ms": e.duration_ms}
    ),
    happened.DeadlinePassed: lambda e: Told("state", None, "deadline", {"deadline": e.deadline.value}),
    happened.ReservationRefused: lambda e: Told("state", None, "reservation.refused", {}),
    happened.PromptsHeard: lambda e: Told("media", None, "prompts.heard", {}),
    happened.HangupRequested: lambda e: Told("state", None, "hangup.requested", {}),
    happened.SystemFailed: lambda e: Told("state", None, "system.failed", {}),
    happened.SystemStopping: lambda e: Told("state", None, "system.stopping", {}),
}

_EFFECTS: Final[Mapping[type, Callable[[Any], Told]]] = {
    do.PlayTone: lambda e: Told("media", e.leg.value, "tone", {"tone": e.tone.value}),
    do.PlayPrompts: lambda e: Told("media", None, "prompts", {}),
    do.Bridge: lambda e: Told("media", None, BRIDGED, {}),
    do.StartRecording: lambda e: Told("media", None, "recording.started", {}),
    do.HangUp: lambda e: Told("state", e.leg.value, "hang_up", {"cause": e.cause.value}),
    do.Notify: _state,
    do.Settle: _state,
}

"""The ladder of a call: both legs with ourselves between them, one line for each thing that happened. P."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from storage.records import TraceStep

LANE: Final = 34  # characters between two life lines
TIME: Final = 10
Line = Sequence[tuple[str, str]]  # pieces of text, each with the word for its looks: see `Output.drawn`

_TITLES: Final = ("A", "maskbridge", "B")


def ladder(steps: Iterable[TraceStep]) -> list[Line]:
    """The lines to draw, seconds counted from the first step."""
    lines: list[Line] = [_heading()]
    first: int | None = None
    for step in steps:
        first = step.at if first is None else first
        seconds = f"{(step.at - first) / 1000:>{TIME}.3f}  "
        lines.append([(seconds, "dim"), *_drawn(step)])
    return lines


def _heading() -> Line:
    lanes = "".join(f"{title:<{LANE + 1}}" for title in _TITLES)
    return [(" " * (TIME - 1) + "s  ", "dim"), (lanes.rstrip(), "bold")]


def _drawn(step: TraceStep) -> Line:
    if step.kind == "sip" and step.leg in ("a", "b"):
        arrow = (_arrow(step), _looks(step))
        empty = (" " * LANE, "")
        between = (arrow, empty) if step.leg == "a" else (empty, arrow)
        return [("|", "dim"), between[0], ("|", "dim"), between[1], ("|", "dim")]
    return _remark(step)


def _arrow(step: TraceStep) -> str:
    """`---- INVITE sdp --->`, as long as a lane. What we send to A goes left, to B right."""
    rightwards = (step.details.get("direction") == "sent") == (step.leg == "b")
    extra = [
        " sdp" if step.details.get("body") == "application/sdp" else "",
        " again" if "again" in step.details else "",
    ]
    text = f" {step.name[: LANE - 16]}{''.join(extra)} ".center(LANE - 1, "-")
    return f"{text}>" if rightwards else f"<{text}"


def _looks(step: TraceStep) -> str:
    status = step.name[:1]
    if not status.isdigit():
        return "request"
    return "good" if status in "12" else "bad"


def _remark(step: TraceStep) -> Line:
    """What is no message stands under the leg it is of, or under us."""
    text = f"* {_text(step)}"
    looks = {"webhook": "dim", "trunk": "dim", "media": "media"}.get(step.kind, "state")
    line, lane = ("|", "dim"), (" " * LANE, "")
    if step.leg == "a":
        if len(text) <= LANE:
            return [line, (text.ljust(LANE), looks), line, lane, line]
        return [line, (text, looks)]
    before: list[tuple[str, str]] = [line, lane]
    if step.leg == "b":
        return [*before, line, lane, ("|", "dim"), (f" {text}", looks)]
    return [*before, (text, looks)]


def _text(step: TraceStep) -> str:
    name = f"trunk {step.name}" if step.kind == "trunk" else step.name
    if step.kind == "webhook":
        result = step.details.get("http_status") or step.details.get("error") or "no answer"
        return f"webhook {name}: {result} (attempt {step.details.get('attempt')})"
    return " ".join([name, *_details(step.details)])


def _details(details: Mapping[str, object]) -> list[str]:
    return [
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in details.items()
        if value is not None
    ]

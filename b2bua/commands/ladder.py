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
    dialogs: dict[str | None, str] = {}
    for step in steps:
        first = step.at if first is None else first
        seconds = f"{(step.at - first) / 1000:>{TIME}.3f}  "
        drawn = [_drawn(step), *(_under(step.leg, f"* {said}", "dim") for said in _said(step, dialogs))]
        lines += [[(seconds, "dim"), *line] for line in drawn]
    return lines


def _said(step: TraceStep, dialogs: dict[str | None, str]) -> list[str]:
    """What a message says that a carrier's engineer asks for: of which dialog it is, where that is not the one of the
    leg's message before, and why something was refused."""
    if step.kind != "sip":
        return []
    said = []
    dialog = step.details.get("call_id")
    if isinstance(dialog, str) and dialogs.get(step.leg) != dialog:
        dialogs[step.leg] = dialog
        peer = step.details.get("peer")
        said.append(f"Call-ID: {dialog}" + ("" if peer is None else f" at {peer}"))
    told = (("Reason", step.details.get("reason")), ("Warning", step.details.get("warning")))
    return said + [f"{name}: {value}" for name, value in told if value is not None]


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
    looks = {"webhook": "dim", "trunk": "dim", "media": "media"}.get(step.kind, "state")
    return _under(step.leg, f"* {_text(step)}", looks)


def _under(leg: str | None, text: str, looks: str) -> Line:
    line, lane = ("|", "dim"), (" " * LANE, "")
    if leg == "a":
        if len(text) <= LANE:
            return [line, (text.ljust(LANE), looks), line, lane, line]
        return [line, (text, looks)]
    before: list[tuple[str, str]] = [line, lane]
    if leg == "b":
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

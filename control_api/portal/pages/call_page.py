"""One call: what became of it, its legs, its recording, and everything that happened in it, drawn as a ladder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from yarl import URL

from control_api.event_streams import RECORDING_WAIT_S
from control_api.portal.frame import Page, PageRoute
from control_api.portal.pages.overview import EVENTS
from control_api.portal.rest import Refused
from control_api.portal.waves import Wave, wave_of
from control_api.rights import Right
from control_api.timestamps import parse_timestamp
from storage.records import TERMINAL_STATUSES, WebhookEvent

_PATH: Final = "/portal/calls/{call_sid}"
_ENDED: Final = frozenset(status.value for status in TERMINAL_STATUSES)
_GONE: Final = 404
_OVER: Final = 409


@dataclass(frozen=True, slots=True)
class Rung:
    """A line of the ladder, `after_ms` the first: an arrow between a party and here, or what happened here.

    `a` and `b` are what stands on the parties' sides, `here` what stands between them; `said` is what else is known.
    """

    after_ms: int
    kind: str
    a: str
    here: str
    b: str
    said: str


async def show(page: Page) -> web.Response:
    """The call as it is now."""
    path = f"/v1/masking/calls/{page.part('call_sid')}"
    call = (await page.rest.get(path)).data
    live = call["status"] not in _ENDED
    recording = await _recording(page, path) if page.may(Right.RECORDINGS_READ) and not live else None
    told = (await page.rest.get(f"{path}/events")).data["events"]
    more_to_come = live or (recording is None and _ended_just_now(page, call))
    return page.render(
        "call_page.html",
        call=call,
        live=live,
        more_to_come=more_to_come,
        recording=recording,
        wave=None if recording is None else await _wave(page, path, recording),
        heard=await _heard(page, path) if live else None,
        ladder=ladder_of(told),
        events=(*EVENTS, WebhookEvent.RECORDING_READY),
    )


async def hang_up(page: Page) -> web.Response:
    """End it."""
    await page.rest.post(f"/v1/masking/calls/{page.part('call_sid')}/hangup")
    return page.redirect(_own(page), "call-ending")


async def pause(page: Page) -> web.Response:
    """Leave what is said from now on out of the recording."""
    await page.rest.post(f"/v1/masking/calls/{page.part('call_sid')}/recording/pause")
    return page.redirect(_own(page), "recording-paused")


async def resume(page: Page) -> web.Response:
    """Record again."""
    await page.rest.post(f"/v1/masking/calls/{page.part('call_sid')}/recording/resume")
    return page.redirect(_own(page), "recording-resumed")


async def erase(page: Page) -> web.Response:
    """Erase the recording for good."""
    await page.rest.call("DELETE", f"/v1/masking/calls/{page.part('call_sid')}/recording")
    return page.redirect(_own(page), "recording-erased")


def ladder_of(events: list[Mapping[str, Any]]) -> list[Rung]:
    """A call's events as the lines of a ladder."""
    first = events[0]["at_ms"] if events else 0
    return [_rung(event, event["at_ms"] - first) for event in events]


def _rung(event: Mapping[str, Any], after_ms: int) -> Rung:
    kind, leg, name, details = event["kind"], event["leg"], event["name"], event["details"]
    said = ", ".join(f"{key} {value}" for key, value in details.items() if key != "direction" and value is not None)
    if kind != "sip" or leg is None:
        where = "" if leg is None else f"{leg.upper()}: "
        return Rung(after_ms, kind, "", where + name, "", said)
    inwards = details.get("direction") == "received"
    if leg == "a":
        return Rung(after_ms, kind, f"{name} →" if inwards else f"← {name}", "", "", said)
    return Rung(after_ms, kind, "", "", f"← {name}" if inwards else f"→ {name}", said)


async def _recording(page: Page, path: str) -> dict[str, Any] | None:
    """What is known of the recording, with an address for the player on this page; None where there is none."""
    try:
        found: dict[str, Any] = (await page.rest.get(f"{path}/recording")).data
    except Refused as refused:
        if refused.reply.status != _GONE:
            raise
        return None
    return found | {"address": URL(found["url"]).path_qs}


async def _wave(page: Page, path: str, recording: Mapping[str, Any]) -> Wave | None:
    """What the recording looks like; None where that is not known."""
    try:
        peaks = (await page.rest.get(f"{path}/recording/peaks")).data
    except Refused as refused:
        if refused.reply.status != _GONE:
            raise
        return None
    return wave_of(peaks, recording["pauses"])


async def _heard(page: Page, path: str) -> str | None:
    """Whether a live call is being recorded; None where it has ended meanwhile."""
    try:
        return str((await page.rest.get(f"{path}/recording/live")).data["recording"])
    except Refused as refused:
        if refused.reply.status not in (_GONE, _OVER):
            raise
        return None


def _ended_just_now(page: Page, call: Mapping[str, Any]) -> bool:
    """Whether a recording may still be on its way: it is ready after the call's end."""
    ended_at = call["ended_at"]
    return ended_at is not None and page.site.clock.wall_ms() - parse_timestamp(ended_at) < RECORDING_WAIT_S * 1000


def _own(page: Page) -> str:
    return f"/portal/calls/{page.part('call_sid')}"


PAGES: Final = (
    PageRoute("GET", _PATH, show, Right.CALLS_READ),
    PageRoute("POST", f"{_PATH}/hang-up", hang_up, Right.CALLS_WRITE),
    PageRoute("POST", f"{_PATH}/recording/pause", pause, Right.CALLS_WRITE),
    PageRoute("POST", f"{_PATH}/recording/resume", resume, Right.CALLS_WRITE),
    PageRoute("POST", f"{_PATH}/recording/erase", erase, Right.RECORDINGS_WRITE),
)

"""One call: what became of it, its legs, its recording, and everything that happened in it, drawn as a ladder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from yarl import URL

from control_api.portal.frame import Page, PageRoute
from control_api.portal.rest import Refused
from control_api.rights import Right
from storage.records import TERMINAL_STATUSES

_PATH: Final = "/portal/calls/{call_sid}"
_ENDED: Final = frozenset(status.value for status in TERMINAL_STATUSES)
_GONE: Final = 404


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
    events = (await page.rest.get(f"{path}/events")).data["events"]
    return page.render("call_page.html", call=call, live=live, recording=recording, ladder=ladder_of(events))


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


def _own(page: Page) -> str:
    return f"/portal/calls/{page.part('call_sid')}"


PAGES: Final = (
    PageRoute("GET", _PATH, show, Right.CALLS_READ),
    PageRoute("POST", f"{_PATH}/hang-up", hang_up, Right.CALLS_WRITE),
    PageRoute("POST", f"{_PATH}/recording/pause", pause, Right.CALLS_WRITE),
    PageRoute("POST", f"{_PATH}/recording/resume", resume, Right.CALLS_WRITE),
    PageRoute("POST", f"{_PATH}/recording/erase", erase, Right.RECORDINGS_WRITE),
)

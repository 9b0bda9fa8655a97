"""The call log, one call's page, and placing a call by hand."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest

from b2bua.call.errors import BalanceInsufficient
from b2bua.call.masking import normalise_mobile
from b2bua.call.model import LiveRecording
from control_api.event_streams import RECORDING_WAIT_S
from control_api.portal.pages.call_page import ladder_of
from control_api.timestamps import parse_timestamp
from media.recording.peaks import Peaks
from storage.person_records import Role
from storage.records import LegRecord
from tests.support.api_world import ORG, OTHER_KEY, ApiWorld, api_world
from tests.support.page_visitor import PageVisitor
from tests.support.signed_in import add_person
from tests.support.stored import a_call, failed

PLACE = "/portal/place-call"
PARTIES = {"party_a": "9876543210", "party_b": "9123456789"}


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


async def visitor_of(world: ApiWorld, role: Role) -> PageVisitor:
    await add_person(world, f"{role}@shop.example", role)
    visitor = PageVisitor(world)
    await visitor.sign_in(f"{role}@shop.example")
    return visitor


async def test_the_log_is_had_as_a_table_with_its_filters(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.VIEWER)
    assert "/csv" not in (await visitor.get("/portal/calls")).text
    await world.place(reference="order-7")
    await world.place(reference="order-8")
    assert 'href="/v1/masking/call-logs/csv"' in (await visitor.get("/portal/calls")).text
    address = "/v1/masking/call-logs/csv?reference=order-7"
    assert f'href="{address}"' in (await visitor.get("/portal/calls?reference=order-7")).text
    rows = (await visitor.get(address)).text.splitlines()
    assert [len(rows), ",order-7" in rows[1]] == [2, True]


async def test_numbers_are_taken_as_they_are_pasted(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.DEVELOPER)
    sid = await world.place(**PARTIES)
    for shown in ("\u202a+91 98765 43210\u202c", " 9876543210 ", "+91\u00a098765\u201143210"):
        placed = await visitor.submit(PLACE, PLACE, party_a=shown, party_b=PARTIES["party_b"])
        assert placed.status == 303, ascii(shown)
        assert normalise_mobile(world.switch.commands[-1].party_a) == PARTIES["party_a"]
        found = await visitor.get(f"/portal/calls?{urlencode({'party': shown})}")
        assert f"/portal/calls/{sid}" in found.links(), ascii(shown)


async def test_a_call_is_placed_once_and_shown(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.DEVELOPER)
    given = (await visitor.get(PLACE)).fields(PLACE) | PARTIES | {"reference": "order-7", "minutes": "5"}
    placed = await visitor.post(PLACE, given)
    again = await visitor.post(PLACE, given)
    assert (placed.status, again.location) == (303, placed.location)
    (command,) = world.switch.commands
    assert (command.reference, command.max_duration_s, command.record) == ("order-7", 300, True)
    shown = await visitor.get(placed.location)
    assert "order-7" in shown.text
    ended = await visitor.submit(placed.location, f"{placed.location}/hang-up")
    assert (ended.location, world.switch.hung_up) == (placed.location, [placed.location.rpartition("/")[2]])


@pytest.mark.parametrize(
    ("changes", "field", "status"),
    [
        ({"party_a": "12"}, "", 201),
        ({"minutes": "long"}, "max_duration_sec", 400),
        ({"minutes": "0"}, "max_d", 400),
        ({"minutes": "9" * 5_000}, "max_duration_sec", 400),
    ],
)
async def test_what_is_wrong_with_a_call_is_said(
    world: ApiWorld, changes: dict[str, str], field: str, status: int
) -> None:
    visitor = await visitor_of(world, Role.DEVELOPER)
    refused = await visitor.submit(PLACE, PLACE, **(PARTIES | changes))
    assert refused.status == (303 if status == 201 else status)
    assert field in refused.text


async def test_a_call_without_money_is_refused_in_words(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.OWNER)
    world.switch.refuse_with = BalanceInsufficient()
    refused = await visitor.submit(PLACE, PLACE, **PARTIES)
    assert (refused.status, 'role="alert"' in refused.text) == (402, True)
    assert refused.fields(PLACE)["party_b"] == "9123456789"


async def test_the_log_is_filtered_and_paged(world: ApiWorld) -> None:
    for number in range(21):
        await world.finish(await world.place(reference=f"order-{number}"))
    visitor = await visitor_of(world, Role.VIEWER)
    first = await visitor.get("/portal/calls?status=completed")
    assert "Page 1 of 2, 21 in all" in first.text
    older = next(link for link in first.links() if "page=2" in link)
    assert "Page 2 of 2" in (await visitor.get(older)).text
    found = await visitor.get("/portal/calls?reference=order-3&first_day=2025-01-01&last_day=2025-01-01")
    assert ("order-3" in found.text, "order-4" in found.text) == (True, False)
    assert "No call is like this." in (await visitor.get("/portal/calls?last_day=2024-12-31")).text


@pytest.mark.parametrize(
    ("started", "is_of_the_day"),
    [
        ("2025-01-01T23:59:59.999+05:30", False),
        ("2025-01-02T00:00:00.000+05:30", True),
        ("2025-01-02T00:00:00.999+05:30", True),
        ("2025-01-02T23:59:59.000+05:30", True),
        ("2025-01-02T23:59:59.999+05:30", True),
        ("2025-01-03T00:00:00.000+05:30", False),
    ],
)
async def test_a_day_has_the_calls_of_its_first_and_last_second(
    world: ApiWorld, started: str, is_of_the_day: bool
) -> None:
    at = parse_timestamp(started)
    await world.store.run(lambda unit: unit.cdrs.add(failed(a_call("edge", org_id=ORG, created_at=at))))
    visitor = await visitor_of(world, Role.VIEWER)
    of_day = await visitor.get("/portal/calls?first_day=2025-01-02&last_day=2025-01-02")
    assert ("/portal/calls/edge" in of_day.links()) == is_of_the_day


@pytest.mark.parametrize("day", ["2025-W01-1", "0001-01-01", "2025-02-30", "20250101"])
async def test_a_day_that_is_none_is_said_so(world: ApiWorld, day: str) -> None:
    refused = await (await visitor_of(world, Role.VIEWER)).get(f"/portal/calls?first_day={day}")
    assert (refused.status, 'role="alert"' in refused.text) == (400, True)


@pytest.mark.parametrize("query", ["status=lost", "page=0", "page=x", "first_day=soon", "first_day=2025-13-01"])
async def test_a_filter_that_is_none_is_said_so(world: ApiWorld, query: str) -> None:
    visitor = await visitor_of(world, Role.VIEWER)
    refused = await visitor.get(f"/portal/calls?{query}")
    assert (refused.status, 'role="alert"' in refused.text) == (400, True)


async def test_a_calls_page_tells_what_became_of_it(world: ApiWorld) -> None:
    call_id = await world.place()
    await world.finish(call_id)
    await world.record(call_id, f"{call_id[:8]}.mp3")
    owner, viewer = await visitor_of(world, Role.OWNER), await visitor_of(world, Role.VIEWER)
    path = f"/portal/calls/{call_id}"
    shown = await owner.get(path)
    assert "1 min 34 s" in shown.text
    player = shown.tree().find(".//audio")
    assert player is not None
    assert str(player.get("src")).startswith("/v1/public/recordings/masking/")
    assert "hang-up" not in shown.text
    assert "<audio" not in (await viewer.get(path)).text
    assert (await owner.submit(path, f"{path}/recording/erase")).status == 303
    assert "There is no recording." in (await owner.get(path)).text


async def test_a_calls_page_follows_it_until_its_recording_is_there(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.OWNER)
    call_id, unrecorded = await world.place(), await world.place()
    stream = f'sse-connect="/v1/masking/calls/{call_id}/events"'
    path = f"/portal/calls/{call_id}"
    assert stream in (await visitor.get(path)).text
    ended = await world.finish(call_id)
    await world.finish(unrecorded)
    assert stream in (await visitor.get(path)).text
    await world.record(call_id, f"{call_id[:8]}.mp3")
    assert stream not in (await visitor.get(path)).text
    assert ended.ended_at is not None
    world.clock.advance((ended.ended_at - world.clock.wall_ms()) / 1000 + RECORDING_WAIT_S + 1)
    assert "sse-connect" not in (await visitor.get(f"/portal/calls/{unrecorded}")).text


async def test_a_recording_is_paused_and_resumed_as_it_can_be(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.OWNER)
    call_id = await world.place()
    path = f"/portal/calls/{call_id}"
    for deed, other, paused in (("pause", "resume", True), ("resume", "pause", False)):
        assert f"{path}/recording/{other}" not in (await visitor.get(path)).text
        assert (await visitor.submit(path, f"{path}/recording/{deed}")).location == path
        assert world.switch.paused == {call_id: paused}
    world.switch.recording = LiveRecording.OFF
    shown = await visitor.get(path)
    assert ("recording/pause" in shown.text, "recording/resume" in shown.text) == (False, False)


async def test_a_recording_is_drawn_where_its_peaks_are_known(world: ApiWorld) -> None:
    call_id = await world.place()
    await world.finish(call_id)
    await world.record(call_id, f"{call_id[:8]}.mp3")
    owner = await visitor_of(world, Role.OWNER)
    path = f"/portal/calls/{call_id}"
    assert "wave-a" not in (await owner.get(path)).text
    peaks = Peaks(188, bytes(range(250)) * 2, bytes(500)).pack()
    await world.store.run(lambda unit: unit.recordings.set_peaks(call_id, peaks))
    tree = (await owner.get(path)).tree()
    drawn = {str(one.get("class")): str(one.get("d")) for one in tree.iter() if str(one.tag).endswith("path")}
    assert [drawn[name].count("M") for name in ("wave-a", "wave-b")] == [240, 240]


@pytest.mark.parametrize(("mos", "word"), [(4.4, "good"), (3.7, "fair"), (2.0, "poor")])
async def test_how_each_leg_sounded(world: ApiWorld, mos: float, word: str) -> None:
    call_id = await world.place()
    await world.finish(call_id, legs=(LegRecord("a", "ended", mos=mos), LegRecord("b", "ended")))
    viewer = await visitor_of(world, Role.VIEWER)
    shown = await viewer.get(f"/portal/calls/{call_id}")
    badges = [str(one.text) for one in shown.tree().iter("span") if "badge" in str(one.get("class"))]
    assert badges == ["completed", word]


async def test_another_organisations_call_is_not_there(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.OWNER)
    theirs = (await world.post(key=OTHER_KEY)).json["data"]["call_sid"]
    assert (await visitor.get(f"/portal/calls/{theirs}")).status == 404
    token = (await visitor.get("/portal")).fields("/portal/sign-out")["csrf_token"]
    for deed in ("hang-up", "recording/pause", "recording/resume", "recording/erase"):
        assert (await visitor.post(f"/portal/calls/{theirs}/{deed}", {"csrf_token": token})).status == 404, deed
    assert theirs not in (await visitor.get("/portal/calls")).text
    assert ORG not in (await visitor.get(f"/portal/calls/{theirs}")).headers


def event(at_ms: int, kind: str, leg: str | None, name: str, **details: Any) -> dict[str, Any]:
    return {"at_ms": at_ms, "kind": kind, "leg": leg, "name": name, "details": details}


def test_a_ladder_has_its_arrows_on_the_parties_sides() -> None:
    rungs = ladder_of(
        [
            event(1_000, "sip", "a", "INVITE", direction="sent", cseq=1),
            event(1_200, "sip", "a", "180 Ringing", direction="received"),
            event(1_300, "state", None, "call.ringing"),
            event(1_400, "sip", "b", "INVITE", direction="sent"),
            event(1_500, "sip", "b", "486 Busy Here", direction="received"),
            event(1_600, "media", "b", "latched"),
        ]
    )
    assert [(rung.after_ms, rung.a, rung.here, rung.b) for rung in rungs] == [
        (0, "← INVITE", "", ""),
        (200, "180 Ringing →", "", ""),
        (300, "", "call.ringing", ""),
        (400, "", "", "→ INVITE"),
        (500, "", "", "← 486 Busy Here"),
        (600, "", "B: latched", ""),
    ]
    assert rungs[0].said == "cseq 1"
    assert ladder_of([]) == []

"""The webhook contract: delivered at least once, in order, and one bad endpoint holds up no other."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import NoReturn, TypeVar

import pytest
from aiohttp import web

from control_api.webhooks import dispatcher as dispatcher_module
from control_api.webhooks.dispatcher import PAUSE_S, Dispatcher, DispatcherSettings
from control_api.webhooks.payloads import render_body
from control_api.webhooks.sender import KEPT_BYTES, LARGEST_REPLY_BYTES, Reply, Sender
from control_api.webhooks.signing import verify_body, verify_body_v2
from storage.errors import StoreUnavailable
from storage.records import Delivery, OutboxEvent, WebhookEvent
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.seeded_tokens import SeededTokens
from tests.support.stored import ORG, a_call, an_endpoint, an_event, an_organisation
from tests.support.until import until
from tests.support.webhook_receiver import Receiver, WebhookBench, answering

T = TypeVar("T")
OpenBench = Callable[[DispatcherSettings], Awaitable[WebhookBench]]

pytestmark = pytest.mark.sockets

SETTINGS = DispatcherSettings(
    user_agent="maskbridge/1.2", timeout_s=5.0, allow_private_targets=True, close_grace_s=0.05
)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    server = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    server.base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def open_bench(receiver: Receiver) -> AsyncIterator[OpenBench]:
    benches: list[WebhookBench] = []

    async def make(settings: DispatcherSettings) -> WebhookBench:
        benches.append(await WebhookBench.open(receiver, settings))
        return benches[-1]

    yield make
    for opened in benches:
        await opened.close()


@pytest.fixture
async def bench(open_bench: OpenBench) -> WebhookBench:
    opened = await open_bench(SETTINGS)
    await opened.dispatcher.start()
    return opened


async def never_answer(_: web.Request) -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError("an event that nobody sets")


async def test_an_event_arrives_with_every_published_header(bench: WebhookBench, receiver: Receiver) -> None:
    await bench.endpoint("/hook", secrets=("new", "old"))
    await bench.tell_calls("call-1")
    heard = await receiver.next()
    now_s = bench.clock.wall_ms() / 1000
    assert heard.headers["Content-Type"] == "application/json"
    assert heard.headers["User-Agent"] == "maskbridge/1.2"
    assert heard.headers["X-Edesy-Event-Id"] == "call-1-1"
    assert heard.headers["X-Edesy-Attempt"] == "1"
    # Room for one signature: a receiver that looks at this one alone has the old secret until the rotation is finished.
    assert verify_body(heard.body, heard.headers["X-Edesy-Signature"], "old")
    for secret in ("new", "old"):
        assert verify_body_v2(heard.body, heard.headers["X-Edesy-Signature-V2"], secret, now_s)
    assert json.loads(heard.body)["event"] == "call.initiated"
    assert await bench.settled("/hook", "delivered") == [("delivered", 200, None)]
    assert bench.dispatcher.counters() == {
        "webhooks_delivered_total": 1,
        "webhooks_failed_total": 0,
        "webhooks_dead_total": 0,
        "webhooks_in_flight": 0,
    }


async def test_recording_ready_carries_the_signed_url(bench: WebhookBench, receiver: Receiver) -> None:
    await bench.endpoint("/hook")
    await bench.tell(bench.event("call-1", 1, WebhookEvent.RECORDING_READY))
    assert json.loads((await receiver.next()).body)["data"]["download_url"] == "https://host/call-1.mp3"


async def test_each_endpoint_gets_every_event_under_its_own_secret(bench: WebhookBench, receiver: Receiver) -> None:
    await bench.endpoint("/one", secrets=("first",))
    await bench.endpoint("/two", secrets=("second",))
    await bench.tell_calls("call-1")
    heard = sorted([await receiver.next(), await receiver.next()], key=lambda request: request.path)
    assert [request.path for request in heard] == ["/one", "/two"]
    assert heard[0].body == heard[1].body
    assert verify_body(heard[0].body, heard[0].headers["X-Edesy-Signature"], "first")
    assert verify_body(heard[1].body, heard[1].headers["X-Edesy-Signature"], "second")


async def test_a_failure_is_tried_again_when_its_time_has_come(bench: WebhookBench, receiver: Receiver) -> None:
    receiver.answers["/hook"] = answering(500, 503)
    await bench.endpoint("/hook")
    await bench.tell_calls("call-1")
    first = await receiver.next()
    await bench.settled("/hook", "ready")
    bench.clock.advance(4.9)
    assert await bench.claim() == []
    bench.clock.advance(0.7)
    second = await bench.next_heard()
    assert 30 <= await bench.seconds_to_retry("/hook", 2) <= 33
    bench.clock.advance(33.0)
    third = await bench.next_heard()
    await bench.settled("/hook", "delivered")
    requests = [first, second, third]
    assert [request.headers["X-Edesy-Attempt"] for request in requests] == ["1", "2", "3"]
    assert {request.headers["X-Edesy-Event-Id"] for request in requests} == {"call-1-1"}
    assert len({request.body for request in requests}) == 1


@pytest.mark.parametrize("step_ms", [-86_400_000, -3_600_000, 3_600_000])
async def test_a_retry_comes_in_time_although_the_clock_was_set(
    bench: WebhookBench, receiver: Receiver, step_ms: int
) -> None:
    receiver.answers["/hook"] = answering(500, 503)
    await bench.endpoint("/hook")
    await bench.tell_calls("call-1")
    await receiver.next()
    await bench.settled("/hook", "ready")
    bench.clock.step_wall(step_ms)
    bench.clock.advance(5.6)
    await bench.next_heard()
    assert 30 <= await bench.seconds_to_retry("/hook", 2) <= 33
    bench.clock.advance(33.0)
    await bench.next_heard()
    await bench.settled("/hook", "delivered")


async def test_an_attempt_amid_which_the_clock_is_set_back_is_repeated_in_time(
    bench: WebhookBench, receiver: Receiver
) -> None:
    async def set_back_and_fail(_: web.Request) -> web.StreamResponse:
        receiver.answers["/hook"] = answering()
        bench.clock.step_wall(-3_600_000)
        return web.Response(status=500)

    receiver.answers["/hook"] = set_back_and_fail
    await bench.endpoint("/hook")
    await bench.tell_calls("call-1")
    await receiver.next()
    assert 5 <= await bench.seconds_to_retry("/hook", 1) <= 5.5
    bench.clock.advance(5.6)
    await bench.next_heard()
    await bench.settled("/hook", "delivered")


async def test_what_follows_a_delivery_amid_which_the_clock_is_set_back_goes_out_at_once(
    bench: WebhookBench, receiver: Receiver
) -> None:
    async def set_back(_: web.Request) -> web.StreamResponse:
        receiver.answers["/hook"] = answering()
        bench.clock.step_wall(-3_600_000)
        return web.Response()

    receiver.answers["/hook"] = set_back
    await bench.endpoint("/hook")
    await bench.tell(*(bench.event("call-1", sequence) for sequence in (1, 2, 3)))
    for _ in range(3):
        await bench.next_heard()
    await bench.settled("/hook", "delivered", "delivered", "delivered")


async def test_a_clock_set_back_while_the_database_is_away_delays_no_retry(
    bench: WebhookBench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answers["/hook"] = answering(500)
    await bench.endpoint("/hook")
    await bench.tell_calls("call-1")
    await receiver.next()
    await bench.settled("/hook", "ready")
    bench.clock.step_wall(-3_600_000)
    run, refused = bench.store.run, asyncio.Event()

    async def refuse(work: Callable[[UnitOfWork], T]) -> T:
        refused.set()
        raise StoreUnavailable("away")

    monkeypatch.setattr(bench.store, "run", refuse)
    bench.dispatcher.wake()
    await asyncio.wait_for(refused.wait(), 10)
    monkeypatch.setattr(bench.store, "run", run)
    bench.clock.advance(5.6)
    await bench.next_heard()
    await bench.settled("/hook", "delivered")


@pytest.mark.parametrize("step_ms", [-86_400_000, -3_600_000, 3_600_000])
async def test_a_clock_set_while_no_server_runs_delays_no_retry_and_nothing_behind_it(
    bench: WebhookBench, receiver: Receiver, step_ms: int
) -> None:
    receiver.answers["/hook"] = answering(500)
    await bench.endpoint("/hook")
    await bench.tell_calls("call-1")
    await receiver.next()
    await bench.settled("/hook", "ready")
    alive_at = bench.clock.wall_ms()
    await bench.store.run(lambda unit: unit.calls.heartbeat(alive_at))
    await bench.dispatcher.close()
    bench.clock.step_wall(step_ms)
    bench.dispatcher = Dispatcher(
        bench.store, bench.clock, SeededTokens(), SETTINGS, lambda _: "", scheduler=bench.clock
    )
    await bench.dispatcher.start()
    await bench.tell(bench.event("call-1", 2, WebhookEvent.RINGING))
    bench.clock.advance(5.6)
    told = [json.loads((await bench.next_heard()).body)["event"] for _ in range(2)]
    assert told == ["call.initiated", "call.ringing"]
    await bench.settled("/hook", "delivered", "delivered")


async def test_retry_after_is_respected(bench: WebhookBench, receiver: Receiver) -> None:
    receiver.answers["/hook"] = answering(503, headers={"Retry-After": "60"})
    await bench.endpoint("/hook")
    await bench.tell_calls("call-1")
    await receiver.next()
    await bench.settled("/hook", "ready")
    bench.clock.advance(59.0)
    assert await bench.claim() == []
    bench.clock.advance(1.0)
    assert (await bench.next_heard()).headers["X-Edesy-Attempt"] == "2"


async def test_after_eight_attempts_it_is_a_dead_letter_and_the_next_event_goes(
    bench: WebhookBench, receiver: Receiver
) -> None:
    receiver.answers["/hook"] = answering(*[500] * 8)
    await bench.endpoint("/hook")
    await bench.tell(bench.event("call-1", 1), bench.event("call-1", 2, WebhookEvent.RINGING))
    for attempt in range(1, 9):
        heard = await bench.next_heard()
        assert heard.headers["X-Edesy-Event-Id"] == "call-1-1"
        assert heard.headers["X-Edesy-Attempt"] == str(attempt)
        if attempt < 8:
            bench.clock.advance(await bench.seconds_to_retry("/hook", attempt))
    assert (await bench.next_heard()).headers["X-Edesy-Event-Id"] == "call-1-2"
    await bench.settled("/hook", "dead", "delivered")


async def test_410_disables_the_endpoint(bench: WebhookBench, receiver: Receiver) -> None:
    receiver.answers["/hook"] = answering(410)
    await bench.endpoint("/hook")
    await bench.endpoint("/other")
    await bench.tell_calls("call-1")
    await bench.settled("/hook", "dead")
    await bench.tell_calls("call-2")
    await bench.settled("/other", "delivered", "delivered")
    assert len(await bench.log("/hook")) == 1


async def test_an_answer_that_cannot_be_written_down_holds_up_no_other(
    bench: WebhookBench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    attempt = Sender.send

    async def spoilt(self: Sender, delivery: Delivery, body: bytes) -> Reply:
        reply = await attempt(self, delivery, body)
        return replace(reply, error="\udcff") if delivery.endpoint.url.endswith("/odd") else reply

    monkeypatch.setattr(Sender, "send", spoilt)
    await bench.endpoint("/odd")
    await bench.endpoint("/hook")
    await bench.tell_calls("call-1")
    await bench.settled("/hook", "delivered")
    await bench.tell_calls("call-2")
    await bench.settled("/hook", "delivered", "delivered")
    assert "cannot be written down" in caplog.text


async def test_a_redirect_is_a_failure_and_is_not_followed(bench: WebhookBench, receiver: Receiver) -> None:
    receiver.answers["/hook"] = answering(307, headers={"Location": receiver.base + "/elsewhere"})
    await bench.endpoint("/hook")
    await bench.tell_calls("call-1")
    assert await bench.settled("/hook", "ready") == [("ready", 307, None)]
    assert (await receiver.next()).path == "/hook"
    assert receiver.heard.empty()


async def test_the_events_of_a_call_arrive_in_order_while_calls_run_side_by_side(
    bench: WebhookBench, receiver: Receiver
) -> None:
    await bench.endpoint("/hook")
    kinds = [WebhookEvent.INITIATED, WebhookEvent.RINGING, WebhookEvent.ANSWERED, WebhookEvent.BRIDGED]
    calls = [f"call-{number}" for number in range(10)]
    await bench.tell(*(bench.event(call, n, kind) for n, kind in enumerate(kinds, start=1) for call in calls))
    heard = [json.loads((await receiver.next()).body) for _ in range(40)]
    for call in calls:
        assert [body["sequence"] for body in heard if body["call_sid"] == call] == [1, 2, 3, 4]


async def test_a_slow_endpoint_holds_up_no_other(open_bench: OpenBench, receiver: Receiver) -> None:
    bench = await open_bench(replace(SETTINGS, max_in_flight=12, max_in_flight_per_endpoint=8))
    receiver.answers["/slow"] = never_answer
    await bench.endpoint("/slow")
    await bench.endpoint("/well")
    await bench.dispatcher.start()
    await bench.tell_calls(*(f"call-{number}" for number in range(30)))
    await bench.settled("/well", *["delivered"] * 30)
    assert bench.dispatcher.counters()["webhooks_in_flight"] == 8


async def test_slow_endpoints_of_an_organisation_hold_up_no_other_organisation(
    open_bench: OpenBench, receiver: Receiver
) -> None:
    bench = await open_bench(replace(SETTINGS, max_in_flight=12, max_in_flight_per_organisation=11))
    receiver.answers["/slow-1"] = receiver.answers["/slow-2"] = never_answer
    await bench.endpoint("/slow-1")
    await bench.endpoint("/slow-2")
    other = replace(an_organisation(), org_id="other")
    well = replace(an_endpoint("well", org_id="other"), url=receiver.base + "/well")
    await bench.store.run(lambda unit: unit.accounts.create_organisation(other))
    await bench.store.run(lambda unit: unit.accounts.add_endpoint(well))
    await bench.dispatcher.start()
    await bench.tell_calls(*(f"call-{number}" for number in range(30)))
    hung = [(await receiver.next()).path for _ in range(11)]
    await bench.tell(an_event(a_call("call-x", org_id="other"), 1, at=bench.clock.wall_ms()))
    assert ((await receiver.next()).path, set(hung)) == ("/well", {"/slow-1", "/slow-2"})


async def test_no_complete_response_in_time_is_a_failure(open_bench: OpenBench, receiver: Receiver) -> None:
    bench = await open_bench(replace(SETTINGS, timeout_s=0.05))
    receiver.answers["/hook"] = never_answer
    await bench.endpoint("/hook")
    await bench.dispatcher.start()
    await bench.tell_calls("call-1")
    assert await bench.settled("/hook", "ready") == [("ready", None, "no response within 0.05 s")]


async def test_a_status_counts_even_when_the_body_never_ends(open_bench: OpenBench, receiver: Receiver) -> None:
    async def dribble(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        return await never_answer(request)

    bench = await open_bench(replace(SETTINGS, timeout_s=0.2))
    receiver.answers["/hook"] = dribble
    await bench.endpoint("/hook")
    await bench.dispatcher.start()
    await bench.tell_calls("call-1")
    assert await bench.settled("/hook", "delivered") == [("delivered", 200, None)]


async def test_a_reply_is_read_to_a_limit_and_connections_are_used_again(
    bench: WebhookBench, receiver: Receiver
) -> None:
    async def flood(request: web.Request) -> web.Response:
        return web.Response(body=bytes(100 * LARGEST_REPLY_BYTES))

    await bench.endpoint("/hook")
    for number in range(5):
        await bench.tell_calls(f"call-{number}")
        await receiver.next()
        await bench.settled("/hook", *["delivered"] * (number + 1))
    assert len(receiver.connections) == 1
    receiver.answers["/hook"] = flood
    await bench.tell_calls("call-5")
    await bench.settled("/hook", *["delivered"] * 6)


async def test_a_private_target_is_refused_and_never_connected_to(open_bench: OpenBench, receiver: Receiver) -> None:
    bench = await open_bench(replace(SETTINGS, allow_private_targets=False))
    port = receiver.base.rpartition(":")[2]
    await bench.endpoint("/literal")
    await bench.endpoint("/named", url=f"http://localhost:{port}/named")
    await bench.endpoint("/short", url=f"http://127.1:{port}/short")
    await bench.dispatcher.start()
    await bench.tell_calls("call-1")
    for path, reason in (("/literal", "not a public address"), ("/named", "no public address"), ("/short", "127.1")):
        ((state, status, error),) = await bench.settled(path, "ready")
        assert (state, status) == ("ready", None)
        assert error is not None
        assert reason in error
    assert receiver.heard.empty()


async def test_the_address_that_was_judged_is_the_one_connected_to(
    bench: WebhookBench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: whatever the name resolves to a moment later is never asked for."""
    port = int(receiver.base.rpartition(":")[2])
    answers = iter(["127.0.0.1"])

    def look_up(
        host: str, port: int, family: int = 0, type: int = 0, flags: int = 0
    ) -> list[tuple[socket.AddressFamily, int, int, str, tuple[str, int]]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    await bench.endpoint("/hook", url=f"http://rebinding.example:{port}/hook")
    await bench.tell_calls("call-1")
    assert (await receiver.next()).headers["Host"] == f"rebinding.example:{port}"
    await bench.settled("/hook", "delivered")
    assert next(answers, None) is None


async def test_a_defect_in_one_attempt_stops_no_other(
    bench: WebhookBench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:

    def render(event: OutboxEvent, *rest: str) -> bytes:
        if event.call_id == "call-1":
            raise RuntimeError("a defect")
        return render_body(event, *rest)

    monkeypatch.setattr(dispatcher_module, "render_body", render)
    await bench.endpoint("/hook")
    await bench.tell_calls("call-1", "call-2")
    assert (await receiver.next()).headers["X-Edesy-Event-Id"] == "call-2-1"
    assert "a webhook could not be attempted" in caplog.text
    assert "a defect" in caplog.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "nonsense", "http://[::1", "http://a.invalid/", "http://%zz/"])
async def test_a_target_that_cannot_be_reached_or_read_is_a_failure(bench: WebhookBench, url: str) -> None:
    await bench.endpoint("/hook", url=url)
    await bench.tell_calls("call-1")
    ((state, status, error),) = await bench.settled("/hook", "ready")
    assert (state, status) == ("ready", None)
    assert error


async def test_what_waited_while_the_process_was_down_is_delivered_at_start(
    open_bench: OpenBench, receiver: Receiver
) -> None:
    bench = await open_bench(SETTINGS)
    await bench.endpoint("/hook")
    await bench.tell_calls("call-1", "call-2")
    assert len(await bench.claim()) == 2  # an earlier run took them and was killed
    await bench.dispatcher.start()
    await bench.settled("/hook", "delivered", "delivered")


async def test_closing_writes_down_what_came_and_leaves_the_rest_to_the_next_start(
    bench: WebhookBench, receiver: Receiver
) -> None:
    receiver.answers["/slow"] = never_answer
    await bench.endpoint("/slow")
    await bench.tell_calls("call-1")
    await receiver.next()
    await bench.dispatcher.close()
    assert bench.dispatcher.counters()["webhooks_in_flight"] == 0
    assert await bench.log("/slow") == [("leased", None, None)]
    await bench.dispatcher.close()


async def test_closing_before_starting_does_nothing(open_bench: OpenBench) -> None:
    bench = await open_bench(SETTINGS)
    await bench.dispatcher.close()


async def test_outcomes_outlast_a_store_that_refuses_for_a_while(
    bench: WebhookBench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refusals = iter([True, True])
    real = Store.run

    async def run(store: Store, work: Callable[[UnitOfWork], T]) -> T:
        if receiver.heard.empty() is False and next(refusals, False):
            raise StoreUnavailable("disk full")
        return await real(store, work)

    monkeypatch.setattr(Store, "run", run)
    await bench.endpoint("/hook")
    await bench.tell_calls("call-1")
    async with asyncio.timeout(10):
        while (await bench.log("/hook"))[0][0] != "delivered":
            if bench.clock.next_due() is not None:
                bench.clock.advance(dispatcher_module.PAUSE_S)
    assert len(receiver.connections) == 1
    assert receiver.heard.qsize() == 1
    assert caplog.text.count("cannot be reached") == 2


async def test_a_store_that_refuses_for_long_is_told_ever_more_rarely(
    bench: WebhookBench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    real, refused, reached = bench.store.run, asyncio.Semaphore(0), asyncio.Event()

    async def refuse(work: Callable[[UnitOfWork], T]) -> T:
        refused.release()
        raise StoreUnavailable("disk full")

    async def run(work: Callable[[UnitOfWork], T]) -> T:
        reached.set()
        return await real(work)

    monkeypatch.setattr(dispatcher_module, "GATHER_S", 0.001)
    monkeypatch.setattr(bench.store, "run", refuse)
    bench.dispatcher.wake()
    for _ in range(100):
        await asyncio.wait_for(refused.acquire(), 10)
        while bench.clock.next_due() is None:  # noqa: ASYNC110 - nobody tells that it waits
            await asyncio.sleep(0)
        bench.clock.advance(dispatcher_module.PAUSE_S)
    await asyncio.wait_for(refused.acquire(), 10)
    monkeypatch.setattr(bench.store, "run", run)
    bench.dispatcher.wake()
    await asyncio.wait_for(reached.wait(), 10)
    await bench.dispatcher.close()
    told = [record.getMessage() for record in caplog.records if record.name == dispatcher_module.LOG.name]
    assert told == [
        *["the outbox cannot be reached, trying again: disk full"] * 7,
        "the outbox is reached again, after 101 failures",
    ]


async def test_what_was_answered_is_kept_as_far_as_it_helps(open_bench: OpenBench, receiver: Receiver) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        headers = {"X-Trace": "t" * 500, "Set-Cookie": "a secret"}
        return web.Response(status=500, headers=headers, body=b"\xff\x00" + b"x" * KEPT_BYTES)

    receiver.answers["/hook"] = answer
    bench = await open_bench(SETTINGS)
    await bench.endpoint("/hook")
    await bench.dispatcher.start()
    await bench.tell_calls("call-1")
    await receiver.next()
    await bench.settled("/hook", "ready")
    (listed,) = await bench.store.read(lambda reader: reader.deliveries(ORG, "/hook", 1, 10))
    assert listed.attempts[0].reply is None
    found = await bench.store.read(lambda reader: reader.delivery(ORG, listed.delivery_id))
    assert found is not None
    reply = found[0].attempts[0].reply
    assert reply is not None
    assert (reply.body[:3], len(reply.body), reply.is_cut) == ("\ufffd\ufffdx", KEPT_BYTES, True)
    assert reply.headers["X-Trace"] == "t" * 256
    assert "Set-Cookie" not in reply.headers
    assert found[1].event_id == listed.event_id
    assert await bench.store.read(lambda reader: reader.delivery("org-two", listed.delivery_id)) is None


async def test_a_turn_that_breaks_is_told_and_the_next_one_delivers(
    open_bench: OpenBench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench = await open_bench(SETTINGS)
    turns = 0
    follow = Dispatcher._follow_the_clock

    def breaks_first(self: Dispatcher) -> None:
        nonlocal turns
        turns += 1
        if turns == 1:
            raise ZeroDivisionError("a defect")
        follow(self)

    monkeypatch.setattr(Dispatcher, "_follow_the_clock", breaks_first)
    await bench.endpoint("/hook")
    await bench.tell_calls("call-1")
    await bench.dispatcher.start()
    await until(lambda: bool(caplog.records))
    bench.clock.advance(PAUSE_S)
    assert (await receiver.next()).headers["X-Edesy-Event-Id"] == "call-1-1"
    assert [record.getMessage() for record in caplog.records if record.exc_info] == ["a turn of webhooks failed"]

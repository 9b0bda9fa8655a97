"""A call over a connection that is still being opened (RFC 3261 9.1, 18): no phone rings for one that is over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from b2bua.sip.events import (
    DialogLost,
    IncomingCancelled,
    IncomingInvite,
    NoResponse,
    RequestFailed,
    UsageEnded,
    UserAgentEvent,
)
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import TransportAddress
from b2bua.sip.settings import OutgoingRequest
from b2bua.sip.user_agent import UserAgent
from b2bua.transport.endpoint import SipEndpoint
from b2bua.transport.stream import StreamTransport, bind_stream
from tests.support.agents import NOTHING_HELD, plan_to, request_from_peer, settings_for
from tests.support.both_loops import on_both_loops
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens
from tests.support.stream_bed import PATIENCE_S, BarePeer, bare_listener, closed_port

pytestmark = pytest.mark.sockets


class Caller:
    """Our side: an endpoint over TCP, its events kept."""

    def __init__(self) -> None:
        bound, clock = bind_stream("127.0.0.1", 0), ManualClock()
        local = TransportAddress("tcp", *bound.getsockname())
        self.events: list[UserAgentEvent] = []
        self.user_agent = UserAgent(settings_for(local), SeededTokens())
        self.endpoint = SipEndpoint(self.user_agent, clock, lambda _source: True, self._on_event)
        self.transport = StreamTransport(bound, self.endpoint, asyncio.get_running_loop(), scheduler=clock)
        self.endpoint.attach(self.transport)
        self._told: asyncio.Queue[UserAgentEvent] = asyncio.Queue()

    def _on_event(self, event: UserAgentEvent) -> None:
        self.events.append(event)
        self._told.put_nowait(event)

    async def ended(self) -> None:
        """Wait until a call is over."""
        async with asyncio.timeout(PATIENCE_S):
            while not isinstance(await self._told.get(), UsageEnded):
                pass

    async def told(self) -> UserAgentEvent:
        """The next event."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._told.get()

    async def left(self) -> None:
        """Wait until no connection is held."""
        async with asyncio.timeout(PATIENCE_S):
            while self.transport.connections:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.002)


@asynccontextmanager
async def a_caller() -> AsyncIterator[Caller]:
    caller = Caller()
    try:
        yield caller
    finally:
        caller.endpoint.close()
        await caller.transport.close()


@on_both_loops
async def test_an_invite_is_not_sent_when_its_call_was_hung_up_while_the_connection_was_opened() -> None:
    async with a_caller() as caller, bare_listener() as far:
        usage = caller.endpoint.invite(plan_to(far.address))
        caller.endpoint.hang_up(usage)
        await caller.ended()
        assert caller.events == [NoResponse(usage, "transport"), UsageEnded(usage)]
        assert caller.user_agent.table_sizes() == NOTHING_HELD
        caller.endpoint.request(
            OutgoingRequest("OPTIONS", "sip:far@127.0.0.1", "sip:us@127.0.0.1", "sip:far@127.0.0.1", far.address)
        )
        peer = await far.next()
        assert (await peer.read(8)).startswith(b"OPTIONS "), "the connection is good, and nothing went before"


@on_both_loops
async def test_a_caller_whose_connection_has_ended_and_that_is_not_to_be_reached_calls_no_more() -> None:
    """17.2.4, 18.2.2: its Via names where nobody listens."""
    async with a_caller() as called:
        local = called.transport.local
        peer = BarePeer(*await asyncio.open_connection(local.host, local.port))
        peer.send(request_from_peer("INVITE", via=f"127.0.0.1:{closed_port().port}").replace(b"2.0/UDP", b"2.0/TCP"))
        invite = await called.told()
        assert isinstance(invite, IncomingInvite)
        await peer.end()
        await called.left()
        called.endpoint.respond(invite.transaction, 180)
        assert await called.told() == IncomingCancelled(invite.usage, "unanswerable")


@on_both_loops
async def test_of_two_calls_that_wait_for_a_connection_the_other_goes_out() -> None:
    async with a_caller() as caller, bare_listener() as far:
        given_up = caller.endpoint.invite(plan_to(far.address, request_uri="sip:given-up@127.0.0.1"))
        caller.endpoint.invite(plan_to(far.address, request_uri="sip:other@127.0.0.1"))
        caller.endpoint.hang_up(given_up)
        peer = await far.next()
        assert (await peer.read(16)) == b"INVITE sip:other"


async def _called(called: Caller, number: int, contact: str) -> tuple[int, BarePeer]:
    """A call from a peer that has a connection for each of its calls: answered and acknowledged."""
    peer = BarePeer(*await asyncio.open_connection("127.0.0.1", called.transport.local.port))

    def said(method: str, to_tag: str | None = None) -> bytes:
        request = request_from_peer(
            method,
            call_id=f"call-{number}",
            branch=f"z9hG4bK{method}{number}",
            headers=f"Contact: <{contact}>",
            to_tag=to_tag,
        )
        return request.replace(b"2.0/UDP", b"2.0/TCP")

    peer.send(said("INVITE"))
    invite = await called.told()
    assert isinstance(invite, IncomingInvite)
    called.endpoint.respond(invite.transaction, 200)
    await peer.until(b"SIP/2.0 200 OK\r\n")
    answer = parse_message(b"SIP/2.0 200 OK\r\n" + await peer.until(b"\r\n\r\n"))
    peer.send(said("ACK", answer.to_tag) + said("OPTIONS"))
    await peer.until(b"OPTIONS\r\n")
    return invite.usage, peer


@on_both_loops
async def test_the_end_of_one_calls_connection_leaves_that_of_another_alone() -> None:
    """Both calls lead to one Contact, where no connection can be opened: what they say goes over their own ones."""
    async with a_caller() as called:
        contact = f"sip:far@127.0.0.1:{closed_port().port};transport=tcp"
        calls = [await _called(called, number, contact) for number in (1, 2)]
        for usage, peer in calls:
            called.endpoint.request_in_dialog(usage, "INFO")
            await peer.until(b"INFO ")
        (ended, peer), (other, its_peer) = calls
        await peer.end()
        while not isinstance(await called.told(), DialogLost):
            pass
        await its_peer.end()
        assert [event.usage for event in called.events if isinstance(event, DialogLost)] == [ended]
        assert len([event for event in called.events if isinstance(event, RequestFailed)]) == 1
        assert other != ended

"""Endpoints: Calls.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from datetime import datetime

from maskbridge_client.async_operations.sending import Sending
from maskbridge_client.shapes import (
    Call,
    CallEvents,
    CallStatus,
    EndingCall,
    PlacedCall,
    PromptsBody,
    StreamBody,
)
from maskbridge_client.wire import UNSET, Page, Request, Unset, one_of, page_of, path_part, raw


class CallsOperations(Sending):
    """Calls."""

    async def place_call(
        self,
        party_a: str,
        party_b: str,
        *,
        idempotency_key: str | None = None,
        max_duration_sec: int | Unset | None = UNSET,
        reference: str | Unset | None = UNSET,
        record: bool | Unset | None = UNSET,
        ring_timeout_sec: int | Unset | None = UNSET,
        prompts: PromptsBody | Unset | None = UNSET,
        stream: StreamBody | Unset | None = UNSET,
        test: bool | Unset | None = UNSET,
    ) -> PlacedCall:
        """Place a masked call.

        A's phone rings first; when A answers, B is called; when B answers, both are connected. Both see the
        masked number only. The reply comes at once; what happens then is told by webhooks and by the status of
        the call. With an `Idempotency-Key` the same request can be repeated within 24 hours without placing a
        second call: the first reply is given again. With a test key, `vp_test_...`, calls go between simulated
        parties over loopback: free, marked `test`, in totals of their own. 9000001xxx answers and is heard as a
        tone, 9000002xxx is busy, 9000003xxx rings on and on, 9000004xxx rejects, 9000005xxx cannot be reached,
        9000006xxx is not in use, 9000007sss answers and hangs up after sss seconds. Scope: `calls:write`.
        Roles: owner, developer.

        :param idempotency_key: Made for you without it.
        :param party_a: Called first: a 10-digit Indian mobile number, or `agent:NAME`
        :param party_b: Called when A has answered: the same
        :param max_duration_sec: Seconds from B being connected after which the call is ended
        :param reference: Your own name for the call, given back everywhere
        :param record: Whether the call is recorded
        :param ring_timeout_sec: Seconds each phone may ring; 45 by default
        :param prompts: What the parties hear besides each other
        :param stream: Where it is streamed to; takes `streams:write`
        :param test: A test call between simulated parties; with a test key every call is one
        """
        return await self._send(
            Request(
                "POST",
                "/v1/masking/calls",
                body={
                    "party_a": party_a,
                    "party_b": party_b,
                    "max_duration_sec": max_duration_sec,
                    "reference": reference,
                    "record": record,
                    "ring_timeout_sec": ring_timeout_sec,
                    "prompts": prompts,
                    "stream": stream,
                    "test": test,
                },
                headers={"Idempotency-Key": idempotency_key or self._new_key()},
            ),
            one_of(PlacedCall),
        )

    async def show_call(self, call_sid: str) -> Call:
        """Look at a call.

        The call as it is now. An id of another organisation is not found. Scope: `calls:read`. Roles: owner,
        developer, finance, viewer.

        :param call_sid: The call's id
        """
        return await self._send(Request("GET", f"/v1/masking/calls/{path_part(call_sid)}"), one_of(Call))

    async def hang_up(self, call_sid: str) -> EndingCall:
        """End a call.

        Ends the call on every leg at once. Its `hangup_cause` becomes `api_hangup`. No body is needed. Scope:
        `calls:write`. Roles: owner, developer.

        :param call_sid: The call's id
        """
        return await self._send(Request("POST", f"/v1/masking/calls/{path_part(call_sid)}/hangup"), one_of(EndingCall))

    async def show_call_events(self, call_sid: str) -> CallEvents:
        """What happened in a call.

        Its SIP messages on both legs, its steps, facts of its media and the webhooks that were sent, oldest
        first, up to about a second ago: what a ladder diagram is drawn from. At most 500 of a call, the first
        ones; kept for as long as the operator has configured, a week by default. With `Accept:
        text/event-stream` it is a stream as `/v1/masking/events` is one: of this call alone, from its first
        event to its last. Scope: `calls:read`. Roles: owner, developer, finance, viewer.

        :param call_sid: The call's id
        """
        return await self._send(Request("GET", f"/v1/masking/calls/{path_part(call_sid)}/events"), one_of(CallEvents))

    async def list_calls(
        self,
        *,
        status: CallStatus | Unset = UNSET,
        start_date: datetime | Unset = UNSET,
        end_date: datetime | Unset = UNSET,
        reference: str | Unset = UNSET,
        party: str | Unset = UNSET,
        test: bool | Unset = UNSET,
        live: bool | Unset = UNSET,
        page: int | Unset = UNSET,
        per_page: int | Unset = UNSET,
    ) -> Page[Call]:
        """List calls.

        Newest `started_at` first. All conditions hold together; the dates are exclusive. Past the last page
        `data` is empty. Scope: `calls:read`. Roles: owner, developer, finance, viewer.

        :param status: Only calls with this status
        :param start_date: Only calls that started after it
        :param end_date: Only calls that started before it
        :param reference: Only calls with this reference
        :param party: Only calls with this number as A or as B
        :param test: Test calls instead of all others; a test key has no others
        :param live: Only calls that are not over
        :param page: Which page, from 1
        :param per_page: Above 100 it is 100
        """
        return await self._send(
            Request(
                "GET",
                "/v1/masking/call-logs",
                query={
                    "status": status,
                    "start_date": start_date,
                    "end_date": end_date,
                    "reference": reference,
                    "party": party,
                    "test": test,
                    "live": live,
                    "page": page,
                    "per_page": per_page,
                },
            ),
            page_of(Call),
        )

    async def export_calls(
        self,
        *,
        status: CallStatus | Unset = UNSET,
        start_date: datetime | Unset = UNSET,
        end_date: datetime | Unset = UNSET,
        reference: str | Unset = UNSET,
        party: str | Unset = UNSET,
        test: bool | Unset = UNSET,
        live: bool | Unset = UNSET,
    ) -> bytes:
        """Export calls.

        As a table (CSV, RFC 4180), newest `started_at` first, whole. All conditions hold together; the dates
        are exclusive. Scope: `calls:read`. Roles: owner, developer, finance, viewer.

        :param status: Only calls with this status
        :param start_date: Only calls that started after it
        :param end_date: Only calls that started before it
        :param reference: Only calls with this reference
        :param party: Only calls with this number as A or as B
        :param test: Test calls instead of all others; a test key has no others
        :param live: Only calls that are not over
        """
        return await self._send(
            Request(
                "GET",
                "/v1/masking/call-logs/csv",
                query={
                    "status": status,
                    "start_date": start_date,
                    "end_date": end_date,
                    "reference": reference,
                    "party": party,
                    "test": test,
                    "live": live,
                },
            ),
            raw,
        )

"""Every endpoint that an API key opens, as a method.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Literal, TypeVar

from maskbridge_client.shapes import (
    Agent,
    AgentState,
    AgentToken,
    AuditEntry,
    Billing,
    Call,
    CallEvents,
    CallStatus,
    Changed,
    Consent,
    Delivery,
    EndingCall,
    Health,
    Invoice,
    Joined,
    Key,
    Member,
    Mode,
    NewKey,
    Organisation,
    PlacedCall,
    Prompt,
    PromptChoice,
    PromptsBody,
    Recording,
    RecordingPause,
    Refund,
    Replay,
    RotatedKey,
    Scope,
    SecretStreamEndpoint,
    SecretWebhook,
    Series,
    Statement,
    StatementMonth,
    Stats,
    Step,
    Stream,
    StreamBody,
    StreamEndpoint,
    Supervisor,
    TopUp,
    Tracks,
    Transfer,
    Webhook,
    WebhookEvent,
)
from maskbridge_client.wire import UNSET, Page, Reply, Request, Unset, many_of, nothing, one_of, page_of, path_part, raw

T = TypeVar("T")


class Operations(ABC):
    """The endpoints; how they are reached is the client's."""

    @abstractmethod
    def _send(self, request: Request, read: Callable[[Reply], T]) -> T:
        """Send it, and read what comes back."""

    @abstractmethod
    def _new_key(self) -> str:
        """A key that makes a request repeatable."""

    def place_call(
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
        :param party_a: Called first: a 10-digit Indian mobile number
        :param party_b: Called when A has answered
        :param max_duration_sec: Seconds from B being connected after which the call is ended
        :param reference: Your own name for the call, given back everywhere
        :param record: Whether the call is recorded
        :param ring_timeout_sec: Seconds each phone may ring; 45 by default
        :param prompts: What the parties hear besides each other
        :param stream: Where it is streamed to; takes `streams:write`
        :param test: A test call between simulated parties; with a test key every call is one
        """
        return self._send(
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

    def show_call(self, call_sid: str) -> Call:
        """Look at a call.

        The call as it is now. An id of another organisation is not found. Scope: `calls:read`. Roles: owner,
        developer, finance, viewer.

        :param call_sid: The call's id
        """
        return self._send(Request("GET", f"/v1/masking/calls/{path_part(call_sid)}"), one_of(Call))

    def hang_up(self, call_sid: str) -> EndingCall:
        """End a call.

        Ends the call on every leg at once. Its `hangup_cause` becomes `api_hangup`. No body is needed. Scope:
        `calls:write`. Roles: owner, developer.

        :param call_sid: The call's id
        """
        return self._send(Request("POST", f"/v1/masking/calls/{path_part(call_sid)}/hangup"), one_of(EndingCall))

    def show_call_events(self, call_sid: str) -> CallEvents:
        """What happened in a call.

        Its SIP messages on both legs, its steps, facts of its media and the webhooks that were sent, oldest
        first, up to about a second ago: what a ladder diagram is drawn from. At most 500 of a call, the first
        ones; kept for as long as the operator has configured, a week by default. With `Accept:
        text/event-stream` it is a stream as `/v1/masking/events` is one: of this call alone, from its first
        event to its last. Scope: `calls:read`. Roles: owner, developer, finance, viewer.

        :param call_sid: The call's id
        """
        return self._send(Request("GET", f"/v1/masking/calls/{path_part(call_sid)}/events"), one_of(CallEvents))

    def show_recording(self, call_sid: str) -> Recording:
        """Get the URL of a recording.

        A signed URL of the MP3, good for an hour, which needs no key, and what is known of the recording:
        length, sizes and SHA-256 of its files in plain, whether they are encrypted at rest, pauses, and for
        each party what is missing and how its clock ran. Not found until the recording is available: the
        webhook `recording.ready` tells when it is. Scope: `recordings:read`. Roles: owner, developer.

        :param call_sid: The call's id
        """
        return self._send(Request("GET", f"/v1/masking/calls/{path_part(call_sid)}/recording"), one_of(Recording))

    def erase_recording(self, call_sid: str) -> None:
        """Erase a recording.

        Deletes the WAV and the MP3, and where they are sealed the key with which any copy of them could be
        read. There is no way back. The call stays, and its `recording_url` becomes null. 409 while the call is
        live. Scope: `recordings:write`. Roles: owner.

        :param call_sid: The call's id
        """
        return self._send(Request("DELETE", f"/v1/masking/calls/{path_part(call_sid)}/recording"), nothing)

    def list_prompts(self) -> list[Prompt]:
        """List your prompts.

        What your organisation has uploaded, by name. A call may have any of them, and besides them those that
        come with the product: `hold_tone`, `recording_consent`, `unknown_caller`. Scope: `prompts:read`. Roles:
        owner, developer.
        """
        return self._send(Request("GET", "/v1/prompts"), many_of(Prompt))

    def put_prompt(self, name: str, content: bytes) -> Prompt:
        """Upload a prompt.

        The body is a WAV file: PCM of 8 to 32 bits, float, A-law or mu-law, 4 to 192 kHz, 1 to 8 channels, 0.1
        to 60 seconds, 16 MiB at most. It is converted and levelled at once, which takes a few seconds. A prompt
        of the same name is replaced; calls under way keep the one they have. Scope: `prompts:write`. Roles:
        owner, developer.

        :param name: The prompt's name
        :param content: A WAV file.
        """
        return self._send(
            Request("PUT", f"/v1/prompts/{path_part(name)}", content=content, content_type="audio/wav"), one_of(Prompt)
        )

    def delete_prompt(self, name: str) -> None:
        """Delete a prompt.

        Calls under way that have it still play it. 409 while it is one of your organisation's own choice.
        Scope: `prompts:write`. Roles: owner, developer.

        :param name: The prompt's name
        """
        return self._send(Request("DELETE", f"/v1/prompts/{path_part(name)}"), nothing)

    def show_prompt_choice(self) -> PromptChoice:
        """Look at what your calls have.

        Which prompts your organisation's calls have that choose nothing themselves. Null is as the operator has
        it. Scope: `prompts:read`. Roles: owner, developer.
        """
        return self._send(Request("GET", "/v1/prompt-choice"), one_of(PromptChoice))

    def choose_prompts(
        self,
        *,
        wait: str | Unset | None = UNSET,
        whisper_a: str | Unset | None = UNSET,
        whisper_b: str | Unset | None = UNSET,
        consent: Consent | Unset | None = UNSET,
        consent_notice: str | Unset | None = UNSET,
        balance_warning: str | Unset | None = UNSET,
    ) -> PromptChoice:
        """Choose what your calls have.

        For all calls to come of your organisation that choose nothing themselves. It takes the place of what
        was chosen before: what is left out is as the operator has it. Scope: `prompts:write`. Roles: owner,
        developer.

        :param wait: To A while B is called, over and over; 60 s at most
        :param whisper_a: To A alone when B has answered, before they are connected; 30 s at most
        :param whisper_b: To B alone, likewise
        :param consent: Who is told then that the call is recorded; nobody where it is not
        :param consent_notice: What they are told; 30 s at most
        :param balance_warning: To both when the balance runs out; 10 s at most
        """
        return self._send(
            Request(
                "PUT",
                "/v1/prompt-choice",
                body={
                    "wait": wait,
                    "whisper_a": whisper_a,
                    "whisper_b": whisper_b,
                    "consent": consent,
                    "consent_notice": consent_notice,
                    "balance_warning": balance_warning,
                },
            ),
            one_of(PromptChoice),
        )

    def list_streams(self, call_sid: str) -> list[Stream]:
        """Look at a live call's streams.

        Ended ones too, as long as the call lives. 409 once the call has ended. Scope: `streams:write`. Roles:
        owner, developer.

        :param call_sid: The call's id
        """
        return self._send(Request("GET", f"/v1/masking/calls/{path_part(call_sid)}/streams"), many_of(Stream))

    def start_stream(
        self,
        call_sid: str,
        *,
        url: str | Unset | None = UNSET,
        rate: Literal[8000, 16000] | Unset | None = UNSET,
        tracks: Tracks | Unset | None = UNSET,
    ) -> Stream:
        """Stream a live call.

        Both parties' audio, each on its own channel, to one of your stream endpoints over a WebSocket that we
        open. Each text message is a JSON object: `start` (call, channels, rate), then `media` every 20 ms for
        each channel (`channel` a or b, `timestamp_ms` from the stream's beginning, `payload`: 16-bit
        little-endian linear PCM in base64; silence where nothing is heard) and `mark` (`bridged`, `hold`,
        `unhold`, `dtmf` without the digit, `paused`, `resumed`), and `stop` last (`reason`, `frames_sent`,
        `frames_dropped`). While the recording is paused the stream is silent; a call that is streamed can be
        paused though it is not recorded. A server that does not keep up loses whole frames, the oldest first,
        never the call's time; one that goes away is called again, five times in a row at most, and 1000 as the
        close code ends the stream. The handshake is signed as webhooks are, over the value of
        `X-Edesy-Stream-Id` in place of a body. 409 where the parties are not connected, or the call has two
        streams. No body is needed: then it is your oldest endpoint. Scope: `streams:write`. Roles: owner,
        developer.

        :param call_sid: The call's id
        :param rate: Samples a second
        :param tracks: Whose audio
        """
        return self._send(
            Request(
                "POST",
                f"/v1/masking/calls/{path_part(call_sid)}/streams",
                body={"url": url, "rate": rate, "tracks": tracks},
            ),
            one_of(Stream),
        )

    def stop_stream(self, call_sid: str, stream_id: str) -> Stream:
        """End a stream of a live call.

        The call goes on. The reply is the stream as it ends. Scope: `streams:write`. Roles: owner, developer.

        :param call_sid: The call's id
        :param stream_id: The stream's id
        """
        return self._send(
            Request("DELETE", f"/v1/masking/calls/{path_part(call_sid)}/streams/{path_part(stream_id)}"), one_of(Stream)
        )

    def list_stream_endpoints(self) -> list[StreamEndpoint]:
        """List stream endpoints.

        Oldest first. Scope: `account:read`. Roles: owner, developer.
        """
        return self._send(Request("GET", "/v1/account/stream-endpoints"), many_of(StreamEndpoint))

    def add_stream_endpoint(
        self,
        url: str,
        *,
        rate: Literal[8000, 16000] | Unset = UNSET,
        tracks: Tracks | Unset = UNSET,
        every_call: bool | Unset = UNSET,
    ) -> SecretStreamEndpoint:
        """Add a stream endpoint.

        A WebSocket server that your calls may be streamed to: those that say so, or with `every_call` all from
        now on. The secret is shown this once. At most 10. Scope: `account:write`. Roles: owner, developer.

        :param rate: Samples a second
        :param tracks: Whose audio
        """
        return self._send(
            Request(
                "POST",
                "/v1/account/stream-endpoints",
                body={"url": url, "rate": rate, "tracks": tracks, "every_call": every_call},
            ),
            one_of(SecretStreamEndpoint),
        )

    def remove_stream_endpoint(self, endpoint_id: str) -> None:
        """Remove a stream endpoint.

        Nothing new is streamed there; what is being streamed goes on to its call's end. Scope: `account:write`.
        Roles: owner, developer.

        :param endpoint_id: The endpoint's id
        """
        return self._send(Request("DELETE", f"/v1/account/stream-endpoints/{path_part(endpoint_id)}"), nothing)

    def list_supervisors(self, call_sid: str) -> list[Supervisor]:
        """See who supervises a live call.

        The first to come first. 409 once the call has ended. Scope: `supervise`. Roles: owner.

        :param call_sid: The call's id
        """
        return self._send(Request("GET", f"/v1/masking/calls/{path_part(call_sid)}/supervisors"), many_of(Supervisor))

    def join_call(self, call_sid: str, sdp: str, *, mode: Mode | Unset = UNSET) -> Joined:
        """Supervise a live call from a browser.

        Takes a browser's SDP offer and answers it, as WHIP does, in JSON. With `listen` it hears both parties
        and nobody hears it; with `whisper_a` or `whisper_b` that party alone hears it beside the other; with
        `barge` both do. Who is not spoken to gets the other's audio untouched. A recording has the two parties
        and never the supervisor, and a paused one does not keep the supervisor from hearing. It is in the audit
        log and in the call's events. 4 a call, 50 in all. A browser that goes away ends its own part alone. 409
        where the parties are not connected, or there are as many as there can be. Scope: `supervise`. Roles:
        owner.

        :param call_sid: The call's id
        :param mode: Whom it speaks to
        """
        return self._send(
            Request("POST", f"/v1/masking/calls/{path_part(call_sid)}/supervisors", body={"sdp": sdp, "mode": mode}),
            one_of(Joined),
        )

    def change_supervisor(
        self,
        call_sid: str,
        supervisor_id: str,
        *,
        mode: Mode | Unset | None = UNSET,
        sdp: str | Unset | None = UNSET,
        candidates: str | Unset | None = UNSET,
    ) -> Changed:
        """Speak to somebody else.

        Changes `mode` at once, brings further `candidates` of the browser's (trickle ICE), or restarts ICE with
        `sdp`, an offer of the same browser with new credentials: the answer is in the reply's `sdp`, null
        otherwise. A browser whose network is gone is `reconnecting` for 30 s before its part ends. Scope:
        `supervise`. Roles: owner.

        :param call_sid: The call's id
        :param supervisor_id: The supervisor's id
        """
        return self._send(
            Request(
                "PATCH",
                f"/v1/masking/calls/{path_part(call_sid)}/supervisors/{path_part(supervisor_id)}",
                body={"mode": mode, "sdp": sdp, "candidates": candidates},
            ),
            one_of(Changed),
        )

    def leave_call(self, call_sid: str, supervisor_id: str) -> None:
        """Supervise no more.

        The call goes on. Scope: `supervise`. Roles: owner.

        :param call_sid: The call's id
        :param supervisor_id: The supervisor's id
        """
        return self._send(
            Request("DELETE", f"/v1/masking/calls/{path_part(call_sid)}/supervisors/{path_part(supervisor_id)}"),
            nothing,
        )

    def pause_recording(self, call_sid: str) -> RecordingPause:
        """Pause the recording of a live call.

        From this moment on both channels are silent in the recording, and what is said is never written. The
        timeline goes on, and the recording names its pauses. Pausing what is paused changes nothing. No body is
        needed. 409 where the call is not being recorded: not to be, not connected yet, ended, or paused 100
        times before. Scope: `calls:write`. Roles: owner, developer.

        :param call_sid: The call's id
        """
        return self._send(
            Request("POST", f"/v1/masking/calls/{path_part(call_sid)}/recording/pause"), one_of(RecordingPause)
        )

    def resume_recording(self, call_sid: str) -> RecordingPause:
        """Go on with a paused recording.

        From this moment on both parties are recorded again. Resuming what is not paused changes nothing. No
        body is needed. 409 where the call is not being recorded. Scope: `calls:write`. Roles: owner, developer.

        :param call_sid: The call's id
        """
        return self._send(
            Request("POST", f"/v1/masking/calls/{path_part(call_sid)}/recording/resume"), one_of(RecordingPause)
        )

    def list_calls(
        self,
        *,
        page: int | Unset = UNSET,
        per_page: int | Unset = UNSET,
        status: CallStatus | Unset = UNSET,
        start_date: datetime | Unset = UNSET,
        end_date: datetime | Unset = UNSET,
        reference: str | Unset = UNSET,
        party: str | Unset = UNSET,
        test: bool | Unset = UNSET,
        live: bool | Unset = UNSET,
    ) -> Page[Call]:
        """List calls.

        Newest `started_at` first. All conditions hold together; the dates are exclusive. Past the last page
        `data` is empty. Scope: `calls:read`. Roles: owner, developer, finance, viewer.

        :param per_page: Above 100 it is 100
        :param start_date: Only calls that started after it
        :param end_date: Only calls that started before it
        :param party: Only calls with this number as A or as B
        :param test: Test calls instead of all others; a test key has no others
        :param live: Only calls that are not over
        """
        return self._send(
            Request(
                "GET",
                "/v1/masking/call-logs",
                query={
                    "page": page,
                    "per_page": per_page,
                    "status": status,
                    "start_date": start_date,
                    "end_date": end_date,
                    "reference": reference,
                    "party": party,
                    "test": test,
                    "live": live,
                },
            ),
            page_of(Call),
        )

    def show_stats(
        self, *, start_date: datetime | Unset = UNSET, end_date: datetime | Unset = UNSET, test: bool | Unset = UNSET
    ) -> Stats:
        """Totals of a period.

        Both dates are inclusive; without them it is the last 30 days. Live calls count in `total_calls` only.
        Scope: `calls:read`. Roles: owner, developer, finance, viewer.

        :param start_date: Default: 30 days before the end
        :param end_date: Default: now
        :param test: Of test calls instead of all others
        """
        return self._send(
            Request("GET", "/v1/masking/stats", query={"start_date": start_date, "end_date": end_date, "test": test}),
            one_of(Stats),
        )

    def show_stats_series(
        self,
        *,
        by: Step | Unset = UNSET,
        start_date: datetime | Unset = UNSET,
        end_date: datetime | Unset = UNSET,
        test: bool | Unset = UNSET,
    ) -> Series:
        """Totals hour by hour or day by day.

        Each hour or day of India from that of `start_date` to that of `end_date`, those without a call too;
        without dates it is the last 24 hours or 30 days. Scope: `calls:read`. Roles: owner, developer, finance,
        viewer.

        :param by: At most 744 hours or 366 days at once
        :param start_date: Default: 24 hours or 30 days in all
        :param end_date: Default: now
        :param test: Of test calls instead of all others
        """
        return self._send(
            Request(
                "GET",
                "/v1/masking/stats/series",
                query={"by": by, "start_date": start_date, "end_date": end_date, "test": test},
            ),
            one_of(Series),
        )

    def export_stats_series(
        self,
        *,
        by: Step | Unset = UNSET,
        start_date: datetime | Unset = UNSET,
        end_date: datetime | Unset = UNSET,
        test: bool | Unset = UNSET,
    ) -> bytes:
        """Export totals hour by hour or day by day.

        The same as a table (CSV, RFC 4180), oldest first. Scope: `calls:read`. Roles: owner, developer,
        finance, viewer.

        :param by: At most 744 hours or 366 days at once
        :param start_date: Default: 24 hours or 30 days in all
        :param end_date: Default: now
        :param test: Of test calls instead of all others
        """
        return self._send(
            Request(
                "GET",
                "/v1/masking/stats/series/csv",
                query={"by": by, "start_date": start_date, "end_date": end_date, "test": test},
            ),
            raw,
        )

    def show_billing(self) -> Billing:
        """The wallet.

        Balance, what of it is reserved for live calls, and what is available for new ones; rupees. Scope:
        `billing:read`. Roles: owner, finance.
        """
        return self._send(Request("GET", "/v1/masking/billing"), one_of(Billing))

    def show_health(self) -> Health:
        """Whether the process lives.

        Answers as long as it does.
        """
        return self._send(Request("GET", "/healthz"), one_of(Health))

    def show_readiness(self) -> Health:
        """Whether calls are taken.

        200 once all listeners are up; 503 before that and while draining.
        """
        return self._send(Request("GET", "/readyz"), one_of(Health))

    def list_agents(self) -> list[Agent]:
        """List your agents.

        By name. An agent takes calls in a browser: it is a party of a masked call as `agent:NAME`. Scope:
        `agents:read`. Roles: owner, developer, viewer.
        """
        return self._send(Request("GET", "/v1/agents"), many_of(Agent))

    def create_agent(
        self,
        name: str,
        *,
        display_name: str | Unset | None = UNSET,
        state: AgentState | Unset = UNSET,
        person_id: str | Unset | None = UNSET,
    ) -> Agent:
        """Make an agent.

        An organisation has 1,000 agents at most. The session of the person it is linked to is the agent's too.
        Scope: `agents:write`. Roles: owner, developer.

        :param person_id: Whose session is this agent's too
        """
        return self._send(
            Request(
                "POST",
                "/v1/agents",
                body={"name": name, "display_name": display_name, "state": state, "person_id": person_id},
            ),
            one_of(Agent),
        )

    def show_agent(self, agent: str) -> Agent:
        """Look at an agent.

        As it is now. Scope: `agents:read`. Roles: owner, developer, viewer.

        :param agent: The agent's name
        """
        return self._send(Request("GET", f"/v1/agents/{path_part(agent)}"), one_of(Agent))

    def change_agent(
        self,
        agent: str,
        *,
        display_name: str | Unset | None = UNSET,
        state: AgentState | Unset | None = UNSET,
        person_id: str | Unset | None = UNSET,
    ) -> Agent:
        """Change an agent.

        What is left out stays as it is. Scope: `agents:write`. Roles: owner, developer.

        :param agent: The agent's name
        """
        return self._send(
            Request(
                "PATCH",
                f"/v1/agents/{path_part(agent)}",
                body={"display_name": display_name, "state": state, "person_id": person_id},
            ),
            one_of(Agent),
        )

    def delete_agent(self, agent: str) -> None:
        """Delete an agent.

        Its tokens end. Its calls stay in the books. Scope: `agents:write`. Roles: owner, developer.

        :param agent: The agent's name
        """
        return self._send(Request("DELETE", f"/v1/agents/{path_part(agent)}"), nothing)

    def create_agent_token(self, agent: str, *, life_sec: int | Unset = UNSET) -> AgentToken:
        """Make a token for an agent's browser.

        It is good for an hour, or as long as is asked for, for the agent's own calls and nothing else, and is
        shown this once. Hand it to the page that the agent works in. An agent has 20 at a time; of more the
        oldest end. Scope: `agents:write`. Roles: owner, developer.

        :param agent: The agent's name
        """
        return self._send(
            Request("POST", f"/v1/agents/{path_part(agent)}/tokens", body={"life_sec": life_sec}), one_of(AgentToken)
        )

    def revoke_agent_tokens(self, agent: str) -> None:
        """End all tokens of an agent.

        At once. Scope: `agents:write`. Roles: owner, developer.

        :param agent: The agent's name
        """
        return self._send(Request("DELETE", f"/v1/agents/{path_part(agent)}/tokens"), nothing)

    def revoke_agent_token(self, agent: str, token_id: str) -> None:
        """End a token of an agent.

        At once. Scope: `agents:write`. Roles: owner, developer.

        :param agent: The agent's name
        :param token_id: The token's id
        """
        return self._send(Request("DELETE", f"/v1/agents/{path_part(agent)}/tokens/{path_part(token_id)}"), nothing)

    def list_people(self) -> list[Member]:
        """List people.

        Everybody with a role in the organisation. Scope: `account:read`. Roles: owner, developer, finance.
        """
        return self._send(Request("GET", "/v1/account/people"), many_of(Member))

    def list_keys(self) -> list[Key]:
        """List keys.

        Those that ended too, oldest first, without the keys themselves. Scope: `account:read`. Roles: owner,
        developer.
        """
        return self._send(Request("GET", "/v1/account/keys"), many_of(Key))

    def create_key(
        self,
        name: str,
        *,
        scopes: list[Scope] | Unset | None = UNSET,
        expires_at: datetime | Unset | None = UNSET,
        allowed_networks: list[str] | Unset = UNSET,
        rate_limit_per_minute: int | Unset | None = UNSET,
        test: bool | Unset = UNSET,
    ) -> NewKey:
        """Create a key.

        The key is shown this once. It can never do more than you, nor from elsewhere or for longer than the key
        that makes it. Scope: `account:write`. Roles: owner, developer.

        :param allowed_networks: Addresses or networks it may be used from; none: all
        :param test: A key for test calls alone: vp_test_...
        """
        return self._send(
            Request(
                "POST",
                "/v1/account/keys",
                body={
                    "name": name,
                    "scopes": scopes,
                    "expires_at": expires_at,
                    "allowed_networks": allowed_networks,
                    "rate_limit_per_minute": rate_limit_per_minute,
                    "test": test,
                },
            ),
            one_of(NewKey),
        )

    def rotate_key(self, key_id: str, *, grace_hours: float | Unset = UNSET) -> RotatedKey:
        """Replace a key.

        A new key like it works at once and is shown this once; the old one works until its grace ends. Scope:
        `account:write`. Roles: owner, developer.

        :param key_id: The key's id
        """
        return self._send(
            Request("POST", f"/v1/account/keys/{path_part(key_id)}/rotate", body={"grace_hours": grace_hours}),
            one_of(RotatedKey),
        )

    def revoke_key(self, key_id: str) -> None:
        """Revoke a key.

        It stops within a quarter of a second. Revoking it again changes nothing. Scope: `account:write`. Roles:
        owner, developer.

        :param key_id: The key's id
        """
        return self._send(Request("DELETE", f"/v1/account/keys/{path_part(key_id)}"), nothing)

    def list_webhooks(self) -> list[Webhook]:
        """List endpoints.

        Disabled ones too, oldest first. Scope: `account:read`. Roles: owner, developer.
        """
        return self._send(Request("GET", "/v1/account/webhooks"), many_of(Webhook))

    def add_webhook(self, url: str, *, events: list[WebhookEvent] | Unset | None = UNSET) -> SecretWebhook:
        """Add an endpoint.

        It gets what happens from now on. The secret is shown this once. Scope: `account:write`. Roles: owner,
        developer.
        """
        return self._send(
            Request("POST", "/v1/account/webhooks", body={"url": url, "events": events}), one_of(SecretWebhook)
        )

    def rotate_webhook(self, webhook_id: str, *, finish: bool | Unset = UNSET) -> SecretWebhook:
        """Replace an endpoint's secret.

        Both secrets sign until the rotation is ended with `finish`. Scope: `account:write`. Roles: owner,
        developer.

        :param webhook_id: The webhook's id
        """
        return self._send(
            Request("POST", f"/v1/account/webhooks/{path_part(webhook_id)}/rotate", body={"finish": finish}),
            one_of(SecretWebhook),
        )

    def disable_webhook(self, webhook_id: str) -> Webhook:
        """Disable an endpoint.

        Nothing more is sent there; what is under way is held, not lost. Scope: `account:write`. Roles: owner,
        developer.

        :param webhook_id: The webhook's id
        """
        return self._send(Request("POST", f"/v1/account/webhooks/{path_part(webhook_id)}/disable"), one_of(Webhook))

    def enable_webhook(self, webhook_id: str) -> Webhook:
        """Enable an endpoint.

        What was held for it goes out first. Scope: `account:write`. Roles: owner, developer.

        :param webhook_id: The webhook's id
        """
        return self._send(Request("POST", f"/v1/account/webhooks/{path_part(webhook_id)}/enable"), one_of(Webhook))

    def list_deliveries(
        self, webhook_id: str, *, page: int | Unset = UNSET, per_page: int | Unset = UNSET
    ) -> list[Delivery]:
        """List deliveries.

        What was sent to an endpoint and what came of it, newest first. Past the end `data` is empty. Scope:
        `account:read`. Roles: owner, developer.

        :param webhook_id: The webhook's id
        :param per_page: Above 100 it is 100
        """
        return self._send(
            Request(
                "GET",
                f"/v1/account/webhooks/{path_part(webhook_id)}/deliveries",
                query={"page": page, "per_page": per_page},
            ),
            many_of(Delivery),
        )

    def replay_delivery(self, delivery_id: str) -> Replay:
        """Send an event once more.

        From the first attempt. One that is still on its way is left alone. Scope: `account:write`. Roles:
        owner, developer.

        :param delivery_id: The delivery's id
        """
        return self._send(Request("POST", f"/v1/account/deliveries/{path_part(delivery_id)}/replay"), one_of(Replay))

    def show_organisation(self) -> Organisation:
        """Your organisation.

        Its terms and limits. Scope: `account:read`. Roles: owner, developer, finance, viewer.
        """
        return self._send(Request("GET", "/v1/account/organisation"), one_of(Organisation))

    def change_organisation(
        self, *, retention_days: int | Unset | None = UNSET, low_balance: float | Unset | None = UNSET
    ) -> Organisation:
        """Change your organisation.

        How long recordings are kept, and below what balance you are told. What is not named stays. Scope:
        `account:write`. Roles: owner.
        """
        return self._send(
            Request(
                "PATCH", "/v1/account/organisation", body={"retention_days": retention_days, "low_balance": low_balance}
            ),
            one_of(Organisation),
        )

    def list_changes(self, *, page: int | Unset = UNSET, per_page: int | Unset = UNSET) -> Page[AuditEntry]:
        """The audit log.

        Every change, by whom and when, newest first. Scope: `account:read`. Roles: owner, developer.

        :param per_page: Above 100 it is 100
        """
        return self._send(
            Request("GET", "/v1/account/audit", query={"page": page, "per_page": per_page}), page_of(AuditEntry)
        )

    def list_topups(self, *, page: int | Unset = UNSET, per_page: int | Unset = UNSET) -> Page[TopUp]:
        """List payments.

        Newest first, those never made too. Scope: `billing:read`. Roles: owner, finance.

        :param per_page: Above 100 it is 100
        """
        return self._send(
            Request("GET", "/v1/account/topups", query={"page": page, "per_page": per_page}), page_of(TopUp)
        )

    def show_topup(self, topup_id: str) -> TopUp:
        """Look at a payment.

        Its `invoice_number` is there once it has been made. Scope: `billing:read`. Roles: owner, finance.

        :param topup_id: The topup's id
        """
        return self._send(Request("GET", f"/v1/account/topups/{path_part(topup_id)}"), one_of(TopUp))

    def list_invoices(self, *, page: int | Unset = UNSET, per_page: int | Unset = UNSET) -> Page[Invoice]:
        """List invoices.

        Tax invoices, newest first. Scope: `billing:read`. Roles: owner, finance.

        :param per_page: Above 100 it is 100
        """
        return self._send(
            Request("GET", "/v1/account/invoices", query={"page": page, "per_page": per_page}), page_of(Invoice)
        )

    def show_invoice(self, number: str) -> Invoice:
        """Get an invoice.

        By its number with `-` in place of `/`, such as INV-26-27-000001. It never changes. Scope:
        `billing:read`. Roles: owner, finance.

        :param number: The number's id
        """
        return self._send(Request("GET", f"/v1/account/invoices/{path_part(number)}"), one_of(Invoice))

    def download_invoice(self, number: str) -> bytes:
        """Download an invoice.

        As PDF, the same each time. Scope: `billing:read`. Roles: owner, finance.

        :param number: The number's id
        """
        return self._send(Request("GET", f"/v1/account/invoices/{path_part(number)}/pdf"), raw)

    def export_invoice(self, number: str) -> bytes:
        """Export an invoice.

        As a table (CSV, RFC 4180) of one row under its heads. Scope: `billing:read`. Roles: owner, finance.

        :param number: The number's id
        """
        return self._send(Request("GET", f"/v1/account/invoices/{path_part(number)}/csv"), raw)

    def list_refunds(self, *, page: int | Unset = UNSET, per_page: int | Unset = UNSET) -> Page[Refund]:
        """List refunds.

        Newest first, those under way and those that failed too. Scope: `billing:read`. Roles: owner, finance.

        :param per_page: Above 100 it is 100
        """
        return self._send(
            Request("GET", "/v1/account/refunds", query={"page": page, "per_page": per_page}), page_of(Refund)
        )

    def list_statements(self, *, page: int | Unset = UNSET, per_page: int | Unset = UNSET) -> Page[StatementMonth]:
        """List statements.

        The months that there are statements of, by Indian time, the last one first. Scope: `billing:read`.
        Roles: owner, finance.

        :param per_page: Above 100 it is 100
        """
        return self._send(
            Request("GET", "/v1/account/statements", query={"page": page, "per_page": per_page}),
            page_of(StatementMonth),
        )

    def show_statement(self, month: str) -> Statement:
        """Get a statement.

        Of a month such as 2026-11: the balance before and after it, each top-up, credit and refund, and the
        charged calls of each day. It stays as it is once the month is over. Scope: `billing:read`. Roles:
        owner, finance.

        :param month: The month's id
        """
        return self._send(Request("GET", f"/v1/account/statements/{path_part(month)}"), one_of(Statement))

    def download_statement(self, month: str) -> bytes:
        """Download a statement.

        As PDF. Scope: `billing:read`. Roles: owner, finance.

        :param month: The month's id
        """
        return self._send(Request("GET", f"/v1/account/statements/{path_part(month)}/pdf"), raw)

    def export_statement(self, month: str) -> bytes:
        """Export a statement.

        As a table (CSV, RFC 4180), from the opening balance to the closing one. Scope: `billing:read`. Roles:
        owner, finance.

        :param month: The month's id
        """
        return self._send(Request("GET", f"/v1/account/statements/{path_part(month)}/csv"), raw)

    def show_ledger(
        self,
        *,
        page: int | Unset = UNSET,
        per_page: int | Unset = UNSET,
        start_date: datetime | Unset = UNSET,
        end_date: datetime | Unset = UNSET,
    ) -> Page[Transfer]:
        """Look at the ledger.

        Every movement of money, newest first. Scope: `billing:read`. Roles: owner, finance.

        :param per_page: Above 100 it is 100
        :param start_date: Default: the beginning
        :param end_date: Default: now
        """
        return self._send(
            Request(
                "GET",
                "/v1/account/ledger",
                query={"page": page, "per_page": per_page, "start_date": start_date, "end_date": end_date},
            ),
            page_of(Transfer),
        )

    def export_ledger(self, *, start_date: datetime | Unset = UNSET, end_date: datetime | Unset = UNSET) -> bytes:
        """Export the ledger.

        As a table (CSV, RFC 4180), oldest first, whole. Scope: `billing:read`. Roles: owner, finance.

        :param start_date: Default: the beginning
        :param end_date: Default: now
        """
        return self._send(
            Request("GET", "/v1/account/ledger/csv", query={"start_date": start_date, "end_date": end_date}), raw
        )

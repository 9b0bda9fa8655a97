"""What each endpoint of agents does, for the OpenAPI document."""

from typing import Final

from control_api import agent_schemas, schemas
from control_api.operation import BODY, CONFLICT, NOT_FOUND, NOT_NOW, Operation
from control_api.rights import Right
from storage.records import Scope

_MEDIA: Final = "/v1/agent/calls/{call_sid}/media"

AGENT_OPERATIONS: Final = (
    Operation(
        "GET",
        "/v1/agents",
        "listAgents",
        "Agents",
        "List your agents",
        "By name. An agent takes calls in a browser: it is a party of a masked call as `agent:NAME`.",
        agent_schemas.AgentListReply,
        scope=Scope.AGENTS_READ,
        errors=(NOT_NOW,),
        example="agents",
    ),
    Operation(
        "POST",
        "/v1/agents",
        "createAgent",
        "Agents",
        "Make an agent",
        "An organisation has 1,000 agents at most. The session of the person it is linked to is the agent's too.",
        agent_schemas.AgentReply,
        status=201,
        scope=Scope.AGENTS_WRITE,
        body=agent_schemas.CreateAgentBody,
        errors=(*BODY, CONFLICT),
        example="agent",
    ),
    Operation(
        "GET",
        "/v1/agents/{agent}",
        "showAgent",
        "Agents",
        "Look at an agent",
        "As it is now.",
        agent_schemas.AgentReply,
        scope=Scope.AGENTS_READ,
        errors=(NOT_FOUND, NOT_NOW),
        example="agent",
    ),
    Operation(
        "PATCH",
        "/v1/agents/{agent}",
        "changeAgent",
        "Agents",
        "Change an agent",
        "What is left out stays as it is.",
        agent_schemas.AgentReply,
        scope=Scope.AGENTS_WRITE,
        body=agent_schemas.ChangeAgentBody,
        errors=(*BODY, NOT_FOUND, CONFLICT),
        example="agent",
    ),
    Operation(
        "DELETE",
        "/v1/agents/{agent}",
        "deleteAgent",
        "Agents",
        "Delete an agent",
        "Its tokens end. Its calls stay in the books.",
        None,
        status=204,
        scope=Scope.AGENTS_WRITE,
        errors=(NOT_FOUND, NOT_NOW),
    ),
    Operation(
        "POST",
        "/v1/agents/{agent}/tokens",
        "createAgentToken",
        "Agents",
        "Make a token for an agent's browser",
        "It is good for an hour, or as long as is asked for, for the agent's own calls and nothing else, and is shown "
        "this once. Hand it to the page that the agent works in. An agent has 20 at a time; of more the oldest end.",
        agent_schemas.AgentTokenReply,
        status=201,
        scope=Scope.AGENTS_WRITE,
        body=agent_schemas.AgentTokenBody,
        body_needed=False,
        errors=(*BODY, NOT_FOUND),
        example="agent_token",
    ),
    Operation(
        "DELETE",
        "/v1/agents/{agent}/tokens",
        "revokeAgentTokens",
        "Agents",
        "End all tokens of an agent",
        "At once.",
        None,
        status=204,
        scope=Scope.AGENTS_WRITE,
        errors=(NOT_FOUND, NOT_NOW),
    ),
    Operation(
        "DELETE",
        "/v1/agents/{agent}/tokens/{token_id}",
        "revokeAgentToken",
        "Agents",
        "End a token of an agent",
        "At once.",
        None,
        status=204,
        scope=Scope.AGENTS_WRITE,
        errors=(NOT_FOUND, NOT_NOW),
    ),
    Operation(
        "GET",
        "/v1/agent/me",
        "showOwnAgent",
        "Agents",
        "Who you are, as an agent",
        "The agent whose token or session it is, and the STUN and TURN servers for its browser, with credentials that "
        "last as long as the operator has configured: ask again before a call.",
        agent_schemas.OwnAgentReply,
        right=Right.TAKE_CALLS,
        errors=(NOT_NOW,),
        example="own_agent",
    ),
    Operation(
        "PUT",
        "/v1/agent/state",
        "setOwnAgentState",
        "Agents",
        "Say whether you want calls",
        "Calls to an agent that is `away` fail as those to a phone that cannot be reached; the agent's own go on.",
        agent_schemas.AgentReply,
        right=Right.TAKE_CALLS,
        body=agent_schemas.AgentStateBody,
        errors=(*BODY, NOT_FOUND),
        example="agent",
    ),
    Operation(
        "GET",
        "/v1/agent/events",
        "streamOwnAgent",
        "Agents",
        "Be rung",
        "Server-sent events for a page of the agent's: while one is open, and the agent is not away, the agent can be "
        "called. `page` has the page's own id; `ringing` the call, the masked number, the direction and the call's "
        "reference, never the other party; `stopped` says that it needs no answer any more (`answered_elsewhere`, with "
        "the `media_id` of the browser that has it, `cancelled`, `declined`, `failed`); then `connected`, "
        "`disconnected` (the call waits `for_sec` seconds for a browser), `ended`, and `state`. A comment every 15 "
        "seconds says that the connection lives; the last event is `end` with a `reason`. An agent has 5 pages at most "
        "(409).",
        None,
        right=Right.TAKE_CALLS,
        errors=(NOT_FOUND, CONFLICT, NOT_NOW),
        media_type="text/event-stream",
    ),
    Operation(
        "POST",
        "/v1/agent/calls",
        "placeOwnCall",
        "Agents",
        "Call somebody",
        "A masked call of which the agent is party A: the agent's pages ring first, as `outgoing`, while the agent is "
        "`away` too. With an `Idempotency-Key` it can be repeated as `POST /v1/masking/calls` can.",
        schemas.PlacedCallReply,
        status=201,
        right=Right.TAKE_CALLS,
        body=agent_schemas.AgentCallBody,
        errors=((400, "invalid_numbers"), *BODY, (402, "insufficient_balance"), NOT_FOUND, CONFLICT),
        example="placed_call",
    ),
    Operation(
        "POST",
        _MEDIA,
        "answerOwnCall",
        "Agents",
        "Answer a call in the browser",
        "As WHIP has it (RFC 9725): the body is the browser's SDP offer, the reply our answer, with the ICE session's "
        "`ETag` and the browser's `X-Media-Id`. The first browser wins, another one gets 409. `?page=` names the page, "
        'which is not told to stop then; `Link` headers of `rel="ice-server"` name the STUN and TURN servers, and '
        "OPTIONS of this path what it takes. The call is answered once ICE and DTLS stand. Sent again it goes on "
        "with a call whose browser is gone, or with `?media=` takes the place of the browser of that `media_id`, as "
        "after a page was loaded anew.",
        None,
        status=201,
        right=Right.TAKE_CALLS,
        body_type="application/sdp",
        errors=(*BODY, NOT_FOUND, CONFLICT),
        media_type="application/sdp",
    ),
    Operation(
        "PATCH",
        _MEDIA,
        "changeOwnMedia",
        "Agents",
        "Trickle candidates, or restart ICE",
        "With the `ETag` in `If-Match`: further candidates of the browser, 204. With `If-Match: *`: an ICE restart, "
        "200 with ours and a new `ETag`; one that cannot be done leaves the ICE session as it is. "
        "A call waits half a minute for a browser that is gone.",
        None,
        right=Right.TAKE_CALLS,
        body_type="application/trickle-ice-sdpfrag",
        may_be_empty=True,
        errors=(*BODY, NOT_FOUND, (412, "precondition_failed"), (428, "precondition_required")),
        media_type="application/trickle-ice-sdpfrag",
    ),
    Operation(
        "DELETE",
        _MEDIA,
        "hangUpOwnCall",
        "Agents",
        "Hang up",
        "A call that a browser of yours answers.",
        None,
        status=204,
        right=Right.TAKE_CALLS,
        errors=(NOT_FOUND, NOT_NOW),
    ),
    *(
        Operation(
            "POST",
            f"/v1/agent/calls/{{call_sid}}/{word}",
            name,
            "Agents",
            summary,
            text,
            None,
            status=204,
            right=Right.TAKE_CALLS,
            errors=(NOT_FOUND, CONFLICT, NOT_NOW),
        )
        for word, name, summary, text in (
            ("decline", "declineOwnCall", "Decline a call", "All your pages stop ringing; the caller is refused."),
            ("hold", "holdOwnCall", "Hold a call", "Nothing passes either way until it is resumed."),
            ("resume", "resumeOwnCall", "Go on with a call that is held", "Both hear each other again."),
        )
    ),
    Operation(
        "POST",
        "/v1/agent/calls/{call_sid}/digits",
        "pressInOwnCall",
        "Agents",
        "Press keys",
        "For browsers that send no telephone-events: the other party gets them as such, or hears tones.",
        None,
        status=204,
        right=Right.TAKE_CALLS,
        body=agent_schemas.DigitsBody,
        errors=(*BODY, NOT_FOUND, CONFLICT),
    ),
)

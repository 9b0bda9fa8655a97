"""What each endpoint of supervisors does, for the OpenAPI document."""

from typing import Final

from control_api import supervisor_schemas as shapes
from control_api.operation import BODY, CONFLICT, NOT_FOUND, NOT_NOW, Operation
from storage.records import Scope

SUPERVISOR_OPERATIONS: Final = (
    Operation(
        "GET",
        "/v1/masking/calls/{call_sid}/supervisors",
        "listSupervisors",
        "Supervisors",
        "See who supervises a live call",
        "The first to come first. 409 once the call has ended.",
        shapes.SupervisorsReply,
        scope=Scope.SUPERVISE,
        errors=(NOT_FOUND, CONFLICT, NOT_NOW),
        example="supervisors",
    ),
    Operation(
        "GET",
        "/v1/masking/calls/{call_sid}/supervisors/ice-servers",
        "supervisorIceServers",
        "Supervisors",
        "See what servers a supervisor's browser finds candidates by",
        "STUN and TURN servers as RTCPeerConnection takes them, to be asked for before the offer and before an ICE "
        "restart: the credentials of TURN servers end after a while. 409 once the call has ended.",
        shapes.IceServersReply,
        scope=Scope.SUPERVISE,
        errors=(NOT_FOUND, CONFLICT, NOT_NOW),
        example="supervisor_ice_servers",
    ),
    Operation(
        "POST",
        "/v1/masking/calls/{call_sid}/supervisors",
        "joinCall",
        "Supervisors",
        "Supervise a live call from a browser",
        "Takes a browser's SDP offer and answers it, as WHIP does, in JSON. With `listen` it hears both parties and "
        "nobody hears it; with `whisper_a` or `whisper_b` that party alone hears it beside the other; with `barge` "
        "both do. Who is not spoken to gets the other's audio untouched. A recording has the two parties and never the "
        "supervisor, and a paused one does not keep the supervisor from hearing. It is in the audit log and in the "
        "call's events. 4 a call, 50 in all. A browser that goes away ends its own part alone, and so does, "
        "within 15 s, the end of the key or session that it joined by. 409 where the parties are not connected, or "
        "there are as many as there can be.",
        shapes.JoinedReply,
        status=201,
        scope=Scope.SUPERVISE,
        body=shapes.JoinCallBody,
        errors=(NOT_FOUND, CONFLICT, *BODY),
        example="joined_supervisor",
    ),
    Operation(
        "PATCH",
        "/v1/masking/calls/{call_sid}/supervisors/{supervisor_id}",
        "changeSupervisor",
        "Supervisors",
        "Speak to somebody else",
        "Changes `mode` at once, brings further `candidates` of the browser's (trickle ICE), or restarts ICE with "
        "`sdp`, an offer of the same browser with new credentials: the answer is in the reply's `sdp`, null otherwise. "
        "A browser whose network is gone is `reconnecting` for 30 s before its part ends.",
        shapes.SupervisorReply,
        scope=Scope.SUPERVISE,
        body=shapes.ChangeSupervisorBody,
        errors=(NOT_FOUND, CONFLICT, *BODY),
        example="supervisor",
    ),
    Operation(
        "DELETE",
        "/v1/masking/calls/{call_sid}/supervisors/{supervisor_id}",
        "leaveCall",
        "Supervisors",
        "Supervise no more",
        "The call goes on.",
        None,
        status=204,
        scope=Scope.SUPERVISE,
        errors=(NOT_FOUND, CONFLICT, NOT_NOW),
    ),
)

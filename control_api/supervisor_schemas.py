"""What goes over the wire about supervisors of live calls."""

from collections.abc import Iterable
from typing import Annotated, Final

from pydantic import Field, Strict

from b2bua.call.agent_calls import IceServerTold
from b2bua.switch.supervisors import Mode, Supervisor, SupervisorState
from control_api.agent_schemas import IceServerView, ice_server_representation
from control_api.schemas import Timestamp, Wire, enveloped
from control_api.timestamps import render_timestamp

LONGEST_SDP: Final = 30_000
LONGEST_FRAGMENT: Final = 10_000

SUPERVISOR_REQUIREMENTS: Final = {
    "sdp": f"an SDP offer of at most {LONGEST_SDP} characters",
    "mode": "one of " + ", ".join(Mode),
    "candidates": f"a trickle-ice-sdpfrag of at most {LONGEST_FRAGMENT} characters",
}


class JoinCallBody(Wire):
    """A browser that is to take part in a call: its SDP offer, with audio both ways."""

    sdp: Annotated[str, Strict(), Field(min_length=1, max_length=LONGEST_SDP)]
    mode: Mode = Field(default=Mode.LISTEN, description="Whom it speaks to")


class ChangeSupervisorBody(Wire):
    """What is to change. `candidates`: further ones of the browser's, as RFC 8840 writes them. `sdp`: an offer of the
    same browser that restarts ICE."""

    mode: Mode | None = None
    sdp: Annotated[str, Strict(), Field(min_length=1, max_length=LONGEST_SDP)] | None = None
    candidates: Annotated[str, Strict(), Field(min_length=1, max_length=LONGEST_FRAGMENT)] | None = None


class SupervisorView(Wire):
    """Who takes part in a call beside its parties."""

    supervisor_id: str
    mode: Mode
    state: SupervisorState
    joined_at: Timestamp


class JoinedView(SupervisorView):
    """The same with the SDP answer for its browser."""

    sdp: str


class ChangedView(SupervisorView):
    """The same; where ICE was restarted with the SDP answer for its browser."""

    sdp: str | None = None


class IceServersView(Wire):
    """Where a supervisor's browser finds candidates; credentials end after a while."""

    ice_servers: list[IceServerView]


IceServersReply: Final = enveloped("IceServersReply", IceServersView)
SupervisorsReply: Final = enveloped("SupervisorsReply", list[SupervisorView])
SupervisorReply: Final = enveloped("SupervisorReply", ChangedView)
JoinedReply: Final = enveloped("JoinedReply", JoinedView)


def supervisor_representation(supervisor: Supervisor) -> dict[str, object]:
    """A supervisor as it is now."""
    return {
        "supervisor_id": supervisor.supervisor_id,
        "mode": supervisor.mode.value,
        "state": supervisor.state.value,
        "joined_at": render_timestamp(supervisor.joined_at),
    }


def ice_servers_representation(servers: Iterable[IceServerTold]) -> dict[str, object]:
    """The servers for a supervisor's browser."""
    return {"ice_servers": [ice_server_representation(server) for server in servers]}


def supervisor_examples(at_ms: int) -> dict[str, object]:
    """The data of an example reply by name."""
    shown = {
        "supervisor_id": "7a6b5c4d-3e2f-4a1b-9c8d-0e1f2a3b4c5d",
        "mode": Mode.WHISPER_A.value,
        "state": SupervisorState.CONNECTED.value,
        "joined_at": render_timestamp(at_ms),
    }
    joined = shown | {"state": SupervisorState.CONNECTING.value, "sdp": "v=0\r\no=- 1 1 IN IP4 203.0.113.7\r\n..."}
    servers = ice_servers_representation(
        [
            IceServerTold("stun:stun.example:3478"),
            IceServerTold("turn:turn.example:3478", "1735736400:supervisor", "u2l6Q3V5c2tJc0FuRXhhbXBsZT0="),
        ]
    )
    return {
        "supervisor_ice_servers": servers,
        "supervisors": [shown],
        "supervisor": shown | {"sdp": None},
        "joined_supervisor": joined,
    }

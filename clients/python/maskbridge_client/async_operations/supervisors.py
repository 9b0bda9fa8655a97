"""Endpoints: Supervisors.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from maskbridge_client.async_operations.sending import Sending
from maskbridge_client.shapes import Changed, IceServers, Joined, Mode, Supervisor
from maskbridge_client.wire import UNSET, Request, Unset, many_of, nothing, one_of, path_part


class SupervisorsOperations(Sending):
    """Supervisors."""

    async def list_supervisors(self, call_sid: str) -> list[Supervisor]:
        """See who supervises a live call.

        The first to come first. 409 once the call has ended. Scope: `supervise`. Roles: owner.

        :param call_sid: The call's id
        """
        return await self._send(
            Request("GET", f"/v1/masking/calls/{path_part(call_sid)}/supervisors"), many_of(Supervisor)
        )

    async def join_call(self, call_sid: str, sdp: str, *, mode: Mode | Unset = UNSET) -> Joined:
        """Supervise a live call from a browser.

        Takes a browser's SDP offer and answers it, as WHIP does, in JSON. With `listen` it hears both parties
        and nobody hears it; with `whisper_a` or `whisper_b` that party alone hears it beside the other; with
        `barge` both do. Who is not spoken to gets the other's audio untouched. A recording has the two parties
        and never the supervisor, and a paused one does not keep the supervisor from hearing. It is in the audit
        log and in the call's events. 4 a call, 50 in all. A browser that goes away ends its own part alone, and
        so does, within 15 s, the end of the key or session that it joined by. 409 where the parties are not
        connected, or there are as many as there can be. Scope: `supervise`. Roles: owner.

        :param call_sid: The call's id
        :param sdp: An SDP description, as the browser or the service made it
        :param mode: Whom it speaks to
        """
        return await self._send(
            Request("POST", f"/v1/masking/calls/{path_part(call_sid)}/supervisors", body={"sdp": sdp, "mode": mode}),
            one_of(Joined),
        )

    async def supervisor_ice_servers(self, call_sid: str) -> IceServers:
        """See what servers a supervisor's browser finds candidates by.

        STUN and TURN servers as RTCPeerConnection takes them, to be asked for before the offer and before an
        ICE restart: the credentials of TURN servers end after a while. 409 once the call has ended. Scope:
        `supervise`. Roles: owner.

        :param call_sid: The call's id
        """
        return await self._send(
            Request("GET", f"/v1/masking/calls/{path_part(call_sid)}/supervisors/ice-servers"), one_of(IceServers)
        )

    async def change_supervisor(
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
        :param mode: Who hears the supervisor
        :param sdp: An SDP description, as the browser or the service made it
        :param candidates: Further ICE candidates, each a line of SDP
        """
        return await self._send(
            Request(
                "PATCH",
                f"/v1/masking/calls/{path_part(call_sid)}/supervisors/{path_part(supervisor_id)}",
                body={"mode": mode, "sdp": sdp, "candidates": candidates},
            ),
            one_of(Changed),
        )

    async def leave_call(self, call_sid: str, supervisor_id: str) -> None:
        """Supervise no more.

        The call goes on. Scope: `supervise`. Roles: owner.

        :param call_sid: The call's id
        :param supervisor_id: The supervisor's id
        """
        return await self._send(
            Request("DELETE", f"/v1/masking/calls/{path_part(call_sid)}/supervisors/{path_part(supervisor_id)}"),
            nothing,
        )

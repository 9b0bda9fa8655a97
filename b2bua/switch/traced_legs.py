"""What a traced call's legs let its trace know: their dialogs, and the trunks that are tried."""

from b2bua.call.model import Leg
from b2bua.switch.call_leg import CallLeg
from b2bua.switch.incoming_leg import IncomingLeg
from b2bua.switch.leg_task import LegTask
from b2bua.switch.trace_steps import trunk_tried
from b2bua.switch.tracing import CallTrace, Tracing
from b2bua.transport.endpoint import SipEndpoint


def follow(tracing: Tracing, trace: CallTrace, leg: Leg, task: CallLeg, endpoint: SipEndpoint) -> None:
    """Let a call's trace know of a leg what is to come, after the call itself has been told."""
    if isinstance(task, IncomingLeg):
        tracing.dialog(trace, leg.value, task.sip_call_id)
    elif isinstance(task, LegTask):
        note_trunk = task.note_trunk

        def tried(trunk: str) -> None:
            note_trunk(trunk)
            tracing.note(trace, trunk_tried(leg, trunk))

        def invited(usage: int) -> None:
            tracing.dialog(trace, leg.value, endpoint.call_id_of(usage))

        task.note_trunk, task.note_usage = tried, invited

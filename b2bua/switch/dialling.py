"""Whom a call goes to that is being admitted."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from b2bua.call.identity import LegHeaders, compose, compose_agent
from b2bua.call.masking import Party
from b2bua.call.model import Leg, PlaceCall
from b2bua.clock import Clock
from b2bua.switch.call_leg import CallLeg, SipUser
from b2bua.switch.call_rate import Pacing
from b2bua.switch.call_sounds import CallSounds
from b2bua.switch.hunting import Hunt
from b2bua.switch.leg_task import LegTask
from b2bua.switch.trunk import Trunk
from b2bua.switch.trunks import Trunks
from b2bua.transport.endpoint import SipEndpoint
from media.engine import MediaEngine
from storage.records import CallRecord


@dataclass(frozen=True, slots=True)
class Dialling:
    """The parties of a call, the trunks to them, and what they will hear."""

    command: PlaceCall
    sounds: CallSounds
    parties: Mapping[Leg, tuple[Party, Trunk]]

    def promise(self) -> None:
        """Keep room on the trunks."""
        self.parties[Leg.A][1].promise(legs=1)
        self.parties[Leg.B][1].promise(legs=1, calls=0)

    def withdraw(self) -> None:
        """No call comes of it."""
        self.parties[Leg.A][1].withdraw(legs=1, calls=1)
        self.parties[Leg.B][1].withdraw(legs=1)

    def legs(
        self,
        record: CallRecord,
        trunks: Trunks,
        media: MediaEngine,
        clock: Clock,
        endpoint: SipEndpoint,
        pacing: Pacing,
        usages: dict[int, SipUser],
    ) -> dict[Leg, CallLeg]:
        """The legs of the call, now that it is admitted."""
        return {
            leg: LegTask(
                leg,
                record.call_id,
                Hunt(
                    trunks,
                    trunk,
                    record.masked_number if party.is_number else None,
                    clock.monotonic,
                    booked=leg is Leg.A,
                ),
                partial(_headers_for, party, record.masked_number, f"{record.call_id}/{leg.value}"),
                endpoint=endpoint,
                media=media,
                trunks=trunks,
                pacing=pacing,
                usages=usages,
            )
            for leg, (party, trunk) in self.parties.items()
        }


def _headers_for(party: Party, masked_number: str, leg_name: str, trunk: Trunk) -> LegHeaders:
    if party.agent:
        return compose_agent(party, masked_number, trunk.config, leg_name)
    return compose(party, masked_number, trunk.config)

"""The far end of test calls: every INVITE is answered as the dialled number says, by the stack that the product has."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Final

from b2bua.alarm import Alarm, Scheduler
from b2bua.call.events import CallEvent, LegHungUp, LegLost
from b2bua.rehearsal.behaviour import Behaviour, behaviour_of
from b2bua.sip import events as sip
from b2bua.switch.call_leg import SipUser
from b2bua.switch.incoming_leg import IncomingLeg
from b2bua.switch.trunk import Trunk
from b2bua.tokens import Tokens
from b2bua.transport.endpoint import SipEndpoint
from media.engine import MediaEngine
from media.errors import MediaError
from media.tones import Tone

LOG: Final = logging.getLogger(__name__)

_LAST_DIGITS: Final = 10
NOT_IN_USE: Final = 404
TOO_MANY: Final = 503


@dataclass(slots=True)
class _Party:
    """One call at a simulated party, and what it does next."""

    leg: IncomingLeg
    behaviour: Behaviour
    next_step: Alarm


class SimulatedParties:
    """Answers, refuses, rings on and hangs up. At most `limit` calls at once; one more gets 503."""

    def __init__(
        self,
        trunk: Trunk,
        media: MediaEngine,
        scheduler: Scheduler,
        tokens: Tokens,
        voice: Tone,
        limit: int,
    ) -> None:
        self._trunk = trunk
        self._media = media
        self._scheduler = scheduler
        self._tokens = tokens
        self._voice = voice
        self._limit = limit
        self._parties: dict[str, _Party] = {}
        self._usages: dict[int, SipUser] = {}
        self._endpoint: SipEndpoint | None = None

    def __len__(self) -> int:
        """How many calls there are."""
        return len(self._parties)

    def attach(self, endpoint: SipEndpoint) -> None:
        """Bind the SIP endpoint whose events come to `on_sip_event`."""
        self._endpoint = endpoint

    def on_sip_event(self, event: sip.UserAgentEvent) -> None:
        """Take in what comes from the other end."""
        match event:
            case sip.IncomingInvite():
                self._take(event)
            case sip.IncomingRequest(usage=None):
                self._bound().respond(event.transaction, 481)
            case _:
                usage = getattr(event, "usage", None)
                user = None if usage is None else self._usages.get(usage)
                if user is not None:
                    user.on_sip_event(event)

    def close(self) -> None:
        """Let go of every call."""
        for name in tuple(self._parties):
            self._over(name)

    def _take(self, event: sip.IncomingInvite) -> None:
        behaviour = behaviour_of(_number(event.request.uri.telephone or ""))
        refusal = NOT_IN_USE if behaviour is None else behaviour.refusal
        if refusal is None and len(self._parties) >= self._limit:
            refusal = TOO_MANY
        if behaviour is None or refusal is not None:
            self._bound().respond(event.transaction, refusal or NOT_IN_USE)
            return
        if not self._trunk.arrive():
            self._bound().respond(event.transaction, TOO_MANY)
            return
        name = f"party-{self._tokens.hex(16)}"
        leg = IncomingLeg(name, self._trunk, event, endpoint=self._bound(), media=self._media, usages=self._usages)
        status = leg.open()
        if status is not None:
            leg.refuse(status)
            return
        party = _Party(leg, behaviour, Alarm(self._scheduler, partial(self._answer, name)))
        self._parties[name] = party
        leg.post = partial(self._happened, name)
        leg.report_progress(180, with_media=False)
        if behaviour.answers_after_s is not None:
            self._after(party.next_step, behaviour.answers_after_s)

    def _answer(self, name: str) -> None:
        party = self._parties.get(name)
        if party is None or party.leg.over:
            return
        party.leg.answer()
        try:
            self._media.play_prompt(party.leg.media_name, self._voice)
        except MediaError as error:
            LOG.error("a simulated party cannot be heard: %s", error)
        if party.behaviour.talks_s is not None:
            party.next_step = Alarm(self._scheduler, partial(self._hang_up, name))
            self._after(party.next_step, party.behaviour.talks_s)

    def _hang_up(self, name: str) -> None:
        party = self._parties.get(name)
        if party is not None:
            party.leg.hang_up(None)
            self._over(name)

    def _happened(self, name: str, event: CallEvent) -> None:
        if isinstance(event, (LegHungUp, LegLost)):
            self._over(name)

    def _over(self, name: str) -> None:
        party = self._parties.pop(name, None)
        if party is not None:
            party.next_step.clear()
            party.leg.close_media()

    def _after(self, alarm: Alarm, seconds: float) -> None:
        alarm.set(self._scheduler.time() + seconds)

    def _bound(self) -> SipEndpoint:
        if self._endpoint is None:
            raise LookupError("the simulated parties have no endpoint yet")
        return self._endpoint


def _number(user: str) -> str:
    """The ten digits at the end of a dialled user part, however it is written."""
    return "".join(character for character in user if character.isdigit())[-_LAST_DIGITS:]

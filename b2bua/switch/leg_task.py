"""One leg of a call: its dialog on the SIP side and its media leg, translated into the call's events."""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from b2bua.call import events as happened
from b2bua.call.events import CallEvent, FailureKind
from b2bua.call.identity import LegHeaders
from b2bua.call.model import Leg
from b2bua.sip import events as sip
from b2bua.sip.bodies import session_description
from b2bua.sip.digest import Credentials
from b2bua.sip.errors import MalformedHeader
from b2bua.sip.headers import RetryAfter
from b2bua.sip.message import Response
from b2bua.sip.settings import OutgoingInvite
from b2bua.switch.trunks import Trunk, Trunks
from b2bua.transport.endpoint import SipEndpoint
from media.engine import MediaEngine
from media.errors import PortsExhausted, UnusableSdp
from media.statistics import LegStatistics

LOG: Final = logging.getLogger(__name__)

LONGEST_HOLD_OFF_S: Final = 300

EARLY_ANSWERS: Final = 8  # early dialogs whose SDP is kept for an answer without one


class LegTask:
    """Dials one party over one trunk, follows its dialog, and hangs it up. `post` takes what the call should know.

    Its place on the trunk has been promised; A's with its call against the trunk's rate.
    """

    def __init__(
        self,
        leg: Leg,
        call_id: str,
        trunk: Trunk,
        headers: LegHeaders,
        *,
        endpoint: SipEndpoint,
        media: MediaEngine,
        trunks: Trunks,
        usages: dict[int, "LegTask"],
        now: Callable[[], float],
    ) -> None:
        self.leg = leg
        self.media_name = f"{call_id}/{leg.value}"
        self.trunk = trunk
        self.codec: str | None = None
        self.post: Callable[[CallEvent], None] = _nobody
        self._headers = headers
        self._endpoint = endpoint
        self._media = media
        self._trunks = trunks
        self._usages = usages
        self._now = now
        self._usage: int | None = None
        self._rang = False
        self._early_answers: dict[str, bytes] = {}  # the SDP of each early dialog, by its To-tag
        self._media_open = False
        self._promised = True
        self._occupies = False

    def dial(self, prefer: str | None) -> FailureKind | None:
        """Send the INVITE, `prefer` being the codec to offer first. Returns why it could not be sent, or None."""
        config = self.trunk.config
        destination = self.trunk.destination
        if destination is None:
            return FailureKind.TRANSPORT
        try:
            self._media.open_leg(self.media_name, self.trunk.media_profile)
        except PortsExhausted:
            LOG.error("no media port is left: leg %s of call %s cannot be dialled", self.leg, self.media_name)
            return FailureKind.CAPACITY
        self._media_open = True
        self.trunk.take(self._now(), counted=self.leg is Leg.A)
        self._promised, self._occupies = False, True
        credentials = Credentials(config.auth_username, config.auth_password) if config.auth_username else None
        self._usage = self._endpoint.invite(
            OutgoingInvite(
                request_uri=self._headers.request_uri,
                from_uri=self._headers.from_uri,
                from_display=self._headers.from_display,
                to_uri=self._headers.to_uri,
                destination=destination,
                headers=self._headers.headers,
                body=self._media.offer(self.media_name, prefer),
                credentials=credentials,
                no_answer_timeout_s=float(config.invite_timeout_s),
                policy=self.trunk.policy,
            )
        )
        self._usages[self._usage] = self
        return None

    def hang_up(self, reason: str | None) -> None:
        """End the dialog in whatever state it is."""
        if self._usage is not None:
            self._endpoint.hang_up(self._usage, reason)

    def close_media(self) -> LegStatistics | None:
        """Free the media leg and the trunk's channel; statistics the first time, None after that."""
        if self._promised:
            self._promised = False
            self.trunk.withdraw(1)
        if self._occupies:
            self._occupies = False
            self.trunk.give_back()
        if not self._media_open:
            return None
        self._media_open = False
        return self._media.close_leg(self.media_name)

    def part(self) -> None:
        """Let go of the call once nothing can come of the dialog any more: the two would keep each other alive until
        the garbage collector looks, and it would have to look often."""
        if self._usage is None:
            self.post = _nobody

    def on_sip_event(self, event: sip.UserAgentEvent) -> None:
        """Take in what happened to the leg's dialog."""
        act = _ACTS.get(type(event))
        if act is not None:
            act(self, event)

    def _provisional(self, event: sip.Provisional) -> None:
        self._trunks.alive(self.trunk)
        if not 180 <= event.status <= 189:
            return
        self._rang = True
        answer = session_description(event.content_type, event.body)
        if answer and (event.to_tag in self._early_answers or len(self._early_answers) < EARLY_ANSWERS):
            self._early_answers[event.to_tag] = answer
        if answer and self._media_open and self.trunk.config.early_media == "relay":
            try:
                self.codec = self._media.apply_answer(self.media_name, answer, early=True).codec
            except UnusableSdp as error:
                LOG.info("leg %s: early media is not usable: %s", self.media_name, error)
            else:
                self.post(happened.LegRinging(self.leg, event.status))
                self.post(happened.LegEarlyMedia(self.leg, event.status))
                return
        self.post(happened.LegRinging(self.leg, event.status))

    def _answered(self, event: sip.Answered) -> None:
        self._trunks.alive(self.trunk)
        if not self._media_open:
            self.hang_up(None)
            return
        answer = session_description(event.response.headers.get("Content-Type"), event.body)
        if not answer:
            answer = self._early_answers.get(event.response.to_tag or "", b"")
        try:
            self.codec = self._media.apply_answer(self.media_name, answer).codec
        except UnusableSdp as error:
            LOG.warning("leg %s: answered with an SDP that cannot be used: %s", self.media_name, error)
            self.hang_up('Q.850;cause=65;text="Bearer capability not implemented"')
            self.post(happened.LegFailed(self.leg, FailureKind.MEDIA, event.status, self._rang))
            return
        self.post(happened.LegAnswered(self.leg, event.status, self.codec))

    def _rejected(self, event: sip.Rejected) -> None:
        self._trunks.alive(self.trunk)
        if event.status == 503 and (wait_s := _retry_after_s(event.response)) > 0:
            self._trunks.held_off(self.trunk, wait_s)
        self.post(happened.LegFailed(self.leg, FailureKind.RESPONSE, event.status, self._rang))

    def _no_response(self, event: sip.NoResponse) -> None:
        kind = FailureKind.TRANSPORT if event.cause == "transport" else FailureKind.NO_RESPONSE
        self.post(happened.LegFailed(self.leg, kind, None, self._rang))

    def _bye_received(self, _event: sip.ByeReceived) -> None:
        self.post(happened.LegHungUp(self.leg))

    def _dialog_lost(self, event: sip.DialogLost) -> None:
        LOG.warning("leg %s: the dialog is lost: %s", self.media_name, event.cause)
        self.post(happened.LegLost(self.leg))

    def _usage_ended(self, event: sip.UsageEnded) -> None:
        self._usages.pop(event.usage, None)
        self._usage = None
        self.part()

    def _request(self, event: sip.IncomingRequest) -> None:
        """A request of the party's within the dialog: a changed session is answered on this leg alone."""
        offer = session_description(event.request.headers.get("Content-Type"), event.request.body)
        if event.request.method not in ("INVITE", "UPDATE"):
            self._endpoint.respond(event.transaction, 200)
        elif not self._media_open:
            self._endpoint.respond(event.transaction, 481)
        elif not offer:
            body = self._media.offer(self.media_name) if event.request.method == "INVITE" else b""
            self._endpoint.respond(event.transaction, 200, body=body, content_type="application/sdp" if body else None)
        else:
            try:
                answer = self._media.answer_offer(self.media_name, offer)
            except UnusableSdp as error:
                LOG.info("leg %s: a changed offer is refused: %s", self.media_name, error)
                self._endpoint.respond(event.transaction, 488)
                return
            self._endpoint.respond(event.transaction, 200, body=answer, content_type="application/sdp")

    def _ack_received(self, event: sip.AckReceived) -> None:
        """The answer to an offer that our 200 to a re-INVITE without SDP made."""
        answer = session_description(event.content_type, event.body)
        if answer and self._media_open:
            try:
                self._media.apply_answer(self.media_name, answer)
            except UnusableSdp as error:
                LOG.warning("leg %s: the answer in an ACK cannot be used: %s", self.media_name, error)


def _nobody(_event: CallEvent) -> None:
    """Who is told when there is no call."""


def _retry_after_s(response: Response) -> int:
    """How long a 503 asks to be left alone (RFC 3261 21.5.4): 0 where it does not say, at most `LONGEST_HOLD_OFF_S`."""
    value = response.headers.get("Retry-After")
    try:
        return 0 if value is None else min(RetryAfter.parse(value).seconds, LONGEST_HOLD_OFF_S)
    except MalformedHeader:
        return 0


_ACTS: Final[Mapping[type, Callable[..., None]]] = {
    sip.Provisional: LegTask._provisional,
    sip.Answered: LegTask._answered,
    sip.Rejected: LegTask._rejected,
    sip.NoResponse: LegTask._no_response,
    sip.ByeReceived: LegTask._bye_received,
    sip.DialogLost: LegTask._dialog_lost,
    sip.UsageEnded: LegTask._usage_ended,
    sip.IncomingRequest: LegTask._request,
    sip.AckReceived: LegTask._ack_received,
}

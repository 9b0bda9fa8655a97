"""The leg of a party that has called us: its INVITE waits until the call knows what to answer."""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from b2bua.call import events as happened
from b2bua.call.events import CallEvent
from b2bua.call.model import Leg
from b2bua.sip import events as sip
from b2bua.sip.bodies import SDP, session_description
from b2bua.sip.info_digits import InfoDigit
from b2bua.sip.reliable_provisionals import goes_reliably, is_required
from b2bua.sip.settings import HeaderLines
from b2bua.switch.call_leg import SipUser, nobody
from b2bua.switch.in_dialog import InDialog, not_acceptable
from b2bua.switch.trunk import Trunk
from b2bua.switch.why_unanswered import why_unanswered
from b2bua.transport.endpoint import SipEndpoint
from media.engine import MediaEngine
from media.errors import MalformedSdp, MediaOverloaded, PortsExhausted, UnusableSdp
from media.statistics import LegStatistics

LOG: Final = logging.getLogger(__name__)


class IncomingLeg:
    """Answers one INVITE, follows its dialog, and hangs it up. `post` takes what the call should know.

    It holds a place on its trunk from the start. `over`: the caller has given up, or has been refused; `gone`: how it
    ended of its own, which a call that begins only then has still to be told.
    """

    leg: Final = Leg.A

    def __init__(
        self,
        call_id: str,
        trunk: Trunk,
        event: sip.IncomingInvite,
        *,
        endpoint: SipEndpoint,
        media: MediaEngine,
        usages: dict[int, SipUser],
    ) -> None:
        self.media_name = f"{call_id}/{self.leg}"
        self.trunk = trunk
        self.codec: str | None = None
        self.post: Callable[[CallEvent], None] = nobody
        self.over = False
        self.gone: CallEvent | None = None
        self.hindrance = ""  # what kept it from being opened, for people
        self._invite = event
        self._endpoint = endpoint
        self._media = media
        self._usages = usages
        self._usage: int | None = event.usage
        self._in_dialog = InDialog(self.media_name, endpoint, media, heard_at=event.source)
        self._answer_body = b""  # our answer to the INVITE's offer; b"" where it made none
        self._offered = False  # our offer has gone out
        self._described = False  # our answer has gone out in a provisional response
        self._why: HeaderLines = ()  # what a refusal of its offer says of it
        self._occupies = True
        usages[event.usage] = self

    @property
    def sip_call_id(self) -> str:
        """The Call-ID of its dialog."""
        return self._invite.request.call_id

    @property
    def has_offer(self) -> bool:
        """Whether its INVITE had an offer, so that it can hear something before the answer."""
        return bool(self._answer_body)

    def open(self) -> int | None:
        """Open the media leg for the INVITE's offer. Returns the status to refuse it with, None when it is fine."""
        request = self._invite.request
        offer = session_description(request.headers.get("Content-Type"), request.body)
        try:
            self._media.open_leg(self.media_name, self.trunk.media_profile_at(self._invite.source))
            self._in_dialog.media_open = True
            if offer:
                self._answer_body = self._media.answer_offer(self.media_name, offer)
                self.codec = self._media.codec(self.media_name)
        except (PortsExhausted, MediaOverloaded) as error:
            self.hindrance = str(error)
            return 503
        except MalformedSdp as error:
            self.hindrance = f"its offer: {error}"
            return 400
        except UnusableSdp as error:
            self.hindrance = f"its offer: {error}"
            self._why = not_acceptable(error)
            return 488
        return None

    def report_progress(self, status: int, with_media: bool) -> None:
        """Send a provisional response, `with_media` with our answer to the INVITE's offer.

        Where the INVITE made none, our own offer stands in the first that is acknowledged (RFC 3261 13.2.1, 3262 5).
        """
        body = self._answer_body if with_media else b""
        wanted = with_media or is_required(self._invite.request)
        if wanted and not self._answer_body and not self._offered and self._is_acknowledged():
            body = self._offer()
        self._endpoint.respond(self._invite.transaction, status, body=body, content_type=SDP if body else None)
        if body and not self._described:
            # Only the first tells the caller anything new, and each holds a door open behind NAT.
            self._described = True
            self._media.expect(self.media_name)

    def answer(self) -> None:
        """Answer with 200: with our answer, or where the INVITE made no offer with our own, full one, unless that has
        gone out before."""
        body = self._answer_body or (b"" if self._offered else self._offer())
        self._endpoint.respond(self._invite.transaction, 200, body=body, content_type=SDP if body else None)
        self._media.expect(self.media_name)

    @property
    def answer_waits(self) -> bool:
        """Whether a 200 would have to wait for the caller's PRACK; `AnswerSent` is posted when it has gone out."""
        return self._usage is not None and self._endpoint.answer_waits(self._usage)

    def _offer(self) -> bytes:
        self._offered = self._in_dialog.offer_open = True
        return self._media.offer(self.media_name)

    def _is_acknowledged(self) -> bool:
        """Whether a provisional response with a body goes out reliably."""
        return goes_reliably(self.trunk.policy, self._invite.request, has_body=True, wished=None)

    def refuse(self, status: int, headers: HeaderLines = ()) -> None:
        """Give it a final failure at once and let go of everything."""
        self.over = True
        self._endpoint.respond(self._invite.transaction, status, headers=(*headers, *self._why))
        self.close_media()

    def hang_up(self, reason: str | None, status: int = 480) -> None:
        """End the dialog in whatever state it is: `status` where the INVITE is unanswered."""
        self.over = True
        if self._usage is not None:
            self._endpoint.hang_up(self._usage, reason, status)

    def close_media(self) -> LegStatistics | None:
        """Free the media leg and the trunk's channel; statistics the first time, None after that."""
        if self._occupies:
            self._occupies = False
            self.trunk.give_back()
        if not self._in_dialog.media_open:
            return None
        self._in_dialog.media_open = False
        return self._media.close_leg(self.media_name)

    def media_lost(self) -> None:
        """Its party is silent."""
        self.post(happened.MediaSilent(self.leg))

    def part(self) -> None:
        """Let go of the call: it is settled, or nothing can come of the dialog any more. What is left of the dialog is
        the user agent's alone."""
        self.post = nobody
        if self._usage is not None:
            self._usages.pop(self._usage, None)

    def on_sip_event(self, event: sip.UserAgentEvent) -> None:
        """Take in what happened to the leg's dialog."""
        act = _ACTS.get(type(event))
        if act is not None:
            act(self, event)

    def _cancelled(self, event: sip.IncomingCancelled) -> None:
        """The INVITE has had its final response: by a CANCEL, because it was not to wait so long, or because
        nothing went on with the caller."""
        hung_up = event.cause in ("cancelled", "expired")
        self._end(happened.LegHungUp(self.leg, event.elsewhere) if hung_up else happened.LegLost(self.leg))

    def _answer_sent(self, _event: sip.HeldAnswerSent) -> None:
        self.post(happened.AnswerSent())

    def _bye_received(self, _event: sip.ByeReceived) -> None:
        """A BYE: the user agent has answered it, and the INVITE where that was open."""
        self._end(happened.LegHungUp(self.leg))

    def _end(self, how: CallEvent) -> None:
        self.over, self.gone = True, how
        self.post(how)

    def _dialog_lost(self, event: sip.DialogLost) -> None:
        why = why_unanswered(event.cause, stream=self._invite.source.reliable)
        LOG.warning("leg %s: the dialog is lost: %s", self.media_name, why)
        self.post(happened.LegLost(self.leg))

    def _request(self, event: sip.IncomingRequest) -> None:
        self._in_dialog.answer(event, self._pressed)

    def _ack_received(self, event: sip.AckReceived) -> None:
        """The answer to an offer of ours, in the ACK of our 200 or the PRACK of a provisional response."""
        problem = self._in_dialog.take_answer(event.body, event.content_type)
        if problem is not None and self.codec is None:
            self.hang_up(problem)
            self.post(happened.LegLost(self.leg))
        elif self._in_dialog.media_open:
            self.codec = self._media.codec(self.media_name)

    def _pressed(self, digit: InfoDigit, events_agreed: bool) -> None:
        self.post(
            happened.DigitPressed(self.leg, digit.digit, digit.duration_ms, happened.DigitWay.INFO, events_agreed)
        )

    def _refreshed(self, event: sip.SessionRefreshed) -> None:
        self._in_dialog.take_refreshed(event.body, event.content_type)

    def _usage_ended(self, event: sip.UsageEnded) -> None:
        self._usages.pop(event.usage, None)
        self._usage = None
        self.part()


_ACTS: Final[Mapping[type, Callable[..., None]]] = {
    sip.IncomingCancelled: IncomingLeg._cancelled,
    sip.HeldAnswerSent: IncomingLeg._answer_sent,
    sip.ByeReceived: IncomingLeg._bye_received,
    sip.DialogLost: IncomingLeg._dialog_lost,
    sip.IncomingRequest: IncomingLeg._request,
    sip.AckReceived: IncomingLeg._ack_received,
    sip.SessionRefreshed: IncomingLeg._refreshed,
    sip.UsageEnded: IncomingLeg._usage_ended,
}

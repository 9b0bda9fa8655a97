"""What a leg's peer asks for within its dialog. A changed session is answered on that leg alone (RFC 3261 14)."""

import logging
from collections.abc import Callable
from typing import Final

from b2bua.call.hangup import q850_reason
from b2bua.sip import events as sip
from b2bua.sip.bodies import SDP, session_description
from b2bua.sip.errors import SipError
from b2bua.sip.grammar import quote
from b2bua.sip.info_digits import InfoDigit, read_digit
from b2bua.sip.routing import TransportAddress
from b2bua.sip.settings import HeaderLines
from b2bua.transport.endpoint import SipEndpoint
from media.engine import MediaEngine
from media.errors import MediaError, UnusableSdp

LOG: Final = logging.getLogger(__name__)

UNUSABLE_ANSWER: Final = q850_reason(65)
NOT_TAKEN: Final = q850_reason(41)  # nothing is wrong with the answer: our media do not keep up
RETRY_AFTER_S: Final = 2

_NEGOTIATING: Final = ("INVITE", "UPDATE", "PRACK")

Pressed = Callable[[InfoDigit, bool], None]


def not_acceptable(problem: UnusableSdp) -> HeaderLines:
    """What a 488 says of why an offer is refused (RFC 3261 13.3.1.3, 14.2): words of ours, nothing of the offer's."""
    return (("Warning", f"399 maskbridge {quote(str(problem))}"),)


class InDialog:
    """Answers a leg's peer. `media_open`: whether the media leg `media_name` is there to negotiate for.

    `offer_open`: a 200 of ours made an offer, which its ACK has to answer. `heard_at`: where its last offer came from,
    or what asked for the last one of ours that it has answered; before that where it was called; None before both.
    """

    def __init__(
        self, media_name: str, endpoint: SipEndpoint, media: MediaEngine, heard_at: TransportAddress | None = None
    ) -> None:
        self.media_name = media_name
        self.media_open = False
        self.offer_open = False
        self.heard_at = heard_at
        self._asked_at = heard_at  # where the offer that is open was asked for from
        self._endpoint = endpoint
        self._media = media

    def answer(self, event: sip.IncomingRequest, pressed: Pressed, *, early: bool = False) -> bytes:
        """Answer a request: an offer by an answer, a re-INVITE without one by our full offer, anything else by 200.

        Returns the offer that was answered, so that what the session was before counts no more; b"" where none was.
        `early`: it is of a call of ours that is not answered, and other forks may still be heard. `pressed` is told of
        a digit in an INFO, and whether the leg has agreed to telephone-event; it is not kept, so that no leg refers to
        itself.
        """
        method = event.request.method
        offer = session_description(event.request.headers.get("Content-Type"), event.request.body)
        if method == "INFO":
            self._take_info(event, pressed)
        elif method not in _NEGOTIATING:
            self._endpoint.respond(event.transaction, 200)
        elif not self.media_open:
            self._endpoint.respond(event.transaction, 481)
        elif not offer:
            body = self._media.offer(self.media_name) if method == "INVITE" else b""
            if body:
                self.offer_open, self._asked_at = True, event.source
            self._endpoint.respond(event.transaction, 200, body=body, content_type=SDP if body else None)
        elif self._answer_offer(event, offer, early=early):
            return offer
        return b""

    def _take_info(self, event: sip.IncomingRequest, pressed: Pressed) -> None:
        """An INFO has no body, or one of the types that are taken: digits."""
        request = event.request
        digit = None
        try:
            if request.body and request.content_type is not None:
                digit = read_digit(request.content_type.essence, request.body)
        except SipError as error:
            self._endpoint.respond(event.transaction, error.status, reason=error.reason)
            return
        self._endpoint.respond(event.transaction, 200)
        if digit is not None and self.media_open:
            pressed(digit, self._media.takes_events(self.media_name))

    def _answer_offer(self, event: sip.IncomingRequest, offer: bytes, *, early: bool) -> bool:
        transaction = event.transaction
        elsewhere = self._is_elsewhere(event.source)
        try:
            answer = self._media.answer_offer(self.media_name, offer, early=early, elsewhere=elsewhere)
        except UnusableSdp as error:
            LOG.info("leg %s: a changed offer is refused: %s", self.media_name, error)
            self._endpoint.respond(transaction, 488, headers=not_acceptable(error))
            return False
        except MediaError as error:
            # Not 503, which some take for the whole of us; this says no more than: not now (RFC 3261 14.2, 21.5.1).
            LOG.error("leg %s: a changed offer cannot be answered now: %s", self.media_name, error)
            self._endpoint.respond(transaction, 500, headers=(("Retry-After", str(RETRY_AFTER_S)),))
            return False
        self.heard_at = event.source
        self._endpoint.respond(transaction, 200, body=answer, content_type=SDP)
        return True

    def take_answer(self, body: bytes, content_type: str | None) -> str | None:
        """Take the answer to an offer that our 200 made, as an ACK brings it. Returns the Reason to hang up with where
        it cannot be taken, None where all is well.

        The body of another ACK is no answer to anything (RFC 3261 13.2.1), and is passed over.
        """
        if not self.media_open or not self.offer_open:
            return None
        self.offer_open = False
        try:
            answer, elsewhere = session_description(content_type, body), self._is_elsewhere(self._asked_at)
            self._media.apply_answer(self.media_name, answer, elsewhere=elsewhere)
        except UnusableSdp as error:
            LOG.warning("leg %s: the answer in an ACK cannot be used: %s", self.media_name, error)
            return UNUSABLE_ANSWER
        except MediaError as error:
            LOG.error("leg %s: the answer in an ACK cannot be taken: %s", self.media_name, error)
            return NOT_TAKEN
        self.heard_at = self._asked_at
        return None

    def _is_elsewhere(self, source: TransportAddress | None) -> bool:
        """Whether the peer describes its media from another place than before."""
        before = self.heard_at
        return before is not None and (source is None or before.place != source.place)

    def take_refreshed(self, body: bytes, content_type: str | None) -> None:
        """Take the answer to a re-INVITE of ours that only refreshed the session: the peer's media may have moved.

        One that cannot be used leaves the media as they are: the peer is there, and both could hear each other so far.
        """
        answer = session_description(content_type, body)
        if not answer or not self.media_open:
            return
        try:
            self._media.apply_answer(self.media_name, answer, refreshes=True)
        except MediaError as error:
            LOG.warning("leg %s: the answer to a session refresh cannot be used: %s", self.media_name, error)

"""One leg of a call: its dialog on the SIP side and its media leg, translated into the call's events."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from b2bua.call import events as happened
from b2bua.call.events import CallEvent, FailureKind
from b2bua.call.failover import Onward, onward
from b2bua.call.identity import LegHeaders
from b2bua.call.model import Leg
from b2bua.config import Trunk as TrunkConfig
from b2bua.sip import events as sip
from b2bua.sip.bodies import SDP, session_description
from b2bua.sip.errors import SipError
from b2bua.sip.info_digits import InfoDigit
from b2bua.sip.message import Response
from b2bua.sip.routing import TransportAddress, bracketed
from b2bua.sip.sent_request import MAX_FORWARDS
from b2bua.sip.settings import OutgoingInvite
from b2bua.switch.call_leg import SipUser, nobody
from b2bua.switch.call_rate import Pacing, Turn
from b2bua.switch.hunting import Attempt, Hunt
from b2bua.switch.in_dialog import NOT_TAKEN, UNUSABLE_ANSWER, InDialog
from b2bua.switch.reasons import told_reason
from b2bua.switch.redirection import redirections
from b2bua.switch.trunk import Trunk
from b2bua.switch.trunks import Trunks
from b2bua.transport.endpoint import SipEndpoint
from media.engine import MediaEngine
from media.errors import MediaError, PortsExhausted, UnusableSdp
from media.leg import LegProfile
from media.statistics import LegStatistics

LOG: Final = logging.getLogger(__name__)

LONGEST_HOLD_OFF_S: Final = 300

_ABOUT_REQUESTS: Final = (sip.RequestAnswered, sip.RequestFailed)  # of no usage

RINGING: Final = 180
EARLY_DIALOG_ENDED: Final = 199  # RFC 6228: of one fork; a caller has one early dialog with us, which goes on

EARLY_ANSWERS: Final = 8  # early dialogs whose SDP is kept for an answer without one


@dataclass(frozen=True, slots=True)
class Relayed:
    """What is different about a leg that goes on with a call which came from a peer.

    `max_forwards`: what is left of the caller's. `tells_text`: the text of its Reason may be told to the caller.
    """

    max_forwards: int = MAX_FORWARDS
    tells_text: bool = False


class LegTask:
    """Dials one party, by one trunk after the other where that helps, follows its dialog, and hangs it up.

    `post` takes what the call should know, `note_trunk` the trunk that is tried, `note_usage` the usage of each INVITE.
    `headers_for` composes what a trunk is told. Only the newest attempt counts: what still comes of an earlier one is
    ended by the user agent.
    """

    def __init__(
        self,
        leg: Leg,
        call_id: str,
        hunt: Hunt,
        headers_for: Callable[[Trunk], LegHeaders],
        *,
        endpoint: SipEndpoint,
        media: MediaEngine,
        trunks: Trunks,
        pacing: Pacing,
        usages: dict[int, SipUser],
        relayed: Relayed = Relayed(),
    ) -> None:
        self.leg = leg
        self.media_name = f"{call_id}/{leg}"
        self.codec: str | None = None
        self.post: Callable[[CallEvent], None] = nobody
        self.note_trunk: Callable[[str], None] = _no_note
        self.note_usage: Callable[[int], None] = _no_note
        self._hunt = hunt
        self._headers_for = headers_for
        self._endpoint = endpoint
        self._media = media
        self._trunks = trunks
        self._pacing = pacing
        self._turn: Turn | None = None  # what the next INVITE waits for, where the trunk's call rate makes it wait
        self._usages = usages
        self._relayed = relayed
        self._in_dialog = InDialog(self.media_name, endpoint, media)
        self._usage: int | None = None
        self._destination: TransportAddress | None = None
        self._request_uri = ""  # what the newest attempt calls
        self._prefer: str | None = None
        self._rang = False
        self._rings_on = False  # 180 came after what there was to hear
        self._was_answered = False
        self._unwanted = False  # hung up: whatever comes, nobody else is tried
        self._early_answers: dict[str, bytes] = {}  # the SDP of each early dialog, by its To-tag
        self._changed: dict[str, bytes] = {}  # the offer by which an early dialog has changed its session since
        self._heard = ""  # the To-tag of the early dialog that the media follow
        self._profile: LegProfile | None = None  # what the media leg is open with
        self._offered = False  # to somebody, by the INVITE

    @property
    def trunk(self) -> Trunk:
        """The trunk that the newest attempt goes by."""
        return self._hunt.trunk

    def dial(self, prefer: str | None) -> FailureKind | None:
        """Send the first INVITE once the trunk's call rate allows it, `prefer` being the codec to offer first. Returns
        why it cannot be sent, or None."""
        self._prefer = prefer
        attempt = self._hunt.next()
        if attempt is None:
            self.note_trunk(self.trunk.name)
            return FailureKind.TRANSPORT
        return self._try(attempt)

    def _try(self, attempt: Attempt) -> FailureKind | None:
        """Make ready for an attempt and send its INVITE when its turn comes. Returns why that cannot be, or None."""
        self.note_trunk(attempt.trunk.name)
        self._destination = self._in_dialog.heard_at = attempt.destination
        try:
            self._open_media(attempt.trunk.media_profile_at(attempt.destination))
        except PortsExhausted as error:
            LOG.error("%s: leg %s of call %s cannot be dialled", error, self.leg, self.media_name)
            return FailureKind.CAPACITY
        self._turn = self._pacing.join(attempt.trunk, partial(self._turn_comes, attempt))
        if self._turn is None:
            self._send(attempt)
        return None

    def _turn_comes(self, attempt: Attempt) -> None:
        """The turn that an INVITE has waited for. Meanwhile its destination may have been found to be down."""
        self._turn = None
        if self._hunt.is_open(attempt):
            try:
                self._send(attempt)
            except (SipError, MediaError) as error:
                LOG.error("leg %s: the INVITE cannot be made: %s", self.media_name, error)
                self.post(happened.LegFailed(self.leg, FailureKind.CAPACITY))
        elif not self._go_on(Onward.NEXT, "down by now"):
            self.post(happened.LegFailed(self.leg, FailureKind.TRANSPORT))

    def _leave_line(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            self._pacing.leave(self.trunk, turn)

    def _send(self, attempt: Attempt) -> None:
        trunk, config = attempt.trunk, attempt.trunk.config
        headers = self._headers_for(trunk)
        self._early_answers.clear()
        self._changed.clear()
        self._request_uri = attempt.request_uri or headers.request_uri
        self._usage = self._endpoint.invite(
            OutgoingInvite(
                self._request_uri,
                headers.from_uri,
                headers.to_uri,
                attempt.destination,
                headers.from_display,
                headers.headers,
                self._media.offer(self.media_name, self._prefer),
                SDP,
                trunk.policy.credentials,
                _routes(config),
                float(config.invite_timeout_s),
                self._relayed.max_forwards,
                trunk.policy,
                self._hunt.large_destination(attempt),
            )
        )
        self._usages[self._usage] = self
        self.note_usage(self._usage)
        self._offered = True
        trunk.invites += 1

    def _open_media(self, profile: LegProfile) -> None:
        """Open the media leg, anew where an INVITE has gone out with the one that is open: whoever got that knows its
        keys and may send to its port, and is not who is asked now."""
        if self._profile == profile and not self._offered:
            return
        self._offered = False
        if self._profile is not None:
            self._profile = None
            self._in_dialog.media_open = False
            self._media.close_leg(self.media_name)
        self._media.open_leg(self.media_name, profile)
        self._profile = profile
        self._in_dialog.media_open = True

    def _failed(self, kind: FailureKind, status: int | None = None, reason: str | None = None) -> None:
        """An attempt has failed: make the next one where this failure says nothing of the callee, or tell of it.

        One that nothing came back to is not sent again once another is made.
        """
        failed, self._usage = self._usage, None
        step = onward(kind, status, self._rang)
        if not self._unwanted:
            trunk = self.trunk
            trunk.failures[_cause_class(kind, status)] += 1
            if step is not Onward.NOWHERE and self._go_on(step, str(status or kind)):
                trunk.failovers += 1
                if failed is not None:
                    self._endpoint.hang_up(failed)
                return
        self.post(happened.LegFailed(self.leg, kind, status, self._rang, reason))

    def _go_on(self, step: Onward, cause: str) -> bool:
        """Make the next attempt; False where there is none, or it cannot be made."""
        failed, failed_at = self.trunk, self._destination
        attempt = self._hunt.next(step)
        then = "nothing is left to try" if attempt is None else f"trying {attempt}"
        why = self._trunks.why(cause, failed_at)
        LOG.warning("leg %s: trunk %s at %s: %s; %s", self.media_name, failed.name, failed_at, why, then)
        if attempt is None:
            return False
        return self._make(attempt)

    def _follow(self, response: Response) -> bool:
        """Go where a 3xx sends the call, as far as the trunk's profile lets that be; False where it is a failure."""
        trunk = self.trunk
        if trunk.config.redirects != "follow" or self._unwanted or self._rang:
            return False
        if not self._hunt.redirect(self._request_uri, redirections(response, trunk, self._hunt.transport)):
            LOG.warning(
                "leg %s: trunk %s: %d leads away from the trunk, in a circle or too far, and is not followed",
                *(self.media_name, trunk.name, response.status),
            )
            return False
        self._usage = None
        attempt = self._hunt.next()
        if attempt is None:
            return False
        LOG.info("leg %s: trunk %s: %d, trying %s", self.media_name, trunk.name, response.status, attempt)
        return self._make(attempt)

    def _make(self, attempt: Attempt) -> bool:
        """Make an attempt after the first; False where it cannot be made."""
        try:
            return self._try(attempt) is None
        except (SipError, MediaError) as error:
            LOG.error("leg %s: the next attempt cannot be made: %s", self.media_name, error)
            return False

    def hang_up(self, reason: str | None, status: int = 487) -> None:
        """End the dialog in whatever state it is; no other attempt is made. `status` is for one that has called us."""
        self._unwanted = True
        self._leave_line()
        if self._usage is not None:
            self._endpoint.hang_up(self._usage, reason)

    def close_media(self) -> LegStatistics | None:
        """Free the media leg and the trunk's channel; statistics the first time, None after that."""
        self._unwanted = True
        self._leave_line()
        self._hunt.give_up()
        if self._profile is None:
            return None
        self._profile = None
        self._in_dialog.media_open = False
        return self._media.close_leg(self.media_name)

    def media_lost(self) -> None:
        """Nothing comes from it any more. Where it has said since that it rings, that is no fault: there is nothing to
        hear then but a ringback of ours or of the caller's phone (RFC 3960 3.2), and the ring timeout ends it."""
        if self._was_answered or not self._rings_on:
            self.post(happened.MediaSilent(self.leg))

    def part(self) -> None:
        """Let go of the call: it is settled, or nothing can come of the dialog any more. The two would keep each other
        alive until the garbage collector looks, and it would have to look often.

        A dialog that was answered is the user agent's alone from here: its transactions wait for retransmissions half
        a minute long, and no leg need wait with them. One that was not may still tell of its trunk.
        """
        self.post = nobody
        self.note_trunk = self.note_usage = _no_note
        if self._usage is not None and self._was_answered:
            self._usages.pop(self._usage, None)

    def on_sip_event(self, event: sip.UserAgentEvent) -> None:
        """Take in what happened to the leg's dialog."""
        if not isinstance(event, _ABOUT_REQUESTS) and event.usage != self._usage:
            self._of_earlier_attempt(event)
            return
        act = _ACTS.get(type(event))
        if act is not None:
            act(self, event)

    def _of_earlier_attempt(self, event: sip.UserAgentEvent) -> None:
        """What still comes of a dead attempt changes nothing: the user agent ends it by CANCEL, or by ACK and BYE."""
        if isinstance(event, sip.IncomingRequest):
            self._endpoint.respond(event.transaction, 481)
        elif isinstance(event, sip.UsageEnded):
            self._usages.pop(event.usage, None)

    def _provisional(self, event: sip.Provisional) -> None:
        self._trunks.alive(self.trunk, self._destination)
        self._rang = self._rang or 180 <= event.status <= 189
        answer = session_description(event.content_type, event.body)
        if answer and (event.to_tag in self._early_answers or len(self._early_answers) < EARLY_ANSWERS):
            self._early_answers[event.to_tag] = answer
        if event.status == EARLY_DIALOG_ENDED:
            return
        if answer and self._profile is not None and self.trunk.config.early_media == "relay":
            try:
                self._hear(event.to_tag, answer)
            except MediaError as error:
                LOG.info("leg %s: early media is not usable: %s", self.media_name, error)
            else:
                self._rang = True  # what A has heard is taken back for nobody else
                self._rings_on = False
                self.post(happened.LegEarlyMedia(self.leg, event.status))
                return
        self._rings_on = self._rings_on or event.status == RINGING
        rings = 180 <= event.status <= 189
        self.post((happened.LegRinging if rings else happened.LegProgressed)(self.leg, event.status))

    def _answered(self, event: sip.Answered) -> None:
        self._trunks.alive(self.trunk, self._destination)
        if self._profile is None:
            self.hang_up(None)
            return
        self._was_answered = True
        answer = session_description(event.response.headers.get("Content-Type"), event.body)
        try:
            self.codec = self._agree(answer, event.response.to_tag or "")
        except UnusableSdp as error:
            LOG.warning("leg %s: answered with an SDP that cannot be used: %s", self.media_name, error)
            self._answered_in_vain(FailureKind.MEDIA, event.status, UNUSABLE_ANSWER, str(error))
        except MediaError as error:
            LOG.error("leg %s: its answer cannot be taken: %s", self.media_name, error)
            self._answered_in_vain(FailureKind.CAPACITY, event.status, NOT_TAKEN, str(error))
        else:
            self.post(happened.LegAnswered(self.leg, event.status, self.codec))

    def _answered_in_vain(self, kind: FailureKind, status: int, reason: str, why: str) -> None:
        self.hang_up(reason)
        self.trunk.failures[_cause_class(kind, None)] += 1
        self.post(happened.LegFailed(self.leg, kind, status, self._rang, why=why))

    def _agree(self, answer: bytes, tag: str) -> str:
        """Take the answer of a 2xx, or without one that of its own early dialog, unless what was agreed there has been
        changed since: an UPDATE is taken only after a reliable answer, and any later one is ignored (RFC 3261 13.2.1).
        Returns the codec's name; raises UnusableSdp."""
        if tag in self._changed:
            self._hear(tag, b"")
            self._media.expect(self.media_name)
            agreed = self._media.codec(self.media_name)
            if agreed is not None:
                return agreed
        return self._media.apply_answer(self.media_name, answer or self._early_answers.get(tag, b"")).codec

    def _hear(self, tag: str, answer: bytes) -> None:
        """Let the media follow an early dialog: by its answer to the INVITE's offer, or by the offer that has changed
        its session since. Raises MediaError."""
        if tag not in self._changed:
            self.codec = self._media.apply_answer(self.media_name, answer, early=True).codec
        elif tag != self._heard:
            self._media.answer_offer(self.media_name, self._changed[tag], early=True)
        self._heard = tag

    def _rejected(self, event: sip.Rejected) -> None:
        self._trunks.alive(self.trunk, self._destination)
        if event.status == 503 and self._destination is not None:
            self._trunks.unavailable(self.trunk, self._destination, _hold_off_s(event.response))
        if 300 <= event.status <= 399 and self._follow(event.response):
            return
        reason = told_reason(event.response, with_text=self._relayed.tells_text)
        self._failed(FailureKind.RESPONSE, event.status, reason)

    def _moved(self, event: sip.InviteMoved) -> None:
        """The INVITE goes elsewhere for its size: what comes of it is said of that destination, and of no other."""
        if event.undelivered is not None:
            self._trunks.unanswered(self.trunk, event.undelivered, "transport")
        self._destination = self._in_dialog.heard_at = event.destination
        self._hunt.went_to(event.destination)

    def _no_response(self, event: sip.NoResponse) -> None:
        if event.cause == "limit":  # ours: the table of transactions is full
            self._failed(FailureKind.CAPACITY)
            return
        if self._destination is not None and not self._unwanted and not self._rang:
            self._trunks.unanswered(self.trunk, self._destination, event.cause)
        self._failed(FailureKind.TRANSPORT if event.cause == "transport" else FailureKind.NO_RESPONSE)

    def _bye_received(self, _event: sip.ByeReceived) -> None:
        self.post(happened.LegHungUp(self.leg))

    def _dialog_lost(self, event: sip.DialogLost) -> None:
        why = self._trunks.why(event.cause, self._destination)
        LOG.warning("leg %s: the dialog is lost: %s", self.media_name, why)
        self.post(happened.LegLost(self.leg))

    def _usage_ended(self, event: sip.UsageEnded) -> None:
        self._usages.pop(event.usage, None)
        self._usage = None
        self.part()

    def _request(self, event: sip.IncomingRequest) -> None:
        early = not self._was_answered
        offer = self._in_dialog.answer(event, self._pressed, early=early)
        if offer and early:
            self._heard = event.request.from_tag or ""
            self._changed[self._heard] = offer

    def _ack_received(self, event: sip.AckReceived) -> None:
        self._in_dialog.take_answer(event.body, event.content_type)

    def _pressed(self, digit: InfoDigit, events_agreed: bool) -> None:
        self.post(
            happened.DigitPressed(self.leg, digit.digit, digit.duration_ms, happened.DigitWay.INFO, events_agreed)
        )

    def _refreshed(self, event: sip.SessionRefreshed) -> None:
        self._in_dialog.take_refreshed(event.body, event.content_type)


def _no_note(_what: object) -> None:
    """Who takes note when there is no call."""


def _routes(config: TrunkConfig) -> tuple[str, ...]:
    """The Route values of an INVITE (RFC 3261 8.1.2): the outbound proxy, where the profile wants it named."""
    proxy = config.outbound_proxy
    if proxy is None or not config.outbound_proxy_route:
        return ()
    transport = "" if proxy.transport == "udp" else f";transport={proxy.transport}"
    port = f":{proxy.port}" if proxy.port_given else ""  # a name without one is where DNS says, at its port there
    return (f"<sip:{bracketed(proxy.host)}{port}{transport};lr>",)


def _cause_class(kind: FailureKind, status: int | None) -> str:
    """What an attempt failed of, as it is counted: the kind, or the class of the response, 503 by itself, and
    challenges that we cannot meet, which are no word of the callee's as the rest of 4xx mostly are."""
    if kind is not FailureKind.RESPONSE or status is None:
        return kind.value
    if status in (401, 407):
        return "credentials"
    return "503" if status == 503 else f"{status // 100}xx"


def _hold_off_s(response: Response) -> int | None:
    """How long a 503 asks to be left alone (RFC 3261 21.5.4), at most `LONGEST_HOLD_OFF_S`; None: it does not say."""
    asked_s = response.retry_after_s
    return None if asked_s is None else min(asked_s, LONGEST_HOLD_OFF_S)


_ACTS: Final[Mapping[type, Callable[..., None]]] = {
    sip.Provisional: LegTask._provisional,
    sip.Answered: LegTask._answered,
    sip.Rejected: LegTask._rejected,
    sip.InviteMoved: LegTask._moved,
    sip.NoResponse: LegTask._no_response,
    sip.ByeReceived: LegTask._bye_received,
    sip.DialogLost: LegTask._dialog_lost,
    sip.UsageEnded: LegTask._usage_ended,
    sip.IncomingRequest: LegTask._request,
    sip.AckReceived: LegTask._ack_received,
    sip.SessionRefreshed: LegTask._refreshed,
}

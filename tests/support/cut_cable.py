"""A line of one leg that is cut at a given message, and may heal."""

from b2bua.sip.errors import MalformedMessage
from b2bua.sip.message import Request
from b2bua.sip.parser import parse_message
from b2bua.sip.routing import TransportAddress
from tests.support.fault_course import Course
from tests.support.house import OURS
from tests.support.scripted_phone import ALICE


class Cable:
    """The line of one leg, which is cut as a SIP message is about to go through it, and may heal.

    `at`: how many of the leg's messages get through before. `direction`: "both", or "to" or "from" the phone alone.
    The phone's media are cut with it.
    """

    def __init__(
        self, course: Course, leg: str, at: int, *, heals_after_s: float | None = None, direction: str = "both"
    ) -> None:
        self.phone = course.house.alice if leg == "a" else course.house.bob
        self.passed = 0
        self.cut_at: float | None = None
        self._course = course
        self._leg = leg
        self._at = at
        self._heals_after_s = heals_after_s
        self._direction = direction
        self._legs: dict[str, str] = {}
        course.house.network.gate = self._signalling
        course.house.media_network.gate = self._media

    @property
    def is_cut(self) -> bool:
        """Whether nothing gets through now."""
        if self.cut_at is None:
            return False
        healed_at = None if self._heals_after_s is None else self.cut_at + self._heals_after_s
        return healed_at is None or self._course.house.clock.time() < healed_at

    def _signalling(self, content: bytes, source: TransportAddress, destination: TransportAddress) -> bool:
        if self._leg_of(content, source) != self._leg:
            return True
        if self.cut_at is None and self.passed >= self._at:
            self.cut_at = self._course.house.clock.time()
        blocks = self._direction == "both" or (source == OURS) == (self._direction == "to")
        if self.is_cut and blocks:
            return False
        self.passed += 1
        return True

    def _media(self, _content: bytes, source: TransportAddress, destination: TransportAddress) -> bool:
        host = self.phone.persona.media_host
        if not self.is_cut or host not in (source.host, destination.host):
            return True
        return self._direction != "both" and (destination.host == host) != (self._direction == "to")

    def _leg_of(self, content: bytes, source: TransportAddress) -> str:
        try:
            message = parse_message(content)
        except MalformedMessage:
            return ""
        known = self._legs.get(message.call_id)
        if known is None and isinstance(message, Request) and message.method == "INVITE":
            calls_a = source != OURS or (message.uri.user or "").endswith(ALICE.number)
            known = self._legs[message.call_id] = "a" if calls_a else "b"
        return known or ""

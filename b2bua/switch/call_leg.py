"""A leg of a call as the rest of the switch sees it, whether we call its party or it has called us."""

from collections.abc import Callable
from typing import Protocol

from b2bua.call.events import CallEvent
from b2bua.sip import events as sip
from b2bua.switch.trunk import Trunk
from media.statistics import LegStatistics


class SipUser(Protocol):
    """Whoever a usage of the user agent belongs to."""

    def on_sip_event(self, event: sip.UserAgentEvent) -> None:
        """Take in what happened to the usage."""
        ...


class CallLeg(SipUser, Protocol):
    """One party's dialog and media leg. What the call should know of it goes to `post`."""

    media_name: str
    codec: str | None
    post: Callable[[CallEvent], None]

    @property
    def trunk(self) -> Trunk:
        """The trunk that it goes by."""
        ...

    def hang_up(self, reason: str | None, status: int = 480) -> None:
        """End the dialog in whatever state it is; `status` is the final response of one that waits for ours."""
        ...

    def close_media(self) -> LegStatistics | None:
        """Free the media leg and the trunk's channel; statistics the first time, None after that."""
        ...

    def media_lost(self) -> None:
        """Nothing has come from its party for as long as the media wait for it."""
        ...

    def part(self) -> None:
        """Let go of the call: it is settled, or nothing can come of the dialog any more."""
        ...


def nobody(_event: CallEvent) -> None:
    """Who is told when there is no call."""

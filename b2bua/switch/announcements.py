"""What callers hear who are not connected to anyone: an announcement before the answer, then a final response."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Final

from b2bua.alarm import Alarm, Scheduler
from b2bua.call.events import CallEvent, LegHungUp, LegLost
from b2bua.switch.incoming_leg import IncomingLeg
from media.engine import MediaEngine
from media.errors import MediaError

LOG: Final = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 32  # announcements; one more caller gets the final response at once
# An announcement whose end is never told is ended all the same.
LONGEST_S: Final = 20.0
GRACE_S: Final = 5.0  # beyond one of the operator's own that is longer
PROMPT: Final = "unknown_caller"
FINAL_STATUS: Final = 403
FINAL_REASON: Final = 'Q.850;cause=21;text="Call rejected"'


@dataclass(slots=True)
class _Announcement:
    leg: IncomingLeg
    limit: Alarm


class Announcements:
    """Plays to callers in 183 with SDP, so that nobody is charged, then refuses them."""

    def __init__(self, media: MediaEngine, scheduler: Scheduler) -> None:
        self._media = media
        self._scheduler = scheduler
        self._playing: dict[str, _Announcement] = {}
        self._over = False

    def __len__(self) -> int:
        """How many are being played."""
        return len(self._playing)

    def begin(self, leg: IncomingLeg) -> None:
        """Let a caller hear why, and refuse it then; at once where it cannot hear anything before the answer."""
        if self._over or leg.over or not leg.has_offer or len(self._playing) >= MOST_AT_ONCE:
            self._refuse(leg)
            return
        name = leg.media_name
        limit = Alarm(self._scheduler, partial(self.finished, name))
        limit.set(self._scheduler.time() + max(LONGEST_S, (self._media.lasts_s(PROMPT) or 0.0) + GRACE_S))
        self._playing[name] = _Announcement(leg, limit)
        leg.post = partial(self._happened, name)
        leg.report_progress(183, with_media=True)
        try:
            self._media.play(name, PROMPT)
        except MediaError as error:
            LOG.error("leg %s: an announcement cannot be played: %s", name, error)
            self.finished(name)

    def finished(self, media_name: str) -> None:
        """What was played to a leg is over; nothing where it is no announcement."""
        playing = self._playing.pop(media_name, None)
        if playing is not None:
            playing.limit.clear()
            self._refuse(playing.leg)

    def end_all(self) -> None:
        """Refuse everyone now, and at once whoever comes after: no calls are taken any more."""
        self._over = True
        for name in tuple(self._playing):
            self.finished(name)

    def _happened(self, media_name: str, event: CallEvent) -> None:
        if isinstance(event, (LegHungUp, LegLost)):
            self.finished(media_name)

    def _refuse(self, leg: IncomingLeg) -> None:
        leg.hang_up(FINAL_REASON, FINAL_STATUS)
        leg.close_media()
        leg.part()

"""What traffic says of one destination of a trunk: whether it answers, and from when on it may be asked again."""

from dataclasses import dataclass
from typing import Final

UNANSWERED_CALLS_TO_DOWN: Final = 3
FAILED_PROBES_TO_DOWN: Final = 2
BACK_OFF_FIRST_S: Final = 30.0
BACK_OFF_LONGEST_S: Final = 300.0
SECOND_CHOICE_S: Final = 5.0
ASKED_TO_BE_LEFT_ALONE: Final = "asked to be left alone (503 Retry-After)"


@dataclass(slots=True, eq=False)
class Health:
    """Of one destination. Moments are monotonic seconds.

    `silent`: two OPTIONS in a row got nothing, or one a refusal. `held_until`: the end of the Retry-After of its last
    503. `down_until`: calls got no answer, and until then not even a trial is made. `second_choice_until`: it gave a
    503 that says no time, and others are asked before it.
    """

    unanswered_calls: int = 0
    failed_probes: int = 0
    silent: bool = False
    back_off_s: float = BACK_OFF_FIRST_S
    held_until: float = 0.0
    down_until: float = 0.0
    second_choice_until: float = 0.0

    def open(self, now: float) -> bool:
        """Whether a call may be sent to it."""
        return not self.silent and now >= self.held_until and now >= self.down_until

    def reason(self, now: float) -> str:
        """Why it is not open."""
        if now < self.held_until:
            return ASKED_TO_BE_LEFT_ALONE
        return "calls unanswered" if now < self.down_until else "OPTIONS unanswered"

    def answered(self) -> None:
        """A response of any kind came from it: it works. What a 503 asked for stays."""
        self.failed_probes = 0
        self.silent = False
        self.unanswered_calls = 0
        self.down_until = 0.0
        self.back_off_s = BACK_OFF_FIRST_S

    def probe_failed(self, *, for_sure: bool) -> None:
        """An OPTIONS got nothing, and the second in a row says that it is silent; or it got a refusal, which says so
        for sure."""
        self.failed_probes = FAILED_PROBES_TO_DOWN if for_sure else self.failed_probes + 1
        self.silent = self.failed_probes >= FAILED_PROBES_TO_DOWN

    def unanswered(self, now: float) -> bool:
        """A call got no answer, or could not be sent; True where that takes the destination down.

        From the third in a row on it is left alone, for a time that doubles with each trial in vain.
        """
        self.unanswered_calls += 1
        if self.unanswered_calls < UNANSWERED_CALLS_TO_DOWN or now < self.down_until:
            return False
        self.down_until = now + self.back_off_s
        self.back_off_s = min(2 * self.back_off_s, BACK_OFF_LONGEST_S)
        return True

    def held_off(self, now: float, seconds: float) -> None:
        """Its 503 asks to be left alone so long (RFC 3261 21.5.4)."""
        self.held_until = max(self.held_until, now + seconds)

    def overloaded(self, now: float) -> None:
        """Its 503 says no time."""
        self.second_choice_until = now + SECOND_CHOICE_S

    def asked_before(self, earlier: "Health") -> None:
        """Let hold what the same place has asked for when somebody else was expected there. Whether it answers does
        not: it may have failed of who was expected."""
        self.held_until = max(self.held_until, earlier.held_until)
        self.second_choice_until = max(self.second_choice_until, earlier.second_choice_until)

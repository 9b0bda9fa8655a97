"""Calls in which anything happens at any time, drawn from a seed."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from b2bua.call.events import HangupRequested
from b2bua.sip.errors import SipError
from tests.support.cut_cable import Cable
from tests.support.fault_course import Course
from tests.support.lossy_network import Conditions
from tests.support.scripted_phone import Phone, answers, rejects
from tests.support.seeded_tokens import SeededTokens


class Chances:
    """What happens in a call, and when, drawn from a seed: answers, hang-ups of either party and over the API,
    re-INVITEs, a line that is bad, and one that is cut for a while."""

    def __init__(self, course: Course, seed: str) -> None:
        self.course = course
        self.log: list[str] = []
        self._chance = SeededTokens(f"{seed} chances")

    def _happens(self, probability: float) -> bool:
        return self._chance.fraction() < probability

    def _within(self, seconds: float) -> float:
        return seconds * self._chance.fraction()

    def _pick(self, *choices: Any) -> Any:
        return choices[int(self._chance.fraction() * len(choices))]

    def _at(self, seconds: float, word: str, act: Callable[[], object]) -> None:
        self.log.append(f"{seconds:.2f} {word}")
        self.course.house.clock.call_later(seconds, act)

    def arrange(self) -> None:
        """Set up all that is going to happen."""
        house = self.course.house
        house.network.conditions = Conditions(
            loss=self._pick(0.0, 0.05, 0.2, 0.4),
            duplication=self._pick(0.0, 0.2),
            delay_s=self._pick(0.0, 0.05, 0.2),
            jitter_s=self._pick(0.0, 0.1, 0.6),
        )
        self.log.append(str(house.network.conditions))
        for phone in (house.alice, house.bob):
            phone.on_invite = self._answering()
        if self._happens(0.4):
            leg, at, heals_after_s = self._pick("a", "b"), int(self._within(10)), self._within(30.0)
            direction = self._pick("both", "to", "from")
            Cable(self.course, leg, at, heals_after_s=heals_after_s, direction=direction)
            self.log.append(f"cut of {leg} at message {at} {direction} for {heals_after_s:.2f} s")
        for phone in (house.alice, house.bob):
            if self._happens(0.6):
                self._at(self._within(20.0), f"{phone.persona.word} hangs up", partial(self._hang_up, phone))
            if self._happens(0.3):
                self._at(self._within(20.0), f"{phone.persona.word} re-INVITEs", partial(self._reinvite, phone))
        if self._happens(0.3):
            self._at(self._within(20.0), "hung up over the API", self._hang_up_over_api)

    def _answering(self) -> Any:
        after_s, early = self._within(6.0), self._happens(0.3)
        ringing = self._pick(None, 180, 183)
        if self._happens(0.2):
            return rejects(self._pick(486, 480, 603, 500, 503), after_s=after_s, ringing=self._happens(0.5))
        return answers(after_s, ringing=ringing, early=early)

    def _hang_up(self, phone: Phone) -> None:
        if phone.usage is not None:
            phone.hang_up()

    def _reinvite(self, phone: Phone) -> None:
        if any(
            usage.number == phone.usage and usage.state == "confirmed"
            for usage in phone.user_agent._station.usages.values()
        ):
            with suppress(SipError):
                phone.reinvite(phone.persona.sdp(direction=self._pick("sendonly", "sendrecv"), version=2))

    def _hang_up_over_api(self) -> None:
        for task in tuple(self.course.house.switch._calls.values()):
            task.post(HangupRequested())

    async def play(self) -> None:
        """Let it all happen; whoever is still there at the end hangs up."""
        course, house = self.course, self.course.house
        await course.begin()
        house.alice.speak(5.0)
        house.bob.speak(5.0)
        await house.run(40.0)
        for phone in (house.alice, house.bob):
            self._hang_up(phone)
        await house.until(lambda: course.is_over, 400.0)
        await course.rest()

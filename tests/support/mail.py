"""A post office that keeps what it is given, and refuses it when it is told to."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from control_api.mail.letters import Letter


@dataclass
class Letterbox:
    """A carrier. `troubles`: what is raised instead, one at each attempt."""

    letters: list[Letter] = field(default_factory=list)
    troubles: Iterator[Exception] = field(default_factory=lambda: iter(()))

    async def carry(self, letter: Letter) -> None:
        """Keep it."""
        trouble = next(self.troubles, None)
        if trouble is not None:
            raise trouble
        self.letters.append(letter)


@dataclass
class Pauses:
    """Waits that are over at once."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)

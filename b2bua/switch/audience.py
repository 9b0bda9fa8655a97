"""Who hears live calls beside the parties: the call as they see it, and how they are told of its steps."""

from typing import Protocol

from b2bua.call.model import StreamWish
from b2bua.switch.trace_steps import Told
from media.forking.forks import Ear, HeardFrame, Take

__all__ = ["Audience", "Ear", "Everyone", "HeardCall", "HeardFrame", "Take", "Told"]


class HeardCall(Protocol):
    """A live call; `b2bua.switch.call_task.CallTask` satisfies it."""

    @property
    def call_id(self) -> str:
        """The call's id."""
        ...

    @property
    def org_id(self) -> str:
        """Whose call it is; "": nobody's."""
        ...

    @property
    def reference(self) -> str | None:
        """The organisation's own name for it."""
        ...

    @property
    def stream(self) -> StreamWish | None:
        """Where the call itself wants to be streamed."""
        ...

    def listen_in(self, rate_hz: int, take: Take) -> Ear:
        """Hear both parties from now on, silence while the recording is paused. `take` gets a frame every 20 ms, on the
        event loop, of little-endian 16-bit samples. Raises NotConnected, CapacityExhausted."""
        ...

    def listen_no_more(self, ear: Ear) -> None:
        """Hear it no more; harmless when the call is over."""
        ...


class Everyone:
    """Several audiences, told one after the other."""

    def __init__(self, *audiences: "Audience") -> None:
        self._audiences = audiences

    def add(self, audience: "Audience") -> None:
        """One more, told last."""
        self._audiences = (*self._audiences, audience)

    def told(self, call: HeardCall, step: Told) -> None:
        """A step, to each of them."""
        for audience in self._audiences:
            audience.told(call, step)


class Audience(Protocol):
    """Is told of every step of every live call, on the event loop; returns at once."""

    def told(self, call: HeardCall, step: Told) -> None:
        """A step, in the words of the trace, just before it is carried out."""
        ...

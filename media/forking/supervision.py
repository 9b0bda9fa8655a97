"""The supervisors of one call: who hears it, and for which party somebody speaks over the other's audio now.

A direction is taken off the plain relay only while somebody may be heard in it: its audio goes through here then.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

from media.codecs.linear import mixed
from media.codecs.speech import NARROW_HZ
from media.errors import MediaError, UnknownLeg
from media.forking.seats import Seat
from media.forking.voice_over import VoiceOver
from media.packet_path.converter import Converter
from media.packet_path.repacketiser import Frame
from media.transcoding.conversion import Target
from media.transcoding.packets import ConversionQueue

SEATS_PER_CALL: Final = 4
# What the packet path had no room for is asked of it again after so long.
_ASK_AGAIN_S: Final = 0.2

Heard = dict[int, list[bytes | None]]
"""What A and B say, by sample rate, in the machine's byte order."""


class Diversion(Protocol):
    """What is needed of `media.conversions.JoinedStreams`."""

    def divert(self, source: int, converter: Converter) -> tuple[int, Target] | None:
        """Hand all audio of a stream to a converter; what stream it goes to and what that takes, None where it goes
        nowhere."""
        ...

    def restore(self, source: int) -> None:
        """Let it go its way again; harmless when it does. MediaError: it does not yet."""
        ...


class _Direction:
    """One party's audio on its way to the other. `wanted` and `ask_at` are the thread's; the rest is set on the loop's
    thread. `diverted`: it goes through here, or into nothing where the packet path has not let it go yet."""

    __slots__ = ("ask_at", "diverted", "over", "queue", "sink", "wanted")

    def __init__(self) -> None:
        self.wanted = False
        self.ask_at = 0.0
        self.diverted = False
        self.over: VoiceOver | None = None
        self.queue: ConversionQueue | None = None
        self.sink = 0


class Supervision:
    """Of one call. `seats` is replaced, not changed, on the loop's thread; `turn` is called on that of `Forks`."""

    def __init__(
        self,
        streams: tuple[int, int],
        diversion: Diversion,
        new_queue: Callable[[], ConversionQueue],
        send_audio: Callable[[int, int, int, Sequence[Frame]], None],
        post: Callable[[Callable[[], None]], object],
        let_go: Callable[[], None],
    ) -> None:
        """`let_go`: told, on the loop's thread, once it has ended and left the call as it was, if not in `end`."""
        self.seats: tuple[Seat, ...] = ()
        self._streams = streams
        self._diversion = diversion
        self._new_queue = new_queue
        self._send_audio = send_audio
        self._post = post
        self._let_go = let_go
        # By whom the audio is for: to A, to B.
        self._directions = _Direction(), _Direction()
        self._over = False

    @property
    def is_over(self) -> bool:
        """Whether it has ended and the parties' audio goes its own way again."""
        return self._over and not any(direction.diverted for direction in self._directions)

    def take_on(self, seat: Seat) -> None:
        """One supervisor more, though it may have ended before. On the loop's thread."""
        self._over = False
        self.seats = (*self.seats, seat)

    @property
    def rates_hz(self) -> set[int]:
        """At which rates the parties' audio is wanted."""
        rates = {NARROW_HZ} if self.seats else set()
        for direction in self._directions:
            over = direction.over
            if over is not None:
                rates.add(over.rate_hz)
        return rates

    def settled(self) -> None:
        """A leg may take another codec now. On the loop's thread."""
        for channel, direction in enumerate(self._directions):
            if direction.over is not None:
                self._begin(channel)

    def end(self) -> None:
        """The call is over, or its last supervisor has left. On the loop's thread."""
        self._over = True
        self.seats = ()
        for channel in (0, 1):
            self._end(channel)

    def turn(self, heard: Heard, at: float) -> None:
        """20 ms of the call."""
        seats = self.seats
        speeches = [(seat, seat.speech(at)) for seat in seats]
        for channel, direction in enumerate(self._directions):
            speakers = [speech for seat, speech in speeches if seat.speaks_to(channel, at)]
            self._ask(channel, direction, bool(speakers), at)
            self._mix(channel, direction, speakers, heard)
        narrow = heard.get(NARROW_HZ)
        if narrow is not None:
            for seat in seats:
                seat.hear(*narrow)

    def _ask(self, channel: int, direction: _Direction, wanted: bool, at: float) -> None:
        """Have a direction changed where that is wanted, or has been and did not come about."""
        amiss = direction.over is None if wanted else direction.diverted
        if wanted is not direction.wanted or (amiss and at >= direction.ask_at):
            direction.wanted = wanted
            direction.ask_at = at + _ASK_AGAIN_S
            self._post(partial(self._change, channel, wanted))

    def _mix(self, channel: int, direction: _Direction, speakers: Sequence[bytes | None], heard: Heard) -> None:
        over, queue = direction.over, direction.queue
        if over is None or queue is None:
            return
        queue.take()  # the same audio has come by the fork
        both = heard.get(over.rate_hz)
        if both is None:
            return
        speech: bytes | None = None
        for one in speakers:
            if one is not None:
                speech = one if speech is None else mixed(speech, one)
        frames = over.put(both[1 - channel], speech)
        if frames:
            self._send_audio(direction.sink, self._streams[1 - channel], over.codec, frames)

    def _change(self, channel: int, wanted: bool) -> None:
        """What the thread has asked for. Once it is over, nothing is diverted any more."""
        if not wanted:
            self._end(channel)
            if self.is_over:
                self._let_go()
        elif not self._over and self._directions[channel].over is None:
            self._begin(channel)

    def _begin(self, channel: int) -> None:
        direction = self._directions[channel]
        try:
            queue = direction.queue or self._new_queue()
            diverted = self._diversion.divert(self._streams[1 - channel], queue)
        except MediaError:
            return  # the packet path does not keep up: the party hears the other as ever until it is asked again
        if diverted is None:
            self._end(channel)
            return
        direction.sink, target = diverted
        direction.queue, direction.over, direction.diverted = queue, VoiceOver(target), True

    def _end(self, channel: int) -> None:
        direction = self._directions[channel]
        direction.over = direction.queue = None
        try:
            self._diversion.restore(self._streams[1 - channel])
        except UnknownLeg:
            direction.diverted = False  # it is no more
        except MediaError:
            return  # it is asked again
        else:
            direction.diverted = False

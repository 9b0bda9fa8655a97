"""Hard case 16: the recording is as long as the talk, and what was said lies where it was said."""

from array import array
from itertools import pairwise

import pytest

from media.recording.tap import QueueTap
from media.recording.timeline import Timeline
from tests.support.relay_bed import Party, RelayBed
from tests.support.seeded_tokens import SeededTokens

TALK_S = 60
RATE_HZ = 8000
# Each second of talk begins with so much that is loud.
LOUD_S = 0.2


class Talk:
    """A bridged call being recorded, on a network with jitter. Packets of each party may have their own length."""

    def __init__(self, ptimes_ms: tuple[int, int], loss: float) -> None:
        self.dice = SeededTokens("sixteen")
        self.bed = RelayBed()
        self.parties = tuple(
            self.bed.party(leg, ptime_ms=ptime_ms) for leg, ptime_ms in zip("ab", ptimes_ms, strict=True)
        )
        self.ptimes_ms = ptimes_ms
        self.loss = loss
        first, second = self.parties
        self.bed.table.bridge(first.stream, second.stream, self.bed.now)
        self.began = self.bed.now
        self.tap = QueueTap()
        self.timeline = Timeline(self.began)
        for channel, party in enumerate(self.parties):
            party.timestamp = 1_000_000 * channel
            self.bed.table.set_tap(party.stream, channel, self.tap)
        self.pcm = bytearray()

    def talk(self, until_s: float, silent: Party | None = None) -> None:
        """Both speak, but for one; a turn of the recorder after every 10 ms of it."""
        while (elapsed_ms := round((self.bed.now - self.began) * 1000)) < until_s * 1000:
            for party, ptime_ms in zip(self.parties, self.ptimes_ms, strict=True):
                if elapsed_ms % ptime_ms == 0 and party is not silent:
                    self._say(party, elapsed_ms, ptime_ms * 8)
            self.bed.run(0.010, step_s=0.010)
            for packet in self.tap.take():
                self.timeline.put(*packet)
            self.pcm += self.timeline.drain(self.bed.now)

    def _say(self, party: Party, elapsed_ms: int, samples: int) -> None:
        loud = elapsed_ms % 1000 < LOUD_S * 1000
        if self.dice.integer(10) / 1024 < self.loss and not loud:
            party.sequence += 1
            party.timestamp += samples
            return
        at, self.bed.now = self.bed.now, self.bed.now + self.dice.integer(10) / 1024 * 0.004
        party.send((b"\x2a" if loud else b"\xd5") * samples)
        self.bed.now = at

    def finish(self) -> "tuple[array[int], array[int]]":
        """The samples of both channels."""
        for chunk in self.timeline.finish(self.bed.now):
            self.pcm += chunk
        samples = array("h", bytes(self.pcm))
        return samples[0::2], samples[1::2]


def bursts(samples: "array[int]") -> list[float]:
    """When something loud began, in seconds."""
    loud = [max(map(abs, samples[at : at + 80])) > 1000 for at in range(0, len(samples) - 79, 80)]
    return [at / 100 for at, (before, now) in enumerate(pairwise([False, *loud])) if now and not before]


@pytest.mark.parametrize("ptimes_ms", [(20, 20), (40, 20), (40, 40), (10, 40)])
@pytest.mark.parametrize("loss", [0.0, 0.02])
def test_trunk_case_16_length_and_places_through_loss_hold_and_a_new_source(
    ptimes_ms: tuple[int, int], loss: float
) -> None:
    talk = Talk(ptimes_ms, loss)
    a, b = talk.parties
    talk.talk(20)
    talk.bed.connect(a, may_send=False, on_hold=True, renewed=False, may_receive=False, ptime_ms=ptimes_ms[0])
    talk.talk(30, silent=a)
    talk.bed.connect(a, renewed=False, ptime_ms=ptimes_ms[0])
    # A's clock stood still in the hold; B's source is replaced, as by a transfer in its network.
    talk.talk(40)
    b.ssrc, b.sequence, b.timestamp = 0x1234, 60_000, 0xFFFF0000
    talk.talk(TALK_S)
    left, right = talk.finish()
    for samples in (left, right):
        assert abs(len(samples) / RATE_HZ - TALK_S) <= 0.020
    assert bursts(right) == pytest.approx(list(range(TALK_S)), abs=0.020)
    assert bursts(left) == pytest.approx([*range(20), *range(30, TALK_S)], abs=0.020)
    assert talk.tap.gap_frames == 0

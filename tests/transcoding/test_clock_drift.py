"""Two hours of a party whose clock runs 200 ppm fast or slow: nothing that waits grows, nothing is cut or added."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from media.codecs.opus import NO_WISHES
from media.codecs.speech import frame_bytes, new_encoder
from media.codecs.table import BY_NUMBER, OPUS, PCMA, PCMU
from media.packet_path.repacketiser import Frame
from media.transcoding.conversion import Conversion, Target
from media.transcoding.packets import Packet
from tests.support.relay_bed import RelayBed
from tests.support.spectrum import sine

HOURS_S = 2 * 3600
PTIME_MS = 60
# The last frame of 20 ms of such a packet begins 40 ms into it.
LAST_FRAME = 320


def packets(codec: int, ppm: float, *, talk: int, pause: int) -> Iterator[Packet]:
    """The party's packets, `talk` of them and then a pause as long as `pause` of them, as they come by our clock."""
    encoder = new_encoder(codec, 8000, NO_WISHES)
    ticks = BY_NUMBER[codec].clock_rate_hz * PTIME_MS // 1000
    payload = encoder.encode(sine(400, 8000, frame_bytes(codec, PTIME_MS, 8000) // 2))
    nothing = payload[:1]
    sequence = 0
    for index in range(HOURS_S * 1000 // PTIME_MS):
        place = index % (talk + pause)
        if place >= talk and not (codec == OPUS and place == talk):
            continue
        arrival = index * PTIME_MS / 1000 / (1 + ppm / 1e6)
        yield Packet(
            arrival,
            7,
            sequence & 0xFFFF,
            index * ticks & 0xFFFFFFFF,
            0,
            codec,
            payload if place < talk else nothing,
        )
        sequence += 1


def converted(codec: int, ppm: float, *, talk: int, pause: int) -> Iterator[tuple[Packet, list[Frame], Conversion]]:
    """Each packet with what came out since the one before; time goes on in between."""
    conversion = Conversion(Target(PCMA, 20))
    for packet in packets(codec, ppm, talk=talk, pause=pause):
        frames = []
        while (due := conversion.due) is not None and due < packet.arrival:
            frames += conversion.advance(due)
        yield packet, frames + conversion.put(packet), conversion


@pytest.mark.parametrize("ppm", [200, -200])
def test_a_party_that_talks_for_two_hours_is_followed_sample_by_sample(ppm: float) -> None:
    expected = 0
    for packet, frames, conversion in converted(PCMU, ppm, talk=1, pause=0):
        assert len(frames) == 3
        for timestamp, _, _ in frames:
            assert timestamp == expected & 0xFFFFFFFF
            expected += 160
        assert conversion.due is None, "something waits"
        assert frames[0][0] == packet.timestamp
    assert expected == HOURS_S * 8000


@pytest.mark.parametrize("ppm", [200, -200])
def test_pauses_that_are_filled_by_our_clock_leave_nothing_behind(ppm: float) -> None:
    """Opus that pauses for 0.6 s after each second: some four thousand pauses."""
    before = -160
    for packet, frames, conversion in converted(OPUS, ppm, talk=17, pause=10):
        assert conversion.late == conversion.lost == 0
        for (earlier, _, _), (later, _, _) in pairwise([(before, 0, b""), *frames]):
            assert 0 < later - earlier <= 320, "a gap or a step back"
        before = frames[-1][0]
        assert before - packet.timestamp // 6 == LAST_FRAME, "the audio lies beside its place"


@pytest.mark.parametrize("ppm", [200, -200])
def test_what_is_sent_follows_the_party_and_never_begins_anew(ppm: float) -> None:
    """Through the packet path: one marker in two hours, and the sink's clock is the party's."""
    bed = RelayBed()
    a, b = bed.party("a", codec=OPUS), bed.party("b")
    began = bed.now

    class Nobody:
        def put(self, *_: object) -> None: ...

    bed.table.set_converter(a.stream, Nobody())
    bed.table.join(a.stream, b.stream)
    markers, sent, first = 0, 0, 0
    for packet, frames, _ in converted(PCMU, ppm, talk=1, pause=0):
        bed.now = began + packet.arrival
        bed.table.send_audio(b.stream, a.stream, PCMA, frames, bed.now)
        for heard in b.heard():
            first = first if sent else heard.timestamp
            markers += heard.marker
            assert (heard.timestamp - first) & 0xFFFFFFFF == sent * 160
            sent += 1
    assert markers == 1
    assert sent == HOURS_S * 50
    ahead_s = (sent * 160) / 8000 - (bed.now - began)
    assert ahead_s == pytest.approx(HOURS_S * ppm / 1e6, abs=0.1)

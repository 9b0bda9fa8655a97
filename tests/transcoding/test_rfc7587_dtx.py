"""RFC 7587 section 3.1.3: an Opus sender that sends nothing while nobody speaks (DTX)."""

import itertools
import math
import random  # noqa: TID251 - a seeded background
from array import array

import pytest
from opuslib_next.api import ctl
from opuslib_next.api import encoder as encoding

from media.codecs.linear import SAMPLE_BYTES, from_alaw, loudness
from media.codecs.opus import NO_WISHES, OpusEncoder
from media.codecs.table import OPUS, PCMA
from media.recording.timeline import Timeline
from media.transcoding.conversion import Conversion, Target
from media.transcoding.packets import Packet
from media.transcoding.recorded import RecordedAudio
from tests.support.spectrum import sine

NARROW_HZ = 8000
FRAME = 160
OPUS_FRAME = 960
SPEECH_FRAMES = 50
FRAMES = 200
BACKGROUND = 20  # root mean square of 16-bit samples, -64 dBov


def spoken() -> bytes:
    """A second of a loud tone and then three of background noise; the noise is there from the beginning."""
    dice = random.Random(7)
    tone = array("h", sine(300, NARROW_HZ, SPEECH_FRAMES * FRAME))
    tone.extend([0] * ((FRAMES - SPEECH_FRAMES) * FRAME))
    return array("h", [value // 2 + round(dice.gauss(0, BACKGROUND)) for value in tone]).tobytes()


def dtx_stream(*, tells: bool) -> list[Packet]:
    """What a sender with DTX sends; `tells`: it sends the first of the packets that stand for nothing."""
    encoder = OpusEncoder(NARROW_HZ, NO_WISHES)
    encoding.encoder_ctl(encoder._state, ctl.set_dtx, 1)
    samples, size = spoken(), FRAME * SAMPLE_BYTES
    packets: list[Packet] = []
    quiet = False
    for index in range(FRAMES):
        payload = encoder.encode(samples[index * size :][:size])
        stands_for_nothing = len(payload) <= 2
        if not stands_for_nothing or (tells and not quiet):
            packets.append(Packet(index * 0.02, 7, len(packets), index * OPUS_FRAME, 0, OPUS, payload))
        quiet = stands_for_nothing
    return packets


@pytest.mark.parametrize("tells", [True, False])
def test_the_listener_hears_the_background_without_a_gap(tells: bool) -> None:
    packets = dtx_stream(tells=tells)
    assert len(packets) < FRAMES * 0.7, "the encoder does not pause"
    conversion = Conversion(Target(PCMA))
    sent: list[tuple[float, int, bytes]] = []
    now, frames = 0.0, iter(packets)
    following = next(frames, None)
    while now < packets[-1].arrival:
        now += 0.005
        made = conversion.advance(now)
        while following is not None and following.arrival <= now:
            made += conversion.put(following)
            following = next(frames, None)
        sent += [(now, timestamp, payload) for timestamp, _, payload in made]
    background = [(at, timestamp, payload) for at, timestamp, payload in sent if timestamp >= 80 * FRAME]
    gaps_s = [after[0] - before[0] for before, after in itertools.pairwise(background)]
    assert max(gaps_s) <= 0.1 + 1e-6
    steps = [after[1] - before[1] for before, after in itertools.pairwise(background)]
    assert all(FRAME <= step <= 2 * FRAME for step in steps)
    assert conversion.lost == 0
    loud = loudness(from_alaw(b"".join(payload for _, _, payload in background)))
    assert 20 * math.log10(loud / BACKGROUND) == pytest.approx(0, abs=6)


def test_a_recording_has_silence_there_and_goes_on_in_its_place() -> None:
    packets = dtx_stream(tells=True)
    audio, timeline = RecordedAudio(), Timeline(0.0)
    for packet in packets:
        timeline.put(*audio.as_g711((0, packet.arrival, packet.timestamp, 7, OPUS, packet.payload)))
    pcm = b"".join(timeline.finish(FRAMES * 0.02))
    assert (timeline.discarded, timeline.reanchored) == (0, 0)
    left = b"".join(pcm[at : at + 2] for at in range(0, len(pcm), 4))
    assert len(left) == FRAMES * FRAME * SAMPLE_BYTES
    speech, rest = left[: SPEECH_FRAMES * FRAME * 2], left[(SPEECH_FRAMES + 5) * FRAME * 2 :]
    assert loudness(speech) > 2500
    assert loudness(rest) <= 2 * BACKGROUND

"""G.711 made a little longer or shorter where nobody hears it: by one sample in speech, by more in silence.

Payloads stay in their code; only which codes there are changes.
"""

from typing import Final

from media.recording.pcm import linear_of

SILENT_PEAK: Final = 128  # -48 dBFS: the noise of a line, no speech
SILENCE_STEPS: Final = 80  # the most samples that a silent packet gains or loses: 10 ms
QUIET_JUMP: Final = 328  # -40 dBFS: a jump between neighbouring samples that speech has everywhere


def slipped(payload: bytes, codec: int, wanted: int, *, urgent: bool) -> tuple[bytes, int]:
    """The payload and by how many samples it has grown (negative: shrunk), of the `wanted` ones that it should.

    Silence takes up to 10 ms at once. Speech takes one sample, at the place where the waveform is flattest; where it
    is flat nowhere nothing is done, unless it is `urgent`.
    """
    samples = linear_of(payload, codec)
    count = len(samples)
    if count < 3 or not wanted:
        return payload, 0
    if max(map(abs, samples)) <= SILENT_PEAK:
        steps = max(-SILENCE_STEPS, -(count - 1), min(SILENCE_STEPS, count, wanted))
        return (payload + payload[-steps:] if steps > 0 else payload[:steps]), steps
    jumps = [abs(after - before) for before, after in zip(samples, samples[2:], strict=False)]
    flattest = min(jumps)
    if flattest > QUIET_JUMP and not urgent:
        return payload, 0
    at = jumps.index(flattest) + 1
    if wanted < 0:
        return payload[:at] + payload[at + 1 :], -1
    return payload[:at] + payload[at - 1 : at] + payload[at:], 1

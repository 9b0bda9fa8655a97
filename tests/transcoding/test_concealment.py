"""Audio in place of lost packets: of what was heard last, and gone after 60 ms."""

import math
from array import array

from media.transcoding.concealment import Concealment

RATE_HZ = 8000


def tone(frequency_hz: int, milliseconds: int) -> bytes:
    count = milliseconds * RATE_HZ // 1000
    return array(
        "h", [round(8000 * math.sin(2 * math.pi * frequency_hz * n / RATE_HZ)) for n in range(count)]
    ).tobytes()


def test_it_fades_and_is_silent_after_60_ms() -> None:
    concealment = Concealment(RATE_HZ)
    concealment.heard(tone(200, 60))
    peaks = [max(map(abs, array("h", concealment.conceal(80)))) for _ in range(7)]
    assert peaks[:6] == sorted(peaks[:6], reverse=True)
    assert peaks[0] > 7500
    assert peaks[5] > 0
    assert peaks[6] == 0


def test_each_loss_is_made_of_what_was_heard_before_it() -> None:
    often, once = Concealment(RATE_HZ), Concealment(RATE_HZ)
    often.heard(tone(200, 60))
    often.conceal(320)
    for each in (often, once):
        each.heard(tone(300, 60))
    assert often.conceal(160) == once.conceal(160)

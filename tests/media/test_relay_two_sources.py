"""Two sources of one leg at once: whatever they send, each packet to the leg has a number of its own (RFC 3550 5.1)."""

import pytest

from media.codecs.table import OPUS
from media.rtp.dtmf import END_REPEATS, event_payloads
from tests.media.test_rfc4733_s2_5_1_3_segments import Discarding, hold_down
from tests.support.relay_bed import Party, RelayBed, assert_continuous

pytestmark = pytest.mark.usefixtures("each_table")


def two_sources() -> tuple[RelayBed, Party, Party, Party]:
    """What A says is relayed to B as it is; what C says goes through a converter."""
    bed = RelayBed()
    a, b, c = bed.party("a"), bed.party("b"), bed.party("c", codec=OPUS)
    bed.table.set_converter(c.stream, Discarding())
    bed.table.join(a.stream, b.stream)
    bed.table.join(c.stream, b.stream)
    return bed, a, b, c


def test_a_key_of_one_among_the_audio_of_the_other_takes_none_of_its_numbers() -> None:
    bed, a, b, c = two_sources()
    bed.talk(a, packets=3)
    payloads = event_payloads("5", 100)
    for payload in payloads:
        c.send_event(payload, 48000)
        bed.talk(a, packets=1)
    bed.talk(a, packets=3)
    heard = b.heard()
    assert len(heard) == 6 + 2 * len(payloads)
    assert_continuous(heard)


def test_a_key_that_is_held_for_long_takes_none_either() -> None:
    bed, a, b, c = two_sources()
    bed.talk(a, packets=3)
    said = hold_down(bed, c, OPUS, 1.5)
    bed.talk(a, packets=3)
    heard = b.heard()
    assert [packet.payload_type for packet in heard[-3 - END_REPEATS :]] == [101] * END_REPEATS + [8] * 3
    assert len(heard) >= 6 + len(said)
    assert_continuous(heard)


def test_what_comes_late_from_before_a_key_of_the_other_is_not_given_its_number() -> None:
    bed, a, b, c = two_sources()
    bed.talk(a, packets=3)
    late = a.sequence, a.timestamp
    a.sequence, a.timestamp = a.sequence + 1, a.timestamp + 160
    c.send_event(event_payloads("5", 100)[0], 48000)
    bed.talk(a, packets=2)
    a.sequence, a.timestamp = late
    a.send()
    numbers = [packet.sequence for packet in b.heard()]
    assert len(set(numbers)) == len(numbers)

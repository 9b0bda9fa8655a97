"""One party's packets listened to: lost ones, pauses, other codecs, and presses told once."""

from collections.abc import Iterable

import pytest

from media.codecs.linear import SAMPLE_BYTES
from media.codecs.opus import NO_WISHES
from media.codecs.speech import new_encoder
from media.codecs.table import BY_NUMBER, COMFORT_NOISE, G722, OPUS, PCMA, PCMU, TELEPHONE_EVENT
from media.listening.listener import QUIET_S, KeyListener
from media.transcoding.packets import Packet
from tests.support.keypad import hush, key_tone, pcm

FRAME_BYTES = 160 * SAMPLE_BYTES


def packets(samples: list[float], codec: int = PCMA, *, first: int = 0) -> list[Packet]:
    """Whole packets of 20 ms of them."""
    encoder = new_encoder(codec, 8000, NO_WISHES)
    audio, ticks = pcm(samples), BY_NUMBER[codec].clock_rate_hz // 50
    return [
        Packet(number / 50, 7, number & 0xFFFF, number * ticks & 0xFFFFFFFF, 0, codec, encoder.encode(piece))
        for number, piece in enumerate(
            (audio[at : at + FRAME_BYTES] for at in range(0, len(audio) // FRAME_BYTES * FRAME_BYTES, FRAME_BYTES)),
            first,
        )
    ]


def heard(listener: KeyListener, given: Iterable[Packet]) -> str:
    return "".join(press.digit for packet in given for press in listener.put(packet))


SAID = [*hush(200), *key_tone("4", 100), *hush(100), *key_tone("#", 80), *hush(200)]


@pytest.mark.parametrize("codec", [PCMA, PCMU, G722, OPUS])
def test_keys_are_heard_in_every_codec(codec: int) -> None:
    assert heard(KeyListener(), packets(SAID, codec)) == "4#"


def test_a_lost_packet_does_not_make_two_presses_of_one() -> None:
    sent = packets([*key_tone("7", 200), *hush(200)])
    listener = KeyListener()
    assert heard(listener, [packet for packet in sent if packet.sequence != 5]) == "7"


def test_packets_that_change_places_are_one_press() -> None:
    sent = packets([*key_tone("7", 200), *hush(200)])
    sent[4], sent[5] = sent[5], sent[4]
    assert heard(KeyListener(), sent) == "7"


def test_a_press_is_told_when_nothing_comes_after_it() -> None:
    listener = KeyListener()
    last = packets(key_tone("9", 100))[-1]
    assert heard(listener, packets(key_tone("9", 100))) == ""
    assert listener.due == pytest.approx(last.arrival + QUIET_S)
    assert listener.advance(last.arrival + QUIET_S / 2) == []
    assert [press.digit for press in listener.advance(last.arrival + QUIET_S)] == ["9"]
    assert listener.due is None


def test_a_pause_of_the_source_parts_two_presses() -> None:
    sent = packets(key_tone("5", 100))
    later = [packet._replace(sequence=packet.sequence + 5, timestamp=packet.timestamp + 1600) for packet in sent]
    listener = KeyListener()
    assert heard(listener, [*sent, *later]) == "5"
    assert [press.digit for press in listener.advance(10.0)] == ["5"]


def test_another_source_is_another_press() -> None:
    sent = packets(key_tone("5", 100))
    listener = KeyListener()
    assert (
        heard(listener, [*sent, *(packet._replace(ssrc=8, sequence=packet.sequence + 900) for packet in sent)]) == "5"
    )


@pytest.mark.parametrize("codec", [TELEPHONE_EVENT, COMFORT_NOISE])
def test_what_is_no_audio_is_passed_over(codec: int) -> None:
    sent = packets(SAID)
    between = [
        packet._replace(codec=codec, payload=b"") if index in (2, 3) else packet for index, packet in enumerate(sent)
    ]
    assert heard(KeyListener(), between) == "4#"


def test_what_cannot_be_decoded_is_passed_over() -> None:
    sent = packets(SAID, OPUS)
    sent[3] = sent[3]._replace(payload=b"\xff\xff\xff")
    assert heard(KeyListener(), sent) == "4#"


def test_timestamps_and_sequence_numbers_wrap_around() -> None:
    assert heard(KeyListener(), packets(SAID, first=65_530)) == "4#"
    ticks = 2**32 - 2400
    wrapping = [packet._replace(timestamp=packet.timestamp + ticks & 0xFFFFFFFF) for packet in packets(SAID)]
    assert heard(KeyListener(), wrapping) == "4#"

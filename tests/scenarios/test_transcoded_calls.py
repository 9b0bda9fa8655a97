"""Whole calls between parties that have no codec in common: each hears the other in its own."""

from collections.abc import Sequence

import pytest

from media.codecs.linear import SAMPLE_BYTES
from media.codecs.opus import NO_WISHES
from media.codecs.speech import frame_bytes, new_decoder, new_encoder
from media.codecs.table import BY_NUMBER, G722, OPUS, PCMA
from media.rtp.packet import RtpPacket
from tests.scenarios.conftest import OpenHouse
from tests.support.house import ONE_TRUNK, House
from tests.support.scripted_phone import Phone, answers
from tests.support.spectrum import levels_db, sine

NARROW_HZ = 8000
NUMBERS = {OPUS: 107, G722: 9, PCMA: 8}
TRUNK = ONE_TRUNK + 'codecs = ["PCMA", "G722", "opus"]\n'


def talks(phone: Phone, codec: int, frequency_hz: int) -> list[RtpPacket]:
    """A second of a tone, packet by packet."""
    encoder = new_encoder(codec, NARROW_HZ, NO_WISHES)
    size = frame_bytes(codec, 20, NARROW_HZ)
    samples = sine(frequency_hz, NARROW_HZ, NARROW_HZ)
    ticks = BY_NUMBER[codec].clock_rate_hz // 50
    return [
        RtpPacket(NUMBERS[codec], number, number * ticks, phone.persona.ssrc, encoder.encode(samples[at : at + size]))
        for number, at in enumerate(range(0, len(samples), size))
    ]


async def converse(house: House, a: Sequence[RtpPacket], b: Sequence[RtpPacket]) -> None:
    for of_a, of_b in zip(a, b, strict=True):
        for phone, packet in ((house.alice, of_a), (house.bob, of_b)):
            phone.say_packet(packet)
        await house.run(0.02)
    await house.run(0.1)


def assert_hears(phone: Phone, codec: int, frequency_hz: int) -> None:
    heard = [packet for packet in phone.heard() if packet.payload_type == NUMBERS[codec]]
    decoder = new_decoder(codec, NARROW_HZ)
    samples = b"".join(decoder.decode(packet.payload) for packet in heard)
    found = samples[-NARROW_HZ * SAMPLE_BYTES * 3 // 4 :][: NARROW_HZ * SAMPLE_BYTES // 2]
    tone_db, rest_db = levels_db(found, frequency_hz, NARROW_HZ)
    assert tone_db == pytest.approx(0, abs=1)
    assert rest_db < -20


@pytest.mark.parametrize("codec", [OPUS, G722])
async def test_a_speaks_another_codec_than_b(open_house: OpenHouse, codec: int) -> None:
    house = await open_house(trunks=TRUNK)
    house.alice.on_invite = answers(1.0, payload_types=(NUMBERS[codec],))
    house.bob.on_invite = answers(1.0, payload_types=(PCMA,))
    call = await house.place()
    await house.until(lambda: house.state(call) == "bridged")
    house.alice.heard()
    house.bob.heard()
    await converse(house, talks(house.alice, codec, 400), talks(house.bob, PCMA, 1000))
    assert_hears(house.bob, PCMA, 400)
    assert_hears(house.alice, codec, 1000)
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")
    assert house.media.counters()["conversions"] == 0


async def test_a_hears_the_ringback_in_opus(open_house: OpenHouse) -> None:
    house = await open_house(trunks=TRUNK)
    house.alice.on_invite = answers(1.0, payload_types=(NUMBERS[OPUS],))
    house.bob.on_invite = answers(10.0)
    call = await house.place()
    await house.until(lambda: house.bob.invite is not None)
    await house.run(0.4)
    heard = house.alice.heard()
    assert {packet.payload_type for packet in heard} == {NUMBERS[OPUS]}
    decoder = new_decoder(OPUS, NARROW_HZ)
    samples = b"".join(decoder.decode(packet.payload) for packet in heard)
    tone_db, _ = levels_db(samples[640 : 640 + 4800], 400, NARROW_HZ)
    assert tone_db > -3
    house.alice.hang_up()
    await house.ended(call)

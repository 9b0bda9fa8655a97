"""Supervisors at a call: tones tell who hears whom, and who is not spoken to gets every byte as it was sent."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from media.codecs.linear import to_alaw
from media.codecs.opus import NO_WISHES
from media.codecs.speech import Decoder, new_decoder, new_encoder
from media.codecs.table import BY_NUMBER, G722, OPUS, PCMA, PCMU
from media.conversions import JoinedStreams
from media.errors import MediaOverloaded, TooManySupervisors
from media.forking.forks import Forks
from media.forking.seats import Mode, Seat
from media.forking.supervision import SEATS_PER_CALL
from media.leg import Negotiated
from media.packet_path.converter import Converter
from media.packet_path.repacketiser import Frame
from media.rtp.packet import RtpPacket
from media.transcoding.packets import new_packet_queue
from media.transcoding.transcoder import Transcoder
from tests.support.kept_gateway import KeptSeatLine
from tests.support.relay_bed import FRAME_S, OPUS_PAYLOAD_TYPE, Party, RelayBed, remote_plan
from tests.support.spectrum import levels_db, sine

pytestmark = pytest.mark.usefixtures("each_table")

CALL = "3f2b1c0d"
A_HZ, B_HZ, BOSS_HZ = 700, 1100, 1900
FRAMES = 50


class PathOnBed:
    """A packet path whose table is the bed's and whose commands take effect at once."""

    def __init__(self, bed: RelayBed, parties: Sequence[Party]) -> None:
        self._bed = bed
        self._parties = parties
        self.is_full = False

    def set_fork(self, stream: int, fork: Converter | None) -> None:
        self._bed.table.set_fork(self._parties[stream].stream, fork)

    def set_converter(self, source: int, converter: Converter | None, *, whole: bool = False) -> None:
        if self.is_full:
            raise MediaOverloaded("too many commands")
        self._bed.table.set_converter(self._parties[source].stream, converter, whole)

    def send_audio(self, sink: int, source: int, codec: int, frames: Sequence[Frame]) -> None:
        parties, bed = self._parties, self._bed
        bed.table.send_audio(parties[sink].stream, parties[source].stream, codec, list(frames), bed.now)


class Mute:
    """Who sends packets with nothing in them."""

    def encode(self, samples: bytes) -> bytes:
        return samples[:0]


class Supervised:
    """A call between A and B, each saying its tone, and supervisors who say theirs."""

    def __init__(self, codec_a: int = PCMA, codec_b: int = PCMA) -> None:
        self.bed = RelayBed()
        self.codecs = codec_a, codec_b
        self.parties = self.bed.party("a", codec=codec_a), self.bed.party("b", codec=codec_b)
        self.path = PathOnBed(self.bed, self.parties)
        path: Any = self.path
        self.transcoder = Transcoder(lambda: self.bed.now, path.send_audio, wake=lambda: None)
        self.joined = JoinedStreams(path, self.transcoder, threaded=False)
        for stream, codec in enumerate(self.codecs):
            name = BY_NUMBER[codec].name
            self.joined.settled(stream, Negotiated(name, 8, 101, None, "sendrecv", 20, NO_WISHES, (name,)))
        self.joined.join(0, 1)
        self.joined.join(1, 0)
        self.bed.table.bridge(self.parties[0].stream, self.parties[1].stream, self.bed.now)
        self.forks = Forks(
            path, lambda: self.bed.now, lambda work: work(), new_packet_queue, self.joined, threaded=False
        )
        self.encoders = [new_encoder(codec, self.rate_of(codec), NO_WISHES) for codec in self.codecs]
        self.decoders: list[Decoder] = [new_decoder(codec, self.rate_of(codec)) for codec in self.codecs]
        self.number = 0

    @staticmethod
    def rate_of(codec: int) -> int:
        return 16_000 if codec in (G722, OPUS) else 8000

    def seat(self, mode: Mode) -> tuple[Seat, KeptSeatLine]:
        line = KeptSeatLine()
        seat = Seat(CALL, line, "PCMU", 0, mode, (1, 65_530, 2**32 - 800))
        self.forks.sit(seat, (0, 1))
        return seat, line

    def talk(self, frames: int = FRAMES, *speaking: KeptSeatLine) -> tuple[list[RtpPacket], list[RtpPacket]]:
        """Both say their tone for so long, and so do those supervisors; what A and B got."""
        got: tuple[list[RtpPacket], list[RtpPacket]] = [], []
        for _ in range(frames):
            for party, codec, encoder, hz in zip(self.parties, self.codecs, self.encoders, (A_HZ, B_HZ), strict=True):
                self.say(party, codec, encoder.encode(self.tone(hz, self.rate_of(codec))))
            for line in speaking:
                payload = new_encoder(PCMU, 8000, NO_WISHES).encode(self.tone(BOSS_HZ, 8000))
                line.said.append(RtpPacket(0, self.number & 0xFFFF, self.number * 160, 9, payload).render())
            self.number += 1
            self.transcoder.turn(self.bed.now)
            self.forks.turn(self.bed.now)
            self.bed.run(FRAME_S)
            for party, kept in zip(self.parties, got, strict=True):
                kept.extend(party.heard())
        return got

    def tone(self, hz: int, rate_hz: int) -> bytes:
        """The next 20 ms of a tone, as loud as three of them may be together."""
        size = rate_hz // 50
        return sine(hz, rate_hz, (self.number % 50 + 1) * size)[-2 * size :]

    @staticmethod
    def say(party: Party, codec: int, payload: bytes) -> None:
        payload_type = OPUS_PAYLOAD_TYPE if codec == OPUS else codec
        party.give(RtpPacket(payload_type, party.sequence, party.timestamp, party.ssrc, payload))
        party.sequence = party.sequence + 1 & 0xFFFF
        party.timestamp = party.timestamp + BY_NUMBER[codec].clock_rate_hz // 50 & 0xFFFFFFFF

    def tones(self, packets: Sequence[RtpPacket], who: int) -> set[int]:
        """Which tones are in what a party got, its last 400 ms."""
        codec = self.codecs[who]
        decoder = self.decoders[who]
        samples = b"".join(decoder.decode(packet.payload) for packet in packets)
        return tones_in(samples, self.rate_of(codec))


def tones_in(samples: bytes, rate_hz: int) -> set[int]:
    last = samples[-2 * rate_hz * 2 // 5 :]
    return {hz for hz in (A_HZ, B_HZ, BOSS_HZ) if levels_db(last, hz, rate_hz)[0] > -12}


def heard_by(line: KeptSeatLine) -> set[int]:
    decoder = new_decoder(PCMU, 8000)
    return tones_in(b"".join(decoder.decode(packet.payload) for packet in line.packets()), 8000)


def test_with_a_supervisor_who_only_listens_each_party_gets_the_same_bytes() -> None:
    without, listened = Supervised(), Supervised()
    _, line = listened.seat(Mode.LISTEN)
    assert listened.talk(FRAMES, line) == without.talk(FRAMES)
    assert heard_by(line) == {A_HZ, B_HZ}


def test_who_whispers_silently_changes_no_byte_either() -> None:
    without, listened = Supervised(), Supervised()
    listened.seat(Mode.WHISPER_A)
    assert listened.talk(FRAMES) == without.talk(FRAMES)


def test_what_a_supervisor_is_sent_is_one_even_run_of_packets() -> None:
    call = Supervised()
    _, line = call.seat(Mode.LISTEN)
    call.talk(FRAMES)
    packets = line.packets()
    assert len(packets) == FRAMES
    assert {(packet.ssrc, packet.payload_type, len(packet.payload)) for packet in packets} == {(1, 0, 160)}
    for packet, later in pairwise(packets):
        assert later.sequence - packet.sequence & 0xFFFF == 1
        assert later.timestamp - packet.timestamp & 0xFFFFFFFF == 160


@pytest.mark.parametrize(
    ("mode", "a_hears", "b_hears"),
    [
        (Mode.LISTEN, {B_HZ}, {A_HZ}),
        (Mode.WHISPER_A, {B_HZ, BOSS_HZ}, {A_HZ}),
        (Mode.WHISPER_B, {B_HZ}, {A_HZ, BOSS_HZ}),
        (Mode.BARGE, {B_HZ, BOSS_HZ}, {A_HZ, BOSS_HZ}),
    ],
)
@pytest.mark.parametrize("codecs", [(PCMA, PCMA), (PCMA, PCMU), (G722, PCMA), (OPUS, G722)])
def test_tones_tell_who_hears_whom(mode: Mode, a_hears: set[int], b_hears: set[int], codecs: tuple[int, int]) -> None:
    call = Supervised(*codecs)
    _, line = call.seat(mode)
    to_a, to_b = call.talk(FRAMES, line)
    assert call.tones(to_a, 0) == a_hears
    assert call.tones(to_b, 1) == b_hears
    assert heard_by(line) == {A_HZ, B_HZ}


def test_numbers_go_on_through_whispering_and_after_it_bytes_are_as_sent() -> None:
    call = Supervised()
    _, line = call.seat(Mode.WHISPER_A)
    got = call.talk(20)[0] + call.talk(30, line)[0] + call.talk(60)[0]
    assert {packet.ssrc for packet in got} == {call.parties[0].our_ssrc}
    steps = [later.timestamp - packet.timestamp & 0xFFFFFFFF for packet, later in pairwise(got)]
    assert {later.sequence - packet.sequence & 0xFFFF for packet, later in pairwise(got)} == {1}
    assert all(0 < step <= 800 for step in steps), steps
    assert sum(steps) == pytest.approx(108 * 160, abs=800)
    last = [packet.payload for packet in got[-10:]]
    said = [to_alaw(sine(B_HZ, 8000, (number % 50 + 1) * 160)[-320:]) for number in range(100, 110)]
    assert last == said


def test_the_mode_can_change_and_a_supervisor_who_leaves_is_heard_no_more() -> None:
    call = Supervised()
    seat, line = call.seat(Mode.BARGE)
    call.talk(30, line)
    seat.mode = Mode.WHISPER_B
    to_a, to_b = call.talk(60, line)
    assert (call.tones(to_a, 0), call.tones(to_b, 1)) == ({B_HZ}, {A_HZ, BOSS_HZ})
    call.forks.leave(seat)
    call.forks.leave(seat)
    assert line.closed
    to_a, to_b = call.talk(FRAMES)
    assert (call.tones(to_a, 0), call.tones(to_b, 1)) == ({B_HZ}, {A_HZ})
    assert call.forks.counters()["forked_calls"] == 0


@pytest.mark.parametrize("codecs", [(PCMA, PCMA), (OPUS, PCMA)])
def test_a_conversion_that_gave_way_comes_back(codecs: tuple[int, int]) -> None:
    call = Supervised(*codecs)
    seat, line = call.seat(Mode.BARGE)
    call.talk(20, line)
    assert call.transcoder.counters()["conversions"] == 0
    call.forks.leave(seat)
    to_a, to_b = call.talk(FRAMES)
    assert call.transcoder.counters()["conversions"] == (2 if codecs[0] != codecs[1] else 0)
    assert (call.tones(to_a, 0), call.tones(to_b, 1)) == ({B_HZ}, {A_HZ})


def test_a_packet_path_that_takes_no_more_is_asked_again_by_who_speaks() -> None:
    call = Supervised()
    _, boss = call.seat(Mode.BARGE)
    call.path.is_full = True
    a_got, _ = call.talk(FRAMES, boss)
    assert call.tones(a_got, 0) == {B_HZ}
    call.path.is_full = False
    a_got, _ = call.talk(FRAMES, boss)
    assert call.tones(a_got, 0) == {B_HZ, BOSS_HZ}


@pytest.mark.parametrize("leaves", [False, True])
def test_a_party_is_not_left_in_silence_by_a_packet_path_that_takes_no_more(leaves: bool) -> None:
    call = Supervised()
    seat, boss = call.seat(Mode.BARGE)
    call.talk(FRAMES, boss)
    call.path.is_full = True
    if leaves:
        call.forks.leave(seat)
    else:
        seat.mode = Mode.LISTEN
    call.talk(FRAMES, boss)
    call.path.is_full = False
    call.talk(FRAMES, boss)
    a_got, b_got = call.talk(FRAMES, boss)
    assert (call.tones(a_got, 0), call.tones(b_got, 1)) == ({B_HZ}, {A_HZ})
    assert call.forks.counters()["forked_calls"] == (0 if leaves else 1)


def test_a_supervisor_may_come_before_the_one_before_is_gone() -> None:
    call = Supervised()
    first, boss = call.seat(Mode.BARGE)
    call.talk(FRAMES, boss)
    call.path.is_full = True
    call.forks.leave(first)
    second, boss = call.seat(Mode.BARGE)
    call.path.is_full = False
    call.talk(FRAMES, boss)
    a_got, _ = call.talk(FRAMES, boss)
    assert call.tones(a_got, 0) == {B_HZ, BOSS_HZ}
    call.forks.leave(second)
    assert call.forks.counters()["forked_calls"] == 0


def test_two_supervisors_are_heard_at_once_and_do_not_disturb_each_other() -> None:
    call = Supervised()
    first, second = call.seat(Mode.LISTEN), call.seat(Mode.WHISPER_A)
    to_a, to_b = call.talk(FRAMES, second[1])
    assert (call.tones(to_a, 0), call.tones(to_b, 1)) == ({B_HZ, BOSS_HZ}, {A_HZ})
    call.forks.leave(second[0])
    call.talk(FRAMES)
    assert heard_by(first[1]) == {A_HZ, B_HZ}


def test_a_supervisor_whose_browser_has_nothing_but_opus() -> None:
    call = Supervised()
    line = KeptSeatLine()
    call.forks.sit(Seat(CALL, line, "opus", 111, Mode.BARGE, (1, 2, 3)), (0, 1))
    encoder = new_encoder(OPUS, 16_000, NO_WISHES)
    a_got: list[RtpPacket] = []
    for _ in range(FRAMES):
        payload = encoder.encode(call.tone(BOSS_HZ, 16_000))
        line.said.append(RtpPacket(111, call.number, call.number * 960, 9, payload).render())
        a_got += call.talk(1)[0]
    assert call.tones(a_got, 0) == {B_HZ, BOSS_HZ}
    sent = line.packets()
    assert {packet.payload_type for packet in sent} == {111}
    assert {later.timestamp - earlier.timestamp for earlier, later in pairwise(sent)} == {960}
    decoder = new_decoder(OPUS, 8000)
    assert tones_in(b"".join(decoder.decode(packet.payload) for packet in sent), 8000) == {A_HZ, B_HZ}


def test_a_party_who_says_nothing_does_not_keep_a_supervisor_from_being_heard() -> None:
    call = Supervised()
    _, line = call.seat(Mode.BARGE)
    call.encoders[1] = Mute()
    to_a, _ = call.talk(FRAMES, line)
    assert call.tones(to_a, 0) == {BOSS_HZ}


def test_a_call_has_so_many_supervisors() -> None:
    call = Supervised()
    for _ in range(SEATS_PER_CALL):
        call.seat(Mode.LISTEN)
    line = KeptSeatLine()
    with pytest.raises(TooManySupervisors):
        call.forks.sit(Seat(CALL, line, "PCMA", 8, Mode.LISTEN, (1, 1, 1)), (0, 1))
    assert line.closed


def test_the_end_of_the_call_ends_its_supervisors() -> None:
    call = Supervised()
    seat, line = call.seat(Mode.BARGE)
    call.talk(5, line)
    call.forks.forget(CALL)
    assert line.closed
    call.forks.leave(seat)
    assert call.forks.turn(call.bed.now) is None
    to_a, _ = call.talk(FRAMES)
    assert call.tones(to_a, 0) == {B_HZ}


class KeptAudio:
    """A recorder's tap that keeps payloads."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def put(self, channel: int, arrival: float, rtp_timestamp: int, ssrc: int, codec: int, payload: bytes) -> None:
        self.payloads.append(payload)


@pytest.mark.parametrize("mode", Mode)
def test_a_recording_has_the_parties_and_never_the_supervisor(mode: Mode) -> None:
    call, taps = Supervised(), (KeptAudio(), KeptAudio())
    for channel, (party, tap) in enumerate(zip(call.parties, taps, strict=True)):
        call.bed.table.set_tap(party.stream, channel, tap)
    _, line = call.seat(mode)
    call.talk(FRAMES, line)
    for tap, hz in zip(taps, (A_HZ, B_HZ), strict=True):
        said = [to_alaw(sine(hz, 8000, (number % 50 + 1) * 160)[-320:]) for number in range(FRAMES)]
        assert tap.payloads == said


def test_a_party_that_takes_another_codec_meanwhile_hears_both_in_that() -> None:
    call = Supervised()
    _, line = call.seat(Mode.WHISPER_A)
    call.talk(20, line)
    a = call.parties[0]
    call.bed.table.set_remote(a.stream, remote_plan(a.address, codec=PCMU, renewed=False), call.bed.now)
    call.joined.settled(0, Negotiated("PCMU", 0, 101, None, "sendrecv", 20, NO_WISHES, ("PCMU", "PCMA")))
    call.forks.settled(CALL)
    call.codecs = PCMU, PCMA
    call.encoders[0], call.decoders[0] = new_encoder(PCMU, 8000, NO_WISHES), new_decoder(PCMU, 8000)
    to_a, to_b = call.talk(FRAMES, line)
    assert {packet.payload_type for packet in to_a} == {0}
    assert (call.tones(to_a, 0), call.tones(to_b, 1)) == ({B_HZ, BOSS_HZ}, {A_HZ})
    assert {later.sequence - packet.sequence & 0xFFFF for packet, later in pairwise(to_a)} == {1}


def test_a_party_on_hold_is_sent_nothing_though_a_supervisor_speaks() -> None:
    call = Supervised()
    _, line = call.seat(Mode.BARGE)
    call.talk(20, line)
    b = call.parties[1]
    held = remote_plan(b.address, may_send=False, on_hold=True, renewed=False)
    call.bed.table.set_remote(b.stream, held, call.bed.now)
    to_a, to_b = call.talk(FRAMES, line)
    assert to_b == []
    assert BOSS_HZ in call.tones(to_a, 0)

"""What media and its descriptions do to a call: silence, hold, broken offers, forks, ports, recordings."""

from typing import Any

import pytest

from b2bua.call.errors import CapacityExhausted
from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from tests.support.house import ONE_TRUNK, House
from tests.support.raw_dialog import raw_call
from tests.support.scripted_phone import PCMA, PCMU, Phone, answers, rings

SDP = "Content-Type: application/sdp"


@pytest.mark.parametrize("who", ["a", "b"])
async def test_trunk_case_10_a_talker_whose_media_stops_ends_the_call(house: House, who: str) -> None:
    call = await house.bridged()
    await house.run(10.0)
    {"a": house.alice, "b": house.bob}[who].fall_silent()
    silent_at = house.clock.time()
    await house.until(lambda: house.state(call) == "ending")
    assert house.clock.time() == pytest.approx(silent_at + 45, abs=0.6)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "media_timeout", "system")
    assert cdr.price_paise == 150
    assert house.alice.was_hung_up
    assert house.bob.was_hung_up


async def test_early_media_that_stops_ends_the_call_before_the_bridge(house: House) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = rings(183, sdp=True)
    call = await house.place(ring_timeout_s=120)
    await house.until(lambda: house.bob.invite)
    await house.run(1.0)
    house.alice.speak()
    for _ in range(10):
        house.bob.say_once()
        await house.run(0.02)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("failed", "media_timeout", 0)
    assert house.bob.was_cancelled


async def test_trunk_case_24_b_s_early_media_reaches_a_in_place_of_the_ringback(house: House) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = rings(183, sdp=True)
    call = await house.place(ring_timeout_s=30)
    await house.until(lambda: house.bob.invite)
    await house.run(1.0)
    assert len(house.alice.heard()) >= 40, "ringback first"
    announcement = b"\x2a" * 160
    for _ in range(50):
        house.bob.say_once(payload=announcement)
        await house.run(0.02)
    heard = [packet.payload for packet in house.alice.heard()]
    assert heard.count(announcement) == 50
    assert house.bob.heard() == [], "one way: nothing goes back before the answer"
    await house.run(0.5)
    house.alice.hang_up()
    await house.ended(call)


async def test_trunk_case_12_different_codecs_are_converted(house: House) -> None:
    house.alice.on_invite = answers(1.0, payload_types=(PCMU,))
    house.bob.on_invite = answers(1.0, payload_types=(PCMA,))
    call = await house.place()
    await house.until(lambda: house.state(call) == "bridged")
    house.alice.say_once(PCMU, b"\xff" * 160)
    house.bob.say_once(PCMA)
    await house.run(0.1)
    assert {packet.payload_type for packet in house.bob.heard()} == {PCMA}
    assert {packet.payload_type for packet in house.alice.heard()} == {PCMU}
    assert house.bob.invite is not None
    assert b"m=audio" in house.bob.invite.body
    assert b"RTP/AVP 0 8 101" in house.bob.invite.body, "B is offered first what A took"
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert [leg.codec for leg in cdr.legs] == ["PCMU", "PCMA"]


async def test_trunk_case_12_a_trunks_packet_time_is_offered_and_kept_to_though_the_phones_send_another(
    open_house: Any,
) -> None:
    house = await open_house(trunks=ONE_TRUNK + "ptime_ms = 40\n")
    call = await house.bridged()
    for phone in (house.alice, house.bob):
        assert phone.invite is not None
        assert b"\r\na=ptime:40\r\n" in phone.invite.body
        phone.fall_silent()
    await house.run(0.26)
    for phone in (house.alice, house.bob):
        phone.received_rtp.clear()
        phone.speak(0.02)
    house.recorder.taps[call.call_id].packets[:] = [0, 0]
    await house.run(5.0)
    for phone in (house.alice, house.bob):
        assert {len(packet.payload) for packet in phone.heard()} == {320}
        assert len(phone.heard()) == pytest.approx(125, abs=2)
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert cdr.status == "completed"
    assert house.recorder.taps[call.call_id].packets == [251, 251], "recorded as it was sent"


BROKEN = [
    b"this is no description",
    b"v=0\r\no=- 1 1 IN IP4 203.0.113.31\r\ns=-\r\nt=0 0\r\nm=audio 42000 RTP/AVP 8\r\n",  # no c=
    b"v=0\r\no=- 1 1 IN IP4 203.0.113.31\r\ns=-\r\nc=IN IP4 203.0.113.31\r\nt=0 0\r\nm=audio 42000 RTP/AVP 18\r\n",
    b"v=0\r\no=- 1 1 IN IP4 203.0.113.31\r\ns=-\r\nc=IN IP4 203.0.113.31\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\n",
    b"",
]


@pytest.mark.parametrize("body", BROKEN)
async def test_trunk_case_08_an_answer_of_b_s_that_cannot_be_used_is_b_s_failure(house: House, body: bytes) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = lambda phone, _event: phone.respond(200, body)
    call = await house.place()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("failed", "b_unreachable", 0)
    assert house.bob.methods() == ["INVITE", "ACK", "BYE"]
    assert house.alice.methods() == ["INVITE", "ACK", "BYE"]
    assert len(house.alice.heard()) > 100, "A hears a tone"


@pytest.mark.parametrize("body", BROKEN)
async def test_an_answer_of_a_s_that_cannot_be_used_ends_the_call(house: House, body: bytes) -> None:
    house.alice.on_invite = lambda phone, _event: phone.respond(200, body)
    call = await house.place()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", "network_error")
    assert house.alice.methods() == ["INVITE", "ACK", "BYE"]
    assert house.bob.received == []


async def test_early_media_that_cannot_be_used_is_only_ringing(house: House) -> None:
    house.alice.on_invite = answers(1.0)

    def behave(phone: Phone, _event: object) -> None:
        phone.respond(183, b"no description", reliable=False)
        phone.clock.call_later(3.0, phone.answer)

    house.bob.on_invite = behave
    call = await house.bridged()
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.legs[1].ringing_at is not None) == ("completed", True)


async def test_trunk_case_04_a_200_without_sdp_takes_the_one_of_its_own_183(house: House) -> None:
    house.alice.on_invite = answers(1.0)

    def behave(phone: Phone, _event: object) -> None:
        phone.respond(183, phone.persona.sdp())
        phone.clock.call_later(3.0, lambda: phone.respond(200))

    house.bob.on_invite = behave
    call = await house.bridged()
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")


async def test_trunk_case_07_hold_and_resume_by_b_stay_on_b_s_leg(house: House) -> None:
    call = await house.bridged()
    told_alice = len(house.alice.received)
    house.bob.fall_silent()
    house.bob.reinvite(house.bob.persona.sdp(direction="sendonly", version=2))
    await house.run(1.0)
    [held] = house.bob.answers()
    assert held.status == 200
    assert b"a=recvonly" in held.body
    heard = len(house.bob.heard())
    await house.run(60.0)
    assert house.state(call) == "bridged", "a held leg may be silent for longer than a talking one"
    assert len(house.bob.heard()) == heard, "nothing is sent to whom it put on hold"
    house.bob.reinvite(house.bob.persona.sdp(version=3))
    house.bob.speak()
    await house.run(2.0)
    resumed = house.bob.answers()[1]
    assert resumed.status == 200
    assert b"a=sendrecv" in resumed.body or b"a=recvonly" not in resumed.body
    assert len(house.bob.heard()) > heard
    assert len(house.alice.received) == told_alice, "A's dialog knows nothing of it"
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")


async def test_trunk_case_10_the_silence_of_the_party_that_is_held_does_not_end_the_call(house: House) -> None:
    call = await house.bridged()
    house.bob.reinvite(house.bob.persona.sdp(direction="sendonly", version=2))
    house.alice.fall_silent()
    await house.run(120.0)
    assert house.state(call) == "bridged"
    assert house.alice.heard(), "what B plays while it holds"
    house.bob.reinvite(house.bob.persona.sdp(version=3))
    await house.run(44.0)
    assert house.state(call) == "bridged", "the count begins anew with the resume"
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "media_timeout")


async def test_trunk_case_10_a_hold_that_lasts_too_long_ends_the_call(house: House) -> None:
    call = await house.bridged()
    house.bob.fall_silent()
    house.bob.reinvite(house.bob.persona.sdp(direction="inactive", version=2))
    cdr = await house.ended(call, limit_s=330)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "media_timeout")
    assert cdr.duration_s == pytest.approx(301, abs=2)


async def test_trunk_case_08_a_changed_offer_that_cannot_be_used_is_refused_and_the_call_goes_on(house: House) -> None:
    call = await house.bridged()
    t38 = b"v=0\r\no=- 1 2 IN IP4 203.0.113.31\r\ns=-\r\nc=IN IP4 203.0.113.31\r\nt=0 0\r\nm=image 42000 udptl t38\r\n"
    house.bob.reinvite(t38)
    await house.run(1.0)
    house.bob.reinvite(b"nonsense")
    await house.run(1.0)
    assert [response.status for response in house.bob.answers()] == [488, 488]
    heard = len(house.alice.heard())
    await house.run(2.0)
    assert len(house.alice.heard()) > heard
    house.bob.reinvite(house.bob.persona.sdp(PCMU, version=3))
    await house.run(1.0)
    assert house.bob.answers()[2].status == 200
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")


async def test_b_s_media_moves_to_another_port(house: House) -> None:
    call = await house.bridged()
    moved: list[bytes] = []
    house.media_network.attach(
        TransportAddress("udp", house.bob.persona.media_host, 43000), lambda content, _s, _d: moved.append(content)
    )
    house.bob.reinvite(house.bob.persona.sdp(version=2, port=43000))
    await house.run(2.0)
    assert moved
    house.alice.hang_up()
    await house.ended(call)


async def test_trunk_case_07_an_offerless_re_invite_gets_our_full_offer_and_its_answer_from_the_ack(
    house: House,
) -> None:
    call, bob = await raw_call(house)
    bob.respond(200, "one", port=42000)
    await house.until(lambda: house.state(call) == "bridged")
    bob.request("INVITE", "one")
    await house.run(0.1)
    offer = next(
        message.body for message in bob.got if isinstance(message, Response) and message.status == 200 and message.body
    )
    assert b"RTP/AVP 8 0 101" in offer
    moved: list[bytes] = []
    house.media_network.attach(
        TransportAddress("udp", house.bob.persona.media_host, 43000), lambda content, _s, _d: moved.append(content)
    )
    bob.request("ACK", "one", body=house.bob.persona.sdp(port=43000, version=2).decode())
    house.alice.speak()
    await house.run(2.0)
    assert moved, "the answer in the ACK is obeyed"
    bob.request("BYE", "one")
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "normal", "b")


async def test_trunk_case_04_early_media_from_several_to_tags_and_the_200_of_one(house: House) -> None:
    call, bob = await raw_call(house)
    bob.respond(183, "one", port=42000)
    await house.run(0.5)
    bob.respond(183, "two", port=42100)
    await house.run(0.5)
    bob.respond(180, "three")
    bob.respond(200, "two", port=42200)
    await house.until(lambda: house.state(call) == "bridged")
    heard: list[bytes] = []
    house.media_network.attach(
        TransportAddress("udp", house.bob.persona.media_host, 42200), lambda content, _s, _d: heard.append(content)
    )
    house.alice.speak()
    await house.run(2.0)
    assert heard, "the SDP of the 200 replaces all"
    bob.respond(200, "one", port=42000)  # a second fork has answered too
    await house.run(1.0)
    assert "one" in bob.tags("ACK")
    assert bob.tags("BYE") == ["one"]
    assert house.state(call) == "bridged"
    bob.request("BYE", "two")
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "normal", "b")
    assert bob.tags("BYE") == ["one"]


async def test_trunk_case_04_the_answer_without_sdp_of_another_fork_than_the_early_media_s(house: House) -> None:
    call, bob = await raw_call(house)
    bob.respond(183, "one", port=42000)
    await house.run(0.5)
    bob.respond(200, "two")
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", "b_unreachable")
    assert bob.tags("ACK") == ["two"]
    assert bob.tags("BYE") == ["two"]


async def test_trunk_case_04_a_200_without_sdp_takes_the_one_of_its_own_dialog_though_a_later_fork_spoke(
    house: House,
) -> None:
    call, bob = await raw_call(house)
    bob.respond(183, "one", port=42000)
    await house.run(0.5)
    bob.respond(183, "two", port=42100)
    await house.run(0.5)
    heard: list[bytes] = []
    house.media_network.attach(
        TransportAddress("udp", house.bob.persona.media_host, 42000), lambda content, _s, _d: heard.append(content)
    )
    bob.respond(200, "one")
    await house.until(lambda: house.state(call) in ("bridged", "telling_a"))
    assert house.state(call) == "bridged"
    house.alice.speak()
    await house.run(1.0)
    assert heard, "media goes where the dialog that answered wanted it"
    bob.request("BYE", "one")
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")


async def test_a_repeated_200_gets_the_same_ack_and_changes_nothing(house: House) -> None:
    call, bob = await raw_call(house)
    for _ in range(4):
        bob.respond(200, "one", port=42000)
        await house.run(0.5)
    assert len(bob.tags("ACK")) == 4
    assert len({each.via.branch for each in bob.got if isinstance(each, Request) and each.method == "ACK"}) == 1
    bob.request("BYE", "one")
    cdr = await house.ended(call)
    assert (cdr.status, await house.words(call)) == (
        "completed",
        ["initiated", "ringing", "answered", "bridged", "completed", "recording.ready"],
    )


async def test_trunk_case_15_without_free_ports_no_call_is_placed_until_some_have_rested(open_house: Any) -> None:
    house = await open_house(media='ports = "20000-20007"\nport_rest_s = 30')
    first = await house.bridged()
    second = await house.place()
    await house.until(lambda: house.state(second) == "bridged")
    with pytest.raises(CapacityExhausted):
        await house.place()
    house.alice.hang_up()
    await house.over(second)
    await house.run(29.0)
    with pytest.raises(CapacityExhausted):
        await house.place()
    await house.run(2.0)
    third = await house.place()
    await house.until(lambda: house.state(third) == "bridged")
    house.alice.hang_up()
    await house.over(third)
    await house.switch.hang_up(first.org_id, first.call_id)
    await house.ended(first)


async def test_trunk_case_15_ports_are_kept_for_the_second_legs_of_calls_that_still_ring(open_house: Any) -> None:
    """Hard case 15: 503 before the range is empty, never a call that was taken and then has no port for B."""
    house = await open_house(media='ports = "20000-20007"\nport_rest_s = 30')
    house.alice.on_invite = answers(5.0)
    placed = [await house.place(), await house.place()]
    with pytest.raises(CapacityExhausted):
        await house.place()
    house.bob.on_invite = answers(1.0)
    for call in placed:
        await house.until(lambda call=call: house.state(call) == "bridged")
    for call in placed:
        await house.switch.hang_up(call.org_id, call.call_id)
        await house.over(call)


async def test_a_port_that_another_program_took_is_b_s_failure(open_house: Any) -> None:
    house = await open_house(media='ports = "20000-20003"')
    house.alice.on_invite = answers(1.0)
    call = await house.place()
    house.media._ports.taken = frozenset(range(20000, 20004))
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", "b_unreachable")
    assert house.bob.received == []
    assert house.alice.was_hung_up


async def test_trunk_case_16_the_recording_begins_with_the_bridge_and_ends_with_the_call(house: House) -> None:
    call = await house.bridged()
    await house.run(20.0)
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert house.recorder.lengths_s[call.call_id] == pytest.approx(21.0, abs=0.02)
    assert cdr.recording_path == house.recorder.paths[call.call_id]
    assert cdr.recording_path is not None
    assert cdr.recording_path.endswith(f"/{call.call_id[:8]}.wav")
    assert all(packets > 50 for packets in house.recorder.taps[call.call_id].packets)
    assert house.recorder.acknowledged == [call.call_id]
    assert len(house.pool.exported) == 1


async def test_a_call_that_is_not_to_be_recorded_is_not(house: House) -> None:
    call = await house.bridged(record=False)
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert house.recorder.paths == {}
    assert cdr.recording_path is None
    assert (await house.words(call))[-1] == "completed"


async def test_a_recording_that_fails_harms_nothing_else(house: House) -> None:
    house.recorder.failure = "disk full"
    call = await house.bridged()
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("completed", "normal", 150)
    assert (await house.words(call))[-1] == "completed"
    assert cdr.recording_path is None, "nobody is told of a recording that is not there"
    assert (await house.told(call))[-1].call.recording_path is None


async def test_a_recording_that_fails_while_both_talk_is_told_of_no_more(house: House) -> None:
    call = await house.bridged()
    live = await house.store.read(lambda reader: reader.any_call(call.call_id))
    assert live is not None
    assert live.recording_path == house.recorder.paths[call.call_id]
    house.recorder.fail(call.call_id, "disk full")
    await house.run(0.1)
    live = await house.store.read(lambda reader: reader.any_call(call.call_id))
    assert live is not None
    assert live.recording_path is None
    assert [each.recording_path for each in await house.store.read(lambda reader: reader.live_calls())] == [None]
    await house.run(70.0)  # an extension of the reservation comes in between
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.recording_path) == ("completed", None)
    assert (await house.told(call))[-1].call.recording_path is None


async def test_a_recording_that_fails_after_the_settlement_is_told_of_no_more(house: House) -> None:
    house.recorder.failure, house.recorder.closes_after_s = "disk full", 12.0
    call = await house.bridged()
    house.bob.hang_up()
    before = await house.over(call)
    assert before.recording_path is not None
    cdr = await house.ended(call)
    assert cdr.recording_path is None
    assert (await house.words(call))[-1] == "completed"


async def test_a_recorder_that_is_slow_holds_up_the_settlement_for_five_seconds_at_most(house: House) -> None:
    house.recorder.closes_after_s = 12.0
    call = await house.bridged()
    house.bob.hang_up()
    ended_at = house.clock.time()
    await house.until(lambda: call.call_id not in house.switch._calls)
    assert house.clock.time() == pytest.approx(ended_at + 5.0, abs=0.1)
    await house.ended(call)
    assert (await house.words(call))[-2:] == ["completed", "recording.ready"]


async def test_the_record_names_the_codec_that_was_agreed_last(house: House) -> None:
    call = await house.bridged()
    house.bob.reinvite(house.bob.persona.sdp(PCMU, version=2))
    await house.run(1.0)
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert [leg.codec for leg in cdr.legs] == ["PCMA", "PCMU"]
    steps = await house.trace(call)
    media = [step.details["codec"] for step in steps if (step.kind, step.leg, step.name) == ("media", "b", "closed")]
    assert media == ["PCMU"]


async def test_a_leg_that_never_answered_has_no_codec_in_the_record(house: House) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = rings(183, sdp=True)
    call = await house.place(ring_timeout_s=30)
    await house.until(lambda: house.bob.invite)
    await house.run(1.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert [leg.codec for leg in cdr.legs] == ["PCMA", None]

"""The webhook contract: what is sent, and how a receiver knows that it is ours."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_api.schemas import call_representation
from control_api.webhooks.payloads import render_body
from control_api.webhooks.signing import sign_body, sign_body_v2, verify_body, verify_body_v2
from storage.records import WebhookEvent
from tests.support.stored import a_call, an_event, completed

BODY = b'{"event":"call.initiated"}'
NOW = 1_700_000_000


def test_the_body_has_the_published_keys_and_the_call_as_it_was() -> None:
    call = replace(completed(a_call()), reference="Auftrag \u00fc7")
    event = an_event(call, 5, WebhookEvent.COMPLETED, at=1_700_000_000_999)
    body = render_body(event, "documented")
    assert json.loads(body) == {
        "event": "call.completed",
        "call_sid": "call-1",
        "data": call_representation(event.call, "documented"),
        "event_id": "call-1-5",
        "sequence": 5,
        "created_at": "2023-11-14T22:13:20Z",
        "reference": "Auftrag \u00fc7",
    }
    assert "\u00fc".encode() in body


def test_the_number_style_is_the_representations() -> None:
    data = json.loads(render_body(an_event(a_call()), "parties"))["data"]
    assert (data["caller_number"], data["target_number"]) == ("9811111111", "9822222222")


def test_recording_ready_adds_the_download_url_to_the_data() -> None:
    event = an_event(completed(a_call()), 6, WebhookEvent.RECORDING_READY)
    body = json.loads(render_body(event, "documented", "https://host/x.mp3?signature=0"))
    assert body["data"]["download_url"] == "https://host/x.mp3?signature=0"
    assert body["data"]["recording_url"] == "recordings/2024/01/02/abcdef01.wav"
    assert "download_url" not in json.loads(render_body(event, "documented"))["data"]


def test_the_body_is_the_same_at_every_attempt() -> None:
    event = an_event(a_call())
    assert render_body(event, "documented") == render_body(event, "documented")


def test_the_first_signature_is_the_hmac_of_the_raw_body() -> None:
    expected = hmac.new(b"secret", BODY, hashlib.sha256).hexdigest()
    assert sign_body(BODY, "secret") == f"sha256={expected}"
    assert verify_body(BODY, f"sha256={expected}", "secret")


@pytest.mark.parametrize("header", ["", "sha256=", "sha1=00", "sha256=" + "0" * 64, "\u00fc"])
def test_a_wrong_first_signature_is_refused(header: str) -> None:
    assert not verify_body(BODY, header, "secret")


def test_the_second_signature_covers_time_and_body() -> None:
    expected = hmac.new(b"secret", b"1700000000." + BODY, hashlib.sha256).hexdigest()
    assert sign_body_v2(BODY, ["secret"], NOW) == f"t=1700000000,v1={expected}"


def test_while_a_secret_is_rotated_either_verifies() -> None:
    header = sign_body_v2(BODY, ["new", "old"], NOW)
    assert header.count("v1=") == 2
    assert verify_body_v2(BODY, header, "new", NOW)
    assert verify_body_v2(BODY, header, "old", NOW)
    assert not verify_body_v2(BODY, header, "other", NOW)


@pytest.mark.parametrize(("late_s", "accepted"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_an_old_second_signature_is_a_replay(late_s: int, accepted: bool) -> None:
    header = sign_body_v2(BODY, ["secret"], NOW)
    assert verify_body_v2(BODY, header, "secret", NOW + late_s) is accepted


@pytest.mark.parametrize(
    "tamper",
    [
        lambda header: header.replace("t=17", "t=18"),
        lambda header: header.upper(),
        lambda header: header + ",v1=",
        lambda header: header.partition(",")[0],
        lambda header: header.partition(",")[0] + ",v1=" + "0" * 64,
        lambda header: header.partition(",")[0] + (",v1=" + "0" * 64) * 8 + "," + header.partition(",")[2],
        lambda _: "",
    ],
)
def test_a_tampered_second_signature_is_refused(tamper: Callable[[str], str]) -> None:
    header = sign_body_v2(BODY, ["secret"], NOW)
    assert not verify_body_v2(BODY, tamper(header), "secret", NOW)


@given(body=st.binary(max_size=200), other=st.binary(max_size=200), secret=st.text(min_size=1, max_size=20))
def test_a_signature_verifies_its_own_body_alone(body: bytes, other: bytes, secret: str) -> None:
    assert verify_body(body, sign_body(body, secret), secret)
    assert verify_body_v2(body, sign_body_v2(body, [secret], NOW), secret, NOW)
    assert verify_body(other, sign_body(body, secret), secret) is (other == body)
    assert verify_body_v2(other, sign_body_v2(body, [secret], NOW), secret, NOW) is (other == body)


@pytest.mark.parametrize("place", range(8))
def test_up_to_eight_secrets_sign_at_once_and_each_of_them_is_enough(place: int) -> None:
    secrets = [f"secret-{number}" for number in range(9)]
    now = 1_700_000_000
    assert verify_body_v2(b"{}", sign_body_v2(b"{}", secrets[:8], now), secrets[place], now)
    assert not verify_body_v2(b"{}", sign_body_v2(b"{}", secrets[:8], now), secrets[8], now)
    assert not verify_body_v2(b"{}", sign_body_v2(b"{}", secrets, now), secrets[place], now), "nine are nobody's"

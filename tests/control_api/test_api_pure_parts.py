"""The API's pure rooms: buckets, timestamps, JSON, ranges, signatures, redaction."""

import contextlib
import logging
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from b2bua.redaction import redact_text
from control_api.account_bodies import AddWebhookBody, ChangeWebhookBody, CreateKeyBody
from control_api.byte_ranges import ByteRange, wanted_range
from control_api.errors import Forbidden, Gone, InvalidRequest, RangeNotSatisfiable
from control_api.json_body import MAX_DEPTH, canonical_sha256, parse_json
from control_api.rate_limit import RateLimiter
from control_api.redaction import number_free_logger
from control_api.signed_urls import check_recording_url, recording_signature
from control_api.timestamps import parse_timestamp, render_timestamp


def test_a_bucket_gives_a_minutes_requests_at_once_then_one_each_refill() -> None:
    limiter = RateLimiter(100)
    granted = [limiter.take("k", 1000.0) for _ in range(101)]
    assert [one.allowed for one in granted] == [True] * 100 + [False]
    assert [granted[0].remaining, granted[99].remaining, granted[100].remaining] == [99, 0, 0]
    assert (granted[0].reset_s, granted[99].reset_s, granted[100].retry_after_s) == (1, 60, 1)
    assert not limiter.take("k", 1000.59).allowed
    assert limiter.take("k", 1000.6).allowed
    assert not limiter.take("k", 1000.6).allowed
    full = limiter.take("k", 5000.0)
    assert (full.remaining, full.limit) == (99, 100)


def test_whoever_waits_as_told_is_let_in() -> None:
    for limit in (1, 3, 7, 60, 100, 10_000):
        limiter = RateLimiter(limit)
        now = 12_345.678
        for _ in range(3 * limit if limit < 100 else 20):
            allowance = limiter.take("k", now)
            if not allowance.allowed:
                now += allowance.retry_after_s
                assert limiter.take("k", now).allowed


def test_a_key_has_its_own_limit_and_it_may_be_lowered() -> None:
    limiter = RateLimiter(100)
    assert limiter.take("k", 0.0, 1000).remaining == 999
    assert limiter.take("k", 0.0, 2).remaining == 1
    assert not RateLimiter(0).take("k", 0.0).allowed


def test_the_clock_may_stand_still_or_step_back() -> None:
    limiter = RateLimiter(2)
    limiter.take("k", 100.0)
    assert limiter.take("k", 50.0).remaining == 0


def test_the_table_is_bounded_and_forgets_the_quietest() -> None:
    limiter = RateLimiter(1, max_buckets=2)
    for key in ("a", "b", "a", "c"):
        limiter.take(key, 0.0)
    assert len(limiter) == 2
    assert not limiter.take("a", 0.0).allowed
    assert limiter.take("b", 0.0).allowed


@given(st.integers(-62_000_000_000, 253_000_000_000), st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_any_offset_is_understood(seconds: int, offset_minutes: int) -> None:
    aware = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    aware = aware.astimezone(timezone(timedelta(minutes=offset_minutes)))
    sign = "-" if offset_minutes < 0 else "+"
    hours, minutes = divmod(abs(offset_minutes), 60)
    text = f"{aware:%H:%M:%S}{sign}{hours:02d}:{minutes:02d}"
    text = f"{aware.year:04d}-{aware.month:02d}-{aware.day:02d}T{text}"
    assert parse_timestamp(text) == seconds * 1000
    assert parse_timestamp(render_timestamp(seconds * 1000 + 999)) == seconds * 1000


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00z", 0),
        ("1970-01-01T00:00:00.5Z", 500),
        ("1970-01-01T00:00:00.123456789Z", 123),
        ("1970-01-01T00:00:00.9999999999999999999999Z", 999),
        ("1970-01-01T00:00:00.0004Z", 1),
        ("1970-01-01T00:00:00.0000000000000000000001Z", 1),
        ("1970-01-01T00:00:00.0000000Z", 0),
        ("1969-12-31T23:59:59.25Z", -750),
        ("1970-01-01T05:30:00+05:30", 0),
        ("1970-01-01T05:30:00 05:30", 0),
        ("1970-01-01T00:00:00-00:00", 0),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
    ],
)
def test_timestamps(text: str, at_ms: int) -> None:
    assert parse_timestamp(text) == at_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-01-01",
        "2025-01-01T00:00Z",
        "2025-01-01 00:00:00Z",
        "2025-01-01T00:00:00",
        "2025-13-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2025-01-01T24:00:00Z",
        "2025-01-01T00:00:61Z",
        "2025-01-01T00:00:00+24:00",
        "2025-01-01T00:00:00+00:60",
        "2025-01-01T00:00:00+0530",
        "2025-01-01T00:00:00.Z",
        "٢٠٢٥-01-01T00:00:00Z",
        "2025-01-01T00:00:00Z\n",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
        "0001-01-01T00:00:00+00:01",
    ],
)
def test_what_is_no_timestamp(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_timestamp(text)


def test_the_same_content_has_the_same_digest() -> None:
    one = canonical_sha256(parse_json(b'{"a": 1, "b": ["x", null]}'))
    assert one == canonical_sha256(parse_json(b'{"b":["x",null],"a":1}'))
    assert one != canonical_sha256(parse_json(b'{"b":["x",null],"a":true}'))
    assert one != canonical_sha256(parse_json(b'{"b":["x",null],"a":"1"}'))


def test_depth_is_bounded_exactly() -> None:
    parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    parse_json(b"[" + b"[],{}," * 100 + b"[]]")
    with pytest.raises(InvalidRequest):
        parse_json(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.text(alphabet='[]{}":,0123eE+-.truefalsn\\ud8', max_size=200).map(str.encode))
def test_bytes_are_json_or_refused(raw: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        assert len(canonical_sha256(parse_json(raw))) == 64


@given(st.integers(0, 500), st.integers(0, 600), st.integers(0, 600))
def test_a_range_is_what_a_slice_would_be(length: int, first: int, last: int) -> None:
    header = f"bytes={first}-{last}"
    if last < first:
        assert wanted_range(header, length) is None
    elif first >= length:
        with pytest.raises(RangeNotSatisfiable):
            wanted_range(header, length)
    else:
        wanted = len(bytes(length)[first : last + 1])
        assert wanted_range(header, length) == ByteRange(first, first + wanted - 1)


def test_an_empty_file_has_no_range() -> None:
    for wanted in ("bytes=0-", "bytes=0-0", "bytes=-1"):
        with pytest.raises(RangeNotSatisfiable):
            wanted_range(wanted, 0)
    assert wanted_range(None, 0) is None


@given(st.text(max_size=80), st.text(max_size=20), st.text(max_size=80))
def test_nobody_guesses_a_signature(call_id: str, expires: str, signature: str) -> None:
    with pytest.raises(Forbidden):
        check_recording_url(b"key", call_id.encode("utf-8", "replace").decode(), expires, signature, 0)


def test_a_signature_holds_for_its_key_call_and_time() -> None:
    signature = recording_signature(b"key", "call", 1000)
    check_recording_url(b"key", "call", "1000", signature, 999.9)
    with pytest.raises(Gone):
        check_recording_url(b"key", "call", "1000", signature, 1000)
    for key, call_id, expires in ((b"kez", "call", "1000"), (b"key", "calm", "1000"), (b"key", "call", "1001")):
        with pytest.raises(Forbidden):
            check_recording_url(key, call_id, expires, signature, 0)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("call 9876543210 failed", "call 98******10 failed"),
        ("sip:+919876543210@host", "sip:+91******10@host"),
        ("x-98765 43210", "x-98******10"),
        ("987-654-3210,9876543211", "98******10,98******11"),
        ("status 404 in 123456 us", "status 404 in 123456 us"),
        ("until 2027-01-31 08:22:34", "until 2027-01-31 08:22:34"),
        ("2027-01-319876543210", "20******10"),
        ("call 12345678-1234-4234-8234-123456789012/a", "call 12345678-1234-4234-8234-123456789012/a"),
        ("+91-98765.43210 (home)", "+91******10 (home)"),
        ("(987) 654-3210 is busy", "(98******10 is busy"),
        ("987.654.3210@host", "98******10@host"),
        ("91.98.76.54.32.10", "91******10"),
        ("at 203.0.113.10:5060", "at 203.0.113.10:5060"),
        ("at udp:192.168.100.200:5060", "at udp:192.168.100.200:5060"),
        ("at 192.168.100.200.", "at 192.168.100.200."),
        ("919.876.543.210", "91******10"),
        ("(987) 654 - 3210 is busy", "(98******10 is busy"),
        ("+91 - 98765 - 43210", "+91******10"),
        ("+91 (98765) - 43210", "+91******10"),
        ("3 - 4 (5) - 67", "3 - 4 (5) - 67"),
        ("to '98765/43210'", "to '98******10'"),
        ("98765_43210 and 98765,43210", "98******10 and 98******10"),
        ("0_98765_43210/5060", "0_98******10/5060"),
        ("+91/98765/43210,+919123456789", "+91******10,+91******89"),
        ("0091_98765 43210;91,98765,43210", "00******10;91******10"),
        ("987/654/3210", "98******10"),
        ("9876543210 12 345", "98******45"),
        ("98765/43210 12 345", "98******45"),
        ("+44/7911/123456", "+44******56"),
        ("recordings/2026/11/28/9f86d081.wav", "recordings/2026/11/28/9f86d081.wav"),
        ("09/11/2026 12:34:56,789", "09/11/2026 12:34:56,789"),
        ("2026/11/28 08:22:34,123456", "2026/11/28 08:22:34,123456"),
        ("formats 9,101,13,96,97 of 8/8000", "formats 9,101,13,96,97 of 8/8000"),
        ("networks 98.76.54.32/10,198.51.100.0/24", "networks 98.76.54.32/10,198.51.100.0/24"),
        ("1,987,654 of 12,345,678 bytes, 6/9", "1,987,654 of 12,345,678 bytes, 6/9"),
        ("networks 2001:db8::/64,91.98.76.54/32", "networks 2001:db8::/64,91.98.76.54/32"),
        (
            "2026/09/12/9876543a-1234-4234-8234-123456789012.wav",
            "2026/09/12/9876543a-1234-4234-8234-123456789012.wav",
        ),
        ("76,148,685  (48,094,713 read)", "76,148,685  (48,094,713 read)"),
        ("min/max/avg/dev 90/200/132/33", "min/max/avg/dev 90/200/132/33"),
        ("2026/09/12,2027-01-31 08:22:34", "2026/09/12,2027-01-31 08:22:34"),
        ("at 2027-01-31T08:22:34.123456Z", "at 2027-01-31T08:22:34.123456Z"),
        ("at 2027-01-31T08:22", "at 2027-01-31T08:22"),
        ("version 0.1.0 (2)", "version 0.1.0 (2)"),
        ("Call-ID 01234567890123456789012345678901", "Call-ID 01******01"),
        ("Call-ID 0123456789abcdef0123456789abcdef", "Call-ID 0123456789abcdef0123456789abcdef"),
    ],
)
def test_redaction(text: str, redacted: str) -> None:
    assert redact_text(text) == redacted


def test_a_loggers_lines_and_tracebacks_show_no_number(caplog: pytest.LogCaptureFixture) -> None:
    log = number_free_logger("control_api.test")
    assert number_free_logger("control_api.test") is log
    assert len(log.filters) == 1
    with caplog.at_level(logging.INFO):
        try:
            raise ValueError("9876543210")
        except ValueError:
            log.exception("call of %s", "9876543211")
    assert "98******11" in caplog.text
    assert "98******10" in caplog.text
    assert "9876543210" not in caplog.text
    assert "9876543211" not in caplog.text


@pytest.mark.parametrize(
    ("shape", "field"), [(CreateKeyBody, "scopes"), (AddWebhookBody, "events"), (ChangeWebhookBody, "events")]
)
def test_of_a_long_list_only_the_first_fault_is_looked_for(shape: type[BaseModel], field: str) -> None:
    """A whole body of them would hold up every call for a tenth of a second."""
    body = {"name": "shop", "url": "https://example.com/", field: ["x"] * 10_000}
    with pytest.raises(ValidationError) as refused:
        shape.model_validate({name: value for name, value in body.items() if name in shape.model_fields})
    assert [fault["loc"] for fault in refused.value.errors()] == [(field, 0)]

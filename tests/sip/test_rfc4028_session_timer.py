"""Session timers as values: what is read, asked, agreed and when it is due (RFC 4028)."""

import pytest

from b2bua.sip.message import Headers, Request
from b2bua.sip.session_timer import (
    REFRESHER,
    UAC,
    UAS,
    SessionTimer,
    TimerFields,
    agree,
    agreed_by,
    answering,
    asking,
    read_timer_fields,
    too_short,
)


def fields_of(*headers: tuple[str, str]) -> TimerFields:
    return read_timer_fields(Request("INVITE", "sip:a@192.0.2.1", Headers(headers)))


def said(
    expires_s: int | None = None, refresher: str | None = None, *, min_s: int = 90, supported: bool = True
) -> TimerFields:
    return TimerFields(expires_s, refresher, min_s, supported)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], said(supported=False)),
        ([("Supported", "100rel, timer")], said()),
        ([("Supported", "TIMER"), ("Session-Expires", "1800")], said(1800)),
        ([("k", "timer"), ("x", "1800;refresher=uas")], said(1800, UAS)),
        ([("Require", "timer"), ("Session-Expires", "90 ; Refresher=UAC")], said(90, UAC)),
        ([("Session-Expires", "1800;refresher=me"), ("Min-SE", "600")], said(1800, min_s=600, supported=False)),
        ([("Session-Expires", "soon;refresher=uac"), ("Min-SE", "long")], said(supported=False)),
        ([("Session-Expires", ""), ("Min-SE", "-1"), ("Supported", "@")], said(supported=False)),
        ([("Min-SE", "20")], said(min_s=90, supported=False)),
    ],
)
def test_s4_s5_what_a_message_says(headers: list[tuple[str, str]], expected: TimerFields) -> None:
    assert fields_of(*headers) == expected


@pytest.mark.parametrize(
    ("interval_s", "min_s", "refresher", "expected"),
    [
        (None, 90, None, ()),
        (None, 600, UAC, ()),
        (1800, 90, None, (("Session-Expires", "1800"),)),
        (1800, 91, UAC, (("Session-Expires", "1800;refresher=uac"), ("Min-SE", "91"))),
    ],
)
def test_s7_1_what_a_request_asks(interval_s: int | None, min_s: int, refresher: str | None, expected: object) -> None:
    assert asking(interval_s, min_s, refresher) == expected


@pytest.mark.parametrize(
    ("fields", "refused"),
    [(said(), False), (said(119), True), (said(120), False), (said(119, supported=False), False)],
)
def test_s9_too_short_a_session_is_refused_where_the_uac_knows_what_to_do(fields: TimerFields, refused: bool) -> None:
    assert too_short(fields, 120) is refused


def test_s9_table_2_is_whole() -> None:
    assert set(REFRESHER) == {(supported, named) for supported in (False, True) for named in (None, UAC, UAS)}
    assert all(REFRESHER[(False, named)] == UAS for named in (None, UAC, UAS)), "who knows no timer refreshes nothing"
    assert (REFRESHER[(True, UAC)], REFRESHER[(True, UAS)]) == (UAC, UAS), "whom the UAC names is taken"


THEIRS, OURS_600 = SessionTimer(1200, we_refresh=False), SessionTimer(600, we_refresh=True)


@pytest.mark.parametrize(
    ("fields", "wish_s", "current", "expected"),
    [
        # Nobody wants one.
        (said(), 0, None, None),
        (said(supported=False), 0, None, None),
        # The peer's wish is obeyed, whoever is named.
        (said(1800), 0, None, SessionTimer(1800, we_refresh=True)),
        (said(1800, UAC), 0, None, SessionTimer(1800, we_refresh=False)),
        (said(1800, UAS), 0, None, SessionTimer(1800, we_refresh=True)),
        (said(1800, supported=False), 0, None, SessionTimer(1800, we_refresh=True)),  # a proxy's
        # Ours shortens it, not below its Min-SE, and never lengthens it.
        (said(1800, UAC), 600, None, SessionTimer(600, we_refresh=False)),
        (said(1800, UAC, min_s=900), 600, None, SessionTimer(900, we_refresh=False)),
        (said(300, UAC), 600, None, SessionTimer(300, we_refresh=False)),
        # Ours alone.
        (said(), 600, None, SessionTimer(600, we_refresh=True)),
        (said(min_s=900), 600, None, SessionTimer(900, we_refresh=True)),
        (said(supported=False), 600, None, SessionTimer(600, we_refresh=True, agreed=False)),
        # In a dialog: what is not spoken of stays, but who knows no timer does not refresh.
        (said(), 0, THEIRS, THEIRS),
        (said(), 0, OURS_600, OURS_600),
        (said(supported=False), 0, THEIRS, SessionTimer(1200, we_refresh=True, agreed=False)),
        (said(1800), 0, THEIRS, SessionTimer(1800, we_refresh=False)),
        (said(1800, UAC), 0, OURS_600, SessionTimer(1800, we_refresh=False)),
        (said(1800, UAS), 0, THEIRS, SessionTimer(1800, we_refresh=True)),
    ],
)
def test_s9_what_our_2xx_makes_hold(
    fields: TimerFields, wish_s: int, current: SessionTimer | None, expected: SessionTimer | None
) -> None:
    assert agree(fields, wish_s, current) == expected


@pytest.mark.parametrize(
    ("fields", "timer", "expected"),
    [
        (said(), None, ()),
        (said(), THEIRS, (("Session-Expires", "1200;refresher=uac"), ("Require", "timer"))),
        (said(), OURS_600, (("Session-Expires", "600;refresher=uas"), ("Require", "timer"))),
        (said(supported=False), OURS_600, (("Session-Expires", "600;refresher=uas"),)),
    ],
)
def test_s9_what_our_2xx_says(fields: TimerFields, timer: SessionTimer | None, expected: object) -> None:
    assert answering(fields, timer) == expected


@pytest.mark.parametrize(
    ("fields", "wish_s", "expected"),
    [
        (said(1800, UAC), 0, SessionTimer(1800, we_refresh=True)),
        (said(1800, UAS), 0, SessionTimer(1800, we_refresh=False)),
        (said(1800), 0, SessionTimer(1800, we_refresh=True)),
        (said(), 0, None),
        (said(supported=False), 600, SessionTimer(600, we_refresh=True, agreed=False)),
    ],
)
def test_s7_2_what_a_2xx_to_ours_makes_hold(fields: TimerFields, wish_s: int, expected: SessionTimer | None) -> None:
    assert agreed_by(fields, wish_s) == expected


@pytest.mark.parametrize(
    ("timer", "refresh_s", "end_s"),
    [
        (SessionTimer(1800, we_refresh=True), 900, 1800),
        (SessionTimer(1800, we_refresh=False), None, 1768),
        (SessionTimer(90, we_refresh=True), 45, 90),
        (SessionTimer(90, we_refresh=False), None, 60),
        (SessionTimer(96, we_refresh=False), None, 64),
        (SessionTimer(99, we_refresh=False), None, 67),
        (SessionTimer(600, we_refresh=True, agreed=False), 300, None),
        # However short the peer makes it, a dialog is neither refreshed nor ended all the time.
        (SessionTimer(0, we_refresh=True), 15, 30),
        (SessionTimer(1, we_refresh=False), None, 15),
    ],
)
def test_s10_when_it_is_refreshed_and_when_it_ends(
    timer: SessionTimer, refresh_s: float | None, end_s: float | None
) -> None:
    assert (timer.refresh_after_s, timer.ends_after_s) == (refresh_s, end_s)

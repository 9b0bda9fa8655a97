"""How things read on a page: moments in Indian time, money, lengths of time. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Final

from control_api.timestamps import LAST_MS, parse_timestamp, render_timestamp

IST: Final = timezone(timedelta(hours=5, minutes=30), "IST")  # India has one time zone and no summer time
NONE: Final = "\N{EN DASH}"
_LAST_SHOWN_S: Final = LAST_MS // 1000 - 86_400  # of what ends later, Indian time may lie in a year that is none
_TONES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "completed": "good",
        "good": "good",
        "delivered": "good",
        "live": "good",
        "up": "good",
        "paid": "good",
        "processed": "good",
        "in-progress": "active",
        "answered": "active",
        "ringing": "active",
        "initiated": "active",
        "recorded": "active",
        "pending": "active",
        "asked": "active",
        "retrying": "active",
        "failed": "bad",
        "dead": "bad",
        "poor": "bad",
        "revoked": "bad",
        "suspended": "bad",
        "down": "bad",
        "disabled": "bad",
        "no-answer": "warn",
        "fair": "warn",
        "paused": "warn",
        "expiring": "warn",
        "draining": "warn",
        "available": "good",
        "away": "warn",
        "busy": "active",
    }
)


def moment(timestamp: str | None) -> str:
    """`31 Jan 2025, 17:30` in India; a dash for none."""
    return NONE if timestamp is None else f"{_local(timestamp):%-d %b %Y, %H:%M}"


def time_of_day(timestamp: str | None) -> str:
    """`17:30:05` in India; a dash for none."""
    return NONE if timestamp is None else f"{_local(timestamp):%H:%M:%S}"


def hour_of_day(timestamp: str) -> str:
    """`17:30` in India."""
    return f"{_local(timestamp):%H:%M}"


def day_of_month(timestamp: str) -> str:
    """`31 Jan` in India."""
    return f"{_local(timestamp):%-d %b}"


def day_of_week(timestamp: str) -> str:
    """`Fri, 31 Jan` in India."""
    return f"{_local(timestamp):%a, %-d %b}"


def month(text: str) -> str:
    """`January 2025` of `2025-01`."""
    return f"{datetime.strptime(text, '%Y-%m').replace(tzinfo=IST):%B %Y}"


def rupees(amount: float | None) -> str:
    """`₹1,23,456.50` with Indian grouping; a dash for none."""
    if amount is None:
        return NONE
    paise = round(abs(amount) * 100)
    sign = "-" if amount < 0 and paise else ""
    return f"{sign}₹{grouped(paise // 100)}.{paise % 100:02d}"


def grouped(whole: int) -> str:
    """A whole number with commas as in India: the last three digits, then two by two."""
    digits = str(whole)
    head, tail = digits[:-3], digits[-3:]
    pairs: list[str] = []
    while head:
        head, pair = head[:-2], head[-2:]
        pairs.insert(0, pair)
    return ",".join((*pairs, tail))


def length(seconds: float | None) -> str:
    """`1 h 02 min`, `4 min 05 s` or `7 s`; a dash for none."""
    if seconds is None:
        return NONE
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    if hours:
        return f"{hours} h {rest // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def percent(part: float, whole: float) -> str:
    """`87 %`; a dash of nothing."""
    return NONE if not whole else f"{round(100 * part / whole)} %"


def quality(mos: float) -> str:
    """How a leg sounded, by its mean opinion score: good, fair or poor, as users are by ITU-T G.107 Annex B."""
    return "good" if mos >= 4.03 else "fair" if mos >= 3.6 else "poor"


def tone(word: str) -> str:
    """The colour that a state has: good, active, warn, bad or plain. The word itself always stands beside it."""
    return _TONES.get(word, "plain")


def key_state(key: Mapping[str, str | None], now_ms: int) -> str:
    """What has become of an API key: live, expiring (within a week), ended or revoked."""
    if key["revoked_at"] is not None:
        return "revoked"
    ends_at = key["expires_at"]
    if ends_at is None:
        return "live"
    left_ms = parse_timestamp(ends_at) - now_ms
    return "ended" if left_ms <= 0 else "expiring" if left_ms < 7 * 86_400_000 else "live"


def start_of_day(now_ms: int) -> str:
    """Today's midnight in India, as the API takes it."""
    local = datetime.fromtimestamp(now_ms // 1000, IST).replace(hour=0, minute=0, second=0)
    return render_timestamp(int(local.timestamp()) * 1000)


def _local(timestamp: str) -> datetime:
    return datetime.fromtimestamp(min(parse_timestamp(timestamp) // 1000, _LAST_SHOWN_S), UTC).astimezone(IST)

"""The event store's writer, on a clock that is moved by hand and a journal that is looked into."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from b2bua.sip.routing import TransportAddress
from b2bua.switch import tracing
from b2bua.switch.journal import Journal
from b2bua.switch.trace_steps import Told
from b2bua.switch.tracing import LINGER_S, SORT_S, SORTS_PER_WRITE, Tracing
from storage.records import TracePart
from tests.support.manual_clock import ManualClock

PEER = TransportAddress("udp", "203.0.113.1", 5060)
WRITE_S = SORT_S * SORTS_PER_WRITE


class Written:
    """A journal and the store behind it: what has been written."""

    def __init__(self) -> None:
        self.backlog = 0
        self.parts: list[TracePart] = []
        self.forgotten: list[tuple[int, int]] = []
        self.old_rows = 0
        self.traces = self

    def add(self, work: Any, done: Callable[[object], None] | None = None) -> None:
        if isinstance(work, list):
            self.parts += work
            return
        result = work(self)
        if done is not None:
            done(result)

    def forget(self, before: int, limit: int) -> int:
        self.forgotten.append((before, limit))
        gone = min(self.old_rows, limit)
        self.old_rows -= gone
        return gone


def opened(keep_days: int = 7) -> tuple[Tracing, Written, ManualClock]:
    clock, written = ManualClock(), Written()
    return Tracing(cast(Journal, written), clock, clock, keep_days=keep_days), written, clock


def message(call_id: str, number: int = 0) -> bytes:
    return f"BYE sip:x@y SIP/2.0\r\nCall-ID: {call_id}\r\nCSeq: {number} BYE\r\n\r\n".encode()


def names(written: Written) -> list[str]:
    return [step.name for part in written.parts for step in part.steps]


def test_where_nothing_is_kept_nobody_listens() -> None:
    gathers, _written, clock = opened(keep_days=0)
    assert gathers.message_tape is None
    assert gathers.begin("call", "org") is None
    assert clock.next_due() is None


def test_an_invite_that_comes_before_its_call_is_admitted_is_not_lost() -> None:
    gathers, written, clock = opened()
    tape = gathers.message_tape
    assert tape is not None
    tape(True, message("early"), PEER)
    clock.advance(SORT_S + 0.01)
    trace = gathers.begin("call", "org")
    assert trace is not None
    gathers.dialog(trace, "a", "early")
    clock.advance(2 * WRITE_S)
    assert names(written) == ["BYE"]


def test_messages_of_no_traced_call_are_let_go_of() -> None:
    gathers, written, clock = opened()
    tape = gathers.message_tape
    assert tape is not None
    for number in range(100):
        tape(True, message("nobody's", number), PEER)
        clock.advance(SORT_S / 2)
    clock.advance(2 * WRITE_S)
    assert gathers.counters() == {
        "trace_steps_written_total": 0,
        "trace_steps_dropped_total": 0,
        "trace_steps_waiting": 0,
    }
    assert (gathers._unsorted, gathers._strays, written.parts) == ([], [], [])
    assert clock.next_due() is None, "with nothing to do it sets no timer"


def test_a_call_id_belongs_to_the_leg_that_had_it_first() -> None:
    gathers, written, clock = opened()
    first, second = gathers.begin("one", "org"), gathers.begin("two", "org")
    assert first is not None
    assert second is not None
    gathers.dialog(first, "b", "same")
    gathers.dialog(second, "a", "same")
    assert gathers.message_tape is not None
    gathers.message_tape(False, message("same"), PEER)
    clock.advance(2 * WRITE_S)
    assert [part.call_id for part in written.parts] == ["one"]


def test_a_call_that_is_over_takes_its_last_messages_and_is_then_forgotten() -> None:
    gathers, written, clock = opened()
    trace = gathers.begin("call", "org")
    assert trace is not None
    gathers.dialog(trace, "a", "id")
    gathers.note(trace, Told("state", None, "call.completed", {}))
    gathers.end("call")
    clock.advance(LINGER_S / 2)
    assert gathers.message_tape is not None
    gathers.message_tape(True, message("id"), PEER)
    clock.advance(LINGER_S)
    assert names(written) == ["call.completed", "BYE"]
    assert [part.part for part in written.parts] == [1, 2]
    assert gathers.held == 0
    assert clock.next_due() is None


def test_a_call_is_written_down_at_once_while_one_that_is_over_lingers() -> None:
    gathers, written, clock = opened()
    first = gathers.begin("first", "org")
    assert first is not None
    gathers.end("first")
    clock.advance(LINGER_S / 4)
    second = gathers.begin("second", "org")
    assert second is not None
    gathers.note(second, Told("state", None, "begun", {}))
    clock.advance(2 * WRITE_S)
    assert names(written) == ["begun"]


def test_what_the_journal_cannot_take_waits_up_to_a_limit() -> None:
    gathers, written, clock = opened()
    written.backlog = tracing.JOURNAL_BUSY
    trace = gathers.begin("call", "org")
    assert trace is not None
    for number in range(20):
        gathers.note(trace, Told("state", None, str(number), {}))
    clock.advance(5 * WRITE_S)
    assert written.parts == []
    written.backlog = 0
    clock.advance(2 * WRITE_S)
    assert names(written) == [str(number) for number in range(20)]


def test_closing_writes_what_waits() -> None:
    gathers, written, clock = opened()
    trace = gathers.begin("call", "org")
    assert trace is not None
    gathers.note(trace, Told("state", None, "call.ringing", {}))
    gathers.close()
    assert names(written) == ["call.ringing"]
    assert clock.next_due() is None


def test_old_traces_go_bit_by_bit() -> None:
    gathers, written, clock = opened(keep_days=2)
    written.old_rows = tracing.FORGET_AT_ONCE + 1
    gathers.forget_old()
    before = clock.wall_ms() - 2 * 86_400_000
    assert written.forgotten == [(before, tracing.FORGET_AT_ONCE)] * 2
    assert written.old_rows == 0


def test_beyond_the_limit_of_what_waits_steps_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "STEPS_UNWRITTEN", 5)
    gathers, written, clock = opened()
    written.backlog = tracing.JOURNAL_BUSY
    trace = gathers.begin("call", "org")
    assert trace is not None
    for number in range(20):
        gathers.note(trace, Told("state", None, str(number), {}))
    clock.advance(5 * WRITE_S)
    written.backlog = 0
    clock.advance(2 * WRITE_S)
    assert names(written) == ["0", "1", "2", "3", "4"]
    assert gathers.counters()["trace_steps_dropped_total"] == 15


def test_a_turn_sorts_out_no_more_than_so_much_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "SORTED_AT_ONCE", 10)
    gathers, written, clock = opened()
    tape = gathers.message_tape
    assert tape is not None
    trace = gathers.begin("call", "org")
    assert trace is not None
    gathers.dialog(trace, "a", "sip")
    for number in range(35):
        tape(True, message("sip", number), PEER)
    for sorted_out in (10, 20, 30, 35):
        clock.advance(SORT_S)
        assert trace.kept == sorted_out
        assert gathers.counters()["trace_steps_waiting"] + gathers.written == 35
    clock.advance(WRITE_S)
    assert [step.details["cseq"] for part in written.parts for step in part.steps] == [f"{n} BYE" for n in range(35)]


def test_what_a_turn_has_left_is_sorted_out_at_the_end_and_counts_against_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracing, "SORTED_AT_ONCE", 10)
    monkeypatch.setattr(tracing, "TAPE_LIMIT", 30)
    gathers, written, clock = opened()
    tape = gathers.message_tape
    assert tape is not None
    trace = gathers.begin("call", "org")
    assert trace is not None
    gathers.dialog(trace, "a", "sip")
    for number in range(30):
        tape(True, message("sip", number), PEER)
    clock.advance(SORT_S)
    for number in range(30, 45):
        tape(True, message("sip", number), PEER)
    assert gathers.dropped == 5
    gathers.close()
    assert len(names(written)) == 40

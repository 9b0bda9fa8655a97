"""RFC 3261 section 10.2: the registration's table, its refreshes, its back-off, and what a registrar may do to it."""

from collections.abc import Callable, Iterable

import pytest

from b2bua.sip.message import Response
from b2bua.sip.registration import (
    ACCEPTED,
    CSEQ_STEP,
    ELSEWHERE,
    ENDED,
    EXPIRES_S,
    EXPIRY,
    GIVE_UP,
    GIVE_UP_S,
    HOLDING,
    IDLE,
    LIVE_TIMERS,
    LONGEST_EXPIRES_S,
    LONGEST_RETRY_AFTER_S,
    LOST,
    LOST_FIRST_S,
    MOST_BRIEF,
    MOVED,
    REFRESH,
    REFRESHING,
    REFUSED,
    REGISTERED,
    REGISTERING,
    REGISTRATION,
    RETRY,
    RETRY_FIRST_S,
    RETRY_LONGEST_S,
    SETTLED_S,
    SHORTEST_LIFE_S,
    START,
    STOP,
    STOPPING,
    TOO_BRIEF,
    UNANSWERED,
    UNREGISTERING,
    WAITING,
    Output,
    Register,
    Registration,
    RegistrationTold,
)
from b2bua.sip.uri import Uri
from tests.support.seeded_tokens import SeededTokens

CONTACT = Uri.parse("sip:trunk@192.0.2.1:5060")
STATES = (IDLE, REGISTERING, REGISTERED, REFRESHING, HOLDING, WAITING, STOPPING, UNREGISTERING, ENDED)
ANSWERS = (ACCEPTED, TOO_BRIEF, REFUSED, UNANSWERED, ELSEWHERE)
INPUTS = (START, *ANSWERS, LOST, MOVED, STOP, REFRESH, EXPIRY, RETRY, GIVE_UP)


class Bench:
    """A registration and its registrar, stepped by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.registration = Registration(SeededTokens("registration"))
        self.last: Register | None = None
        self.told: list[tuple[bool, str]] = []
        self.over = 0

    def take(self, outputs: Iterable[Output]) -> "list[Register]":
        """Keep what it tells; what it sends."""
        sent = []
        for output in outputs:
            if isinstance(output, Register):
                self.last = output
                sent.append(output)
            elif isinstance(output, RegistrationTold):
                self.told.append((output.registered, output.reason))
            else:
                self.over += 1
        return sent

    def start(self) -> Register:
        [register] = self.take(self.registration.start(self.now))
        return register

    def answer(self, status: int = 200, *headers: tuple[str, str], cseq: int | None = None) -> list[Register]:
        assert self.last is not None
        number = self.last.cseq if cseq is None else cseq
        response = Response(status, None, [("CSeq", f"{number} REGISTER"), *headers])
        return self.take(self.registration.answered(response, CONTACT, self.now))

    def fail(self) -> list[Register]:
        return self.take(self.registration.failed("timeout", self.now))

    def next(self) -> list[Register]:
        """To the next timer; what is sent then."""
        due = self.registration.next_timer()
        assert due is not None
        self.now = due
        return self.take(self.registration.handle_timers(due))

    def lose(self) -> list[Register]:
        return self.take(self.registration.connection_lost(self.now))

    def stop(self) -> list[Register]:
        return self.take(self.registration.stop(self.now))


def registered(expires: str = "3600") -> Bench:
    bench = Bench()
    bench.start()
    bench.answer(200, ("Contact", f"<{CONTACT}>;expires={expires}"))
    assert bench.registration.state == REGISTERED
    return bench


def refreshing() -> Bench:
    bench = registered()
    bench.next()
    assert bench.registration.state == REFRESHING
    return bench


# The table.


def test_the_table_is_whole() -> None:
    """Every answer means something wherever a REGISTER is open, every timer where it lives, and STOP until the end."""
    for state in (REGISTERING, REFRESHING, STOPPING, UNREGISTERING):
        assert all((state, answer) in REGISTRATION for answer in ANSWERS), state
    for state in STATES:
        timers = [given for given in (REFRESH, EXPIRY, RETRY, GIVE_UP) if (state, given) in REGISTRATION]
        assert set(timers) == set(LIVE_TIMERS[state]) - ({EXPIRY} if state == REGISTERED else set()), state
    stoppable = {state for state in STATES if (state, STOP) in REGISTRATION}
    assert stoppable == set(STATES) - {STOPPING, UNREGISTERING, ENDED}
    assert {state for state in STATES if (state, LOST) in REGISTRATION} == {REGISTERED, HOLDING}
    assert {state for state in STATES if (state, MOVED) in REGISTRATION} == {HOLDING, WAITING}
    assert set(LIVE_TIMERS) == set(STATES)
    assert {state for _, state in REGISTRATION.values()} <= set(STATES)
    assert {given for _, given in REGISTRATION} == set(INPUTS)


def test_what_the_table_does_not_have_changes_nothing() -> None:
    for state in STATES:
        for given in INPUTS:
            if (state, given) in REGISTRATION:
                continue
            registration = Registration(SeededTokens("table"))
            registration.state = state
            assert registration._take(given, None, 0.0) == ()
            assert registration.state == state


# Registering.


def test_it_registers_and_says_for_how_long() -> None:
    bench = Bench()
    assert bench.start() == Register(1, EXPIRES_S)
    assert bench.answer(200, ("Contact", f"<{CONTACT}>;expires=1800")) == []
    assert bench.told == [(True, "registered for 1800 s")]


@pytest.mark.parametrize(
    ("headers", "granted"),
    [
        ([("Contact", f"<{CONTACT}>;expires=120"), ("Expires", "900")], 120),
        ([("Contact", f"<{CONTACT}>"), ("Expires", "900")], 900),
        ([("Contact", f"<sip:other@192.0.2.9>;expires=60, <{CONTACT}>;expires=120")], 120),
        ([("Contact", "<sip:trunk@198.51.100.7:40112>;expires=120")], 120),  # rewritten on the way
        ([("Contact", "<sip:other@192.0.2.9>;expires=60")], EXPIRES_S),
        # Another's of the same account comes first, and ours comes back a little otherwise.
        ([("Contact", f"<sip:trunk@192.0.2.9:5060>;expires=3600, <{CONTACT};transport=udp>;expires=60")], 60),
        ([("Contact", "<sip:trunk@192.0.2.9:5060>;expires=50, <sip:trunk@192.0.2.1>;expires=60")], 60),
        ([("Contact", "<sip:trunk@192.0.2.1:5070>;expires=50, <sip:trunk@192.0.2.1>;expires=60")], 60),
        ([("Contact", f"<sip:trunk@192.0.2.9:5060>;expires=50, <{CONTACT}>;expires=60")], 60),
        # Rewritten all of them: which is ours cannot be told.
        ([("Contact", "<sip:trunk@198.51.100.7:1>;expires=900, <sip:trunk@198.51.100.7:2>;expires=60")], 60),
        ([("Contact", "<sip:trunk@198.51.100.7:1>;expires=0, <sip:trunk@198.51.100.7:2>;expires=60")], 60),
        ([("Expires", "600")], 600),
        ([], EXPIRES_S),
        ([("Contact", f"<{CONTACT}>;expires=99999999")], EXPIRES_S),
        ([("Contact", f"<{CONTACT}>;expires=-5")], EXPIRES_S),
        ([("Contact", f"<{CONTACT}>;expires=soon")], EXPIRES_S),
        ([("Contact", f"<{CONTACT}>;expires={'9' * 5000}")], EXPIRES_S),
        ([("Contact", "<broken"), ("Expires", "never")], EXPIRES_S),
    ],
)
def test_s10_2_4_the_life_that_is_granted(headers: list[tuple[str, str]], granted: int) -> None:
    bench = Bench()
    bench.start()
    bench.answer(200, *headers)
    assert bench.told == [(True, f"registered for {granted} s")]


def test_a_binding_that_is_granted_no_life_is_none() -> None:
    bench = Bench()
    bench.start()
    bench.answer(200, ("Contact", f"<{CONTACT}>;expires=0"))
    assert bench.told == [(False, "registration granted for 0 s")]
    assert bench.registration.state == WAITING


# Refreshing.


@pytest.mark.parametrize(
    ("granted", "earliest", "latest"), [("60", 27, 30), ("1200", 540, 600), ("3600", 2700, 3000), ("2", 4.5, 5)]
)
def test_it_is_refreshed_in_time_with_the_next_cseq(granted: str, earliest: float, latest: float) -> None:
    bench = registered(granted)
    began = bench.now
    assert bench.next() == [Register(2, EXPIRES_S)]
    assert earliest <= bench.now - began <= latest
    bench.answer()
    assert bench.next() == [Register(3, EXPIRES_S)]


def test_cseq_follows_what_challenges_have_made_of_it() -> None:
    bench = Bench()
    bench.start()
    bench.answer(200, cseq=3)
    assert bench.next() == [Register(4, EXPIRES_S)]
    bench.fail()
    assert bench.next() == [Register(4 + CSEQ_STEP, EXPIRES_S)]


def test_a_registrar_cannot_make_cseq_jump() -> None:
    bench = Bench()
    bench.start()
    bench.answer(200, cseq=2**31 - 1)
    assert bench.next() == [Register(1 + CSEQ_STEP, EXPIRES_S)]


def test_a_refresh_that_is_not_answered_is_tried_again_while_the_binding_holds() -> None:
    bench = refreshing()
    bench.fail()
    assert bench.told == [(True, "registered for 3600 s")]
    failed_at = bench.now
    [again] = bench.next()
    assert RETRY_FIRST_S <= bench.now - failed_at <= RETRY_FIRST_S * 1.25
    assert bench.registration.state == REFRESHING
    assert again.cseq == 2 + CSEQ_STEP
    bench.answer()
    assert bench.told[-1] == (True, "registered for 3600 s")


def test_a_binding_that_is_not_renewed_is_lost_when_it_expires() -> None:
    bench = registered("60")
    lost_at = bench.now + 60
    while bench.told[-1][0]:
        if bench.registration.state == REFRESHING:
            bench.fail()
        bench.next()
    assert bench.now == lost_at
    assert bench.told[-1] == (False, "registration expired")
    assert bench.registration.state in (WAITING, REGISTERING)


def test_a_binding_that_expires_with_the_refresh_still_open_is_lost_and_found_again() -> None:
    bench = registered("60")
    bench.next()
    assert bench.next() == [], "nothing is sent while a REGISTER is open (10.2)"
    assert bench.told[-1] == (False, "registration expired")
    bench.answer()
    assert bench.told[-1] == (True, "registered for 3600 s")


def test_a_refused_refresh_takes_it_down_at_once() -> None:
    bench = refreshing()
    bench.answer(403)
    assert bench.told[-1] == (False, "registration refused 403")


# 423.


@pytest.mark.parametrize("begin", [Bench, refreshing])
def test_s10_2_8_too_brief_is_asked_for_longer_at_once(begin: Callable[[], Bench]) -> None:
    bench = begin()
    if bench.last is None:
        bench.start()
    assert bench.last is not None
    cseq = bench.last.cseq
    assert bench.answer(423, ("Min-Expires", "7200")) == [Register(cseq + 1, 7200)]
    bench.answer(200, ("Expires", "7200"))
    assert bench.told[-1] == (True, "registered for 7200 s")
    assert [register.expires_s for register in bench.next()] == [7200]


@pytest.mark.parametrize("wanted", ["", "soon", "0", "3600", str(LONGEST_EXPIRES_S + 1), "9" * 5000])
def test_a_423_that_asks_for_nothing_sensible_is_a_refusal(wanted: str) -> None:
    bench = Bench()
    bench.start()
    assert bench.answer(423, *([("Min-Expires", wanted)] if wanted else [])) == []
    assert bench.told == [(False, "registration refused 423")]


def test_a_second_registrar_behind_the_first_may_want_a_longer_life_too() -> None:
    bench = Bench()
    bench.start()
    assert bench.answer(423, ("Min-Expires", "7200")) == [Register(2, 7200)]
    assert bench.answer(423, ("Min-Expires", "14400")) == [Register(3, 14400)]


def test_a_registrar_that_always_wants_more_comes_to_an_end() -> None:
    bench = Bench()
    bench.start()
    sent = 0
    for more in range(1, 100):
        sent += len(bench.answer(423, ("Min-Expires", str(EXPIRES_S + more))))
    assert sent == MOST_BRIEF
    assert bench.registration.state == WAITING


# Failures.


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "refused 401"),
        (403, "refused 403"),
        (404, "refused 404"),
        (302, "refused 302"),
        (600, "refused 600"),
        (603, "refused 603"),
        (408, "answered 408"),
        (500, "answered 500"),
        (503, "answered 503"),
    ],
)
def test_a_failure_is_told_and_tried_again(status: int, reason: str) -> None:
    bench = Bench()
    bench.start()
    assert bench.answer(status) == []
    assert bench.told == [(False, f"registration {reason}")]
    assert [register.cseq for register in bench.next()] == [2]


def test_what_it_came_to_nothing_of_is_told() -> None:
    bench = Bench()
    bench.start()
    assert bench.fail() == []
    assert bench.told == [(False, "registration unanswered (timeout)")]


def test_it_backs_off_with_a_little_chance_and_starts_anew_after_a_success() -> None:
    bench = Bench()
    bench.start()
    waits = []
    for _ in range(8):
        bench.fail()
        failed_at = bench.now
        bench.next()
        waits.append(bench.now - failed_at)
    steps = [min(RETRY_FIRST_S * 2**number, RETRY_LONGEST_S) for number in range(8)]
    assert all(step <= wait <= step * 1.25 for step, wait in zip(steps, waits, strict=True)), waits
    assert len({round(wait / step, 6) for step, wait in zip(steps, waits, strict=True)}) > 1
    bench.answer()
    bench.next()
    bench.fail()
    failed_at = bench.now
    bench.next()
    assert bench.now - failed_at <= RETRY_FIRST_S * 1.25


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("120", 120),
        ("120 (maintenance);duration=60", 120),
        ("1", RETRY_FIRST_S),
        ("soon", RETRY_FIRST_S),
        ("999999", LONGEST_RETRY_AFTER_S),
    ],
)
def test_retry_after_is_obeyed_within_reason(text: str, least: float) -> None:
    bench = Bench()
    bench.start()
    bench.answer(503, ("Retry-After", text))
    began = bench.now
    bench.next()
    assert least <= bench.now - began <= max(least, RETRY_FIRST_S * 1.25)


def test_another_destination_is_tried_at_once() -> None:
    bench = Bench()
    bench.start()
    assert bench.take(bench.registration.elsewhere(bench.now)) == [Register(1 + CSEQ_STEP, EXPIRES_S)]
    assert bench.told == []


# Connections that end (RFC 5626 section 4.4).

ENDED_UNDER_IT = (True, "registered, but the connection ended")


def test_a_binding_whose_connection_has_ended_is_made_again_promptly() -> None:
    bench = registered()
    bench.now += 600
    lost_at = bench.now
    assert bench.lose() == [], "who answers and closes at once must not have it in a tight loop"
    assert bench.told[-1] == ENDED_UNDER_IT
    assert bench.next() == [Register(2, EXPIRES_S)]
    assert LOST_FIRST_S <= bench.now - lost_at <= LOST_FIRST_S * 1.25
    bench.answer()
    assert bench.told[-1] == (True, "registered for 3600 s")


def test_a_peer_that_closes_after_every_answer_is_asked_less_and_less() -> None:
    bench = registered()
    waits = []
    for _ in range(14):
        bench.lose()
        lost_at = bench.now
        assert len(bench.next()) == 1
        waits.append(bench.now - lost_at)
        bench.answer()
    steps = [min(LOST_FIRST_S * 2**number, RETRY_LONGEST_S) for number in range(14)]
    assert steps[-1] == RETRY_LONGEST_S
    assert all(step <= wait <= step * 1.25 for step, wait in zip(steps, waits, strict=True)), waits


def test_failures_between_two_losses_do_not_make_the_next_one_prompt() -> None:
    bench = registered()
    for _ in range(3):
        bench.lose()
        bench.next()
        bench.fail()
        bench.next()
        bench.answer()
    bench.lose()
    lost_at = bench.now
    bench.next()
    assert bench.now - lost_at >= LOST_FIRST_S * 8


def test_a_binding_that_has_lasted_is_made_again_promptly_however_often_others_were_lost() -> None:
    bench = registered("60")
    for _ in range(5):
        bench.lose()
        bench.next()
        bench.answer(200, ("Expires", "60"))
    settled_at = bench.now + SETTLED_S
    while bench.now < settled_at:  # refreshes go on and do not begin it anew
        bench.next()
        bench.answer(200, ("Expires", "60"))
    bench.lose()
    lost_at = bench.now
    bench.next()
    assert bench.now - lost_at <= LOST_FIRST_S * 1.25


def test_a_failed_refresh_does_not_hold_up_what_follows_a_lost_connection() -> None:
    bench = refreshing()
    bench.fail()
    assert bench.registration.state == HOLDING
    lost_at = bench.now
    bench.lose()
    assert bench.told[-1] == ENDED_UNDER_IT
    assert len(bench.next()) == 1
    assert bench.now - lost_at <= LOST_FIRST_S * 1.25


def test_a_lost_connection_shortens_no_time_that_the_registrar_has_asked_for() -> None:
    """RFC 3261 21.5.4: who is overloaded says so, and closes."""
    bench = refreshing()
    bench.answer(503, ("Retry-After", "300"))
    asked_at = bench.now
    bench.now += 5
    assert bench.lose() == []
    assert len(bench.next()) == 1
    assert bench.now - asked_at >= 300


def test_a_new_destination_does_not_wait_for_the_failures_of_others_but_for_what_was_asked() -> None:
    bench = Bench()
    bench.start()
    for _ in range(6):
        bench.fail()
        bench.next()
    bench.fail()
    moved_at = bench.now
    assert bench.take(bench.registration.moved(bench.now)) == []
    assert len(bench.next()) == 1
    assert bench.now - moved_at <= LOST_FIRST_S * 1.25
    bench.answer(500, ("Retry-After", "300"))
    asked_at = bench.now
    bench.take(bench.registration.moved(bench.now))
    bench.next()
    assert bench.now - asked_at >= 300


def test_a_connection_that_ends_under_an_open_refresh_leaves_its_answer_to_decide() -> None:
    bench = refreshing()
    assert bench.lose() == [], "nothing is sent while a REGISTER is open (10.2)"
    assert bench.registration.state == REFRESHING
    bench.answer()
    assert bench.told[-1] == (True, "registered for 3600 s")


def test_a_binding_whose_connections_end_lasts_until_it_expires() -> None:
    """Our own calls need no binding, and who can open connections to us still does."""
    bench = registered("60")
    expires_at = bench.now + 60
    bench.lose()
    bench.next()
    bench.fail()
    while bench.now < expires_at:
        assert bench.told[-1][0]
        bench.next()
        if bench.registration.state == REFRESHING:
            bench.fail()
    assert bench.told[-1] == (False, "registration expired")


# The end.


def test_it_is_taken_back_with_expires_0() -> None:
    bench = registered()
    assert bench.stop() == [Register(2, 0)]
    assert bench.told[-1] == (False, "registration taken back")
    assert bench.over == 0
    bench.answer()
    assert (bench.over, bench.registration.state) == (1, ENDED)
    assert bench.registration.next_timer() is None


def test_taking_it_back_waits_for_the_open_register_and_not_for_ever() -> None:
    bench = refreshing()
    began = bench.now
    assert bench.stop() == [], "nothing is sent while a REGISTER is open (10.2)"
    assert bench.answer() == [Register(3, 0)]
    assert bench.next() == []
    assert bench.now - began == GIVE_UP_S
    assert bench.over == 1
    assert bench.answer() == []
    assert bench.over == 1


def test_a_registrar_that_never_answers_does_not_hold_up_the_end() -> None:
    bench = Bench()
    bench.start()
    bench.stop()
    bench.next()
    assert bench.over == 1


@pytest.mark.parametrize("begin", [Bench, registered])
def test_what_is_not_bound_needs_no_taking_back(begin: Callable[[], Bench]) -> None:
    bench = begin()
    if bench.registration.state == REGISTERED:
        bench.next()
        bench.answer(403)
    assert bench.stop() == []
    assert bench.over == 1


def test_a_short_life_does_not_make_a_flood() -> None:
    bench = registered("1")
    began, sent = bench.now, 0
    while bench.now < began + 60:
        sent += len(bench.next())
        bench.answer(200, ("Expires", "1"))
    assert sent <= 60 / (SHORTEST_LIFE_S / 2 * 0.9) + 1

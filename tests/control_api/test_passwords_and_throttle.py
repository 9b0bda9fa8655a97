"""Passwords off the event loop and a bounded number at a time; tries counted in bounded tables."""

import asyncio

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from control_api import passwords as room
from control_api.errors import NotReady
from control_api.log_in_throttle import ACCOUNT_REFILL_S, ACCOUNT_TRIES, LogInThrottle, TryBuckets
from control_api.passwords import Passwords
from control_api.totp import matching_step
from tests.support.signed_in import CHEAP


async def test_a_password_is_hashed_with_argon2id_and_checked() -> None:
    passwords = Passwords(CHEAP)
    hashed = await passwords.hashed("correct horse")
    assert hashed.startswith("$argon2id$")
    assert await passwords.matches(hashed, "correct horse")
    assert not await passwords.matches(hashed, "correct hors")
    assert not await passwords.matches(None, "nobody's password")
    assert not await passwords.matches("rubbish", "correct horse")


async def test_the_same_word_typed_in_another_way_is_the_same() -> None:
    passwords = Passwords(CHEAP)
    assert await passwords.matches(await passwords.hashed("caf\u00e9 longer"), "cafe\u0301 longer")


async def test_a_hash_of_other_costs_is_outdated() -> None:
    hashed = await Passwords(CHEAP).hashed("correct horse")
    assert not Passwords(CHEAP).outdated(hashed)
    assert Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)).outdated(hashed)


def test_a_password_costs_what_rfc_9106_recommends() -> None:
    hasher = Passwords()._hasher
    assert (hasher.time_cost, hasher.memory_cost, hasher.parallelism) == (3, 65_536, 4)  # its section 4, second


async def test_too_many_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_WAITING", 3)
    passwords = Passwords(CHEAP)
    results = await asyncio.gather(*(passwords.hashed("x") for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, NotReady) for result in results) == 2
    assert (await passwords.hashed("x")).startswith("$argon2id$")


def test_tries_come_back_one_by_one() -> None:
    throttle = LogInThrottle()
    assert [throttle.take("a", "1", 0.0) for _ in range(ACCOUNT_TRIES)] == [0] * ACCOUNT_TRIES
    assert throttle.take("a", "2", 0.0) == ACCOUNT_REFILL_S
    assert throttle.take("b", "1", 0.0) == 0
    assert throttle.take("a", "2", 30.0) == ACCOUNT_REFILL_S - 30
    assert throttle.take("a", "2", ACCOUNT_REFILL_S) == 0
    assert throttle.take("a", "2", ACCOUNT_REFILL_S) == ACCOUNT_REFILL_S


def test_a_refused_try_uses_nothing_up() -> None:
    throttle = LogInThrottle()
    for _ in range(100):
        throttle.take("a", "1", 0.0)
    assert throttle.take("b", "1", 0.0) == 0


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 100), st.booleans()), max_size=60))
def test_no_name_ever_has_more_tries_than_time_gave(steps: list[tuple[str, float, bool]]) -> None:
    buckets, now = TryBuckets(3, 10.0, max_rows=10), 0.0
    taken: dict[str, int] = {}
    for name, elapsed, back in steps:
        now += elapsed
        if buckets.wait_s(name, now) == 0:
            buckets.take(name, now)
            taken[name] = taken.get(name, 0) + 1
            if back:
                buckets.give_back(name, now)
                taken[name] -= 1
        assert taken.get(name, 0) <= 3 + now / 10 + 1e-6


def test_the_table_is_bounded_and_the_quietest_go() -> None:
    buckets = TryBuckets(1, 1_000.0, max_rows=2)
    for name in ("a", "b", "c"):
        buckets.take(name, 0.0)
    assert len(buckets) == 2
    assert buckets.wait_s("c", 0.0) > 0
    assert buckets.wait_s("a", 0.0) == 0


# RFC 6238 appendix B: the SHA-1 column, whose codes are the last six of its eight digits.
@pytest.mark.parametrize(
    ("at_s", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_rfc6238_codes(at_s: int, code: str) -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert matching_step(secret, code, at_s * 1000) == at_s // 30
    assert matching_step(secret, code, (at_s + 30) * 1000) == at_s // 30
    assert matching_step(secret, code, (at_s + 90) * 1000) is None

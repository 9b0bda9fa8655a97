"""The tokens of the running process: as many digits and bits as asked for, and never the same octets twice."""

import re

from b2bua.tokens import FETCHED_OCTETS, SystemTokens


def test_tokens_have_the_size_that_was_asked_for() -> None:
    tokens = SystemTokens()
    for digits in (1, 2, 7, 32, 64, 3 * FETCHED_OCTETS):
        assert re.fullmatch(rf"[0-9a-f]{{{digits}}}", tokens.hex(digits))
    for bits in (1, 3, 8, 16, 31, 62):
        values = [tokens.integer(bits) for _ in range(500)]
        assert all(0 <= value < 1 << bits for value in values)
        assert max(values) >= 1 << (bits - 1)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", tokens.uuid())


def test_no_octet_is_used_twice_across_fetches() -> None:
    tokens = SystemTokens()
    drawn = [tokens.hex(16) for _ in range(5 * FETCHED_OCTETS // 8)]
    assert len(set(drawn)) == len(drawn)
    other = SystemTokens()
    assert not set(drawn) & {other.hex(16) for _ in range(100)}

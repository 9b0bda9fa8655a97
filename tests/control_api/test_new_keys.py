"""API keys as they are made: none is good for more things, places or time than who makes it."""

from dataclasses import replace
from hashlib import sha256
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_api.errors import Forbidden
from control_api.keys import NewKey, check_no_wider, end_of_grace, is_live
from control_api.rights import Right, rights_of_scopes
from control_api.who import Who
from storage.records import ApiKey, Scope

MAKER = ApiKey("k", "o", "maker", "0" * 64, "vp_00000000", frozenset(Scope), created_at=1_000)
HOUR_MS = 3_600_000


def maker(**changes: object) -> Who:
    """Somebody with a key of every scope, changed in these."""
    key = replace(MAKER, **changes)  # type: ignore[arg-type]  # the tests below name what there is
    return Who("o", rights_of_scopes(key.scopes), key)


def refused_field(who: Who, networks: tuple[str, ...] = (), expires_at: int | None = None) -> str | None:
    """What of a new key of the maker's own scopes goes too far; None where it may be made."""
    assert who.key is not None
    try:
        check_no_wider(who, who.key.scopes, networks, expires_at)
    except Forbidden as refusal:
        return refusal.field
    return None


WITHIN = [
    ((), (), True),
    (("10.0.0.0/8",), (), True),
    ((), ("10.0.0.0/8",), False),
    (("10.0.0.0/8",), ("10.0.0.0/8",), True),
    (("10.1.2.3",), ("10.0.0.0/8",), True),
    (("10.0.0.0/7",), ("10.0.0.0/8",), False),
    (("11.0.0.1",), ("10.0.0.0/8",), False),
    (("10.1.2.3", "11.0.0.1"), ("10.0.0.0/8",), False),
    (("10.1.2.3", "192.0.2.9"), ("10.0.0.0/8", "192.0.2.0/24"), True),
    (("2001:db8::1",), ("2001:db8::/32",), True),
    (("2001:db8::/32",), ("2001:db8::/48",), False),
    (("2001:db9::1",), ("2001:db8::/32",), False),
    (("10.0.0.1",), ("::/0",), False),
    (("::1",), ("0.0.0.0/0",), False),
    (("::ffff:10.0.0.1",), ("10.0.0.0/8",), True),
    (("::ffff:11.0.0.1",), ("10.0.0.0/8",), False),
]


@pytest.mark.parametrize(("networks", "bounds", "allowed"), WITHIN)
def test_a_key_makes_none_for_other_places(networks: tuple[str, ...], bounds: tuple[str, ...], allowed: bool) -> None:
    assert refused_field(maker(allowed_networks=bounds), networks) == (None if allowed else "allowed_networks")


@given(inner=st.tuples(st.integers(0, 255), st.integers(0, 8)), outer=st.tuples(st.integers(0, 255), st.integers(0, 8)))
@pytest.mark.parametrize("base", ["192.0.2.{}/{}", "2001:db8::{:x}/{}"])
def test_every_address_of_a_new_key_is_one_of_its_maker(
    base: str, inner: tuple[int, int], outer: tuple[int, int]
) -> None:
    whole = 32 if "." in base.split("{")[0] else 128
    networks = [ip_network(base.format(low, whole - bits), strict=False) for low, bits in (inner, outer)]
    within = set(networks[0]) <= set(networks[1])
    refused = refused_field(maker(allowed_networks=(str(networks[1]),)), (str(networks[0]),))
    assert refused == (None if within else "allowed_networks")


@pytest.mark.parametrize(
    ("own", "new", "allowed"),
    [
        (None, None, True),
        (None, 5_000, True),
        (5_000, 4_999, True),
        (5_000, 5_000, True),
        (5_000, 5_001, False),
        (5_000, None, False),
    ],
)
def test_a_key_makes_none_that_outlives_it(own: int | None, new: int | None, allowed: bool) -> None:
    assert refused_field(maker(expires_at=own), expires_at=new) == (None if allowed else "expires_at")


@pytest.mark.parametrize("scope", Scope)
def test_nobody_gives_a_scope_that_goes_beyond_what_they_may_do(scope: Scope) -> None:
    rights = rights_of_scopes(frozenset({scope}))
    check_no_wider(Who("o", rights), frozenset({scope}), (), None)  # a person is bound by no place or time
    for missing in rights:
        who = Who("o", frozenset(Right) - {missing})
        with pytest.raises(Forbidden) as refusal:
            check_no_wider(who, frozenset({scope}), (), None)
        assert refusal.value.field == "scopes"


@pytest.mark.parametrize(
    ("revoked_at", "expires_at", "live"),
    [
        (None, None, True),
        (None, 2_001, True),
        (None, 2_000, False),
        (None, 1_999, False),
        (1_500, None, False),
        (1_500, 9_000, False),
    ],
)
def test_a_key_works_until_it_is_revoked_or_its_time_is_over(
    revoked_at: int | None, expires_at: int | None, live: bool
) -> None:
    assert is_live(replace(MAKER, revoked_at=revoked_at, expires_at=expires_at), 2_000) is live


@pytest.mark.parametrize(
    ("own_end", "hours", "ends_at"),
    [
        (None, 0, 2_000),
        (None, 1.5, 2_000 + HOUR_MS * 3 // 2),
        (2_000 + HOUR_MS, 1.5, 2_000 + HOUR_MS),  # a grace gives no key more time than it had
        (2_000 + HOUR_MS * 2, 1.5, 2_000 + HOUR_MS * 3 // 2),
    ],
)
def test_a_key_that_was_replaced_ends_after_its_grace(own_end: int | None, hours: float, ends_at: int) -> None:
    assert end_of_grace(replace(MAKER, expires_at=own_end), hours, 2_000) == ends_at


@pytest.mark.parametrize(("test", "beginning"), [(False, "vp_"), (True, "vp_test_")])
def test_of_a_key_its_hash_is_kept_and_its_beginning(test: bool, beginning: str) -> None:
    new = NewKey("new", "ab" * 32, test)
    assert new.text == beginning + "ab" * 32
    old = replace(MAKER, last_used_at=7, allowed_networks=("192.0.2.1",), expires_at=9_000)
    assert new.successor(old, 5_000) == replace(
        old,
        key_id="new",
        key_sha256=sha256(new.text.encode()).hexdigest(),
        prefix=new.text[:11],
        created_at=5_000,
        last_used_at=None,
    )

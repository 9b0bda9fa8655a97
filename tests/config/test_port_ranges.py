"""Ranges of media ports: what counts is pairs, RTP on an even port and RTCP on the next."""

import pytest

from tests.support.configurations import config_of, mistakes_in

FOR_ONE = "[calls]\nmax_concurrent = 1\n"


@pytest.mark.parametrize(
    ("section", "too_small", "enough"),
    [
        ("media", "20000-20002", "20000-20003"),
        ("media", "20001-20004", "20001-20005"),
        ("media", "65532-65534", "65532-65535"),
        ("test_calls", "19000-19006", "19000-19007"),
        ("test_calls", "19001-19008", "19001-19009"),
    ],
)
def test_a_range_without_room_for_one_call_is_a_mistake(section: str, too_small: str, enough: str) -> None:
    (mistake,) = mistakes_in(f"[{section}]\nports = '{too_small}'")
    assert mistake.startswith(f'{section}.ports: "{too_small}" holds no call: each takes ')
    assert mistakes_in(f"[{section}]\nports = '{enough}'") == []


@pytest.mark.parametrize(
    ("ports", "fits"), [("1024-1043", True), ("1023-1043", False), ("65000-65535", True), ("65000-65536", False)]
)
def test_a_range_keeps_to_the_ports_that_anybody_may_open(ports: str, fits: bool) -> None:
    mistakes = mistakes_in(f"[media]\nports = '{ports}'")
    assert mistakes == [] if fits else mistakes[0].startswith(f'media.ports: "{ports}" leaves 1024-65535; ')


def test_a_range_that_begins_odd_is_told_to_hold_what_it_holds() -> None:
    assert config_of(FOR_ONE + "[media]\nports = '20001-20005'").warnings == ()
    (told,) = config_of(FOR_ONE.replace("1", "2") + "[media]\nports = '20001-20008'").warnings
    assert told.startswith("media.ports: 20001 to 20008 are enough for 1 calls at once")


def test_a_range_for_fewer_test_calls_than_are_taken_is_told() -> None:
    (told,) = config_of("[test_calls]\nports = '19001-19080'").warnings
    assert told.startswith("test_calls.ports: 19001 to 19080 are enough for 9 test calls at once")
    assert config_of("[test_calls]\nports = '19000-19079'").warnings == ()
    assert config_of("[test_calls]\nports = '19001-19080'\nenabled = false").warnings == ()


def test_nobody_asks_for_the_ports_of_test_calls_where_there_are_none() -> None:
    assert mistakes_in("[test_calls]\nenabled = false\nports = '19000-19003'") == []
    browsers = "[webrtc]\nenabled = true\nports = '19100-19499'\n"
    (mistake,) = mistakes_in(browsers)
    assert "meets test_calls.ports" in mistake
    assert mistakes_in(browsers + "[test_calls]\nenabled = false") == []

"""What is accepted but has no effect yet is told, key by key."""

from dataclasses import fields

import pytest

from b2bua.config import effectless
from b2bua.config.release import NOT_YET, NotYet
from b2bua.config.sections import LISTS, SECTIONS
from tests.support.configurations import A_TRUNK, config_of


def test_defaults_have_all_the_effect_they_promise() -> None:
    assert effectless(config_of(A_TRUNK)) == []


def test_every_key_without_effect_is_a_key() -> None:
    for not_yet in NOT_YET:
        made = SECTIONS.get(not_yet.section) or LISTS[not_yet.section]
        assert not_yet.key in {each.name for each in fields(made)}


@pytest.mark.parametrize(
    ("text", "not_yet", "begins"),
    [
        ("[calls]\nsip_parties = true", NotYet("calls", "sip_parties", "something"), "calls.sip_parties: "),
        (A_TRUNK + "nat = true", NotYet("trunks", "nat", "something"), "trunks[carrier].nat: "),
    ],
)
def test_each_set_key_without_effect_is_told(text: str, not_yet: NotYet, begins: str) -> None:
    (told,) = effectless(config_of(text), [not_yet])
    assert told.startswith(begins)
    assert told.endswith("something is not in this release")
    assert effectless(config_of(A_TRUNK), [not_yet]) == []


@pytest.mark.parametrize(
    "line",
    [
        "srtp = 'required'",
        "reliable_provisional = 'off'",
        "reliable_provisional = 'required'",
        "early_media = 'ignore'",
        "privacy = 'id'",
        "cps = 5",
        "weight = 3",
        "nat = true",
        "session_timer_s = 1800",
        "session_timer_min_s = 120",
    ],
)
def test_what_works_is_not_told(line: str) -> None:
    assert effectless(config_of(A_TRUNK + line)) == []

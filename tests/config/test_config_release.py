"""What is accepted but has no effect yet is told, key by key."""

from dataclasses import fields

import pytest

from b2bua.config import effectless
from b2bua.config.release import NOT_YET
from b2bua.config.sections import LISTS, SECTIONS
from tests.support.configurations import A_TRUNK, config_of


def test_defaults_have_all_the_effect_they_promise() -> None:
    assert effectless(config_of(A_TRUNK)) == []


@pytest.mark.parametrize("not_yet", NOT_YET, ids=lambda not_yet: f"{not_yet.section}.{not_yet.key}")
def test_every_key_without_effect_is_a_key(not_yet: object) -> None:
    section, key = not_yet.section, not_yet.key  # type: ignore[attr-defined]  # pytest hands it on untyped
    made = SECTIONS.get(section) or LISTS[section]
    assert key in {each.name for each in fields(made)}


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("[storage]\nencrypt = true", "storage.encrypt: "),
    ],
)
def test_each_set_key_without_effect_is_told(text: str, begins: str) -> None:
    (told,) = effectless(config_of(text))
    assert told.startswith(begins)
    assert told.endswith("is not in this release")


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

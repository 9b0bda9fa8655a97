"""Calls in which everything happens at any time, drawn from a seed: hang-ups that cross answers, CANCELs that cross
refusals, re-INVITEs that cross each other, on lines that lose, repeat, reorder, delay and break for a while."""

import os

import pytest

from tests.scenarios.conftest import OpenHouse
from tests.support.call_chances import Chances
from tests.support.fault_course import ENDS, KINDS, Course

pytestmark = pytest.mark.no_cover  # it goes where other tests go, many times over

# More seeds, to look longer: FAULT_SEEDS=1000, from FAULT_FIRST_SEED on.
FIRST_SEED = int(os.environ.get("FAULT_FIRST_SEED", "0"))
SEEDS = int(os.environ.get("FAULT_SEEDS", "20"))
# Half of the calls have prompts before their bridge, eight seconds in all, amid which anything happens too.
PROMPTED = '[prompts]\nwhisper_b = "bundled:hold_tone"\nconsent = "both"\n'
WAYS = tuple(end for end in ENDS if end in ("A hangs up", "over another trunk", "with PRACK", "kept alive"))


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_happens_when_the_call_ends_as_a_whole(open_house: OpenHouse, kind: str, seed: int) -> None:
    way, more = WAYS[seed % len(WAYS)], PROMPTED if seed // len(WAYS) % 2 else ""
    course = await Course.open(open_house, kind, way, seed=f"chance {kind} {seed}", more=more)
    chances = Chances(course, f"chance {kind} {seed}")
    chances.arrange()
    await chances.play()
    await course.check()

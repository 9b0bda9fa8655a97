"""No scenario lies about unplayed or undescribed."""

from tests.support.sipp import SCENARIOS
from tests.support.sipp_arrivals import ARRIVALS
from tests.support.sipp_cases import CASES


def test_every_scenario_is_played_and_described() -> None:
    played = {scenario for case in CASES for scenario in (case.a, case.b) if scenario is not None}
    played |= {"asks_options", "asks_unknown_method", "stranger", "answers_options", "refuses_options", "registrar"}
    played |= {arrival.caller for arrival in ARRIVALS}
    played |= {"calls"}  # by tests/bench
    played |= {"carrier_airtel_type", "carrier_exotel_type", "carrier_jio_type", "carrier_plain_ip"}
    there = {path.stem for path in SCENARIOS.glob("*.xml")}
    described = (SCENARIOS / "README.md").read_text("utf-8")
    assert played == there
    assert all(f"`{name}`" in described for name in there)

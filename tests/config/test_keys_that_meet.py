"""Keys that are right one by one and have to fit each other: what is a mistake then, and at which border."""

import pytest

from b2bua.billing.gstin import check_digit
from b2bua.config.checks import SHORTEST_KEY, SHORTEST_MASTER_KEY
from tests.support.configurations import A_TRUNK, config_of, mistakes_in

PAYMENTS = {
    "razorpay_key_id": "rzp_test",
    "razorpay_key_secret": "secret",
    "razorpay_webhook_secret": "secret",
    "supplier": "Example Private Limited",
    "state": "Karnataka",
}
BODY = "29ABCDE1234F1Z"
OF_KARNATAKA = BODY + check_digit(BODY)


def billing(values: dict[str, str]) -> str:
    return "[billing]\n" + "".join(f'{key} = "{value}"\n' for key, value in values.items())


def test_payments_need_who_supplies_and_every_secret() -> None:
    assert mistakes_in(billing(PAYMENTS)) == []
    for missing in PAYMENTS:
        (mistake,) = mistakes_in(billing({key: value for key, value in PAYMENTS.items() if key != missing}))
        assert mistake.startswith(f"billing.{missing}: it is missing; ")


@pytest.mark.parametrize("one", [key for key in PAYMENTS if key.startswith("razorpay")])
def test_one_key_of_the_payments_asks_for_all_that_they_need(one: str) -> None:
    mistakes = mistakes_in(billing({one: PAYMENTS[one]}))
    assert [mistake.split(": it is missing")[0] for mistake in mistakes] == [
        f"billing.{key}" for key in PAYMENTS if key != one
    ]


@pytest.mark.parametrize(
    ("values", "mistake"),
    [
        ({"credit_note_series": "INV"}, "billing.credit_note_series: it is that of the invoices"),
        ({"state": "Atlantis"}, "billing.state: "),
        ({"gstin": f"{BODY}0"}, "billing.gstin: "),
        ({"gstin": OF_KARNATAKA, "state": "27"}, "billing.gstin: it is one of Karnataka; "),
    ],
)
def test_the_supplier_is_somebody(values: dict[str, str], mistake: str) -> None:
    (told,) = mistakes_in(billing(values))
    assert told.startswith(mistake)


@pytest.mark.parametrize("state", ["", "29", "Karnataka"])
def test_a_gstin_is_of_its_state_or_of_none_that_is_written(state: str) -> None:
    assert mistakes_in(billing({"gstin": OF_KARNATAKA, "state": state})) == []


@pytest.mark.parametrize("name", ["url_signing_key", "master_key"])
def test_a_secret_is_long_enough_or_is_none(name: str) -> None:
    for length in (0, SHORTEST_KEY):
        assert mistakes_in(f"[secrets]\n{name} = '{'k' * length}'") == []
    for length in (1, SHORTEST_KEY - 1):
        (mistake,) = mistakes_in(f"[secrets]\n{name} = '{'k' * length}'")
        assert mistake.startswith(f"secrets.{name}: it is {length} characters long; ")


def test_recordings_are_sealed_with_a_long_key() -> None:
    sealed = "[storage]\nencrypt = true\n[secrets]\nmaster_key = '%s'"
    assert mistakes_in(sealed % ("k" * SHORTEST_MASTER_KEY)) == []
    (mistake,) = mistakes_in(sealed % ("k" * (SHORTEST_MASTER_KEY - 1)))
    assert mistake.startswith(f"secrets.master_key: it has {SHORTEST_MASTER_KEY - 1} characters; ")


def test_a_session_is_asked_for_that_is_as_long_as_the_shortest_taken() -> None:
    assert mistakes_in(A_TRUNK + "session_timer_s = 600\nsession_timer_min_s = 600") == []
    (mistake,) = mistakes_in(A_TRUNK + "session_timer_s = 599\nsession_timer_min_s = 600")
    assert mistake.startswith("trunks[carrier].session_timer_s: 599 is below session_timer_min_s; ")


def test_a_trunk_is_probed_from_every_second_on_or_never() -> None:
    for seconds in ("0", "1", "86400"):
        assert mistakes_in(A_TRUNK + f"options_interval_s = {seconds}") == []
    for seconds in ("0.5", "86401", "-1"):
        (mistake,) = mistakes_in(A_TRUNK + f"options_interval_s = {seconds}")
        assert mistake.startswith("trunks[carrier].options_interval_s: ")


def test_only_a_port_of_udp_meets_those_of_browsers() -> None:
    browsers = "[webrtc]\nenabled = true\nmax_browsers = 10\nports = '30000-30009'\n"
    assert mistakes_in(browsers + "[sip]\nlisten = ['udp://127.0.0.1:5060', 'tcp://127.0.0.1:30005']") == []


def test_a_route_by_a_trunk_where_there_is_none_is_told_so() -> None:
    (mistake,) = mistakes_in("[[routes]]\nmatch = '.*'\nto = 'sip:{user}@192.0.2.9'\nvia = 'nowhere'")
    assert mistake == 'routes[#1].via: no trunk is named "nowhere"; expected one of: none is declared'


def test_what_is_no_table_in_a_list_is_told_of_each_list() -> None:
    mistakes = mistakes_in("trunks = [1]\nroutes = ['x']")
    assert [mistake.partition(": ")[0] for mistake in mistakes] == ["trunks", "routes"]


@pytest.mark.parametrize("name", ["5", '"\\u0007carrier"', '""'])
def test_a_trunk_without_a_name_that_can_be_shown_is_told_by_its_place(name: str) -> None:
    mistakes = mistakes_in(A_TRUNK.replace('"carrier"', name) + "cps = 'many'")
    assert [mistake.partition(": ")[0] for mistake in mistakes] == ["trunks[#1].name", "trunks[#1].cps"]


def test_the_environment_counts_where_the_file_is_wrong_too() -> None:
    (mistake,) = mistakes_in("[calls]\nring_timeout_s = 'long'", {"MASKBRIDGE_CALLS_RING_TIMEOUT_S": "longer"})
    assert mistake.startswith("MASKBRIDGE_CALLS_RING_TIMEOUT_S (environment): ")
    (mistake,) = mistakes_in("", {"MASKBRIDGE_CALLS_RING_TIMEOUT_S": "45.0"})
    assert "is not a number" in mistake


@pytest.mark.parametrize(
    ("words", "meant"), [(("true", "Yes", " ON ", "1"), True), (("false", "No", " OFF ", "0"), False)]
)
def test_the_environment_says_yes_and_no_in_each_of_the_usual_words(words: tuple[str, ...], meant: bool) -> None:
    for word in words:
        assert config_of("", {"MASKBRIDGE_CALLS_RECORD": word}).calls.record is meant

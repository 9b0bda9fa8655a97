"""What holds of the source check whatever happens to a leg."""

from copy import copy

from hypothesis import given
from hypothesis import strategies as st

from media.packet_path.gate import LATCH_WINDOW_S, LEFT_S, Gate
from media.packet_path.interface import Address

NETWORK = (4, 0xCB007100, 0xCB0071FF)
PLACES: tuple[Address, ...] = (
    ("203.0.113.9", 4000),
    ("203.0.113.9", 4002),
    ("192.0.2.1", 4000),
    ("192.0.2.2", 4000),
    ("198.51.100.7", 4000),
)

places = st.sampled_from(PLACES)
gates = st.builds(Gate, st.booleans(), st.sampled_from([(), (NETWORK,)]))
steps = st.one_of(
    st.tuples(st.just("moves"), places | st.none(), st.booleans()),
    st.tuples(st.just("waits"), st.sampled_from([0.1, LEFT_S, LATCH_WINDOW_S + 0.1])),
    st.tuples(st.just("is expected")),
    st.tuples(st.just("sends"), places),
)


@given(gates, st.none() | places, st.lists(steps, max_size=14))
def test_what_would_be_taken_is_taken(gate: Gate, stray: Address | None, happening: list[tuple[object, ...]]) -> None:
    """A packet of SRTP is opened only where it would be taken."""
    gate.stray = stray
    now = 0.0
    for step in happening:
        match step:
            case "moves", place, bool(renewed):
                gate.set_remote(place, renewed, now)  # type: ignore[arg-type]
            case "waits", float(seconds):
                now += seconds
            case ("is expected",):
                gate.arm(now)
            case "sends", (str(host), int(port)):
                would = copy(gate).would_admit((host, port), now)
                assert gate.admits((host, port), now) == would
                assert gate.exclusive <= (gate.target is not None)

"""Which trunk a leg goes out by, whose a source is, and when a trunk is down."""

import ipaddress
from typing import cast

import pytest

from b2bua.call.identity import compose
from b2bua.call.masking import Party
from b2bua.sip.routing import TransportAddress
from b2bua.sip.settings import OutgoingRequest
from b2bua.switch.probing import MOST_PROBED, Probing
from b2bua.switch.trunks import Trunks
from b2bua.transport.endpoint import SipEndpoint
from tests.support.configurations import config_of
from tests.support.manual_clock import ManualClock


def trunks_of(text: str, clock: ManualClock | None = None) -> Trunks:
    return Trunks(config_of(text).trunks, clock or ManualClock())


def trunk_text(name: str, host: str = "192.0.2.1", **profile: object) -> str:
    lines = [f'[[trunks]]\nname = "{name}"\nuri = "sip:{host}"\nnumbers = ["917969002802"]']
    lines += [f"{key} = {value!r}".replace("'", '"') for key, value in profile.items()]
    return "\n".join(lines) + "\n"


def udp(host: str, port: int = 5060) -> TransportAddress:
    return TransportAddress("udp", host, port)


def test_the_lowest_priority_that_is_up_is_chosen() -> None:
    trunks = trunks_of(trunk_text("second", priority=2) + trunk_text("first", "192.0.2.2", priority=1))
    chosen = trunks.choose(2)
    assert chosen is not None
    assert chosen.name == "first"
    chosen.up = False
    assert trunks.choose(2) is not None
    assert (trunks.choose(2) or chosen).name == "second"


def test_a_trunk_without_numbers_serves_where_no_other_can() -> None:
    """It shows none that could be called back."""
    bare = '[[trunks]]\nname = "bare"\nuri = "sip:192.0.2.1"\npriority = 1\n'
    trunks = trunks_of(bare + trunk_text("numbered", "192.0.2.2", priority=2))
    chosen = trunks.choose(1)
    assert chosen is not None
    assert chosen.name == "numbered"
    chosen.up = False
    assert (trunks.choose(1) or chosen).name == "bare"


@pytest.mark.parametrize("host", ["192.0.2.1", "192.0.2.9"])
def test_another_port_of_where_a_trunk_is_or_where_it_is_called_is_nearer_than_the_first_of_its_network(
    host: str,
) -> None:
    network = ["192.0.2.0/24"]
    trunks = trunks_of(
        trunk_text("first", "192.0.2.3", addresses=network)
        + trunk_text("proxied", outbound_proxy="192.0.2.9", addresses=network)
    )
    owner, other = trunks.owner(udp(host, 5999)), trunks.owner(udp("192.0.2.77", 5999))
    assert (owner and owner.name, other and other.name) == ("proxied", "first")


def test_the_profile_says_how_a_trunks_calls_are_taken() -> None:
    challenge = 'challenge_username = "gate"\nchallenge_password = "secret"\nchallenge_algorithms = ["MD5"]\n'
    trunks = trunks_of(
        trunk_text("behind", nat="@").replace('"@"', "true") + challenge + trunk_text("plain", "192.0.2.2")
    )
    behind, plain = (trunks.named(name).policy for name in ("behind", "plain"))
    assert (behind.nat, behind.algorithms, behind.challenge and behind.challenge.username) == (True, ("MD5",), "gate")
    assert (plain.nat, plain.challenge) == (False, None)
    assert len(plain.algorithms) > 1


def test_why_a_registration_stands_as_it_does_is_logged_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    trunks = trunks_of(trunk_text("carrier"))
    trunk = trunks.named("carrier")
    told = [(False, "refused 403")] * 2 + [(False, "refused 404")] + [(True, "for 60 s"), (True, "for 90 s")]
    with caplog.at_level("INFO"):
        for registered, reason in told:
            trunks.registration_told(trunk, registered, reason)
    assert caplog.messages == [f"trunk carrier: {said}" for said in ("refused 403", "refused 404", "for 60 s")]


def test_a_503_without_a_time_puts_others_first_for_a_few_seconds_only() -> None:
    clock = ManualClock()
    trunks = trunks_of(trunk_text("named", "sbc.example") + trunk_text("other", "192.0.2.2"), clock)
    named = trunks.named("named")
    first, second = udp("192.0.2.7"), udp("192.0.2.8")
    trunks.resolved(named, [first, second])

    def order() -> tuple[str | None, list[TransportAddress]]:
        chosen = trunks.choose(1)
        return None if chosen is None else chosen.name, named.open_destinations(clock.monotonic())

    assert order() == ("named", [first, second])
    trunks.unavailable(named, first, None)
    assert order() == ("named", [second, first])
    trunks.unavailable(named, second, None)
    assert order() == ("other", [first, second])
    clock.advance(60.0)
    assert order() == ("named", [first, second])
    trunks.unavailable(named, first, None)
    clock.advance(60.0)
    assert order() == ("named", [first, second])


def test_weight_shares_among_equals_and_the_first_declared_is_first() -> None:
    clock = ManualClock()
    trunks = trunks_of(trunk_text("one", weight=3) + trunk_text("two", "192.0.2.2", weight=1), clock)
    names = []
    for _ in range(8):
        chosen = trunks.choose(1)
        assert chosen is not None
        chosen.promise(legs=1)
        names.append(chosen.name)
    assert names[0] == "one"
    assert names.count("one") == 6
    assert names.count("two") == 2


def test_a_full_trunk_is_passed_over() -> None:
    clock = ManualClock()
    trunks = trunks_of(trunk_text("small", max_calls=3), clock)
    chosen = trunks.choose(2)
    assert chosen is not None
    chosen.promise(legs=2)
    assert trunks.choose(2) is None
    chosen.take(booked=True)
    chosen.take(booked=False)
    assert (chosen.live_calls, chosen.promised) == (2, 0)
    assert trunks.choose(2) is None
    assert trunks.choose(1) is chosen
    chosen.give_back()
    assert trunks.choose(2) is chosen


def test_new_calls_are_taken_while_they_would_wait_no_longer_than_a_second() -> None:
    clock = ManualClock()
    trunks = trunks_of(trunk_text("slow", cps=2), clock)
    for _ in range(3):  # at once, after half a second, after a second
        chosen = trunks.choose(1)
        assert chosen is not None
        chosen.promise(legs=1)
    assert trunks.choose(1) is None
    assert trunks.too_fast(1)
    assert chosen is not None
    chosen.withdraw(legs=1, calls=1)
    assert trunks.choose(1) is chosen


@pytest.mark.parametrize("weights", [(3, 1), (1, 1, 1), (7, 3, 2), (1, 1000, 10)])
def test_weights_are_kept_to_exactly(weights: tuple[int, ...]) -> None:
    text = "".join(trunk_text(f"t{at}", f"192.0.2.{at + 1}", weight=weight) for at, weight in enumerate(weights))
    trunks = trunks_of(text)
    counts = dict.fromkeys((trunk.name for trunk in trunks), 0)
    for calls in range(1, 3 * sum(weights) + 1):
        chosen = trunks.choose(2)
        assert chosen is not None
        chosen.promise(legs=2)
        counts[chosen.name] += 1
        for (name, count), weight in zip(counts.items(), weights, strict=True):
            assert abs(count - calls * weight / sum(weights)) < len(weights), name
    assert list(counts.values()) == [3 * weight for weight in weights]


def test_a_trunk_that_was_passed_over_does_not_catch_up() -> None:
    trunks = trunks_of(trunk_text("one") + trunk_text("two", "192.0.2.2"))
    one, two = trunks
    two.up = False
    for _ in range(100):
        chosen = trunks.choose(1)
        assert chosen is one
        chosen.promise(legs=1)
    two.up = True
    names = []
    for _ in range(10):
        chosen = trunks.choose(1)
        assert chosen is not None
        chosen.promise(legs=1)
        names.append(chosen.name)
    assert names.count("one") == names.count("two") == 5


def test_legs_that_arrive_count_among_the_calls_at_once_and_not_against_the_call_rate() -> None:
    trunks = trunks_of(trunk_text("small", max_calls=2, cps=1))
    (trunk,) = trunks
    trunk.promise(legs=1)
    assert trunk.arrive()
    assert not trunk.arrive()
    assert (trunk.live_calls, trunk.promised, trunk.rate.booked) == (1, 1, 1)
    trunk.give_back()
    assert trunk.arrive()


def test_a_call_that_is_answered_brings_a_trunk_up_that_its_options_took_down() -> None:
    trunks = trunks_of(trunk_text("a"))
    (trunk,) = trunks
    for _ in range(2):
        trunks.probe_failed(trunk, "timeout")
    assert not trunks.states()[0].up
    trunks.alive(trunk, udp("192.0.2.99"))
    assert not trunk.up, "a route's own target says nothing of the trunk's"
    trunks.alive(trunk, udp("192.0.2.1"))
    assert (trunks.states()[0].up, trunks.states()[0].reason) == (True, "answered a call")
    assert trunks.choose(1) is trunk


def test_what_answers_after_a_503_is_left_alone_as_long_as_that_has_asked_for() -> None:
    clock = ManualClock()
    trunks = trunks_of(trunk_text("a"), clock)
    (trunk,) = trunks
    trunks.unavailable(trunk, udp("192.0.2.1"), 30)
    trunks.probe_answered(trunk, 200, 0.01)
    trunks.alive(trunk, udp("192.0.2.1"))
    assert trunks.choose(1) is None
    clock.advance(29.9)
    assert not trunk.usable(clock.monotonic())
    clock.advance(0.1)
    assert trunks.choose(1) is trunk


def test_a_source_belongs_to_the_trunk_with_its_port_then_to_the_first() -> None:
    trunks = trunks_of(trunk_text("a", "192.0.2.1:5080") + trunk_text("b", "192.0.2.1:5090"))
    names = [getattr(trunks.owner(udp("192.0.2.1", port)), "name", None) for port in (5090, 5080, 9)]
    assert names == ["b", "a", "a"]
    assert trunks.owner(udp("192.0.2.9")) is None


@pytest.mark.parametrize(("host", "known"), [("192.0.2.1", True), ("198.51.100.7", True), ("198.51.101.1", False)])
def test_peers_are_the_uri_and_the_declared_networks(host: str, known: bool) -> None:
    trunks = trunks_of(trunk_text("a", addresses=["198.51.100.0/24"]))
    assert trunks.is_peer(udp(host)) is known
    assert trunks.is_peer(udp(host)) is known  # and again, from memory


@pytest.mark.parametrize("written", ["[0:0:0:0:0:0:0:1]", "[0::1]", "[::0.0.0.1]"])
def test_a_peer_is_known_whichever_way_its_address_is_written(written: str) -> None:
    trunks = trunks_of(trunk_text("a", f"{written}:5070"))
    (trunk,) = trunks
    assert trunk.destination == udp("::1", 5070)
    assert trunks.is_peer(udp("::1", 5070))
    assert trunks.owner(udp("::1", 5070)) is trunk
    assert trunks.at("::1", 5070) is trunk


def test_what_a_route_calls_is_heard_whichever_way_it_is_written() -> None:
    listen = '[sip]\nlisten = ["udp://[::1]:5060"]\n'
    route = '[[routes]]\nmatch = ".*"\nto = "sip:{user}@[2001:DB8:0::9]"\nvia = "a"\n'
    config = config_of(listen + trunk_text("a", "[2001:db8::1]") + route)
    assert Trunks(config.trunks, ManualClock(), config.routes).is_peer(udp("2001:db8::9"))


def test_the_memory_of_sources_is_bounded() -> None:
    trunks = trunks_of(trunk_text("a"))
    for number in range(10_000):
        assert not trunks.is_peer(udp(str(ipaddress.ip_address(0x0A000000 + number))))
    assert len(trunks._owners) <= 4096


def test_two_unanswered_probes_take_a_trunk_down_and_one_answer_brings_it_back() -> None:
    trunks = trunks_of(trunk_text("a"))
    (trunk,) = trunks
    trunks.probe_failed(trunk, "timeout")
    assert trunks.choose(1) is trunk
    assert trunks.states()[0].reason == "OPTIONS unanswered (timeout), asked again"
    trunks.probe_failed(trunk, "timeout")
    assert trunks.choose(1) is None
    assert trunks.states()[0].reason == "OPTIONS unanswered (timeout)"
    trunks.probe_answered(trunk, 405, 0.02)
    assert trunks.choose(1) is trunk


def test_a_503_to_options_takes_a_trunk_down() -> None:
    trunks = trunks_of(trunk_text("a"))
    (trunk,) = trunks
    trunks.probe_answered(trunk, 503, 0.02)
    assert trunks.choose(1) is None


def test_a_silent_destination_is_passed_over_and_the_trunk_is_down_with_the_last_of_them() -> None:
    trunks = trunks_of(trunk_text("a"))
    (trunk,) = trunks
    one, two = udp("192.0.2.1"), udp("192.0.2.2")
    trunks.resolved(trunk, [one, two])
    for _ in range(2):
        trunks.probe_failed(trunk, "timeout", one)
        trunks.probe_answered(trunk, 200, 0.02, two)
    assert trunk.open_destinations(1000.0) == [two]
    assert (trunk.usable(1000.0), trunks.states()[0].last_options_status) == (True, 200)
    assert (trunks.states()[0].destinations, trunks.states()[0].open_destinations) == (2, 1)
    trunks.probe_answered(trunk, 503, 0.02, two)
    assert trunks.states()[0].reason == "OPTIONS answered 503"
    assert (trunk.usable(1000.0), trunks.states()[0].open_destinations) == (False, 0)
    trunks.probe_answered(trunk, 200, 0.02, one)
    assert trunk.open_destinations(1000.0) == [one]
    assert trunk.usable(1000.0)


def test_calls_without_an_answer_take_a_destination_down_for_a_back_off_that_doubles() -> None:
    clock = ManualClock()
    trunks = trunks_of(trunk_text("a", options_interval_s=0), clock)
    (trunk,) = trunks
    at = udp("192.0.2.1")
    for back_off_s in (30, 60, 120, 240, 300, 300):
        for _ in range(3 if back_off_s == 30 else 1):
            assert trunk.usable(clock.monotonic())
            trunks.unanswered(trunk, at, "no_answer")
        assert trunks.states()[0].reason == "calls unanswered"
        clock.advance(back_off_s - 1)
        assert trunks.choose(1) is None
        clock.advance(1)
        assert trunks.choose(1) is trunk, "a trial"
    trunks.alive(trunk, at)
    for _ in range(2):
        trunks.unanswered(trunk, at, "no_answer")
    assert trunk.usable(clock.monotonic()), "one answer has made good what was before"


def test_why_nothing_was_reached_is_said_in_words(caplog: pytest.LogCaptureFixture) -> None:
    trunks = trunks_of(trunk_text("a") + trunk_text("b", "192.0.2.2"))
    a, b = trunks
    trunks.last_failure = lambda at: "certificate: expired" if at == udp("192.0.2.2") else None
    for trunk, why in ((a, "the network, or its machine, refuses what is sent"), (b, "certificate: expired")):
        trunks.probe_failed(trunk, "transport")
        assert trunk.reason == f"OPTIONS unanswered ({why}), asked again"
        at = trunk.destination
        assert at is not None
        for _ in range(3):
            trunks.unanswered(trunk, at, "transport")
        assert caplog.messages[-1].endswith(f"{at} is left alone for 30 s: calls unanswered ({why})")
    trunks.probe_failed(b, "timeout")
    assert b.reason == "OPTIONS unanswered (timeout)", "no connection failed this time"


def test_whoever_looks_for_destinations_is_told_when_the_last_of_them_is_left_alone() -> None:
    trunks = trunks_of(trunk_text("a", options_interval_s=0))
    (trunk,) = trunks
    one, two = udp("192.0.2.1"), udp("192.0.2.2")
    trunks.resolved(trunk, [one, two])
    told: list[str] = []
    trunks.on_down = lambda trunk: told.append(trunk.name)
    for _ in range(3):
        trunks.unanswered(trunk, one, "no_answer")
    assert told == []
    for _ in range(5):
        trunks.unanswered(trunk, two, "no_answer")
    assert told == ["a"]


def test_an_answered_options_ends_the_back_off() -> None:
    clock = ManualClock()
    trunks = trunks_of(trunk_text("a"), clock)
    (trunk,) = trunks
    for _ in range(3):
        trunks.unanswered(trunk, udp("192.0.2.1"), "transport")
    assert trunks.choose(1) is None
    trunks.probe_answered(trunk, 200, 0.02)
    assert trunks.choose(1) is trunk


def test_what_is_known_of_destinations_that_are_gone_is_forgotten() -> None:
    trunks = trunks_of(trunk_text("a", "sip.carrier.example"))
    (trunk,) = trunks
    for number in range(1_000):
        address = udp(str(ipaddress.ip_address(0x0A000000 + number)))
        trunks.resolved(trunk, [address])
        trunks.unanswered(trunk, address, "no_answer")
    assert len(trunk.health) <= 2


def test_retry_after_is_obeyed() -> None:
    clock = ManualClock()
    trunks = trunks_of(trunk_text("a"), clock)
    (trunk,) = trunks
    trunks.held_off(trunk, 30)
    assert trunks.choose(1) is None
    clock.advance(30)
    assert trunks.choose(1) is trunk


def test_a_name_that_does_not_resolve_is_a_trunk_that_is_down_until_it_does() -> None:
    trunks = trunks_of(trunk_text("a", "sip.carrier.example"))
    (trunk,) = trunks
    assert trunk.destination is None
    trunks.resolved(trunk, ())
    assert trunks.choose(1) is None
    trunks.resolved(trunk, [TransportAddress("udp", "192.0.2.7", 5060)])
    assert [trunk.destination for trunk in trunks] == [udp("192.0.2.7")]
    assert trunks.choose(1) is trunk
    assert trunks.is_peer(udp("192.0.2.7"))


def test_requests_go_by_the_outbound_proxy_and_come_from_either() -> None:
    trunks = trunks_of(trunk_text("a", outbound_proxy="sip:192.0.2.50:5070"))
    (trunk,) = trunks
    assert trunk.destination == udp("192.0.2.50", 5070)
    assert trunks.is_peer(udp("192.0.2.50"))
    assert trunks.is_peer(udp("192.0.2.1"))


class SentOptions:
    """An endpoint as far as OPTIONS go."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.sent: list[tuple[str, float]] = []
        self.plans: list[OutgoingRequest] = []

    def request(self, plan: OutgoingRequest) -> int:
        """Keep where it goes."""
        self.plans.append(plan)
        self.sent.append((plan.destination.host, self.clock.time()))
        return len(self.sent)


def test_probes_go_out_on_the_interval_and_not_where_it_is_zero() -> None:
    clock = ManualClock()
    trunks = trunks_of(
        trunk_text("a", options_interval_s=10) + trunk_text("b", "192.0.2.2", options_interval_s=0), clock
    )
    options = SentOptions(clock)
    probing = Probing(trunks, clock, lambda: cast(SipEndpoint, options))
    probing.start()
    clock.advance(25)
    assert options.sent == [("192.0.2.1", 1000.0), ("192.0.2.1", 1010.0), ("192.0.2.1", 1020.0)]
    probing.failed(3, "timeout")
    probing.failed(3, "timeout")  # told once
    assert trunks.states()[0].up
    probing.failed(2, "timeout")
    assert not trunks.states()[0].up
    probing.stop()
    clock.advance(60)
    assert len(options.sent) == 3


@pytest.mark.parametrize(
    ("host", "profile", "request_uri", "from_uri", "to_uri"),
    [
        ("192.0.2.1", {}, "sip:192.0.2.1", "sip:192.0.2.1", "sip:192.0.2.1"),
        ("192.0.2.1:5080", {}, "sip:192.0.2.1:5080", "sip:192.0.2.1", "sip:192.0.2.1"),
        ("[2001:db8::1]:5060", {}, "sip:[2001:db8::1]:5060", "sip:[2001:db8::1]", "sip:[2001:db8::1]"),
        ("192.0.2.1;transport=tls", {}, "sip:192.0.2.1", "sip:192.0.2.1", "sip:192.0.2.1"),
        ("192.0.2.1:5080", {"domain": "ims.example"}, "sip:ims.example", "sip:ims.example", "sip:ims.example"),
        ("192.0.2.1", {"from_domain": "us.example"}, "sip:192.0.2.1", "sip:us.example", "sip:192.0.2.1"),
        (
            "192.0.2.1",
            {"domain": "ims.example", "from_domain": "us.example"},
            "sip:ims.example",
            "sip:us.example",
            "sip:ims.example",
        ),
    ],
)
def test_options_say_of_us_and_of_the_trunk_what_an_invite_says(
    host: str, profile: dict[str, str], request_uri: str, from_uri: str, to_uri: str
) -> None:
    clock = ManualClock()
    trunks = trunks_of(trunk_text("a", host, options_interval_s=10, **profile), clock)
    options = SentOptions(clock)
    Probing(trunks, clock, lambda: cast(SipEndpoint, options)).start()
    clock.advance(1)
    [plan] = options.plans
    assert (plan.request_uri, plan.from_uri, plan.to_uri) == (request_uri, from_uri, to_uri)
    (trunk,) = trunks
    invite = compose(Party("9876543210", "9876543210"), "917969002802", trunk.config)
    assert (invite.request_uri, invite.from_uri, invite.to_uri) == (
        request_uri.replace(":", ":+919876543210@", 1),
        from_uri.replace(":", ":+917969002802@", 1),
        to_uri.replace(":", ":+919876543210@", 1),
    )


def test_a_trunk_of_many_destinations_is_asked_at_the_first_of_them() -> None:
    clock = ManualClock()
    trunks = trunks_of(trunk_text("a"), clock)
    (trunk,) = trunks
    trunks.resolved(trunk, [udp(f"192.0.2.{number}") for number in range(1, 30)])
    options = SentOptions(clock)
    Probing(trunks, clock, lambda: cast(SipEndpoint, options)).start()
    clock.advance(1)
    assert [host for host, _at in options.sent] == [f"192.0.2.{number}" for number in range(1, MOST_PROBED + 1)]


def test_a_source_is_of_the_trunk_that_is_there_rather_than_of_one_that_also_names_its_network() -> None:
    wide = '[[trunks]]\nname = "wide"\nuri = "sip:192.0.2.1:5060"\naddresses = ["192.0.2.0/24"]\n'
    own = '[[trunks]]\nname = "own"\nuri = "sip:192.0.2.9:5060"\n'
    trunks = Trunks(config_of(wide + own).trunks, ManualClock())
    owners = {port: getattr(trunks.owner(udp("192.0.2.9", port)), "name", None) for port in (5060, 5070)}
    assert owners == {5060: "own", 5070: "own"}
    assert getattr(trunks.owner(udp("192.0.2.8", 5060)), "name", None) == "wide"

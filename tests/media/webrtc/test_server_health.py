"""Which of several servers is asked, and when a silent one is asked again."""

from media.webrtc.server_health import PROBE_AFTER_S, ServerHealth
from tests.support.manual_clock import ManualClock

UDP, TCP = "turn:turn.example?transport=udp", "turn:turn.example?transport=tcp"


def test_one_that_is_silent_over_udp_is_asked_over_tcp() -> None:
    health = ServerHealth(ManualClock().monotonic)
    assert health.preferred([UDP, TCP]) == 0
    health.noted(UDP, answered=False)
    assert health.preferred([UDP, TCP]) == 1
    health.noted(TCP, answered=False)
    assert health.preferred([UDP, TCP]) == 0
    health.noted(UDP, answered=True)
    assert not health.is_silent(UDP)


def test_a_silent_one_is_asked_again_after_a_while_by_one_at_a_time() -> None:
    clock = ManualClock()
    health = ServerHealth(clock.monotonic)
    health.noted(UDP, answered=False)
    assert not health.is_due(UDP)
    clock.advance(PROBE_AFTER_S)
    assert health.is_due(UDP)
    assert not health.is_due(UDP)
    assert health.is_silent(UDP)


def test_there_is_a_limit_to_what_is_kept_in_mind() -> None:
    health = ServerHealth(ManualClock().monotonic)
    urls = [f"stun:{number}.example" for number in range(100)]
    for url in urls:
        health.noted(url, answered=False)
    assert sum(health.is_silent(url) for url in urls) == 64

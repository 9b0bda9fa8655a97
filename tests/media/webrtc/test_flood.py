"""How many a second are taken."""

from media.webrtc.flood import TokenBucket


def test_a_burst_then_a_rate() -> None:
    bucket = TokenBucket(8.0, 3, now=100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(100.125), bucket.take(100.125)] == [True, False]
    assert [bucket.take(200.0) for _ in range(4)] == [True, True, True, False]

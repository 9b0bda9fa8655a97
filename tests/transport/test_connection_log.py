"""What the log says of connections that come to nothing: the same trouble once in a minute."""

import errno
import logging
from collections.abc import Iterator

import pytest

from b2bua.sip.routing import TransportAddress
from b2bua.transport.connection_log import LOG_INTERVAL_S, TOLD_KEPT, ConnectionLog
from b2bua.transport.tls import PeerIdentity

LOCAL = TransportAddress("tls", "192.0.2.1", 5061)
FAR = TransportAddress("tls", "203.0.113.10", 5061)


def identify(address: TransportAddress) -> PeerIdentity | None:
    return PeerIdentity("trunk acme", "sbc.carrier.example") if address == FAR else None


class Listening:
    """A log, and what has come into it."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.log = ConnectionLog(LOCAL, identify)
        self._records = caplog

    def said(self) -> list[tuple[str, str]]:
        """The level and text of each line since the last look."""
        lines = [(record.levelname, record.getMessage()) for record in self._records.records]
        self._records.clear()
        return lines


@pytest.fixture
def listening(caplog: pytest.LogCaptureFixture) -> Iterator[Listening]:
    with caplog.at_level(logging.INFO, logger="b2bua.transport.connection_log"):
        yield Listening(caplog)


def test_the_same_failure_is_told_once_in_its_time(listening: Listening) -> None:
    listening.log.failed(FAR, "refused", 1000.0)
    assert listening.said() == [("WARNING", f"trunk acme: no connection to {FAR}: refused")]
    listening.log.failed(FAR, "refused", 1000.0 + LOG_INTERVAL_S)
    assert listening.said() == []
    listening.log.failed(FAR, "refused", 1000.1 + LOG_INTERVAL_S)
    assert len(listening.said()) == 1
    listening.log.failed(FAR, "refused", 1001.0 + LOG_INTERVAL_S)
    assert listening.said() == []


def test_another_failure_and_another_destination_are_told_at_once(listening: Listening) -> None:
    other = FAR._replace(port=5071)
    for remote, why in ((FAR, "refused"), (other, "refused"), (FAR, "timeout"), (FAR, "timeout")):
        listening.log.failed(remote, why, 1000.0)
    assert [text for _, text in listening.said()] == [
        f"trunk acme: no connection to {FAR}: refused",
        f"SIP: no connection to {other}: refused",
        f"trunk acme: no connection to {FAR}: timeout",
    ]


def test_handshakes_are_told_by_host(listening: Listening) -> None:
    """Each attempt has a port, and may have a mistake, of its own."""
    for port, host in enumerate((FAR.host, FAR.host, "203.0.113.11"), start=40_001):
        listening.log.handshake_failed(TransportAddress("tls", host, port), f"mistake {port}", 1000.0)
    assert listening.said() == [
        ("INFO", f"{LOCAL}: no handshake with {TransportAddress('tls', FAR.host, 40_001)}: mistake 40001"),
        ("INFO", f"{LOCAL}: no handshake with {TransportAddress('tls', '203.0.113.11', 40_003)}: mistake 40003"),
    ]


def test_a_shortage_is_told_whatever_else_has_been(listening: Listening) -> None:
    listening.log.failed(FAR, "", 1000.0)
    listening.log.handshake_failed(FAR, "", 1000.0)
    listening.said()
    for second, number in enumerate((errno.EMFILE, errno.ENFILE)):
        listening.log.shortage(OSError(number, f"shortage {number}"), 1000.0 + second)
    assert listening.said() == [("ERROR", f"{LOCAL}: no connection can be taken: shortage {errno.EMFILE}")]


def test_no_more_is_remembered_than_is_allowed(listening: Listening) -> None:
    """Among as many as may be none is told twice; one more makes all of them news."""
    many = [FAR._replace(port=port) for port in range(1, TOLD_KEPT + 2)]
    for remote in (*many[:-1], *many[:-1]):
        listening.log.failed(remote, "refused", 1000.0)
    assert len(listening.said()) == TOLD_KEPT
    listening.log.failed(many[0], "timeout", 1000.0)  # known already: nothing is forgotten for it
    listening.log.failed(many[1], "refused", 1000.0)
    assert len(listening.said()) == 1
    listening.log.failed(many[-1], "refused", 1000.0)
    listening.log.failed(many[1], "refused", 1000.0)
    assert len(listening.said()) == 2

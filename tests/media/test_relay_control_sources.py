"""Whose RTCP a leg takes, and where its own goes, where the peer's SDP or habits are not the plain ones."""

import pytest

from media.events import MediaLost
from media.rtp.rtcp import Report, build_cname, build_report
from tests.support.relay_bed import TIMEOUTS, Party, RelayBed, remote_plan

pytestmark = pytest.mark.usefixtures("each_table")

NETWORKS = ((4, 0xC6336400, 0xC63364FF),)  # 198.51.100.0/24
WITHIN, STRANGER = ("198.51.100.9", 62000), ("203.0.113.66", 62000)


def report(party: Party) -> bytes:
    return build_report(Report(party.ssrc, None, ())) + build_cname(party.ssrc, "x")


def strangers(party: Party) -> int:
    figures = party.stream.figures()
    return int(figures.dropped["stranger"])


class TestMultiplexedThoughNobodyAskedForIt:
    """RFC 5761: RTCP on the port of RTP."""

    def test_of_a_declared_network_as_its_rtp(self) -> None:
        bed = RelayBed()
        a = bed.party("a", networks=NETWORKS)
        for source in (a.address, WITHIN):
            bed.run(1.0)
            a.give_bytes(report(a), source)
            assert a.heard_at == bed.now
        assert strangers(a) == 0
        a.give_bytes(report(a), STRANGER)
        assert strangers(a) == 1

    def test_it_keeps_a_call_alive_that_is_silent_otherwise(self) -> None:
        bed = RelayBed()
        a, b = bed.party("a", networks=NETWORKS), bed.party("b")
        bed.table.bridge(a.stream, b.stream, bed.now)
        for _ in range(int(TIMEOUTS.bridged_s)):
            bed.run(2.0, 0.1)
            a.give_bytes(report(a))
        assert [event.leg for event in bed.events if isinstance(event, MediaLost)] == ["b"]

    @pytest.mark.parametrize("networks", [(), NETWORKS])
    def test_it_latches_nothing_behind_nat(self, networks: tuple[tuple[int, int, int], ...]) -> None:
        bed = RelayBed()
        a = bed.party("a", nat=True, networks=networks)
        a.give_bytes(report(a), WITHIN)
        assert (a.wire.target, strangers(a)) == (a.address, 1)
        a.send(source=WITHIN)
        a.give_bytes(report(a), WITHIN)
        a.give_bytes(report(a), (WITHIN[0], 1))
        assert (a.wire.target, strangers(a)) == (WITHIN, 2)


class TestWhereReportsGo:
    def test_nowhere_once_the_sdp_names_no_usable_address_for_them(self) -> None:
        """Its a=rtcp is of nobody that may be sent to; those of the host it has left go on to nobody."""
        bed = RelayBed()
        a, b = bed.party("a"), bed.party("b")
        bed.table.bridge(a.stream, b.stream, bed.now)
        bed.talk(a, b, packets=400)
        assert a.wire.control
        a.wire.control.clear()
        a.address = ("192.0.2.77", 4010)
        bed.table.set_remote(a.stream, remote_plan(a.address)._replace(control=None), bed.now)
        bed.talk(a, b, packets=400)
        bed.table.remove(a.stream, bed.now)
        assert a.wire.control == []

    def test_to_where_they_went_while_the_far_end_is_on_hold_without_an_address(self) -> None:
        bed = RelayBed()
        a, b = bed.party("a"), bed.party("b")
        bed.table.bridge(a.stream, b.stream, bed.now)
        bed.table.set_remote(a.stream, remote_plan(None, may_send=False, on_hold=True, renewed=False), bed.now)
        bed.talk(a, b, packets=400)
        assert {target for _, target in a.wire.control} == {(a.address[0], a.address[1] + 1)}

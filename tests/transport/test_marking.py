"""What leaves is marked (RFC 2474): listeners as the configuration says, what is opened from them alike, and RTP."""

import pytest

from b2bua.config.kinds import ListenAddress
from b2bua.config.sections import SipSection
from b2bua.listening import SipListeners
from b2bua.transport.marking import mark, marked_with
from media.ports import Ports
from tests.support.free_ports import PortLease
from tests.support.stream_bed import bare_listener, options, stream_bed

pytestmark = pytest.mark.sockets


@pytest.mark.parametrize("dscp", [0, 40, 63])
def test_every_listener_is_marked_as_configured(dscp: int) -> None:
    wanted = [ListenAddress(transport, host, 0) for transport in ("udp", "tcp") for host in ("127.0.0.1", "::1")]
    listeners = SipListeners.bind(wanted, SipSection(dscp=dscp), 0)
    try:
        assert [marked_with(each.socket) for each in listeners._bound] == [dscp] * 4
    finally:
        for each in listeners._bound:
            each.socket.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_connection_of_either_direction_is_marked_as_its_listener(host: str) -> None:
    async with stream_bed(host) as bed, bare_listener(host) as far:
        mark(bed.transport._socket, 40)
        bed.transport.send(options(1), far.address)
        await far.next()
        await bed.counted("connections opened")
        await bed.connect()
        await bed.left(2)
        for connection in bed.transport._all:
            assert connection._transport is not None
            assert marked_with(connection._transport.get_extra_info("socket")) == 40


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_rtp_and_rtcp_are_marked(host: str) -> None:
    with PortLease(2) as first:
        ports = Ports(host, first, first + 1, 30.0, lambda: 0.0, dscp=46)
        pair = ports.open_pair()
        try:
            assert (marked_with(pair.rtp), marked_with(pair.rtcp)) == (46, 46)
        finally:
            pair.rtp.close()
            pair.rtcp.close()

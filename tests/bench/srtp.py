"""What SRTP costs: CPU microseconds of one packet through the relay, with SRTP on no leg, on either and on both.

    python -m tests.bench.srtp

Packets are sealed and numbered beforehand, and what is sent goes nowhere: no socket is in it. So it is the relay's own
work and libsrtp's, beside which a packet's two system calls cost what `python -m tests.bench.relay` says.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from media.packet_path.interface import Address
from media.packet_path.stream import Packet, Send
from media.rtp.packet import RtpPacket
from media.rtp.srtp import SUITES, Suite
from tests.support.relay_bed import Party, RelayBed, remote_plan
from tests.support.srtp_party import SecureParty, secure_party

_ROUNDS: Final = 5
_SPEECH: Final = bytes(range(160))


def measure(packets: int = 20_000) -> dict[str, float]:
    """CPU microseconds per packet of 160 bytes, the best of five rounds of `packets` each."""
    found = {"plain to plain": _best_us(packets, None, None)}
    for suite in SUITES:
        found[f"{suite.name} to plain"] = _best_us(packets, suite, None)
        found[f"plain to {suite.name}"] = _best_us(packets, None, suite)
        found[f"{suite.name} on both"] = _best_us(packets, suite, suite)
    return found


def _best_us(packets: int, source: Suite | None, sink: Suite | None) -> float:
    return min(_round_us(packets, source, sink) for _ in range(_ROUNDS))


def _round_us(packets: int, source: Suite | None, sink: Suite | None) -> float:
    bed = RelayBed()
    a, b = _party(bed, "a", source), _party(bed, "b", sink)
    bed.table.bridge(a.stream, b.stream, bed.now)
    for party in (a, b):
        party.wire.aim = _nowhere  # type: ignore[method-assign]
        bed.table.relay.aim(party.stream)
    seal: Callable[[bytes], bytes] = a.sealer.protect if isinstance(a, SecureParty) else bytes
    wire = [seal(RtpPacket(8, n & 0xFFFF, 160 * n, 4711, _SPEECH).render()) for n in range(packets)]
    relay, stream, now = bed.table.relay, a.stream, bed.now
    take = relay.rtp if source is None else relay.srtp
    spent = -_copying_s(relay.buffer, wire)
    before = time.process_time()
    for packet in wire:
        relay.buffer[: len(packet)] = packet
        now += 0.02
        take(stream, len(packet), None, now)
    spent += time.process_time() - before
    assert b.stream.figures().packets_sent == packets, "not every packet was relayed"
    return spent / packets * 1e6


def _copying_s(buffer: bytearray, wire: Iterable[bytes]) -> float:
    """What the loop itself takes: a socket would write into the buffer by itself."""
    before, now = time.process_time(), 0.0
    for packet in wire:
        buffer[: len(packet)] = packet
        now += 0.02
    return time.process_time() - before


def _party(bed: RelayBed, leg: str, suite: Suite | None) -> Party:
    if suite is not None:
        return secure_party(bed, leg, suite)
    party = bed.party(leg, connect=False)
    bed.table.set_remote(party.stream, remote_plan(party.address), bed.now)
    return party


def _nowhere(target: Address, exclusive: bool) -> Send:
    def send(_packet: Packet) -> None:
        """It is not sent."""

    return send


if __name__ == "__main__":
    for name, cost_us in measure().items():
        print(f"{cost_us:6.2f} us  {name}")

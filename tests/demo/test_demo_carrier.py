"""The toy carrier passes on what a phone needs and hides what a carrier hides."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
import pytest_asyncio

from b2bua.demo.carrier import ToyCarrier

pytestmark = pytest.mark.sockets


class Peer(asyncio.DatagramProtocol):
    """A socket that keeps what it gets."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[str] = asyncio.Queue()
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = int(transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.got.put_nowait(data.decode())

    def send(self, carrier: ToyCarrier, *lines: str) -> None:
        assert self._transport is not None
        self._transport.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), carrier.address)

    async def next(self) -> list[str]:
        return (await asyncio.wait_for(self.got.get(), 5)).split("\r\n")

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()


@pytest_asyncio.fixture
async def carrier() -> AsyncIterator[ToyCarrier]:
    opened = await ToyCarrier.open()
    yield opened
    opened.close()


@pytest_asyncio.fixture
async def peers() -> AsyncIterator[tuple[Peer, Peer]]:
    """The product's stand-in and a phone."""
    opened = []
    for _ in range(2):
        _, peer = await asyncio.get_running_loop().create_datagram_endpoint(Peer, local_addr=("127.0.0.1", 0))
        opened.append(peer)
    yield opened[0], opened[1]
    for peer in opened:
        peer.close()


def _request(method: str, peer: Peer, branch: str, *extra: str) -> tuple[str, ...]:
    return (
        f"{method} sip:+919876543210@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{peer.port};rport;branch={branch}",
        "From: <sip:917969002802@127.0.0.1>;tag=f",
        "To: <sip:+919876543210@127.0.0.1>",
        "Call-ID: c",
        f"CSeq: 1 {method}",
        *extra,
    )


async def _registered(carrier: ToyCarrier, phone: Peer) -> None:
    phone.send(
        carrier,
        "REGISTER sip:127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{phone.port};branch=z9hG4bKr",
        'From: "x" <sip:9876543210@127.0.0.1>;tag=r',
        'To: "x" <sip:9876543210@127.0.0.1>',
        "Call-ID: r",
        "CSeq: 1 REGISTER",
        f"Contact: <sip:9876543210@127.0.0.1:{phone.port}>",
    )
    assert (await phone.next())[0] == "SIP/2.0 200 OK"


async def test_invite_reaches_the_phone_and_its_answer_comes_back(
    carrier: ToyCarrier, peers: tuple[Peer, Peer]
) -> None:
    product, phone = peers
    await _registered(carrier, phone)
    product.send(carrier, *_request("INVITE", product, "z9hG4bKi"))
    invite = await phone.next()
    vias = [line for line in invite if line.startswith("Via:")]
    assert len(vias) == 2
    assert vias[1].endswith(f";branch=z9hG4bKi;received=127.0.0.1;rport={product.port}")
    phone.send(carrier, "SIP/2.0 200 OK", *vias, *invite[3:7], f"Contact: <sip:9876543210@127.0.0.1:{phone.port}>")
    answer = await product.next()
    assert [line for line in answer if line.startswith("Via:")] == [vias[1]]
    assert f"Contact: <sip:9876543210@127.0.0.1:{carrier.address[1]}>" in answer
    assert str(phone.port) not in "".join(answer)


async def test_cancel_has_the_branch_of_its_invite(carrier: ToyCarrier, peers: tuple[Peer, Peer]) -> None:
    product, phone = peers
    await _registered(carrier, phone)
    product.send(carrier, *_request("INVITE", product, "z9hG4bKi"))
    product.send(carrier, *_request("CANCEL", product, "z9hG4bKi"))
    assert (await phone.next())[1] == (await phone.next())[1]


async def test_bye_of_a_phone_loses_the_vias_it_copied(carrier: ToyCarrier, peers: tuple[Peer, Peer]) -> None:
    product, phone = peers
    await _registered(carrier, phone)
    phone.send(
        carrier,
        f"BYE sip:917969002802@127.0.0.1:{product.port} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{carrier.address[1]};branch=z9hG4bK-toy-1",
        f"Via: SIP/2.0/UDP 127.0.0.1:{product.port};branch=z9hG4bKi",
        "From: <sip:9876543210@127.0.0.1>;tag=p",
        "To: <sip:917969002802@127.0.0.1>;tag=f",
        "Call-ID: c",
        "CSeq: 2 BYE",
    )
    bye = await product.next()
    assert bye[0].startswith("BYE sip:917969002802@")
    assert "z9hG4bKi" not in "".join(bye)
    vias = [line for line in bye if line.startswith("Via:")]
    product.send(carrier, "SIP/2.0 200 OK", *vias, "Call-ID: c", "CSeq: 2 BYE")
    assert (await phone.next())[0] == "SIP/2.0 200 OK"


async def test_a_number_nobody_registered_is_not_found(carrier: ToyCarrier, peers: tuple[Peer, Peer]) -> None:
    product, _ = peers
    product.send(carrier, *_request("INVITE", product, "z9hG4bKi"))
    assert (await product.next())[0] == "SIP/2.0 404 Not Found"


async def test_options_are_answered_and_nonsense_is_not(carrier: ToyCarrier, peers: tuple[Peer, Peer]) -> None:
    product, _ = peers
    product.send(carrier, "nonsense")
    product.send(carrier, *_request("OPTIONS", product, "z9hG4bKo"))
    assert (await product.next())[0] == "SIP/2.0 200 OK"
    assert product.got.empty()

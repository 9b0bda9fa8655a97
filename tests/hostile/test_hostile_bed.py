"""The bed of the attacks itself: what its peers do where a flood leaves them little."""

import asyncio

from tests.support.hostile_bed import RawPeer, request


def _response(status: int, content: bytes) -> bytes:
    asked = content.decode().split("\r\n\r\n")[0].split("\r\n")[1:]
    return "\r\n".join([f"SIP/2.0 {status} Whatever", *asked, "", ""]).encode()


async def test_an_answer_that_was_lost_is_asked_for_again_while_others_come() -> None:
    peer, service = RawPeer("127.0.0.1", 0), RawPeer("127.0.0.1", 0)
    asked: list[bytes] = []
    await peer.open()
    await service.open()

    def serve(content: bytes, _addr: tuple[str, int]) -> None:
        asked.append(content)
        if len(asked) > 1:
            service.send(_response(405, content), peer.port)

    async def flood() -> None:
        other = _response(503, request("INVITE", "8", "other", peer, service.port))
        while True:
            service.send(other, peer.port)
            await asyncio.sleep(0.01)

    service.datagram_received = serve  # type: ignore[method-assign, assignment]  # a test's own peer
    flooding = asyncio.create_task(flood())
    try:
        peer.send(request("REFER", "8", "mine", peer, service.port), service.port)
        assert await peer.status_of("mine", "REFER") == 405
    finally:
        flooding.cancel()
        peer.close()
        service.close()
    assert asked[0] == asked[1]

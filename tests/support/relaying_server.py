"""A TURN server over UDP (RFC 8656) with credentials that end: allocations, permissions, channels, indications."""

import asyncio
import base64
import hashlib
import hmac
import struct
from typing import Any, cast

from aioice import stun

REALM, NONCE = "turn.example", b"nonce"
_CHANNELS = (0x4000, 0x4FFF)
_LIFETIME_S = 600

Address = tuple[str, int]


class _Allocation(asyncio.DatagramProtocol):
    """One client's relayed address. Who may be heard: `permitted`, by address."""

    def __init__(self, server: "RelayingServer", client: Address) -> None:
        self.server = server
        self.client = client
        self.permitted: set[str] = set()
        self.channels: dict[int, Address] = {}
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        channel = next((number for number, peer in self.channels.items() if peer == addr[:2]), None)
        if channel is not None:
            self.server.send(struct.pack("!HH", channel, len(data)) + data, self.client)
        elif addr[0] in self.permitted:
            indication = stun.Message(stun.Method.DATA, stun.Class.INDICATION)
            indication.attributes["XOR-PEER-ADDRESS"] = addr[:2]
            indication.attributes["DATA"] = data
            self.server.send(bytes(indication), self.client)


class RelayingServer(asyncio.DatagramProtocol):
    """`secret`: what credentials are made with (draft-uberti-behave-turn-rest). `now_s`: Unix seconds, by which they
    end. `relayed`: datagrams that went through to a peer; `refused`: requests whose credentials are none; `granted`:
    allocations that were told of. `thinking`: an allocation is made at once and told of once it is set."""

    def __init__(self, secret: str, now_s: int) -> None:
        self._secret = secret.encode()
        self._now_s = now_s
        self._tasks: set[asyncio.Future[None]] = set()
        self.allocations: dict[Address, _Allocation] = {}
        self.relayed = self.refused = self.granted = 0
        self.thinking: asyncio.Event | None = None

    @classmethod
    async def open(cls, secret: str, now_s: int) -> "RelayingServer":
        """One on a port of the loopback."""
        _, server = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: cls(secret, now_s), local_addr=("127.0.0.1", 0)
        )
        return server

    @property
    def url(self) -> str:
        """As configurations have it."""
        return f"turn:127.0.0.1:{self._transport.get_extra_info('sockname')[1]}?transport=udp"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def send(self, data: bytes, client: Address) -> None:
        self._transport.sendto(data, client)

    def close(self) -> None:
        """End all allocations, and itself."""
        for allocation in self.allocations.values():
            allocation.transport.close()
        self._transport.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        (number, length) = struct.unpack_from("!HH", data)
        allocation = self.allocations.get(addr)
        if _CHANNELS[0] <= number <= _CHANNELS[1]:
            if allocation is not None and number in allocation.channels:
                self._relay(allocation, data[4 : 4 + length], allocation.channels[number])
            return
        message = stun.parse_message(data)
        if message.message_class == stun.Class.INDICATION and allocation is not None:
            self._relay(allocation, message.attributes["DATA"], message.attributes["XOR-PEER-ADDRESS"])
        elif message.message_class == stun.Class.REQUEST:
            task = asyncio.ensure_future(self._asked(message, addr))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _relay(self, allocation: _Allocation, data: bytes, peer: Address) -> None:
        if peer[0] in allocation.permitted:
            self.relayed += 1
            allocation.transport.sendto(data, peer)

    async def _asked(self, request: stun.Message, client: Address) -> None:
        key = self._key_of(request)
        if key is None:
            answer = stun.Message(request.message_method, stun.Class.ERROR, request.transaction_id)
            answer.attributes["ERROR-CODE"] = (401, "Unauthorized")
            answer.attributes["REALM"], answer.attributes["NONCE"] = REALM, NONCE
            self.send(bytes(answer), client)
            return
        answer = stun.Message(request.message_method, stun.Class.RESPONSE, request.transaction_id)
        if request.message_method == stun.Method.ALLOCATE:
            await self._allocate(client, answer)
        elif client in self.allocations:
            self._change(self.allocations[client], request, answer)
        answer.add_message_integrity(key)
        self.send(bytes(answer), client)

    async def _allocate(self, client: Address, answer: stun.Message) -> None:
        if client not in self.allocations:
            _, self.allocations[client] = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Allocation(self, client), local_addr=("127.0.0.1", 0)
            )
        answer.attributes["XOR-RELAYED-ADDRESS"] = self.allocations[client].transport.get_extra_info("sockname")
        answer.attributes["XOR-MAPPED-ADDRESS"] = client
        answer.attributes["LIFETIME"] = _LIFETIME_S
        if self.thinking is not None:
            await self.thinking.wait()
        self.granted += 1

    def _change(self, allocation: _Allocation, request: stun.Message, answer: stun.Message) -> None:
        said: dict[str, Any] = request.attributes
        if request.message_method == stun.Method.REFRESH:
            answer.attributes["LIFETIME"] = said["LIFETIME"]
            if not said["LIFETIME"]:
                self.allocations.pop(allocation.client).transport.close()
        elif "XOR-PEER-ADDRESS" in said:
            allocation.permitted.add(said["XOR-PEER-ADDRESS"][0])
            if request.message_method == stun.Method.CHANNEL_BIND:
                allocation.channels[said["CHANNEL-NUMBER"]] = said["XOR-PEER-ADDRESS"]

    def _key_of(self, request: stun.Message) -> bytes | None:
        """The long-term key of a request (RFC 8489 section 9.2.2), None where it is not to be served."""
        name = request.attributes.get("USERNAME")
        if name is None:
            return None
        password = base64.b64encode(hmac.new(self._secret, name.encode(), hashlib.sha1).digest()).decode()
        key = hashlib.md5(f"{name}:{REALM}:{password}".encode()).digest()
        if int(name.partition(":")[0]) > self._now_s and request.check_message_integrity(key):
            return key
        self.refused += 1
        return None

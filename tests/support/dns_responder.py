"""A DNS server on loopback that answers from a zone given as text, and says what it was asked."""

import asyncio

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class DnsResponder(asyncio.DatagramProtocol):
    """One UDP socket on 127.0.0.1. `zone`: (name, type) to the TTL and the records' texts.

    A name that is in no key does not exist. `mute` answers nothing; `spoil`: what is sent in place of an answer;
    `failing`: the (name, type) that get an error, and which.
    """

    def __init__(self, zone: dict[tuple[str, str], tuple[int, list[str]]]) -> None:
        self.zone = zone
        self.asked: list[tuple[str, str]] = []
        self.mute = False
        self.spoil: bytes | None = None
        self.failing: dict[tuple[str, str], dns.rcode.Rcode] = {}
        self.address = ("", 0)
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        """Listen on a free port, `address`."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        host, port = self._transport.get_extra_info("sockname")[:2]
        self.address = (host, port)

    def close(self) -> None:
        """Stop."""
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a query."""
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if self.mute or self._transport is None:
            return
        if self.spoil is not None:
            self._transport.sendto(data[:2] + self.spoil, addr)
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if (name, kind) in self.failing:
            response.set_rcode(self.failing[name, kind])
            self._transport.sendto(response.to_wire(), addr)
            return
        if not any(known == name for known, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        alias = self.zone.get((name, "CNAME"))
        if alias is not None:
            response.answer.append(dns.rrset.from_text_list(question.name, alias[0], "IN", "CNAME", alias[1]))
            name = alias[1][0].removesuffix(".")
        found = self.zone.get((name, kind))
        if found is not None:
            response.answer.append(dns.rrset.from_text_list(f"{name}.", found[0], "IN", kind, found[1]))
        self._transport.sendto(response.to_wire(), addr)

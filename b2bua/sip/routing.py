"""Where a message goes: the path of a response (RFC 3261 18.2.2, RFC 3581) and the next hop of a request (12.2.1.1)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransportAddress:
    """One end of a transport: `udp`, `tcp` or `tls`, an IP literal without brackets, and a port."""

    transport: str
    host: str
    port: int

    def __str__(self) -> str:
        """`udp:192.0.2.1:5060`, IPv6 in brackets."""
        return f"{self.transport}:{bracketed(self.host)}:{self.port}"

    @property
    def reliable(self) -> bool:
        """True where the transport itself delivers or fails, so that nothing is retransmitted."""
        return self.transport != "udp"


def bracketed(host: str) -> str:
    """The host as it stands in a URI or a Via: an IPv6 literal in brackets."""
    return f"[{host}]" if ":" in host else host

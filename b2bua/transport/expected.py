"""Who is expected at a destination, and which connections may carry what is sent there (RFC 3261 26.3.2.2)."""

from b2bua.sip.routing import ANYBODY, TransportAddress
from b2bua.transport.connection import Connection, Message
from b2bua.transport.tls import Identify, PeerIdentity


class Expected:
    """One listener's. Where it is not `by_tls` nobody proves anything."""

    def __init__(self, identify: Identify, *, by_tls: bool) -> None:
        self._identify = identify
        self._by_tls = by_tls

    def when_opening(self, remote: TransportAddress) -> PeerIdentity | None:
        """Who has to answer where a connection is opened: who is known to be there, or else the address itself. Without
        TLS that is of no concern."""
        known = self._known_at(remote)
        return known or PeerIdentity("", remote.host) if self._by_tls else None

    def to_prove(self, remote: TransportAddress) -> PeerIdentity | None:
        """Who has to prove who it is, should it be called there; None: nobody has."""
        identity = self._known_at(remote) if self._by_tls else None
        return identity if identity is not None and identity.verify else None

    def may_take(self, connection: Connection, message: Message, remote: TransportAddress) -> bool:
        """Whether a connection to or from its place takes what goes to `remote`. One that we have opened does where it
        was verified to lead to whom is expected there now. Any other, and one that came, whoever has made it, takes
        what answers it and what belongs to a call that it has brought something of; one that came does not where a
        server is called there. One that is being opened may fail of who is expected there: it takes what is for the
        same."""
        if not self._by_tls:
            return True
        if connection.opened and connection.connecting:
            meant = connection.identity or self.when_opening(connection.remote)
            return _whom(meant) == _whom(self.when_opening(remote))
        identity = self.to_prove(remote)
        if connection.opened and (identity is not None or remote.expected):
            proved = _whom(connection.identity)
            if connection.identity is None or proved in (_whom(identity), _whom(self.when_opening(remote))):
                return True
            return connection.has_asked(message) if message.is_response else connection.has_brought_call_of(message)
        if identity is None:
            return True
        if message.is_response:
            return not identity.listens or connection.has_asked(message)
        return not identity.listens and connection.has_brought_call_of(message)

    def _known_at(self, remote: TransportAddress) -> PeerIdentity | None:
        """Who is expected at a destination, as those say who know it, or else itself."""
        identity = self._identify(remote)
        if identity is None and remote.expected not in ("", ANYBODY):
            return PeerIdentity("", remote.expected, listens=False)
        return identity


def _whom(identity: PeerIdentity | None) -> str | None:
    """The name that somebody has to prove, None where nobody has."""
    return identity.server_name if identity is not None and identity.verify else None

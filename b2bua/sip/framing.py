"""Messages out of a byte stream: TCP and TLS (RFC 3261 sections 7.5 and 18.3, RFC 5626 section 3.5.1)."""

from __future__ import annotations

from b2bua.sip.errors import MalformedHeader, MalformedMessage
from b2bua.sip.grammar import MAX_MESSAGE_OCTETS
from b2bua.sip.message import Request, Response
from b2bua.sip.parser import content_length, parse_head
from b2bua.sip.plain import read_plain

Framed = Request | Response | MalformedMessage


class StreamFramer:
    """Cuts one connection's octets into messages by Content-Length.

    Holds at most one unfinished message, 65,535 octets of header or of body. When the octets cannot be cut any
    further (`broken`), the connection has to be closed, and whatever is fed later is dropped.
    """

    __slots__ = ("_body_length", "_buffer", "_head_end", "_line_ends", "_message", "_pings", "_searched", "broken")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._head_end = 0
        self._body_length = 0
        self._message: Framed | None = None
        self._line_ends = 0
        self._pings = 0
        self.broken = False

    def feed(self, content: bytes | bytearray | memoryview) -> list[Framed]:
        """The messages these octets complete, in order. A MalformedMessage among them was cut out whole unless
        `broken` is set with it; either way it can be answered where it is `answerable`."""
        messages: list[Framed] = []
        if self.broken:
            return messages
        self._buffer += content
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def take_pings(self) -> int:
        """How many double CRLFs came between messages since the last call: each is to be answered by one CRLF."""
        pings, self._pings = self._pings, 0
        return pings

    @property
    def idle(self) -> bool:
        """Whether no message is half received."""
        return not self._buffer

    def _next(self) -> Framed | None:
        if self._message is None and not self._read_head():
            return None
        end = self._head_end + self._body_length
        message = self._message
        if len(self._buffer) < end:
            return None
        if isinstance(message, Request | Response):
            message.body = bytes(self._buffer[self._head_end : end])
        del self._buffer[:end]
        self._message = None
        self._searched = 0
        return message

    def _read_head(self) -> bool:
        """Whether there is a message, or none can come any more."""
        buffer = self._buffer
        self._drop_line_ends()
        end = buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if (len(buffer) if end < 0 else end) > MAX_MESSAGE_OCTETS:
            return self._break(MalformedMessage("Header too large", 513))
        if end < 0:
            self._searched = len(buffer)
            return False
        plain = read_plain(bytes(buffer[: end + 4]), head_alone=True)
        headers, message = parse_head(bytes(buffer[:end])) if plain is None else (plain.headers, plain)
        self._head_end = end + 4
        try:
            length = content_length(headers)
        except MalformedHeader as error:
            return self._break(self._refused(message, error.reason))
        if length is None:
            return self._break(self._refused(message, "No Content-Length on a stream"))
        self._message, self._body_length = message, length
        return True

    @staticmethod
    def _refused(message: Framed, reason: str) -> MalformedMessage:
        if isinstance(message, MalformedMessage):
            return message
        return MalformedMessage(reason, 400, message if isinstance(message, Request) else None)

    def _break(self, error: MalformedMessage) -> bool:
        self.broken = True
        self._message = error
        self._buffer.clear()
        self._head_end = self._body_length = 0
        return True

    def _drop_line_ends(self) -> None:
        """Line ends before a message are passed over; each two of them are a keep-alive, also when they come apart."""
        buffer = self._buffer
        start = 0
        while buffer.startswith(b"\r\n", start):
            start += 2
        if start:
            pings, self._line_ends = divmod(self._line_ends + start // 2, 2)
            self._pings += pings
            self._searched = 0
            del buffer[:start]
        if buffer and buffer != b"\r":
            self._line_ends = 0

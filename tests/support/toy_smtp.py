"""A small mail server (RFC 5321), over TLS or not, which refuses when it is told to."""

import asyncio
import base64
import ssl
from dataclasses import dataclass, field


@dataclass
class ToySmtp:
    """What came, and the replies to commands that are not the usual ones. `tls`: offered after STARTTLS."""

    messages: list[bytes] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    logins: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    conversations: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, context: ssl.SSLContext | None = None) -> asyncio.Server:
        """Serve, to be closed; over TLS from the first byte where a context is given."""
        return await asyncio.start_server(self._received, "127.0.0.1", 0, ssl=context)

    async def close(self, server: asyncio.Server) -> None:
        """End every conversation, and serve no more."""
        server.close()
        for writer in list(self.writers):
            writer.close()
        await asyncio.gather(*self.conversations)
        await server.wait_closed()

    async def _received(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.create_task(self._converse(reader, writer))
        self.conversations.add(conversation)
        conversation.add_done_callback(self.conversations.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(*lines: str) -> None:
            writer.write("".join(line + "\r\n" for line in lines).encode())

        self.writers.add(writer)
        secured = writer.get_extra_info("sslcontext") is not None
        say("220 toy ESMTP")
        while line := (await reader.readline()).decode().strip():
            word = line.split()[0].upper()
            if word in self.replies:
                say(self.replies[word])
            elif word == "EHLO":
                offers = ["250-AUTH PLAIN"] if secured or self.tls is None else ["250-STARTTLS"]
                say("250-toy", *offers, "250 8BITMIME")
            elif word == "STARTTLS" and self.tls is not None:
                say("220 go ahead")
                await writer.drain()
                await writer.start_tls(self.tls)
                secured = True
            elif word == "AUTH":
                self.logins.append(base64.b64decode(line.split()[2]).decode())
                say("235 welcome")
            elif word == "DATA":
                say("354 go ahead")
                self.messages.append(await reader.readuntil(b"\r\n.\r\n"))
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                break
            else:
                say("250 fine")
        writer.close()
        self.writers.discard(writer)

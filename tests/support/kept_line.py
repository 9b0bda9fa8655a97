"""A WebSocket that keeps what is sent over it, and a live call that is heard."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from b2bua.call.errors import NotConnected
from b2bua.call.model import StreamWish
from b2bua.switch.audience import HeardFrame, Told
from control_api.streams.line import CannotConnect, Line, LineClosed
from media.forking.seats import Mode, Seat, SeatLine


@dataclass
class HeardCalls:
    """A live call that can be heard; a test speaks into `takes`."""

    call_id: str
    org_id: str
    reference: str | None = None
    stream: StreamWish | None = None
    connected: bool = True
    takes: dict[Any, Any] = field(default_factory=dict)
    seats: list[Seat] = field(default_factory=list)
    steps: list[Told | None] = field(default_factory=list)

    def listen_in(self, rate_hz: int, take: Any) -> Any:
        if not self.connected:
            raise NotConnected("The parties of the call are not connected now.")
        ear = object()
        self.takes[ear] = take
        return ear

    def listen_no_more(self, ear: Any) -> None:
        self.takes.pop(ear, None)

    def sit(self, line: SeatLine, codec: str, payload_type: int, mode: Mode) -> Seat:
        if not self.connected:
            line.close()
            raise NotConnected("The parties of the call are not connected now.")
        self.seats.append(Seat(self.call_id, line, codec, payload_type, mode, (1, 1, 1)))
        return self.seats[-1]

    def leave(self, seat: Seat) -> None:
        if seat in self.seats:
            self.seats.remove(seat)
        seat.line.close()

    def tell(self, step: Told | None) -> None:
        self.steps.append(step)

    def say(
        self, frames: int = 1, *, first: int = 0, a: bytes | None = b"\x01\x00" * 160, b: bytes | None = None
    ) -> None:
        """Let whoever hears it hear so many frames, from the one of that number on."""
        for number in range(first, first + frames):
            for take in list(self.takes.values()):
                take(HeardFrame(number * 20, a, b))


class KeptLine:
    """Keeps what is sent. `stuck`: nothing can be sent for now; `ended`: whether in order, once it is closed."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.ended: bool | None = None
        self.closed = False

    async def send(self, text: str) -> None:
        await self.flowing.wait()
        if self.ended is not None:
            raise LineClosed(self.ended)
        self.messages.append(json.loads(text))

    async def close(self) -> None:
        self.closed = True

    def of(self, event: str) -> list[dict[str, Any]]:
        """The messages of one kind, without their envelope."""
        return [message[event] for message in self.messages if message["event"] == event]


@dataclass
class KeptDialler:
    """Gives a new line at each call, or refuses the next `refusals` of them."""

    refusals: int = 0
    lines: list[KeptLine] = field(default_factory=list)
    dialled: list[tuple[str, str, str]] = field(default_factory=list)

    async def dial(self, url: str, stream_id: str, secret: str) -> Line:
        self.dialled.append((url, stream_id, secret))
        if self.refusals:
            self.refusals -= 1
            raise CannotConnect("nobody there")
        self.lines.append(KeptLine())
        return self.lines[-1]


async def settle(turns: int = 20) -> None:
    """Let everything that is ready happen."""
    for _ in range(turns):
        await asyncio.sleep(0)

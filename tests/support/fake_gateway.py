"""A gateway for browsers without browsers: it answers at once, and tells what a test has it tell."""

from collections.abc import Callable, Mapping

from media.errors import UnknownBrowser
from media.webrtc.interface import (
    Address,
    BrowserAnswer,
    BrowserClosed,
    BrowserConnected,
    BrowserDisconnected,
    BrowserEvent,
    BrowserFailed,
    BrowserFigures,
    BrowserReconnected,
    BrowserWish,
    PayloadTypes,
)

FIRST_PORT = 40_000


class FakeGateway:
    """Sessions by name. `refuse_with`: raised in place of the next answer. `speaks`: what browsers have."""

    def __init__(self, tell: Callable[[BrowserEvent], None]) -> None:
        self._tell = tell
        self.sessions: dict[str, Address] = {}
        self.wishes: list[BrowserWish] = []
        self.aims: dict[str, tuple[Address, PayloadTypes]] = {}
        self.fragments: list[str] = []
        self.closed: list[str] = []
        self.refuse_with: Exception | None = None
        self.speaks: tuple[str, ...] = ("opus", "PCMU", "PCMA")
        self._next_port = FIRST_PORT

    async def answer(self, session: str, offer: str, wish: BrowserWish) -> BrowserAnswer:
        refusal, self.refuse_with = self.refuse_with, None
        if refusal is not None:
            raise refusal
        self.wishes.append(wish)
        if session not in self.sessions:
            self.sessions[session] = ("127.0.0.1", self._next_port)
            self._next_port += 2
        codec = next(codec for codec in wish.codecs if codec in self.speaks)
        return BrowserAnswer(f"answer to {offer}", codec, PayloadTypes(8, 126), self.sessions[session])

    async def aim(self, session: str, remote: Address, payload_types: PayloadTypes) -> None:
        self._check(session)
        self.aims[session] = remote, payload_types

    async def trickle(self, session: str, fragment: str) -> None:
        self._check(session)
        self.fragments.append(fragment)

    async def restart(self, session: str, fragment_or_offer: str) -> str:
        self._check(session)
        return f"restarted by {fragment_or_offer}"

    async def close(self, session: str) -> None:
        if self.sessions.pop(session, None) is not None:
            self.closed.append(session)

    def figures(self, session: str) -> BrowserFigures | None:
        return None

    def counters(self) -> Mapping[str, float]:
        return {}

    def connect(self, session: str) -> None:
        self._tell(BrowserConnected(session))

    def reconnect(self, session: str) -> None:
        self._tell(BrowserReconnected(session))

    def disconnect(self, session: str) -> None:
        self._tell(BrowserDisconnected(session))

    def fail(self, session: str) -> None:
        self._tell(BrowserFailed(session, "connect_timeout"))

    def vanish(self, session: str) -> None:
        """The page was closed."""
        del self.sessions[session]
        self._tell(BrowserClosed(session))

    def _check(self, session: str) -> None:
        if session not in self.sessions:
            raise UnknownBrowser(session)

"""Requests that may be one and the same: who repeats one too early is told what became of it, and no more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Repeats:
    """One request at a time under each Idempotency-Key of an organisation."""

    __slots__ = ("_held", "_under_way")

    def __init__(self) -> None:
        self._under_way: dict[tuple[str, str], asyncio.Future[None]] = {}
        self._held: set[tuple[str, str]] = set()

    @asynccontextmanager
    async def turn(self, org_id: str, idempotency_key: str) -> AsyncIterator[None]:
        """Wait until those before it with the same key are answered: only then is the first one's reply to be found."""
        name = (org_id, idempotency_key)
        while (earlier := self._under_way.get(name)) is not None:
            await asyncio.wait([earlier])
        over = self._under_way[name] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            if name not in self._held:
                del self._under_way[name]
                over.set_result(None)

    def hold(self, org_id: str, idempotency_key: str) -> None:
        """The turn that is on lasts beyond its request, until `let_go`: what becomes of it is not known yet."""
        self._held.add((org_id, idempotency_key))

    def let_go(self, org_id: str, idempotency_key: str) -> None:
        """End a turn that is held."""
        name = (org_id, idempotency_key)
        self._held.remove(name)
        self._under_way.pop(name).set_result(None)

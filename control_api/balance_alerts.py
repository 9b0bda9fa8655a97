"""A low balance is told: by a webhook in the unit of work that notes it, by mail to those who look after money."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from b2bua.clock import Clock
from b2bua.switch.outage import Outage
from b2bua.tokens import Tokens
from control_api.mail.letters import Heading, Letter, low_balance_letter
from control_api.mail.post import Post
from storage.billing_records import LowBalance, WalletEvent
from storage.errors import StorageError
from storage.person_records import Role
from storage.store import Store
from storage.units import UnitOfWork

LOG: Final = logging.getLogger(__name__)

TURN_S: Final = 5.0
_TOLD_BY_MAIL: Final = frozenset({Role.OWNER, Role.FINANCE})


class BalanceAlerts:
    """Looks for crossings that nobody was told of. `wake` is called when there is a webhook to be sent."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        tokens: Tokens,
        wake: Callable[[], None],
        post: Post | None,
        public_url: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._tokens = tokens
        self._wake = wake
        self._post = post
        self._public_url = public_url
        self._outage = Outage()
        self._told = 0

    async def run(self) -> None:
        """Turn after turn, until cancelled."""
        while True:
            try:
                await self.turn()
            except StorageError as error:
                if self._outage.failed():
                    LOG.warning("low balances cannot be told now: %s", error)
            else:
                self._outage.over()
            await asyncio.sleep(TURN_S)

    async def turn(self) -> int:
        """Tell what is untold: how many. StorageError."""
        untold = await self._store.read(lambda reader: reader.untold_low_balances())
        if not untold:
            return 0
        ids = [(self._tokens.uuid(), self._tokens.uuid()) for _ in untold]
        now_ms = self._clock.wall_ms()
        letters = await self._store.run(lambda unit: self._tell(unit, untold, ids, now_ms))
        self._told += len(untold)
        self._wake()
        if self._post is not None:
            for letter in letters:
                self._post.send(letter)
        return len(untold)

    def figures(self) -> Mapping[str, float]:
        """Totals since the start, as /metrics names them."""
        return {"low_balances_told_total": self._told}

    def _tell(
        self, unit: UnitOfWork, untold: Sequence[LowBalance], ids: Sequence[tuple[str, str]], now_ms: int
    ) -> list[Letter]:
        """Runs on the database thread."""
        letters: list[Letter] = []
        for low, (event_id, letter_id) in zip(untold, ids, strict=True):
            if not unit.low_balances.told(low.crossing_id, now_ms):
                continue
            unit.outbox.add_wallet_event(
                WalletEvent(event_id, low.org_id, low.sequence, low.crossed_at, low.balance_paise, low.threshold_paise)
            )
            letters += [
                low_balance_letter(Heading(f"{letter_id}.{at}", now_ms), person.email, low, self._public_url)
                for at, (person, membership) in enumerate(unit.people.members(low.org_id))
                if membership.role in _TOLD_BY_MAIL and person.disabled_at is None
            ]
        if self._post is not None:
            for letter in letters:
                self._post.keep(unit, letter)
        return letters

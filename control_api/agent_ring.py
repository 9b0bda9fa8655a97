"""Who is asking: the tokens of agents, which are good for an agent's own calls and nothing else."""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from b2bua.clock import Clock
from b2bua.tokens import Tokens
from control_api.errors import Unauthorized
from control_api.rights import AGENT_RIGHTS
from control_api.who import Who
from storage.agent_records import Agent, AgentToken
from storage.store import Store
from storage.units import Reader

_BEARER: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +(at_[0-9a-f]{64}) *", re.ASCII)
_TOKEN_ID_DIGITS: Final = 16
_REFUSED: Final = "A valid token of an agent is required: this one has ended, was revoked or never was one."


@dataclass(frozen=True, slots=True)
class NewAgentToken:
    """A token as it is kept, and its text, which is shown once."""

    token: AgentToken
    text: str


def new_agent_token(tokens: Tokens, org_id: str, agent: str, now_ms: int, life_s: int) -> NewAgentToken:
    """A token for an agent's browser that is good for `life_s` seconds."""
    text = f"at_{tokens.hex(64)}"
    digest = sha256(text.encode("ascii")).hexdigest()
    token_id = tokens.hex(_TOKEN_ID_DIGITS)
    return NewAgentToken(AgentToken(digest, token_id, org_id, agent, now_ms, now_ms + life_s * 1000), text)


class AgentRing:
    """Looks tokens up by their SHA-256, each time: one that was revoked is good for nothing at once."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @staticmethod
    def takes(authorization: Sequence[str]) -> bool:
        """Whether the values of `Authorization` are an agent's token."""
        return len(authorization) == 1 and _BEARER.fullmatch(authorization[0]) is not None

    async def authenticate(self, authorization: Sequence[str]) -> Who:
        """The agent behind the values of `Authorization`. Raises Unauthorized."""
        match = _BEARER.fullmatch(authorization[0]) if len(authorization) == 1 else None
        if match is None:
            raise Unauthorized(_REFUSED)
        digest = sha256(match.group(1).encode("ascii")).hexdigest()
        now_ms = self._clock.wall_ms()
        agent = await self._store.read(lambda reader: _look_up(reader, digest, now_ms))
        if agent is None:
            raise Unauthorized(_REFUSED)
        return Who(agent.org_id, AGENT_RIGHTS, agent=agent)


def _look_up(reader: Reader, digest: str, now_ms: int) -> Agent | None:
    token = reader.agent_token(digest)
    if token is None or not hmac.compare_digest(token.token_sha256, digest):
        return None
    if token.revoked_at is not None or token.expires_at <= now_ms:
        return None
    return reader.agent(token.org_id, token.agent)  # a token goes with its agent

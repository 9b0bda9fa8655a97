"""API keys as they are made: what is shown once, what is stored, and that none can do more than who made it."""

import ipaddress
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from b2bua.tokens import Tokens
from control_api.errors import Forbidden
from control_api.networks import kept_network
from control_api.rights import rights_of_scopes
from control_api.who import Who
from storage.records import TEST_KEY_PREFIX, ApiKey, Scope

PREFIX_LENGTH: Final = 11
MAX_LIVE_KEYS: Final = 200


@dataclass(frozen=True, slots=True)
class NewKey:
    """What makes a key one of its own: its id and its 64 hexadecimal digits."""

    key_id: str
    digits: str
    test: bool = False

    @property
    def text(self) -> str:
        """The key itself, which is shown once."""
        return f"{TEST_KEY_PREFIX if self.test else 'vp_'}{self.digits}"

    def like(self, key: ApiKey) -> ApiKey:
        """A key with everything of another but the id and the text, of which it keeps the hash and the beginning."""
        digest = sha256(self.text.encode("ascii")).hexdigest()
        return replace(key, key_id=self.key_id, key_sha256=digest, prefix=self.text[:PREFIX_LENGTH])

    def successor(self, old: ApiKey, now_ms: int) -> ApiKey:
        """A key to take over from an old one."""
        return self.like(replace(old, created_at=now_ms, last_used_at=None))


def new_key(tokens: Tokens, *, test: bool = False) -> NewKey:
    """A key that nobody has yet; `test`: for test calls alone."""
    return NewKey(tokens.uuid(), tokens.hex(64), test)


def is_live(key: ApiKey, now_ms: int) -> bool:
    """Whether a key still works."""
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now_ms)


def end_of_grace(old: ApiKey, grace_hours: float, now_ms: int) -> int:
    """When a key that was replaced ends: after its grace, or when it would have ended anyway."""
    ends_at = now_ms + round(grace_hours * 3_600_000)
    return ends_at if old.expires_at is None else min(ends_at, old.expires_at)


def check_no_wider(who: Who, scopes: frozenset[Scope], networks: tuple[str, ...], expires_at: int | None) -> None:
    """Raises Forbidden when a key would be good for more than who makes it: things, places or time."""
    if not rights_of_scopes(scopes) <= who.rights:
        raise Forbidden("You cannot give a key a scope that goes beyond what you may do yourself.", "scopes")
    maker = who.key
    if maker is None:
        return
    if not _within(networks, maker.allowed_networks):
        raise Forbidden("This API key cannot make one that may be used from elsewhere.", "allowed_networks")
    if maker.expires_at is not None and (expires_at is None or expires_at > maker.expires_at):
        raise Forbidden("This API key cannot make one that lives longer.", "expires_at")


def _within(networks: tuple[str, ...], bounds: tuple[str, ...]) -> bool:
    """Whether all networks lie in the bounds; none stand for everywhere."""
    return not bounds or (bool(networks) and all(any(_lies_in(inner, outer) for outer in bounds) for inner in networks))


def _lies_in(inner: str, outer: str) -> bool:
    a, b = kept_network(inner), kept_network(outer)
    if isinstance(a, ipaddress.IPv4Network) and isinstance(b, ipaddress.IPv4Network):
        return a.subnet_of(b)
    return isinstance(a, ipaddress.IPv6Network) and isinstance(b, ipaddress.IPv6Network) and a.subnet_of(b)

"""Who is asking: API keys and where their requests come from."""

import hmac
import ipaddress
import logging
import re
from asyncio import Future
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from b2bua.clock import Clock
from control_api.errors import Forbidden, Unauthorized
from control_api.networks import kept_network, read_network
from control_api.rights import rights_of_scopes
from control_api.who import Who
from storage.errors import StorageError
from storage.records import ApiKey
from storage.store import Store

# A key is looked up again after this long, so that a revoked one stops within a quarter of a second.
FRESH_S: Final = 0.25
TOUCH_EVERY_MS: Final = 60_000
MAX_CACHED_KEYS: Final = 4_096
MAX_FORWARDED_HOPS: Final = 32

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_BEARER: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +(vp_(?:test_)?[0-9a-f]{64}) *", re.ASCII)
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated key, who it makes its bearer, and the networks it may be used from (none: everywhere)."""

    key: ApiKey
    networks: tuple[IpNetwork, ...]
    who: Who

    def check_address(self, address: IpAddress | None) -> None:
        """Raises Forbidden when the key may not be used from this address."""
        if self.networks and not (address is not None and any(address in network for network in self.networks)):
            raise Forbidden("This API key may not be used from this address.")


class KeyRing:
    """Looks keys up by their SHA-256. Found ones are remembered for `FRESH_S`; the table is bounded, the oldest go."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._cached: dict[str, tuple[Caller, float]] = {}
        self._touched_at: dict[str, int] = {}

    async def authenticate(self, authorization: Sequence[str]) -> Caller:
        """The caller behind the values of `Authorization`. Raises Unauthorized."""
        match = _BEARER.fullmatch(authorization[0]) if len(authorization) == 1 else None
        if match is None:
            raise Unauthorized
        digest = sha256(match.group(1).encode("ascii")).hexdigest()
        now = self._clock.monotonic()
        cached = self._cached.get(digest)
        if cached is not None and now < cached[1]:
            caller = cached[0]
        else:
            caller = await self._look_up(digest, now)
        now_ms = self._clock.wall_ms()
        key = caller.key
        expired = key.expires_at is not None and key.expires_at <= now_ms
        if expired or (key.revoked_at is not None and key.revoked_at <= now_ms):
            raise Unauthorized
        self._touch(key, now_ms)
        return caller

    async def _look_up(self, digest: str, now: float) -> Caller:
        key = await self._store.read(lambda reader: reader.key_by_sha256(digest))
        if key is None or not hmac.compare_digest(key.key_sha256, digest):
            self._cached.pop(digest, None)
            raise Unauthorized
        networks = tuple(kept_network(text) for text in key.allowed_networks)
        caller = Caller(key, networks, Who(key.org_id, rights_of_scopes(key.scopes), key))
        if digest not in self._cached and len(self._cached) >= MAX_CACHED_KEYS:
            del self._cached[next(iter(self._cached))]
        self._cached[digest] = (caller, now + FRESH_S)
        return caller

    def _touch(self, key: ApiKey, now_ms: int) -> None:
        """Note the use of the key, at most once a minute and without waiting for it."""
        last = max(key.last_used_at or 0, self._touched_at.get(key.key_id, 0))
        if now_ms - last < TOUCH_EVERY_MS:
            return
        if len(self._touched_at) >= MAX_CACHED_KEYS:
            self._touched_at.clear()
        self._touched_at[key.key_id] = now_ms
        try:
            noted: Future[bool] = self._store.submit(lambda unit: unit.accounts.touch_key(key.key_id, now_ms))
        except StorageError:
            return
        noted.add_done_callback(_note_lost)


def _note_lost(noted: "Future[bool]") -> None:
    if not noted.cancelled() and noted.exception() is not None:
        _log.warning("the last use of an API key was not noted: %s", type(noted.exception()).__name__)


class Proxies:
    """The networks whose `X-Forwarded-For` is believed."""

    __slots__ = ("_trusted",)

    def __init__(self, networks: Sequence[str]) -> None:
        self._trusted = tuple(read_network(text) for text in networks)

    def client_address(self, remote: str | None, forwarded_for: Sequence[str]) -> IpAddress | None:
        """The address a request comes from: the nearest hop that is no trusted proxy. None when it is unknown."""
        address = _address(remote or "")
        if not self._trusted or not forwarded_for:
            return address
        hops = ",".join(forwarded_for).rsplit(",", MAX_FORWARDED_HOPS)[-MAX_FORWARDED_HOPS:]
        for hop in reversed(hops):
            if address is None or not self._is_trusted(address):
                return address
            address = _address(hop.strip())
        return address

    def _is_trusted(self, address: IpAddress) -> bool:
        return any(address in network for network in self._trusted)


def _address(text: str) -> IpAddress | None:
    """An IP address, with or without a port; IPv4 in IPv6's clothes is IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address

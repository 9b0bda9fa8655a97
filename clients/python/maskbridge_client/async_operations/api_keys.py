"""Endpoints: API keys.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from datetime import datetime

from maskbridge_client.async_operations.sending import Sending
from maskbridge_client.shapes import Key, NewKey, RotatedKey, Scope
from maskbridge_client.wire import UNSET, Request, Unset, many_of, nothing, one_of, path_part


class ApiKeysOperations(Sending):
    """API keys."""

    async def list_keys(self) -> list[Key]:
        """List keys.

        Those that ended too (the newest 1,000 of them), oldest first, without the keys themselves. Scope:
        `account:read`. Roles: owner, developer.
        """
        return await self._send(Request("GET", "/v1/account/keys"), many_of(Key))

    async def create_key(
        self,
        name: str,
        *,
        scopes: list[Scope] | Unset | None = UNSET,
        expires_at: datetime | Unset | None = UNSET,
        allowed_networks: list[str] | Unset = UNSET,
        rate_limit_per_minute: int | Unset | None = UNSET,
        test: bool | Unset = UNSET,
    ) -> NewKey:
        """Create a key.

        The key is shown this once. It can never do more than you, nor from elsewhere or for longer than the key
        that makes it. Scope: `account:write`. Roles: owner, developer.

        :param name: The name
        :param scopes: What it may do
        :param expires_at: When it ends by itself; null: never
        :param allowed_networks: Addresses or networks it may be used from; none: all
        :param rate_limit_per_minute: Requests a minute; null: the usual limit
        :param test: A key for test calls alone: vp_test_...
        """
        return await self._send(
            Request(
                "POST",
                "/v1/account/keys",
                body={
                    "name": name,
                    "scopes": scopes,
                    "expires_at": expires_at,
                    "allowed_networks": allowed_networks,
                    "rate_limit_per_minute": rate_limit_per_minute,
                    "test": test,
                },
            ),
            one_of(NewKey),
        )

    async def rotate_key(self, key_id: str, *, grace_hours: float | Unset = UNSET) -> RotatedKey:
        """Replace a key.

        A new key like it works at once and is shown this once; the old one works until its grace ends. Scope:
        `account:write`. Roles: owner, developer.

        :param key_id: The key's id
        :param grace_hours: Hours for which the old key works on
        """
        return await self._send(
            Request("POST", f"/v1/account/keys/{path_part(key_id)}/rotate", body={"grace_hours": grace_hours}),
            one_of(RotatedKey),
        )

    async def revoke_key(self, key_id: str) -> None:
        """Revoke a key.

        It stops within a quarter of a second. Revoking it again changes nothing. Scope: `account:write`. Roles:
        owner, developer.

        :param key_id: The key's id
        """
        return await self._send(Request("DELETE", f"/v1/account/keys/{path_part(key_id)}"), nothing)

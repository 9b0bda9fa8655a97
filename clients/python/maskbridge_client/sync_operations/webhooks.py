"""Endpoints: Webhooks.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from maskbridge_client.shapes import Delivery, DeliveryDetail, Replay, SecretWebhook, Trial, Webhook, WebhookEvent
from maskbridge_client.sync_operations.sending import Sending
from maskbridge_client.wire import UNSET, Request, Unset, many_of, one_of, path_part


class WebhooksOperations(Sending):
    """Webhooks."""

    def list_webhooks(self) -> list[Webhook]:
        """List endpoints.

        Disabled ones too, oldest first. Scope: `account:read`. Roles: owner, developer.
        """
        return self._send(Request("GET", "/v1/account/webhooks"), many_of(Webhook))

    def add_webhook(self, url: str, *, events: list[WebhookEvent] | Unset | None = UNSET) -> SecretWebhook:
        """Add an endpoint.

        It gets what happens from now on. The secret is shown this once. Events of calls take `calls:read` as
        well, `recording.ready` `recordings:read` too. Scope: `account:write`. Roles: owner, developer.

        :param url: The address
        :param events: The events that are sent there
        """
        return self._send(
            Request("POST", "/v1/account/webhooks", body={"url": url, "events": events}), one_of(SecretWebhook)
        )

    def change_webhook(
        self, webhook_id: str, *, url: str | Unset | None = UNSET, events: list[WebhookEvent] | Unset | None = UNSET
    ) -> Webhook:
        """Change an endpoint's address or events.

        The events hold for what happens from now on, the address for what is still to be sent too. Its secret
        stays. Takes the scopes that adding it takes, with its events as they were and as they are to be. Scope:
        `account:write`. Roles: owner, developer.

        :param webhook_id: The webhook's id
        :param url: The address
        :param events: The events that are sent there
        """
        return self._send(
            Request("PATCH", f"/v1/account/webhooks/{path_part(webhook_id)}", body={"url": url, "events": events}),
            one_of(Webhook),
        )

    def rotate_webhook(self, webhook_id: str, *, finish: bool | Unset = UNSET) -> SecretWebhook:
        """Replace an endpoint's secret.

        Until the rotation is ended with `finish`, `X-Edesy-Signature-V2` carries a signature of each secret;
        `X-Edesy-Signature`, which has room for one, is still the old secret's. Scope: `account:write`. Roles:
        owner, developer.

        :param webhook_id: The webhook's id
        :param finish: Whether to end the old secret; without it a new one is made and both sign
        """
        return self._send(
            Request("POST", f"/v1/account/webhooks/{path_part(webhook_id)}/rotate", body={"finish": finish}),
            one_of(SecretWebhook),
        )

    def disable_webhook(self, webhook_id: str) -> Webhook:
        """Disable an endpoint.

        Nothing more is sent there; what is under way is held, not lost. Scope: `account:write`. Roles: owner,
        developer.

        :param webhook_id: The webhook's id
        """
        return self._send(Request("POST", f"/v1/account/webhooks/{path_part(webhook_id)}/disable"), one_of(Webhook))

    def enable_webhook(self, webhook_id: str) -> Webhook:
        """Enable an endpoint.

        What was held for it goes out first. Scope: `account:write`. Roles: owner, developer.

        :param webhook_id: The webhook's id
        """
        return self._send(Request("POST", f"/v1/account/webhooks/{path_part(webhook_id)}/enable"), one_of(Webhook))

    def list_deliveries(
        self, webhook_id: str, *, page: int | Unset = UNSET, per_page: int | Unset = UNSET
    ) -> list[Delivery]:
        """List deliveries.

        What was sent to an endpoint and what came of it, newest first. Past the end `data` is empty. Scope:
        `account:read`. Roles: owner, developer.

        :param webhook_id: The webhook's id
        :param page: Which page, from 1
        :param per_page: Above 100 it is 100
        """
        return self._send(
            Request(
                "GET",
                f"/v1/account/webhooks/{path_part(webhook_id)}/deliveries",
                query={"page": page, "per_page": per_page},
            ),
            many_of(Delivery),
        )

    def test_webhook(self, webhook_id: str) -> Trial:
        """Send a test event.

        Sends `webhook.test` at once, signed as every event is, and tells what was answered. It is not tried
        again, and not among the deliveries. A disabled endpoint is tested too. Scope: `account:write`. Roles:
        owner, developer.

        :param webhook_id: The webhook's id
        """
        return self._send(Request("POST", f"/v1/account/webhooks/{path_part(webhook_id)}/test"), one_of(Trial))

    def show_delivery(self, delivery_id: str) -> DeliveryDetail:
        """Look at a delivery.

        What was sent, and what the endpoint answered to each attempt. Scope: `account:read`. Roles: owner,
        developer.

        :param delivery_id: The delivery's id
        """
        return self._send(Request("GET", f"/v1/account/deliveries/{path_part(delivery_id)}"), one_of(DeliveryDetail))

    def replay_delivery(self, delivery_id: str) -> Replay:
        """Send an event once more.

        From the first attempt. One that is still on its way is left alone. Scope: `account:write`. Roles:
        owner, developer.

        :param delivery_id: The delivery's id
        """
        return self._send(Request("POST", f"/v1/account/deliveries/{path_part(delivery_id)}/replay"), one_of(Replay))

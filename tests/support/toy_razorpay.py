"""A stand-in for Razorpay that speaks its documented protocol over HTTP, and misbehaves when it is told to."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from html import escape
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

KEY_ID = "rzp_test_1DP5mmOlF5G5ag"
KEY_SECRET = "a secret of the stand-in"
WEBHOOK_SECRET = "another secret of the stand-in"


_AUTHORIZATION = "Basic " + base64.b64encode(f"{KEY_ID}:{KEY_SECRET}".encode()).decode()


@dataclass
class ToyRazorpay:
    """Orders, payments and refunds by id. `trouble`: "down" (500 to everything), "nonsense" (no JSON), "lost" (a refund
    is made, and nothing said of it), "forgetful" (no refund is known again by its idempotency key), "busy" (429 to
    everything), "" for none.
    `refund_status`: what new refunds are at first."""

    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    payments: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    trouble: str = ""
    refund_status: str = "processed"
    captures: int = 0

    async def start(self) -> TestServer:
        """Serve; to be closed."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_post("/v1/checkout/embedded", self._hosted)
        app.router.add_post("/v1/orders", self._order)
        app.router.add_get("/v1/payments/{id}", self._show)
        app.router.add_post("/v1/payments/{id}/capture", self._capture)
        app.router.add_post("/v1/payments/{id}/refund", self._refund)
        app.router.add_get("/v1/payments/{id}/refunds", self._list_refunds)
        server = TestServer(app)
        await server.start_server()
        return server

    def pay(self, order_id: str, status: str = "captured", **changes: Any) -> str:
        """What a customer does in the checkout: the payment's id."""
        payment_id = f"pay_{len(self.payments) + 1:014}"
        order = self.orders[order_id]
        entity = {
            "id": payment_id,
            "entity": "payment",
            "amount": order["amount"],
            "currency": order["currency"],
            "status": status,
            "order_id": order_id,
            "method": "upi",
            "captured": status == "captured",
        }
        self.payments[payment_id] = entity | changes
        return payment_id

    def checkout_signature(self, order_id: str, payment_id: str) -> str:
        """What the checkout gives the page beside the payment's id."""
        return _signed(f"{order_id}|{payment_id}".encode(), KEY_SECRET)

    def notification(self, payment_id: str, event: str = "payment.captured") -> tuple[bytes, str]:
        """A webhook's body and its signature."""
        payload = {"payment": {"entity": self.payments[payment_id]}}
        body = json.dumps({"entity": "event", "event": event, "contains": ["payment"], "payload": payload}).encode()
        return body, _signed(body, WEBHOOK_SECRET)

    def refund(self, payment_id: str, paise: int, status: str = "processed", **facts: Any) -> str:
        """What the operator does at the provider's dashboard: the refund's id."""
        refund_id = f"rfnd_{len(self.refunds) + 1:014}"
        entity = {"id": refund_id, "entity": "refund", "amount": paise, "currency": "INR", "payment_id": payment_id}
        self.refunds[refund_id] = entity | {"receipt": None, "notes": [], "status": status} | facts
        payment = self.payments[payment_id]
        back = self._paid_back(payment_id)
        payment["amount_refunded"] = back
        if back == payment["amount"]:
            payment["status"] = "refunded"
        return refund_id

    def refund_notification(self, refund_id: str, event: str = "refund.processed") -> tuple[bytes, str]:
        """A webhook's body about a refund and its signature."""
        refund = self.refunds[refund_id] | {"status": event.removeprefix("refund.")}
        payload = {"refund": {"entity": refund}, "payment": {"entity": self.payments[refund["payment_id"]]}}
        body = json.dumps({"entity": "event", "event": event, "contains": [*payload], "payload": payload}).encode()
        return body, _signed(body, WEBHOOK_SECRET)

    def _paid_back(self, payment_id: str) -> int:
        refunds = [one for one in self.refunds.values() if one["payment_id"] == payment_id]
        return sum(int(one["amount"]) for one in refunds if one["status"] != "failed")

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.trouble == "down":
            return _refused(500, "SERVER_ERROR", "We are facing some trouble")
        if self.trouble == "busy":
            return _refused(429, "BAD_REQUEST_ERROR", "Too many requests")
        if self.trouble == "nonsense":
            return web.Response(text="<html>")
        if request.path == "/favicon.ico":
            return web.Response(status=204)
        if request.path != "/v1/checkout/embedded" and request.headers.get("Authorization") != _AUTHORIZATION:
            return _refused(401, "BAD_REQUEST_ERROR", "Authentication failed")
        reply: web.StreamResponse = await handler(request)
        return reply

    async def _hosted(self, request: web.Request) -> web.Response:
        """The provider's own payment page: what each of its buttons sends the browser back with."""
        asked = await request.post()
        order_id = str(asked["order_id"])
        if asked["key_id"] != KEY_ID or int(str(asked["amount"])) != self.orders[order_id]["amount"]:
            return _refused(400, "BAD_REQUEST_ERROR", "The order is another one")
        paid = self.pay(order_id)
        ways = {
            "Success": self.checkout_fields(order_id, paid),
            "Failure": {"error[code]": "BAD_REQUEST_ERROR", "error[description]": "Payment failed"},
            "Cancel": {},
        }
        forms = "".join(
            f'<form method="post" action="{escape(str(asked["callback_url"]))}">'
            + "".join(f'<input type="hidden" name="{name}" value="{text}">' for name, text in fields.items())
            + f"<button>{way}</button></form>"
            for way, fields in ways.items()
        )
        page = f"<!doctype html><html lang=en><title>Pay</title><h1>Pay {escape(str(asked['name']))}</h1>{forms}</html>"
        return web.Response(text=page, content_type="text/html")

    def checkout_fields(self, order_id: str, payment_id: str) -> dict[str, str]:
        """What the payment page sends the browser back with."""
        return {
            "razorpay_payment_id": payment_id,
            "razorpay_order_id": order_id,
            "razorpay_signature": self.checkout_signature(order_id, payment_id),
        }

    async def _order(self, request: web.Request) -> web.Response:
        asked = await request.json()
        order = {**asked, "id": f"order_{len(self.orders) + 1:014}", "entity": "order", "status": "created"}
        self.orders[order["id"]] = order
        return web.json_response(order)

    async def _show(self, request: web.Request) -> web.Response:
        payment = self.payments.get(request.match_info["id"])
        if payment is None:
            return _refused(400, "BAD_REQUEST_ERROR", "The id provided does not exist")
        return web.json_response(payment)

    async def _capture(self, request: web.Request) -> web.Response:
        payment = self.payments[request.match_info["id"]]
        if payment["status"] != "authorized" or (await request.json())["amount"] != payment["amount"]:
            return _refused(400, "BAD_REQUEST_ERROR", "This payment has already been captured")
        payment |= {"status": "captured", "captured": True}
        self.captures += 1
        return web.json_response(payment)

    async def _refund(self, request: web.Request) -> web.Response:
        payment_id, asked = request.match_info["id"], await request.json()
        key = request.headers.get("X-Refund-Idempotency")
        for known in self.refunds.values() if self.trouble != "forgetful" else ():
            if key is not None and known.get("key") == key:
                return web.json_response(known)
        payment = self.payments.get(payment_id)
        if payment is None or asked["amount"] > payment["amount"] - self._paid_back(payment_id):
            return _refused(400, "BAD_REQUEST_ERROR", "The total refund amount is greater than the payment amount")
        receipt, notes = asked["receipt"], asked["notes"]
        refund_id = self.refund(payment_id, asked["amount"], self.refund_status, receipt=receipt, notes=notes, key=key)
        if self.trouble == "lost":
            return _refused(500, "SERVER_ERROR", "We are facing some trouble")
        return web.json_response(self.refunds[refund_id])

    async def _list_refunds(self, request: web.Request) -> web.Response:
        payment_id = request.match_info["id"]
        found = [one for one in self.refunds.values() if one["payment_id"] == payment_id]
        return web.json_response({"entity": "collection", "count": len(found), "items": found})


def _refused(status: int, code: str, text: str) -> web.Response:
    return web.json_response({"error": {"code": code, "description": text}}, status=status)


def _signed(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()

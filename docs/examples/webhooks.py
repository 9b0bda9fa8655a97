"""A receiver of webhooks: WEBHOOK_SECRET and PORT are in the environment."""

import hashlib
import hmac
import json
import os
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

TOLERANCE_S = 300


def is_genuine(body: bytes, header: str, secret: str) -> bool:
    """Whether X-Edesy-Signature-V2 is this secret's, over this raw body, and no older than five minutes."""
    match = re.fullmatch(r"t=([0-9]{1,12})((?:,v1=[0-9a-f]{64}){1,8})", header)
    if match is None or abs(time.time() - int(match[1])) > TOLERANCE_S:
        return False
    wanted = hmac.new(secret.encode(), match[1].encode() + b"." + body, hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(wanted, given) for given in match[2].split(",v1=")[1:])


class Receiver(BaseHTTPRequestHandler):
    """Takes each event once. Keep the ids in your database, beside what the event changes there."""

    seen: ClassVar[set[str]] = set()

    def do_POST(self) -> None:
        """Verify, answer, and only then work."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not is_genuine(body, self.headers.get("X-Edesy-Signature-V2", ""), os.environ["WEBHOOK_SECRET"]):
            self.send_response(401)
            self.end_headers()
            return
        self.send_response(204)
        self.end_headers()
        event = json.loads(body)
        if event["event_id"] not in self.seen:
            self.seen.add(event["event_id"])
            print(event["event"], event["sequence"], flush=True)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver).serve_forever()

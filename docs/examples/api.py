"""The API with nothing but Python's own library."""

import json
import os
import urllib.error
import urllib.request
from typing import Any


def ask(method: str, path: str, body: object = None) -> Any:
    """The `data` of a reply. Raises RuntimeError with the code and the message of an error."""
    request = urllib.request.Request(
        os.environ["MASKBRIDGE_URL"] + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + os.environ["MASKBRIDGE_KEY"], "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=15) as reply:
            return json.load(reply)["data"]
    except urllib.error.HTTPError as refusal:
        error = json.load(refusal)["error"]
        raise RuntimeError(f"{refusal.code} {error['code']}: {error['message']}") from None

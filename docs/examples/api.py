"""The API with nothing but Python's own library."""

import json
import os
import urllib.request
from typing import Any


def ask(method: str, path: str, body: object = None) -> Any:
    """The `data` of a reply. Raises urllib.error.HTTPError for an error."""
    request = urllib.request.Request(
        os.environ["MASKBRIDGE_URL"] + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + os.environ["MASKBRIDGE_KEY"], "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=15) as reply:
        return json.load(reply)["data"]

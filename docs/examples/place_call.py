"""Place a call; prints what the API says of it."""

import json

from api import ask

call = ask(
    "POST",
    "/v1/masking/calls",
    {"party_a": "9000001000", "party_b": "9000007001", "reference": "order-1042"},
)
print(json.dumps(call))

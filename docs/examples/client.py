"""Place a call with the typed client, and look at it; prints what became of it."""

import json
import os

from maskbridge_client import Maskbridge, Refused

with Maskbridge(os.environ["MASKBRIDGE_URL"], os.environ["MASKBRIDGE_KEY"]) as client:
    try:
        placed = client.place_call("9000001000", "9000007001", reference="order-1042")
    except Refused as refused:
        raise SystemExit(f"{refused.code}: {refused.message}") from refused
    call = client.show_call(placed.call_sid)
    print(json.dumps({"call_sid": call.call_sid, "status": call.status, "masked_number": call.masked_number}))

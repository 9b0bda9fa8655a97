"""Look at a call; prints what the API says of it."""

import json
import sys

from api import ask

print(json.dumps(ask("GET", "/v1/masking/calls/" + sys.argv[1])))

"""Get the signed URL of a call's MP3."""

import json
import sys

from api import ask

print(json.dumps(ask("GET", f"/v1/masking/calls/{sys.argv[1]}/recording")))

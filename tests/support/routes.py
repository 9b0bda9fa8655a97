"""Two trunks that are the phones themselves, and a route from Alice's to Bob's."""

from tests.support.scripted_phone import ALICE, BOB, Persona

DIALLED = "918045678901"  # what Alice dials, and Bob's trunk is asked for
SHOWN = "917969002802"


def peer(name: str, persona: Persona, *, numbers: str = "[]", more: str = "") -> str:
    """A trunk that is a phone."""
    return f"""
[[trunks]]
name = "{name}"
uri = "sip:{persona.sip.host}:{persona.sip.port}"
numbers = {numbers}
options_interval_s = 0
{more}
"""


def route(*, match: str = "91[0-9]{10}", via: str = "east", to: str | None = None, more: str = "") -> str:
    """A route to Bob's trunk."""
    target = to or f"sip:{{user}}@{BOB.sip.host}:{BOB.sip.port}"
    return f"""
[[routes]]
match = "{match}"
to = "{target}"
via = "{via}"
{more}
"""


WEST = peer("west", ALICE)
EAST = peer("east", BOB, numbers=f'["{SHOWN}"]')
RELAYED = WEST + EAST + route(more='trunk = "west"')
PASSED = WEST + EAST + route(more='caller = "pass"')
BILLED = WEST + EAST + route(more='org = "org-1"\nrecord = true')

"""What a simulated party does, told by its number. No sockets in here.

| number | what it does |
|---|---|
| 9000001xxx | rings for a second, answers, and is heard as a tone until the other side hangs up |
| 9000002xxx | is busy (486) |
| 9000003xxx | rings and never answers |
| 9000004xxx | rejects the call (603) |
| 9000005xxx | cannot be reached (480) |
| 9000006xxx | is no number in use (404) |
| 9000007sss | answers, and hangs up after sss seconds, at least one |

The three digits at the end make two parties of the same kind.
"""

import re
from dataclasses import dataclass
from typing import Final

RING_S: Final = 1.0
_NUMBER: Final = re.compile(r"900000([1-7])([0-9]{3})")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`refusal`: the final status it gives; `answers_after_s` None: it rings on; `talks_s` None: it never hangs up."""

    refusal: int | None = None
    answers_after_s: float | None = None
    talks_s: float | None = None


_KINDS: Final = {
    "1": Behaviour(answers_after_s=RING_S),
    "2": Behaviour(refusal=486),
    "3": Behaviour(),
    "4": Behaviour(refusal=603),
    "5": Behaviour(refusal=480),
    "6": Behaviour(refusal=404),
}


def behaviour_of(number: str) -> Behaviour | None:
    """What the party with this 10-digit number does; None where it is none of the simulated ones."""
    match = _NUMBER.fullmatch(number)
    if match is None:
        return None
    kind, rest = match.groups()
    if kind == "7":
        return Behaviour(answers_after_s=RING_S, talks_s=float(max(1, int(rest))))
    return _KINDS[kind]

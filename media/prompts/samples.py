"""Sound as the prompts' code passes it on."""

from array import array
from typing import TypeAlias

Samples: TypeAlias = "array[int]"
"""One channel of samples of -32768..32767, in an array of type "h"."""

"""The regular expression of a route, in RE2's syntax: Python's without look-around and backreferences.

What is matched with it was dialled by somebody outside, and the pattern may be anything: matched by backtracking, as
Python does, a harmless-looking one such as `([0-9]+)*` can take years over 128 characters. RE2 takes time in
proportion to them.
"""

from dataclasses import dataclass, field
from typing import Any

import re2

_MOST_OCTETS = 1 << 20  # of one compiled pattern; a number plan's takes a few thousand


class PatternUnusable(ValueError):
    """A pattern that does not compile, or needs too much memory; the text says why."""


@dataclass(frozen=True, slots=True)
class DialledPattern:
    """A pattern for the whole of a dialled user part. Raises `PatternUnusable`."""

    pattern: str
    _compiled: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        options = re2.Options()
        options.log_errors = False
        options.max_mem = _MOST_OCTETS
        try:
            compiled = re2.compile(self.pattern, options)
        except re2.error as error:
            raise PatternUnusable(_told(error)) from error
        except UnicodeEncodeError as error:
            raise PatternUnusable("it has characters that are none") from error
        object.__setattr__(self, "_compiled", compiled)

    def matches(self, dialled: str) -> bool:
        """Whether all of `dialled` fits, which is unescaped: octets that are no UTF-8 count as `?`."""
        return self._compiled.fullmatch(dialled.encode(errors="replace")) is not None


def _told(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)

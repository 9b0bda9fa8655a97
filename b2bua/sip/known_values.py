"""Header values that come again and again, read once.

The messages of a call repeat its From, To and Contact word by word, and those of a peer its lists and types. Of what
was read last so many different texts are remembered, the one not asked for the longest being forgotten; long ones, and
what cannot be read, never are.
"""

from functools import lru_cache
from typing import Final

from b2bua.sip.headers import MediaType, NameAddr, parse_tokens

ADDRESSES: Final = 4_096
LISTS: Final = 512
MEDIA_TYPES: Final = 64
LENGTH_MAX: Final = 256  # characters

_name_addr: Final = lru_cache(maxsize=ADDRESSES)(NameAddr.parse)
_tokens: Final = lru_cache(maxsize=LISTS)(parse_tokens)
_media_type: Final = lru_cache(maxsize=MEDIA_TYPES)(MediaType.parse)


def read_name_addr(text: str) -> NameAddr:
    """As `NameAddr.parse`."""
    return _name_addr(text) if len(text) <= LENGTH_MAX else NameAddr.parse(text)


def read_tokens(text: str) -> tuple[str, ...]:
    """As `parse_tokens`."""
    return _tokens(text) if len(text) <= LENGTH_MAX else parse_tokens(text)


def read_media_type(text: str) -> MediaType:
    """As `MediaType.parse`."""
    return _media_type(text) if len(text) <= LENGTH_MAX else MediaType.parse(text)

"""The torture messages of RFC 4475 and RFC 5118, and ways to touch all of a message."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from b2bua.sip.errors import SipError
from b2bua.sip.message import Message, Request, Response

_DATA: Final = Path(__file__).parent.parent / "data"


def torture_message(corpus: str, name: str) -> bytes:
    """The octets of one message: corpus `rfc4475` or `rfc5118`, and the name its section gives it."""
    return (_DATA / corpus / f"{name}.dat").read_bytes()


def torture_names(corpus: str) -> list[str]:
    """The names of a corpus's messages."""
    return sorted(path.stem for path in (_DATA / corpus).glob("*.dat"))


def lazy_properties(kind: type[Message]) -> list[str]:
    """The names of all properties of a class of message."""
    return [name for name in dir(kind) if isinstance(getattr(kind, name), property)]


def touch_everything(message: Request | Response) -> int:
    """Reads every property, twice; how many raised a SipError. Anything else that is raised goes through."""
    refused = 0
    for name in lazy_properties(type(message)):
        for _ in range(2):
            try:
                value = getattr(message, name)
                for item in value if isinstance(value, tuple) else (value,):
                    str(item)
            except SipError:
                refused += 1
    return refused

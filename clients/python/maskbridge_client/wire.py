"""Requests as they go out and replies as they come back, without a connection."""

import json
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, Final, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import quote

from maskbridge_client.errors import Refused, UnexpectedReply

T = TypeVar("T")

RETRIED: Final = (429, 503)  # with Retry-After: nothing has been done
FIRST_WAIT_S: Final = 0.5


class Unset(Enum):
    """Stands for an argument that is left out, where None means null."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `content` goes out as it is, `body` as JSON without what is unset. `keyed`: with the API key."""

    method: str
    path: str
    query: Mapping[str, object] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    content: bytes | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    keyed: bool = True

    def parameters(self) -> dict[str, str]:
        """The query as text."""
        return {name: _text(value) for name, value in self.query.items() if value is not UNSET}

    def payload(self) -> bytes | None:
        """The body as bytes; None without one."""
        if self.body is None:
            return self.content
        return json.dumps(encoded(self.body)).encode()

    def repeatable(self) -> bool:
        """Whether a request that may have been obeyed can be sent again."""
        return self.method in ("GET", "PUT", "DELETE") or "Idempotency-Key" in self.headers


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list, and how long the list is."""

    items: list[T]
    page: int
    per_page: int
    total: int
    total_pages: int


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `data` is its JSON."""

    event: str
    event_id: str | None
    data: Any


def path_part(value: object) -> str:
    """A value as a part of a path."""
    return quote(str(value), safe="")


def one_of(shape: type[T]) -> Callable[[Reply], T]:
    """Reads a reply's `data`."""
    return lambda reply: decoded(shape, _envelope(reply)["data"])


def many_of(shape: type[T]) -> Callable[[Reply], list[T]]:
    """Reads a reply's `data`, a whole list."""
    return lambda reply: [decoded(shape, each) for each in _envelope(reply)["data"]]


def page_of(shape: type[T]) -> Callable[[Reply], Page[T]]:
    """Reads a reply's `data` and `meta`, a page of a list."""

    def read(reply: Reply) -> Page[T]:
        envelope = _envelope(reply)
        meta = envelope["meta"]
        items = [decoded(shape, each) for each in envelope["data"]]
        return Page(items, *(int(meta.get(name, 0)) for name in ("page", "per_page", "total", "total_pages")))

    return read


def nothing(reply: Reply) -> None:
    """For replies that say nothing."""


def raw(reply: Reply) -> bytes:
    """A file."""
    return reply.content


def check(reply: Reply) -> Reply:
    """The reply itself. Raises Refused for what is no success."""
    if 200 <= reply.status < 300:
        return reply
    try:
        error = json.loads(reply.content)["error"]
        code, message, name = str(error["code"]), str(error["message"]), error.get("field")
    except (ValueError, KeyError, TypeError):
        code, message, name = "unexpected_reply", reply.content[:200].decode(errors="replace"), None
    raise Refused(reply.status, code, message, name, reply.headers.get("X-Request-Id"), retry_after_s(reply))


def retry_after_s(reply: Reply) -> float | None:
    """What Retry-After says, in seconds."""
    told = reply.headers.get("Retry-After", "")
    return float(told) if told.isascii() and told.isdecimal() else None


def wait_s(reply: Reply, attempt: int, longest_s: float) -> float | None:
    """Seconds to wait before a refused request is sent again; None where it is not. `attempt` counts from 0."""
    told_s = retry_after_s(reply)
    if reply.status not in RETRIED or told_s is None:
        return None
    return told_s if told_s <= longest_s else None


def backoff_s(attempt: int) -> float:
    """Seconds to wait after there was no answer. `attempt` counts from 0."""
    return float(FIRST_WAIT_S * 2**attempt)


def encoded(value: object) -> object:
    """A value as JSON has it; what is unset is left out."""
    if is_dataclass(value) and not isinstance(value, type):
        return encoded({each.name: getattr(value, each.name) for each in fields(value)})
    if isinstance(value, Mapping):
        return {name: encoded(one) for name, one in value.items() if one is not UNSET}
    if isinstance(value, list | tuple | set | frozenset):
        return [encoded(one) for one in value]
    return value.isoformat() if isinstance(value, datetime) else value


def decoded(shape: Any, value: Any) -> Any:
    """A JSON value in a shape. Raises UnexpectedReply where it does not fit."""
    try:
        return _decoded(shape, value)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise UnexpectedReply(f"the reply is no {getattr(shape, '__name__', shape)}: {error}") from error


def events_of(lines: Iterable[str]) -> list[Event]:
    """The server-sent events in these lines, which end with the empty line of the last."""
    found: list[Event] = []
    name, event_id = "message", None
    data: list[str] = []
    for line in lines:
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                found.append(Event(name, event_id, json.loads("\n".join(data))))
            name, data = "message", []
        elif key == "event":
            name = value
        elif key == "id":
            event_id = value
        elif key == "data":
            data.append(value)
    return found


def _decoded(shape: Any, value: Any) -> Any:
    if shape is Any or value is None:
        return value
    origin = get_origin(shape)
    if origin in (Union, types.UnionType):
        return _decoded(next(each for each in get_args(shape) if each is not type(None)), value)
    if origin is list:
        return [_decoded(get_args(shape)[0], each) for each in value]
    if origin is dict or origin is Literal:
        return value  # words that are not known here yet go through
    if shape is datetime:
        return datetime.fromisoformat(value)
    if is_dataclass(shape):
        made: Any = shape
        known = _hints(made)
        return made(**{name: _decoded(known[name], given) for name, given in value.items() if name in known})
    return float(value) if shape is float else value


@cache
def _hints(shape: Any) -> dict[str, Any]:
    return get_type_hints(shape)


def _envelope(reply: Reply) -> Any:
    try:
        envelope = json.loads(reply.content)
    except ValueError as error:
        raise UnexpectedReply("the reply is not JSON") from error
    if not isinstance(envelope, dict) or "data" not in envelope:
        raise UnexpectedReply("the reply has no data")
    return envelope


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)

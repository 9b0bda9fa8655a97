"""JSON as it may come in: UTF-8, no NaN, no name twice, not too deep. Anything else is refused, never a crash."""

import json
from hashlib import sha256
from typing import Final, NoReturn

from control_api.errors import InvalidRequest

MAX_DEPTH: Final = 32


def parse_json(raw: bytes) -> object:
    """The value of a JSON text. Raises InvalidRequest."""
    try:
        # The brackets are counted first, roughly (those in strings too): only a suspicious text is looked at closely.
        if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _depth(raw) > MAX_DEPTH:
            raise InvalidRequest("The body is nested too deeply.")
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise InvalidRequest("The body is not valid JSON.") from None


def canonical_sha256(value: object) -> str:
    """Hex SHA-256 of a parsed body that is the same for the same content, whatever its spacing or order of names."""
    return sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidRequest("The body has a name twice in one object.")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _depth(raw: bytes) -> int:
    """The deepest nesting of brackets outside strings."""
    deepest = depth = 0
    in_string = escaped = False
    for byte in raw:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest

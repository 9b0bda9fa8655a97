"""Writes the client's shapes and operations from the OpenAPI document of this version, a module for each tag of it.

    python clients/python/generate.py [--check]

`--check` writes nothing and ends with 1 where what lies there is not what would be written.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from control_api.openapi import build_openapi

PACKAGE: Final = Path(__file__).parent / "maskbridge_client"
FOLDERS: Final = ("shapes", "sync_operations", "async_operations")
PUBLIC: Final = ("showHealth", "showReadiness")
BY_HAND: Final = ("streamEvents",)
_PLAIN: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "object": "dict[str, Any]"}
_ENVELOPES: Final = ("Reply", "Meta")
_HEADER: Final = '"""{0}\n\nGenerated from the OpenAPI document by `make client`: not to be changed by hand.\n"""\n\n'


# A method, a path, and what the document says of both.
Operation: TypeAlias = tuple[str, str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a method. `place`: path, query, body or header."""

    wire_name: str
    name: str
    annotation: str
    place: str
    required: bool
    about: str


class Writer:
    """The document, and the names its schemas have here."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._schemas: Mapping[str, Any] = document["components"]["schemas"]

    def shapes(self) -> dict[str, str]:
        """The modules of `shapes`: each schema stands where the first tag that leads to it is."""
        homes = self._homes()
        texts = {}
        for room in dict.fromkeys(homes.values()):
            wanted = sorted(name for name, home in homes.items() if home == room)
            # Words first: they are evaluated where they stand, and classes are named in quotes.
            parts = [self._words(name) for name in wanted if "enum" in self._schemas[name]]
            parts += [self._class(name) for name in wanted if "properties" in self._schemas[name]]
            others = [
                f"from maskbridge_client.shapes.{home} import {self._named(name)}\n"
                for name, home in homes.items()
                if home != room
            ]
            texts[f"shapes/{room}.py"] = (
                _HEADER.format("What requests and replies are made of.")
                + "from __future__ import annotations\n\nfrom dataclasses import dataclass\n"
                + "from datetime import datetime\nfrom typing import Any, Literal, TypeAlias\n\n"
                + f"{''.join(others)}from maskbridge_client.wire import UNSET, Unset\n\n{''.join(parts)}"
            )
        return texts | {"shapes/__init__.py": self._all_shapes(homes)}

    def operations(self, *, asynchronous: bool) -> dict[str, str]:
        """The modules of `sync_operations` or `async_operations`."""
        package = "async_operations" if asynchronous else "sync_operations"
        title = "AsyncOperations" if asynchronous else "Operations"
        texts = {f"{package}/sending.py": _sending(asynchronous=asynchronous)}
        imports, parts = "", []
        for tag, operations in self._by_tag().items():
            room, part = _room(tag), f"{_room(tag).title().replace('_', '')}Operations"
            methods = "\n".join(self._method(*each, asynchronous=asynchronous) for each in operations)
            texts[f"{package}/{room}.py"] = self._operations_of(tag, package, part, methods)
            imports += f"from maskbridge_client.{package}.{room} import {part}\n"
            parts.append(part)
        texts[f"{package}/__init__.py"] = (
            _HEADER.format("Every endpoint that an API key opens, as a method.")
            + f'{imports}\n__all__ = ["{title}"]\n\n\nclass {title}({", ".join(parts)}):\n'
            + '    """The endpoints; how they are reached is the client\'s."""\n'
        )
        return texts

    def _operations_of(self, tag: str, package: str, part: str, methods: str) -> str:
        names = {self._named(name) for name in self._reachable()}
        used = sorted(names & set(re.findall(r"\b[A-Z][A-Za-z]+\b", methods)))
        wire = "many_of", "nothing", "one_of", "page_of", "path_part", "raw"
        return (
            _HEADER.format(f"Endpoints: {tag}.")
            + "from datetime import datetime\nfrom typing import Any, Literal\n\n"
            + "".join(f"from maskbridge_client.shapes import {name}\n" for name in used)
            + f"from maskbridge_client.{package}.sending import Sending\n"
            + f"from maskbridge_client.wire import Page, Request, UNSET, Unset, {', '.join(wire)}\n\n\n"
            + f'class {part}(Sending):\n    """{tag}."""\n\n{methods}'
        )

    def _homes(self) -> dict[str, str]:
        """The module of each schema that is wanted. What one leads to stands in its own or in an earlier one."""
        wanted, homes = self._reachable(), dict[str, str]()
        for tag, operations in self._by_tag().items():
            for name in self._led_to(operations):
                if name in wanted:
                    homes.setdefault(name, _room(tag))
        return homes

    def _all_shapes(self, homes: Mapping[str, str]) -> str:
        named = sorted((self._named(name), home) for name, home in homes.items())
        imports = "".join(f"from maskbridge_client.shapes.{home} import {name}\n" for name, home in named)
        names = ", ".join(f'"{name}"' for name, _ in named)
        return f"{_HEADER.format('What requests and replies are made of.')}{imports}\n__all__ = [{names}]\n"

    def _by_tag(self) -> dict[str, list[Operation]]:
        found: dict[str, list[Operation]] = {}
        for each in self._operations():
            found.setdefault(each[2]["tags"][0], []).append(each)
        return found

    def _operations(self) -> Iterator[Operation]:
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                by_key = any("key" in each for each in operation.get("security", ()))
                name = operation["operationId"]
                if (by_key or name in PUBLIC) and name not in BY_HAND:
                    yield method.upper(), path, operation

    def _method(self, method: str, path: str, operation: Mapping[str, Any], *, asynchronous: bool) -> str:
        arguments = self._arguments(operation)
        result, reads = self._result(operation)
        needed = [f"{each.name}: {each.annotation}" for each in arguments if each.required]
        optional = [f"{each.name}: {each.annotation}" for each in arguments if not each.required]
        signature = ", ".join(["self", *needed, *(["*", *optional] if optional else [])])
        about = [f":param {each.name}: {each.about}" for each in arguments if each.about]
        told = [f"{operation['summary']}.", "", operation.get("description", ""), *([""] if about else []), *about]
        text = _docstring(told, 8)
        word, wait = ("async def", "await ") if asynchronous else ("def", "")
        return (
            f"    {word} {_snake(operation['operationId'])}({signature}) -> {result}:\n{text}"
            f"        return {wait}self._send(Request({self._request(method, path, arguments)}), {reads})\n"
        )

    def _request(self, method: str, path: str, arguments: list[Argument]) -> str:
        filled = path
        for each in arguments:
            if each.place == "path":
                filled = filled.replace("{" + each.wire_name + "}", "{path_part(" + each.name + ")}")
        parts = [repr(method), f'f"{filled}"' if filled != path else f'"{path}"']
        for place in ("query", "body"):
            pairs = ", ".join(f'"{each.wire_name}": {each.name}' for each in arguments if each.place == place)
            if pairs:
                parts.append(f"{place}={{{pairs}}}")
        if any(each.place == "content" for each in arguments):
            parts += ["content=content", 'content_type="audio/wav"']
        if any(each.place == "header" for each in arguments):
            parts.append('headers={"Idempotency-Key": idempotency_key or self._new_key()}')
        return ", ".join(parts)

    def _arguments(self, operation: Mapping[str, Any]) -> list[Argument]:
        found = []
        for each in operation.get("parameters", ()):
            about = each.get("description", "")
            name = _snake(each["name"].replace("-", "_"))
            if each["in"] == "header":
                made = "Made for you without it."
                found.append(Argument(each["name"], name, "str | None = None", "header", False, made))
                continue
            required = bool(each.get("required"))
            annotation = _argument(self._annotation(each["schema"]), required=required)
            found.append(Argument(each["name"], name, annotation, each["in"], required, about))
        content = operation.get("requestBody", {}).get("content", {})
        if "audio/wav" in content:
            found.append(Argument("content", "content", "bytes", "content", True, "A WAV file."))
        elif content:
            found += self._body_arguments(content["application/json"]["schema"]["$ref"])
        return found

    def _body_arguments(self, reference: str) -> Iterator[Argument]:
        schema = self._schemas[_last(reference)]
        for name, each in schema["properties"].items():
            required = name in schema.get("required", ())
            annotation = _argument(self._annotation(each), required=required)
            yield Argument(name, name, annotation, "body", required, each.get("description", ""))

    def _result(self, operation: Mapping[str, Any]) -> tuple[str, str]:
        """The annotation of what a method gives back, and what reads it."""
        content = next(reply for status, reply in operation["responses"].items() if status[0] == "2").get("content", {})
        if not content:
            return "None", "nothing"
        if "application/json" not in content:
            return "bytes", "raw"
        envelope = self._schemas[_last(content["application/json"]["schema"]["$ref"])]["properties"]
        if "data" not in envelope:
            return "None", "nothing"
        inside = envelope["data"]
        if "$ref" in inside:
            if not self._schemas[_last(inside["$ref"])].get("properties"):
                return "None", "nothing"
            shape = self._named(_last(inside["$ref"]))
            return shape, f"one_of({shape})"
        if inside.get("type") != "array":
            return "None", "nothing"
        shape = self._named(_last(inside["items"]["$ref"]))
        paged = _last(envelope["meta"]["$ref"]) == "ListMeta"
        return (f"Page[{shape}]", f"page_of({shape})") if paged else (f"list[{shape}]", f"many_of({shape})")

    def _words(self, name: str) -> str:
        schema = self._schemas[name]
        words = ", ".join(repr(word) for word in schema["enum"])
        return f"{self._named(name)}: TypeAlias = Literal[{words}]\n{_docstring([schema.get('description', '')], 0)}\n"

    def _class(self, name: str) -> str:
        schema = self._schemas[name]
        required, optional = [], []
        for field_name, each in schema["properties"].items():
            annotation = self._annotation(each, quoted=True)
            about = each.get("description", "")
            text = _docstring([about], 4) if about else ""
            if field_name in schema.get("required", ()):
                required.append(f"    {field_name}: {annotation}\n{text}")
            elif name.endswith("Body"):
                optional.append(f"    {field_name}: {_optional(annotation)}\n{text}")
            else:
                without = annotation.removesuffix(" | None")
                optional.append(f"    {field_name}: {without} | None = None\n{text}")
        return (
            f"\n@dataclass(frozen=True, slots=True, kw_only=True)\nclass {self._named(name)}:\n"
            f"{_docstring([schema.get('description', '')], 4)}\n{''.join(required + optional)}\n"
        )

    def _annotation(self, schema: Mapping[str, Any], *, quoted: bool = False) -> str:
        if "$ref" in schema:
            name = _last(schema["$ref"])
            return "Any" if not self._schemas[name] or name == "JsonValue" else self._named(name)
        if "anyOf" in schema:
            each = dict.fromkeys(self._annotation(one, quoted=quoted) for one in schema["anyOf"])
            return " | ".join(sorted(each, key=lambda one: one == "None"))
        if "const" in schema or "enum" in schema:
            words = [schema["const"]] if "const" in schema else schema["enum"]
            return f"Literal[{', '.join(repr(word) for word in words)}]"
        kind = schema.get("type")
        if kind == "array":
            return f"list[{self._annotation(schema.get('items', {}), quoted=quoted)}]"
        if kind == "null":
            return "None"
        if kind == "string" and schema.get("format") == "date-time":
            return "datetime"
        return _PLAIN.get(str(kind), "Any")

    def _named(self, schema_name: str) -> str:
        """`CallView` is `Call` here, unless something else is."""
        short = schema_name.removesuffix("View")
        return schema_name if short != schema_name and short in self._schemas else short

    def _reachable(self) -> set[str]:
        """The schemas that the methods need, without the envelopes."""
        waiting = self._led_to(self._operations())
        flattened = {
            _last(operation["requestBody"]["content"]["application/json"]["schema"]["$ref"])
            for _, _, operation in self._operations()
            if "application/json" in operation.get("requestBody", {}).get("content", {})
        }
        inner = (self._schemas[name].get("properties", {}) for name in waiting)
        nested = {name for properties in inner for name in _references(properties, self._schemas)}
        kept = {name for name in waiting if name not in flattened or name in nested}
        return {name for name in kept if not name.endswith(_ENVELOPES) and name != "JsonValue"}

    def _led_to(self, operations: Iterable[Operation]) -> list[str]:
        """Every schema that requests and good replies of these operations lead to."""
        found: list[str] = []
        for _, _, operation in operations:
            found += _references(operation.get("requestBody", {}), self._schemas)
            for status, reply in operation["responses"].items():
                if status[0] == "2":
                    found += _references(reply.get("content", {}), self._schemas)
            found += _references(operation.get("parameters", []), self._schemas)
        return found


def _references(value: object, schemas: Mapping[str, Any]) -> list[str]:
    """The names of all schemas that a part of the document leads to."""
    found: list[str] = []
    waiting: list[object] = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            reference = each.get("$ref")
            name = _last(reference) if isinstance(reference, str) else None
            if name is not None and name in schemas and name not in found:
                found.append(name)
                waiting.append(schemas[name])
            waiting += [inner for key, inner in each.items() if key not in ("example", "examples", "$ref")]
        elif isinstance(each, list):
            waiting += each
    return found


def _sending(*, asynchronous: bool) -> str:
    """The module of the class that all operations are made of."""
    sends = "async def" if asynchronous else "def"
    return (
        _HEADER.format("What the operations leave to the client.")
        + "from abc import ABC, abstractmethod\nfrom collections.abc import Callable\nfrom typing import TypeVar\n\n"
        + 'from maskbridge_client.wire import Reply, Request\n\nT = TypeVar("T")\n\n\n'
        + 'class Sending(ABC):\n    """How endpoints are reached."""\n\n'
        + f"    @abstractmethod\n    {sends} _send(self, request: Request, read: Callable[[Reply], T]) -> T:\n"
        + '        """Send it, and read what comes back."""\n\n'
        + "    @abstractmethod\n    def _new_key(self) -> str:\n"
        + '        """A key that makes a request repeatable."""\n'
    )


def _room(tag: str) -> str:
    """The module of a tag."""
    return tag.lower().replace(" ", "_")


def _argument(annotation: str, *, required: bool) -> str:
    return annotation if required else _optional(annotation)


def _optional(annotation: str) -> str:
    """What may be left out; None stands last."""
    without = annotation.removesuffix(" | None")
    return f"{without} | Unset{annotation[len(without) :]} = UNSET"


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower().replace("top_up", "topup")


def _docstring(lines: list[str], indent: int) -> str:
    """A docstring of these lines, folded to the width of the page."""
    space = " " * indent
    folded: list[str] = []
    for line in lines:
        words, row = line.replace("\\", "\\\\").replace('"""', "'''").split(), ""
        for word in words:
            if row and len(row) + len(word) + indent + 1 > 112:
                folded.append(row)
                row = word
            else:
                row = f"{row} {word}".strip()
        folded.append(row)
    text = "\n".join(f"{space}{row}".rstrip() for row in folded).strip()
    if "\n" in text:
        return f'{space}"""{text}\n{space}"""\n'
    return f'{space}"""{text}"""\n' if text else ""


def written() -> dict[str, str]:
    """Every generated file, formatted."""
    writer = Writer(json.loads(json.dumps(build_openapi("https://calls.example", "0"))))
    texts = writer.shapes() | writer.operations(asynchronous=False) | writer.operations(asynchronous=True)
    return {name: _formatted(text, name) for name, text in texts.items()}


def left_over(names: Iterable[str]) -> list[Path]:
    """Files of an earlier generation that are written no more."""
    kept = {PACKAGE / name for name in names}
    return [file for folder in FOLDERS for file in sorted((PACKAGE / folder).glob("*.py")) if file not in kept]


def _formatted(text: str, name: str) -> str:
    ruff = str(Path(sys.executable).with_name("ruff"))
    file = str(PACKAGE / name)
    for command in (["check", "--quiet", "--fix-only", "--select", "I,F401"], ["format"]):
        whole = [ruff, *command, "--stdin-filename", file, "-"]
        done = subprocess.run(whole, input=text, capture_output=True, text=True, check=True)
        text = done.stdout
    return text


def _has(file: Path, text: str) -> bool:
    return file.exists() and file.read_text() == text


def main() -> int:
    """Write, or compare."""
    checking = "--check" in sys.argv
    for folder in () if checking else FOLDERS:  # before: imports are sorted by what is there
        (PACKAGE / folder).mkdir(exist_ok=True)
    texts = written()
    stale = [name for name, text in texts.items() if not _has(PACKAGE / name, text)]
    gone = left_over(texts)
    if not checking:
        for name in stale:
            (PACKAGE / name).write_text(texts[name])
        for file in gone:
            file.unlink()
    stale += [file.relative_to(PACKAGE).as_posix() for file in gone]
    if stale and checking:
        sys.stderr.write(f"not as the OpenAPI document has it: {', '.join(stale)}; run: make client\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

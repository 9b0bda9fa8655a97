"""The OpenAPI document as one page for people: no script, nothing from elsewhere."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from typing import Any, Final

_STYLE: Final = """
:root{color-scheme:light dark;--ground:#fff;--ink:#1b1f24;--faint:#5b6470;--line:#d9dee4;--card:#f6f8fa;
--accent:#0b5fa5}
@media (prefers-color-scheme:dark){:root{--ground:#14171b;--ink:#e6e9ed;--faint:#9aa4b0;--line:#2d343c;--card:#1c2127;
--accent:#6db7f2}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:56rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}
h1{font-size:1.7rem;margin:.5rem 0}h2{font-size:1.25rem;margin:2rem 0 .5rem}
h3,nav h2{font-size:1rem;margin:1rem 0 .25rem}
a{color:var(--accent)}p{margin:.5rem 0}.faint{color:var(--faint)}
code,pre{font:.875em/1.5 ui-monospace,monospace}
pre{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.75rem;overflow-x:auto;margin:.5rem 0}
details{border:1px solid var(--line);border-radius:8px;margin:.5rem 0;padding:0 .75rem}
summary{cursor:pointer;padding:.6rem 0;overflow-wrap:anywhere}
details details{background:var(--card)}
.verb{display:inline-block;min-width:3.5rem;font-weight:700;color:var(--accent)}
.scroll{overflow-x:auto;overflow-wrap:normal}
table{border-collapse:collapse;width:100%;font-size:.93rem}
th,td{text-align:left;vertical-align:top;border-bottom:1px solid var(--line);padding:.35rem .5rem .35rem 0}
nav ul{list-style:none;padding:0;margin:0}nav li{padding:.15rem 0}
"""
_STYLE_HASH: Final = b64encode(sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SITE_THERE: Final = 'How to use it: <a href="/docs/">the documentation</a>.'
_SITE_MISSING: Final = "The rest of the documentation has not been built here: <code>make docs</code> does that."
_CODE: Final = re.compile(r"`([^`]+)`")


def render_docs(document: dict[str, Any], *, has_site: bool = False) -> str:
    """The page of an OpenAPI document. `has_site`: whether the rest of the documentation is there to be linked."""
    info = document["info"]
    sections: dict[str, list[str]] = {tag["name"]: [] for tag in document["tags"]}
    contents: dict[str, list[str]] = {name: [] for name in sections}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = operation["tags"][0]
            sections[tag].append(_operation(method.upper(), path, operation, document))
            contents[tag].append(
                f'<li>{_verb(method.upper())} <a href="#{escape(operation["operationId"])}">'
                f"<code>{escape(path)}</code></a> {escape(operation['summary'])}</li>"
            )
    about = "".join(f"<p>{_text(paragraph)}</p>" for paragraph in info["description"].split("\n\n"))
    navigation = "".join(f"<h2>{escape(tag)}</h2><ul>{''.join(items)}</ul>" for tag, items in contents.items())
    body = "".join(f"<section><h2>{escape(tag)}</h2>{''.join(parts)}</section>" for tag, parts in sections.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body><main>"
        f'<h1>{escape(info["title"])} API <span class="faint">{escape(info["version"])}</span></h1>{about}'
        f"<p>Base URL <code>{escape(document['servers'][0]['url'])}</code>. "
        f'For machines: <a href="/v1/openapi.json">openapi.json</a>. {_SITE_THERE if has_site else _SITE_MISSING}</p>'
        f"<nav>{navigation}</nav>{body}</main></body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    parts = [f"<p>{_text(operation['description'])}</p>"]
    if "parameters" in operation:
        rows = "".join(
            _row(one["name"], one["required"], _named(one["schema"], document), one.get("description", ""), one["in"])
            for one in operation["parameters"]
        )
        parts.append(f"<h3>Parameters</h3>{_table(rows, ('Name', 'In', 'Type', 'Meaning'))}")
    if "requestBody" in operation:
        parts.append("<h3>Body</h3>")
        for media_type, content in operation["requestBody"]["content"].items():
            parts += _body(media_type, _named(content["schema"], document), document)
    parts.append("<h3>Replies</h3>")
    parts += [_response(status, response) for status, response in operation["responses"].items()]
    return (
        f'<details open id="{escape(operation["operationId"])}"><summary>{_verb(method)} <code>{escape(path)}</code> '
        f"{escape(operation['summary'])}</summary>{''.join(parts)}</details>"
    )


def _body(media_type: str, schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    if "properties" not in schema:
        return [f'<p class="faint">{escape(media_type)}</p>']
    rows = "".join(_body_rows("", schema, document))
    return [_table(rows, ("Name", "Type", "Meaning")), *(_json(example) for example in schema.get("examples", ()))]


def _body_rows(prefix: str, schema: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    """A row for each field, those of an object within it after its own."""
    for name, one in schema["properties"].items():
        named = _without_null(one, document)
        yield _row(f"{prefix}{name}", name in schema.get("required", ()), named, one.get("description", ""))
        if "properties" in named:
            yield from _body_rows(f"{prefix}{name}.", named, document)


def _without_null(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """What a field is where it is given and not null."""
    alternatives = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return _named(alternatives[0] if len(alternatives) == 1 else schema, document)


def _response(status: str, response: dict[str, Any]) -> str:
    parts: list[str] = []
    for media_type, content in response.get("content", {}).items():
        parts.append(f'<p class="faint">{escape(media_type)}</p>')
        if "example" in content:
            parts.append(_json(content["example"]))
        parts += [_json(example["value"]) for example in content.get("examples", {}).values()]
    names = ", ".join(response.get("headers", {}))
    return (
        f"<details><summary><b>{escape(status)}</b> {_text(response['description'])}</summary>"
        f'{"".join(parts)}<p class="faint">Headers: {escape(names)}</p></details>'
    )


def _table(rows: str, columns: tuple[str, ...]) -> str:
    heads = "".join(f"<th>{column}</th>" for column in columns)
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(name: str, required: bool, schema: dict[str, Any], description: str, place: str | None = None) -> str:
    need = "required. " if required else ""
    where = "" if place is None else f"<td>{escape(place)}</td>"
    return (
        f"<tr><td><code>{escape(name)}</code></td>{where}<td>{escape(_type(schema))}</td>"
        f"<td>{escape(need)}{_text(description)}</td></tr>"
    )


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    words = [str(schema.get("type", "any"))]
    if "format" in schema:
        words.append(f"({schema['format']})")
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None:
        words.append(f"from {low}" if high is None else f"{low} to {high}")
    if "maxLength" in schema:
        words.append(f"up to {schema['maxLength']} characters")
    return " ".join(words)


def _named(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """What a schema refers to, or itself."""
    return _resolve(schema, document) if "$ref" in schema else schema


def _resolve(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    name = schema["$ref"].rpartition("/")[2]
    resolved: dict[str, Any] = document["components"]["schemas"][name]
    return resolved


def _verb(method: str) -> str:
    return f'<span class="verb">{escape(method)}</span>'


def _text(text: str) -> str:
    """Escaped text with `code` set as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _json(example: object) -> str:
    return f"<pre>{escape(json.dumps(example, indent=2))}</pre>"

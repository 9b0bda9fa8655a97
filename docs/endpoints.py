"""The endpoints as a page, out of the OpenAPI document. Pure."""

import json
from typing import Any


def endpoints_page(document: dict[str, Any]) -> str:
    """Every endpoint by its tag: what it takes, an example of its reply, its errors."""
    parts = [
        "# Endpoints\n",
        f"{document['info']['description']}\n",
        "The same for machines is `/v1/openapi.json`; as one page, with this server's own address, "
        "[`/docs/api/`](/docs/api/).\n",
    ]
    for tag in document["tags"]:
        parts.append(f"## {tag['name']}\n")
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if operation["tags"][0] == tag["name"]:
                    parts.append(_operation(method.upper(), path, operation, document))
    return "\n".join(parts)


def events_page(document: dict[str, Any]) -> str:
    """Every webhook event with its body."""
    parts = [
        "# Webhook events\n",
        "What each endpoint is sent; headers, signatures and retries are told in [Webhooks](../webhooks.md).\n",
    ]
    for name, methods in document["webhooks"].items():
        content = methods["post"]["requestBody"]["content"]["application/json"]
        parts += [f"## `{name}`\n", methods["post"]["summary"] + ".\n", _json(content["example"])]
        parts += _fields(content["schema"], document)
    return "\n".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    parts = [
        f"### {operation['summary']} {{ #{operation['operationId']} }}\n",
        f"```text\n{method} {path}\n```\n",
        f"{operation['description']}\n",
    ]
    rows = [
        f"| `{one['name']}` | {one['in']} | {_type(one['schema'], document)} | {_cell(one.get('description', ''))} |"
        for one in operation.get("parameters", ())
    ]
    if rows:
        parts.append("| parameter | in | type | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n")
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        parts += _body(_resolve(body["schema"], document), document)
    parts += _replies(operation, document)
    return "\n".join(parts)


def _body(schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    needed = schema.get("required", ())
    rows = [
        f"| `{name}` | {_type(one, document)} | {'required. ' * (name in needed)}{_cell(one.get('description', ''))} |"
        for name, one in schema.get("properties", {}).items()
    ]
    parts = ["| field of the body | type | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n"] if rows else []
    parts += [f"Body, for example:\n\n{_json(example)}" for example in schema.get("examples", ())]
    return parts


def _replies(operation: dict[str, Any], document: dict[str, Any]) -> list[str]:
    parts: list[str] = []
    codes: list[str] = []
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values():
            if status[0] == "2":
                parts += _fields(content.get("schema", {}), document)
            if "example" in content:
                parts.append(f"Reply {status}, for example:\n\n{_json(content['example'])}")
            codes += [f"{status} `{code}`" for code in content.get("examples", {})]
    return [*parts, f"Errors: {', '.join(codes)}.\n"] if codes else parts


def _fields(schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """What `data` holds, each row of it where it is a list; closed until it is asked for."""
    data = _resolve(schema, document).get("properties", {}).get("data", {})
    shown = _resolve(data.get("items", data), document)
    rows = [
        f"    | `{name}` | {_type(one, document)} | {_cell(one.get('description', ''))} |"
        for name, one in shown.get("properties", {}).items()
    ]
    if not rows:
        return []
    title = "Fields of each row of `data`" if "items" in data else "Fields of `data`"
    return [f'??? info "{title}"\n\n    | field | type | meaning |\n    |---|---|---|\n' + "\n".join(rows) + "\n"]


def _type(schema: dict[str, Any], document: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "anyOf" in schema:
        return " or ".join(_type(one, document) for one in schema["anyOf"] if one.get("type") != "null")
    if "$ref" in schema:
        return _type(_resolve(schema, document), document)
    if "enum" in schema:
        return "one of " + ", ".join(f"`{each}`" for each in schema["enum"])
    words = [str(schema.get("type", "any"))]
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None:
        words.append(f"from {low}" if high is None else f"{low} to {high}")
    if "maxLength" in schema:
        words.append(f"up to {schema['maxLength']} characters")
    return " ".join(words)


def _resolve(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    resolved: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return resolved


def _json(example: object) -> str:
    return f"```json\n{json.dumps(example, indent=2)}\n```\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

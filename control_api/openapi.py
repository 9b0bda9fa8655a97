"""The OpenAPI 3.1 document, made from the schemas that check requests and describe replies."""

import re
from collections import defaultdict
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from control_api.agent_schemas import AGENT_NAME
from control_api.examples import reply_examples
from control_api.field_texts import QUERY_TEXTS, explained
from control_api.operation import Operation
from control_api.operations import OPERATIONS
from control_api.rights import Right, roles_with, scope_for
from control_api.schemas import PROMPT_NAME, ErrorReplyBody, error_representation
from control_api.session_ring import CSRF_HEADER
from control_api.webhook_events import WebhookCallBody, WebhookWalletBody, described_events

CALLS_PATH: Final = "/v1/masking/calls"
_PATH_NAME: Final = re.compile(r"\{(\w+)\}")
_PATH_TEXTS: Final = {
    "month": "A month by Indian time, such as 2025-01",
    "number": "The document's number, with `-` in place of `/` or percent-encoded",
}
_REF: Final = "#/components/schemas/"
_TITLE: Final = "maskbridge"
_ABOUT: Final = (
    "Number masking over REST: two people are connected by telephone and neither sees the other's number.\n\n"
    "Send `Authorization: Bearer vp_...` with every request. Success is `data` and `meta`, failure is `error` with a "
    "`code` to act on, a `message` to read and, where one is at fault, the `field`. Every reply has `X-Request-Id`: "
    "name it when you ask for help. Timestamps are RFC 3339 in UTC, money is rupees."
)
_ERROR_TEXTS: Final[dict[tuple[int, str], tuple[str, str | None]]] = {
    (400, "invalid_numbers"): ("party_a is not a valid Indian mobile number.", "party_a"),
    (400, "invalid_request"): ("party_b is required.", "party_b"),
    (401, "unauthorized"): ("A valid API key is required: Authorization: Bearer vp_...", None),
    (401, "totp_required"): ("A code of your authenticator is required.", "totp_code"),
    (402, "insufficient_balance"): ("Insufficient balance. Please add funds to continue making calls.", None),
    (403, "forbidden"): ("This API key does not have the scope calls:write.", None),
    (404, "not_found"): ("No such call.", None),
    (409, "conflict"): ("The call has already ended.", None),
    (410, "gone"): ("This URL has expired. Please ask for a new one.", None),
    (412, "precondition_failed"): ("The ICE session has been restarted since.", None),
    (413, "payload_too_large"): ("The body is larger than 65536 bytes.", None),
    (415, "unsupported_media_type"): (
        "The body must be sent as Content-Type: application/json, in UTF-8.",
        None,
    ),
    (416, "invalid_request"): ("The range lies outside the file.", "Range"),
    (428, "precondition_required"): ("If-Match must name the ICE session, or be * for a restart.", None),
    (429, "rate_limited"): ("Too many requests. Please slow down.", None),
    (500, "internal_error"): ("Something went wrong on our side.", None),
    (503, "no_capacity"): ("No masked number is free. Please try again.", None),
}
_ERROR_MEANINGS: Final = {
    400: "The request cannot be understood or is out of range",
    401: "The key, session or password is missing, malformed, wrong, expired or revoked",
    402: "The available balance does not cover the first pulse",
    403: "Not with this key or role, not from this address, without the CSRF token, or the URL was tampered with",
    404: "No such thing",
    409: "It contradicts what happened before",
    410: "The URL has expired",
    412: "It builds on what is not so any more",
    413: "The body is too large",
    415: "The body is not of the type that is taken",
    416: "No byte of the range exists",
    428: "A header has to say what it builds on",
    429: "Too many requests",
    500: "A fault of ours",
    503: "Not now; try again after `Retry-After` seconds",
}
_SCOPED_ERRORS: Final = ((401, "unauthorized"), (403, "forbidden"), (429, "rate_limited"))
_HEADER_TEXTS: Final = {
    "X-Request-Id": ("The request's id: your own where you sent a sane one", {"type": "string"}),
    "RateLimit-Limit": ("Requests a minute", {"type": "integer"}),
    "RateLimit-Remaining": ("Requests left now", {"type": "integer"}),
    "RateLimit-Reset": ("Seconds until all of them are back", {"type": "integer"}),
    "Retry-After": ("Seconds to wait", {"type": "integer"}),
    "WWW-Authenticate": ("Bearer", {"type": "string"}),
}


def build_openapi(public_url: str, version: str) -> dict[str, Any]:
    """The whole document as a JSON value."""
    examples = reply_examples(public_url)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for operation in OPERATIONS:
        paths[operation.path][operation.method.lower()] = _operation(operation, examples)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": _TITLE,
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url.rstrip("/") or "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in OPERATIONS)],
        "paths": dict(paths),
        "webhooks": described_events(public_url, _REF),
        "components": {
            "schemas": _schemas(),
            "headers": {
                name: {"description": text, "schema": schema} for name, (text, schema) in _HEADER_TEXTS.items()
            },
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key: vp_ and 64 hex digits"},
                "agent": {"type": "http", "scheme": "bearer", "description": "An agent's token: at_ and 64 hex digits"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "maskbridge_session",
                    "description": "Set by signing in; over HTTPS its name is __Host-maskbridge",
                },
                "csrf": {
                    "type": "apiKey",
                    "in": "header",
                    "name": CSRF_HEADER,
                    "description": "The session's `csrf_token`, with whatever changes something",
                },
            },
        },
    }


def _schemas() -> dict[str, Any]:
    beside: tuple[type[BaseModel], ...] = (ErrorReplyBody, WebhookCallBody, WebhookWalletBody)
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(body, "serialization") for body in beside]
    for operation in OPERATIONS:
        if operation.body is not None:
            wanted.append((operation.body, "validation"))
        if operation.reply is not None and (operation.reply, "serialization") not in wanted:
            wanted.append((operation.reply, "serialization"))
    _, definitions = models_json_schema(wanted, ref_template=_REF + "{model}")
    return explained(definitions["$defs"])


def _operation(operation: Operation, examples: dict[str, object]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.text + _who_may(operation.needs),
        "security": _security(operation.needs),
        "responses": _responses(operation, examples),
    }
    parameters = _parameters(operation)
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {
            "required": operation.body_needed,
            "content": {"application/json": {"schema": {"$ref": _REF + operation.body.__name__}}},
        }
    if operation.body_type is not None:
        schema = {"type": "string", "format": "binary"}
        described["requestBody"] = {"required": True, "content": {operation.body_type: {"schema": schema}}}
    return described


def _who_may(right: Right | None) -> str:
    """Which keys and which people have a right, in a sentence."""
    if right is None:
        return ""
    scope, roles = scope_for(right), roles_with(right)
    keys = f" Scope: `{scope}`." if scope else " Not with an API key."
    if right is Right.OPERATE:
        return keys + " For operators."
    if right is Right.TAKE_CALLS:
        return " With an agent's token, or signed in as somebody who is an agent."
    return keys + f" Roles: {', '.join(roles)}."


def _security(right: Right | None) -> list[dict[str, list[str]]]:
    if right is None:
        return []
    signed_in: dict[str, list[str]] = {"session": [], "csrf": []}
    if right is Right.TAKE_CALLS:
        return [{"agent": []}, signed_in]
    return [{"key": []}, signed_in] if scope_for(right) else [signed_in]


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    if "{call_sid}" in operation.path:
        parameters.append(_parameter("call_sid", "path", {"type": "string", "format": "uuid"}, "The call's id"))
    if "{name}" in operation.path:
        named = {"type": "string", "pattern": f"^{PROMPT_NAME}$"}
        parameters.append(_parameter("name", "path", named, "The prompt's name"))
    if "{agent}" in operation.path:
        named = {"type": "string", "pattern": f"^{AGENT_NAME}$"}
        parameters.append(_parameter("agent", "path", named, "The agent's name"))
    if "{file}" in operation.path:
        parameters += [
            _parameter("file", "path", {"type": "string"}, "The call's id and .mp3"),
            _parameter("expires", "query", {"type": "integer"}, "Unix second", required=True),
            _parameter("signature", "query", {"type": "string"}, "As given in the URL", required=True),
            _parameter("Range", "header", {"type": "string"}, "One range of bytes"),
        ]
    for name in _PATH_NAME.findall(operation.path):
        if name not in ("agent", "call_sid", "file", "name"):
            text = _PATH_TEXTS.get(name, f"The {name.removesuffix('_id')}'s id")
            parameters.append(_parameter(name, "path", {"type": "string"}, text))
    if operation.query is not None:
        schema = operation.query.model_json_schema(ref_template=_REF + "{model}")
        for name, described in schema["properties"].items():
            text = described.get("description", QUERY_TEXTS.get(name, ""))
            parameters.append(_parameter(name, "query", _query_schema(described), text))
    if operation.path == CALLS_PATH and operation.body is not None:
        key_schema = {"type": "string", "minLength": 1, "maxLength": 255}
        parameters.append(_parameter("Idempotency-Key", "header", key_schema, "Makes the request repeatable"))
    return parameters


def _query_schema(described: dict[str, Any]) -> dict[str, Any]:
    """The schema of a query parameter, which is a string in a URL and therefore never null."""
    schema = {key: part for key, part in described.items() if key not in ("description", "title")}
    alternatives = [one for one in schema.pop("anyOf", ()) if one != {"type": "null"}]
    if alternatives:
        schema.pop("default", None)
        (schema_when_given,) = alternatives
        schema |= schema_when_given
    return schema


def _parameter(
    name: str, place: str, schema: dict[str, Any], description: str, *, required: bool = False
) -> dict[str, Any]:
    parameter: dict[str, Any] = {
        "name": name,
        "in": place,
        "required": required or place == "path",
        "schema": schema,
    }
    if description:
        parameter["description"] = description
    return parameter


def _responses(operation: Operation, examples: dict[str, object]) -> dict[str, Any]:
    responses: dict[str, Any] = {str(operation.status): _success(operation, examples)}
    if operation.media_type.startswith("audio/"):
        part = {"description": "The part asked for", "content": {operation.media_type: {}}, "headers": _headers(206)}
        responses["206"] = part
    if operation.path.startswith("/v1/public/"):
        responses["304"] = {"description": "The client has it already", "headers": _headers(304)}
    if operation.may_be_empty:
        responses["204"] = {"description": "It is done", "headers": _headers(204, limited=operation.needs is not None)}
    by_status: dict[int, list[str]] = defaultdict(list)
    scoped = _SCOPED_ERRORS if operation.needs else ()
    for status, code in (*scoped, *operation.errors, (500, "internal_error")):
        by_status[status].append(code)
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = {
            "description": _ERROR_MEANINGS[status],
            "headers": _headers(status, limited=operation.needs is not None and status != 401),
            "content": {
                "application/json": {
                    "schema": {"$ref": _REF + ErrorReplyBody.__name__},
                    "examples": {code: {"value": _error_example(status, code)} for code in codes},
                }
            },
        }
    return responses


def _success(operation: Operation, examples: dict[str, object]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if operation.reply is not None:
        content["schema"] = {"$ref": _REF + operation.reply.__name__}
    if operation.example is not None:
        content["example"] = examples[operation.example]
    described: dict[str, Any] = {
        "description": operation.summary,
        "headers": _headers(operation.status, limited=operation.needs is not None),
    }
    return described if operation.status == 204 else described | {"content": {operation.media_type: content}}


def _headers(status: int, *, limited: bool = False) -> dict[str, Any]:
    names = ["X-Request-Id"]
    if limited:
        names += ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"]
    if status in (429, 503):
        names.append("Retry-After")
    if status == 401:
        names.append("WWW-Authenticate")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _error_example(status: int, code: str) -> dict[str, object]:
    message, field = _ERROR_TEXTS[status, code]
    return error_representation(code, message, field)

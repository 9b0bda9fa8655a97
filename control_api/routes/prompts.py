"""An organisation's prompts: uploaded, listed, deleted, chosen for all its calls."""

from hashlib import sha256
from typing import Final

from aiohttp import web

from control_api.auditing import audit_entry
from control_api.byte_ranges import range_still_holds, wanted_range
from control_api.exchange import Api, Exchange, Reply, Route
from control_api.prompt_schemas import choice_representation, prompt_representation, prompts_representation
from control_api.rendering import json_text
from control_api.request_body import MAX_WAV_BYTES, WAV_TYPES, read_json, read_wav
from control_api.schemas import PROMPT_REQUIREMENTS, PromptsBody, checked
from storage.records import Scope


async def list_prompts(api: Api, exchange: Exchange) -> Reply:
    """What the organisation has uploaded."""
    return Reply(json_text(prompts_representation(await api.prompts.prompts(exchange.org_id))))


async def put_prompt(api: Api, exchange: Exchange) -> Reply:
    """Convert a WAV file and keep it under a name."""
    name = exchange.request.match_info["name"]
    entry = audit_entry(api, exchange, "prompt.put", name)
    with api.prompts.place():
        content = await read_wav(exchange.request, MAX_WAV_BYTES)
        prompt, _ = await api.prompts.put(exchange.org_id, name, content, lambda unit: unit.audit.add(entry))
    return Reply(json_text(prompt_representation(prompt)))


async def fetch_prompt(api: Api, exchange: Exchange) -> web.StreamResponse:
    """A prompt to be listened to."""
    headers = exchange.request.headers
    with api.downloads.place():
        content = await api.prompts.wav(exchange.org_id, exchange.request.match_info["name"])
    tag = f'"{sha256(content).hexdigest()[:16]}"'
    exchange.headers.update({"Accept-Ranges": "bytes", "ETag": tag})
    part = None
    if exchange.request.method == "GET" and range_still_holds(headers.get("If-Range"), tag, tag):
        part = wanted_range(headers.get("Range"), len(content))  # without parts some browsers play nothing
    if part is None:
        return web.Response(body=content, content_type=WAV_TYPES[0], headers=exchange.headers)
    exchange.headers["Content-Range"] = f"bytes {part.start}-{part.end}/{len(content)}"
    body = content[part.start : part.end + 1]
    return web.Response(status=206, body=body, content_type=WAV_TYPES[0], headers=exchange.headers)


async def delete_prompt(api: Api, exchange: Exchange) -> web.StreamResponse:
    """Delete a prompt."""
    name = exchange.request.match_info["name"]
    entry = audit_entry(api, exchange, "prompt.delete", name)
    await api.prompts.delete(exchange.org_id, name, lambda unit: unit.audit.add(entry))
    return web.Response(status=204, headers=exchange.headers)


async def show_choice(api: Api, exchange: Exchange) -> Reply:
    """What the organisation's calls have when they choose nothing."""
    return Reply(json_text(choice_representation(await api.prompts.choice(exchange.org_id))))


async def choose(api: Api, exchange: Exchange) -> Reply:
    """Change that, as a whole."""
    body = await read_json(exchange.request, api.settings.max_body_bytes)
    choice = checked(PromptsBody, body, PROMPT_REQUIREMENTS).choice()
    shown = choice_representation(choice)
    entry = audit_entry(api, exchange, "prompt.choose", exchange.org_id, shown)
    await api.prompts.choose(exchange.org_id, choice, lambda unit: unit.audit.add(entry))
    return Reply(json_text(shown))


ROUTES: Final = (
    Route("GET", "/v1/prompts", list_prompts, Scope.PROMPTS_READ),
    Route("GET", "/v1/prompts/{name}", fetch_prompt, Scope.PROMPTS_READ),
    Route("PUT", "/v1/prompts/{name}", put_prompt, Scope.PROMPTS_WRITE),
    Route("DELETE", "/v1/prompts/{name}", delete_prompt, Scope.PROMPTS_WRITE),
    Route("GET", "/v1/prompt-choice", show_choice, Scope.PROMPTS_READ),
    Route("PUT", "/v1/prompt-choice", choose, Scope.PROMPTS_WRITE),
)

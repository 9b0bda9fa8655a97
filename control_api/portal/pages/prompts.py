"""An organisation's announcements: uploaded, deleted, and chosen for its calls."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web

from control_api.errors import ErrorReply
from control_api.portal.frame import Page, PageRoute
from control_api.portal.rest import Refused
from control_api.request_body import WAV_TYPES
from control_api.rights import Right
from storage.records import Consent

_PATH: Final = "/portal/prompts"
_TEMPLATE: Final = "prompts.html"
_BUNDLED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "hold_tone": "Three soft notes, over and over",
        "recording_consent": "“Please note: this call is recorded.”",
        "unknown_caller": "“Sorry. This number does not accept calls from your phone.”",
    }
)
# What a choice is that is no name of a prompt: none begins so.
_OPERATORS: Final = "-operator"
_NOTHING: Final = "-nothing"
USES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "wait": "To A while B is called",
        "whisper_a": "To A alone, when B has answered",
        "whisper_b": "To B alone, when B has answered",
        "consent_notice": "That the call is recorded",
        "balance_warning": "To both, when the balance runs out",
    }
)


async def show(page: Page) -> web.Response:
    """What there is, and what of it calls have."""
    return page.render(_TEMPLATE, **await _known(page))


async def upload(page: Page) -> web.Response:
    """Keep a WAV file under a name."""
    name = page.given("name") or ""
    if not name:
        return await _again(page, ErrorReply(400, "invalid_request", "Please give it a name.", "name"))
    if not page.file:
        return await _again(page, ErrorReply(400, "invalid_request", "Please choose a WAV file.", "file"))
    try:
        await page.rest.send("PUT", f"/v1/prompts/{page.quoted(name)}", page.file, WAV_TYPES[0])
    except Refused as refused:
        return await _again(page, refused.reply)
    return page.redirect(_PATH, "prompt-kept")


async def delete(page: Page) -> web.Response:
    """Take one away."""
    try:
        await page.rest.call("DELETE", f"/v1/prompts/{page.part('name')}")
    except Refused as refused:
        return await _again(page, refused.reply)
    return page.redirect(_PATH, "prompt-deleted")


async def choose(page: Page) -> web.Response:
    """Change what calls have that choose nothing themselves."""
    wanted = {name: _as_chosen(page.form.get(name, _OPERATORS)) for name in (*USES, "consent")}
    try:
        await page.rest.call("PUT", "/v1/prompt-choice", body=wanted)
    except Refused as refused:
        return await _again(page, refused.reply)
    return page.redirect(_PATH, "prompts-chosen")


def _as_chosen(word: str) -> str | None:
    return {_OPERATORS: None, _NOTHING: ""}.get(word, word)


async def _again(page: Page, error: ErrorReply) -> web.Response:
    return page.again(_TEMPLATE, error, **await _known(page))


async def _known(page: Page) -> dict[str, Any]:
    prompts = (await page.rest.get("/v1/prompts")).data
    choice = (await page.rest.get("/v1/prompt-choice")).data
    names = [*(prompt["name"] for prompt in prompts), *_BUNDLED]
    options = [(_OPERATORS, "As the operator has it"), (_NOTHING, "Nothing, or a plain tone")]
    shown = {name: {None: _OPERATORS, "": _NOTHING}.get(value, value) for name, value in choice.items()}
    return {
        "prompts": prompts,
        "bundled": _BUNDLED,
        "uses": USES,
        "choice": shown,
        "options": [*options, *((name, name) for name in dict.fromkeys(names))],
        "consents": [options[0], *zip(Consent, ("Both", "A alone", "B alone", "Nobody"), strict=True)],
        "used_for": {
            prompt["name"]: [words for use, words in USES.items() if choice[use] == prompt["name"]]
            for prompt in prompts
        },
    }


PAGES: Final = (
    PageRoute("GET", _PATH, show, Right.PROMPTS_READ),
    PageRoute("POST", _PATH, upload, Right.PROMPTS_WRITE, upload=True),
    PageRoute("POST", _PATH + "/choice", choose, Right.PROMPTS_WRITE),
    PageRoute("POST", _PATH + "/{name}/delete", delete, Right.PROMPTS_WRITE),
)

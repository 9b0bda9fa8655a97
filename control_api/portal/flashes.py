"""What is said once on the next page: a word in a cookie stands for a sentence, so no text comes from outside."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from aiohttp import web

FLASH_COOKIE: Final = "portal_flash"
FLASH_LIFE_S: Final = 60
FLASHES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "joined": "Welcome. Please sign in with your mail address and the password you have just given.",
        "signed-out": "You are signed out.",
        "password-changed": "Your password is changed. All your other sessions have ended.",
        "factor-on": "Your second factor is set: from now on you are asked for a code when you sign in.",
        "factor-off": "Your second factor is taken away.",
        "reset-sent": "If there is somebody with this address, a letter with a link is on its way.",
        "reset-done": "Your new password is set. Please sign in.",
        "call-ending": "The call is being ended.",
        "recording-paused": "The recording is paused.",
        "recording-resumed": "The recording goes on.",
        "recording-erased": "The recording is erased.",
        "webhook-changed": "The endpoint is changed.",
        "webhook-finished": "From now on only the newest secret signs.",
        "webhook-disabled": "Nothing is sent there any more.",
        "webhook-enabled": "Events are sent there again.",
        "webhook-replayed": "The event is sent once more.",
        "agent-made": "The agent is there.",
        "agent-changed": "The agent is changed.",
        "agent-tokens-revoked": "All tokens of this agent have ended.",
        "agent-deleted": "The agent is deleted.",
        "role-changed": "The role is changed.",
        "person-removed": "They have no role here any more.",
        "paid-back": "The payment is paid back, or will be as soon as the provider has it done.",
        "credited": "The credit note is issued, and the wallet changed with it.",
        "prompt-kept": "The announcement is kept.",
        "prompt-deleted": "The announcement is deleted.",
        "prompts-chosen": "Calls to come have what you have chosen.",
        "settings-kept": "The settings are kept.",
        "organisation-made": "The organisation is there. Look at it to invite its owner, under People.",
        "organisation-changed": "The organisation is changed.",
        "wallet-credited": "The wallet is credited.",
        "organisation-suspended": "The organisation is suspended: it places no calls.",
        "organisation-resumed": "The organisation places calls again.",
        "topup-not-made": "The payment was not made.",
        "key-revoked": "The key is revoked. It works no more.",
    }
)


def set_flash(response: web.StreamResponse, word: str, *, https: bool) -> None:
    """Say this on the next page."""
    response.set_cookie(
        FLASH_COOKIE, word, max_age=FLASH_LIFE_S, path="/portal", httponly=True, secure=https, samesite="Lax"
    )


def flash_of(request: web.Request) -> str | None:
    """The sentence that waits."""
    return FLASHES.get(request.cookies.get(FLASH_COOKIE, ""))


def drop_flash(response: web.StreamResponse) -> None:
    """It has been said."""
    response.del_cookie(FLASH_COOKIE, path="/portal")

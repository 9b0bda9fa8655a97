"""Commands about organisations' prompts, on the database and the prompts folder, beside a running server."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import Final

from b2bua.call.errors import CallError, InvalidPrompts
from b2bua.clock import SystemClock
from b2bua.commands.databases import moment, opened
from b2bua.commands.output import CommandFailed, Output
from b2bua.config import Config
from b2bua.switch.prompt_shelf import PromptShelf
from media.prompts.conversion import LARGEST_BYTES
from media.prompts.files import PromptFiles
from storage.errors import UnknownRecord
from storage.records import Consent, PromptChoice

DEFAULT: Final = "default"
NONE: Final = "none"


async def add(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`prompt add --org ORG_ID NAME FILE`."""
    content = _content(Path(options.file))
    async with _shelf(config, options.org) as shelf:
        prompt, new = await shelf.put(options.org, options.name, content)
    seconds = prompt.duration_ms / 1000
    output.one(
        {"org_id": options.org, "name": prompt.name, "duration_sec": round(seconds, 2), "replaced": not new},
        f"the prompt {prompt.name} is {'kept' if new else 'replaced'}, {seconds:.1f} s long",
    )
    return 0


async def show(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`prompt list --org ORG_ID`."""
    async with _shelf(config, options.org) as shelf:
        prompts = await shelf.prompts(options.org)
        choice = await shelf.choice(options.org)
    chosen = {each.name: getattr(choice, each.name) for each in fields(choice)}
    rows = [
        {
            "name": prompt.name,
            "duration_sec": round(prompt.duration_ms / 1000, 2),
            "chosen_as": [use for use, name in chosen.items() if name == prompt.name],
            "created_at": moment(prompt.created_at),
        }
        for prompt in prompts
    ]
    output.rows(rows, ("name", "duration_sec", "chosen_as", "created_at"))
    return 0


async def delete(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`prompt delete --org ORG_ID NAME`."""
    async with _shelf(config, options.org) as shelf:
        await shelf.delete(options.org, options.name)
        await shelf.tidy()
    output.one({"org_id": options.org, "name": options.name}, f"the prompt {options.name} is deleted")
    return 0


async def choose(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`prompt choose --org ORG_ID [--wait NAME] ...`: what is not named stays as it is."""
    async with _shelf(config, options.org) as shelf:
        present = await shelf.choice(options.org)
        choice = PromptChoice(
            wait=_named(options.wait, present.wait),
            whisper_a=_named(options.whisper_a, present.whisper_a),
            whisper_b=_named(options.whisper_b, present.whisper_b),
            consent=_consent(options.consent, present.consent),
            consent_notice=_named(options.consent_notice, present.consent_notice),
            balance_warning=_named(options.balance_warning, present.balance_warning),
        )
        await shelf.choose(options.org, choice)
    shown = {each.name: getattr(choice, each.name) for each in fields(choice)}
    output.one({"org_id": options.org, **shown})
    return 0


def _named(text: str | None, present: str | None) -> str | None:
    if text is None:
        return present
    return {DEFAULT: None, NONE: ""}.get(text, text)


def _consent(text: str | None, present: Consent | None) -> Consent | None:
    if text is None:
        return present
    return None if text == DEFAULT else Consent(text)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST_BYTES + 1)


@asynccontextmanager
async def _shelf(config: Config, org_id: str) -> AsyncIterator[PromptShelf]:
    """The prompts of a known organisation; what is refused is told in one line."""
    store = await opened(config)
    try:
        await store.read(lambda reader: reader.organisation(org_id))
        yield PromptShelf(store, PromptFiles(config.storage.prompts), SystemClock())
    except UnknownRecord:
        raise CommandFailed(f"there is no organisation {org_id}") from None
    except InvalidPrompts as refusal:
        raise CommandFailed(f"{refusal.field}: {refusal}" if refusal.field else str(refusal)) from None
    except CallError as refusal:
        raise CommandFailed(str(refusal)) from None
    finally:
        await store.close()

"""What goes over the wire about an organisation's prompts; what comes in is in `control_api.schemas`."""

from collections.abc import Iterable
from typing import Final

from control_api.schemas import Timestamp, Wire, enveloped
from control_api.timestamps import render_timestamp
from storage.records import Consent, PromptChoice, StoredPrompt


class PromptView(Wire):
    """A prompt that was uploaded."""

    name: str
    duration_sec: float
    created_at: Timestamp


class PromptChoiceView(Wire):
    """What calls have that choose nothing themselves: null as the operator has it, "" nothing or the plain tone."""

    wait: str | None
    whisper_a: str | None
    whisper_b: str | None
    consent: Consent | None
    consent_notice: str | None
    balance_warning: str | None


PromptReply: Final = enveloped("PromptReply", PromptView)
PromptListReply: Final = enveloped("PromptListReply", list[PromptView])
PromptChoiceReply: Final = enveloped("PromptChoiceReply", PromptChoiceView)


def prompt_representation(prompt: StoredPrompt) -> dict[str, object]:
    """A prompt that was uploaded."""
    return {
        "name": prompt.name,
        "duration_sec": round(prompt.duration_ms / 1000, 2),
        "created_at": render_timestamp(prompt.created_at),
    }


def prompts_representation(prompts: Iterable[StoredPrompt]) -> list[dict[str, object]]:
    """All of an organisation's."""
    return [prompt_representation(prompt) for prompt in prompts]


def choice_representation(choice: PromptChoice) -> dict[str, object]:
    """What is chosen for all calls."""
    return {
        "wait": choice.wait,
        "whisper_a": choice.whisper_a,
        "whisper_b": choice.whisper_b,
        "consent": choice.consent,
        "consent_notice": choice.consent_notice,
        "balance_warning": choice.balance_warning,
    }

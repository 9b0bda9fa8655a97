"""What each endpoint of prompts does, for the OpenAPI document."""

from typing import Final

from control_api import prompt_schemas, schemas
from control_api.operation import INVALID, NOT_FOUND, NOT_NOW, Operation
from storage.records import Scope

PROMPT_OPERATIONS: Final = (
    Operation(
        "GET",
        "/v1/prompts",
        "listPrompts",
        "Prompts",
        "List your prompts",
        "What your organisation has uploaded, by name. A call may have any of them, and besides them those that come "
        "with the product: `hold_tone`, `recording_consent`, `unknown_caller`.",
        prompt_schemas.PromptListReply,
        scope=Scope.PROMPTS_READ,
        errors=(NOT_NOW,),
        example="prompts",
    ),
    Operation(
        "GET",
        "/v1/prompts/{name}",
        "fetchPrompt",
        "Prompts",
        "Listen to a prompt",
        "As the parties of a call hear it: a WAV file of 16 bits at 8 kHz. The name is one of yours, or of one that "
        "comes with the product. `Range` is obeyed.",
        None,
        scope=Scope.PROMPTS_READ,
        errors=(NOT_FOUND, (416, "invalid_request"), NOT_NOW),
        media_type="audio/wav",
    ),
    Operation(
        "PUT",
        "/v1/prompts/{name}",
        "putPrompt",
        "Prompts",
        "Upload a prompt",
        "The body is a WAV file: PCM of 8 to 32 bits, float, A-law or mu-law, 4 to 192 kHz, 1 to 8 channels, 0.1 to "
        "60 seconds, 16 MiB at most. It is converted and levelled at once, which takes a few seconds. A prompt of the "
        "same name is replaced; calls under way keep the one they have.",
        prompt_schemas.PromptReply,
        scope=Scope.PROMPTS_WRITE,
        body_type="audio/wav",
        errors=(
            INVALID,
            (409, "conflict"),
            (413, "payload_too_large"),
            (415, "unsupported_media_type"),
            NOT_NOW,
        ),
        example="prompt",
    ),
    Operation(
        "DELETE",
        "/v1/prompts/{name}",
        "deletePrompt",
        "Prompts",
        "Delete a prompt",
        "Calls under way that have it still play it. 409 while it is one of your organisation's own choice.",
        None,
        status=204,
        scope=Scope.PROMPTS_WRITE,
        errors=(NOT_FOUND, (409, "conflict"), NOT_NOW),
    ),
    Operation(
        "GET",
        "/v1/prompt-choice",
        "showPromptChoice",
        "Prompts",
        "Look at what your calls have",
        "Which prompts your organisation's calls have that choose nothing themselves. Null is as the operator has it.",
        prompt_schemas.PromptChoiceReply,
        scope=Scope.PROMPTS_READ,
        errors=(NOT_NOW,),
        example="prompt_choice",
    ),
    Operation(
        "PUT",
        "/v1/prompt-choice",
        "choosePrompts",
        "Prompts",
        "Choose what your calls have",
        "For all calls to come of your organisation that choose nothing themselves. It takes the place of what was "
        "chosen before: what is left out is as the operator has it.",
        prompt_schemas.PromptChoiceReply,
        scope=Scope.PROMPTS_WRITE,
        body=schemas.PromptsBody,
        errors=(INVALID, (413, "payload_too_large"), (415, "unsupported_media_type"), NOT_NOW),
        example="prompt_choice",
    ),
)

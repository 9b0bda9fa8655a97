"""Endpoints: Prompts.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from maskbridge_client.shapes import Consent, Prompt, PromptChoice
from maskbridge_client.sync_operations.sending import Sending
from maskbridge_client.wire import UNSET, Request, Unset, many_of, nothing, one_of, path_part, raw


class PromptsOperations(Sending):
    """Prompts."""

    def list_prompts(self) -> list[Prompt]:
        """List your prompts.

        What your organisation has uploaded, by name. A call may have any of them, and besides them those that
        come with the product: `hold_tone`, `recording_consent`, `unknown_caller`. Scope: `prompts:read`. Roles:
        owner, developer.
        """
        return self._send(Request("GET", "/v1/prompts"), many_of(Prompt))

    def fetch_prompt(self, name: str) -> bytes:
        """Listen to a prompt.

        As the parties of a call hear it: a WAV file of 16 bits at 8 kHz. The name is one of yours, or of one
        that comes with the product. `Range` is obeyed. Scope: `prompts:read`. Roles: owner, developer.

        :param name: The prompt's name
        """
        return self._send(Request("GET", f"/v1/prompts/{path_part(name)}"), raw)

    def put_prompt(self, name: str, content: bytes) -> Prompt:
        """Upload a prompt.

        The body is a WAV file: PCM of 8 to 32 bits, float, A-law or mu-law, 4 to 192 kHz, 1 to 8 channels, 0.1
        to 60 seconds, 16 MiB at most. It is converted and levelled at once, which takes a few seconds. A prompt
        of the same name is replaced; calls under way keep the one they have. Scope: `prompts:write`. Roles:
        owner, developer.

        :param name: The prompt's name
        :param content: A WAV file.
        """
        return self._send(
            Request("PUT", f"/v1/prompts/{path_part(name)}", content=content, content_type="audio/wav"), one_of(Prompt)
        )

    def delete_prompt(self, name: str) -> None:
        """Delete a prompt.

        Calls under way that have it still play it. 409 while it is one of your organisation's own choice.
        Scope: `prompts:write`. Roles: owner, developer.

        :param name: The prompt's name
        """
        return self._send(Request("DELETE", f"/v1/prompts/{path_part(name)}"), nothing)

    def show_prompt_choice(self) -> PromptChoice:
        """Look at what your calls have.

        Which prompts your organisation's calls have that choose nothing themselves. Null is as the operator has
        it. Scope: `prompts:read`. Roles: owner, developer.
        """
        return self._send(Request("GET", "/v1/prompt-choice"), one_of(PromptChoice))

    def choose_prompts(
        self,
        *,
        wait: str | Unset | None = UNSET,
        whisper_a: str | Unset | None = UNSET,
        whisper_b: str | Unset | None = UNSET,
        consent: Consent | Unset | None = UNSET,
        consent_notice: str | Unset | None = UNSET,
        balance_warning: str | Unset | None = UNSET,
    ) -> PromptChoice:
        """Choose what your calls have.

        For all calls to come of your organisation that choose nothing themselves. It takes the place of what
        was chosen before: what is left out is as the operator has it. Scope: `prompts:write`. Roles: owner,
        developer.

        :param wait: To A while B is called, over and over; 60 s at most
        :param whisper_a: To A alone when B has answered, before they are connected; 30 s at most
        :param whisper_b: To B alone, likewise
        :param consent: Who is told then that the call is recorded; nobody where it is not
        :param consent_notice: What they are told; 30 s at most
        :param balance_warning: To both when the balance runs out; 10 s at most
        """
        return self._send(
            Request(
                "PUT",
                "/v1/prompt-choice",
                body={
                    "wait": wait,
                    "whisper_a": whisper_a,
                    "whisper_b": whisper_b,
                    "consent": consent,
                    "consent_notice": consent_notice,
                    "balance_warning": balance_warning,
                },
            ),
            one_of(PromptChoice),
        )

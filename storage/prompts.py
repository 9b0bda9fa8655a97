"""The prompts of organisations, and which of them their calls have."""

from storage.queries import Queries
from storage.records import NOTHING_CHOSEN, Consent, PromptChoice, StoredPrompt


class Prompts:
    """What organisations have uploaded. The sound itself is a file; who owns which is written here."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def put(self, prompt: StoredPrompt) -> None:
        """Add a prompt, or replace the organisation's of this name. IllegalState: no such organisation."""
        self._queries.run(
            "prompts.put",
            (prompt.org_id, prompt.name, prompt.content_sha256, prompt.duration_ms, prompt.created_at),
        )

    def of(self, org_id: str) -> list[StoredPrompt]:
        """An organisation's prompts, by name."""
        return [StoredPrompt(*row) for row in self._queries.all("prompts.of_organisation", (org_id,))]

    def delete(self, org_id: str, name: str) -> bool:
        """Delete a prompt; whether there was one."""
        return self._queries.run("prompts.delete", (org_id, name)) == 1

    def uses_of(self, content_sha256: str) -> int:
        """How many prompts, of all organisations, have this content."""
        return self._queries.number("prompts.uses_of_content", (content_sha256,))

    def choose(self, org_id: str, choice: PromptChoice) -> None:
        """What an organisation's calls have when they choose nothing. IllegalState: no such organisation."""
        self._queries.run(
            "prompts.choose",
            (
                org_id,
                choice.wait,
                choice.whisper_a,
                choice.whisper_b,
                choice.consent,
                choice.consent_notice,
                choice.balance_warning,
            ),
        )

    def choice(self, org_id: str) -> PromptChoice:
        """What an organisation has chosen."""
        row = self._queries.one("prompts.choice", (org_id,))
        if row is None:
            return NOTHING_CHOSEN
        consent = None if row[3] is None else Consent(row[3])
        return PromptChoice(row[0], row[1], row[2], consent, row[4], row[5])

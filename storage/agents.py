"""Agents of organisations, and the tokens that their browsers show."""

from collections.abc import Mapping

from storage.agent_records import MAX_LIVE_TOKENS, Agent, AgentState, AgentToken
from storage.errors import UnknownRecord
from storage.queries import Queries, Row


def agent_of(row: Row) -> Agent:
    """The agent of an `agents.agent` row."""
    return Agent(row[0], row[1], row[2], AgentState(row[3]), row[4], row[5])


class Agents:
    """Who can be called as `agent:NAME`, by what tokens their browsers are known."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def add(self, agent: Agent) -> None:
        """Add an agent. IllegalState: the organisation has one of this name, or the person is another one there, or
        there is no such organisation or person."""
        self._queries.run(
            "agents.add",
            (agent.org_id, agent.name, agent.display_name, agent.state, agent.created_at, agent.person_id),
        )

    def agent(self, org_id: str, name: str) -> Agent:
        """One agent. UnknownRecord."""
        row = self._queries.one("agents.agent", (org_id, name))
        if row is None:
            raise UnknownRecord(f"no agent {name}")
        return agent_of(row)

    def of(self, org_id: str) -> list[Agent]:
        """An organisation's agents, by name."""
        return [agent_of(row) for row in self._queries.all("agents.of_organisation", (org_id,))]

    def of_person(self, org_id: str, person_id: str) -> Agent | None:
        """The agent that a person is in an organisation."""
        row = self._queries.one("agents.of_person", (org_id, person_id))
        return None if row is None else agent_of(row)

    def count(self, org_id: str) -> int:
        """How many agents an organisation has."""
        return self._queries.number("agents.count", (org_id,))

    def change(self, agent: Agent) -> None:
        """Write an agent's display name, state and person as they are to be. UnknownRecord; IllegalState: the person is
        another agent there, or nobody."""
        self._changed(
            "agents.change",
            {
                "org_id": agent.org_id,
                "name": agent.name,
                "display_name": agent.display_name,
                "state": agent.state,
                "person_id": agent.person_id,
            },
        )

    def set_state(self, org_id: str, name: str, state: AgentState) -> None:
        """Whether the agent wants calls from now on. UnknownRecord."""
        self._changed("agents.set_state", {"org_id": org_id, "name": name, "state": state})

    def delete(self, org_id: str, name: str) -> None:
        """Delete an agent with its tokens; its calls stay in the books. UnknownRecord."""
        self._queries.run("agents.forget_tokens_of", (org_id, name))
        self._changed("agents.delete", {"org_id": org_id, "name": name})

    def add_token(self, token: AgentToken) -> None:
        """Give an agent a token. Of more than `MAX_LIVE_TOKENS` the oldest end. IllegalState: no such agent."""
        live = self.live_tokens(token.org_id, token.agent, token.created_at)
        for oldest in live[: max(0, len(live) + 1 - MAX_LIVE_TOKENS)]:
            self.revoke_token(token.org_id, token.agent, oldest.token_id, token.created_at)
        self._queries.run(
            "agents.add_token",
            (
                token.token_sha256,
                token.token_id,
                token.org_id,
                token.agent,
                token.created_at,
                token.expires_at,
                token.revoked_at,
            ),
        )

    def live_tokens(self, org_id: str, name: str, at: int) -> list[AgentToken]:
        """An agent's tokens that were not revoked and have time left, oldest first."""
        rows = self._queries.all("agents.live_tokens", {"org_id": org_id, "name": name, "at": at})
        return [AgentToken(*row) for row in rows]

    def token(self, token_sha256: str) -> AgentToken | None:
        """The token with this hash, ended ones too: the caller judges."""
        row = self._queries.one("agents.token", (token_sha256,))
        return None if row is None else AgentToken(*row)

    def revoke_token(self, org_id: str, name: str, token_id: str, at: int) -> bool:
        """End one token; False where there is none that lives."""
        found = {"org_id": org_id, "name": name, "token_id": token_id, "at": at}
        return self._queries.run("agents.revoke_token", found) == 1

    def revoke_tokens(self, org_id: str, name: str, at: int) -> int:
        """End all of an agent's tokens: how many."""
        return self._queries.run("agents.revoke_tokens", {"org_id": org_id, "name": name, "at": at})

    def forget_tokens(self, before: int) -> int:
        """Drop tokens that ended before a time: how many."""
        return self._queries.run("agents.forget_tokens", (before,))

    def _changed(self, statement: str, parameters: Mapping[str, object]) -> None:
        if self._queries.run(statement, parameters) == 0:
            raise UnknownRecord(f"no agent {parameters['name']}")

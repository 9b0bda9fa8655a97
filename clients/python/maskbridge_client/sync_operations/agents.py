"""Endpoints: Agents.

Generated from the OpenAPI document by `make client`: not to be changed by hand.
"""

from maskbridge_client.shapes import Agent, AgentState, AgentToken
from maskbridge_client.sync_operations.sending import Sending
from maskbridge_client.wire import UNSET, Request, Unset, many_of, nothing, one_of, path_part


class AgentsOperations(Sending):
    """Agents."""

    def list_agents(self) -> list[Agent]:
        """List your agents.

        By name. An agent takes calls in a browser: it is a party of a masked call as `agent:NAME`. Scope:
        `agents:read`. Roles: owner, developer, viewer.
        """
        return self._send(Request("GET", "/v1/agents"), many_of(Agent))

    def create_agent(
        self,
        name: str,
        *,
        display_name: str | Unset | None = UNSET,
        state: AgentState | Unset = UNSET,
        person_id: str | Unset | None = UNSET,
    ) -> Agent:
        """Make an agent.

        An organisation has 1,000 agents at most. The session of the person it is linked to is the agent's too.
        Scope: `agents:write`. Roles: owner, developer.

        :param name: The name
        :param display_name: The name that people see
        :param state: Whether the agent wants calls
        :param person_id: Whose session is this agent's too
        """
        return self._send(
            Request(
                "POST",
                "/v1/agents",
                body={"name": name, "display_name": display_name, "state": state, "person_id": person_id},
            ),
            one_of(Agent),
        )

    def show_agent(self, agent: str) -> Agent:
        """Look at an agent.

        As it is now. Scope: `agents:read`. Roles: owner, developer, viewer.

        :param agent: The agent's name
        """
        return self._send(Request("GET", f"/v1/agents/{path_part(agent)}"), one_of(Agent))

    def change_agent(
        self,
        agent: str,
        *,
        display_name: str | Unset | None = UNSET,
        state: AgentState | Unset | None = UNSET,
        person_id: str | Unset | None = UNSET,
    ) -> Agent:
        """Change an agent.

        What is left out stays as it is. Scope: `agents:write`. Roles: owner, developer.

        :param agent: The agent's name
        :param display_name: The name that people see
        :param state: Whether the agent wants calls
        :param person_id: The person's id
        """
        return self._send(
            Request(
                "PATCH",
                f"/v1/agents/{path_part(agent)}",
                body={"display_name": display_name, "state": state, "person_id": person_id},
            ),
            one_of(Agent),
        )

    def delete_agent(self, agent: str) -> None:
        """Delete an agent.

        Its tokens end. Its calls stay in the books. Scope: `agents:write`. Roles: owner, developer.

        :param agent: The agent's name
        """
        return self._send(Request("DELETE", f"/v1/agents/{path_part(agent)}"), nothing)

    def create_agent_token(self, agent: str, *, life_sec: int | Unset = UNSET) -> AgentToken:
        """Make a token for an agent's browser.

        It is good for an hour, or as long as is asked for, for the agent's own calls and nothing else, and is
        shown this once. Hand it to the page that the agent works in. An agent has 20 at a time; of more the
        oldest end. Scope: `agents:write`. Roles: owner, developer.

        :param agent: The agent's name
        :param life_sec: Seconds for which the token works
        """
        return self._send(
            Request("POST", f"/v1/agents/{path_part(agent)}/tokens", body={"life_sec": life_sec}), one_of(AgentToken)
        )

    def revoke_agent_tokens(self, agent: str) -> None:
        """End all tokens of an agent.

        At once. Scope: `agents:write`. Roles: owner, developer.

        :param agent: The agent's name
        """
        return self._send(Request("DELETE", f"/v1/agents/{path_part(agent)}/tokens"), nothing)

    def revoke_agent_token(self, agent: str, token_id: str) -> None:
        """End a token of an agent.

        At once. Scope: `agents:write`. Roles: owner, developer.

        :param agent: The agent's name
        :param token_id: The token's id
        """
        return self._send(Request("DELETE", f"/v1/agents/{path_part(agent)}/tokens/{path_part(token_id)}"), nothing)

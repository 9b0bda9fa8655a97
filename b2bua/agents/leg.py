"""Which leg of which call an agent's is."""

from dataclasses import dataclass

from b2bua.agents.pages import Key
from b2bua.call.agent_calls import AgentRinging


@dataclass(frozen=True, slots=True)
class AgentLeg:
    """Which leg of which call it is, whose, and all of the call that the agent may see."""

    name: str  # CALL_ID/LEG
    key: Key
    masked_number: str
    reference: str | None
    opposite_agent: bool = False  # the other party is an agent too

    @property
    def call_id(self) -> str:
        """The call's id."""
        return self.name.partition("/")[0]

    @property
    def leg(self) -> str:
        """a or b."""
        return self.name.partition("/")[2]

    def ringing(self) -> AgentRinging:
        """What is told of it while it rings."""
        number, reference = self.masked_number, self.reference
        return AgentRinging(self.call_id, number, "outgoing" if self.leg == "a" else "incoming", reference)

"""Who asks: a key, or somebody who is signed in; and what they may do."""

from dataclasses import dataclass

from control_api.rights import Right
from storage.agent_records import Agent
from storage.person_records import Actor, ActorKind, Person, Role, Session
from storage.records import ApiKey, CallRecord


@dataclass(frozen=True, slots=True)
class Who:
    """A caller whose key or session is good. `org_id` None: an operator, or somebody without a role, looks at none.

    Either `key` is set, or `person` and `session`, or `agent` alone; `role` is the person's in that organisation, and
    a person may be an `agent` there too.
    """

    org_id: str | None
    rights: frozenset[Right]
    key: ApiKey | None = None
    person: Person | None = None
    session: Session | None = None
    role: Role | None = None
    agent: Agent | None = None

    @property
    def bucket(self) -> str:
        """The name that its requests are counted under."""
        if self.key is not None:
            return self.key.key_id
        if self.person is None and self.agent is not None:
            return f"agent:{self.agent.org_id}:{self.agent.name}"
        return "" if self.person is None else f"person:{self.person.person_id}"

    @property
    def tests_only(self) -> bool:
        """Whether it is a test key, for which there are no calls but test calls."""
        return self.key is not None and self.key.test

    def sees(self, call: CallRecord) -> bool:
        """Whether a call of its organisation is there for it."""
        return call.test or not self.tests_only

    def actor(self, address: str) -> Actor:
        """How the audit log names it."""
        if self.key is not None:
            return Actor(ActorKind.KEY, self.key.key_id, self.key.prefix, address)
        if self.person is not None:
            return Actor(ActorKind.PERSON, self.person.person_id, self.person.email, address)
        return Actor(ActorKind.NOBODY, "", "", address)

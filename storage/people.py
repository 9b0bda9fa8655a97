"""People and what they may do where."""

from collections.abc import Mapping

from storage.errors import UnknownRecord
from storage.person_records import Membership, Person, Role
from storage.queries import Queries, Row


def person_of(row: Row) -> Person:
    """The person of a `people.person` row."""
    return Person(
        person_id=row[0],
        email=row[1],
        name=row[2],
        password_hash=row[3],
        operator=bool(row[4]),
        totp_sealed=row[5],
        totp_confirmed_at=row[6],
        totp_step=row[7],
        created_at=row[8],
        disabled_at=row[9],
    )


def membership_of(row: Row) -> Membership:
    """The membership of a `people.membership` row."""
    return Membership(row[0], row[1], Role(row[2]), row[3])


class People:
    """Who may sign in, and their roles."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def add(self, person: Person) -> None:
        """Add somebody. IllegalState: the id or the mail address is there already."""
        self._queries.run(
            "people.add",
            (
                person.person_id,
                person.email,
                person.name,
                person.password_hash,
                person.operator,
                person.totp_sealed,
                person.totp_confirmed_at,
                person.totp_step,
                person.created_at,
                person.disabled_at,
            ),
        )

    def person(self, person_id: str) -> Person:
        """One by the id, disabled ones too. UnknownRecord."""
        row = self._queries.one("people.person", (person_id,))
        if row is None:
            raise UnknownRecord(f"no person {person_id}")
        return person_of(row)

    def by_email(self, email: str) -> Person | None:
        """One by the mail address in lower case, disabled ones too."""
        row = self._queries.one("people.by_email", (email,))
        return None if row is None else person_of(row)

    def everyone(self, page: int, per_page: int) -> tuple[list[Person], int]:
        """A page (from 1) of all people by mail address, and how many there are."""
        rows = self._queries.all("people.everyone", (per_page, (page - 1) * per_page))
        return [person_of(row) for row in rows], self._queries.number("people.count")

    def set_password(self, person_id: str, password_hash: str) -> None:
        """A new argon2id hash. UnknownRecord."""
        self._changed("people.set_password", {"person_id": person_id, "password_hash": password_hash})

    def set_operator(self, person_id: str, operator: bool) -> None:
        """Put somebody above every organisation, or no more. UnknownRecord."""
        self._changed("people.set_operator", {"person_id": person_id, "operator": operator})

    def count_operators(self) -> int:
        """How many operators can sign in."""
        return self._queries.number("people.count_operators")

    def set_totp(self, person_id: str, sealed: str) -> None:
        """Give somebody a second factor that is not asked for before it is confirmed. UnknownRecord."""
        self._changed("people.set_totp", {"person_id": person_id, "sealed": sealed})

    def confirm_totp(self, person_id: str, at: int) -> None:
        """Ask for the second factor from now on. UnknownRecord: no such person, or none was set."""
        self._changed("people.confirm_totp", {"person_id": person_id, "at": at})

    def clear_totp(self, person_id: str) -> None:
        """Ask for no second factor any more. UnknownRecord."""
        self._changed("people.clear_totp", {"person_id": person_id})

    def factors(self, after: str, limit: int) -> list[tuple[str, str]]:
        """Second factors as they are sealed, by person, in the order of the person ids that follow `after`."""
        return [(row[0], row[1]) for row in self._queries.all("people.factors", (after, limit))]

    def replace_factor(self, person_id: str, replaced: str, sealed: str) -> bool:
        """Put a second factor sealed anew in place of the same one; False where that is not what there is."""
        parameters = {"person_id": person_id, "replaced": replaced, "sealed": sealed}
        return self._queries.run("people.replace_factor", parameters) == 1

    def use_totp_step(self, person_id: str, step: int) -> bool:
        """Use up a code by its time step; False when it, or a later one, was used before."""
        return self._queries.run("people.use_totp_step", {"person_id": person_id, "step": step}) == 1

    def disable(self, person_id: str, at: int) -> None:
        """Let somebody sign in no more. UnknownRecord."""
        self._changed("people.disable", {"person_id": person_id, "at": at})

    def enable(self, person_id: str) -> None:
        """Let somebody sign in again. UnknownRecord."""
        self._changed("people.enable", {"person_id": person_id})

    def erase(self, person_id: str, at: int) -> None:
        """Take all roles of somebody and forget what is personal; the id stays for the audit log. UnknownRecord."""
        self._changed("people.erase", {"person_id": person_id, "at": at})
        self._queries.run("people.leave_all", (person_id,))

    def set_member(self, org_id: str, person_id: str, role: Role, at: int) -> None:
        """Give somebody a role in an organisation, in place of another one. IllegalState: no such person or there."""
        self._queries.run("people.set_member", {"org_id": org_id, "person_id": person_id, "role": role, "at": at})

    def remove_member(self, org_id: str, person_id: str) -> bool:
        """Take somebody's role in an organisation; False when there was none."""
        return self._queries.run("people.remove_member", (org_id, person_id)) == 1

    def members(self, org_id: str) -> list[tuple[Person, Membership]]:
        """Everybody with a role in an organisation, by mail address."""
        return [
            (person_of(row[3:]), Membership(row[0], row[3], Role(row[1]), row[2]))
            for row in self._queries.all("people.members", (org_id,))
        ]

    def count_members(self, org_id: str) -> int:
        """How many people have a role in an organisation."""
        return self._queries.number("people.count_members", (org_id,))

    def memberships(self, person_id: str) -> list[Membership]:
        """Where somebody has a role, the oldest first."""
        return [membership_of(row) for row in self._queries.all("people.memberships", (person_id,))]

    def membership(self, org_id: str, person_id: str) -> Membership | None:
        """Somebody's role in an organisation."""
        row = self._queries.one("people.membership", (org_id, person_id))
        return None if row is None else membership_of(row)

    def _changed(self, statement: str, parameters: Mapping[str, object]) -> None:
        if self._queries.run(statement, parameters) == 0:
            raise UnknownRecord(f"no person {parameters['person_id']}")

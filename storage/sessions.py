"""Sign-ins, and links that invite people."""

from typing import Final

from storage.person_records import Invitation, Role, Session
from storage.queries import Queries, Row

MAX_LIVE_SESSIONS: Final = 20


def session_of(row: Row) -> Session:
    """The session of a `sessions.session` row."""
    return Session(*row)


def invitation_of(row: Row) -> Invitation:
    """The invitation of a `sessions.invitation` row."""
    role = None if row[3] is None else Role(row[3])
    return Invitation(row[0], row[1], row[2], role, bool(row[4]), row[5], row[6], row[7])


class Sessions:
    """Who is signed in, by the hash of a token that only they have."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def open(self, session: Session) -> None:
        """Sign somebody in. Of more than `MAX_LIVE_SESSIONS` the oldest end. IllegalState: no such person."""
        live = self.live(session.person_id, session.created_at)
        for oldest in live[: max(0, len(live) + 1 - MAX_LIVE_SESSIONS)]:
            self.revoke(oldest.session_sha256, session.created_at)
        self._queries.run(
            "sessions.open",
            (
                session.session_sha256,
                session.person_id,
                session.org_id,
                session.csrf_token,
                session.created_at,
                session.seen_at,
                session.ends_at,
                session.revoked_at,
                session.address,
            ),
        )

    def session(self, session_sha256: str) -> Session | None:
        """The session with this hash, ended ones too: the caller judges."""
        row = self._queries.one("sessions.session", (session_sha256,))
        return None if row is None else session_of(row)

    def live(self, person_id: str, at: int) -> list[Session]:
        """Somebody's sessions that were not revoked and have time left, oldest first."""
        rows = self._queries.all("sessions.live", {"person_id": person_id, "at": at})
        return [session_of(row) for row in rows]

    def touch(self, session_sha256: str, at: int) -> bool:
        """Note that it was seen; False when that was noted within the last minute, and nothing is written."""
        return self._queries.run("sessions.touch", {"session_sha256": session_sha256, "at": at}) == 1

    def look_at(self, session_sha256: str, org_id: str | None) -> None:
        """Change the organisation that is looked at. IllegalState: no such organisation."""
        self._queries.run("sessions.look_at", {"session_sha256": session_sha256, "org_id": org_id})

    def revoke(self, session_sha256: str, at: int) -> None:
        """End a session; done before, the first time stands."""
        self._queries.run("sessions.revoke", {"session_sha256": session_sha256, "at": at})

    def revoke_all(self, person_id: str, at: int, but: str = "") -> int:
        """End all of somebody's sessions, all but one where its hash is given, and their links to a new password: how
        many sessions."""
        self.end_resets(person_id, at)
        return self._queries.run("sessions.revoke_all", {"person_id": person_id, "at": at, "but": but})

    def invite(self, invitation: Invitation) -> None:
        """Add a link that works once. IllegalState: no such organisation, or it leads nowhere."""
        self._queries.run(
            "sessions.invite",
            (
                invitation.token_sha256,
                invitation.email,
                invitation.org_id,
                invitation.role,
                invitation.operator,
                invitation.created_at,
                invitation.expires_at,
                invitation.used_at,
            ),
        )

    def count_invitations(self, org_id: str | None, at: int) -> int:
        """How many invitations to an organisation, to the operators with None, can still be taken up."""
        return self._queries.number("sessions.count_invitations", {"org_id": org_id, "at": at})

    def invitation(self, token_sha256: str) -> Invitation | None:
        """The invitation with this hash, used and expired ones too."""
        row = self._queries.one("sessions.invitation", (token_sha256,))
        return None if row is None else invitation_of(row)

    def accept(self, token_sha256: str, at: int) -> bool:
        """Use an invitation up; False when it was used before or has expired."""
        return self._queries.run("sessions.accept", {"token_sha256": token_sha256, "at": at}) == 1

    def offer_reset(self, token_sha256: str, person_id: str, at: int, expires_at: int) -> None:
        """Add a link to a new password, in place of earlier ones. IllegalState: no such person."""
        self._queries.run("sessions.end_resets", {"person_id": person_id, "at": at})
        self._queries.run("sessions.add_reset", (token_sha256, person_id, at, expires_at))

    def take_reset(self, token_sha256: str, at: int) -> str | None:
        """Use a link up: whose password may be changed; None: it is unknown, was used or has expired."""
        person_id = self.resets(token_sha256, at)
        if person_id is not None:
            self.end_resets(person_id, at)
        return person_id

    def resets(self, token_sha256: str, at: int) -> str | None:
        """Whose password a link may change now."""
        row = self._queries.one("sessions.reset", {"token_sha256": token_sha256, "at": at})
        return None if row is None else str(row[0])

    def end_resets(self, person_id: str, at: int) -> None:
        """Let none of somebody's links work any more."""
        self._queries.run("sessions.end_resets", {"person_id": person_id, "at": at})

    def forget(self, before: int) -> int:
        """Drop sessions, invitations and resets that ended before a time: how many."""
        statements = ("sessions.forget", "sessions.forget_invitations", "sessions.forget_resets")
        return sum(self._queries.run(statement, (before,)) for statement in statements)

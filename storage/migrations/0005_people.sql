-- People who sign in, what they may do where, their sessions, and a log of every change.

CREATE TABLE people (
    person_id         TEXT    NOT NULL PRIMARY KEY CHECK (person_id <> ''),
    email             TEXT    NOT NULL UNIQUE CHECK (email <> '' AND email = lower(email)),
    name              TEXT    NOT NULL,
    password_hash     TEXT    CHECK (password_hash LIKE '$argon2id$%'),
    operator          INTEGER NOT NULL CHECK (operator IN (0, 1)),
    totp_sealed       TEXT    CHECK (totp_sealed <> ''),
    totp_confirmed_at INTEGER CHECK (totp_confirmed_at IS NULL OR totp_sealed IS NOT NULL),
    totp_step         INTEGER NOT NULL DEFAULT 0,
    created_at        INTEGER NOT NULL,
    disabled_at       INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE memberships (
    org_id     TEXT    NOT NULL REFERENCES organisations (org_id),
    person_id  TEXT    NOT NULL REFERENCES people (person_id),
    role       TEXT    NOT NULL CHECK (role IN ('owner', 'developer', 'finance', 'viewer')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, person_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX memberships_by_person ON memberships (person_id, created_at, org_id);

CREATE TABLE sessions (
    session_sha256 TEXT    NOT NULL PRIMARY KEY CHECK (length(session_sha256) = 64),
    person_id      TEXT    NOT NULL REFERENCES people (person_id),
    org_id         TEXT    REFERENCES organisations (org_id),
    csrf_token     TEXT    NOT NULL CHECK (csrf_token <> ''),
    created_at     INTEGER NOT NULL,
    seen_at        INTEGER NOT NULL,
    ends_at        INTEGER NOT NULL,
    revoked_at     INTEGER,
    address        TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_person ON sessions (person_id, created_at);
CREATE INDEX sessions_by_end ON sessions (ends_at);

CREATE TABLE invitations (
    token_sha256 TEXT    NOT NULL PRIMARY KEY CHECK (length(token_sha256) = 64),
    email        TEXT    NOT NULL CHECK (email <> '' AND email = lower(email)),
    org_id       TEXT    REFERENCES organisations (org_id),
    role         TEXT    CHECK (role IN ('owner', 'developer', 'finance', 'viewer')),
    operator     INTEGER NOT NULL CHECK (operator IN (0, 1)),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    used_at      INTEGER,
    CHECK ((org_id IS NULL) = (role IS NULL)),
    CHECK (org_id IS NOT NULL OR operator = 1)
) STRICT, WITHOUT ROWID;

CREATE INDEX invitations_by_end ON invitations (expires_at);

CREATE TABLE audit_log (
    entry_id   INTEGER NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    actor_kind TEXT    NOT NULL CHECK (actor_kind IN ('person', 'key', 'command', 'nobody')),
    actor_id   TEXT    NOT NULL,
    actor_name TEXT    NOT NULL,
    org_id     TEXT    REFERENCES organisations (org_id),
    action     TEXT    NOT NULL CHECK (action <> ''),
    object_id  TEXT    NOT NULL,
    change     TEXT    NOT NULL CHECK (json_type(change) = 'object'),
    address    TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_log_of_organisation ON audit_log (org_id, entry_id);

CREATE TRIGGER audit_log_never_changes BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_log_never_goes BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

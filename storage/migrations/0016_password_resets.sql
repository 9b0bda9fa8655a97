-- Links by which people choose a new password; of a link only its hash is kept.

CREATE TABLE password_resets (
    token_sha256 TEXT    NOT NULL PRIMARY KEY CHECK (length(token_sha256) = 64),
    person_id    TEXT    NOT NULL REFERENCES people (person_id),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    used_at      INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX password_resets_by_end ON password_resets (expires_at);
CREATE INDEX password_resets_by_person ON password_resets (person_id);

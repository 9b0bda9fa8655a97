-- Agents of organisations, who take calls in a browser, and the tokens that their browsers show.

CREATE TABLE agents (
    org_id       TEXT    NOT NULL REFERENCES organisations (org_id),
    name         TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 64 AND name = lower(name)),
    display_name TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('available', 'away')),
    created_at   INTEGER NOT NULL,
    person_id    TEXT    REFERENCES people (person_id),
    PRIMARY KEY (org_id, name)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX agents_by_person ON agents (person_id, org_id) WHERE person_id IS NOT NULL;

CREATE TABLE agent_tokens (
    token_sha256 TEXT    NOT NULL PRIMARY KEY CHECK (length(token_sha256) = 64),
    token_id     TEXT    NOT NULL UNIQUE CHECK (token_id <> ''),
    org_id       TEXT    NOT NULL,
    agent        TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL CHECK (expires_at > created_at),
    revoked_at   INTEGER,
    FOREIGN KEY (org_id, agent) REFERENCES agents (org_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX agent_tokens_by_agent ON agent_tokens (org_id, agent, created_at);
CREATE INDEX agent_tokens_by_end ON agent_tokens (expires_at);

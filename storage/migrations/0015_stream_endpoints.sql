-- Where an organisation may have the audio of its calls streamed to.

CREATE TABLE stream_endpoints (
    endpoint_id TEXT    NOT NULL PRIMARY KEY CHECK (endpoint_id <> ''),
    org_id      TEXT    NOT NULL REFERENCES organisations (org_id),
    url         TEXT    NOT NULL CHECK (url <> ''),
    secret      TEXT    NOT NULL CHECK (secret <> ''),
    rate_hz     INTEGER NOT NULL CHECK (rate_hz IN (8000, 16000)),
    tracks      TEXT    NOT NULL CHECK (tracks IN ('a', 'b', 'both')),
    every_call  INTEGER NOT NULL CHECK (every_call IN (0, 1)),
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX stream_endpoints_by_org ON stream_endpoints (org_id, created_at);

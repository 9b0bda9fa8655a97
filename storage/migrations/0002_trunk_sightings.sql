-- How the running server last saw each trunk, for those who ask beside it.

CREATE TABLE trunk_sightings (
    name                TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
    up                  INTEGER NOT NULL CHECK (up IN (0, 1)),
    reason              TEXT    NOT NULL,
    live_calls          INTEGER NOT NULL CHECK (live_calls >= 0),
    round_trip_ms       REAL,
    last_options_at     INTEGER,
    last_options_status INTEGER CHECK (last_options_status BETWEEN 100 AND 699),
    seen_at             INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What happened in a call, step by step, for as long as it is wanted: a row for each time that some of it was written.

CREATE TABLE call_traces (
    call_id    TEXT    NOT NULL CHECK (call_id <> ''),
    part       INTEGER NOT NULL CHECK (part >= 1),
    org_id     TEXT    NOT NULL,
    written_at INTEGER NOT NULL,
    steps      TEXT    NOT NULL,
    PRIMARY KEY (call_id, part)
) STRICT, WITHOUT ROWID;

CREATE INDEX call_traces_by_age ON call_traces (written_at);

CREATE INDEX deliveries_by_event ON deliveries (event_seq);

-- Letters on their way out, so that a restart loses none. What is secret in one is not in its text but sealed beside it.

CREATE TABLE letters (
    letter_id TEXT    NOT NULL PRIMARY KEY CHECK (letter_id <> ''),
    at        INTEGER NOT NULL,
    kind      TEXT    NOT NULL CHECK (kind <> ''),
    recipient TEXT    NOT NULL CHECK (recipient <> ''),
    subject   TEXT    NOT NULL,
    text      TEXT    NOT NULL,
    sealed    TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX letters_by_time ON letters (at);

-- Prompts of organisations: each is a converted file in the prompts folder, named after its content. What a
-- column of prompt_choices says is a prompt's name, of theirs or of the product's; '' is nothing, NULL not chosen.

CREATE TABLE prompts (
    org_id         TEXT    NOT NULL REFERENCES organisations (org_id),
    name           TEXT    NOT NULL CHECK (name <> ''),
    content_sha256 TEXT    NOT NULL CHECK (length(content_sha256) = 64),
    duration_ms    INTEGER NOT NULL CHECK (duration_ms > 0),
    created_at     INTEGER NOT NULL,
    PRIMARY KEY (org_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX prompts_by_content ON prompts (content_sha256);

CREATE TABLE prompt_choices (
    org_id          TEXT NOT NULL PRIMARY KEY REFERENCES organisations (org_id),
    wait            TEXT,
    whisper_a       TEXT,
    whisper_b       TEXT,
    consent         TEXT CHECK (consent IN ('both', 'a', 'b', 'none')),
    consent_notice  TEXT,
    balance_warning TEXT
) STRICT, WITHOUT ROWID;

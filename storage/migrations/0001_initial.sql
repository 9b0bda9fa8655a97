-- Times are UTC in Unix milliseconds, money is integer paise. No constraint compares two times: a clock that
-- was set back must never keep a call from being settled.

CREATE TABLE organisations (
    org_id                TEXT    NOT NULL PRIMARY KEY CHECK (org_id <> ''),
    name                  TEXT    NOT NULL,
    created_at            INTEGER NOT NULL,
    rate_paise_per_minute INTEGER NOT NULL CHECK (rate_paise_per_minute >= 0),
    pulse_s               INTEGER NOT NULL CHECK (pulse_s > 0),
    gst_percent           INTEGER NOT NULL CHECK (gst_percent BETWEEN 0 AND 100),
    gstin                 TEXT,
    state                 TEXT,
    rate_limit_per_minute INTEGER CHECK (rate_limit_per_minute > 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    key_id                TEXT    NOT NULL PRIMARY KEY CHECK (key_id <> ''),
    org_id                TEXT    NOT NULL REFERENCES organisations (org_id),
    name                  TEXT    NOT NULL,
    key_sha256            TEXT    NOT NULL UNIQUE CHECK (length(key_sha256) = 64),
    prefix                TEXT    NOT NULL,
    scopes                TEXT    NOT NULL,
    created_at            INTEGER NOT NULL,
    expires_at            INTEGER,
    revoked_at            INTEGER,
    last_used_at          INTEGER,
    allowed_networks      TEXT    NOT NULL CHECK (json_array_length(allowed_networks) >= 0),
    rate_limit_per_minute INTEGER CHECK (rate_limit_per_minute > 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_by_org ON api_keys (org_id, created_at);

CREATE TABLE webhook_endpoints (
    webhook_id  TEXT    NOT NULL PRIMARY KEY CHECK (webhook_id <> ''),
    org_id      TEXT    NOT NULL REFERENCES organisations (org_id),
    url         TEXT    NOT NULL,
    secrets     TEXT    NOT NULL CHECK (json_array_length(secrets) BETWEEN 1 AND 2),
    created_at  INTEGER NOT NULL,
    disabled_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_endpoints_by_org ON webhook_endpoints (org_id, created_at);

CREATE TABLE webhook_filters (
    webhook_id TEXT NOT NULL REFERENCES webhook_endpoints (webhook_id),
    event      TEXT NOT NULL CHECK (event IN ('call.initiated', 'call.ringing', 'call.answered', 'call.bridged',
                                              'call.completed', 'call.failed', 'call.no-answer', 'recording.ready')),
    PRIMARY KEY (webhook_id, event)
) STRICT, WITHOUT ROWID;

-- Money. Every transfer says what it does to the balance and to the sum set aside; the wallet is the running total
-- of both, kept by a trigger, and its check is the last guard against an overdraft.

CREATE TABLE wallets (
    org_id         TEXT    NOT NULL PRIMARY KEY REFERENCES organisations (org_id),
    balance_paise  INTEGER NOT NULL DEFAULT 0,
    reserved_paise INTEGER NOT NULL DEFAULT 0 CHECK (reserved_paise >= 0),
    CONSTRAINT available_not_negative CHECK (balance_paise >= reserved_paise)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER organisation_has_wallet AFTER INSERT ON organisations
BEGIN
    INSERT INTO wallets (org_id) VALUES (NEW.org_id);
END;

CREATE TABLE transfers (
    transfer_id     TEXT    NOT NULL PRIMARY KEY CHECK (transfer_id <> ''),
    org_id          TEXT    NOT NULL REFERENCES wallets (org_id),
    kind            TEXT    NOT NULL CHECK (kind IN ('credit', 'reserve', 'extend', 'capture', 'void')),
    call_id         TEXT,
    reference       TEXT,
    asked_paise     INTEGER NOT NULL CHECK (asked_paise BETWEEN 0 AND 1000000000000000),
    balance_change  INTEGER NOT NULL,
    reserved_change INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    CONSTRAINT kind_and_sign CHECK (
        CASE kind
            WHEN 'credit' THEN call_id IS NULL AND asked_paise > 0 AND balance_change = asked_paise
                               AND reserved_change = 0
            WHEN 'reserve' THEN call_id IS NOT NULL AND balance_change = 0 AND reserved_change = asked_paise
            WHEN 'extend' THEN call_id IS NOT NULL AND balance_change = 0 AND reserved_change = asked_paise
            WHEN 'capture' THEN call_id IS NOT NULL AND balance_change <= 0 AND -balance_change <= asked_paise
                                AND reserved_change <= 0
            WHEN 'void' THEN call_id IS NOT NULL AND balance_change = 0 AND asked_paise = 0
                             AND reserved_change <= 0
            ELSE 0
        END)
) STRICT;

CREATE INDEX transfers_by_call ON transfers (call_id) WHERE call_id IS NOT NULL;
CREATE UNIQUE INDEX one_reservation_per_call ON transfers (call_id) WHERE kind = 'reserve';
CREATE UNIQUE INDEX one_release_per_call ON transfers (call_id) WHERE kind IN ('capture', 'void');

CREATE TRIGGER transfer_needs_open_reservation BEFORE INSERT ON transfers
WHEN NEW.kind IN ('extend', 'capture', 'void')
BEGIN
    SELECT RAISE(ABORT, 'the call has no open reservation')
    WHERE NOT EXISTS (SELECT 1 FROM transfers
                      WHERE call_id = NEW.call_id AND kind = 'reserve' AND org_id = NEW.org_id)
       OR EXISTS (SELECT 1 FROM transfers WHERE call_id = NEW.call_id AND kind IN ('capture', 'void'));
END;

CREATE TRIGGER release_gives_all_back BEFORE INSERT ON transfers
WHEN NEW.kind IN ('capture', 'void')
BEGIN
    SELECT RAISE(ABORT, 'a release gives back the whole reservation')
    WHERE NEW.reserved_change <> -(SELECT coalesce(sum(reserved_change), 0) FROM transfers
                                   WHERE call_id = NEW.call_id);
END;

CREATE TRIGGER transfer_moves_wallet AFTER INSERT ON transfers
BEGIN
    UPDATE wallets
    SET balance_paise = balance_paise + NEW.balance_change, reserved_paise = reserved_paise + NEW.reserved_change
    WHERE org_id = NEW.org_id;
END;

CREATE TRIGGER transfers_never_change BEFORE UPDATE ON transfers
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER transfers_never_go BEFORE DELETE ON transfers
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

-- Calls: a row in `calls` while a call lives, then one in `cdrs` for ever, never in both. `listed_at` is a plain
-- column under a check: SQLite answers nothing from an index alone where a generated column is in it.

CREATE TABLE calls (
    call_id               TEXT    NOT NULL PRIMARY KEY CHECK (call_id <> ''),
    org_id                TEXT    NOT NULL REFERENCES organisations (org_id),
    party_a               TEXT    NOT NULL,
    party_b               TEXT    NOT NULL CHECK (party_b <> party_a),
    masked_number         TEXT    NOT NULL,
    direction             TEXT    NOT NULL CHECK (direction <> ''),
    status                TEXT    NOT NULL CHECK (status IN ('initiated', 'ringing', 'answered', 'in-progress')),
    created_at            INTEGER NOT NULL,
    rate_paise_per_minute INTEGER NOT NULL CHECK (rate_paise_per_minute >= 0),
    pulse_s               INTEGER NOT NULL CHECK (pulse_s > 0),
    gst_percent           INTEGER NOT NULL CHECK (gst_percent BETWEEN 0 AND 100),
    reference             TEXT,
    record                INTEGER NOT NULL CHECK (record IN (0, 1)),
    ring_timeout_s        INTEGER NOT NULL CHECK (ring_timeout_s > 0),
    max_duration_s        INTEGER CHECK (max_duration_s > 0),
    started_at            INTEGER,
    a_answered_at         INTEGER,
    answered_at           INTEGER,
    ended_at              INTEGER,
    duration_s            INTEGER CHECK (duration_s >= 0),
    bill_duration_s       INTEGER CHECK (bill_duration_s >= 0),
    price_paise           INTEGER CHECK (price_paise >= 0),
    hangup_cause          TEXT,
    hangup_party          TEXT CHECK (hangup_party IN ('a', 'b', 'system')),
    recording_path        TEXT,
    sequence              INTEGER NOT NULL CHECK (sequence >= 0),
    legs                  TEXT    NOT NULL,
    listed_at             INTEGER NOT NULL CHECK (listed_at = coalesce(started_at, created_at))
) STRICT, WITHOUT ROWID;

CREATE INDEX calls_by_org ON calls (org_id);

CREATE TABLE cdrs (
    call_id               TEXT    NOT NULL PRIMARY KEY CHECK (call_id <> ''),
    org_id                TEXT    NOT NULL REFERENCES organisations (org_id),
    party_a               TEXT    NOT NULL,
    party_b               TEXT    NOT NULL CHECK (party_b <> party_a),
    masked_number         TEXT    NOT NULL,
    direction             TEXT    NOT NULL CHECK (direction <> ''),
    status                TEXT    NOT NULL CHECK (status IN ('completed', 'failed', 'no-answer')),
    created_at            INTEGER NOT NULL,
    rate_paise_per_minute INTEGER NOT NULL CHECK (rate_paise_per_minute >= 0),
    pulse_s               INTEGER NOT NULL CHECK (pulse_s > 0),
    gst_percent           INTEGER NOT NULL CHECK (gst_percent BETWEEN 0 AND 100),
    reference             TEXT,
    record                INTEGER NOT NULL CHECK (record IN (0, 1)),
    ring_timeout_s        INTEGER NOT NULL CHECK (ring_timeout_s > 0),
    max_duration_s        INTEGER CHECK (max_duration_s > 0),
    started_at            INTEGER,
    a_answered_at         INTEGER,
    answered_at           INTEGER,
    ended_at              INTEGER NOT NULL,
    duration_s            INTEGER CHECK (duration_s >= 0),
    bill_duration_s       INTEGER CHECK (bill_duration_s >= 0),
    price_paise           INTEGER CHECK (price_paise >= 0),
    hangup_cause          TEXT    NOT NULL CHECK (hangup_cause <> ''),
    hangup_party          TEXT CHECK (hangup_party IN ('a', 'b', 'system')),
    recording_path        TEXT,
    sequence              INTEGER NOT NULL CHECK (sequence >= 0),
    legs                  TEXT    NOT NULL,
    listed_at             INTEGER NOT NULL CHECK (listed_at = coalesce(started_at, created_at)),
    CONSTRAINT completed_means_bridged CHECK ((status = 'completed') = (answered_at IS NOT NULL)),
    CONSTRAINT completed_is_billed CHECK (
        status <> 'completed'
        OR (duration_s IS NOT NULL AND bill_duration_s IS NOT NULL AND price_paise IS NOT NULL)),
    CONSTRAINT only_bridged_calls_cost CHECK (status = 'completed' OR coalesce(price_paise, 0) = 0)
) STRICT;

-- Covers the pages, counts and totals of an organisation: none of them touches the table.
CREATE INDEX cdrs_by_time ON cdrs (org_id, listed_at, call_id, status, bill_duration_s, price_paise);
CREATE INDEX cdrs_by_reference ON cdrs (org_id, reference, listed_at, call_id) WHERE reference IS NOT NULL;
CREATE INDEX cdrs_by_party_a ON cdrs (org_id, party_a, listed_at, call_id);
CREATE INDEX cdrs_by_party_b ON cdrs (org_id, party_b, listed_at, call_id);

CREATE TRIGGER call_is_not_over BEFORE INSERT ON calls
WHEN EXISTS (SELECT 1 FROM cdrs WHERE call_id = NEW.call_id)
BEGIN
    SELECT RAISE(ABORT, 'the call has ended');
END;

CREATE TRIGGER cdr_ends_live_row AFTER INSERT ON cdrs
BEGIN
    DELETE FROM calls WHERE call_id = NEW.call_id;
END;

CREATE TRIGGER cdrs_never_change BEFORE UPDATE ON cdrs
BEGIN
    SELECT RAISE(ABORT, 'CDRs are append-only');
END;

CREATE TRIGGER cdrs_never_go BEFORE DELETE ON cdrs
BEGIN
    SELECT RAISE(ABORT, 'CDRs are append-only');
END;

CREATE TABLE heartbeat (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    beat_at  INTEGER NOT NULL
) STRICT;

-- Masking sessions, and how busy each number is (kept by triggers, so that choosing one never counts rows).

CREATE TABLE masking_sessions (
    org_id       TEXT    NOT NULL REFERENCES organisations (org_id),
    party_low    TEXT    NOT NULL,
    party_high   TEXT    NOT NULL,
    number       TEXT    NOT NULL,
    trunk        TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, party_low, party_high),
    CHECK (party_low < party_high)
) STRICT, WITHOUT ROWID;

CREATE INDEX masking_sessions_by_low ON masking_sessions (number, party_low);
CREATE INDEX masking_sessions_by_high ON masking_sessions (number, party_high);

CREATE TABLE number_use (
    number     TEXT    NOT NULL PRIMARY KEY,
    live_calls INTEGER NOT NULL DEFAULT 0 CHECK (live_calls >= 0),
    pairs      INTEGER NOT NULL DEFAULT 0 CHECK (pairs >= 0)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER number_of_new_call AFTER INSERT ON calls
BEGIN
    INSERT INTO number_use (number, live_calls) VALUES (NEW.masked_number, 1)
    ON CONFLICT (number) DO UPDATE SET live_calls = live_calls + 1;
END;

CREATE TRIGGER number_of_moved_call AFTER UPDATE OF masked_number ON calls
WHEN NEW.masked_number <> OLD.masked_number
BEGIN
    UPDATE number_use SET live_calls = live_calls - 1 WHERE number = OLD.masked_number;
    INSERT INTO number_use (number, live_calls) VALUES (NEW.masked_number, 1)
    ON CONFLICT (number) DO UPDATE SET live_calls = live_calls + 1;
END;

CREATE TRIGGER number_of_ended_call AFTER DELETE ON calls
BEGIN
    UPDATE number_use SET live_calls = live_calls - 1 WHERE number = OLD.masked_number;
END;

CREATE TRIGGER number_of_new_pair AFTER INSERT ON masking_sessions
BEGIN
    INSERT INTO number_use (number, pairs) VALUES (NEW.number, 1)
    ON CONFLICT (number) DO UPDATE SET pairs = pairs + 1;
END;

CREATE TRIGGER number_of_moved_pair AFTER UPDATE OF number ON masking_sessions
WHEN NEW.number <> OLD.number
BEGIN
    UPDATE number_use SET pairs = pairs - 1 WHERE number = OLD.number;
    INSERT INTO number_use (number, pairs) VALUES (NEW.number, 1)
    ON CONFLICT (number) DO UPDATE SET pairs = pairs + 1;
END;

CREATE TRIGGER number_of_ended_pair AFTER DELETE ON masking_sessions
BEGIN
    UPDATE number_use SET pairs = pairs - 1 WHERE number = OLD.number;
END;

-- The outbox. Gaps in a call's sequence are allowed on purpose: an event that could not be written (a full disk)
-- must not keep the call's last one, and with it the settlement, from being written later.

CREATE TABLE events (
    event_seq  INTEGER NOT NULL PRIMARY KEY,
    event_id   TEXT    NOT NULL UNIQUE CHECK (event_id <> ''),
    org_id     TEXT    NOT NULL REFERENCES organisations (org_id),
    call_id    TEXT    NOT NULL,
    sequence   INTEGER NOT NULL CHECK (sequence >= 1),
    event      TEXT    NOT NULL CHECK (event IN ('call.initiated', 'call.ringing', 'call.answered', 'call.bridged',
                                                 'call.completed', 'call.failed', 'call.no-answer',
                                                 'recording.ready')),
    created_at INTEGER NOT NULL,
    snapshot   TEXT    NOT NULL,
    UNIQUE (call_id, sequence)
) STRICT;

CREATE UNIQUE INDEX one_terminal_event_per_call ON events (call_id)
    WHERE event IN ('call.completed', 'call.failed', 'call.no-answer');

CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;

CREATE TRIGGER events_never_go BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;

CREATE TABLE deliveries (
    delivery_id INTEGER NOT NULL PRIMARY KEY,
    event_seq   INTEGER NOT NULL REFERENCES events (event_seq),
    webhook_id  TEXT    NOT NULL REFERENCES webhook_endpoints (webhook_id),
    call_id     TEXT    NOT NULL,
    sequence    INTEGER NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('waiting', 'ready', 'leased', 'delivered', 'dead')),
    attempt     INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    due_at      INTEGER NOT NULL,
    lease_until INTEGER,
    CONSTRAINT lease_has_end CHECK ((state = 'leased') = (lease_until IS NOT NULL))
) STRICT;

CREATE INDEX deliveries_by_endpoint ON deliveries (webhook_id);
CREATE INDEX deliveries_ready ON deliveries (webhook_id, due_at) WHERE state = 'ready';
CREATE INDEX deliveries_leased ON deliveries (lease_until, webhook_id) WHERE state = 'leased';
CREATE INDEX deliveries_waiting ON deliveries (webhook_id, call_id, sequence) WHERE state = 'waiting';
CREATE INDEX deliveries_dead ON deliveries (webhook_id) WHERE state = 'dead';
CREATE UNIQUE INDEX one_delivery_on_its_way ON deliveries (webhook_id, call_id) WHERE state IN ('ready', 'leased');

CREATE TABLE delivery_attempts (
    delivery_id  INTEGER NOT NULL REFERENCES deliveries (delivery_id),
    attempt      INTEGER NOT NULL CHECK (attempt >= 1),
    attempted_at INTEGER NOT NULL,
    delivered    INTEGER NOT NULL CHECK (delivered IN (0, 1)),
    http_status  INTEGER,
    error        TEXT,
    duration_ms  INTEGER NOT NULL CHECK (duration_ms >= 0),
    PRIMARY KEY (delivery_id, attempt)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER delivery_attempts_never_change BEFORE UPDATE ON delivery_attempts
BEGIN
    SELECT RAISE(ABORT, 'the delivery log is append-only');
END;

CREATE TRIGGER delivery_attempts_never_go BEFORE DELETE ON delivery_attempts
BEGIN
    SELECT RAISE(ABORT, 'the delivery log is append-only');
END;

CREATE TABLE recordings (
    call_id     TEXT    NOT NULL PRIMARY KEY CHECK (call_id <> ''),
    org_id      TEXT    NOT NULL REFERENCES organisations (org_id),
    wav_path    TEXT    NOT NULL UNIQUE CHECK (wav_path <> ''),
    mp3_path    TEXT,
    duration_ms INTEGER NOT NULL CHECK (duration_ms >= 0),
    gap_frames  INTEGER NOT NULL CHECK (gap_frames >= 0),
    created_at  INTEGER NOT NULL,
    purged_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX recordings_without_mp3 ON recordings (created_at) WHERE mp3_path IS NULL AND purged_at IS NULL;
CREATE INDEX recordings_kept ON recordings (created_at) WHERE purged_at IS NULL;

CREATE TABLE idempotent_replies (
    org_id          TEXT    NOT NULL REFERENCES organisations (org_id),
    idempotency_key TEXT    NOT NULL,
    body_sha256     TEXT    NOT NULL,
    call_id         TEXT    NOT NULL,
    request_id      TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (org_id, idempotency_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotent_replies_by_age ON idempotent_replies (created_at);

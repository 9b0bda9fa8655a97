-- Money goes back: debits in the ledger, refunds of payments, credit notes. The ledger is written anew for the sake of
-- one more kind, row by row and in its order.

CREATE TABLE transfers_anew (
    transfer_id     TEXT    NOT NULL PRIMARY KEY CHECK (transfer_id <> ''),
    org_id          TEXT    NOT NULL REFERENCES wallets (org_id),
    kind            TEXT    NOT NULL CHECK (kind IN ('credit', 'debit', 'reserve', 'extend', 'capture', 'void')),
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
            WHEN 'debit' THEN call_id IS NULL AND asked_paise > 0 AND balance_change = -asked_paise
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

INSERT INTO transfers_anew (rowid, transfer_id, org_id, kind, call_id, reference, asked_paise, balance_change,
                            reserved_change, created_at)
SELECT rowid, transfer_id, org_id, kind, call_id, reference, asked_paise, balance_change, reserved_change, created_at
FROM transfers ORDER BY rowid;

DROP TABLE transfers;
ALTER TABLE transfers_anew RENAME TO transfers;

CREATE INDEX transfers_by_call ON transfers (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX transfers_by_time ON transfers (org_id, created_at);
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

ALTER TABLE tax_documents ADD COLUMN kind TEXT NOT NULL DEFAULT 'invoice' CHECK (kind IN ('invoice', 'credit_note'));

-- A refund: asked for (its net amount is set aside, under its id in place of a call's), then paid back or not.
-- `debited_paise` is below the net amount only where a refund that was made elsewhere had been spent before.
CREATE TABLE refunds (
    refund_id          TEXT    NOT NULL PRIMARY KEY CHECK (refund_id <> ''),
    org_id             TEXT    NOT NULL REFERENCES organisations (org_id),
    topup_id           TEXT    NOT NULL REFERENCES topups (topup_id),
    reference          TEXT    NOT NULL CHECK (reference <> ''),
    reason             TEXT    NOT NULL,
    taxable_paise      INTEGER NOT NULL CHECK (taxable_paise >= 0),
    cgst_paise         INTEGER NOT NULL CHECK (cgst_paise >= 0),
    sgst_paise         INTEGER NOT NULL CHECK (sgst_paise = cgst_paise),
    igst_paise         INTEGER NOT NULL CHECK (igst_paise >= 0 AND (igst_paise = 0 OR cgst_paise = 0)),
    created_at         INTEGER NOT NULL,
    state              TEXT    NOT NULL CHECK (state IN ('asked', 'processed', 'failed')),
    provider_refund_id TEXT    UNIQUE CHECK (provider_refund_id <> ''),
    settled_at         INTEGER CHECK ((settled_at IS NULL) = (state = 'asked')),
    debited_paise      INTEGER CHECK (debited_paise BETWEEN 0 AND taxable_paise),
    credit_note_number TEXT    UNIQUE REFERENCES tax_documents (number),
    UNIQUE (topup_id, reference),
    CONSTRAINT something_is_paid_back CHECK (taxable_paise + cgst_paise + sgst_paise + igst_paise > 0),
    CONSTRAINT processed_as_a_whole CHECK ((state = 'processed') = (credit_note_number IS NOT NULL)
                                           AND (state = 'processed') = (debited_paise IS NOT NULL)
                                           AND (state <> 'processed' OR provider_refund_id IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX refunds_by_org ON refunds (org_id, created_at);

CREATE TRIGGER never_more_than_was_paid AFTER INSERT ON refunds
BEGIN
    SELECT RAISE(ABORT, 'more would be paid back than was paid')
    WHERE NOT EXISTS (
        SELECT 1 FROM topups t
        WHERE t.topup_id = NEW.topup_id AND t.org_id = NEW.org_id AND t.payment_id IS NOT NULL
          AND t.taxable_paise >= (SELECT sum(taxable_paise) FROM refunds
                                  WHERE topup_id = NEW.topup_id AND state <> 'failed')
          AND t.cgst_paise >= (SELECT sum(cgst_paise) FROM refunds WHERE topup_id = NEW.topup_id AND state <> 'failed')
          AND t.igst_paise >= (SELECT sum(igst_paise) FROM refunds WHERE topup_id = NEW.topup_id AND state <> 'failed'));
END;

CREATE TRIGGER never_more_than_was_paid_later AFTER UPDATE ON refunds WHEN OLD.state = 'failed'
BEGIN
    SELECT RAISE(ABORT, 'more would be paid back than was paid')
    WHERE NOT EXISTS (
        SELECT 1 FROM topups t
        WHERE t.topup_id = NEW.topup_id
          AND t.taxable_paise >= (SELECT sum(taxable_paise) FROM refunds
                                  WHERE topup_id = NEW.topup_id AND state <> 'failed')
          AND t.cgst_paise >= (SELECT sum(cgst_paise) FROM refunds WHERE topup_id = NEW.topup_id AND state <> 'failed')
          AND t.igst_paise >= (SELECT sum(igst_paise) FROM refunds WHERE topup_id = NEW.topup_id AND state <> 'failed'));
END;

CREATE TRIGGER a_processed_refund_stays BEFORE UPDATE ON refunds WHEN OLD.state = 'processed'
BEGIN
    SELECT RAISE(ABORT, 'the refund was processed before');
END;

CREATE TRIGGER refunds_never_go BEFORE DELETE ON refunds
BEGIN
    SELECT RAISE(ABORT, 'a refund never goes');
END;

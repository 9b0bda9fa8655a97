-- Credit notes that an operator issues: a correction takes back some of what was invoiced, from the wallet too; goodwill
-- gives the wallet something. Refunds and corrections of a payment together are never more than the payment.

CREATE TABLE credit_notes (
    number        TEXT    NOT NULL PRIMARY KEY REFERENCES tax_documents (number),
    org_id        TEXT    NOT NULL REFERENCES organisations (org_id),
    kind          TEXT    NOT NULL CHECK (kind IN ('correction', 'goodwill')),
    topup_id      TEXT    REFERENCES topups (topup_id),
    reference     TEXT    NOT NULL CHECK (reference <> ''),
    reason        TEXT    NOT NULL CHECK (reason <> ''),
    taxable_paise INTEGER NOT NULL CHECK (taxable_paise >= 0),
    cgst_paise    INTEGER NOT NULL CHECK (cgst_paise >= 0),
    sgst_paise    INTEGER NOT NULL CHECK (sgst_paise = cgst_paise),
    igst_paise    INTEGER NOT NULL CHECK (igst_paise >= 0 AND (igst_paise = 0 OR cgst_paise = 0)),
    created_at    INTEGER NOT NULL,
    UNIQUE (org_id, reference),
    CONSTRAINT of_something CHECK (taxable_paise + cgst_paise + sgst_paise + igst_paise > 0),
    CONSTRAINT goodwill_is_free_of_tax CHECK (
        CASE kind WHEN 'correction' THEN topup_id IS NOT NULL
                  ELSE topup_id IS NULL AND cgst_paise = 0 AND igst_paise = 0 END)
) STRICT, WITHOUT ROWID;

CREATE INDEX credit_notes_by_org ON credit_notes (org_id, created_at);
CREATE INDEX credit_notes_by_topup ON credit_notes (topup_id) WHERE topup_id IS NOT NULL;

CREATE VIEW given_back AS
SELECT topup_id, taxable_paise, cgst_paise, sgst_paise, igst_paise FROM refunds WHERE state <> 'failed'
UNION ALL
SELECT topup_id, taxable_paise, cgst_paise, sgst_paise, igst_paise FROM credit_notes WHERE topup_id IS NOT NULL;

DROP TRIGGER never_more_than_was_paid;
DROP TRIGGER never_more_than_was_paid_later;

CREATE TRIGGER never_more_than_was_paid AFTER INSERT ON refunds
BEGIN
    SELECT RAISE(ABORT, 'more would be paid back than was paid')
    WHERE NOT EXISTS (
        SELECT 1
        FROM topups t,
             (SELECT coalesce(sum(taxable_paise), 0) AS taxable, coalesce(sum(cgst_paise), 0) AS cgst,
                     coalesce(sum(igst_paise), 0) AS igst
              FROM given_back WHERE topup_id = NEW.topup_id) g
        WHERE t.topup_id = NEW.topup_id AND t.org_id = NEW.org_id AND t.payment_id IS NOT NULL
          AND g.taxable <= t.taxable_paise AND g.cgst <= t.cgst_paise AND g.igst <= t.igst_paise);
END;

CREATE TRIGGER never_more_than_was_paid_later AFTER UPDATE ON refunds WHEN OLD.state = 'failed'
BEGIN
    SELECT RAISE(ABORT, 'more would be paid back than was paid')
    WHERE NOT EXISTS (
        SELECT 1
        FROM topups t,
             (SELECT coalesce(sum(taxable_paise), 0) AS taxable, coalesce(sum(cgst_paise), 0) AS cgst,
                     coalesce(sum(igst_paise), 0) AS igst
              FROM given_back WHERE topup_id = NEW.topup_id) g
        WHERE t.topup_id = NEW.topup_id AND t.org_id = NEW.org_id AND t.payment_id IS NOT NULL
          AND g.taxable <= t.taxable_paise AND g.cgst <= t.cgst_paise AND g.igst <= t.igst_paise);
END;

CREATE TRIGGER never_more_than_was_invoiced AFTER INSERT ON credit_notes WHEN NEW.topup_id IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'more would be taken back than was invoiced')
    WHERE NOT EXISTS (
        SELECT 1
        FROM topups t,
             (SELECT coalesce(sum(taxable_paise), 0) AS taxable, coalesce(sum(cgst_paise), 0) AS cgst,
                     coalesce(sum(igst_paise), 0) AS igst
              FROM given_back WHERE topup_id = NEW.topup_id) g
        WHERE t.topup_id = NEW.topup_id AND t.org_id = NEW.org_id AND t.payment_id IS NOT NULL
          AND g.taxable <= t.taxable_paise AND g.cgst <= t.cgst_paise AND g.igst <= t.igst_paise);
END;

CREATE TRIGGER credit_notes_never_change BEFORE UPDATE ON credit_notes
BEGIN
    SELECT RAISE(ABORT, 'a credit note never changes');
END;

CREATE TRIGGER credit_notes_never_go BEFORE DELETE ON credit_notes
BEGIN
    SELECT RAISE(ABORT, 'a credit note never goes');
END;

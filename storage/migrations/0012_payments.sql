-- Payments asked for and made, and the tax documents about them. A document never changes, and no number is left out:
-- each takes the one behind the last of its series and year.

CREATE TABLE topups (
    topup_id       TEXT    NOT NULL PRIMARY KEY CHECK (topup_id <> ''),
    org_id         TEXT    NOT NULL REFERENCES organisations (org_id),
    order_id       TEXT    NOT NULL UNIQUE CHECK (order_id <> ''),
    taxable_paise  INTEGER NOT NULL CHECK (taxable_paise > 0),
    gst_percent    INTEGER NOT NULL CHECK (gst_percent BETWEEN 0 AND 100),
    cgst_paise     INTEGER NOT NULL CHECK (cgst_paise >= 0),
    sgst_paise     INTEGER NOT NULL CHECK (sgst_paise = cgst_paise),
    igst_paise     INTEGER NOT NULL CHECK (igst_paise >= 0 AND (igst_paise = 0 OR cgst_paise = 0)),
    place_of_supply TEXT   NOT NULL,
    created_at     INTEGER NOT NULL,
    payment_id     TEXT    UNIQUE,
    paid_at        INTEGER,
    invoice_number TEXT    UNIQUE REFERENCES tax_documents (number),
    CONSTRAINT paid_as_a_whole CHECK ((payment_id IS NULL) = (paid_at IS NULL)
                                      AND (payment_id IS NULL) = (invoice_number IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX topups_by_org ON topups (org_id, created_at);

CREATE TABLE tax_documents (
    number    TEXT    NOT NULL PRIMARY KEY CHECK (length(number) BETWEEN 1 AND 16),
    series    TEXT    NOT NULL,
    year      TEXT    NOT NULL,
    serial    INTEGER NOT NULL CHECK (serial > 0),
    org_id    TEXT    NOT NULL REFERENCES organisations (org_id),
    topup_id  TEXT    NOT NULL,
    issued_at INTEGER NOT NULL,
    content   TEXT    NOT NULL CHECK (json_valid(content)),
    UNIQUE (series, year, serial)
) STRICT, WITHOUT ROWID;

CREATE INDEX tax_documents_by_org ON tax_documents (org_id, issued_at);

CREATE TRIGGER no_number_is_left_out BEFORE INSERT ON tax_documents
WHEN NEW.serial <> 1 + (SELECT coalesce(max(serial), 0) FROM tax_documents
                        WHERE series = NEW.series AND year = NEW.year)
BEGIN
    SELECT RAISE(ABORT, 'a tax document takes the next number of its series');
END;

CREATE TRIGGER tax_documents_never_change BEFORE UPDATE ON tax_documents
BEGIN
    SELECT RAISE(ABORT, 'a tax document never changes');
END;

CREATE TRIGGER tax_documents_never_go BEFORE DELETE ON tax_documents
BEGIN
    SELECT RAISE(ABORT, 'a tax document never goes');
END;

CREATE TRIGGER a_payment_is_made_once BEFORE UPDATE ON topups
WHEN OLD.payment_id IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'the top-up was paid before');
END;

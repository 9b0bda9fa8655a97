-- add_topup: a payment that is asked for
INSERT INTO topups (topup_id, org_id, order_id, taxable_paise, gst_percent, cgst_paise, sgst_paise, igst_paise,
                    place_of_supply, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- topup_of_order: the payment of a provider's order
SELECT topup_id, org_id, order_id, taxable_paise, gst_percent, cgst_paise, sgst_paise, igst_paise, place_of_supply,
       created_at, payment_id, paid_at, invoice_number
FROM topups WHERE order_id = ?;

-- topup_of_payment: what a provider's payment has paid for
SELECT topup_id, org_id, order_id, taxable_paise, gst_percent, cgst_paise, sgst_paise, igst_paise, place_of_supply,
       created_at, payment_id, paid_at, invoice_number
FROM topups WHERE payment_id = ?;

-- topup: an organisation's payment
SELECT topup_id, org_id, order_id, taxable_paise, gst_percent, cgst_paise, sgst_paise, igst_paise, place_of_supply,
       created_at, payment_id, paid_at, invoice_number
FROM topups WHERE topup_id = ? AND org_id = ?;

-- topups: a page of an organisation's payments, newest first
SELECT topup_id, org_id, order_id, taxable_paise, gst_percent, cgst_paise, sgst_paise, igst_paise, place_of_supply,
       created_at, payment_id, paid_at, invoice_number
FROM topups WHERE org_id = ? ORDER BY created_at DESC, topup_id DESC LIMIT ? OFFSET ?;

-- count_topups: how many payments an organisation has asked for
SELECT count(*) FROM topups WHERE org_id = ?;

-- set_tax: where what is to be paid is supplied, and the tax by that
UPDATE topups SET cgst_paise = ?, sgst_paise = ?, igst_paise = ?, place_of_supply = ? WHERE topup_id = ?;

-- set_paid: the payment was made
UPDATE topups SET payment_id = ?, paid_at = ?, invoice_number = ? WHERE topup_id = ?;

-- last_serial: the newest number of a series in a year
SELECT coalesce(max(serial), 0) FROM tax_documents WHERE series = ? AND year = ?;

-- add_document: a tax document is issued
INSERT INTO tax_documents (number, series, year, serial, org_id, topup_id, issued_at, content, kind)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- document: an organisation's tax document
SELECT number, series, year, serial, org_id, topup_id, issued_at, content, kind
FROM tax_documents WHERE number = ? AND org_id = ?;

-- documents: a page of an organisation's tax documents, newest first
SELECT number, series, year, serial, org_id, topup_id, issued_at, content, kind
FROM tax_documents WHERE org_id = ? ORDER BY issued_at DESC, number DESC LIMIT ? OFFSET ?;

-- count_documents: how many tax documents an organisation has
SELECT count(*) FROM tax_documents WHERE org_id = ?;

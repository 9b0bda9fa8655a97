-- add: a credit note by the operator
INSERT INTO credit_notes (number, org_id, kind, topup_id, reference, reason, taxable_paise, cgst_paise, sgst_paise,
                          igst_paise, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- by_reference: an organisation's that was issued under a reference
SELECT number, org_id, kind, topup_id, reference, reason, taxable_paise, cgst_paise, sgst_paise, igst_paise, created_at
FROM credit_notes WHERE org_id = ? AND reference = ?;

-- page: an organisation's, newest first
SELECT number, org_id, kind, topup_id, reference, reason, taxable_paise, cgst_paise, sgst_paise, igst_paise, created_at
FROM credit_notes WHERE org_id = ? ORDER BY created_at DESC, number DESC LIMIT ? OFFSET ?;

-- count: how many an organisation has
SELECT count(*) FROM credit_notes WHERE org_id = ?;

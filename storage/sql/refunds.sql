-- add: a refund that is asked for
INSERT INTO refunds (refund_id, org_id, topup_id, reference, reason, taxable_paise, cgst_paise, sgst_paise, igst_paise,
                     created_at, state)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'asked');

-- refund: one by its id
SELECT refund_id, org_id, topup_id, reference, reason, taxable_paise, cgst_paise, sgst_paise, igst_paise, created_at,
       state, provider_refund_id, settled_at, debited_paise, credit_note_number
FROM refunds WHERE refund_id = ?;

-- by_reference: a payment's refund that was asked for under a reference
SELECT refund_id, org_id, topup_id, reference, reason, taxable_paise, cgst_paise, sgst_paise, igst_paise, created_at,
       state, provider_refund_id, settled_at, debited_paise, credit_note_number
FROM refunds WHERE topup_id = ? AND reference = ?;

-- by_provider: one by the provider's id
SELECT refund_id, org_id, topup_id, reference, reason, taxable_paise, cgst_paise, sgst_paise, igst_paise, created_at,
       state, provider_refund_id, settled_at, debited_paise, credit_note_number
FROM refunds WHERE provider_refund_id = ?;

-- page: an organisation's refunds, newest first
SELECT refund_id, org_id, topup_id, reference, reason, taxable_paise, cgst_paise, sgst_paise, igst_paise, created_at,
       state, provider_refund_id, settled_at, debited_paise, credit_note_number
FROM refunds WHERE org_id = ? ORDER BY created_at DESC, refund_id DESC LIMIT ? OFFSET ?;

-- count: how many refunds an organisation has
SELECT count(*) FROM refunds WHERE org_id = ?;

-- left: what of a payment is neither paid back, nor about to be, nor taken back by a correction
SELECT t.taxable_paise - g.taxable, t.cgst_paise - g.cgst, t.sgst_paise - g.sgst, t.igst_paise - g.igst
FROM topups t,
     (SELECT coalesce(sum(taxable_paise), 0) AS taxable, coalesce(sum(cgst_paise), 0) AS cgst,
             coalesce(sum(sgst_paise), 0) AS sgst, coalesce(sum(igst_paise), 0) AS igst
      FROM given_back WHERE topup_id = :topup_id) g
WHERE t.topup_id = :topup_id;

-- set_provider_id: the provider has it
UPDATE refunds SET provider_refund_id = :provider_refund_id
WHERE refund_id = :refund_id AND provider_refund_id IS NOT :provider_refund_id;

-- set_processed: it was paid back
UPDATE refunds
SET state = 'processed', provider_refund_id = :provider_refund_id, settled_at = :at, debited_paise = :debited_paise,
    credit_note_number = :credit_note_number
WHERE refund_id = :refund_id;

-- set_failed: it is not paid back
UPDATE refunds SET state = 'failed', settled_at = :at WHERE refund_id = :refund_id AND state = 'asked';

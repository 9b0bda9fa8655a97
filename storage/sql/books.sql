-- wallet_balance: wallets whose balance is not the sum of their transfers
SELECT w.org_id, w.org_id, coalesce(sum(t.balance_change), 0) AS balance_sum, w.balance_paise
FROM wallets w LEFT JOIN transfers t ON t.org_id = w.org_id
GROUP BY w.org_id HAVING w.balance_paise <> balance_sum LIMIT :limit;

-- wallet_reserved: wallets that have set aside what their transfers do not
SELECT w.org_id, w.org_id, coalesce(sum(t.reserved_change), 0) AS reserved_sum, w.reserved_paise
FROM wallets w LEFT JOIN transfers t ON t.org_id = w.org_id
GROUP BY w.org_id HAVING w.reserved_paise <> reserved_sum LIMIT :limit;

-- reservation_left: money that is set aside for a call that does not live, or a refund that is over
SELECT min(t.org_id), t.call_id, 0, sum(t.reserved_change)
FROM transfers t WHERE t.call_id IS NOT NULL
GROUP BY t.call_id
HAVING max(t.kind IN ('capture', 'void')) = 0
   AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.call_id = t.call_id)
   AND NOT EXISTS (SELECT 1 FROM refunds r WHERE 'refund:' || r.refund_id = t.call_id AND r.state = 'asked')
LIMIT :limit;

-- call_unreserved: live calls, test calls left out, for which nothing was set aside
SELECT c.org_id, c.call_id, NULL, NULL
FROM calls c
WHERE c.masked_number <> :test_number
  AND (NOT EXISTS (SELECT 1 FROM transfers t
                   WHERE t.call_id = c.call_id AND t.org_id = c.org_id AND t.kind = 'reserve')
       OR EXISTS (SELECT 1 FROM transfers t WHERE t.call_id = c.call_id AND t.kind IN ('capture', 'void')))
LIMIT :limit;

-- call_charge: finished calls, test calls left out, whose price is not what was taken from the wallet
SELECT d.org_id, d.call_id, coalesce(d.price_paise, 0), -t.balance_change
FROM cdrs d LEFT JOIN transfers t ON t.call_id = d.call_id AND t.kind IN ('capture', 'void')
WHERE d.masked_number <> :test_number
  AND (t.transfer_id IS NULL OR t.org_id <> d.org_id OR -t.balance_change <> coalesce(d.price_paise, 0))
LIMIT :limit;

-- charge_without_call: what was taken for a call that has not ended
SELECT t.org_id, t.call_id, NULL, -t.balance_change
FROM transfers t
WHERE t.kind = 'capture' AND NOT EXISTS (SELECT 1 FROM cdrs d WHERE d.call_id = t.call_id)
LIMIT :limit;

-- payment: payments that were made and not credited as they should be, or credited and not made
SELECT t.org_id, t.topup_id, CASE WHEN t.payment_id IS NULL THEN NULL ELSE t.taxable_paise END, x.balance_change
FROM topups t LEFT JOIN transfers x ON x.transfer_id = 'topup:' || t.topup_id
WHERE (t.payment_id IS NULL) <> (x.transfer_id IS NULL)
   OR x.balance_change <> t.taxable_paise OR x.org_id <> t.org_id
LIMIT :limit;

-- credit_without_payment: credits for payments that there are not
SELECT x.org_id, x.transfer_id, NULL, x.balance_change
FROM transfers x
WHERE x.transfer_id >= 'topup:' AND x.transfer_id < 'topup;'
  AND NOT EXISTS (SELECT 1 FROM topups t WHERE 'topup:' || t.topup_id = x.transfer_id)
LIMIT :limit;

-- invoice: payments whose invoice is missing, another's, or of another amount
SELECT t.org_id, t.topup_id, t.taxable_paise + t.cgst_paise + t.sgst_paise + t.igst_paise,
       d.content ->> '$.tax.taxable_paise' + d.content ->> '$.tax.cgst_paise' + d.content ->> '$.tax.sgst_paise'
       + d.content ->> '$.tax.igst_paise'
FROM topups t LEFT JOIN tax_documents d ON d.number = t.invoice_number
WHERE t.payment_id IS NOT NULL
  AND (d.number IS NULL OR d.org_id <> t.org_id OR d.topup_id <> t.topup_id
       OR d.content ->> '$.number' <> d.number
       OR d.content ->> '$.tax.taxable_paise' <> t.taxable_paise
       OR d.content ->> '$.tax.cgst_paise' <> t.cgst_paise
       OR d.content ->> '$.tax.sgst_paise' <> t.sgst_paise
       OR d.content ->> '$.tax.igst_paise' <> t.igst_paise)
LIMIT :limit;

-- invoice_without_payment: invoices of no payment
SELECT d.org_id, d.number, NULL, NULL
FROM tax_documents d
WHERE d.kind = 'invoice' AND NOT EXISTS (SELECT 1 FROM topups t WHERE t.invoice_number = d.number)
LIMIT :limit;

-- serial: series of documents with a number left out
SELECT '', d.series || '/' || d.year, max(d.serial), count(*)
FROM tax_documents d GROUP BY d.series, d.year HAVING max(d.serial) <> count(*) LIMIT :limit;

-- refund: refunds that were not debited as they say, or debited and not made
SELECT r.org_id, r.refund_id, r.debited_paise, -x.balance_change
FROM refunds r LEFT JOIN transfers x ON x.transfer_id = 'refund:' || r.refund_id
WHERE coalesce(r.debited_paise, 0) <> coalesce(-x.balance_change, 0) OR x.org_id <> r.org_id
LIMIT :limit;

-- refund_spent: refunds made elsewhere of money that had been spent, which the wallet still owes
SELECT r.org_id, r.refund_id, r.taxable_paise, r.debited_paise
FROM refunds r WHERE r.state = 'processed' AND r.debited_paise < r.taxable_paise
LIMIT :limit;

-- refund_waiting: refunds that the provider has said nothing of for long, whose money is still set aside
SELECT r.org_id, r.refund_id, r.taxable_paise, NULL
FROM refunds r WHERE r.state = 'asked' AND r.created_at < :long_ago
LIMIT :limit;

-- debit_without_refund: debits for refunds that there are not
SELECT x.org_id, x.transfer_id, NULL, -x.balance_change
FROM transfers x
WHERE x.transfer_id >= 'refund:' AND x.transfer_id < 'refund;' AND x.kind = 'debit'
  AND NOT EXISTS (SELECT 1 FROM refunds r WHERE 'refund:' || r.refund_id = x.transfer_id)
LIMIT :limit;

-- credit_note: refunds whose credit note is missing, another's, or of another amount
SELECT r.org_id, r.refund_id, r.taxable_paise + r.cgst_paise + r.sgst_paise + r.igst_paise,
       d.content ->> '$.tax.taxable_paise' + d.content ->> '$.tax.cgst_paise' + d.content ->> '$.tax.sgst_paise'
       + d.content ->> '$.tax.igst_paise'
FROM refunds r LEFT JOIN tax_documents d ON d.number = r.credit_note_number
WHERE r.state = 'processed'
  AND (d.number IS NULL OR d.kind <> 'credit_note' OR d.org_id <> r.org_id OR d.topup_id <> r.topup_id
       OR d.content ->> '$.number' <> d.number
       OR d.content ->> '$.tax.taxable_paise' <> r.taxable_paise
       OR d.content ->> '$.tax.cgst_paise' <> r.cgst_paise
       OR d.content ->> '$.tax.sgst_paise' <> r.sgst_paise
       OR d.content ->> '$.tax.igst_paise' <> r.igst_paise)
LIMIT :limit;

-- credit_note_of_nothing: credit notes about nothing that was paid back, corrected or given
SELECT d.org_id, d.number, NULL, NULL
FROM tax_documents d
WHERE d.kind = 'credit_note' AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.credit_note_number = d.number)
  AND NOT EXISTS (SELECT 1 FROM credit_notes n WHERE n.number = d.number)
LIMIT :limit;

-- note: the operator's notes whose transfer is missing or another than they say, or whose document says something else
SELECT n.org_id, n.number, n.taxable_paise, abs(x.balance_change)
FROM credit_notes n
LEFT JOIN transfers x ON x.transfer_id = 'note:' || n.number
LEFT JOIN tax_documents d ON d.number = n.number
WHERE coalesce(x.balance_change, 0) <> CASE n.kind WHEN 'goodwill' THEN n.taxable_paise ELSE -n.taxable_paise END
   OR x.org_id <> n.org_id OR d.number IS NULL OR d.kind <> 'credit_note' OR d.org_id <> n.org_id
   OR d.topup_id <> coalesce(n.topup_id, '')
   OR d.content ->> '$.tax.taxable_paise' <> n.taxable_paise
   OR d.content ->> '$.tax.cgst_paise' <> n.cgst_paise
   OR d.content ->> '$.tax.sgst_paise' <> n.sgst_paise
   OR d.content ->> '$.tax.igst_paise' <> n.igst_paise
LIMIT :limit;

-- transfer_without_note: transfers of credit notes that there are not
SELECT x.org_id, x.transfer_id, NULL, x.balance_change
FROM transfers x
WHERE x.transfer_id >= 'note:' AND x.transfer_id < 'note;'
  AND NOT EXISTS (SELECT 1 FROM credit_notes n WHERE 'note:' || n.number = x.transfer_id)
LIMIT :limit;

-- balance_before: what a wallet had when something began
SELECT coalesce(sum(balance_change), 0) FROM transfers INDEXED BY transfers_of_money
WHERE org_id = ? AND created_at < ? AND balance_change <> 0;

-- balance_change: by how much that changed in a period
SELECT coalesce(sum(balance_change), 0) FROM transfers INDEXED BY transfers_of_money
WHERE org_id = :org_id AND created_at >= :from_ms AND created_at < :until_ms AND balance_change <> 0;

-- entries: what came in or went out but for calls, oldest first
SELECT x.created_at, x.transfer_id, x.kind, x.reference, x.balance_change,
       coalesce(t.invoice_number, r.credit_note_number,
                CASE WHEN x.transfer_id >= 'note:' AND x.transfer_id < 'note;' THEN substr(x.transfer_id, 6) END)
FROM transfers x INDEXED BY transfers_of_money
LEFT JOIN topups t ON x.transfer_id >= 'topup:' AND x.transfer_id < 'topup;' AND t.topup_id = substr(x.transfer_id, 7)
LEFT JOIN refunds r ON x.transfer_id >= 'refund:' AND x.transfer_id < 'refund;'
                    AND r.refund_id = substr(x.transfer_id, 8)
WHERE x.org_id = :org_id AND x.created_at >= :from_ms AND x.created_at < :until_ms AND x.kind IN ('credit', 'debit')
      AND x.balance_change <> 0
ORDER BY x.created_at, x.rowid LIMIT :limit;

-- calls_by_day: how many calls cost something and how much, by days of a time zone
SELECT (created_at + :offset_ms) / 86400000 AS day, count(*), -sum(balance_change)
FROM transfers INDEXED BY transfers_of_money
WHERE org_id = :org_id AND created_at >= :from_ms AND created_at < :until_ms AND kind = 'capture' AND balance_change <> 0
GROUP BY day ORDER BY day LIMIT 31;

-- page: an organisation's transfers of a period, newest first
SELECT rowid, transfer_id, kind, call_id, reference, balance_change, reserved_change, created_at
FROM transfers WHERE org_id = :org_id AND created_at >= :from_ms AND created_at < :until_ms
ORDER BY created_at DESC, rowid DESC LIMIT :limit OFFSET :offset;

-- count: how many there are
SELECT count(*) FROM transfers WHERE org_id = :org_id AND created_at >= :from_ms AND created_at < :until_ms;

-- after: an organisation's transfers of a period that follow one, oldest first
SELECT rowid, transfer_id, kind, call_id, reference, balance_change, reserved_change, created_at
FROM transfers
WHERE org_id = :org_id AND created_at >= :from_ms AND created_at < :until_ms
  AND (created_at, rowid) > (:after_ms, :after_row)
ORDER BY created_at, rowid LIMIT :limit;

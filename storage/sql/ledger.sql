-- wallet: an organisation's money
SELECT org_id, balance_paise, reserved_paise FROM wallets WHERE org_id = ?;

-- transfer: what was done under an id
SELECT kind, org_id, call_id, reference, asked_paise, balance_change FROM transfers WHERE transfer_id = ?;

-- add_transfer: money moves; triggers check the order of things and keep the wallet
INSERT INTO transfers (transfer_id, org_id, kind, call_id, reference, asked_paise, balance_change, reserved_change,
                       created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- reservation: whose it is, what is still set aside, whether it was released
SELECT max(CASE WHEN kind = 'reserve' THEN org_id END), coalesce(sum(reserved_change), 0),
       coalesce(max(kind IN ('capture', 'void')), 0)
FROM transfers WHERE call_id = ?;

-- mismatches: wallets that are not the sum of their transfers
SELECT w.org_id, w.balance_paise, w.reserved_paise, coalesce(sum(t.balance_change), 0) AS balance_sum,
       coalesce(sum(t.reserved_change), 0) AS reserved_sum
FROM wallets w LEFT JOIN transfers t ON t.org_id = w.org_id
GROUP BY w.org_id
HAVING w.balance_paise <> balance_sum OR w.reserved_paise <> reserved_sum;

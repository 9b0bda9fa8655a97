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

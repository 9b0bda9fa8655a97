-- A balance that falls below what an organisation wants to be told of: each crossing is written down once, with the
-- transfer that makes it, and told later. Above it the wallet is ready for the next.

ALTER TABLE organisations ADD COLUMN low_balance_paise INTEGER CHECK (low_balance_paise BETWEEN 1 AND 1000000000000000);
ALTER TABLE wallets ADD COLUMN low INTEGER NOT NULL DEFAULT 0 CHECK (low IN (0, 1));

CREATE TABLE low_balances (
    crossing_id     INTEGER NOT NULL PRIMARY KEY,
    org_id          TEXT    NOT NULL REFERENCES organisations (org_id),
    balance_paise   INTEGER NOT NULL,
    threshold_paise INTEGER NOT NULL CHECK (balance_paise < threshold_paise),
    crossed_at      INTEGER NOT NULL,
    told_at         INTEGER
) STRICT;

CREATE INDEX low_balances_untold ON low_balances (crossing_id) WHERE told_at IS NULL;
CREATE INDEX low_balances_by_org ON low_balances (org_id, crossing_id);

DROP TRIGGER transfer_moves_wallet;

CREATE TRIGGER transfer_moves_wallet AFTER INSERT ON transfers
BEGIN
    UPDATE wallets
    SET balance_paise = balance_paise + NEW.balance_change, reserved_paise = reserved_paise + NEW.reserved_change
    WHERE org_id = NEW.org_id;
    INSERT INTO low_balances (org_id, balance_paise, threshold_paise, crossed_at)
    SELECT w.org_id, w.balance_paise, o.low_balance_paise, NEW.created_at
    FROM wallets w JOIN organisations o ON o.org_id = w.org_id
    WHERE NEW.balance_change < 0 AND w.org_id = NEW.org_id AND w.low = 0 AND w.balance_paise < o.low_balance_paise;
    UPDATE wallets SET low = 1 - low
    WHERE NEW.balance_change <> 0 AND org_id = NEW.org_id
      AND low <> (SELECT coalesce(wallets.balance_paise < o.low_balance_paise, 0)
                  FROM organisations o WHERE o.org_id = NEW.org_id);
END;

CREATE TRIGGER another_threshold_is_ready AFTER UPDATE OF low_balance_paise ON organisations
WHEN NEW.low_balance_paise IS NOT OLD.low_balance_paise
BEGIN
    UPDATE wallets SET low = 0 WHERE org_id = NEW.org_id;
END;

-- One more event. Only a check changes, and nothing that is stored, so the tables need not be written anew: this is
-- SQLite's own procedure for it (Making Other Kinds Of Table Schema Changes, in its documentation of ALTER TABLE).
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''recording.ready'')', '''recording.ready'', ''wallet.low'')')
WHERE type = 'table' AND name IN ('events', 'webhook_filters');
PRAGMA writable_schema = RESET;

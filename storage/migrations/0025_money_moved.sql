-- What changed balances, without what was only set aside: the balance at a month's beginning and the days of a month are
-- added up from this alone.

CREATE INDEX transfers_of_money ON transfers (org_id, created_at, kind, balance_change) WHERE balance_change <> 0;

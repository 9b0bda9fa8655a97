-- pair: the number a pair stands behind
SELECT number FROM masking_sessions WHERE org_id = ? AND party_low = ? AND party_high = ?;

-- keep_pair: the pair is used again, behind the same number or a new one
INSERT INTO masking_sessions (org_id, party_low, party_high, number, trunk, created_at, last_used_at)
VALUES (:org_id, :party_low, :party_high, :number, :trunk, :at, :at)
ON CONFLICT (org_id, party_low, party_high) DO UPDATE SET
    number = excluded.number, trunk = excluded.trunk, last_used_at = max(last_used_at, excluded.last_used_at);

-- use_of: how busy some numbers are, given as a JSON array
SELECT number, live_calls, pairs FROM number_use WHERE number IN (SELECT value FROM json_each(?));

-- use_of_all: how busy every number is that was ever used
SELECT number, live_calls, pairs FROM number_use ORDER BY number;

-- pairings_low: pairs of a party behind a number, the party sorting first
SELECT org_id, party_low, party_high, number, trunk, created_at, last_used_at
FROM masking_sessions WHERE number = :number AND party_low = :party ORDER BY last_used_at DESC LIMIT 1;

-- pairings_high: pairs of a party behind a number, the party sorting last
SELECT org_id, party_low, party_high, number, trunk, created_at, last_used_at
FROM masking_sessions WHERE number = :number AND party_high = :party ORDER BY last_used_at DESC LIMIT 1;

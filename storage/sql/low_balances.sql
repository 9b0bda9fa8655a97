-- untold: crossings that nobody was told of, oldest first, each with its place among its organisation's
SELECT b.crossing_id, b.org_id, o.name, b.balance_paise, b.threshold_paise, b.crossed_at,
       (SELECT count(*) FROM low_balances e WHERE e.org_id = b.org_id AND e.crossing_id <= b.crossing_id)
FROM low_balances b JOIN organisations o ON o.org_id = b.org_id
WHERE b.told_at IS NULL ORDER BY b.crossing_id LIMIT ?;

-- set_told: somebody was told; False where that was done before
UPDATE low_balances SET told_at = :at WHERE crossing_id = :crossing_id AND told_at IS NULL;

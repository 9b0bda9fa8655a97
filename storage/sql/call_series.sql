-- by_step: an organisation's calls from one hour of India to another, one row for each step of `step` hours that has any
SELECT hour / :step AS step, sum(calls), sum(completed), sum(ended), sum(billed_s), sum(cost_paise)
FROM (
    SELECT hour, completed + failed + no_answer AS calls, completed, completed + failed + no_answer AS ended,
           billed_s, cost_paise
    FROM call_hours WHERE org_id = :org_id AND test = :test AND hour >= :first AND hour <= :last
    UNION ALL
    SELECT (listed_at + 19800000) / 3600000, 1, 0, 0, 0, 0
    FROM calls WHERE org_id = :org_id AND (masked_number = '910000000000') = :test
        AND listed_at >= :first * 3600000 - 19800000 AND listed_at < (:last + 1) * 3600000 - 19800000
)
GROUP BY 1 ORDER BY 1;

-- page_by_time: keys of a page of an organisation's calls, live and finished, newest first; of those at `before` - 1 the
-- ones whose id is below `before_id`
SELECT call_id, listed_at, 1 AS live FROM calls
WHERE org_id = :org_id AND listed_at > :after AND listed_at < :before
      AND (listed_at < :before - 1 OR call_id < :before_id) AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test)
UNION ALL
SELECT call_id, listed_at, 0 AS live FROM cdrs
WHERE org_id = :org_id AND listed_at > :after AND listed_at < :before
      AND (listed_at < :before - 1 OR call_id < :before_id) AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test)
ORDER BY listed_at DESC, call_id DESC LIMIT :limit OFFSET :offset;

-- count_by_time: how many calls that is: whole hours from the rows that count them, what is left at both ends one by one
SELECT (SELECT count(*) FROM calls
        WHERE org_id = :org_id AND listed_at > :after AND listed_at < :before AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test))
     + (SELECT coalesce(sum(CASE WHEN :status IS NULL THEN completed + failed + no_answer
                                 WHEN :status = 'completed' THEN completed
                                 WHEN :status = 'failed' THEN failed
                                 WHEN :status = 'no-answer' THEN no_answer ELSE 0 END), 0) FROM call_hours
        WHERE org_id = :org_id AND test >= :test_from AND test <= :test_to AND hour >= :first AND hour < :past)
     + (SELECT count(*) FROM cdrs
        WHERE org_id = :org_id AND listed_at > :after AND listed_at < :whole_from AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test))
     + (SELECT count(*) FROM cdrs
        WHERE org_id = :org_id AND listed_at >= :whole_to AND listed_at < :before AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test));

-- hour_within: the earliest whole hour that has, with all later ones, at most `offset` finished calls, and how many
SELECT hour, ended FROM (
    SELECT hour, sum(sum(CASE WHEN :status IS NULL THEN completed + failed + no_answer
                              WHEN :status = 'completed' THEN completed
                              WHEN :status = 'failed' THEN failed
                              WHEN :status = 'no-answer' THEN no_answer ELSE 0 END)) OVER (ORDER BY hour DESC) AS ended
    FROM call_hours
    WHERE org_id = :org_id AND test >= :test_from AND test <= :test_to AND hour >= :first AND hour < :past
    GROUP BY hour)
WHERE ended <= :offset ORDER BY hour LIMIT 1;

-- count_beside_hours: how many live ones are listed at `from` or later, and finished ones after the last whole hour
SELECT (SELECT count(*) FROM calls
        WHERE org_id = :org_id AND listed_at > :after AND listed_at >= :from AND listed_at < :before
              AND (:status IS NULL OR status = :status) AND (:test IS NULL OR (masked_number = '910000000000') = :test))
     + (SELECT count(*) FROM cdrs
        WHERE org_id = :org_id AND listed_at >= :whole_to AND listed_at < :before AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test));

-- page_by_reference: keys of a page of those under a reference
SELECT call_id, listed_at, 1 AS live FROM calls
WHERE org_id = :org_id AND reference = :reference AND listed_at > :after AND listed_at < :before
      AND (listed_at < :before - 1 OR call_id < :before_id) AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test)
      AND (:party IS NULL OR party_a = :party OR party_b = :party)
UNION ALL
SELECT call_id, listed_at, 0 AS live FROM cdrs INDEXED BY cdrs_by_reference
WHERE org_id = :org_id AND reference = :reference AND listed_at > :after AND listed_at < :before
      AND (listed_at < :before - 1 OR call_id < :before_id) AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test)
      AND (:party IS NULL OR party_a = :party OR party_b = :party)
ORDER BY listed_at DESC, call_id DESC LIMIT :limit OFFSET :offset;

-- count_by_reference: how many calls that is
SELECT (SELECT count(*) FROM calls
        WHERE org_id = :org_id AND reference = :reference AND listed_at > :after AND listed_at < :before AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test)
              AND (:party IS NULL OR party_a = :party OR party_b = :party))
     + (SELECT count(*) FROM cdrs INDEXED BY cdrs_by_reference
        WHERE org_id = :org_id AND reference = :reference AND listed_at > :after AND listed_at < :before AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test)
              AND (:party IS NULL OR party_a = :party OR party_b = :party));

-- page_by_party: keys of a page of a party's calls; no call has one party twice
SELECT call_id, listed_at, 1 AS live FROM calls
WHERE org_id = :org_id AND (party_a = :party OR party_b = :party) AND listed_at > :after AND listed_at < :before
      AND (listed_at < :before - 1 OR call_id < :before_id) AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test)
UNION ALL
SELECT call_id, listed_at, 0 AS live FROM cdrs INDEXED BY cdrs_by_party_a
WHERE org_id = :org_id AND party_a = :party AND listed_at > :after AND listed_at < :before
      AND (listed_at < :before - 1 OR call_id < :before_id) AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test)
UNION ALL
SELECT call_id, listed_at, 0 AS live FROM cdrs INDEXED BY cdrs_by_party_b
WHERE org_id = :org_id AND party_b = :party AND listed_at > :after AND listed_at < :before
      AND (listed_at < :before - 1 OR call_id < :before_id) AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test)
ORDER BY listed_at DESC, call_id DESC LIMIT :limit OFFSET :offset;

-- count_by_party: how many calls that is
SELECT (SELECT count(*) FROM calls
        WHERE org_id = :org_id AND (party_a = :party OR party_b = :party) AND listed_at > :after AND listed_at < :before AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test))
     + (SELECT count(*) FROM cdrs INDEXED BY cdrs_by_party_a
        WHERE org_id = :org_id AND party_a = :party AND listed_at > :after AND listed_at < :before AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test))
     + (SELECT count(*) FROM cdrs INDEXED BY cdrs_by_party_b
        WHERE org_id = :org_id AND party_b = :party AND listed_at > :after AND listed_at < :before AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test));

-- page_of_live: keys of a page of an organisation's live calls
SELECT call_id, listed_at, 1 AS live FROM calls
WHERE org_id = :org_id AND listed_at > :after AND listed_at < :before
      AND (listed_at < :before - 1 OR call_id < :before_id) AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test)
      AND (:reference IS NULL OR reference = :reference) AND (:party IS NULL OR party_a = :party OR party_b = :party)
ORDER BY listed_at DESC, call_id DESC LIMIT :limit OFFSET :offset;

-- count_of_live: how many calls that is
SELECT count(*) FROM calls
WHERE org_id = :org_id AND listed_at > :after AND listed_at < :before AND (:status IS NULL OR status = :status)
      AND (:test IS NULL OR (masked_number = '910000000000') = :test)
      AND (:reference IS NULL OR reference = :reference) AND (:party IS NULL OR party_a = :party OR party_b = :party);

-- finished_totals: an organisation's finished calls of a period: whole hours from the rows that count them, what is left
-- at both ends one by one
SELECT sum(calls), sum(billed_s), sum(cost_paise), sum(answered) FROM (
    SELECT coalesce(sum(completed + failed + no_answer), 0) AS calls, coalesce(sum(billed_s), 0) AS billed_s,
           coalesce(sum(cost_paise), 0) AS cost_paise, coalesce(sum(completed), 0) AS answered
    FROM call_hours WHERE org_id = :org_id AND test = :test AND hour >= :first AND hour < :past
    UNION ALL
    SELECT count(*), coalesce(sum(bill_duration_s), 0), coalesce(sum(price_paise), 0),
           coalesce(sum(status = 'completed'), 0)
    FROM cdrs WHERE org_id = :org_id AND listed_at > :after AND listed_at < :whole_from
          AND (masked_number = '910000000000') = :test
    UNION ALL
    SELECT count(*), coalesce(sum(bill_duration_s), 0), coalesce(sum(price_paise), 0),
           coalesce(sum(status = 'completed'), 0)
    FROM cdrs WHERE org_id = :org_id AND listed_at >= :whole_to AND listed_at < :before
          AND (masked_number = '910000000000') = :test);

-- live_totals: an organisation's live calls, all and those of a period
SELECT count(*), coalesce(sum(listed_at >= :start AND listed_at <= :end), 0) FROM calls
WHERE org_id = :org_id AND (masked_number = '910000000000') = :test;

-- masking_totals: an organisation's standing pairs, all and those in use at some time of a period
SELECT coalesce((SELECT pairs FROM organisation_pairs WHERE org_id = :org_id), 0),
       (SELECT count(*) FROM masking_sessions
        WHERE org_id = :org_id AND last_used_at >= :start AND created_at <= :end AND :start <= :end);

-- add_event: a fact to be told
INSERT INTO events (event_id, org_id, call_id, sequence, event, created_at, snapshot) VALUES (?, ?, ?, ?, ?, ?, ?);

-- fan_out: one delivery for each enabled endpoint that wants it, behind any earlier one of the call
INSERT INTO deliveries (event_seq, webhook_id, call_id, sequence, state, due_at)
SELECT :event_seq, e.webhook_id, :call_id, :sequence,
       CASE WHEN EXISTS (SELECT 1 FROM deliveries d
                         WHERE d.webhook_id = e.webhook_id AND d.call_id = :call_id AND d.state IN ('ready', 'leased'))
            THEN 'waiting' ELSE 'ready' END,
       :at
FROM webhook_endpoints e JOIN webhook_filters f ON f.webhook_id = e.webhook_id AND f.event = :event
WHERE e.org_id = :org_id AND e.disabled_at IS NULL;

-- lapse_leases: a lease that ran out makes its delivery ready again
UPDATE deliveries SET state = 'ready', lease_until = NULL WHERE state = 'leased' AND lease_until <= ?;

-- leased: how many deliveries each endpoint has on its way, and whose it is
SELECT d.webhook_id, e.org_id, d.under_way
FROM (SELECT webhook_id, count(*) AS under_way FROM deliveries INDEXED BY deliveries_leased
      WHERE state = 'leased' GROUP BY webhook_id) d
CROSS JOIN webhook_endpoints e ON e.webhook_id = d.webhook_id;

-- first_lease_end: when the next lease runs out
SELECT min(lease_until) FROM deliveries WHERE state = 'leased';

-- ready_endpoints: endpoints with something ready, whose they are, and when its first is due, by skipping through the index
WITH RECURSIVE ahead (webhook_id) AS (
    SELECT (SELECT d.webhook_id FROM deliveries d WHERE d.state = 'ready' ORDER BY d.webhook_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.webhook_id FROM deliveries d
            WHERE d.state = 'ready' AND d.webhook_id > ahead.webhook_id ORDER BY d.webhook_id LIMIT 1)
    FROM ahead WHERE ahead.webhook_id IS NOT NULL
)
SELECT a.webhook_id, e.org_id,
       (SELECT d.due_at FROM deliveries d WHERE d.state = 'ready' AND d.webhook_id = a.webhook_id
        ORDER BY d.due_at LIMIT 1) AS first_due_at
FROM ahead a CROSS JOIN webhook_endpoints e ON e.webhook_id = a.webhook_id
WHERE e.disabled_at IS NULL
ORDER BY first_due_at;

-- lease: take an endpoint's most overdue deliveries
UPDATE deliveries SET state = 'leased', attempt = attempt + 1, lease_until = :lease_until
WHERE delivery_id IN (SELECT delivery_id FROM deliveries
                      WHERE state = 'ready' AND webhook_id = :webhook_id AND due_at <= :now
                      ORDER BY due_at LIMIT :limit)
RETURNING delivery_id, event_seq, attempt;

-- event: what is to be told
SELECT event_id, org_id, call_id, sequence, event, created_at, snapshot FROM events WHERE event_seq = ?;

-- events_of_call: all that was told of a call, in order
SELECT event_id, org_id, call_id, sequence, event, created_at, snapshot FROM events WHERE call_id = ? ORDER BY sequence;

-- delivery: where a delivery stands
SELECT d.state, d.attempt, d.webhook_id, d.call_id, d.sequence, d.event_seq, e.org_id, w.disabled_at
FROM deliveries d JOIN events e ON e.event_seq = d.event_seq JOIN webhook_endpoints w ON w.webhook_id = d.webhook_id
WHERE d.delivery_id = ?;

-- standing: a delivery's state, for its outcome
SELECT state, attempt, webhook_id, call_id FROM deliveries WHERE delivery_id = ?;

-- log_attempt: what came of a POST
INSERT INTO delivery_attempts (delivery_id, attempt, attempted_at, delivered, http_status, error, duration_ms, reply)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (delivery_id, attempt) DO NOTHING;

-- settle: a delivery's next state
UPDATE deliveries SET state = :state, due_at = coalesce(:due_at, due_at), lease_until = NULL
WHERE delivery_id = :delivery_id;

-- bring_forward: what waits for a time waits for an earlier one
UPDATE deliveries SET due_at = due_at - :by_ms, lease_until = lease_until - :by_ms
WHERE state IN ('ready', 'leased');

-- promote: the next of the call's deliveries to this endpoint takes its turn
UPDATE deliveries SET state = 'ready', due_at = :at
WHERE delivery_id = (SELECT delivery_id FROM deliveries
                     WHERE webhook_id = :webhook_id AND call_id = :call_id AND state = 'waiting'
                     ORDER BY sequence LIMIT 1);

-- on_its_way: the delivery of a call to an endpoint whose turn it is
SELECT delivery_id, state, sequence FROM deliveries
WHERE webhook_id = ? AND call_id = ? AND state IN ('ready', 'leased');

-- replay: the same event once more, from the first attempt
INSERT INTO deliveries (event_seq, webhook_id, call_id, sequence, state, due_at)
VALUES (:event_seq, :webhook_id, :call_id, :sequence, :state, :at);

-- log: an endpoint's deliveries, newest first; those that are passed over are not looked up
SELECT d.delivery_id, d.webhook_id, e.event_id, e.event, d.call_id, d.sequence, e.created_at, d.state, d.due_at
FROM (SELECT delivery_id, webhook_id, event_seq, call_id, sequence, state, due_at FROM deliveries
      WHERE webhook_id = :webhook_id
      ORDER BY delivery_id DESC LIMIT :limit OFFSET :offset) d
CROSS JOIN events e ON e.event_seq = d.event_seq
WHERE e.org_id = :org_id ORDER BY d.delivery_id DESC;

-- dead_letters: an endpoint's deliveries that were given up, newest first; those that are passed over are not looked up
SELECT d.delivery_id, d.webhook_id, e.event_id, e.event, d.call_id, d.sequence, e.created_at, d.state, d.due_at
FROM (SELECT delivery_id, webhook_id, event_seq, call_id, sequence, state, due_at FROM deliveries
      WHERE webhook_id = :webhook_id AND state = 'dead'
      ORDER BY delivery_id DESC LIMIT :limit OFFSET :offset) d
CROSS JOIN events e ON e.event_seq = d.event_seq
WHERE e.org_id = :org_id ORDER BY d.delivery_id DESC;

-- attempts: every POST made for a delivery
SELECT attempt, attempted_at, delivered, http_status, error, duration_ms
FROM delivery_attempts WHERE delivery_id = ? ORDER BY attempt;

-- attempts_whole: the same with what was answered
SELECT attempt, attempted_at, delivered, http_status, error, duration_ms, reply
FROM delivery_attempts WHERE delivery_id = ? ORDER BY attempt;

-- log_of_one: one delivery of an organisation, and the event that it tells
SELECT d.delivery_id, d.webhook_id, e.event_id, e.event, d.call_id, d.sequence, e.created_at, d.state, d.due_at, d.event_seq
FROM deliveries d JOIN events e ON e.event_seq = d.event_seq
WHERE d.delivery_id = ? AND e.org_id = ?;

-- was_told: whether an endpoint was told of an event of some kinds, or is still to be; ends with the first
SELECT EXISTS (SELECT 1 FROM deliveries d CROSS JOIN events e ON e.event_seq = d.event_seq
               WHERE d.webhook_id = ? AND e.org_id = ? AND e.event IN (SELECT value FROM json_each(?)));

-- backlog: deliveries still to be made
SELECT (SELECT count(*) FROM deliveries WHERE state = 'ready') + (SELECT count(*) FROM deliveries WHERE state = 'leased')
     + (SELECT count(*) FROM deliveries WHERE state = 'waiting');

-- last_told: the number of the newest event
SELECT max(event_seq) FROM events;

-- number_of: the number of an organisation's event
SELECT event_seq FROM events WHERE event_id = ? AND org_id = ?;

-- told_after: what was told of calls to anybody since, oldest first
SELECT event_id, org_id, call_id, sequence, event, created_at, snapshot, event_seq FROM events
WHERE event_seq > ? AND event <> 'wallet.low' ORDER BY event_seq LIMIT ?;

-- told_between: what was told of calls to an organisation after one event and up to another, oldest first
SELECT event_id, org_id, call_id, sequence, event, created_at, snapshot, event_seq FROM events
WHERE event_seq > :after AND event_seq <= :until AND +org_id = :org_id AND event <> 'wallet.low'
ORDER BY event_seq LIMIT :limit;

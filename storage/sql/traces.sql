-- add: the steps of a call since those written before
INSERT INTO call_traces (call_id, part, org_id, written_at, steps) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (call_id, part) DO NOTHING;

-- of_call: what was written of a call, in order
SELECT org_id, steps FROM call_traces WHERE call_id = ? ORDER BY part;

-- webhooks: every POST that was made for a call, in order
SELECT a.attempted_at, e.event, d.webhook_id, a.attempt, a.delivered, a.http_status, a.error, a.duration_ms
FROM events e JOIN deliveries d ON d.event_seq = e.event_seq JOIN delivery_attempts a ON a.delivery_id = d.delivery_id
WHERE e.call_id = ? ORDER BY a.attempted_at, a.delivery_id, a.attempt LIMIT ?;

-- forget: drop the oldest of what was written before a time
DELETE FROM call_traces WHERE (call_id, part) IN (
    SELECT call_id, part FROM call_traces WHERE written_at < ? ORDER BY written_at LIMIT ?
);

-- add: a place that an organisation's calls may be streamed to
INSERT INTO stream_endpoints (endpoint_id, org_id, url, secret, rate_hz, tracks, every_call, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- of_organisation: its places, oldest first
SELECT endpoint_id, org_id, url, secret, rate_hz, tracks, every_call, created_at
FROM stream_endpoints WHERE org_id = ? ORDER BY created_at, endpoint_id;

-- remove: nothing new is streamed there
DELETE FROM stream_endpoints WHERE org_id = ? AND endpoint_id = ?;

-- organisations: those all of whose calls are streamed
SELECT DISTINCT org_id FROM stream_endpoints WHERE every_call = 1;

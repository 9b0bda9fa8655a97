-- reply: the reply given under a key
SELECT org_id, idempotency_key, body_sha256, call_id, request_id, created_at
FROM idempotent_replies WHERE org_id = ? AND idempotency_key = ?;

-- put: remember a reply; one that stands under the key already must have been let expire by the caller
INSERT INTO idempotent_replies (org_id, idempotency_key, body_sha256, call_id, request_id, created_at)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (org_id, idempotency_key) DO UPDATE SET
    body_sha256 = excluded.body_sha256, call_id = excluded.call_id, request_id = excluded.request_id,
    created_at = excluded.created_at;

-- forget: the reply under a key, where it told of this call
DELETE FROM idempotent_replies WHERE org_id = ? AND idempotency_key = ? AND call_id = ?;

-- expire: forget replies given before a time, a bounded number at once
DELETE FROM idempotent_replies
WHERE (org_id, idempotency_key) IN (SELECT org_id, idempotency_key FROM idempotent_replies
                                    WHERE created_at < :before ORDER BY created_at LIMIT :limit);

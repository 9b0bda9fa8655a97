-- open: a sign-in
INSERT INTO sessions (session_sha256, person_id, org_id, csrf_token, created_at, seen_at, ends_at, revoked_at, address)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- session: the sign-in whose token has this hash
SELECT session_sha256, person_id, org_id, csrf_token, created_at, seen_at, ends_at, revoked_at, address
FROM sessions WHERE session_sha256 = ?;

-- live: somebody's sign-ins that have not ended, oldest first
SELECT session_sha256, person_id, org_id, csrf_token, created_at, seen_at, ends_at, revoked_at, address
FROM sessions WHERE person_id = :person_id AND revoked_at IS NULL AND ends_at > :at
ORDER BY created_at, session_sha256;

-- touch: it was seen, unless that was noted less than a minute ago
UPDATE sessions SET seen_at = :at WHERE session_sha256 = :session_sha256 AND seen_at <= :at - 60000;

-- look_at: the organisation that is looked at
UPDATE sessions SET org_id = :org_id WHERE session_sha256 = :session_sha256;

-- revoke: the first time stands
UPDATE sessions SET revoked_at = coalesce(revoked_at, :at) WHERE session_sha256 = :session_sha256;

-- revoke_all: end somebody's sign-ins, all but one
UPDATE sessions SET revoked_at = :at
WHERE person_id = :person_id AND revoked_at IS NULL AND session_sha256 <> :but;

-- forget: sign-ins that ended long ago
DELETE FROM sessions WHERE ends_at < ?;

-- invite: a link that works once
INSERT INTO invitations (token_sha256, email, org_id, role, operator, created_at, expires_at, used_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- invitation: the one whose token has this hash
SELECT token_sha256, email, org_id, role, operator, created_at, expires_at, used_at
FROM invitations WHERE token_sha256 = ?;

-- count_invitations: how many links to an organisation, or to the operators, can still be used
SELECT count(*) FROM invitations WHERE org_id IS :org_id AND used_at IS NULL AND expires_at > :at;

-- accept: a link works once
UPDATE invitations SET used_at = :at WHERE token_sha256 = :token_sha256 AND used_at IS NULL AND expires_at > :at;

-- forget_invitations: links that ended long ago
DELETE FROM invitations WHERE expires_at < ?;

-- add_reset: a link to a new password
INSERT INTO password_resets (token_sha256, person_id, created_at, expires_at) VALUES (?, ?, ?, ?);

-- end_resets: only the newest link works
UPDATE password_resets SET used_at = :at WHERE person_id = :person_id AND used_at IS NULL;

-- reset: whose password the link changes, while it works
SELECT person_id FROM password_resets WHERE token_sha256 = :token_sha256 AND used_at IS NULL AND expires_at > :at;

-- forget_resets: links that ended long ago
DELETE FROM password_resets WHERE expires_at < ?;

-- add: an agent
INSERT INTO agents (org_id, name, display_name, state, created_at, person_id) VALUES (?, ?, ?, ?, ?, ?);

-- agent: one by organisation and name
SELECT org_id, name, display_name, state, created_at, person_id FROM agents WHERE org_id = ? AND name = ?;

-- of_organisation: its agents by name; their number is limited when they are added
SELECT org_id, name, display_name, state, created_at, person_id FROM agents WHERE org_id = ? ORDER BY name;

-- of_person: the agent that a person is in an organisation
SELECT org_id, name, display_name, state, created_at, person_id FROM agents WHERE org_id = ? AND person_id = ?;

-- count: how many agents an organisation has
SELECT count(*) FROM agents WHERE org_id = ?;

-- change: what of an agent can be changed
UPDATE agents SET display_name = :display_name, state = :state, person_id = :person_id
WHERE org_id = :org_id AND name = :name;

-- set_state: whether the agent wants calls
UPDATE agents SET state = :state WHERE org_id = :org_id AND name = :name;

-- delete: there is no such agent any more
DELETE FROM agents WHERE org_id = :org_id AND name = :name;

-- forget_tokens_of: an agent's tokens go with it
DELETE FROM agent_tokens WHERE org_id = ? AND agent = ?;

-- add_token: a browser is known by it
INSERT INTO agent_tokens (token_sha256, token_id, org_id, agent, created_at, expires_at, revoked_at)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- live_tokens: an agent's tokens that have not ended, oldest first
SELECT token_sha256, token_id, org_id, agent, created_at, expires_at, revoked_at
FROM agent_tokens WHERE org_id = :org_id AND agent = :name AND revoked_at IS NULL AND expires_at > :at
ORDER BY created_at, token_id;

-- token: the one with this hash
SELECT token_sha256, token_id, org_id, agent, created_at, expires_at, revoked_at
FROM agent_tokens WHERE token_sha256 = ?;

-- revoke_token: end one
UPDATE agent_tokens SET revoked_at = :at
WHERE org_id = :org_id AND agent = :name AND token_id = :token_id AND revoked_at IS NULL AND expires_at > :at;

-- revoke_tokens: end all of an agent's
UPDATE agent_tokens SET revoked_at = :at
WHERE org_id = :org_id AND agent = :name AND revoked_at IS NULL AND expires_at > :at;

-- forget_tokens: those that ended long ago
DELETE FROM agent_tokens WHERE expires_at < ?;

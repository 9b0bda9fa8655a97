-- add_organisation: a new customer; its empty wallet comes with it
INSERT INTO organisations
      (org_id, name, created_at, rate_paise_per_minute, pulse_s, gst_percent, gstin, state, rate_limit_per_minute,
       retention_days, suspended_at, max_concurrent_calls, low_balance_paise, address)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- organisation: one customer
SELECT org_id, name, created_at, rate_paise_per_minute, pulse_s, gst_percent, gstin, state, rate_limit_per_minute,
       retention_days, suspended_at, max_concurrent_calls, low_balance_paise, address
FROM organisations WHERE org_id = ?;

-- organisations: all customers, oldest first
SELECT org_id, name, created_at, rate_paise_per_minute, pulse_s, gst_percent, gstin, state, rate_limit_per_minute,
       retention_days, suspended_at, max_concurrent_calls, low_balance_paise, address
FROM organisations ORDER BY created_at, org_id;

-- change_organisation: other terms and limits
UPDATE organisations
SET name = :name, rate_paise_per_minute = :rate, pulse_s = :pulse_s, gst_percent = :gst_percent, gstin = :gstin,
    state = :state, rate_limit_per_minute = :rate_limit, retention_days = :retention_days,
    suspended_at = :suspended_at, max_concurrent_calls = :max_concurrent_calls,
    low_balance_paise = :low_balance_paise, address = :address
WHERE org_id = :org_id;

-- numbers: the only masked numbers an organisation may show; none: any
SELECT number FROM organisation_numbers WHERE org_id = ? ORDER BY number;

-- clear_numbers: an organisation may show any masked number
DELETE FROM organisation_numbers WHERE org_id = ?;

-- add_number: one more that an organisation may show
INSERT INTO organisation_numbers (org_id, number) VALUES (?, ?);

-- set_retention: how long its recordings are kept
UPDATE organisations SET retention_days = :retention_days WHERE org_id = :org_id;

-- set_low_balance: below what it wants to be told
UPDATE organisations SET low_balance_paise = :low_balance_paise WHERE org_id = :org_id;

-- add_key: a new API key
INSERT INTO api_keys (key_id, org_id, name, key_sha256, prefix, scopes, created_at, expires_at, revoked_at,
                      last_used_at, allowed_networks, rate_limit_per_minute)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- key_by_sha256: who presents this key, with the rate limit that holds for it: its own, or its organisation's
SELECT key_id, org_id, name, key_sha256, prefix, scopes, created_at, expires_at, revoked_at, last_used_at,
       allowed_networks,
       coalesce(rate_limit_per_minute,
                (SELECT rate_limit_per_minute FROM organisations WHERE organisations.org_id = api_keys.org_id))
FROM api_keys WHERE key_sha256 = ?;

-- keys: an organisation's keys, oldest first
SELECT key_id, org_id, name, key_sha256, prefix, scopes, created_at, expires_at, revoked_at, last_used_at,
       allowed_networks, rate_limit_per_minute
FROM api_keys WHERE org_id = ? ORDER BY created_at, key_id;

-- key: one key by its id
SELECT key_id, org_id, name, key_sha256, prefix, scopes, created_at, expires_at, revoked_at, last_used_at,
       allowed_networks, rate_limit_per_minute
FROM api_keys WHERE key_id = ?;

-- forget_ended_keys: those that ended first, beyond how many are kept
DELETE FROM api_keys WHERE key_id IN (
    SELECT key_id FROM api_keys
    WHERE org_id = :org_id AND (revoked_at <= :now OR expires_at <= :now)
    ORDER BY min(coalesce(revoked_at, expires_at), coalesce(expires_at, revoked_at)) DESC, created_at DESC, key_id
    LIMIT -1 OFFSET :kept
);

-- revoke_key: the first revocation stands
UPDATE api_keys SET revoked_at = coalesce(revoked_at, :at) WHERE key_id = :key_id;

-- expire_key: give a key an end, as when a newer one takes over
UPDATE api_keys SET expires_at = :expires_at WHERE key_id = :key_id;

-- touch_key: note a use, unless one was noted less than a minute ago
UPDATE api_keys SET last_used_at = :at
WHERE key_id = :key_id AND (last_used_at IS NULL OR last_used_at <= :at - 60000);

-- add_endpoint: where an organisation's events go
INSERT INTO webhook_endpoints (webhook_id, org_id, url, secrets, created_at, disabled_at) VALUES (?, ?, ?, ?, ?, ?);

-- add_filter: one event an endpoint wants
INSERT INTO webhook_filters (webhook_id, event) VALUES (?, ?);

-- endpoint: one endpoint with the events it wants
SELECT webhook_id, org_id, url, secrets,
       (SELECT group_concat(f.event, ' ') FROM webhook_filters f WHERE f.webhook_id = e.webhook_id),
       created_at, disabled_at
FROM webhook_endpoints e WHERE webhook_id = ?;

-- endpoints: an organisation's endpoints, oldest first
SELECT webhook_id, org_id, url, secrets,
       (SELECT group_concat(f.event, ' ') FROM webhook_filters f WHERE f.webhook_id = e.webhook_id),
       created_at, disabled_at
FROM webhook_endpoints e WHERE org_id = ? ORDER BY created_at, webhook_id;

-- set_address: where it gets what is sent from now on
UPDATE webhook_endpoints SET url = :url WHERE webhook_id = :webhook_id;

-- drop_filters: before others are added
DELETE FROM webhook_filters WHERE webhook_id = ?;

-- set_secrets: the secrets an endpoint's events are signed with
UPDATE webhook_endpoints SET secrets = :secrets WHERE webhook_id = :webhook_id;

-- disable_endpoint: nothing more is sent there; the first time stands
UPDATE webhook_endpoints SET disabled_at = coalesce(disabled_at, :at) WHERE webhook_id = :webhook_id;

-- enable_endpoint: what was held for it goes out again
UPDATE webhook_endpoints SET disabled_at = NULL WHERE webhook_id = :webhook_id;

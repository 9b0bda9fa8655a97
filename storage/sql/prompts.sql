-- put: an organisation has a prompt of this name; it takes the place of one it had
INSERT INTO prompts (org_id, name, content_sha256, duration_ms, created_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (org_id, name) DO UPDATE
SET content_sha256 = excluded.content_sha256, duration_ms = excluded.duration_ms, created_at = excluded.created_at;

-- of_organisation: its prompts by name
SELECT org_id, name, content_sha256, duration_ms, created_at FROM prompts WHERE org_id = ? ORDER BY name;

-- delete: it has none of this name any more
DELETE FROM prompts WHERE org_id = ? AND name = ?;

-- uses_of_content: how many prompts have this content
SELECT count(*) FROM prompts WHERE content_sha256 = ?;

-- choose: what an organisation's calls have when they choose nothing
INSERT INTO prompt_choices (org_id, wait, whisper_a, whisper_b, consent, consent_notice, balance_warning)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (org_id) DO UPDATE
SET wait = excluded.wait, whisper_a = excluded.whisper_a, whisper_b = excluded.whisper_b, consent = excluded.consent,
    consent_notice = excluded.consent_notice, balance_warning = excluded.balance_warning;

-- choice: what an organisation has chosen
SELECT wait, whisper_a, whisper_b, consent, consent_notice, balance_warning FROM prompt_choices WHERE org_id = ?;

-- save: write a live call, or what has changed of it
INSERT INTO calls
      (call_id, org_id, party_a, party_b, masked_number, direction, status, created_at, rate_paise_per_minute, pulse_s,
       gst_percent, reference, record, ring_timeout_s, max_duration_s, started_at, a_answered_at, answered_at,
       ended_at, duration_s, bill_duration_s, price_paise, hangup_cause, hangup_party, recording_path, sequence, legs,
       listed_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (call_id) DO UPDATE SET
    masked_number = excluded.masked_number, status = excluded.status, max_duration_s = excluded.max_duration_s,
    started_at = excluded.started_at, a_answered_at = excluded.a_answered_at, answered_at = excluded.answered_at,
    ended_at = excluded.ended_at, duration_s = excluded.duration_s, bill_duration_s = excluded.bill_duration_s,
    price_paise = excluded.price_paise, hangup_cause = excluded.hangup_cause, hangup_party = excluded.hangup_party,
    recording_path = excluded.recording_path, sequence = excluded.sequence, legs = excluded.legs,
    listed_at = excluded.listed_at;

-- live_call: one live call; as with a finished one, the path of a recording that is gone is told no more
SELECT call_id, org_id, party_a, party_b, masked_number, direction, status, created_at, rate_paise_per_minute, pulse_s,
       gst_percent, reference, record, ring_timeout_s, max_duration_s, started_at, a_answered_at, answered_at,
       ended_at, duration_s, bill_duration_s, price_paise, hangup_cause, hangup_party,
       CASE WHEN EXISTS (SELECT 1 FROM recordings r
                         WHERE r.call_id = calls.call_id AND (r.purged_at IS NOT NULL OR r.cut_short))
            THEN NULL ELSE recording_path END,
       sequence, legs
FROM calls WHERE call_id = ?;

-- live_calls: every live call, oldest first
SELECT call_id, org_id, party_a, party_b, masked_number, direction, status, created_at, rate_paise_per_minute, pulse_s,
       gst_percent, reference, record, ring_timeout_s, max_duration_s, started_at, a_answered_at, answered_at,
       ended_at, duration_s, bill_duration_s, price_paise, hangup_cause, hangup_party,
       CASE WHEN EXISTS (SELECT 1 FROM recordings r
                         WHERE r.call_id = calls.call_id AND (r.purged_at IS NOT NULL OR r.cut_short))
            THEN NULL ELSE recording_path END,
       sequence, legs
FROM calls ORDER BY created_at, call_id;

-- live_calls_of: an organisation's live calls, oldest first
SELECT call_id, org_id, party_a, party_b, masked_number, direction, status, created_at, rate_paise_per_minute, pulse_s,
       gst_percent, reference, record, ring_timeout_s, max_duration_s, started_at, a_answered_at, answered_at,
       ended_at, duration_s, bill_duration_s, price_paise, hangup_cause, hangup_party,
       CASE WHEN EXISTS (SELECT 1 FROM recordings r
                         WHERE r.call_id = calls.call_id AND (r.purged_at IS NOT NULL OR r.cut_short))
            THEN NULL ELSE recording_path END,
       sequence, legs
FROM calls WHERE org_id = ? ORDER BY created_at, call_id;

-- count_live: how many calls live
SELECT count(*) FROM calls;

-- count_live_of: how many calls of an organisation live, without test calls
SELECT count(*) FROM calls WHERE org_id = ? AND masked_number <> '910000000000';

-- beat: a sign of life of the process
INSERT INTO heartbeat (only_row, beat_at) VALUES (1, ?) ON CONFLICT (only_row) DO UPDATE SET beat_at = excluded.beat_at;

-- last_beat: the last sign of life
SELECT beat_at FROM heartbeat WHERE only_row = 1;

-- add_cdr: a call has ended for ever; its live row goes by itself
INSERT INTO cdrs
      (call_id, org_id, party_a, party_b, masked_number, direction, status, created_at, rate_paise_per_minute, pulse_s,
       gst_percent, reference, record, ring_timeout_s, max_duration_s, started_at, a_answered_at, answered_at,
       ended_at, duration_s, bill_duration_s, price_paise, hangup_cause, hangup_party, recording_path, sequence, legs,
       listed_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (call_id) DO NOTHING;

-- cdr: one finished call; the path of a recording that is purged or not whole is not told
SELECT call_id, org_id, party_a, party_b, masked_number, direction, status, created_at, rate_paise_per_minute, pulse_s,
       gst_percent, reference, record, ring_timeout_s, max_duration_s, started_at, a_answered_at, answered_at,
       ended_at, duration_s, bill_duration_s, price_paise, hangup_cause, hangup_party,
       CASE WHEN EXISTS (SELECT 1 FROM recordings r
                         WHERE r.call_id = cdrs.call_id AND (r.purged_at IS NOT NULL OR r.cut_short))
            THEN NULL ELSE recording_path END,
       sequence, legs
FROM cdrs WHERE call_id = ?;

-- newest_cdrs: the calls that ended last, of all organisations
SELECT call_id, org_id, party_a, party_b, masked_number, direction, status, created_at, rate_paise_per_minute, pulse_s,
       gst_percent, reference, record, ring_timeout_s, max_duration_s, started_at, a_answered_at, answered_at,
       ended_at, duration_s, bill_duration_s, price_paise, hangup_cause, hangup_party,
       CASE WHEN EXISTS (SELECT 1 FROM recordings r
                         WHERE r.call_id = cdrs.call_id AND (r.purged_at IS NOT NULL OR r.cut_short))
            THEN NULL ELSE recording_path END,
       sequence, legs
FROM cdrs ORDER BY rowid DESC LIMIT ?;

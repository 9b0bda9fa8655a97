-- add: a recording is finished
INSERT INTO recordings (call_id, org_id, wav_path, mp3_path, duration_ms, gap_frames, created_at, purged_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (call_id) DO NOTHING;

-- recording: a call's recording
SELECT call_id, org_id, wav_path, mp3_path, duration_ms, gap_frames, created_at, purged_at
FROM recordings WHERE call_id = ?;

-- set_mp3: its MP3 has been made
UPDATE recordings SET mp3_path = :mp3_path WHERE call_id = :call_id AND purged_at IS NULL;

-- purge: its files are gone; the first time stands
UPDATE recordings SET purged_at = coalesce(purged_at, :at) WHERE call_id = :call_id;

-- without_mp3: recordings whose MP3 is still to be made, oldest first
SELECT call_id, org_id, wav_path, mp3_path, duration_ms, gap_frames, created_at, purged_at
FROM recordings INDEXED BY recordings_without_mp3
WHERE mp3_path IS NULL AND purged_at IS NULL ORDER BY created_at LIMIT ?;

-- kept_before: recordings made before a time whose files are still there, oldest first
SELECT call_id, org_id, wav_path, mp3_path, duration_ms, gap_frames, created_at, purged_at
FROM recordings WHERE purged_at IS NULL AND created_at < ? ORDER BY created_at LIMIT ?;

-- path_taken: whether a recording lies under this path
SELECT 1 FROM recordings WHERE wav_path = ?;

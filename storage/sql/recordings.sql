-- add: a recording is finished
INSERT INTO recordings (call_id, org_id, wav_path, mp3_path, duration_ms, gap_frames, created_at, purged_at, sealed_key,
                        purged_by, files_left, facts, wav_bytes, wav_sha256, mp3_bytes, mp3_sha256)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (call_id) DO NOTHING;

-- recording: a call's recording
SELECT call_id, org_id, wav_path, mp3_path, duration_ms, gap_frames, created_at, purged_at, sealed_key,
       purged_by, files_left, facts, wav_bytes, wav_sha256, mp3_bytes, mp3_sha256
FROM recordings WHERE call_id = ?;

-- set_mp3: its MP3 has been made
UPDATE recordings SET mp3_path = :mp3_path, wav_bytes = :wav_bytes, wav_sha256 = :wav_sha256, mp3_bytes = :mp3_bytes,
                      mp3_sha256 = :mp3_sha256
WHERE call_id = :call_id AND purged_at IS NULL;

-- set_peaks: what a drawing of it is made of, unless it is purged
INSERT INTO recording_peaks (call_id, peaks)
SELECT call_id, :peaks FROM recordings WHERE call_id = :call_id AND purged_at IS NULL
ON CONFLICT (call_id) DO UPDATE SET peaks = excluded.peaks;

-- peaks: what a drawing of it is made of
SELECT peaks FROM recording_peaks WHERE call_id = ?;

-- purge: it may be heard no more: its key goes, its files are to go
UPDATE recordings SET purged_at = :at, purged_by = :by, sealed_key = NULL, files_left = 1
WHERE call_id = :call_id AND purged_at IS NULL;

-- files_gone: nothing of a purged recording is left
UPDATE recordings SET files_left = 0 WHERE call_id = ? AND purged_at IS NOT NULL;

-- files_left: something of a purged recording was found
UPDATE recordings SET files_left = 1 WHERE call_id = ? AND purged_at IS NOT NULL;

-- replace_key: the same key, sealed anew
UPDATE recordings SET sealed_key = :sealed_key WHERE call_id = :call_id AND sealed_key = :replaced;

-- without_mp3: recordings of finished calls whose MP3 is still to be made, oldest first
SELECT call_id, org_id, wav_path, mp3_path, duration_ms, gap_frames, created_at, purged_at, sealed_key,
       purged_by, files_left, facts, wav_bytes, wav_sha256, mp3_bytes, mp3_sha256
FROM recordings INDEXED BY recordings_without_mp3
WHERE mp3_path IS NULL AND purged_at IS NULL AND EXISTS (SELECT 1 FROM cdrs c WHERE c.call_id = recordings.call_id)
ORDER BY created_at LIMIT ?;

-- overdue: recordings kept for longer than their organisation wants, or the default where it has no wish; 0: for ever
SELECT r.call_id, r.org_id, r.wav_path, r.mp3_path, r.duration_ms, r.gap_frames, r.created_at, r.purged_at,
       r.sealed_key, r.purged_by, r.files_left, r.facts, r.wav_bytes, r.wav_sha256, r.mp3_bytes, r.mp3_sha256
FROM organisations o CROSS JOIN recordings r INDEXED BY recordings_of_organisation
WHERE coalesce(o.retention_days, :default_days) > 0 AND r.org_id = o.org_id AND r.purged_at IS NULL
      AND r.created_at < :now - coalesce(o.retention_days, :default_days) * 86400000
LIMIT :limit;

-- with_files_left: purged recordings whose files may still be there, by call from one on
SELECT call_id, org_id, wav_path, mp3_path, duration_ms, gap_frames, created_at, purged_at, sealed_key,
       purged_by, files_left, facts, wav_bytes, wav_sha256, mp3_bytes, mp3_sha256
FROM recordings INDEXED BY recordings_with_files_left
WHERE files_left = 1 AND call_id > ? ORDER BY call_id LIMIT ?;

-- kept: recordings that are not purged, by call from one on
SELECT call_id, org_id, wav_path, mp3_path, duration_ms, gap_frames, created_at, purged_at, sealed_key,
       purged_by, files_left, facts, wav_bytes, wav_sha256, mp3_bytes, mp3_sha256
FROM recordings WHERE call_id > ? AND purged_at IS NULL ORDER BY call_id LIMIT ?;

-- path_taken: whether a recording lies under this path
SELECT 1 FROM recordings WHERE wav_path = ?;
